"""What users do while they are there: events that change their next answer and the next training."""

import concurrent.futures
import datetime
import json
import time
from types import SimpleNamespace

import pytest

import data
from making import deployed, trained
from botocore.exceptions import ClientError
from server import ROLE, Server, wait, wait_gone

HRNN = "arn:aws:personalize:::recipe/aws-hrnn"
SMALL = {"algorithmHyperParameters": {"hidden_dimension": "32", "bptt": "8"}}
NOW = 1_700_000_000
INTERACTIONS = data.interactions_schema(
    {"name": "EVENT_TYPE", "type": ["null", "string"]},
    {"name": "EVENT_VALUE", "type": "float"},
    {"name": "NUM_RATINGS", "type": ["null", "int"]},
    {"name": "DEVICE", "type": ["null", "string"], "categorical": True},
)
ITEMS = json.dumps(
    {
        "type": "record",
        "name": "Items",
        "fields": [
            {"name": "ITEM_ID", "type": "string"},
            {"name": "GENRES", "type": ["null", "string"], "categorical": True},
            {"name": "CREATION_TIMESTAMP", "type": "long"},
        ],
        "version": "1.0",
    }
)
USERS = ITEMS.replace("Items", "Users").replace("ITEM_ID", "USER_ID").replace("GENRES", "COUNTRY")


def interactions():
    lines = ["USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,NUM_RATINGS,DEVICE"]
    lines += [f"{user},{item},{time},Watch,1,," for user, item, time in data.rows()]
    return ("\n".join(lines) + "\n").encode()


def open_world(server, name, schema=INTERACTIONS):
    """A group with imported interactions, a campaign of aws-hrnn and a tracker."""
    p = server.client("personalize")
    s3 = server.client("s3", s3={"addressing_style": "path"})
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="rows.csv", Body=interactions())
    group = p.create_dataset_group(name=name)["datasetGroupArn"]
    datasets = {}
    for kind, text in [("Interactions", schema), ("Items", ITEMS), ("Users", USERS)]:
        arn = p.create_schema(name=f"{name}-{kind}", schema=text)["schemaArn"]
        datasets[kind] = p.create_dataset(
            name=f"{name}-{kind}", schemaArn=arn, datasetGroupArn=group, datasetType=kind
        )["datasetArn"]
    job = p.create_dataset_import_job(
        jobName=name,
        datasetArn=datasets["Interactions"],
        dataSource={"dataLocation": f"s3://{name}/rows.csv"},
        roleArn=ROLE,
    )["datasetImportJobArn"]
    imported = wait(p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)
    assert imported["status"] == "ACTIVE", imported
    solution = p.create_solution(name=name, datasetGroupArn=group, recipeArn=HRNN, solutionConfig=SMALL)
    tracker = p.create_event_tracker(name=name, datasetGroupArn=group)
    world = SimpleNamespace(
        name=name,
        server=server,
        p=p,
        s3=s3,
        events=server.client("personalize-events"),
        runtime=server.client("personalize-runtime"),
        group=group,
        datasets=datasets,
        solution=solution["solutionArn"],
        tracker=tracker["eventTrackerArn"],
        tracking=tracker["trackingId"],
        campaign=None,
    )
    world.campaign = deployed(p, name, train(world))
    return world


def train(world):
    return trained(world.p, world.solution)


def deploy(world, version):
    world.p.update_campaign(campaignArn=world.campaign, solutionVersionArn=version)
    deadline = time.monotonic() + 60
    while world.p.describe_campaign(campaignArn=world.campaign)["campaign"]["solutionVersionArn"] != version:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def world(server):
    return open_world(server, "live")


def answer(world, user, n=25):
    got = world.runtime.get_recommendations(campaignArn=world.campaign, userId=user, numResults=n)
    return [(item["itemId"], item.get("score")) for item in got["itemList"]]


def put(world, events, user=None, session="visit", **more):
    request = {"trackingId": world.tracking, "sessionId": session, "eventList": events, **more}
    if user is not None:
        request["userId"] = user
    got = world.events.put_events(**request)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 200


def watch(item, at=NOW, **more):
    return {"eventType": "Watch", "itemId": item, "sentAt": datetime.datetime.fromtimestamp(at, datetime.timezone.utc), **more}


