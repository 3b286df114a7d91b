"""Batch segments: users for items, and the recipes that find them."""

import json

import pytest

from server import ROLE, wait
from test_errors import ACCOUNT, LONG, refused

ATTRIBUTES = "arn:aws:personalize:::recipe/aws-item-attribute-affinity"
AFFINITY = "arn:aws:personalize:::recipe/aws-item-affinity"


@pytest.fixture(scope="module")
def version(personalize, world):
    """A version that knows which of the two tastes a user of `data` has."""
    p = personalize
    solution = p.create_solution(
        name="segments",
        datasetGroupArn=world.group,
        recipeArn=AFFINITY,
        solutionConfig={"algorithmHyperParameters": {"hidden_dimension": "32"}},
    )["solutionArn"]
    version = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    trained = wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    assert trained["status"] == "ACTIVE", trained
    return version


def request(world, version, name, folder, **more):
    return {
        "jobName": name,
        "solutionVersionArn": version,
        "jobInput": {"s3DataSource": {"path": f"s3://{world.bucket}/{folder}/"}},
        "jobOutput": {"s3DataDestination": {"path": f"s3://{world.bucket}/{folder}-segments/"}},
        "roleArn": ROLE,
        **more,
    }


@pytest.fixture(scope="module")
def job(personalize, s3, world, version):
    lines = ['{"itemId": "i3"}', "not JSON", '{"itemId": "i8"}', '{"itemId": "new"}', '{"userId": "u1"}']
    s3.put_object(Bucket=world.bucket, Key="asked/items.json", Body="\n".join(lines).encode())
    created = personalize.create_batch_segment_job(**request(world, version, "viewers", "asked", numResults=10))
    arn = created["batchSegmentJobArn"]
    ended = wait(personalize.describe_batch_segment_job, "batchSegmentJob", batchSegmentJobArn=arn)
    assert ended["status"] == "ACTIVE", ended
    return arn


def test_a_segment_holds_the_users_who_like_the_item(s3, world, job):
    body = s3.get_object(Bucket=world.bucket, Key="asked-segments/items.json.out")["Body"].read()
    answers = [json.loads(line) for line in body.splitlines()]
    assert [answer["input"] for answer in answers] == [
        {"itemId": "i3"},
        "not JSON",
        {"itemId": "i8"},
        {"itemId": "new"},
        {"userId": "u1"},
    ]
    for answer, taste in ((answers[0], 1), (answers[2], 0)):
        users = answer["output"]["recommendedUsers"]
        assert answer["error"] is None and len(set(users)) == 10
        assert all(int(user.removeprefix("u")) % 2 == taste for user in users), users
    for answer, words in ((answers[1], "JSON"), (answers[3], "'new'"), (answers[4], "itemId")):
        assert answer["output"] == {"recommendedUsers": []}
        assert answer["error"].startswith("User error: ") and words in answer["error"]
    assert s3.head_object(Bucket=world.bucket, Key="asked-segments/_CHECK")["ContentLength"] == 0


def test_a_job_is_described_and_listed_as_the_model_has_it(personalize, world, version, job):
    described = personalize.describe_batch_segment_job(batchSegmentJobArn=job)["batchSegmentJob"]
    summary = {
        "batchSegmentJobArn",
        "jobName",
        "solutionVersionArn",
        "status",
        "creationDateTime",
        "lastUpdatedDateTime",
    }
    assert set(described) == summary | {"numResults", "jobInput", "jobOutput", "roleArn"}
    assert (described["jobName"], described["numResults"]) == ("viewers", 10)
    assert described["jobOutput"] == {"s3DataDestination": {"path": f"s3://{world.bucket}/asked-segments/"}}
    listed = personalize.list_batch_segment_jobs(solutionVersionArn=version)["batchSegmentJobs"]
    assert job in [element["batchSegmentJobArn"] for element in listed]
    assert all(set(element) - {"failureReason"} == summary for element in listed)
    assert personalize.list_batch_segment_jobs(solutionVersionArn=world.version)["batchSegmentJobs"] == []


def test_metrics_are_those_of_segments(personalize, version):
    metrics = personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
    assert set(metrics) == {"coverage", "hits_at_1_percent", "recall_at_1_percent"}


