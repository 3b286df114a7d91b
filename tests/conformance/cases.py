"""What is asked of each operation: cases from its declaration and from the model."""

import functools
import json
import re
import time
from dataclasses import dataclass
from typing import Callable

from botocore import xform_name
from botocore.exceptions import ClientError

from conformance import constraints
from conformance.operations import IMPOSSIBLE, OPERATIONS
from conformance.service import NOT_BUILT, SERVICE_OF, Answer, NotBuilt, Wrong
from conformance.world import DEADLINE_S, World
from server import MODELS

ACCOUNT = "arn:aws:personalize:us-east-1:000000000000"
LIMIT = "LimitExceededException"
# Refusals that say which member is meant without quoting it; the first are the hosted service's words.
HOSTED_WORDS = {
    "campaignArn": constraints.NO_CAMPAIGN,
    "recommenderArn": constraints.NO_RECOMMENDER,
    "nextToken": constraints.NO_TOKEN,
}
TAGS_MAX = 50
NAME_CHARS_MAX = 63
ELEMENTS_MIN = 3


@dataclass(frozen=True)
class Case:
    operation: str
    kind: str
    label: str
    run: Callable

    def __str__(self):
        return f"{self.operation}-{self.kind}-{self.label}".rstrip("-")


class Bench:
    """The service, the world in it, and what is remembered of operations."""

    def __init__(self, service):
        self.service, self.world = service, World(service)
        self._bases, self._known, self._limits = {}, {}, {}

    def must_know(self, operation):
        if operation not in self._known:
            self._known[operation] = self.service.call(operation, {})
        if self._known[operation].not_built:
            raise NotBuilt(self._known[operation].message)

    def base(self, operation):
        """A valid request for breaking; it is never sent whole."""
        if operation not in self._bases:
            declared = OPERATIONS[operation]
            try:
                self._bases[operation] = (declared.base or declared.request)(self.world)
            except (NotBuilt, Wrong) as reason:
                self._bases[operation] = reason
        if isinstance(self._bases[operation], Exception):
            raise self._bases[operation]
        return self._bases[operation]

    def request(self, operation):
        return OPERATIONS[operation].request(self.world)

    def call(self, operation, request):
        answer = self.service.call(operation, request)
        if answer.not_built:
            raise NotBuilt(answer.message)
        return answer

    def prepare_limits(self, operations):
        """What needs room must be there before there is none."""
        for operation in operations:
            try:
                self.must_know(operation)
                self._limits[operation] = self.request(operation)
            except (NotBuilt, Wrong) as reason:
                self._limits[operation] = reason

    def limited(self, operation):
        prepared = self._limits[operation]
        if isinstance(prepared, Exception):
            raise prepared
        return self.call(operation, prepared)


def cases(operation):
    """Everything but the quotas, which need a server of their own."""
    name = operation.name
    yield Case(name, "happy", "", lambda bench: happy(bench, name, operation.request))
    yield Case(name, "unknown members", "are ignored", lambda bench: unknown_members(bench, name))
    if set(input_of(name)["members"]) > set(input_of(name).get("required", [])):
        yield Case(name, "null", "is left out", lambda bench: nulls(bench, name))
    for label, request in operation.variants.items():
        yield Case(name, "happy", label, lambda bench, request=request: happy(bench, name, request))
    for member, shape in input_of(name)["members"].items():
        if shape["shape"] == "Name":
            longest = functools.partial(longest_name, operation, member)
            yield Case(name, "happy", f"{member} as long as may be", lambda bench, r=longest: happy(bench, name, r))
    for exception in errors_of(name):
        if (name, exception) not in IMPOSSIBLE and exception != LIMIT:
            yield from provoking(operation, exception)
    if name.startswith("List") and "nextToken" in input_of(name)["members"]:
        yield Case(name, "pages", "of one", lambda bench: pages(bench, name))
    for broken in constraints.broken(name):
        label = f"{broken.named} {broken.rule}"
        yield Case(name, "constraint", label, lambda bench, broken=broken: refused(bench, broken))


def longest_name(operation, member, world):
    return {**operation.request(world), member: world.name().ljust(NAME_CHARS_MAX, "_")}


def limits():
    """The operations that a quota stops."""
    return [name for name in OPERATIONS if LIMIT in errors_of(name) and (name, LIMIT) not in IMPOSSIBLE]


def errors_of(name):
    return sorted(MODELS[SERVICE_OF[name]].errors_of(name))


def input_of(name):
    model = MODELS[SERVICE_OF[name]]
    return model.shapes[model.operations[name]["input"]["shape"]]


# What a case wants