def test_an_event_changes_the_next_answer_of_its_user_alone(world):
    before, others = answer(world, "u1"), answer(world, "u3")
    put(world, [watch("i8", properties='{"numRatings": 3, "device": "phone"}', eventValue=4.5)], "u1", "s-u1")
    after = answer(world, "u1")
    assert after != before and len(after) == 25
    assert answer(world, "u3") == others
    # Asking twice changes nothing, nor does an event with an item that no training has seen.
    assert answer(world, "u1") == after
    put(world, [watch("never-seen", NOW + 60)], "u1", "s-u1")
    assert answer(world, "u1") == after


def test_more_answers_than_are_stored_follow_the_event_too(world):
    put(world, [watch("i3"), watch("i5", NOW + 60)], "u6", "s-u6")
    assert answer(world, "u6", 500)[:25] == answer(world, "u6")


def test_a_new_user_moves_away_from_the_popular_list_with_the_first_event(world):
    popular = answer(world, "nobody")
    assert answer(world, "newcomer") == popular
    put(world, [watch("never-seen")], "newcomer", "s-new")
    assert answer(world, "newcomer") == popular, "no known item yet"
    put(world, [watch("i14")], "newcomer", "s-new")
    own = answer(world, "newcomer")
    assert own != popular
    # Everybody whose taste is even goes from i14 to i16.
    assert own[0][0] == "i16", own
    assert answer(world, "nobody") == popular


def test_the_same_event_id_counts_once(world):
    put(world, [watch("i20", eventId="once")], "dup-a", "s-dup-a")
    once = answer(world, "dup-a")
    put(world, [watch("i30", NOW + 60, eventId="once")], "dup-a", "s-dup-a")
    assert answer(world, "dup-a") == once
    put(world, [watch("i30", NOW + 60, eventId="twice")], "dup-a", "s-dup-a")
    assert answer(world, "dup-a") != once


def test_a_repeated_call_without_event_ids_counts_once(world):
    put(world, [watch("i20"), watch("i22", NOW + 60)], "dup-b", "s-dup-b")
    once = answer(world, "dup-b")
    put(world, [watch("i20"), watch("i22", NOW + 60)], "dup-b", "s-dup-b")
    assert answer(world, "dup-b") == once
    # A user for whom they came once has the same list.
    put(world, [watch("i20"), watch("i22", NOW + 60)], "dup-c", "s-dup-c")
    assert answer(world, "dup-c") == once


def test_an_anonymous_session_stands_for_a_user_until_it_is_known(world):
    popular = answer(world, "nobody")
    put(world, [watch("i11", NOW), watch("i13", NOW + 60)], session="tab")
    anonymous = answer(world, "tab")
    assert anonymous != popular
    assert answer(world, "visitor") == popular
    # The login brings the visit along, and so does what the client says without the user afterwards.
    put(world, [watch("i15", NOW + 120)], "visitor", "tab")
    put(world, [watch("i17", NOW + 180)], session="tab")
    known = answer(world, "visitor")
    put(world, [watch(f"i{n}", NOW + 30 * (n - 11)) for n in (11, 13, 15, 17)], "always-known", "other-tab")
    assert answer(world, "always-known") == known != anonymous


def test_types_that_were_not_trained_on_do_not_steer(server, world):
    p = world.p
    solution = p.create_solution(
        name="live-typed", datasetGroupArn=world.group, recipeArn=HRNN, eventType="watch", solutionConfig=SMALL
    )["solutionArn"]
    typed = SimpleNamespace(**{**vars(world), "solution": solution})
    typed.campaign = p.create_campaign(name="live-typed", solutionVersionArn=train(typed))["campaignArn"]
    assert wait(p.describe_campaign, "campaign", campaignArn=typed.campaign)["status"] == "ACTIVE"
    before, plain = answer(typed, "u9"), answer(world, "u9")
    put(world, [watch("i30") | {"eventType": "Click"}], "u9", "s-u9")
    assert answer(typed, "u9") == before
    assert answer(world, "u9") != plain
    put(world, [watch("i32", NOW + 60) | {"eventType": "WATCH"}], "u9", "s-u9")
    assert answer(typed, "u9") != before


