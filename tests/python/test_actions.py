"""Next best action: actions for users from what they did with items and actions, and what makes them leave."""

import datetime
import json
import random
import time
from types import SimpleNamespace

import pytest

import data
import making
from botocore.exceptions import ClientError
from server import ROLE

RECIPE = "arn:aws:personalize:::recipe/aws-next-best-action"
NOW = int(time.time())
DAY = 86_400
USERS = 160
# Those of one parity are taken by users who like items of that parity.
TASTES = ["even-1", "odd-1", "even-2", "odd-2"]
RULED = {"expired": f"1,,{NOW - DAY},", "cold": "900,,,", "repeats": "1,,,1"}
ACTIONS = "ACTION_ID,VALUE,TYPE,ACTION_EXPIRATION_TIMESTAMP,REPEAT_FREQUENCY"
NAME = "next-best-action"


def record(name, *fields):
    fields = [{"name": n, "type": t} if isinstance(t, (str, list)) else {"name": n, **t} for n, t in fields]
    return json.dumps(
        {
            "type": "record",
            "name": name,
            "namespace": "com.amazonaws.personalize.schema",
            "fields": fields,
            "version": "1.0",
        }
    )


ACTIONS_SCHEMA = record(
    "Actions",
    ("ACTION_ID", "string"),
    ("VALUE", ["null", "long"]),
    ("TYPE", {"type": ["null", "string"], "categorical": True}),
    ("ACTION_EXPIRATION_TIMESTAMP", ["null", "long"]),
    ("REPEAT_FREQUENCY", ["null", "long"]),
)
OUTCOMES_SCHEMA = record(
    "ActionInteractions",
    ("USER_ID", "string"),
    ("ACTION_ID", "string"),
    ("EVENT_TYPE", "string"),
    ("TIMESTAMP", "long"),
)


def items():
    lines = ["USER_ID,ITEM_ID,TIMESTAMP"]
    draws = random.Random(1)
    for user in range(USERS):
        for step in range(12):
            lines.append(f"u{user},i{2 * draws.randrange(20) + user % 2},{NOW - 20 * DAY + 60 * step}")
    return ("\n".join(lines) + "\n").encode()


def actions():
    lines = [ACTIONS]
    lines += [f"{name},{1 if name.endswith('1') else 5},{name[:-2]},,{30 if name.endswith('2') else ''}" for name in TASTES]
    lines += [f"{name},{rest.replace(',,', ',rule,', 1)}" for name, rest in RULED.items()]
    return ("\n".join(lines) + "\n").encode()


def outcomes():
    """Three in four take an action of their taste, one in ten another."""
    draws = random.Random(2)
    lines = ["USER_ID,ACTION_ID,EVENT_TYPE,TIMESTAMP"]
    # The last of them are asked about, and did nothing with actions yet.
    for user in range(USERS - 20):
        for at, name in enumerate([*TASTES, "expired", "repeats"]):
            own = (user % 2 == 1) == name.startswith("odd")
            when = NOW - 19 * DAY + 60 * at
            took = draws.random() < (0.75 if own else 0.1)
            lines.append(f"u{user},{name},{'Taken' if took else draws.choice(['Not Taken', 'VIEWED'])},{when}")
    return ("\n".join(lines) + "\n").encode()


def imported(p, s3, dataset, name, body, **more):
    s3.put_object(Bucket=NAME, Key=f"files/{name}.csv", Body=body)
    making.imported(p, dataset, f"s3://{NAME}/files/{name}.csv", f"{NAME}-{name}", **more)