def must_be_ok(answer):
    if not answer.ok:
        raise Wrong(f"expected success\n{answer}")
    conforms(answer)


def must_be(exceptions, answer, named=None):
    if answer.code not in exceptions:
        raise Wrong(f"expected {' or '.join(sorted(exceptions))}\n{answer}")
    if named and not names(answer.message, named):
        raise Wrong(f"expected a message that names '{named}'\n{answer}")
    conforms(answer)


def names(message, member):
    """Whether a message has the member, or an entry or element of it, in quotes."""
    hosted = HOSTED_WORDS.get(member)
    return re.search(f"'{re.escape(member)}['.[]", message) or hosted and hosted in message


def conforms(answer):
    if answer.problems:
        raise Wrong("\n".join([*answer.problems, str(answer)]))


def happy(bench, name, request):
    """The official client makes the call, and what is asked for is what the answer is about."""
    asked = request(bench.world)
    server, client = bench.service.server, bench.service.boto3(SERVICE_OF[name])
    server.nonconforming = []
    try:
        body = client._make_api_call(name, asked)
    except ClientError as error:
        refusal = error.response["Error"]
        if NOT_BUILT.search(refusal["Message"]):
            raise NotBuilt(refusal["Message"]) from error
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        raise Wrong(
            f"expected success\n{Answer(name, asked, status, refusal['Code'], refusal['Message'], None)}"
        ) from None
    problems, server.nonconforming = server.nonconforming, []
    described = [value for value in body.values() if isinstance(value, dict)]
    for part in [body, *described]:
        for member in asked.keys() & part.keys():
            if member.endswith("Arn") and part[member] != asked[member]:
                problems.append(f"{member} is {part[member]}, asked for was {asked[member]}")
    if problems:
        raise Wrong("\n".join([*problems, json.dumps(asked), json.dumps(body, default=str)]))


def unknown_members(bench, name):
    request = constraints.with_unknown_members(name, bench.request(name))
    must_be_ok(bench.call(name, request))


def nulls(bench, name):
    request = bench.request(name)
    absent = dict.fromkeys(input_of(name)["members"].keys() - request.keys())
    must_be_ok(bench.call(name, {**request, **absent}))


def refused(bench, broken):
    base = bench.base(broken.operation)
    if broken.named == "recommenderArn":
        base = without_campaign(base)
    answer = bench.call(broken.operation, broken.apply(base))
    must_be(broken.codes, answer, broken.named)
    if broken.said not in answer.message:
        raise Wrong(f"expected a message that says '{broken.said}'\n{answer}")


def without_campaign(request):
    """Either a recommender or a campaign is asked."""
    return {member: value for member, value in request.items() if member != "campaignArn"}


# Exceptions


def provoking(operation, exception):
    name = operation.name
    if exception in operation.provoke:
        provoke = operation.provoke[exception]

        def run(bench):
            must_be({exception}, provoke(bench.world, lambda request: bench.call(name, request)))

        yield Case(name, exception, "", run)
    elif exception in DERIVED:
        for label, run in DERIVED[exception](name):
            yield Case(name, exception, label, run)
    else:
        raise LookupError(f"declare how to provoke {exception} of {name}, or why it cannot be")


def invalid_input(name):
    broken = next(b for b in constraints.broken(name) if b.rule != "wrong type" and "InvalidInputException" in b.codes)
    yield "", lambda bench: refused(bench, broken)


def not_found(name):
    members = input_of(name)["members"]
    for member in members:
        if members[member]["shape"] != "Arn":
            continue

        def run(bench, member=member):
            base = bench.base(name)
            asked = {**base, member: unknown(member, base.get(member))}
            if member == "recommenderArn":
                asked = without_campaign(asked)
            must_be({"ResourceNotFoundException"}, bench.call(name, asked))

        yield member, run


def unknown(member, arn):
    """An ARN of the same kind that nothing answers to."""
    if arn is None:
        kind = re.sub("([A-Z])", lambda found: "-" + found[1].lower(), member.removesuffix("Arn"))
        return f"{ACCOUNT}:{kind}/unknown"
    return re.sub(r"(:[a-z-]+/)[^/:]+", r"\1unknown", arn)


def already_exists(name):
    def run(bench):
        request = bench.request(name)
        must_be_ok(bench.call(name, request))
        must_be({"ResourceAlreadyExistsException"}, bench.call(name, request))

    yield "", run


def too_many_tags(name):
    tags = [{"tagKey": f"k{n}", "tagValue": ""} for n in range(TAGS_MAX + 1)]
    yield "", lambda bench: must_be({"TooManyTagsException"}, bench.call(name, {**bench.base(name), "tags": tags}))