BROKEN_EVENTS = [
    ({"eventType": "x" * 257}, "eventType"),
    ({"eventType": ""}, "eventType"),
    ({"eventType": None}, "eventType"),
    ({"sentAt": None}, "sentAt"),
    ({"eventId": "x" * 257}, "eventId"),
    ({"itemId": "x" * 257}, "itemId"),
    ({"itemId": ""}, "itemId"),
    ({"properties": "no json"}, "properties"),
    ({"properties": json.dumps({"device": "x" * 1024})}, "properties"),
    ({"properties": '{"userId": "u1"}'}, "userId"),
    ({"properties": '{"director": "x"}'}, "director"),
    ({"properties": '{"numRatings": "many"}'}, "numRatings"),
    ({"recommendationId": "x" * 41}, "recommendationId"),
    ({"impression": []}, "impression"),
    ({"impression": ["x"] * 26}, "impression"),
    ({"metricAttribution": {"eventAttributionSource": "x" * 1025}}, "eventAttributionSource"),
    ({"metricAttribution": {}}, "eventAttributionSource"),
]


@pytest.fixture(scope="module")
def unchecked_events(server):
    return server.client("personalize-events", parameter_validation=False)


@pytest.mark.parametrize("broken, word", BROKEN_EVENTS)
def test_each_broken_rule_of_an_event_is_named(world, unchecked_events, broken, word):
    event = {key: value for key, value in (watch("i1") | broken).items() if value is not None}
    with pytest.raises(unchecked_events.exceptions.InvalidInputException, match=word):
        unchecked_events.put_events(trackingId=world.tracking, sessionId="s", userId="broken", eventList=[event])


@pytest.mark.parametrize(
    "broken, word",
    [
        ({"trackingId": "00000000-0000-4000-8000-000000000000"}, "trackingId"),
        ({"trackingId": "nonsense"}, "trackingId"),
        ({"trackingId": None}, "trackingId"),
        ({"sessionId": None}, "sessionId"),
        ({"sessionId": "x" * 257}, "sessionId"),
        ({"userId": "x" * 257}, "userId"),
        ({"eventList": []}, "eventList"),
        ({"eventList": [watch("i1")] * 11}, "eventList"),
    ],
)
def test_each_broken_rule_of_a_call_is_named(world, unchecked_events, broken, word):
    whole = {"trackingId": world.tracking, "sessionId": "s", "userId": "broken", "eventList": [watch("i1")]}
    request = {key: value for key, value in (whole | broken).items() if value is not None}
    with pytest.raises(unchecked_events.exceptions.InvalidInputException, match=word):
        unchecked_events.put_events(**request)


def test_one_broken_event_keeps_the_whole_call_out(world, unchecked_events):
    before = answer(world, "u12")
    with pytest.raises(ClientError):
        unchecked_events.put_events(
            trackingId=world.tracking,
            sessionId="s-u12",
            userId="u12",
            eventList=[watch("i31"), watch("i33") | {"properties": '{"director": "x"}'}],
        )
    assert answer(world, "u12") == before


def test_items_and_users_are_held_to_their_schemas(world, unchecked_events):
    items, users = world.datasets["Items"], world.datasets["Users"]
    good = json.dumps({"genres": ["Drama", "War"], "creationTimestamp": NOW})
    world.events.put_items(datasetArn=items, items=[{"itemId": "i1", "properties": good}])
    world.events.put_users(
        datasetArn=users, users=[{"userId": "u1", "properties": json.dumps({"creationTimestamp": 1, "country": None})}]
    )
    put_items = lambda arn, properties: unchecked_events.put_items(
        datasetArn=arn, items=[{"itemId": "i1", "properties": properties}]
    )
    for arn, properties, error, word in [
        (items, "{}", "InvalidInputException", "CREATION_TIMESTAMP"),
        (items, '{"creationTimestamp": "x"}', "InvalidInputException", "creationTimestamp"),
        (items, '{"creationTimestamp": 1, "director": "x"}', "InvalidInputException", "director"),
        (users, good, "InvalidInputException", "ITEMS"),
        (world.group, good, "InvalidInputException", "dataset"),
        (items.replace("live", "other"), good, "ResourceNotFoundException", "does not exist"),
    ]:
        with pytest.raises(ClientError, match=word) as refused:
            put_items(arn, properties)
        assert refused.value.response["Error"]["Code"] == error
    with pytest.raises(unchecked_events.exceptions.InvalidInputException, match="items"):
        unchecked_events.put_items(datasetArn=items, items=[])