def open_world(server):
    """A group with everything, and a campaign of the recipe."""
    p, s3 = server.client("personalize"), server.client("s3", s3={"addressing_style": "path"})
    s3.create_bucket(Bucket=NAME)
    group = p.create_dataset_group(name=NAME)["datasetGroupArn"]
    datasets = {}
    for kind, schema, body in [
        ("Interactions", data.interactions_schema(), items()),
        ("Actions", ACTIONS_SCHEMA, actions()),
        ("Action_Interactions", OUTCOMES_SCHEMA, outcomes()),
    ]:
        name = kind.replace("_", "-")
        schema = p.create_schema(name=f"{NAME}-{name}", schema=schema)["schemaArn"]
        arn = p.create_dataset(
            name=f"{NAME}-{name}", schemaArn=schema, datasetGroupArn=group, datasetType=kind
        )["datasetArn"]
        datasets[kind] = arn
        imported(p, s3, arn, name, body)
    solution = p.create_solution(name=NAME, datasetGroupArn=group, recipeArn=RECIPE)["solutionArn"]
    world = SimpleNamespace(
        p=p,
        s3=s3,
        events=server.client("personalize-events"),
        runtime=server.client("personalize-runtime"),
        group=group,
        datasets=datasets,
        solution=solution,
        tracking=p.describe_dataset(datasetArn=datasets["Action_Interactions"])["dataset"]["trackingId"],
    )
    world.version = train(world)
    world.campaign = making.deployed(p, NAME, world.version)
    return world


@pytest.fixture(scope="module")
def nba(server):
    return open_world(server)


def train(nba):
    return making.trained(nba.p, nba.solution)


def answer(nba, user, n=100, **more):
    got = nba.runtime.get_action_recommendations(campaignArn=nba.campaign, userId=user, numResults=n, **more)
    assert got["recommendationId"].startswith("RID-")
    return [(action["actionId"], action["score"]) for action in got["actionList"]]


def names(list_):
    return [name for name, _ in list_]


def interact(nba, user, action, event_type="Taken", at=None, **more):
    when = datetime.datetime.fromtimestamp(NOW if at is None else at, datetime.timezone.utc)
    one = {"actionId": action, "sessionId": f"s-{user}", "timestamp": when, "eventType": event_type, **more}
    if user is not None:
        one["userId"] = user
    nba.events.put_action_interactions(trackingId=nba.tracking, actionInteractions=[one])


def refused(call, **request):
    with pytest.raises(ClientError) as error:
        call(**request)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_the_recipe_is_described(personalize):
    recipe = personalize.describe_recipe(recipeArn=RECIPE)["recipe"]
    assert (recipe["recipeType"], recipe["status"]) == ("PERSONALIZED_ACTIONS", "ACTIVE")
    assert RECIPE in [r["recipeArn"] for r in personalize.list_recipes()["recipes"]]
    arn = recipe["featureTransformationArn"]
    feature = personalize.describe_feature_transformation(featureTransformationArn=arn)["featureTransformation"]
    assert feature["defaultParameters"] == {"action_optimization_period": "14"}


def test_it_beats_the_popularity_of_actions(nba):
    metrics = nba.p.get_solution_metrics(solutionVersionArn=nba.version)["metrics"]
    assert set(metrics) == {"area_under_the_curve", "coverage", "precision", "recall"}
    # Who knows nothing but how often an action is taken has about a half, who knows the taste 0.83.
    assert metrics["area_under_the_curve"] > 0.7, metrics


def test_users_get_actions_of_their_taste_with_probabilities(nba):
    for user in range(USERS - 20, USERS):
        list_ = answer(nba, f"u{user}")
        own, other = ("odd", "even") if user % 2 else ("even", "odd")
        scores = dict(list_)
        assert all(0.0 <= score <= 1.0 for score in scores.values())
        assert min(s for n, s in list_ if n.startswith(own)) > max(s for n, s in list_ if n.startswith(other)), list_
        known = [score for name, score in list_ if name != "cold"]
        assert known == sorted(known, reverse=True)
        assert answer(nba, f"u{user}") == list_
        assert answer(nba, f"u{user}", 2) == list_[:2]
    assert len(nba.runtime.get_action_recommendations(campaignArn=nba.campaign, userId="u1")["actionList"]) == 5
    assert answer(nba, "u1", 0) == []


def test_actions_without_outcomes_are_explored_with_a_score_of_nothing(nba):
    lists = [answer(nba, f"new{n}") for n in range(60)]
    assert all(dict(list_)["cold"] == 0.0 for list_ in lists[:3])
    first = sum(names(list_)[0] == "cold" for list_ in map(lambda n: answer(nba, f"u{n}"), range(USERS)))
    assert 0 < first < USERS / 2, first


def test_an_action_that_has_expired_is_never_recommended(nba):
    for user in ["u1", "u150", "nobody"]:
        assert "expired" not in names(answer(nba, user))


