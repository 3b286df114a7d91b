"""What a training is told to look at: event types with weights, columns, an objective, the version before."""

import json
import random
from types import SimpleNamespace

import pytest

from making import deployed, imported, trained, until
from server import wait

BUCKET = "choices"
RECIPE = "arn:aws:personalize:::recipe/"
USERS, EACH, KIND = 90, 20, 20
BOUGHT = {f"bought{n}" for n in range(KIND)}
SMALL = {"algorithmHyperParameters": {"hidden_dimension": "32"}}
WEIGHTED_NDCG = "normalized_discounted_cumulative_gain_with_event_weights_at_k"
NDCG = "normalized_discounted_cumulative_gain_at_25"


def schema(name, *fields):
    columns = [{"name": column, "type": kind, **more} for column, kind, more in fields]
    document = {"type": "record", "name": name, "namespace": "com.amazonaws.personalize.schema", "fields": columns}
    return json.dumps({**document, "version": "1.0"})


def text(name, **more):
    return name, "string", more


INTERACTIONS = schema(
    "Interactions",
    text("USER_ID"),
    text("ITEM_ID"),
    ("TIMESTAMP", "long", {}),
    text("EVENT_TYPE"),
    ("EVENT_VALUE", ["null", "float"], {}),
)
ITEMS = schema(
    "Items",
    text("ITEM_ID"),
    text("COLOUR", categorical=True),
    ("PRICE", "float", {}),
    ("STOCK", ["null", "int"], {}),
    text("NOTE", textual=True),
)


def interactions(start=1_700_000_000):
    """Everybody looks at things at random, and buys others at random half as often."""
    draw = random.Random(5)
    lines = ["USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE"]
    for user in range(USERS):
        for step in range(EACH):
            buys = draw.random() < 1 / 3
            item = f"{'bought' if buys else 'viewed'}{draw.randrange(KIND)}"
            value = "" if buys else f"0.{draw.randrange(10)}"
            lines.append(f"u{user},{item},{start + 60 * step},{'Buy' if buys else 'View'},{value}")
    return "\n".join(lines).encode()


def price(item):
    return 1 + 7 * (int(item[6:]) * 13 % KIND)


def items(turned=0):
    """Colours go round the items; `turned` has others of one colour."""
    lines = ["ITEM_ID,COLOUR,PRICE,STOCK,NOTE"]
    for number, item in enumerate(f"{kind}{n}" for kind in ("bought", "viewed") for n in range(KIND)):
        lines.append(f"{item},{['red', 'blue', 'green'][number // (2 + turned) % 3]},{price(item)}.0,,a note")
    return "\n".join(lines).encode()


def filled(p, s3, name, turned=0):
    group = p.create_dataset_group(name=name)["datasetGroupArn"]
    for kind, avro, body in (("Interactions", INTERACTIONS, interactions()), ("Items", ITEMS, items(turned))):
        s3.put_object(Bucket=BUCKET, Key=f"{name}-{kind}.csv", Body=body)
        made = p.create_schema(name=f"{name}-{kind}", schema=avro)["schemaArn"]
        dataset = p.create_dataset(name=kind, schemaArn=made, datasetGroupArn=group, datasetType=kind)["datasetArn"]
        imported(p, dataset, f"s3://{BUCKET}/{name}-{kind}.csv", f"{name}-{kind}")
    return group


@pytest.fixture(scope="module")
def shop(personalize, server):
    s3 = server.client("s3", s3={"addressing_style": "path"})
    s3.create_bucket(Bucket=BUCKET)
    return SimpleNamespace(
        s3=s3, group=filled(personalize, s3, "choices-shop"), turned=filled(personalize, s3, "shop-turned", turned=1)
    )


def weights(**types):
    listed = [{"eventType": name, "weight": weight} for name, weight in types.items()]
    return {"eventsConfig": {"eventParametersList": listed}}


def solution(p, name, group, recipe, config=None, **more):
    given = {} if config is None else {"solutionConfig": config}
    return p.create_solution(name=name, datasetGroupArn=group, recipeArn=RECIPE + recipe, **given, **more)["solutionArn"]


def version(p, unique, group, recipe, **config):
    small = SMALL if "hrnn" in recipe or "personali" in recipe else {}
    return trained(p, solution(p, unique("choice"), group, recipe, {**small, **config}))


