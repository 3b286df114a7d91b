"""The template, deployed by the real SAM CLI, walked through with boto3 through API Gateway."""

import json
import time
import urllib.error
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import pytest

import watched
from stack import REGION, ROOT, wait

ROLE = "arn:aws:iam::000000000000:role/PersonalizeRole"
KEY = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"
HRNN = "arn:aws:personalize:::recipe/aws-hrnn"


@pytest.fixture(scope="module")
def films(personalize, stack):
    """A dataset group that an upload has filled."""
    p = personalize
    schema = p.create_schema(name="films", schema=watched.SCHEMA)["schemaArn"]
    group = p.create_dataset_group(name="films")["datasetGroupArn"]
    dataset = p.create_dataset(name="films", schemaArn=schema, datasetGroupArn=group, datasetType="Interactions")
    dataset = dataset["datasetArn"]
    stack.s3.put_object(Bucket=stack.bucket, Key="films/interactions/day 1.csv", Body=watched.interactions())
    job = import_jobs(p, dataset, 1)[0]
    imported = wait(p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job["datasetImportJobArn"])
    assert imported["status"] == "ACTIVE", imported.get("failureReason")
    return {"group": group, "dataset": dataset}


def import_jobs(p, dataset, count, seconds=60):
    """The import jobs of a dataset, once there are `count`."""
    deadline = time.time() + seconds
    while True:
        jobs = p.list_dataset_import_jobs(datasetArn=dataset)["datasetImportJobs"]
        if len(jobs) >= count:
            return jobs
        assert time.time() < deadline, jobs
        time.sleep(0.3)


@pytest.fixture(scope="module")
def campaign(personalize, films):
    p = personalize
    solution = p.create_solution(name="films", datasetGroupArn=films["group"], recipeArn=HRNN)["solutionArn"]
    version = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    trained = wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    assert trained["status"] == "ACTIVE", trained.get("failureReason")
    campaign = p.create_campaign(name="films", solutionVersionArn=version)["campaignArn"]
    deployed = wait(p.describe_campaign, "campaign", campaignArn=campaign)
    assert deployed["status"] == "ACTIVE", deployed.get("failureReason")
    return {"campaign": campaign, "version": version, "solution": solution}


def test_an_upload_imports_itself_and_the_campaign_knows_tastes(personalize, runtime, campaign):
    metrics = personalize.get_solution_metrics(solutionVersionArn=campaign["version"])["metrics"]
    assert metrics["normalized_discounted_cumulative_gain_at_25"] > 0.1
    answer = runtime.get_recommendations(campaignArn=campaign["campaign"], userId="u3", numResults=5)
    items = [item["itemId"] for item in answer["itemList"]]
    assert len(items) == 5 and all(item.startswith("film-3-") for item in items), items


def test_a_search_goes_through_the_map_and_its_values_train_the_version(ministack, personalize, stack, films):
    ranges = {"integerHyperParameterRanges": [{"name": "hidden_dimension", "minValue": 32, "maxValue": 40}]}
    resources = {"maxNumberOfTrainingJobs": "3", "maxParallelTrainingJobs": "2"}
    solution = personalize.create_solution(
        name="searched",
        datasetGroupArn=films["group"],
        recipeArn=HRNN,
        performHPO=True,
        solutionConfig={"hpoConfig": {"hpoResourceConfig": resources, "algorithmHyperParameterRanges": ranges}},
    )["solutionArn"]
    version = personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    trained = wait(personalize.describe_solution_version, "solutionVersion", seconds=120, solutionVersionArn=version)
    assert trained["status"] == "ACTIVE", trained.get("failureReason")
    assert 32 <= int(trained["tunedHPOParams"]["algorithmHyperParameters"]["hidden_dimension"]) <= 40
    # Nothing of the trials stays.
    assert stack.s3.list_objects_v2(Bucket=stack.bucket, Prefix="_osusume/trials/").get("KeyCount", 0) == 0
    machines = ministack.client("stepfunctions")
    found = {m["name"]: m["stateMachineArn"] for m in machines.list_state_machines()["stateMachines"]}
    runs = machines.list_executions(stateMachineArn=found["osusume-train"])["executions"]
    inputs = {run["executionArn"]: machines.describe_execution(executionArn=run["executionArn"]) for run in runs}
    (execution,) = [arn for arn, run in inputs.items() if json.loads(run["input"]) == {"arn": version}]
    events = machines.get_execution_history(executionArn=execution, maxResults=1000)["events"]
    entered = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
    # Had a trial left no receipt, the next round would have asked for it again.
    once = ["Input", "Plan", "Go", "Trainer", "Trials", "NextTrials", "Go", "Trainer", "TrainInFunction"]
    assert entered[: len(once)] == once
    # The version is ACTIVE before the machine has ended.
    assert entered[len(once) :] in ([], ["FollowUp"])


