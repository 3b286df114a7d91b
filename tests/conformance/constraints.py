"""Each constraint that the model puts on an operation's input, broken one at a time.

A case is a place in the input and a value for it that breaks one rule; `Broken.apply` puts the value into
a valid request. Containers on the way that the request does not have are made of examples.
"""

import re
from dataclasses import dataclass

from conformance.service import SERVICE_OF, short
from model import CLASSES
from server import MODELS

MISSING = object()

# A value that obeys the model, by shape; whatever is not here is derived from the shape alone.
EXAMPLES = {
    "Name": "example",
    "Arn": "arn:aws:personalize:us-east-1:000000000000:schema/example",
    "RoleArn": "arn:aws:iam::000000000000:role/Example",
    "KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/example",
    "S3Location": "s3://example/folder/",
    "SchedulingExpression": "rate(7 days)",
    "DatasetType": "Items",
    "HPOResource": "2",
    "EventValueThreshold": "1",
    # The model requires none of these members, and a range is nothing without them.
    "IntegerHyperParameterRange": {"name": "bptt", "minValue": 2, "maxValue": 3},
    "ContinuousHyperParameterRange": {"name": "bptt", "minValue": 2.0, "maxValue": 3.0},
    "CategoricalHyperParameterRange": {"name": "recency_mask", "values": ["true"]},
}
# Values of another JSON type.
WRONG_TYPE = {
    "string": 5,
    "integer": "1",
    "double": "much",
    "float": "much",
    "timestamp": "today",
    "boolean": "true",
    "list": "a list",
    "map": "a map",
    "structure": "a structure",
}
# What a refusal says of the rule that was broken, beside the name of the member.
SHORT, LONG = "must have length greater than or equal to", "must have length less than or equal to"
PATTERN, WORDS = "must satisfy regular expression pattern", "must satisfy enum value set"
SAID = {
    "missing": "must not be null",
    "too short": SHORT,
    "too long": LONG,
    "too many entries": LONG,
    "too small": "must have value greater than or equal to",
    "too large": "must have value less than or equal to",
    "pattern missed": PATTERN,
    "pattern missed at the end": PATTERN,
    "none of the words": WORDS,
    "a word in lower case": WORDS,
}
TYPES = {
    "string": "a string",
    "integer": "a whole number",
    "double": "a number",
    "float": "a number",
    "timestamp": "a number",
    "boolean": "true or false",
    "list": "a list",
    "map": "an object",
    "structure": "an object",
}
# Refusals in other words, by the API, the last member and the rule: those of the hosted service, which has
# one sentence for all that may be wrong with a member, and rules of the service that come before the model's.
CONTROL, RUNTIME = "personalize", "personalize-runtime"
NO_TOKEN, NO_LOCATION = "The given nextToken", "does not begin with s3://"
NO_CAMPAIGN, NO_RECOMMENDER = "The given campaign ARN is invalid", "The given recommender ARN is invalid"
CONTEXT = "may hold 150 entries of 1000 characters each"
SAID_OTHERWISE = {
    (CONTROL, "nextToken", "too long"): NO_TOKEN,
    (CONTROL, "nextToken", "pattern missed"): NO_TOKEN,
    (CONTROL, "nextToken", "pattern missed at the end"): NO_TOKEN,
    (CONTROL, "dataLocation", "pattern missed"): NO_LOCATION,
    (CONTROL, "path", "pattern missed"): NO_LOCATION,
    (RUNTIME, "campaignArn", "too long"): NO_CAMPAIGN,
    (RUNTIME, "campaignArn", "pattern missed"): NO_CAMPAIGN,
    (RUNTIME, "recommenderArn", "too long"): NO_RECOMMENDER,
    (RUNTIME, "recommenderArn", "pattern missed"): NO_RECOMMENDER,
    (RUNTIME, "context", "too many entries"): CONTEXT,
    (RUNTIME, "context", "too long"): CONTEXT,
    (RUNTIME, "metadataColumns", "too many entries"): f"{WORDS}: [ITEMS]",
    (RUNTIME, "metadataColumns", "key too long"): f"{WORDS}: [ITEMS]",
}
# Tried in this order where a pattern is to be missed.
NO_MATCH = ["!", "\u00e9", " ", "\u0007", "", "!" * 8]


