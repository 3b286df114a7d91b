"""The template, and its references resolved as CloudFormation does for a stack that is deployed."""

import re

import yaml

from stack import NAME, REGION, ROOT

ACCOUNT = "000000000000"


class Loader(yaml.SafeLoader):
    """Knows the short forms of CloudFormation's functions."""


def function(loader, suffix, node):
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


Loader.add_multi_constructor("!", function)

TEXT = (ROOT / "template.yaml").read_text()
TEMPLATE = yaml.load(TEXT, Loader)
RESOURCES = TEMPLATE["Resources"]


class Resolver:
    """Values of the template under conditions that may differ from those of the deployed stack.

    References go to the stack's own resources. Those of AWS Batch, which MiniStack's CloudFormation does not
    make, get the ARNs that AWS gives them by their names.
    """

    pseudo = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::StackName": NAME}

    def __init__(self, ministack, conditions):
        self.conditions = conditions
        self.functions = ministack.client("lambda")
        found = ministack.client("cloudformation").describe_stack_resources(StackName=NAME)["StackResources"]
        self.names = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in found}

    def __call__(self, value):
        if isinstance(value, list):
            return [inner for inner in map(self, value) if inner is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument), *_ = value.items()
            if name == "Ref":
                return self.reference(argument)
            if name == "Fn::Sub":
                return re.sub(r"\$\{([\w:]+)\}", lambda found: self.reference(found[1]), argument)
            if name == "Fn::If":
                return self(argument[1 if self.conditions[argument[0]] else 2])
            if name == "Fn::GetAtt":
                resource, attribute = argument.split(".")
                kind = RESOURCES[resource]["Type"]
                assert (kind, attribute) == ("AWS::Serverless::Function", "Arn"), f"{argument} of {kind}"
                configuration = self.functions.get_function_configuration(FunctionName=self.names[resource])
                return configuration["FunctionArn"]
        return {name: self(inner) for name, inner in value.items()}

    def reference(self, name):
        if name == "AWS::NoValue":
            return None
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.names:
            return self.names[name]
        resource = RESOURCES[name]
        assert self.conditions.get(resource.get("Condition")), f"nothing is known of {name}"
        prefix = f"arn:aws:batch:{REGION}:{ACCOUNT}"
        if resource["Type"] == "AWS::Batch::JobQueue":
            return f"{prefix}:job-queue/{self(resource['Properties']['JobQueueName'])}"
        assert resource["Type"] == "AWS::Batch::JobDefinition", resource["Type"]
        return f"{prefix}:job-definition/{self(resource['Properties']['JobDefinitionName'])}:1"

    def definition(self, name):
        """The text of a state machine, with its substitutions in place."""
        machine = RESOURCES[name]["Properties"]
        values = self(machine["DefinitionSubstitutions"])
        text = (ROOT / machine["DefinitionUri"]).read_text()
        return re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], text)
