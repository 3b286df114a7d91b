"""The declarations of all operations, and what cannot be provoked.

A declaration is a valid request, and how to provoke what the model cannot tell. An operation that changes
something gets a fresh resource from its request. Exceptions that follow from the model (`cases.DERIVED`) are
not declared.
"""

from conformance.control import CONTROL
from conformance.declare import IN_USE
from conformance.serving import EVENTS, RUNTIME

OPERATIONS = {operation.name: operation for operation in [*CONTROL, *RUNTIME, *EVENTS]}

# Exceptions that an operation declares and that cannot be provoked here, with the reason.
ONE_OF_EACH = "a group has one at most, so a second one is ResourceAlreadyExistsException before any quota counts"
IMPOSSIBLE = {
    ("CreateDataset", "LimitExceededException"): f"of each type {ONE_OF_EACH}",
    ("CreateEventTracker", "LimitExceededException"): ONE_OF_EACH,
    ("CreateMetricAttribution", "LimitExceededException"): ONE_OF_EACH,
    ("UpdateSolution", "LimitExceededException"): "an update makes nothing that a quota counts",
    ("TagResource", "LimitExceededException"): "more tags than a resource may have are TooManyTagsException",
    ("ListTagsForResource", IN_USE): "reading tags waits for nothing",
}
# Cases that the service refuses as not built, by the member that the refusal names. Whatever else it refuses
# with those words fails, and so does a case here once it passes.
MAY_BE_MISSING = {"CreateDatasetGroup-happy-kmsKeyArn": "kmsKeyArn"}