def test_answers_longer_than_a_stored_list_are_scored_by_the_model(runtime, campaign):
    answer = runtime.get_recommendations(campaignArn=campaign["campaign"], userId="u3", numResults=150)
    assert len({item["itemId"] for item in answer["itemList"]}) == 150


def test_a_filter_is_applied_where_the_models_are(personalize, runtime, films, campaign):
    expression = 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*") | EXCLUDE ItemID WHERE Interactions.ITEM_ID IN ($MORE)'
    made = personalize.create_filter(name="unseen", datasetGroupArn=films["group"], filterExpression=expression)
    request = dict(campaignArn=campaign["campaign"], userId="u3", numResults=500)
    ids = lambda answer: [item["itemId"] for item in answer["itemList"]]
    lines = watched.interactions().decode().splitlines()[1:]
    seen = {line.split(",")[1] for line in lines if line.split(",")[0] == "u3"}
    whole = ids(runtime.get_recommendations(**request))
    assert seen and seen < set(whole)
    unseen = ids(runtime.get_recommendations(**request, filterArn=made["filterArn"]))
    assert set(unseen) == set(whole) - seen
    with pytest.raises(runtime.exceptions.InvalidInputException, match="MOST"):
        runtime.get_recommendations(**request, filterArn=made["filterArn"], filterValues={"MOST": '"x"'})
    personalize.delete_filter(filterArn=made["filterArn"])
    deadline = time.time() + 60
    with pytest.raises(personalize.exceptions.ResourceNotFoundException):
        while time.time() < deadline:
            personalize.describe_filter(filterArn=made["filterArn"])
            time.sleep(0.3)
    with pytest.raises(runtime.exceptions.ResourceNotFoundException):
        runtime.get_recommendations(**request, filterArn=made["filterArn"])


def test_an_event_through_the_gateway_changes_its_users_answer(personalize, runtime, stack, films, campaign):
    events = stack.client("personalize-events")
    answer = lambda user: [
        item["itemId"]
        for item in runtime.get_recommendations(campaignArn=campaign["campaign"], userId=user)["itemList"]
    ]
    tracking = personalize.create_event_tracker(name="films", datasetGroupArn=films["group"])["trackingId"]
    popular, taste = answer("newcomer"), answer("u3")
    other = answer("u4")
    seen = [{"eventType": "Watch", "itemId": item, "sentAt": 1_700_000_000 + n} for n, item in enumerate(taste[:5])]
    events.put_events(trackingId=tracking, userId="newcomer", sessionId="visit", eventList=seen)
    # The function answers once the events are kept; the list is written soon after.
    deadline = time.time() + 60
    while answer("newcomer") == popular:
        assert time.time() < deadline, "the answer did not change"
        time.sleep(0.3)
    assert sum(item.startswith("film-3-") for item in answer("newcomer")[:5]) >= 4
    assert answer("u4") == other
    with pytest.raises(events.exceptions.InvalidInputException):
        events.put_events(trackingId="nobody", sessionId="visit", eventList=seen)