def too_many_tag_keys(name):
    keys = [f"k{n}" for n in range(TAGS_MAX + 1)]
    yield "", lambda bench: must_be(
        {"TooManyTagKeysException"}, bench.call(name, {**bench.base(name), "tagKeys": keys})
    )


def invalid_next_token(name):
    def refusing(token):
        def run(bench):
            base = bench.base(name)
            must_be({"InvalidNextTokenException"}, bench.call(name, {**base, "nextToken": token(bench)}))

        return run

    other = "ListRecipes" if name == "ListSchemas" else "ListSchemas"
    yield "garbled", refusing(lambda bench: "garbled")
    yield "empty", refusing(lambda bench: "")
    yield "cut", refusing(lambda bench: token_of(bench, name)[:-4])
    yield "of another list", refusing(lambda bench: token_of(bench, other))
    if any(shape["shape"] == "Arn" for shape in input_of(name)["members"].values()) and OPERATIONS[name].made_by:
        yield "of another filter", refusing(lambda bench: token_of(bench, name))


DERIVED = {
    "InvalidInputException": invalid_input,
    "ResourceNotFoundException": not_found,
    "ResourceAlreadyExistsException": already_exists,
    "TooManyTagsException": too_many_tags,
    "TooManyTagKeysException": too_many_tag_keys,
    "InvalidNextTokenException": invalid_next_token,
}


# Pages


def token_of(bench, name):
    """The token for the second page of the whole list, or of the declared one where there is no whole."""
    request = {} if OPERATIONS[name].made_by or name == "ListRecipes" else bench.base(name)
    fill(bench, name, request)
    return bench.call(name, {**request, "maxResults": 1}).body["nextToken"]


def fill(bench, name, request):
    """Has enough elements made, and gives back the answer."""
    while True:
        answer = settled(bench, name, request)
        if len(elements(answer)) >= (ELEMENTS_MIN if OPERATIONS[name].made_by else 2):
            return
        maker = OPERATIONS[name].made_by
        if maker is None:
            raise Wrong(f"a list of one element has no pages\n{answer}")
        must_be_ok(bench.call(maker, bench.request(maker)))


def settled(bench, name, request):
    """The first page, once nothing on it is about to go."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        answer = bench.call(name, request)
        must_be_ok(answer)
        if not any(element.get("status", "").startswith("DELETE") for element in elements(answer)):
            return answer
        if time.monotonic() > deadline:
            raise Wrong(f"something is still being deleted after {DEADLINE_S} s\n{answer}")
        time.sleep(0.01)


def pages(bench, name):
    """Pages of one element hold each element of the list once, and the paginator agrees."""
    declared = bench.base(name)
    for request in [{}, declared] if declared and OPERATIONS[name].made_by else [declared]:
        if request is not declared or not request:
            fill(bench, name, request)
        whole = walk(bench, name, request, 100)
        ones = walk(bench, name, request, 1)
        if len(set(ones)) != len(ones) or sorted(ones) != sorted(whole):
            raise Wrong(f"{name} {request}: pages of one are\n{ones}\nand the whole is\n{whole}")
        client = bench.service.boto3(SERVICE_OF[name])
        method = xform_name(name)
        if client.can_paginate(method):
            paginated = client.get_paginator(method).paginate(**request, PaginationConfig={"PageSize": 1})
            theirs = [identity(element, page) for page in paginated for element in page[key_of(name)]]
            if theirs != ones:
                raise Wrong(f"{name} {request}: the paginator has\n{theirs}\nand the pages are\n{ones}")


def walk(bench, name, request, size):
    found, token = [], {}
    while token is not None:
        answer = bench.call(name, {**request, **token, "maxResults": size})
        must_be_ok(answer)
        if len(elements(answer)) > size:
            raise Wrong(f"more than {size} elements on a page\n{answer}")
        found += [identity(element, answer.body) for element in elements(answer)]
        token = {"nextToken": answer.body["nextToken"]} if "nextToken" in answer.body else None
    return found


def key_of(name):
    """The member of a list's answer that holds the elements."""
    model = MODELS[SERVICE_OF[name]]
    members = model.shapes[model.operations[name]["output"]["shape"]]["members"]
    return next(member for member, shape in members.items() if model.shapes[shape["shape"]]["type"] == "list")


def elements(answer):
    return answer.body.get(key_of(answer.operation), [])


def identity(element, page):
    """What tells an element from the others: its own ARN, or the name of a metric."""
    key = next(member for member, value in page.items() if isinstance(value, list) and element in value)
    own = f"{key[0].lower()}{key[1:-1]}Arn"
    return element.get(own) or element["metricName"]