def lists(p, runtime, unique, version, users=("u1", "u2", "nobody"), k=10, **config):
    """What some users get, with scores where there are any."""
    config = {"campaignConfig": config} if config else {}
    campaign = deployed(p, unique("choice"), version, **config)
    ask = lambda user: runtime.get_recommendations(campaignArn=campaign, userId=user, numResults=k)["itemList"]
    return campaign, [[(one["itemId"], one.get("score")) for one in ask(user)] for user in users]


def metrics(p, version):
    return p.get_solution_metrics(solutionVersionArn=version)["metrics"]


def share_bought(lists):
    names = [item for found in lists for item, _ in found]
    return sum(item in BOUGHT for item in names) / len(names)


@pytest.mark.parametrize("recipe", ["aws-hrnn", "aws-popularity-count"])
def test_weights_of_event_types_decide_what_is_recommended(personalize, runtime, shop, unique, recipe):
    p = personalize
    plain = version(p, unique, shop.group, recipe)
    buying = version(p, unique, shop.group, recipe, **weights(Buy=1.0, View=0.05))
    viewing = version(p, unique, shop.group, recipe, **weights(buy=0.05, VIEW=1.0))
    shares = [share_bought(lists(p, runtime, unique, of)[1]) for of in (viewing, plain, buying)]
    assert shares[0] <= shares[1] < 0.5 < 0.8 < shares[2], shares
    assert shares[0] < 0.2
    assert WEIGHTED_NDCG not in metrics(p, plain)
    # Who recommends what is bought gains more where buying counts.
    assert 0 < metrics(p, buying)[WEIGHTED_NDCG] <= 1


def test_types_that_weigh_the_same_weigh_nothing_and_only_the_ratio_counts(personalize, runtime, shop, unique):
    p = personalize
    answers = lambda **config: lists(p, runtime, unique, version(p, unique, shop.group, "aws-hrnn", **config))[1]
    plain = answers()
    assert answers(**weights(Buy=0.3, View=0.3)) == plain
    one = answers(**weights(Buy=0.3, View=0.1))
    assert one == answers(**weights(Buy=0.6, View=0.2))
    assert one != plain


def test_only_the_events_that_are_listed_are_trained_on(personalize, shop, unique):
    p = personalize

    def reason(*types):
        config = {"eventsConfig": {"eventParametersList": list(types)}}
        arn = solution(p, unique("few"), shop.group, "aws-popularity-count", config)
        started = p.create_solution_version(solutionArn=arn)["solutionVersionArn"]
        return wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=started).get("failureReason")

    text = interactions().decode().splitlines()[1:]
    buys = sum(",Buy," in line for line in text)
    high = sum(",View," in line and line.endswith(("0.9", "0.8", "0.7")) for line in text)
    assert f"after filtering by event type: Buy. There are {buys}." in reason({"eventType": "Buy"})
    # A threshold is that of its type alone: nothing that was bought has a value. 0.7 reaches 0.7.
    views = {"eventType": "View", "eventValueThreshold": 0.7}
    assert f"event type: View. There are {high}." in reason(views)
    assert reason({"eventType": "Buy"}, {"eventType": "View", "eventValueThreshold": 0.2}) is None


def test_event_types_are_shown_and_can_be_changed(personalize, shop, unique):
    p = personalize
    listed = [{"eventType": "Buy", "eventValueThreshold": 0.5, "weight": 1.0}, {"eventType": "View"}]
    config = {"eventsConfig": {"eventParametersList": listed}}
    arn = solution(p, unique("shown"), shop.group, "aws-hrnn", {**SMALL, **config})
    assert p.describe_solution(solutionArn=arn)["solution"]["solutionConfig"]["eventsConfig"] == config["eventsConfig"]
    other = weights(Buy=0.2, View=0.1)
    p.update_solution(solutionArn=arn, solutionUpdateConfig=other)
    now = p.describe_solution(solutionArn=arn)["solution"]
    assert now["solutionConfig"]["eventsConfig"] == other["eventsConfig"]
    assert now["latestSolutionUpdate"]["solutionUpdateConfig"] == other
    made = p.describe_solution_version(solutionVersionArn=trained(p, arn))["solutionVersion"]
    assert made["solutionConfig"]["eventsConfig"] == other["eventsConfig"]


def columns(**maps):
    return {"trainingDataConfig": {f"{name}DatasetColumns": columns for name, columns in maps.items()}}


