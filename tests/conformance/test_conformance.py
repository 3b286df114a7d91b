"""Runs the cases. What fails shows the request and the answer; what the service says that it does not
have yet is skipped with its own words where `MAY_BE_MISSING` has it, and fails elsewhere."""

import pytest

from conformance import cases, constraints
from conformance.operations import IMPOSSIBLE, MAY_BE_MISSING, OPERATIONS
from conformance.service import SERVICE_OF, NotBuilt, Wrong

CASES = [case for operation in OPERATIONS.values() for case in cases.cases(operation)]
LIMITS = [
    cases.Case(name, cases.LIMIT, "", lambda bench, name=name: cases.must_be({cases.LIMIT}, bench.limited(name)))
    for name in cases.limits()
]


def test_every_operation_of_the_models_is_declared_once():
    assert sorted(OPERATIONS) == sorted(SERVICE_OF)
    assert len(OPERATIONS) == 79
    known = {(name, exception) for name in OPERATIONS for exception in cases.errors_of(name)}
    assert IMPOSSIBLE.keys() <= known
    assert MAY_BE_MISSING.keys() <= set(map(str, CASES))


def test_refusals_in_other_words_are_of_rules_that_there_are():
    broken = [one for name in OPERATIONS for one in constraints.broken(name)]
    known = {constraints.otherwise(one.operation, one.named, one.rule) for one in broken}
    assert constraints.SAID_OTHERWISE.keys() <= known


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(bench, case):
    run(bench, case)


@pytest.mark.parametrize("case", LIMITS, ids=str)
def test_quota(exhausted, case):
    """Over the same data by a server that has room for nothing more."""
    run(exhausted, case)


def run(bench, case):
    try:
        bench.must_know(case.operation)
        case.run(bench)
    except NotBuilt as reason:
        missing = MAY_BE_MISSING.get(str(case))
        if missing is None or not cases.names(str(reason), missing):
            pytest.fail(f"{case}\nis not declared as not built\n{reason}", pytrace=False)
        pytest.skip(f"not built: {reason}")
    except Wrong as wrong:
        pytest.fail(f"{case}\n{wrong}", pytrace=False)
    if str(case) in MAY_BE_MISSING:
        pytest.fail(f"{case}\nis built by now: take it out of MAY_BE_MISSING", pytrace=False)
