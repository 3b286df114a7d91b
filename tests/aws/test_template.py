"""Template, state machines and crates agree. Needs neither AWS nor a build."""

import json
import re

import pytest

from stack import ROOT
from template import RESOURCES, TEXT

MACHINES = {
    name: resource["Properties"]
    for name, resource in RESOURCES.items()
    if resource["Type"] == "AWS::Serverless::StateMachine"
}
STAGE = (ROOT / "functions/workflow/src/stage.rs").read_text()


def of_type(kind):
    return {name: resource["Properties"] for name, resource in RESOURCES.items() if resource["Type"] == kind}


def walk(value):
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(inner)


def test_each_function_crate_is_deployed_and_each_deployed_function_is_a_crate():
    deployed = {name.removesuffix("Function").lower() for name in of_type("AWS::Serverless::Function")}
    crates = {
        manifest.parent.name
        for manifest in (ROOT / "functions").glob("*/Cargo.toml")
        if "lambda_runtime" in manifest.read_text()
    }
    assert deployed == crates


@pytest.mark.parametrize("name", MACHINES)
def test_each_substitution_is_resolved_and_used(name):
    machine = MACHINES[name]
    definition = (ROOT / machine["DefinitionUri"]).read_text()
    assert set(re.findall(r"\$\{(\w+)\}", definition)) == set(machine["DefinitionSubstitutions"])


def test_each_definition_is_deployed():
    assert {f"infra/{path.name}" for path in (ROOT / "infra").glob("*.asl.json")} == {
        machine["DefinitionUri"] for machine in MACHINES.values()
    }


def steps(name):
    definition = json.loads((ROOT / MACHINES[name]["DefinitionUri"]).read_text())
    return {value["step"] for value in walk(definition) if isinstance(value, dict) and "step" in value}


def test_each_step_is_known_and_each_known_step_is_taken():
    known = set(re.findall(r"^    (\w+) \{", STAGE.split("enum Stage", 1)[1].split("\n}\n", 1)[0], re.M))
    taken = set().union(*(steps(name) for name in MACHINES))
    # The campaign function asks for the first three, the events function for the last.
    assert known - {"Score", "Describe", "Explain", "Refresh"} == taken


def test_each_job_has_a_machine_of_its_name():
    launched = set(re.findall(r'Job::\w+\(_\) => "([\w-]+)"', (ROOT / "shared/lambda-kit/src/launch.rs").read_text()))
    names = {machine["Name"]["Fn::Sub"].removeprefix("${AWS::StackName}-") for machine in MACHINES.values()}
    # Nobody launches what comes by the clock.
    assert launched == names - {"schedule"}


def test_schedules_are_looked_at_once_a_day():
    (event,) = MACHINES["ScheduleStateMachine"]["Events"].values()
    assert (event["Type"], event["Properties"]["Schedule"]) == ("Schedule", "rate(1 day)")


def test_a_job_is_done_whatever_becomes_of_what_follows():
    for name in ("ImportStateMachine", "TrainStateMachine", "DeployStateMachine"):
        states = json.loads((ROOT / MACHINES[name]["DefinitionUri"]).read_text())["States"]
        ends = {state for state, body in states.items() if body.get("End")}
        assert ends == {"FollowUp"}, name
        # A repeated execution that finds the work done makes up for one that ended before this.
        assert states["Go"]["Default"] == "FollowUp"