def test_what_does_not_fit_is_refused_by_name(personalize, shop, unique):
    p = personalize
    objective = lambda **more: {"optimizationObjective": more}
    hrnn, personal = "aws-hrnn", "aws-user-personalization"
    twice = {"eventsConfig": {"eventParametersList": [{"eventType": "Buy"}, {"eventType": "buy"}]}}
    for recipe, config, more, words in [
        (hrnn, weights(Buy=1.0), {"eventType": "Buy"}, ["eventType", "eventsConfig"]),
        (hrnn, {**weights(Buy=1.0), "eventValueThreshold": "1"}, {}, ["eventValueThreshold", "eventsConfig"]),
        (hrnn, twice, {}, ["twice"]),
        (hrnn, weights(Buy=0.0, View=0.0), {}, ["weight", "0"]),
        (hrnn, weights(Buy=1.5), {}, ["eventParametersList[0].weight", "less than or equal to 1"]),
        (hrnn, {"eventsConfig": {"eventParametersList": [{"weight": 1.0}]}}, {}, ["[0].eventType"]),
        ("aws-sims", weights(Buy=1.0, View=0.5), {}, ["aws-sims", "weight"]),
        (hrnn, columns(excluded={"Films": ["A"]}), {}, ["Films", "Interactions, Items and Users"]),
        (hrnn, columns(excluded={"Users": ["AGE"]}), {}, ["Users", "no such dataset"]),
        (hrnn, columns(excluded={"Items": ["SIZE"]}), {}, ["SIZE", "COLOUR, PRICE"]),
        (hrnn, columns(excluded={"Interactions": ["EVENT_TYPE"]}), {}, ["EVENT_TYPE", "cannot be excluded"]),
        (hrnn, columns(excluded={"Items": ["ITEM_ID"]}), {}, ["ITEM_ID", "cannot be excluded"]),
        (hrnn, columns(excluded={"Items": ["PRICE"]}, included={"ITEMS": ["COLOUR"]}), {}, ["one of them"]),
        (hrnn, objective(itemAttribute="PRICE", objectiveSensitivity="LOW"), {}, ["aws-hrnn"]),
        (personal, objective(itemAttribute="SIZE"), {}, ["SIZE", "no column"]),
        (personal, objective(itemAttribute="COLOUR"), {}, ["COLOUR", "string"]),
        (personal, objective(itemAttribute="STOCK"), {}, ["STOCK", "null"]),
        (personal, objective(objectiveSensitivity="HIGH"), {}, ["itemAttribute"]),
        (personal, objective(itemAttribute="PRICE", objectiveSensitivity="MOST"), {}, ["objectiveSensitivity"]),
        (hrnn, {}, {"performIncrementalUpdate": True}, ["performAutoTraining"]),
        ("aws-sims", {}, {"performIncrementalUpdate": True, "performAutoTraining": True}, ["no weights"]),
    ]:
        with pytest.raises(p.exceptions.InvalidInputException) as refusal:
            solution(p, unique("refused"), shop.group, recipe, config, **more)
        message = refusal.value.response["Error"]["Message"]
        assert all(word in message for word in words), message
    typed = solution(p, unique("typed"), shop.group, hrnn, eventType="View")
    for change, word in [
        ({"solutionUpdateConfig": weights(Buy=1.0)}, "eventType"),
        ({"performIncrementalUpdate": True}, "performAutoTraining"),
    ]:
        with pytest.raises(p.exceptions.InvalidInputException, match=word):
            p.update_solution(solutionArn=typed, **change)


def test_an_excluded_column_teaches_nothing_and_filters_see_it(personalize, runtime, shop, unique):
    p, recipe = personalize, "aws-hrnn-metadata"

    def answers(group, **config):
        return lists(p, runtime, unique, version(p, unique, group, recipe, **config))

    # The groups differ in the colours of their items alone.
    excluded = columns(excluded={"ITEMS": ["colour"]})
    campaign, without = answers(shop.group, **excluded)
    assert answers(shop.turned, **excluded)[1] == without
    assert answers(shop.turned, **columns(included={"Items": ["PRICE", "STOCK"]}))[1] == without
    _, learnt = answers(shop.group)
    assert learnt != without
    assert answers(shop.turned)[1] != learnt
    only = p.create_filter(
        name=unique("colour"),
        datasetGroupArn=shop.group,
        filterExpression='INCLUDE ItemID WHERE Items.COLOUR IN ("red")',
    )["filterArn"]
    found = runtime.get_recommendations(campaignArn=campaign, userId="u1", numResults=40, filterArn=only)["itemList"]
    red = {line.split(",")[0] for line in items().decode().splitlines() if ",red," in line}
    assert {item["itemId"] for item in found} == red