def test_the_same_upload_event_twice_changes_nothing(ministack, personalize, stack, films):
    before = import_jobs(personalize, films["dataset"], 1)
    tagged = stack.s3.head_object(Bucket=stack.bucket, Key="films/interactions/day 1.csv")
    event = {
        "Records": [
            {
                "eventName": "ObjectCreated:Put",
                "s3": {
                    "bucket": {"name": stack.bucket},
                    "object": {"key": "films/interactions/day+1.csv", "eTag": tagged["ETag"].strip('"'), "sequencer": "1"},
                },
            }
        ]
    }
    function = ministack.client("lambda")
    answers = [
        json.loads(function.invoke(FunctionName="osusume-ingest", Payload=json.dumps(event))["Payload"].read())
        for _ in range(2)
    ]
    assert answers[0]["jobs"] == answers[1]["jobs"]
    jobs = import_jobs(personalize, films["dataset"], len(before))
    assert len(jobs) == len(before) + (answers[0]["jobs"][0] not in {job["datasetImportJobArn"] for job in before})
    for job in jobs:
        wait(personalize.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job["datasetImportJobArn"])


def test_a_csv_that_does_not_match_ends_with_a_reason_and_the_old_data_stays(personalize, stack, films):
    bad = watched.interactions() + b"u1,film-1-1,yesterday\n"
    stack.s3.put_object(Bucket=stack.bucket, Key="uploads/bad.csv", Body=bad)
    job = personalize.create_dataset_import_job(
        jobName="bad",
        datasetArn=films["dataset"],
        dataSource={"dataLocation": f"s3://{stack.bucket}/uploads/bad.csv"},
        roleArn=ROLE,
    )["datasetImportJobArn"]
    ended = wait(personalize.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)
    assert ended["status"] == "CREATE FAILED"
    for word in ["bad.csv", f"line {300 * 30 + 2}", "TIMESTAMP", "yesterday"]:
        assert word in ended["failureReason"], ended["failureReason"]


def test_an_object_that_is_not_there_ends_with_a_reason(personalize, stack, films):
    job = personalize.create_dataset_import_job(
        jobName="gone",
        datasetArn=films["dataset"],
        dataSource={"dataLocation": f"s3://{stack.bucket}/uploads/gone.csv"},
        roleArn=ROLE,
    )["datasetImportJobArn"]
    ended = wait(personalize.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)
    assert ended["status"] == "CREATE FAILED"
    assert "gone.csv" in ended["failureReason"]


def test_an_upload_under_an_unknown_group_lands_in_the_queue_with_its_reason(ministack, stack, personalize):
    stack.s3.put_object(Bucket=stack.bucket, Key="nobody/interactions/a.csv", Body=watched.interactions())
    queue = ministack.client("sqs")
    deadline = time.time() + 60
    while True:
        messages = queue.receive_message(QueueUrl=stack.outputs["RefusedUploadsQueue"]).get("Messages", [])
        if messages:
            break
        assert time.time() < deadline, "nothing arrived"
        time.sleep(0.5)
    assert "nobody/interactions/a.csv" in messages[0]["Body"]
    assert "does not exist" in messages[0]["Body"]


def test_a_state_machine_started_by_hand_with_missing_members_fails_aloud(ministack, stack):
    machines = ministack.client("stepfunctions")
    found = {m["name"]: m["stateMachineArn"] for m in machines.list_state_machines()["stateMachines"]}
    execution = machines.start_execution(stateMachineArn=found["osusume-import"], input="{}")["executionArn"]
    deadline = time.time() + 60
    while (status := machines.describe_execution(executionArn=execution)["status"]) == "RUNNING":
        assert time.time() < deadline
        time.sleep(0.2)
    assert status == "FAILED"
    assert machines.describe_execution(executionArn=execution)["error"] == "BadInput"


