"""Checks raw JSON against the shapes of the official API model, member by member."""

import re

from botocore.loaders import Loader


# The model gives these members the pattern of Personalize ARNs, which no role can match.
MODEL_ERRORS = {
    "DescribeDatasetImportJob.datasetImportJob.roleArn",
    "DescribeDatasetExportJob.datasetExportJob.roleArn",
}
# What Python's expressions have instead of the model's classes of characters. Where the model has letters
# it has digits and the underscore beside them, so `\w` is as good.
CLASSES = {
    r"\p{ASCII}": r"[\x00-\x7f]",
    r"\p{L}": r"\w",
    r"\p{N}": r"\d",
    r"\p{Z}": r"\x20\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
}


def load(service):
    """The service-2 document that boto3 itself works from."""
    return Loader().load_service_model(service, "service-2")


class Model:
    def __init__(self, service):
        self.document = load(service)
        self.shapes = self.document["shapes"]
        self.operations = self.document["operations"]

    def problems_of_output(self, operation, value):
        """Everything in which a response differs from the model; an empty list is conformance."""
        output = self.operations[operation].get("output")
        if output is None:
            return [] if value is None else [f"{operation} has no output, but the body is {value!r}"]
        problems = []
        self._check(output["shape"], value, operation, problems)
        return problems

    def errors_of(self, operation):
        return {error["shape"] for error in self.operations[operation].get("errors", [])}

    def _check(self, name, value, path, problems):
        shape = self.shapes[name]
        checks = {
            "structure": self._structure,
            "list": self._list,
            "map": self._map,
            "string": self._string,
            "integer": self._number,
            "double": self._number,
            "timestamp": self._number,
            "boolean": self._boolean,
        }
        checks[shape["type"]](shape, value, path, problems)

    def _structure(self, shape, value, path, problems):
        if not isinstance(value, dict):
            problems.append(f"{path}: expected an object, found {value!r}")
            return
        for required in shape.get("required", []):
            if required not in value:
                problems.append(f"{path}: the required member {required} is missing")
        for member, inner in value.items():
            if member not in shape["members"]:
                problems.append(f"{path}: the model has no member {member}")
            elif inner is None:
                problems.append(f"{path}.{member}: null, where absent members are left out")
            else:
                self._check(shape["members"][member]["shape"], inner, f"{path}.{member}", problems)

    def _list(self, shape, value, path, problems):
        if not isinstance(value, list):
            problems.append(f"{path}: expected a list, found {value!r}")
            return
        self._size(shape, len(value), path, problems)
        for index, inner in enumerate(value):
            self._check(shape["member"]["shape"], inner, f"{path}[{index}]", problems)

    def _map(self, shape, value, path, problems):
        if not isinstance(value, dict):
            problems.append(f"{path}: expected an object, found {value!r}")
            return
        self._size(shape, len(value), path, problems)
        for key, inner in value.items():
            self._check(shape["key"]["shape"], key, f"{path} key", problems)
            self._check(shape["value"]["shape"], inner, f"{path}.{key}", problems)

    def _string(self, shape, value, path, problems):
        if not isinstance(value, str):
            problems.append(f"{path}: expected a string, found {value!r}")
            return
        self._size(shape, len(value), path, problems)
        if "enum" in shape and value not in shape["enum"]:
            problems.append(f"{path}: {value!r} is none of {shape['enum']}")
        # Patterns are not anchored at their end: the hosted service itself names solution versions
        # `<solution>/<id>`, which the pattern of names matches only in part.
        pattern = shape.get("pattern", "")
        for theirs, ours in CLASSES.items():
            pattern = pattern.replace(theirs, ours)
        if pattern and path not in MODEL_ERRORS and not re.match(pattern, value):
            problems.append(f"{path}: {value!r} does not match {pattern}")

    def _number(self, shape, value, path, problems):
        whole = shape["type"] == "integer"
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            problems.append(f"{path}: expected a number ({shape['type']}), found {value!r}")
            return
        if "min" in shape and value < shape["min"] or "max" in shape and value > shape["max"]:
            problems.append(f"{path}: {value} is out of the model's range")

    def _boolean(self, shape, value, path, problems):
        if not isinstance(value, bool):
            problems.append(f"{path}: expected true or false, found {value!r}")

    @staticmethod
    def _size(shape, size, path, problems):
        if size < shape.get("min", 0) or size > shape.get("max", size):
            problems.append(f"{path}: size {size} is out of the model's range")