def test_a_group_without_actions_takes_none(world, unchecked_events):
    one = {"actionId": "a", "sessionId": "s", "timestamp": NOW, "eventType": "Taken"}
    for call, request, words in [
        (
            unchecked_events.put_actions,
            {"datasetArn": world.datasets["Items"], "actions": [{"actionId": "a"}]},
            "not the ARN of an ACTIONS dataset",
        ),
        (
            unchecked_events.put_action_interactions,
            {"trackingId": world.tracking, "actionInteractions": [one]},
            "no Action_Interactions dataset",
        ),
    ]:
        with pytest.raises(unchecked_events.exceptions.InvalidInputException, match=words):
            call(**request)


def objects(world, prefix):
    pages = world.s3.get_paginator("list_objects_v2").paginate(Bucket="osusume", Prefix=prefix)
    return [found["Key"] for page in pages for found in page.get("Contents", [])]


def manifests(world, version):
    tail = version.split(":solution/")[1]
    keys = [key for key in objects(world, f"_osusume/training/{tail}/") if key.endswith("manifest.json")]
    return [json.loads(world.s3.get_object(Bucket="osusume", Key=key)["Body"].read()) for key in keys]


def test_the_next_training_has_the_events_and_an_import_leaves_them(server):
    world = open_world(server, "next")
    for n in range(3):
        put(world, [watch(f"fresh-{n}", NOW + 60 * step) for step in range(8)], f"fan-{n}", f"s{n}")
        # The same again, which counts once.
        put(world, [watch(f"fresh-{n}", NOW + 60 * step) for step in range(8)], f"fan-{n}", f"s{n}")
    put(world, [{"eventType": "Search", "sentAt": NOW}], "fan-0", "s0")
    assert "fresh-1" not in [item for item, _ in answer(world, "u1", 100)]

    version = train(world)
    [manifest] = manifests(world, version)
    rows = len(list(data.rows()))
    assert (manifest["rows"], manifest["live_parts"]) == (rows + 24, 1)
    deploy(world, version)
    # A campaign remembers for a second which version it serves.
    for _ in range(40):
        known = [item for item, _ in answer(world, "u1", 100)]
        if {"fresh-0", "fresh-1", "fresh-2"} <= set(known):
            break
        time.sleep(0.05)
    assert {"fresh-0", "fresh-1", "fresh-2"} <= set(known), "the items of events can be recommended now"
    assert answer(world, "fan-1") != answer(world, "nobody")

    # Importing again replaces what was imported, and leaves the events.
    job = world.p.create_dataset_import_job(
        jobName="next-again",
        datasetArn=world.datasets["Interactions"],
        dataSource={"dataLocation": "s3://next/rows.csv"},
        roleArn=ROLE,
        importMode="FULL",
    )["datasetImportJobArn"]
    assert wait(world.p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)["status"] == "ACTIVE"
    [manifest] = manifests(world, train(world))
    assert (manifest["rows"], manifest["live_parts"]) == (rows + 24, 1)

    # An event after the training is in the lists of a deployment that comes later.
    late = train(world)
    put(world, [watch("i16", NOW + 3600)], "u20", "s-u20")
    before = answer(world, "u20")
    deploy(world, late)
    after = answer(world, "u20")
    put(world, [watch("i16", NOW + 3600)], "u20", "s-u20")
    assert answer(world, "u20") == after, "the deployment had counted the event"
    assert [item for item, _ in before[:3]] != []


def test_a_restart_keeps_everything(tmp_path):
    server = Server(tmp_path / "data")
    try:
        world = open_world(server, "kept")
        put(world, [watch("i10"), watch("i12", NOW + 60)], "newcomer", "s")
        put(world, [watch("i11")], session="tab")
        before = {user: answer(world, user) for user in ("newcomer", "tab", "nobody")}
        assert len({json.dumps(found) for found in before.values()}) == 3
        server.process.kill()
        server.process.wait()
        again = Server(tmp_path / "data")
        try:
            world.runtime, world.events = again.client("personalize-runtime"), again.client("personalize-events")
            assert {user: answer(world, user) for user in before} == before
            # The same event is still known, and the session still is a visit without a user.
            put(world, [watch("i10"), watch("i12", NOW + 60)], "newcomer", "s")
            assert answer(world, "newcomer") == before["newcomer"]
            put(world, [watch("i13", NOW + 60)], "visitor", "tab")
            assert answer(world, "visitor") != before["nobody"]
        finally:
            again.stop()
    finally:
        server.log.close()