def test_only_who_has_a_key_gets_in(stack, campaign):
    for key, code in [
        (("nobody", "nothing"), "UnrecognizedClientException"),
        ((next(iter(stack.keys)), "wrong"), "InvalidSignatureException"),
    ]:
        with pytest.raises(botocore.exceptions.ClientError) as denied:
            stack.client("personalize", key).list_schemas()
        assert denied.value.response["Error"]["Code"] == code
        with pytest.raises(botocore.exceptions.ClientError) as denied:
            runtime = stack.client("personalize-runtime", key)
            runtime.get_recommendations(campaignArn=campaign["campaign"], userId="u1")
        assert denied.value.response["Error"]["Code"] == code
    request = urllib.request.Request(
        f"http://{stack.host}:{stack.ministack.port}/recommendations", data=b"{}", method="POST"
    )
    with pytest.raises(urllib.error.HTTPError) as denied:
        urllib.request.urlopen(request)
    assert denied.value.code == 403
    assert denied.value.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"


def test_an_address_for_curl_answers_with_a_signature(stack, campaign, runtime):
    key_id, secret = next(iter(stack.keys.items()))
    url = f"http://{stack.host}:{stack.ministack.port}/campaigns/films/recommendations/u3?numResults=4"
    request = botocore.awsrequest.AWSRequest(method="GET", url=url)
    credentials = botocore.credentials.Credentials(key_id, secret)
    botocore.auth.SigV4Auth(credentials, "personalize", REGION).add_auth(request)
    with urllib.request.urlopen(urllib.request.Request(url, headers=dict(request.headers))) as answer:
        readable = json.load(answer)
    asked = runtime.get_recommendations(campaignArn=campaign["campaign"], userId="u3", numResults=4)
    assert readable["itemList"] == asked["itemList"]


def test_every_line_of_a_log_is_json_and_names_no_user(ministack, campaign, runtime):
    runtime.get_recommendations(campaignArn=campaign["campaign"], userId="u-in-no-log")
    logs = ministack.client("logs")
    lines = []
    deadline = time.time() + 30
    while not any("GetRecommendations" in line or "/recommendations" in line for line in lines):
        assert time.time() < deadline, lines[-5:]
        time.sleep(0.5)
        group = "/aws/lambda/osusume-campaign"
        streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
        lines = [
            event["message"].strip()
            for stream in streams
            for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
        ]
    # What Lambda itself says is not ours.
    ours = [line for line in lines if line and not line.split()[0] in ("START", "END", "REPORT", "INIT_START")]
    parsed = [json.loads(line) for line in ours]
    assert {"requestId", "Function", "coldStart", "Duration", "operation", "outcome", "_aws"} <= set(parsed[-1])
    assert not [line for line in lines if "u-in-no-log" in line]


def test_batch_inference_answers_each_file(personalize, stack, campaign):
    for name, users in [("a", ["u1", "u2"]), ("b", ["u3", "stranger"])]:
        body = "".join(json.dumps({"userId": user}) + "\n" for user in users).encode()
        stack.s3.put_object(Bucket=stack.bucket, Key=f"asked/{name}.json", Body=body)
    job = personalize.create_batch_inference_job(
        jobName="films",
        solutionVersionArn=campaign["version"],
        numResults=3,
        jobInput={"s3DataSource": {"path": f"s3://{stack.bucket}/asked/"}},
        jobOutput={"s3DataDestination": {"path": f"s3://{stack.bucket}/answered/", "kmsKeyArn": KEY}},
        roleArn=ROLE,
    )["batchInferenceJobArn"]
    ended = wait(personalize.describe_batch_inference_job, "batchInferenceJob", batchInferenceJobArn=job)
    assert ended["status"] == "ACTIVE", ended.get("failureReason")
    assert ended["jobOutput"]["s3DataDestination"]["kmsKeyArn"] == KEY
    for name in ("a.json.out", "b.json.out", "_CHECK"):
        head = stack.s3.head_object(Bucket=stack.bucket, Key=f"answered/{name}")
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", KEY), name
    lines = stack.s3.get_object(Bucket=stack.bucket, Key="answered/b.json.out")["Body"].read().splitlines()
    answers = [json.loads(line) for line in lines]
    assert [answer["input"]["userId"] for answer in answers] == ["u3", "stranger"]
    assert all(len(answer["output"]["recommendedItems"]) == 3 for answer in answers)


