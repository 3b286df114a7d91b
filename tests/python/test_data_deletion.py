"""Data deletion jobs: users leave their group, and what is still known of them is told."""

import json
import time

import pytest

import data
from making import imported
from server import ROLE, wait
from test_errors import ACCOUNT, LONG, refused
from test_events import USERS, answer, open_world, train

ENDED = ("COMPLETED", "FAILED")
GONE = ["u7", "only-put"]


def request(world, name, key="gone.csv"):
    return {
        "jobName": name,
        "datasetGroupArn": world.group,
        "dataSource": {"dataLocation": f"s3://{world.name}/{key}"},
        "roleArn": ROLE,
    }


def run(world, name, key="gone.csv"):
    """The job at rest, and all words that it had for its status until then."""
    p, seen = world.p, []
    arn = p.create_data_deletion_job(**request(world, name, key))["dataDeletionJobArn"]
    deadline = time.monotonic() + 60
    while True:
        job = p.describe_data_deletion_job(dataDeletionJobArn=arn)["dataDeletionJob"]
        seen.append(job["status"])
        if job["status"] in ENDED:
            return job, seen
        assert time.monotonic() < deadline, job
        time.sleep(0.01)


def put_list(world, *users, key="gone.csv", header="USER_ID"):
    body = "\n".join([header, *users]) + "\n"
    world.s3.put_object(Bucket=world.name, Key=key, Body=body.encode())


def put_event(world, user, item, session, event_id):
    event = {"eventType": "Watch", "itemId": item, "sentAt": 1_700_000_000, "eventId": event_id}
    user = {"userId": user} if user else {}
    world.events.put_events(trackingId=world.tracking, sessionId=session, eventList=[event], **user)


def exported(world, kind, name):
    """The users in all rows of a dataset, imported and put."""
    job = world.p.create_dataset_export_job(
        jobName=name,
        datasetArn=world.datasets[kind],
        ingestionMode="ALL",
        roleArn=ROLE,
        jobOutput={"s3DataDestination": {"path": f"s3://{world.name}/out/"}},
    )["datasetExportJobArn"]
    done = wait(world.p.describe_dataset_export_job, "datasetExportJob", datasetExportJobArn=job)
    assert done["status"] == "ACTIVE", done
    text = world.s3.get_object(Bucket=world.name, Key=f"out/{name}/part-00000.csv")["Body"].read().decode()
    return [line.split(",")[0] for line in text.splitlines()[1:]]


def open_world_with_users(server):
    world = open_world(server, "forget")
    rows = "USER_ID,COUNTRY,CREATION_TIMESTAMP\n" + "".join(f"u{n},CH,1\n" for n in range(data.USERS))
    world.s3.put_object(Bucket=world.name, Key="users.csv", Body=rows.encode())
    imported(world.p, world.datasets["Users"], f"s3://{world.name}/users.csv", "forget-users")
    return world


@pytest.fixture(scope="module")
def world(server):
    return open_world_with_users(server)


def test_users_leave_imports_events_lists_and_the_next_model(world):
    assert USERS  # The Users dataset of the world.
    cold, others = answer(world, "nobody"), answer(world, "u8")
    put_event(world, "u7", "i3", "visit", "e1")
    put_event(world, "u7", "i5", "visit", "e2")
    put_event(world, "only-put", "i5", "other-visit", "e3")
    put_event(world, "u9", "i5", "third-visit", "e4")
    user = {"userId": "u7", "properties": json.dumps({"country": "AT", "creationTimestamp": 5})}
    world.events.put_users(datasetArn=world.datasets["Users"], users=[user])
    assert answer(world, "u7") != cold
    assert exported(world, "Interactions", "before").count("u7") == data.EACH + 2
    assert "u7" in exported(world, "Users", "before-users")
    put_list(world, *GONE, "never-seen")

    job, seen = run(world, "forget-two")
    assert job["status"] == "COMPLETED", job
    assert set(seen) <= {"PENDING", "IN_PROGRESS", "COMPLETED"}
    # Twenty imported interactions, three events, one imported user and the one that was put.
    assert job["numDeleted"] == data.EACH + 3 + 2
    rows = exported(world, "Interactions", "after")
    assert not set(GONE) & set(rows)
    assert len(rows) == (data.USERS - 1) * data.EACH + 1
    users = exported(world, "Users", "after-users")
    assert len(users) == data.USERS - 1 and "u7" not in users

    # The campaign answers as it does somebody unknown, and others as before.
    assert answer(world, "u7") == cold
    assert answer(world, "u8") == others
    # Also when it has to score live, once what is held in memory was looked at again.
    time.sleep(5)
    assert answer(world, "u7", 39)[:25] == answer(world, "nobody", 39)[:25]
    assert answer(world, "u8", 39)[:25] == others
    # A session that was the user's is nobody's: its events are its own.
    put_event(world, None, "i7", "visit", "e5")
    assert "u7" not in exported(world, "Interactions", "later")

    version = train(world)
    key = f"_osusume/data-deletions/{world.name}/forget-two.json"
    receipt = json.loads(world.s3.get_object(Bucket=world.server.bucket, Key=key)["Body"].read())
    learnt = receipt["solutionVersionsThatLearntFromTheUsers"]
    assert len(learnt) == 1 and version not in learnt
    assert receipt["numDeleted"] == job["numDeleted"] and receipt["usersListed"] == 3
    interactions, users = receipt["datasets"]["INTERACTIONS"], receipt["datasets"]["USERS"]
    assert interactions["imported"] == {"scanned": data.USERS * data.EACH, "removed": data.EACH}
    assert interactions["put"]["removed"] == 3 and interactions["put"]["scanned"] >= 4
    assert users["imported"] == {"scanned": data.USERS, "removed": 1}
    assert users["put"] == {"scanned": 1, "removed": 1}
    assert receipt["listsRemoved"][world.campaign] >= 1
    assert "u7" not in json.dumps(receipt).replace(world.campaign, "")
    left = world.s3.list_objects_v2(Bucket=world.server.bucket, Prefix="_osusume/data-deletion-job/")
    assert left["KeyCount"] == 0, "the list of users does not outlive the job"