def test_the_life_of_a_tracker(server, unique):
    p, events = server.client("personalize"), server.client("personalize-events")
    group = p.create_dataset_group(name=unique("tracked"))["datasetGroupArn"]
    name = unique("tracker")
    made = p.create_event_tracker(name=name, datasetGroupArn=group)
    arn, tracking = made["eventTrackerArn"], made["trackingId"]
    described = p.describe_event_tracker(eventTrackerArn=arn)["eventTracker"]
    assert described["status"] == "ACTIVE" and described["trackingId"] == tracking
    assert described["datasetGroupArn"] == group and described["accountId"] == "000000000000"
    assert [t["eventTrackerArn"] for t in p.list_event_trackers(datasetGroupArn=group)["eventTrackers"]] == [arn]
    assert {"name", "eventTrackerArn", "status", "creationDateTime", "lastUpdatedDateTime"} == set(
        p.list_event_trackers(datasetGroupArn=group)["eventTrackers"][0]
    )
    with pytest.raises(p.exceptions.ResourceAlreadyExistsException, match="a group has one"):
        p.create_event_tracker(name=unique("tracker"), datasetGroupArn=group)
    other = p.create_dataset_group(name=unique("tracked"))["datasetGroupArn"]
    with pytest.raises(p.exceptions.ResourceAlreadyExistsException, match="already exists"):
        p.create_event_tracker(name=name, datasetGroupArn=other)
    with pytest.raises(p.exceptions.ResourceInUseException, match="event-tracker"):
        p.delete_dataset_group(datasetGroupArn=group)
    with pytest.raises(events.exceptions.InvalidInputException, match="no Interactions dataset"):
        events.put_events(trackingId=tracking, sessionId="s", eventList=[watch("i1")])
    p.delete_event_tracker(eventTrackerArn=arn)
    wait_gone(lambda **arn: p.describe_event_tracker(**arn), p, eventTrackerArn=arn)
    with pytest.raises(p.exceptions.ResourceNotFoundException):
        p.delete_event_tracker(eventTrackerArn=arn)
    p.delete_dataset_group(datasetGroupArn=group)
    wait_gone(lambda **arn: p.describe_dataset_group(**arn), p, datasetGroupArn=group)


def test_of_trackers_made_at_once_a_name_and_a_group_get_one(server, unique):
    p = server.client("personalize")
    groups = [p.create_dataset_group(name=unique("crowd"))["datasetGroupArn"] for _ in range(8)]
    taken = p.exceptions.ResourceAlreadyExistsException

    def made(name, group):
        try:
            return p.create_event_tracker(name=name, datasetGroupArn=group)["eventTrackerArn"]
        except taken:
            return None

    name = unique("crowd")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        [arn] = filter(None, pool.map(made, [name] * 8, groups))
        owner = p.describe_event_tracker(eventTrackerArn=arn)["eventTracker"]["datasetGroupArn"]
        free = next(group for group in groups if group != owner)
        of_one_group = [*filter(None, pool.map(made, [unique("crowd") for _ in range(8)], [free] * 8))]
    there = [t["eventTrackerArn"] for t in p.list_event_trackers(datasetGroupArn=free)["eventTrackers"]]
    assert there == of_one_group and len(there) <= 1


def test_events_go_with_their_dataset_and_stay_without_their_tracker(server):
    world = open_world(server, "gone")
    p = world.p
    put(world, [watch("fresh", NOW + 60 * step) for step in range(5)], "fan", "s")
    p.delete_event_tracker(eventTrackerArn=world.tracker)
    wait_gone(lambda **arn: p.describe_event_tracker(**arn), p, eventTrackerArn=world.tracker)
    [manifest] = manifests(world, train(world))
    assert manifest["live_parts"] == 1
    p.delete_dataset(datasetArn=world.datasets["Interactions"])
    wait_gone(lambda **arn: p.describe_dataset(**arn), p, datasetArn=world.datasets["Interactions"])
    schema = p.create_schema(name="gone-again", schema=INTERACTIONS)["schemaArn"]
    dataset = p.create_dataset(
        name="gone", schemaArn=schema, datasetGroupArn=world.group, datasetType="Interactions"
    )["datasetArn"]
    job = p.create_dataset_import_job(
        jobName="gone-again", datasetArn=dataset, dataSource={"dataLocation": "s3://gone/rows.csv"}, roleArn=ROLE
    )["datasetImportJobArn"]
    assert wait(p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)["status"] == "ACTIVE"
    assert manifests(world, train(world)) == []