def test_a_taken_action_leaves_the_next_answer_of_its_user_alone(nba):
    before, others = answer(nba, "u150"), answer(nba, "u152")
    interact(nba, "u150", "even-2")
    after = answer(nba, "u150")
    assert "even-2" in names(before) and "even-2" not in names(after)
    assert set(names(before)) - set(names(after)) == {"even-2"}
    assert answer(nba, "u152") == others
    # Seeing and declining one does not take it away.
    interact(nba, "u152", "even-2", "Viewed")
    interact(nba, "u152", "even-1", "Not Taken")
    assert {"even-1", "even-2"} <= set(names(answer(nba, "u152")))


def test_it_comes_back_after_its_repeat_frequency(nba):
    interact(nba, "u154", "repeats", at=NOW - 2 * DAY)
    assert "repeats" in names(answer(nba, "u154")), "a day is enough"
    interact(nba, "u154", "repeats", at=NOW - DAY // 2)
    assert "repeats" not in names(answer(nba, "u154"))
    # Of those who took it 19 days ago in the imported data nobody has to wait; 30 days are not over yet.
    took = [row.split(",")[0] for row in outcomes().decode().splitlines() if ",repeats,Taken," in row]
    assert "repeats" in names(answer(nba, took[0]))
    took = [row.split(",")[0] for row in outcomes().decode().splitlines() if ",even-2,Taken," in row]
    assert all("even-2" not in names(answer(nba, user)) for user in took[:5])


def test_the_same_event_id_counts_once(nba):
    interact(nba, "dup", "even-1", "Viewed", eventId="once")
    interact(nba, "dup", "even-1", "Taken", eventId="once")
    assert "even-1" in names(answer(nba, "dup"))
    interact(nba, "dup", "even-1", "Taken", eventId="twice")
    assert "even-1" not in names(answer(nba, "dup"))


def test_an_anonymous_session_hands_over_what_it_took(nba):
    one = {"actionId": "odd-1", "sessionId": "tab", "timestamp": NOW, "eventType": "TAKEN"}
    nba.events.put_action_interactions(trackingId=nba.tracking, actionInteractions=[one])
    assert "odd-1" not in names(answer(nba, "tab")) and "odd-1" in names(answer(nba, "visitor"))
    one |= {"actionId": "odd-2", "userId": "visitor", "eventType": "Viewed"}
    nba.events.put_action_interactions(trackingId=nba.tracking, actionInteractions=[one])
    assert "odd-1" not in names(answer(nba, "visitor"))


def test_what_users_do_with_items_moves_their_actions(nba):
    tracker = nba.p.create_event_tracker(name=NAME, datasetGroupArn=nba.group)
    before = dict(answer(nba, "shopper"))
    at = lambda n: datetime.datetime.fromtimestamp(NOW + n, datetime.timezone.utc)
    events = [{"eventType": "Buy", "itemId": f"i{2 * n + 1}", "sentAt": at(n)} for n in range(8)]
    nba.events.put_events(trackingId=tracker["trackingId"], userId="shopper", sessionId="s", eventList=events)
    after = dict(answer(nba, "shopper"))
    assert after["odd-1"] > before["odd-1"] and after["even-1"] < before["even-1"], (before, after)
    # The group's tracker takes action interactions too.
    one = {"actionId": "odd-1", "userId": "shopper", "sessionId": "s", "timestamp": NOW, "eventType": "Taken"}
    nba.events.put_action_interactions(trackingId=tracker["trackingId"], actionInteractions=[one])
    assert "odd-1" not in names(answer(nba, "shopper"))
    # A session whose user an event with an item tells hands over what it did with actions.
    one = {"actionId": "odd-2", "sessionId": "unnamed", "timestamp": NOW, "eventType": "Taken"}
    nba.events.put_action_interactions(trackingId=nba.tracking, actionInteractions=[one])
    assert "odd-2" in names(answer(nba, "named"))
    nba.events.put_events(trackingId=tracker["trackingId"], userId="named", sessionId="unnamed", eventList=events[:1])
    assert "odd-2" not in names(answer(nba, "named"))


def test_actions_are_filtered(nba):
    make = lambda name, text: nba.p.create_filter(
        name=f"{NAME}-{name}", datasetGroupArn=nba.group, filterExpression=text
    )["filterArn"]
    typed = make("typed", "INCLUDE ActionID WHERE Actions.TYPE IN ($TYPE)")
    got = answer(nba, "u147", filterArn=typed, filterValues={"TYPE": '"odd"'})
    assert sorted(names(got)) == ["odd-1", "odd-2"]
    stored = [one for one in answer(nba, "u147") if one[0].startswith("odd")]
    assert names(stored) == names(got)
    # Stored scores are kept to a thousandth.
    assert all(abs(ours - theirs) < 2e-3 for (_, ours), (_, theirs) in zip(got, stored)), (got, stored)
    unseen = make("unseen", 'EXCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ("viewed", "not taken")')
    interact(nba, "u147", "odd-2", "Viewed")
    assert "odd-2" not in names(answer(nba, "u147", filterArn=unseen))
    dear = make("dear", "INCLUDE ActionID WHERE Actions.VALUE >= 5 | EXCLUDE ActionID WHERE Action_Interactions.ACTION_ID IN (\"even-2\")")
    assert "even-2" in names(answer(nba, "u149", filterArn=dear))
    interact(nba, "u149", "even-2", "Viewed")
    assert set(names(answer(nba, "u149", filterArn=dear))) == {"odd-2", "cold"}
    for text, words in [
        ("INCLUDE ActionID WHERE Items.PRICE > 1", "a filter of actions tests columns of Actions"),
        ("INCLUDE ItemID WHERE Actions.VALUE > 1", "a filter of items tests columns of Items"),
        ("INCLUDE ActionID WHERE Actions.COLOUR IN (\"red\")", "no column of the Actions dataset"),
    ]:
        code, message = refused(
            nba.p.create_filter, name=f"{NAME}-bad", datasetGroupArn=nba.group, filterExpression=text
        )
        assert code == "InvalidInputException" and words in message, message
    of_items = make("items", 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")')
    code, message = refused(
        nba.runtime.get_action_recommendations, campaignArn=nba.campaign, userId="u1", filterArn=of_items
    )
    assert code == "InvalidInputException" and "one of ActionID" in message, message


def test_each_operation_has_its_recipes(nba, world, runtime):
    code, message = refused(runtime.get_recommendations, campaignArn=nba.campaign, userId="u1")
    assert code == "InvalidInputException" and "use GetActionRecommendations" in message, message
    code, message = refused(runtime.get_action_recommendations, campaignArn=world.campaign, userId="u1")
    assert code == "InvalidInputException" and "use GetRecommendations" in message, message
    request = {"campaignArn": nba.campaign, "userId": "u1", "inputList": ["i1"]}
    code, message = refused(runtime.get_personalized_ranking, **request)
    assert code == "InvalidInputException" and "use GetActionRecommendations" in message, message
    code, message = refused(runtime.get_action_recommendations, campaignArn=nba.campaign)
    assert code == "InvalidInputException" and "userId" in message, message
    code, message = refused(
        nba.p.create_batch_inference_job,
        jobName=NAME,
        solutionVersionArn=nba.version,
        jobInput={"s3DataSource": {"path": f"s3://{NAME}/x.json"}},
        jobOutput={"s3DataDestination": {"path": f"s3://{NAME}/out/"}},
        roleArn=ROLE,
    )
    assert code == "InvalidInputException" and "GetActionRecommendations" in message, message


def test_what_is_put_is_in_the_next_training(nba):
    dataset = nba.datasets["Actions"]
    nba.events.put_actions(
        datasetArn=dataset,
        actions=[{"actionId": "put", "properties": '{"value": 7, "type": "even"}'}, {"actionId": "even-1", "properties": "{}"}],
    )
    # Incremental rows join, and one of a known id replaces it.
    more = f"{ACTIONS}\nincremental,2,odd,,\nodd-1,2,odd,{NOW - DAY},\n"
    imported(nba.p, nba.s3, dataset, "more-actions", more.encode(), importMode="INCREMENTAL")
    more = f"USER_ID,ACTION_ID,EVENT_TYPE,TIMESTAMP\nu158,even-2,Taken,{NOW - DAY}\n"
    into = nba.datasets["Action_Interactions"]
    imported(nba.p, nba.s3, into, "more-outcomes", more.encode(), importMode="INCREMENTAL")
    interact(nba, "u158", "odd-2")
    assert not {"put", "incremental"} & set(names(answer(nba, "u1")))
    version = train(nba)
    # What no training has read is in the lists all the same.
    interact(nba, "u156", "even-2")
    nba.p.update_campaign(campaignArn=nba.campaign, solutionVersionArn=version)
    deadline = time.monotonic() + 60
    while "put" not in names(answer(nba, "nobody")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    found = set(names(answer(nba, "nobody")))
    assert {"put", "incremental", "even-1"} <= found and "odd-1" not in found, found
    assert not {"even-2", "odd-2"} & set(names(answer(nba, "u158")))
    assert "even-2" not in names(answer(nba, "u156"))


def test_actions_cannot_be_exported_and_their_schemas_stay(nba):
    for kind in ["Actions", "Action_Interactions"]:
        dataset = nba.datasets[kind]
        code, message = refused(
            nba.p.create_dataset_export_job,
            jobName=f"{NAME}-export",
            datasetArn=dataset,
            roleArn=ROLE,
            jobOutput={"s3DataDestination": {"path": f"s3://{NAME}/out/"}},
        )
        assert code == "InvalidInputException" and "cannot be exported" in message, message
        schema = nba.p.describe_dataset(datasetArn=dataset)["dataset"]["schemaArn"]
        code, message = refused(nba.p.update_dataset, datasetArn=dataset, schemaArn=schema)
        assert code == "InvalidInputException" and kind in message, message


@pytest.mark.parametrize(
    "schema, words",
    [
        (record("Actions", ("VALUE", "long")), "ACTION_ID"),
        (record("Actions", ("ACTION_ID", "string")), "at least one metadata field"),
        (record("Actions", ("ACTION_ID", "string"), ("REPEAT_FREQUENCY", "string")), "REPEAT_FREQUENCY"),
        (record("Action_Interactions", ("USER_ID", "string"), ("ACTION_ID", "string")), "EVENT_TYPE"),
        (
            record("Actions", ("ACTION_ID", "string"), *((f"C{n}", ["null", "long"]) for n in range(11))),
            "at most 10",
        ),
    ],
)
def test_schemas_of_actions_are_checked(personalize, unique, schema, words):
    code, message = refused(personalize.create_schema, name=unique("nba"), schema=schema)
    assert code == "InvalidInputException" and words in message, message


def test_rules_of_events_and_groups(nba, personalize, unique):
    put = nba.events.put_action_interactions
    one = {"actionId": "even-1", "sessionId": "s", "timestamp": NOW, "eventType": "Taken"}
    invalid, unknown = "InvalidInputException", "ResourceNotFoundException"
    for tracking, change, expected, words in [
        (nba.tracking, {"eventType": "Purchase"}, invalid, "Taken, Not Taken or Viewed"),
        (nba.tracking, {"properties": '{"colour": "red"}'}, invalid, "no column"),
        ("00000000-0000-0000-0000-000000000000", {}, unknown, "trackingId"),
    ]:
        code, message = refused(put, trackingId=tracking, actionInteractions=[one | change])
        assert code == expected and words in message, message
    request = {"datasetArn": nba.datasets["Interactions"], "actions": [{"actionId": "x"}]}
    code, message = refused(nba.events.put_actions, **request)
    assert code == "InvalidInputException" and "ACTIONS" in message, message
    group = personalize.create_dataset_group(name=unique("shop"), domain="ECOMMERCE")["datasetGroupArn"]
    schema = nba.p.describe_dataset(datasetArn=nba.datasets["Actions"])["dataset"]["schemaArn"]
    code, message = refused(
        personalize.create_dataset, name="a", schemaArn=schema, datasetGroupArn=group, datasetType="Actions"
    )
    assert code == "InvalidInputException" and "custom dataset groups" in message, message
    bare = personalize.create_dataset_group(name=unique("bare"))["datasetGroupArn"]
    code, message = refused(nba.p.create_solution, name=unique("s"), datasetGroupArn=bare, recipeArn=RECIPE,
        solutionConfig={"featureTransformationParameters": {"action_optimization_period": "6"}})
    assert code == "InvalidInputException" and "7 to 28" in message, message
