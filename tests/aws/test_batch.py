"""The branch of AWS Batch: the real state machine in moto's Step Functions, whose job is the trainer's binary."""

import contextlib
import json
import subprocess
import time

import pytest

import watched
from moto_batch import Batch, Gateway, Moto
from stack import ROOT, wait
from template import ACCOUNT, RESOURCES, Resolver

ROLE = f"arn:aws:iam::{ACCOUNT}:role/PersonalizeRole"
WITH_BATCH = {"UseBatch": True, "UseGpus": False}


@pytest.fixture(scope="module")
def trainer():
    """The trainer, from the build that the functions come from."""
    subprocess.run(["make", "bins"], cwd=ROOT, check=True)
    return ROOT / "target/release/train"


@pytest.fixture(scope="module")
def solution(personalize, stack):
    p = personalize
    schema = p.create_schema(name="batch", schema=watched.SCHEMA)["schemaArn"]
    group = p.create_dataset_group(name="batch")["datasetGroupArn"]
    dataset = p.create_dataset(name="batch", schemaArn=schema, datasetGroupArn=group, datasetType="Interactions")
    stack.s3.put_object(Bucket=stack.bucket, Key="uploads/batch.csv", Body=watched.interactions())
    job = p.create_dataset_import_job(
        jobName="batch",
        datasetArn=dataset["datasetArn"],
        dataSource={"dataLocation": f"s3://{stack.bucket}/uploads/batch.csv"},
        roleArn=ROLE,
    )["datasetImportJobArn"]
    imported = wait(p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)
    assert imported["status"] == "ACTIVE", imported.get("failureReason")
    recipe = "arn:aws:personalize:::recipe/aws-hrnn"
    return p.create_solution(name="batch", datasetGroupArn=group, recipeArn=recipe)["solutionArn"]


@contextlib.contextmanager
def variables(ministack, function, **changed):
    """Other environment variables of a function, for a while."""
    functions = ministack.client("lambda")
    before = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]

    def put(values):
        functions.update_function_configuration(FunctionName=function, Environment={"Variables": values})
        functions.get_waiter("function_updated_v2").wait(
            FunctionName=function, WaiterConfig={"Delay": 0.2, "MaxAttempts": 100}
        )

    put(before | changed)
    try:
        yield
    finally:
        put(before)


@pytest.fixture(scope="module")
def gateway(ministack, stack, solution, trainer, folder):
    """The stack, with training that goes through moto and is never small enough for the function."""
    resolve = Resolver(ministack, WITH_BATCH)
    with contextlib.ExitStack() as cleanup:
        gateway = Gateway(ministack)
        cleanup.callback(gateway.stop)
        definition = RESOURCES["TrainJob"]["Properties"]
        gateway.batch = Batch(
            queue=resolve.reference("TrainQueue"),
            definition=resolve.reference("TrainJob"),
            # Neither the image nor its role is there.
            properties={
                "RetryStrategy": definition["RetryStrategy"],
                "ContainerProperties": {
                    name: resolve(definition["ContainerProperties"][name]) for name in ("Command", "Environment")
                },
            },
            program=trainer,
            outside={
                "AWS_ENDPOINT_URL": ministack.url,
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{gateway.port}/role",
            },
            folder=folder,
        )
        moto = Moto(gateway, folder)
        cleanup.callback(moto.stop)
        cleanup.callback(gateway.batch.stop)
        gateway.machines = moto.machines
        gateway.machine = moto.machines.create_state_machine(
            name=resolve(RESOURCES["TrainStateMachine"]["Properties"]["Name"]),
            definition=resolve.definition("TrainStateMachine"),
            roleArn=ROLE,
        )["stateMachineArn"]
        cleanup.enter_context(variables(ministack, "osusume-workflow", SMALL_TRAINING_MAX="0"))
        cleanup.enter_context(variables(ministack, "osusume-control", AWS_ENDPOINT_URL_SFN=moto.url))
        yield gateway


@pytest.fixture
def train(personalize, solution, gateway):
    """Trains a version to its end; returns it, its jobs, its steps and its execution."""

    def run(kills=(), mistakes=(), solution=solution):
        batch = gateway.batch
        batch.kills, batch.mistakes = list(kills), dict(mistakes)
        jobs, steps = len(batch.jobs), len(gateway.steps)
        version = personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
        ended = wait(personalize.describe_solution_version, "solutionVersion", seconds=60, solutionVersionArn=version)
        found = gateway.machines.list_executions(stateMachineArn=gateway.machine)["executions"]
        executions = [gateway.machines.describe_execution(executionArn=e["executionArn"]) for e in found]
        (execution,) = [e["executionArn"] for e in executions if json.loads(e["input"]) == {"arn": version}]
        deadline = time.time() + 30
        while (done := gateway.machines.describe_execution(executionArn=execution))["status"] == "RUNNING":
            assert time.time() < deadline, done
            time.sleep(0.2)
        return ended, batch.jobs[jobs:], [step["step"] for step in gateway.steps[steps:]], done

    return run


