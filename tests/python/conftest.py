"""Fixtures: a server for the whole run, clients, and a world in which everything exists once."""

import itertools
from types import SimpleNamespace

import pytest

import data
from server import ROLE, Server, wait

RECIPE = "arn:aws:personalize:::recipe/aws-popularity-count"
BUCKET = "conformance"


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("osusume") / "data")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def personalize(server):
    return server.client("personalize")


@pytest.fixture(scope="session")
def unchecked(server):
    """A client that sends whatever it is given."""
    return server.client("personalize", parameter_validation=False)


@pytest.fixture(scope="session")
def runtime(server):
    return server.client("personalize-runtime")


@pytest.fixture(scope="session")
def unchecked_runtime(server):
    return server.client("personalize-runtime", parameter_validation=False)


@pytest.fixture(scope="session")
def s3(server):
    client = server.client("s3", s3={"addressing_style": "path"})
    client.create_bucket(Bucket=BUCKET)
    client.put_object(Bucket=BUCKET, Key="interactions.csv", Body=data.csv())
    return client


@pytest.fixture(autouse=True)
def every_answer_conforms(request):
    """Fails the test during which an answer differed from the API model."""
    yield
    if "server" in request.fixturenames:
        server = request.getfixturevalue("server")
        problems, server.nonconforming = server.nonconforming, []
        assert problems == []


@pytest.fixture(scope="session")
def unique():
    """Names that nothing else in this run has."""
    numbers = itertools.count()
    return lambda prefix="t": f"{prefix}-{next(numbers)}"


@pytest.fixture(scope="session")
def films(personalize, s3, world):
    """The interactions of the world with genres of its items, and two items that nobody met."""
    p = personalize
    group = p.create_dataset_group(name="films-with-genres")["datasetGroupArn"]
    schema = p.create_schema(name="genres", schema=data.items_schema())["schemaArn"]
    for kind, schema, file, body in (
        ("Interactions", world.schema, "interactions.csv", data.csv()),
        ("Items", schema, "genres.csv", data.genres()),
    ):
        s3.put_object(Bucket=BUCKET, Key=file, Body=body)
        dataset = p.create_dataset(name=kind, schemaArn=schema, datasetGroupArn=group, datasetType=kind)["datasetArn"]
        job = p.create_dataset_import_job(
            jobName=f"films-{kind}",
            datasetArn=dataset,
            dataSource={"dataLocation": f"s3://{BUCKET}/{file}"},
            roleArn=ROLE,
        )["datasetImportJobArn"]
        imported = wait(p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)
        assert imported["status"] == "ACTIVE", imported
    return group


@pytest.fixture(scope="session")
def world(personalize, s3):
    """One of each resource, all of them at rest."""
    p = personalize
    schema = p.create_schema(name="world", schema=data.interactions_schema())["schemaArn"]
    group = p.create_dataset_group(name="world", roleArn=ROLE)["datasetGroupArn"]
    wait(p.describe_dataset_group, "datasetGroup", datasetGroupArn=group)
    dataset = p.create_dataset(
        name="world", schemaArn=schema, datasetGroupArn=group, datasetType="Interactions"
    )["datasetArn"]
    wait(p.describe_dataset, "dataset", datasetArn=dataset)
    job = p.create_dataset_import_job(
        jobName="world",
        datasetArn=dataset,
        dataSource={"dataLocation": f"s3://{BUCKET}/interactions.csv"},
        roleArn=ROLE,
    )["datasetImportJobArn"]
    imported = wait(p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)
    assert imported["status"] == "ACTIVE", imported
    solution = p.create_solution(name="world", datasetGroupArn=group, recipeArn=RECIPE)["solutionArn"]
    version = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    trained = wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    assert trained["status"] == "ACTIVE", trained
    campaign = p.create_campaign(name="world", solutionVersionArn=version)["campaignArn"]
    deployed = wait(p.describe_campaign, "campaign", campaignArn=campaign)
    assert deployed["status"] == "ACTIVE", deployed
    s3.put_object(Bucket=BUCKET, Key="users.json", Body=b'{"userId":"u1"}\n{"userId":"nobody"}\n')
    batch = p.create_batch_inference_job(
        jobName="world",
        solutionVersionArn=version,
        jobInput={"s3DataSource": {"path": f"s3://{BUCKET}/users.json"}},
        jobOutput={"s3DataDestination": {"path": f"s3://{BUCKET}/answers/"}},
        roleArn=ROLE,
    )["batchInferenceJobArn"]
    answered = wait(p.describe_batch_inference_job, "batchInferenceJob", batchInferenceJobArn=batch)
    assert answered["status"] == "ACTIVE", answered
    filter_arn = p.create_filter(
        name="world",
        datasetGroupArn=group,
        filterExpression='EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")',
    )["filterArn"]
    return SimpleNamespace(
        filter=filter_arn,
        schema=schema,
        group=group,
        dataset=dataset,
        job=job,
        solution=solution,
        version=version,
        campaign=campaign,
        batch=batch,
        bucket=BUCKET,
        recipe=RECIPE,
    )