@pytest.mark.parametrize(
    "change, words",
    [
        ({"jobName": LONG}, "jobName"),
        ({"roleArn": None}, "roleArn"),
        ({"numResults": 0}, "numResults"),
        ({"numResults": 5_000_001}, "numResults"),
        ({"filterArn": "f"}, "filterArn"),
        ({"filterArn": ACCOUNT + ":filter/world"}, "one of ItemID"),
        ({"jobInput": {"s3DataSource": {"path": "items.json"}}}, "Invalid S3 input path"),
        ({"jobOutput": {"s3DataDestination": {"path": "s3://conformance/no-slash"}}}, "Invalid S3 output path"),
    ],
)
def test_a_request_that_breaks_a_rule(unchecked, world, version, change, words):
    broken = {**request(world, version, "broken", "asked"), **change}
    code, message = refused(unchecked, "CreateBatchSegmentJob", {k: v for k, v in broken.items() if v is not None})
    assert code == "InvalidInputException" and words in message, message


def test_unknown_and_taken_names(personalize, world, version, job):
    unknown = ACCOUNT + ":batch-segment-job/unknown"
    code, message = refused(personalize, "DescribeBatchSegmentJob", {"batchSegmentJobArn": unknown})
    assert code == "ResourceNotFoundException" and unknown in message
    missing = ACCOUNT + ":solution/unknown/00000000"
    code, _ = refused(personalize, "CreateBatchSegmentJob", request(world, missing, "x", "asked"))
    assert code == "ResourceNotFoundException"
    code, message = refused(personalize, "CreateBatchSegmentJob", request(world, version, "viewers", "asked"))
    assert code == "ResourceAlreadyExistsException" and job in message


def test_a_segment_for_an_attribute_holds_the_users_who_like_such_items(personalize, s3, world, films):
    p = personalize
    solution = p.create_solution(
        name="attributes",
        datasetGroupArn=films,
        recipeArn=ATTRIBUTES,
        solutionConfig={"algorithmHyperParameters": {"hidden_dimension": "32"}},
    )["solutionArn"]
    version = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    trained = wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    assert trained["status"] == "ACTIVE", trained
    asked = [
        'ITEMS.genres = "Comedy"',
        'ITEMS.genres = "Western" AND ITEMS.genres = "Drama"',
        'ITEMS.genres > "Western"',
        'ITEMS.colour = "red"',
        'ITEMS.genres = "Musical"',
    ]
    body = "".join(json.dumps({"itemAttributes": text}) + "\n" for text in asked)
    s3.put_object(Bucket=world.bucket, Key="attributes/asked.json", Body=body.encode())
    arn = p.create_batch_segment_job(**request(world, version, "attributes", "attributes", numResults=8))
    arn = arn["batchSegmentJobArn"]
    ended = wait(p.describe_batch_segment_job, "batchSegmentJob", batchSegmentJobArn=arn)
    assert ended["status"] == "ACTIVE", ended
    body = s3.get_object(Bucket=world.bucket, Key="attributes-segments/asked.json.out")["Body"].read()
    answers = [json.loads(line) for line in body.splitlines()]
    assert [answer["input"]["itemAttributes"] for answer in answers] == asked
    for answer, taste in ((answers[0], 0), (answers[1], 1)):
        users = answer["output"]["recommendedUsers"]
        assert len(users) == 8 and all(int(user.removeprefix("u")) % 2 == taste for user in users), users
    for answer, words in ((answers[2], "'=' is expected"), (answers[3], "no column colour"), (answers[4], "no item")):
        assert words in answer["error"], answer


def test_attributes_need_items(personalize, world):
    p = personalize
    solution = p.create_solution(name="no-items", datasetGroupArn=world.group, recipeArn=ATTRIBUTES)["solutionArn"]
    version = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    ended = wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    assert ended["status"] == "CREATE FAILED" and "needs an Items dataset" in ended["failureReason"]


def test_recipes_of_the_two_kinds_keep_to_their_jobs(personalize, world, version):
    code, message = refused(personalize, "CreateBatchSegmentJob", request(world, world.version, "x", "asked"))
    assert code == "InvalidInputException" and "USER_SEGMENTATION" in message
    code, message = refused(personalize, "CreateBatchInferenceJob", request(world, version, "x", "asked"))
    assert code == "InvalidInputException" and "CreateBatchSegmentJob" in message
    code, message = refused(personalize, "CreateCampaign", {"name": "x", "solutionVersionArn": version})
    assert code == "InvalidInputException" and "CreateBatchSegmentJob" in message


def test_an_input_that_is_not_there_ends_with_a_reason(personalize, world, version):
    arn = personalize.create_batch_segment_job(**request(world, version, "nothing", "nothing"))["batchSegmentJobArn"]
    ended = wait(personalize.describe_batch_segment_job, "batchSegmentJob", batchSegmentJobArn=arn)
    assert ended["status"] == "CREATE FAILED"
    assert "There is no object under s3://conformance/nothing/" in ended["failureReason"]