@dataclass(frozen=True)
class Broken:
    """One constraint that a request breaks."""

    operation: str
    # Names of members, 0 for the first element of a list, KEY and VALUE for the entry of a map.
    steps: tuple
    rule: str
    value: object
    # What the refusal must name.
    named: str
    # What the refusal must say of the rule.
    said: str
    # The exceptions that it may be.
    codes: frozenset

    def apply(self, request):
        model = MODELS[SERVICE_OF[self.operation]]
        shape = model.operations[self.operation]["input"]["shape"]
        return put(model, shape, request, self.steps, self.value)


KEY, VALUE = "key of", "value of"


def broken(operation):
    """Every `Broken` of an operation."""
    model = MODELS[SERVICE_OF[operation]]
    found = []

    def add(shape, steps, named, rule, value):
        codes = {"InvalidInputException"}
        if shape == "NextToken":
            codes = {"InvalidNextTokenException"}
        if rule == "wrong type":
            codes |= {"SerializationException"}
        said = SAID_OTHERWISE.get(otherwise(operation, named, rule))
        if said is None and rule == "wrong type":
            said = f"must be {TYPES[model.shapes[shape]['type']]}, not"
        said = said or SAID[rule.removeprefix("key ")]
        found.append(Broken(operation, steps, rule, value, named, said, frozenset(codes)))

    def walk(name, steps, named, in_map=False):
        shape = model.shapes[name]
        kind = shape["type"]
        if steps:
            add(name, steps, named, "wrong type", WRONG_TYPE[kind])
            for rule, value in checked_violations(model, name):
                add(name, steps, named, rule, value)
        if kind == "structure":
            for member, inner in shape["members"].items():
                path = f"{named}.{member}" if named else member
                if member in shape.get("required", []):
                    add(inner["shape"], (*steps, member), path, "missing", MISSING)
                walk(inner["shape"], (*steps, member), path)
        elif kind == "list":
            walk(shape["member"]["shape"], (*steps, 0), named if in_map else f"{named}[0]")
        elif kind == "map":
            # A key is always a string, whatever is sent.
            for rule, value in checked_violations(model, shape["key"]["shape"]):
                add(shape["key"]["shape"], (*steps, KEY), named, f"key {rule}", value)
            # A key of its own may stand between.
            walk(shape["value"]["shape"], (*steps, VALUE), named, in_map=True)

    walk(model.operations[operation]["input"]["shape"], (), "")
    return found


def otherwise(operation, named, rule):
    """Where `SAID_OTHERWISE` may have the words of a refusal."""
    return SERVICE_OF[operation], named.rpartition(".")[2], rule


def checked_violations(model, name):
    """The violations of a shape, each of which breaks the rule that it says."""
    for rule, value in violations(model, name):
        if not breaks(model.shapes[name], rule, value):
            raise ValueError(f"{name}: {short(repr(value), 99)} is not '{rule}'")
        yield rule, value


def breaks(shape, rule, value):
    match rule:
        case "too short":
            return len(value) < shape["min"]
        case "too long" | "too many entries":
            return len(value) > shape["max"]
        case "too small":
            return value < shape["min"]
        case "too large":
            return value > shape["max"]
        case "none of the words" | "a word in lower case":
            return value not in shape["enum"]
        case "pattern missed" | "pattern missed at the end":
            return not matcher(shape)(value)
        case _:
            raise LookupError(f"say what breaks '{rule}'")