def test_batch_segments_answer_each_file(personalize, stack, films):
    p = personalize
    solution = p.create_solution(
        name="segments",
        datasetGroupArn=films["group"],
        recipeArn="arn:aws:personalize:::recipe/aws-item-affinity",
        solutionConfig={"algorithmHyperParameters": {"hidden_dimension": "32"}},
    )["solutionArn"]
    version = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    trained = wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    assert trained["status"] == "ACTIVE", trained.get("failureReason")
    for name, item in (("a", "film-3-1"), ("b", "film-5-2")):
        body = json.dumps({"itemId": item}).encode() + b"\n" + b'{"itemId": "unheard of"}'
        stack.s3.put_object(Bucket=stack.bucket, Key=f"wanted/{name}.json", Body=body)
    job = p.create_batch_segment_job(
        jobName="films",
        solutionVersionArn=version,
        numResults=4,
        jobInput={"s3DataSource": {"path": f"s3://{stack.bucket}/wanted/"}},
        jobOutput={"s3DataDestination": {"path": f"s3://{stack.bucket}/segments/"}},
        roleArn=ROLE,
    )["batchSegmentJobArn"]
    ended = wait(p.describe_batch_segment_job, "batchSegmentJob", batchSegmentJobArn=job)
    assert ended["status"] == "ACTIVE", ended.get("failureReason")
    for name, taste in (("a", 3), ("b", 5)):
        key = f"segments/{name}.json.out"
        known, unknown = stack.s3.get_object(Bucket=stack.bucket, Key=key)["Body"].read().splitlines()
        users = json.loads(known)["output"]["recommendedUsers"]
        assert len(users) == 4 and all(int(user[1:]) % 10 == taste for user in users), users
        assert "unheard of" in json.loads(unknown)["error"]


def test_a_dataset_is_exported(personalize, stack, films):
    job = personalize.create_dataset_export_job(
        jobName="films",
        datasetArn=films["dataset"],
        ingestionMode="BULK",
        roleArn=ROLE,
        jobOutput={"s3DataDestination": {"path": f"s3://{stack.bucket}/exported/"}},
    )["datasetExportJobArn"]
    ended = wait(personalize.describe_dataset_export_job, "datasetExportJob", datasetExportJobArn=job)
    assert ended["status"] == "ACTIVE", ended.get("failureReason")
    files = stack.s3.list_objects_v2(Bucket=stack.bucket, Prefix="exported/films/")["Contents"]
    read = lambda key: stack.s3.get_object(Bucket=stack.bucket, Key=key)["Body"].read().decode().splitlines()
    exported = {line for file in files for line in read(file["Key"])[1:]}
    imported = watched.interactions().decode().splitlines()
    columns = read(files[0]["Key"])[0].split(",")
    assert sorted(columns) == sorted(imported[0].split(","))
    order = [imported[0].split(",").index(column) for column in columns]
    assert {",".join(line.split(",")[n] for n in order) for line in imported[1:]} <= exported


def test_a_given_list_is_ranked_by_the_function_that_holds_the_model(personalize, runtime, films):
    p = personalize
    solution = p.create_solution(
        name="ranking",
        datasetGroupArn=films["group"],
        recipeArn="arn:aws:personalize:::recipe/aws-personalized-ranking",
        solutionConfig={"algorithmHyperParameters": {"hidden_dimension": "32"}},
    )["solutionArn"]
    version = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    trained = wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    assert trained["status"] == "ACTIVE", trained.get("failureReason")
    campaign = p.create_campaign(name="ranking", solutionVersionArn=version)["campaignArn"]
    deployed = wait(p.describe_campaign, "campaign", campaignArn=campaign)
    assert deployed["status"] == "ACTIVE", deployed.get("failureReason")
    given = ["film-5-1", "nobody knows", "film-3-1"]
    answer = runtime.get_personalized_ranking(campaignArn=campaign, userId="u3", inputList=given)
    ranked = [item["itemId"] for item in answer["personalizedRanking"]]
    assert ranked == ["film-3-1", "film-5-1", "nobody knows"]