def test_a_folder_and_lists_whose_header_says_user_id_otherwise(world):
    put_list(world, "u11", key="many/a.csv")
    put_list(world, "u12", "u13", key="many/b.csv", header="userId")
    job, _ = run(world, "forget-folder", "many/")
    assert (job["status"], job["numDeleted"]) == ("COMPLETED", 3 * (data.EACH + 1)), job


def test_what_a_job_says_about_itself(world):
    p = world.p
    put_list(world, "never-seen")
    job, _ = run(world, "forget-nobody")
    asked = request(world, "forget-nobody")
    assert job["numDeleted"] == 0
    dates = {"creationDateTime", "lastUpdatedDateTime"}
    assert set(job) == set(asked) | dates | {"dataDeletionJobArn", "status", "numDeleted"}
    assert {member: job[member] for member in asked} == asked
    assert job["dataDeletionJobArn"] == f"{ACCOUNT}:data-deletion-job/forget-nobody"
    listed = p.list_data_deletion_jobs(datasetGroupArn=world.group)["dataDeletionJobs"]
    found = next(entry for entry in listed if entry["jobName"] == "forget-nobody")
    assert set(found) == dates | {"dataDeletionJobArn", "datasetGroupArn", "jobName", "status"}
    assert found["status"] == "COMPLETED"
    page = p.list_data_deletion_jobs(datasetGroupArn=world.group, maxResults=1)
    rest = p.list_data_deletion_jobs(datasetGroupArn=world.group, nextToken=page["nextToken"])
    assert page["dataDeletionJobs"] + rest["dataDeletionJobs"] == listed
    code, message = refused(p, "CreateDataDeletionJob", asked)
    assert code == "ResourceAlreadyExistsException" and job["dataDeletionJobArn"] in message
    arn = p.create_data_deletion_job(**request(world, "tagged"), tags=[{"tagKey": "case", "tagValue": "1"}])
    tags = p.list_tags_for_resource(resourceArn=arn["dataDeletionJobArn"])["tags"]
    assert tags == [{"tagKey": "case", "tagValue": "1"}]
    wait(p.describe_data_deletion_job, "dataDeletionJob", until=ENDED, dataDeletionJobArn=arn["dataDeletionJobArn"])


@pytest.mark.parametrize(
    "name, header, words",
    [
        ("no-header", "u1", "Input CSV is missing the following columns: [USER_ID]."),
        ("no-object", None, "Invalid Data location."),
        ("no-user", "USER_ID", "no rows below the header"),
    ],
)
def test_a_list_that_cannot_be_used_is_the_reason(world, name, header, words):
    key = f"{name}.csv"
    if header:
        world.s3.put_object(Bucket=world.name, Key=key, Body=f"{header}\n".encode())
    job, _ = run(world, name, key)
    assert job["status"] == "FAILED" and words in job["failureReason"] and key in job["failureReason"], job
    assert "numDeleted" not in job


def test_a_list_of_more_than_100_mb_is_refused(world):
    line = b"x" * 249 + b"\n"
    world.s3.put_object(Bucket=world.name, Key="large.csv", Body=b"USER_ID\n" + line * 419_431)
    job, _ = run(world, "large", "large.csv")
    world.s3.delete_object(Bucket=world.name, Key="large.csv")
    assert job["status"] == "FAILED" and "at most 104857600" in job["failureReason"], job


@pytest.mark.parametrize(
    "change, words",
    [
        ({"jobName": LONG}, "jobName"),
        ({"jobName": None}, "jobName"),
        ({"datasetGroupArn": None}, "datasetGroupArn"),
        ({"datasetGroupArn": "films"}, "datasetGroupArn"),
        ({"dataSource": None}, "dataSource"),
        ({"dataSource": {}}, "dataLocation"),
        ({"dataSource": {"dataLocation": "gone.csv"}}, "Invalid Data location."),
        ({"roleArn": None}, "roleArn"),
        ({"roleArn": "me"}, "roleArn"),
    ],
)
def test_requests_that_are_not_valid(unchecked, world, change, words):
    asked = {k: v for k, v in (request(world, "never") | change).items() if v is not None}
    code, message = refused(unchecked, "CreateDataDeletionJob", asked)
    assert code == "InvalidInputException" and words in message, message


def test_groups_and_jobs_that_are_not_there(personalize, world):
    asked = request(world, "never") | {"datasetGroupArn": f"{ACCOUNT}:dataset-group/nowhere"}
    assert refused(personalize, "CreateDataDeletionJob", asked)[0] == "ResourceNotFoundException"
    asked = {"dataDeletionJobArn": f"{ACCOUNT}:data-deletion-job/nowhere"}
    assert refused(personalize, "DescribeDataDeletionJob", asked)[0] == "ResourceNotFoundException"
    code, message = refused(personalize, "ListDataDeletionJobs", {"datasetGroupArn": world.campaign})
    assert code == "InvalidInputException" and "dataset group" in message