def test_without_batch_the_template_resolves_to_what_is_deployed(ministack, stack):
    """So what is executed here is what CloudFormation would deploy with it."""
    resolve = Resolver(ministack, {"UseBatch": False})
    machines = ministack.client("stepfunctions")
    found = {m["name"]: m["stateMachineArn"] for m in machines.list_state_machines()["stateMachines"]}
    deployed = machines.describe_state_machine(stateMachineArn=found["osusume-train"])["definition"]
    assert json.loads(deployed) == json.loads(resolve.definition("TrainStateMachine"))


def test_a_large_training_is_one_job_that_runs_the_trainer(personalize, stack, train):
    version, jobs, steps, execution = train()
    assert version["status"] == "ACTIVE", version.get("failureReason")
    assert execution["status"] == "SUCCEEDED", execution
    arn = version["solutionVersionArn"]
    metrics = personalize.get_solution_metrics(solutionVersionArn=arn)["metrics"]
    assert metrics["normalized_discounted_cumulative_gain_at_25"] > 0.1
    (job,) = jobs
    assert job.command == ["--arn", arn]
    assert job.environment == {
        "ACCOUNT_ID": ACCOUNT,
        "AWS_REGION": "us-east-1",
        "TABLE_PREFIX": "osusume",
        "BUCKET": stack.bucket,
        # Step Functions adds it to each job that it waits for.
        "MANAGED_BY_AWS": "STARTED_BY_STEP_FUNCTIONS",
    }
    assert [attempt["container"]["exitCode"] for attempt in job.attempts] == [0]
    assert steps == ["TrainPlan", "FollowUp"], "only the container trains and writes the status"


def test_large_trials_of_a_search_are_jobs_of_their_own(personalize, solution, train):
    group = personalize.describe_solution(solutionArn=solution)["solution"]["datasetGroupArn"]
    ranges = {"integerHyperParameterRanges": [{"name": "hidden_dimension", "minValue": 32, "maxValue": 40}]}
    resources = {"maxNumberOfTrainingJobs": "3", "maxParallelTrainingJobs": "2"}
    hpo = {"hpoResourceConfig": resources, "algorithmHyperParameterRanges": ranges}
    searched = personalize.create_solution(
        name="batch-searched",
        datasetGroupArn=group,
        recipeArn="arn:aws:personalize:::recipe/aws-hrnn",
        performHPO=True,
        solutionConfig={"hpoConfig": hpo},
    )["solutionArn"]
    version, jobs, steps, execution = train(solution=searched)
    assert version["status"] == "ACTIVE", version.get("failureReason")
    assert execution["status"] == "SUCCEEDED", execution
    assert 32 <= int(version["tunedHPOParams"]["algorithmHyperParameters"]["hidden_dimension"]) <= 40
    arn = version["solutionVersionArn"]
    trials = sorted(job.command for job in jobs[:-1])
    assert trials == [["--arn", arn, "--trial", str(number)] for number in range(3)]
    assert jobs[-1].command == ["--arn", arn]
    assert steps == ["TrainPlan", "NextTrials", "FollowUp"]


def test_a_reclaimed_instance_starts_the_trainer_again(train):
    version, jobs, steps, execution = train(kills=[("Host EC2 (instance i-0a1b2c3d) terminated.", "")])
    assert version["status"] == "ACTIVE", version.get("failureReason")
    assert execution["status"] == "SUCCEEDED", execution
    (job,) = jobs
    assert [attempt["container"]["exitCode"] for attempt in job.attempts] == [137, 0]
    assert steps == ["TrainPlan", "FollowUp"]


EXITED = "Essential container in task exited"
MEMORY = "OutOfMemoryError: Container killed due to memory usage"


@pytest.mark.parametrize(
    "wrong, code, said",
    [
        ({"kills": [(EXITED, MEMORY)]}, 137, f"{EXITED}; {MEMORY}"),
        ({"mistakes": {"BUCKET": "osusume-not-there"}}, 1, EXITED),
    ],
    ids=["killed", "misconfigured"],
)
def test_a_job_that_fails_ends_the_version_with_its_exit_code(train, wrong, code, said):
    version, jobs, steps, execution = train(**wrong)
    (job,) = jobs
    assert [attempt["container"]["exitCode"] for attempt in job.attempts] == [code]
    assert version["status"] == "CREATE FAILED"
    for word in ["AWS Batch", job.id, f"exit code {code}", said, f"train/{job.id}"]:
        assert word in version["failureReason"], version["failureReason"]
    assert steps == ["TrainPlan", "Fail"]
    assert (execution["status"], execution["error"]) == ("FAILED", "Failed")