def test_a_deployment_of_a_new_version_is_one_swap_and_can_be_taken_back(personalize, runtime, films, campaign):
    p = personalize
    version = p.create_solution_version(solutionArn=campaign["solution"])["solutionVersionArn"]
    assert wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)["status"] == "ACTIVE"
    for target in (version, campaign["version"]):
        p.update_campaign(campaignArn=campaign["campaign"], solutionVersionArn=target)
        deadline = time.time() + 60
        while True:
            now = p.describe_campaign(campaignArn=campaign["campaign"])["campaign"]
            if now["solutionVersionArn"] == target and now["latestCampaignUpdate"]["status"] == "ACTIVE":
                break
            # What was active answers until the swap, and ever after.
            assert runtime.get_recommendations(campaignArn=campaign["campaign"], userId="u3")["itemList"]
            assert time.time() < deadline, now
            time.sleep(0.2)


def test_an_upload_alone_trains_and_publishes_with_automatic_training(ministack, personalize, runtime, stack, films):
    p = personalize
    schema = p.describe_dataset(datasetArn=films["dataset"])["dataset"]["schemaArn"]
    group = p.create_dataset_group(name="auto")["datasetGroupArn"]
    p.create_dataset(name="auto", schemaArn=schema, datasetGroupArn=group, datasetType="Interactions")
    recipe = "arn:aws:personalize:::recipe/aws-popularity-count"
    solution = p.create_solution(name="auto", datasetGroupArn=group, recipeArn=recipe, performAutoTraining=True)
    solution = solution["solutionArn"]

    def upload(favourite):
        more = b"".join(b"u%d,%s,%d\n" % (n % 300, favourite, 1_700_000_000 + n) for n in range(2_000))
        stack.s3.put_object(Bucket=stack.bucket, Key="auto/interactions/day.csv", Body=watched.interactions() + more)

    def versions(count, seconds=60):
        deadline = time.time() + seconds
        while True:
            found = p.list_solution_versions(solutionArn=solution)["solutionVersions"]
            if len(found) >= count and all(version["status"] == "ACTIVE" for version in found):
                return found
            assert time.time() < deadline, found
            time.sleep(0.3)

    upload(b"first")
    (first,) = versions(1)
    assert first["trainingType"] == "AUTOMATIC"
    campaign = p.create_campaign(
        name="auto",
        solutionVersionArn=f"{solution}/$LATEST",
        campaignConfig={"syncWithLatestSolutionVersion": True},
    )["campaignArn"]
    assert wait(p.describe_campaign, "campaign", campaignArn=campaign)["status"] == "ACTIVE"
    best = lambda: runtime.get_recommendations(campaignArn=campaign, userId="nobody", numResults=1)["itemList"][0]
    assert best()["itemId"] == "first"
    upload(b"second")
    deadline = time.time() + 60
    while best()["itemId"] != "second":
        assert time.time() < deadline, p.describe_campaign(campaignArn=campaign)
        time.sleep(0.3)

    # What the clock starts once a day finds nothing to do.
    machines = ministack.client("stepfunctions")
    found = {m["name"]: m["stateMachineArn"] for m in machines.list_state_machines()["stateMachines"]}
    execution = machines.start_execution(stateMachineArn=found["osusume-schedule"], input="{}")["executionArn"]
    while (ended := machines.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.time() < deadline + 60
        time.sleep(0.2)
    assert ended["status"] == "SUCCEEDED", ended
    assert len(versions(2)) == 2


def test_a_function_that_is_killed_in_the_middle_of_an_import_is_called_again(ministack, personalize, stack, films):
    """Kills every sandbox of the workflow function while ranges are being imported."""
    rows = 4_000_000
    lines = b"".join(b"u%d,film-%d,%d\n" % (row % 50_000, row % 997, 1_600_000_000 + row) for row in range(rows))
    stack.s3.put_object(Bucket=stack.bucket, Key="uploads/large.csv", Body=b"USER_ID,ITEM_ID,TIMESTAMP\n" + lines)
    group = personalize.create_dataset_group(name="large")["datasetGroupArn"]
    schema = personalize.describe_dataset(datasetArn=films["dataset"])["dataset"]["schemaArn"]
    dataset = personalize.create_dataset(
        name="large", schemaArn=schema, datasetGroupArn=group, datasetType="Interactions"
    )["datasetArn"]
    job = personalize.create_dataset_import_job(
        jobName="large",
        datasetArn=dataset,
        dataSource={"dataLocation": f"s3://{stack.bucket}/uploads/large.csv"},
        roleArn=ROLE,
    )["datasetImportJobArn"]
    killed = 0
    deadline = time.time() + 30
    while killed == 0 and time.time() < deadline:
        importing = stack.s3.list_objects_v2(Bucket=stack.bucket, Prefix="_osusume/datasets/large/").get("KeyCount", 0)
        status = personalize.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"]["status"]
        assert status in ("CREATE PENDING", "CREATE IN_PROGRESS"), "it was over before anything was killed"
        if importing:
            killed = ministack.kill("osusume-workflow")
        time.sleep(0.02)
    assert killed, "no sandbox was found"
    ended = wait(
        personalize.describe_dataset_import_job, "datasetImportJob", seconds=180, datasetImportJobArn=job
    )
    assert ended["status"] == "ACTIVE", ended.get("failureReason")


MOVIELENS = ROOT.parent / "shared/data/ml-latest-small/ratings.csv"


@pytest.mark.skipif(not MOVIELENS.exists(), reason="MovieLens lies outside of the repository")
def test_movielens_as_it_is_from_an_upload_to_an_answer(personalize, runtime, stack):
    p = personalize
    fields = [
        {"name": "USER_ID", "type": "string"},
        {"name": "ITEM_ID", "type": "string"},
        {"name": "EVENT_VALUE", "type": "float"},
        {"name": "TIMESTAMP", "type": "long"},
    ]
    schema = json.loads(watched.SCHEMA) | {"fields": fields}
    schema = p.create_schema(name="movielens", schema=json.dumps(schema))["schemaArn"]
    group = p.create_dataset_group(name="movielens")["datasetGroupArn"]
    dataset = p.create_dataset(name="movielens", schemaArn=schema, datasetGroupArn=group, datasetType="Interactions")
    stack.s3.upload_file(str(MOVIELENS), stack.bucket, "movielens/interactions/ratings.csv")
    job = import_jobs(p, dataset["datasetArn"], 1)[0]["datasetImportJobArn"]
    imported = wait(p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)
    assert imported["status"] == "ACTIVE", imported.get("failureReason")
    solution = p.create_solution(name="movielens", datasetGroupArn=group, recipeArn=HRNN)["solutionArn"]
    version = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    trained = wait(p.describe_solution_version, "solutionVersion", seconds=300, solutionVersionArn=version)
    assert trained["status"] == "ACTIVE", trained.get("failureReason")
    campaign = p.create_campaign(name="movielens", solutionVersionArn=version)["campaignArn"]
    assert wait(p.describe_campaign, "campaign", campaignArn=campaign)["status"] == "ACTIVE"
    answers = [
        [item["itemId"] for item in runtime.get_recommendations(campaignArn=campaign, userId=user)["itemList"]]
        for user in ("1", "2", "nobody", "no one either")
    ]
    assert all(len(answer) == 25 for answer in answers)
    assert answers[0] != answers[1] and answers[2] == answers[3]