def test_an_objective_raises_what_the_lists_are_worth(personalize, runtime, shop, unique):
    p, recipe, still = personalize, "aws-user-personalization", {"itemExplorationConfig": {"explorationWeight": "0"}}

    def answers(sensitivity=None):
        objective = {"itemAttribute": "PRICE", "objectiveSensitivity": sensitivity}
        config = {"optimizationObjective": objective} if sensitivity else {}
        made = version(p, unique, shop.group, recipe, **config)
        return metrics(p, made), lists(p, runtime, unique, made, **still)[1]

    worth = lambda lists: sum(price(item) for found in lists for item, _ in found) / sum(map(len, lists))
    (plain, without), (off, ignored) = answers(), answers("OFF")
    assert ignored == without
    assert "average_rewards_at_k" not in plain
    assert 0 < off["average_rewards_at_k"] <= 1
    assert {name: value for name, value in off.items() if name != "average_rewards_at_k"} == plain
    steps = [worth(without)] + [worth(answers(sensitivity)[1]) for sensitivity in ("LOW", "MEDIUM", "HIGH")]
    assert steps == sorted(set(steps)), steps
    dearest = sum(sorted(map(price, [f"bought{n}" for n in range(KIND)] * 2))[-10:]) / 10
    assert steps[-1] > 0.9 * dearest, (steps, dearest)


def test_an_objective_moves_dear_items_up_a_given_list(personalize, runtime, shop, unique):
    p, given = personalize, [f"viewed{n}" for n in range(KIND)]

    def place(sensitivity):
        objective = {"itemAttribute": "price", "objectiveSensitivity": sensitivity}
        made = version(p, unique, shop.group, "aws-personalized-ranking", optimizationObjective=objective)
        campaign = deployed(p, unique("ranking"), made)
        ranked = runtime.get_personalized_ranking(campaignArn=campaign, userId="u3", inputList=given)
        order = [one["itemId"] for one in ranked["personalizedRanking"]]
        return sum(order.index(item) for item in sorted(given, key=price)[-5:])

    # The five dearest of twenty.
    assert place("HIGH") <= 12 < place("OFF")


def test_between_whole_trainings_a_version_goes_on_from_the_one_before(personalize, shop, unique):
    p, name = personalize, unique("steps")
    group = filled(p, shop.s3, name)
    arn = solution(p, name, group, "aws-hrnn", SMALL, performAutoTraining=True, performIncrementalUpdate=True)
    assert p.describe_solution(solutionArn=arn)["solution"]["performIncrementalUpdate"] is True

    def active(count):
        found = p.list_solution_versions(solutionArn=arn)["solutionVersions"]
        ready = len(found) == count and all(one["status"] == "ACTIVE" for one in found)
        return ready and max(found, key=lambda one: one["creationDateTime"])["solutionVersionArn"]

    def newest(count):
        made = until(f"{count} versions", lambda: active(count))
        return p.describe_solution_version(solutionVersionArn=made)["solutionVersion"]

    whole = newest(1)
    assert (whole["trainingMode"], whole["performIncrementalUpdate"]) == ("FULL", False)
    shop.s3.put_object(Bucket=BUCKET, Key=f"{name}-more.csv", Body=interactions(1_700_100_000))
    dataset = group.replace(":dataset-group/", ":dataset/") + "/INTERACTIONS"
    imported(p, dataset, f"s3://{BUCKET}/{name}-more.csv", f"{name}-more", importMode="INCREMENTAL")
    step = newest(2)
    assert (step["trainingMode"], step["performIncrementalUpdate"]) == ("UPDATE", True)
    assert step["trainingType"] == "AUTOMATIC"
    # Other event types are learnt from scratch, at once.
    p.update_solution(solutionArn=arn, solutionUpdateConfig=weights(Buy=1.0, View=0.5))
    assert newest(3)["trainingMode"] == "FULL"
    p.update_solution(solutionArn=arn, performIncrementalUpdate=False)
    now = p.describe_solution(solutionArn=arn)["solution"]
    assert now["performIncrementalUpdate"] is now["latestSolutionUpdate"]["performIncrementalUpdate"] is False
    p.update_solution(solutionArn=arn, performAutoTraining=False)