@pytest.mark.parametrize("name", [name for name in MACHINES if name != "DeleteStateMachine"])
def test_each_task_retries_and_ends_in_a_reason(name):
    definition = json.loads((ROOT / MACHINES[name]["DefinitionUri"]).read_text())
    tasks = [value for value in walk(definition) if isinstance(value, dict) and value.get("Type") in ("Task", "Map")]
    for task in tasks:
        if task.get("Parameters", {}).get("Payload", {}).get("step") == "Fail":
            assert task["Retry"][0]["ErrorEquals"] == ["States.ALL"]
            continue
        # What follows from a job is no part of it, and its failure none of the job's resource.
        follows = task.get("Parameters", {}).get("Payload", {}).get("step", "").startswith("FollowUp")
        end = "Follow-up failed" if follows else "Fail"
        assert task["Catch"] == [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": end}]
        assert task["Type"] == "Map" or task["Retry"]


def test_a_training_that_was_cut_off_is_called_again_to_go_on_from_its_checkpoint():
    states = json.loads((ROOT / MACHINES["TrainStateMachine"]["DefinitionUri"]).read_text())["States"]
    function = states["TrainInFunction"]
    retried = {error: retry["MaxAttempts"] for retry in function["Retry"] for error in retry["ErrorEquals"]}
    # The names under which Step Functions tells that a function ran out of time.
    assert retried["Sandbox.Timedout"] == retried["States.Timeout"] == 20 and "Lambda.Unknown" in retried
    # The function ends by itself first, so that no two trainings run side by side.
    assert function["TimeoutSeconds"] > RESOURCES["WorkflowFunction"]["Properties"]["Timeout"]
    strategy = RESOURCES["TrainJob"]["Properties"]["RetryStrategy"]
    assert strategy["Attempts"] == 10 and strategy["EvaluateOnExit"][0] == {"OnStatusReason": "Host EC2*", "Action": "RETRY"}


def test_tables_are_those_that_the_code_declares():
    source = (ROOT / "shared/store/src/tables.rs").read_text()
    indexes = dict(re.findall(r'LocalIndex \{ name: "([\w-]+)", range: "(\w+)" \}', source))
    declared = {
        base: (hash_key, range_key)
        for base, hash_key, range_key in re.findall(
            r'base_name: "(\w+)",\s*hash: "(\w+)",\s*range: "(\w+)"', source
        )
    }
    tables = {
        table["TableName"]["Fn::Sub"].removeprefix("${AWS::StackName}-"): table
        for table in of_type("AWS::DynamoDB::Table").values()
    }
    keys = lambda schema: tuple(element["AttributeName"] for element in schema)
    assert {name: keys(table["KeySchema"]) for name, table in tables.items()} == declared
    expiring = dict(re.findall(r'base_name: "(\w+)"[^}]*ttl: Some\("(\w+)"\)', source))
    found = {name: table.get("TimeToLiveSpecification", {}).get("AttributeName") for name, table in tables.items()}
    assert {name: attribute for name, attribute in found.items() if attribute} == expiring
    assert all(table["BillingMode"] == "PAY_PER_REQUEST" for table in tables.values())
    assert all(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] for table in tables.values())
    for table in tables.values():
        found = {i["IndexName"]: keys(i["KeySchema"])[1] for i in table.get("LocalSecondaryIndexes", [])}
        assert found in ({}, indexes)


def actions(statement):
    return statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]


def statements():
    for name, resource in RESOURCES.items():
        for value in walk(resource):
            if isinstance(value, dict) and "Effect" in value and "Action" in value:
                yield name, value


def test_no_wildcard_action_and_no_wildcard_resource_without_a_written_reason():
    wild = []
    for name, statement in statements():
        if statement["Effect"] != "Allow":
            continue
        assert not [action for action in actions(statement) if "*" in action], name
        if statement.get("Resource") == "*":
            wild.append(name)
    # Each stands below a comment that says why there is nothing to name.
    lines = TEXT.splitlines()
    for number, line in enumerate(lines):
        if re.search(r'Resource: "\*"$', line):
            above = lines[max(0, number - 18) : number]
            assert any(line.strip().startswith("#") for line in above), f"line {number + 1}"
    assert len(wild) == TEXT.count('Resource: "*"')


def under(condition, value):
    """What is there where a condition of the template holds."""
    return [inner["Fn::If"][1] for inner in walk(value) if isinstance(inner, dict) and inner.get("Fn::If", [""])[0] == condition]


