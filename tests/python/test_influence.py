"""rankingInfluence: how popular and how new items are weighs in answers, ahead and live alike."""

import json
import random
import time
from types import SimpleNamespace

import pytest

from making import deployed, imported, trained
from server import ROLE, wait

BUCKET = "influence"
USERS, ITEMS, EACH = 120, 60, 20
DAY = 86_400
LATEST = 1_700_000_000
RECIPE = "arn:aws:personalize:::recipe/"


def schema(name, *fields):
    return json.dumps({"type": "record", "name": name, "namespace": "com.amazonaws.personalize.schema",
                       "fields": list(fields), "version": "1.0"})  # fmt: skip


def met():
    """How often users of a taste, which is the half of the films whose numbers are alike modulo 2, meet them:
    the lower the number, the oftener."""
    draw = random.Random(5)
    for user in range(USERS):
        for step in range(EACH):
            film = 2 * int(ITEMS // 2 * draw.random() ** 2) + user % 2
            yield f"u{user}", f"f{film}", LATEST - 10 * DAY + 1_000 * step


def born(film):
    """Days before the last interaction; neither popular nor unpopular films are the younger ones."""
    return 1 + (film * 7 % ITEMS) ** 2


EVENTS = {}
for _, item, _ in met():
    EVENTS[item] = EVENTS.get(item, 0) + 1


@pytest.fixture(scope="module")
def group(personalize, s3):
    p = personalize
    s3.create_bucket(Bucket=BUCKET)
    group = p.create_dataset_group(name="influence")["datasetGroupArn"]
    wait(p.describe_dataset_group, "datasetGroup", datasetGroupArn=group)
    text, long = (lambda name: {"name": name, "type": "string"}), (lambda name: {"name": name, "type": "long"})
    items = [f"f{film},{LATEST - born(film) * DAY},{'AB'[film % 2]}" for film in range(ITEMS)]
    for kind, avro, lines in [
        (
            "Interactions",
            schema("Interactions", text("USER_ID"), text("ITEM_ID"), long("TIMESTAMP")),
            ["USER_ID,ITEM_ID,TIMESTAMP", *(",".join(map(str, row)) for row in met())],
        ),
        (
            "Items",
            schema(
                "Items",
                text("ITEM_ID"),
                long("CREATION_TIMESTAMP"),
                {"name": "GENRES", "type": "string", "categorical": True},
            ),
            ["ITEM_ID,CREATION_TIMESTAMP,GENRES", *items],
        ),
    ]:
        s3.put_object(Bucket=BUCKET, Key=f"{kind}.csv", Body="\n".join(lines).encode())
        made = p.create_schema(name=f"influence-{kind}", schema=avro)["schemaArn"]
        dataset = p.create_dataset(name=f"influence-{kind}", schemaArn=made, datasetGroupArn=group, datasetType=kind)
        imported(p, dataset["datasetArn"], f"s3://{BUCKET}/{kind}.csv", f"influence-{kind}")
    return group


def train(p, group, recipe, **config):
    solution = p.create_solution(
        name=f"influence-{recipe}", datasetGroupArn=group, recipeArn=RECIPE + recipe, solutionConfig=config
    )["solutionArn"]
    return trained(p, solution)


SMALL = {"algorithmHyperParameters": {"hidden_dimension": "32"}}


@pytest.fixture(scope="module")
def served(personalize, group):
    version = train(personalize, group, "aws-user-personalization", **SMALL)
    config = {"itemExplorationConfig": {"explorationWeight": "0"}}
    campaign = deployed(personalize, "influence", version, campaignConfig=config)
    return SimpleNamespace(version=version, campaign=campaign)


def ask(runtime, campaign, user, **more):
    return runtime.get_recommendations(campaignArn=campaign, userId=user, **more)["itemList"]


def alike(live, ahead):
    """Whether two answers have the same items in the same order. Scores are stored to a thousandth of themselves."""
    assert [item["itemId"] for item in live] == [item["itemId"] for item in ahead]
    assert [item["score"] for item in live] == pytest.approx([item["score"] for item in ahead], rel=2e-3, abs=2e-7)


def update(p, campaign, weight="0", **influence):
    config = {"itemExplorationConfig": {"explorationWeight": weight}, "rankingInfluence": influence}
    p.update_campaign(campaignArn=campaign, campaignConfig=config)
    latest = lambda campaignArn: p.describe_campaign(campaignArn=campaignArn)["campaign"]
    assert wait(latest, "latestCampaignUpdate", campaignArn=campaign)["status"] == "ACTIVE"
    assert p.describe_campaign(campaignArn=campaign)["campaign"]["campaignConfig"] == config
    # A campaign remembers for a second where its lists lie.
    time.sleep(1.1)


def lists(runtime, campaign, count=10):
    return [ask(runtime, campaign, f"u{user}", numResults=count) for user in range(0, USERS, 6)]


def mean(lists, of):
    return sum(of(item["itemId"]) for found in lists for item in found) / sum(map(len, lists))


def test_answers_follow_the_weights_and_none_is_as_good_as_nothing(personalize, runtime, group, served):
    popularity = lambda item: EVENTS.get(item, 0)
    age = lambda item: born(int(item[1:]))
    plain = lists(runtime, served.campaign)
    update(personalize, served.campaign, POPULARITY=1.0)
    popular = lists(runtime, served.campaign)
    update(personalize, served.campaign, FRESHNESS=0.3)
    some = lists(runtime, served.campaign)
    update(personalize, served.campaign, FRESHNESS=1.0)
    fresh = lists(runtime, served.campaign)
    assert mean(popular, popularity) > 1.05 * mean(plain, popularity)
    assert mean(fresh, age) < 0.7 * mean(plain, age)
    assert mean(fresh, age) < mean(some, age) < mean(plain, age)
    # The stranger, too, of whom nothing is known.
    stranger = ask(runtime, served.campaign, "stranger", numResults=10)
    assert mean([stranger], age) < mean(plain, age)
    # Scores are shares of the catalogue again.
    everything = ask(runtime, served.campaign, "u1", numResults=ITEMS)
    assert len(everything) == ITEMS and abs(sum(item["score"] for item in everything) - 1) < 2e-3
    update(personalize, served.campaign, POPULARITY=0.0, FRESHNESS=0.0)
    assert lists(runtime, served.campaign) == plain


def test_live_answers_are_the_lists_that_were_computed_ahead(personalize, runtime, s3, group, served):
    p = personalize
    filters = {
        name: p.create_filter(name=f"influence-{name}", datasetGroupArn=group, filterExpression=expression)["filterArn"]
        for name, expression in [
            ("all", 'EXCLUDE ItemID WHERE Items.GENRES IN ("nothing")'),
            ("A", 'INCLUDE ItemID WHERE Items.GENRES IN ("A")'),
        ]
    }
    for weight in ("0", "0.5"):
        update(p, served.campaign, weight, POPULARITY=0.6, FRESHNESS=0.4)
        # Whoever is unknown shares one list, and has draws of an own when scored live.
        for user in ("u0", "u1", "u7", "stranger")[: 3 if weight == "0.5" else 4]:
            ahead = ask(runtime, served.campaign, user, numResults=ITEMS)
            alike(ask(runtime, served.campaign, user, numResults=ITEMS, filterArn=filters["all"]), ahead)
            alike(ask(runtime, served.campaign, user, numResults=ITEMS, context={"NO_COLUMN": "x"}), ahead)
            if weight == "0":
                some = [item for item in ahead if int(item["itemId"][1:]) % 2 == 0]
                alike(ask(runtime, served.campaign, user, numResults=ITEMS, filterArn=filters["A"]), some)
    # A batch job with the same configuration answers the same.
    config = {"itemExplorationConfig": {"explorationWeight": "0.5"},
              "rankingInfluence": {"POPULARITY": 0.6, "FRESHNESS": 0.4}}  # fmt: skip
    users = ("u0", "u7", "u8")
    s3.put_object(Bucket=BUCKET, Key="in.json", Body="\n".join(json.dumps({"userId": user}) for user in users).encode())
    job = p.create_batch_inference_job(
        jobName="influence",
        solutionVersionArn=served.version,
        jobInput={"s3DataSource": {"path": f"s3://{BUCKET}/in.json"}},
        jobOutput={"s3DataDestination": {"path": f"s3://{BUCKET}/out/"}},
        roleArn=ROLE,
        numResults=ITEMS,
        batchInferenceJobConfig=config,
    )["batchInferenceJobArn"]
    done = wait(p.describe_batch_inference_job, "batchInferenceJob", batchInferenceJobArn=job)
    assert (done["status"], done["batchInferenceJobConfig"]) == ("ACTIVE", config)
    lines = s3.get_object(Bucket=BUCKET, Key="out/in.json.out")["Body"].read().decode().splitlines()
    for user, line in zip(users, map(json.loads, lines), strict=True):
        ahead = ask(runtime, served.campaign, user, numResults=ITEMS)
        assert line["output"]["recommendedItems"] == [item["itemId"] for item in ahead]


def test_an_event_moves_a_list_under_the_same_weights(personalize, runtime, server, group, served):
    p = personalize
    update(p, served.campaign, POPULARITY=0.6, FRESHNESS=0.4)
    tracking = p.create_event_tracker(name="influence", datasetGroupArn=group)["trackingId"]
    before = ask(runtime, served.campaign, "u3", numResults=ITEMS)
    server.client("personalize-events").put_events(
        trackingId=tracking,
        userId="u3",
        sessionId="s",
        eventList=[{"eventType": "watch", "itemId": "f31", "sentAt": LATEST + DAY}],
    )
    after = ask(runtime, served.campaign, "u3", numResults=ITEMS)
    assert after != before
    # The list was written anew by the event; what is filtered is scored by the model.
    none = p.create_filter(
        name="influence-none", datasetGroupArn=group, filterExpression='EXCLUDE ItemID WHERE Items.GENRES IN ("C")'
    )["filterArn"]
    alike(ask(runtime, served.campaign, "u3", numResults=ITEMS, filterArn=none), after)


def test_a_ranking_follows_the_weights_without_a_deployment_of_lists(personalize, runtime, group):
    p = personalize
    version = train(p, group, "aws-personalized-ranking", **SMALL)
    campaign = deployed(p, "influence-ranking", version)
    given = [f"f{film}" for film in range(0, ITEMS, 4)]

    def rank():
        answer = runtime.get_personalized_ranking(campaignArn=campaign, userId="u1", inputList=given)
        return answer["personalizedRanking"]

    before = rank()
    p.update_campaign(campaignArn=campaign, campaignConfig={"rankingInfluence": {"FRESHNESS": 1}})
    latest = lambda campaignArn: p.describe_campaign(campaignArn=campaignArn)["campaign"]
    assert wait(latest, "latestCampaignUpdate", campaignArn=campaign)["status"] == "ACTIVE"
    time.sleep(1.1)
    after = rank()
    youngest = min(given, key=lambda item: born(int(item[1:])))
    place = lambda ranking: [item["itemId"] for item in ranking].index(youngest)
    assert place(after) < place(before)
    assert abs(sum(item["score"] for item in after) - 1) < 1e-5


def test_recipes_without_shares_refuse_it_and_weights_have_bounds(personalize, unchecked, group, served):
    p = personalize
    version = train(p, group, "aws-popularity-count")
    with pytest.raises(p.exceptions.InvalidInputException, match="no shares of the catalogue.*aws-user-personalization"):
        p.create_campaign(
            name="x", solutionVersionArn=version, campaignConfig={"rankingInfluence": {"POPULARITY": 0.5}}
        )
    for bad in ({"POPULARITY": 1.5}, {"FRESHNESS": -0.5}, {"NOVELTY": 0.5}):
        with pytest.raises(unchecked.exceptions.InvalidInputException, match="rankingInfluence"):
            unchecked.create_campaign(
                name="x", solutionVersionArn=served.version, campaignConfig={"rankingInfluence": bad}
            )