def violations(model, name):
    """Values that break one rule of a shape each, with the rule."""
    shape = model.shapes[name]
    kind = shape["type"]
    least, most = shape.get("min"), shape.get("max")
    if kind in ("integer", "double", "float"):
        if least is not None:
            yield "too small", least - 1
        if most is not None:
            yield "too large", most + 1
    elif kind == "list":
        element = example(model, shape["member"]["shape"])
        if least:
            yield "too short", [element] * (least - 1)
        if most is not None:
            yield "too long", [element] * (most + 1)
    elif kind == "map":
        if most is not None:
            key, value = example(model, shape["key"]["shape"]), example(model, shape["value"]["shape"])
            letters = [chr(97 + n // 26) + chr(97 + n % 26) for n in range(most + 1)]
            yield "too many entries", {f"{key}_{end}": value for end in letters}
    elif kind == "string":
        yield from violations_of_text(model, name, least, most)


def violations_of_text(model, name, least, most):
    shape = model.shapes[name]
    good, matches = example(model, name), matcher(shape)
    if "enum" in shape:
        yield "none of the words", "NONE_OF_THEM"
        if good != good.lower():
            yield "a word in lower case", good.lower()
    if least:
        yield "too short", good[: least - 1]
    if most is not None:
        longer = [good + good[-1] * most, good[:5] + good[5:6] * most + good[6:], good + "x" * most]
        # Where the pattern counts as well nothing matches that is too long.
        yield "too long", next((text for text in longer if len(text) > most and matches(text)), longer[0])
    if "pattern" in shape:
        fits = [text for text in NO_MATCH if (least or 0) <= len(text) <= (most or 99) and not matches(text)]
        if fits:
            yield "pattern missed", fits[0]
        if not matches(good + " \u00e9!"):
            yield "pattern missed at the end", good + " \u00e9!"


def matcher(shape):
    pattern = shape.get("pattern", "")
    for theirs, ours in CLASSES.items():
        pattern = pattern.replace(theirs, ours)
    return lambda text: not pattern or re.fullmatch(pattern, text, re.DOTALL) is not None


def example(model, name):
    """A value that obeys the model, with the required members alone."""
    shape = model.shapes[name]
    if name in EXAMPLES:
        return EXAMPLES[name]
    least = shape.get("min", 0)
    match shape["type"]:
        case "structure":
            return {m: example(model, shape["members"][m]["shape"]) for m in shape.get("required", [])}
        case "list":
            return [example(model, shape["member"]["shape"])]
        case "map":
            return {example(model, shape["key"]["shape"]): example(model, shape["value"]["shape"])}
        case "string":
            return shape["enum"][0] if "enum" in shape else "x" * max(1, least)
        case "integer" | "double" | "float":
            return max(1, least)
        case "timestamp":
            return 1_700_000_000
        case "boolean":
            return True


def put(model, name, present, steps, value):
    """A copy of a value of a shape, with another one at the end of `steps`."""
    if not steps:
        return value
    shape, (step, *rest) = model.shapes[name], steps
    if present is None:
        present = example(model, name)
    if shape["type"] == "list":
        first = present[0] if present else None
        return [put(model, shape["member"]["shape"], first, rest, value), *present[1:]]
    if shape["type"] == "map":
        key, inner = next(iter(present.items()), (example(model, shape["key"]["shape"]), None))
        if step == KEY:
            return {value: example(model, shape["value"]["shape"])}
        return {key: put(model, shape["value"]["shape"], inner, rest, value)}
    changed = dict(present)
    if value is MISSING and not rest:
        changed.pop(step, None)
    else:
        changed[step] = put(model, shape["members"][step]["shape"], present.get(step), rest, value)
    return changed


def with_unknown_members(operation, request):
    """The request with a member that no model has in each of its structures."""
    model = MODELS[SERVICE_OF[operation]]

    def add(name, value):
        shape = model.shapes[name]
        if shape["type"] == "structure":
            members = {m: add(shape["members"][m]["shape"], inner) for m, inner in value.items()}
            return {**members, "memberOfTheFuture": {"list": [1, None, "text"]}}
        if shape["type"] == "list":
            return [add(shape["member"]["shape"], inner) for inner in value]
        return value

    return add(model.operations[operation]["input"]["shape"], request)