def test_a_key_of_the_account_encrypts_all_that_is_kept_and_whoever_reads_it_may_use_it():
    key = {"Ref": "KmsKeyArn"}
    for table in of_type("AWS::DynamoDB::Table").values():
        assert under("HasKey", table["SSESpecification"]) == [{"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}]
    for bucket in of_type("AWS::S3::Bucket").values():
        (rule,) = under("HasKey", bucket["BucketEncryption"])
        by_default = rule["ServerSideEncryptionByDefault"]
        assert (by_default, rule["BucketKeyEnabled"]) == ({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}, True)
    for group in of_type("AWS::Logs::LogGroup").values():
        assert under("HasKey", group["KmsKeyId"]) == [key]
    # Whatever statement lets somebody at a table or an object stands in a document that lets them at the key.
    for name, resource in RESOURCES.items():
        for document in (value for value in walk(resource) if isinstance(value, dict) and "Statement" in value):
            actions = [action for value in walk(document["Statement"]) if isinstance(value, dict) and value.get("Effect") == "Allow"
                       for action in walk(value.get("Action", [])) if isinstance(action, str)]  # fmt: skip
            kept = {action.split(":")[0] for action in actions} & {"dynamodb", "s3"}
            if not kept:
                continue
            (allowed,) = under("HasKey", document["Statement"])
            assert allowed["Resource"] == key and {"kms:Decrypt", "kms:GenerateDataKey"} <= set(allowed["Action"]), name
            through = {service["Fn::Sub"].split(".")[0] for service in allowed["Condition"]["StringEquals"]["kms:ViaService"]}
            assert through == kept, name


def test_only_the_keys_that_are_named_open_files_of_callers_and_only_for_who_writes_them():
    found = [(name, allowed) for name, resource in RESOURCES.items() for allowed in under("HasDataKeys", resource)]
    ((name, allowed),) = found
    assert name == "StoragePolicy" and allowed["Resource"] == {"Ref": "DataKeyArns"}
    assert set(allowed["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert allowed["Condition"] == {"StringLike": {"kms:ViaService": "s3.*.amazonaws.com"}}


def test_every_asynchronous_path_has_somewhere_to_put_what_fails():
    for name, properties in of_type("AWS::Serverless::Function").items():
        asynchronous = name in ("IngestFunction", "WorkflowFunction")
        assert ("EventInvokeConfig" in properties) == asynchronous, name
        if asynchronous:
            assert properties["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Type"] == "SQS"


def test_logs_of_every_function_expire():
    groups = {group["LogGroupName"]["Fn::Sub"] for group in of_type("AWS::Logs::LogGroup").values()}
    for properties in of_type("AWS::Serverless::Function").values():
        assert f"/aws/lambda/{properties['FunctionName']['Fn::Sub']}" in groups
    assert all("RetentionInDays" in group for group in of_type("AWS::Logs::LogGroup").values())


# What each operation of the SDKs is called in IAM policies.
PERMISSIONS = {
    "get_item": "dynamodb:GetItem",
    "put_item": "dynamodb:PutItem",
    "delete_item": "dynamodb:DeleteItem",
    "query": "dynamodb:Query",
    "batch_write_item": "dynamodb:BatchWriteItem",
    "get_object": "s3:GetObject",
    "head_object": "s3:GetObject",
    "put_object": "s3:PutObject",
    "delete_object": "s3:DeleteObject",
    "delete_objects": "s3:DeleteObject",
    "list_objects_v2": "s3:ListBucket",
    "head_bucket": "s3:ListBucket",
}


def test_whoever_works_may_do_whatever_the_store_does():
    source = ROOT / "shared/store/src"
    # Tables are made by the template.
    files = [path for path in source.rglob("*.rs") if path.name != "tables.rs"]
    called = {name for path in files for name in re.findall(r"client\s*\.(\w+)\(\)", path.read_text())}
    # Only `osusume serve` makes its own bucket.
    assert called - {"create_bucket"} == set(PERMISSIONS)
    allowed = {action for name, statement in statements() if name == "StoragePolicy" for action in actions(statement)}
    assert set(PERMISSIONS.values()) <= allowed


def test_the_workflow_function_may_start_the_jobs_that_follow():
    files = ["shared/steps/src/follow_up.rs", *map(str, (ROOT / "shared/lifecycle/src").glob("*.rs"))]
    source = "".join((ROOT / path).read_text().split("#[cfg(test)]")[0] for path in files)
    launched = {job.lower() for job in re.findall(r"Job::(\w+)\(", source)}
    (allowed,) = [
        statement["Resource"]
        for name, statement in statements()
        if name == "WorkflowFunction" and statement["Action"] == "states:StartExecution"
    ]
    assert {resource["Fn::Sub"].rsplit("-", 1)[1] for resource in allowed} == launched == {"train", "deploy"}
