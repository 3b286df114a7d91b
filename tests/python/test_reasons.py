"""Reasons of recommendations: the event that is named is the one without which the item falls furthest."""

import concurrent.futures
import random
import re
from types import SimpleNamespace

import pytest

import data
from making import deployed, imported, trained

NAME = "reasons"
ITEMS, USERS, EACH = 200, 100, 30
# Of so many events the newest 80 are asked for.
LONG, TRIED, HALF = 95, 80, 60
START = 1_600_000_000


def walks():
    """Everybody steps back and forth between two walks through the items, each with an order to learn."""
    draw = random.Random(21)
    for user in range(USERS):
        places = [draw.randrange(ITEMS), draw.randrange(ITEMS)]
        for step in range(EACH):
            which = draw.randrange(2)
            places[which] = (places[which] + 3) % ITEMS
            yield f"u{user}", f"i{places[which]}", START + 600 * step


# Each item once, so that its name tells the event. Neighbours in time have nothing in common.
HISTORY = [(f"i{item}", START + 600 * n) for n, item in enumerate(random.Random(22).sample(range(ITEMS), LONG))]


@pytest.fixture(scope="module")
def world(server, personalize, runtime):
    p = personalize
    s3 = server.client("s3", s3={"addressing_style": "path"})
    s3.create_bucket(Bucket=NAME)
    rows = [*walks(), *(("imported", *event) for event in HISTORY), *(("both", *event) for event in HISTORY[:HALF])]
    # The order in the file says nothing.
    random.Random(23).shuffle(rows)
    lines = ["USER_ID,ITEM_ID,TIMESTAMP", *(",".join(map(str, row)) for row in rows)]
    s3.put_object(Bucket=NAME, Key="rows.csv", Body="\n".join(lines).encode())
    group = p.create_dataset_group(name=NAME)["datasetGroupArn"]
    schema = p.create_schema(name=NAME, schema=data.interactions_schema())["schemaArn"]
    dataset = p.create_dataset(name=NAME, schemaArn=schema, datasetGroupArn=group, datasetType="Interactions")
    imported(p, dataset["datasetArn"], f"s3://{NAME}/rows.csv", NAME)
    solution = p.create_solution(
        name=NAME,
        datasetGroupArn=group,
        recipeArn="arn:aws:personalize:::recipe/aws-hrnn",
        solutionConfig={"algorithmHyperParameters": {"hidden_dimension": "32"}},
    )["solutionArn"]
    campaign = deployed(p, NAME, trained(p, solution))
    tracking = p.create_event_tracker(name=NAME, datasetGroupArn=group)["trackingId"]
    events = server.client("personalize-events")

    def put(user, history):
        told = [{"eventType": "Watch", "itemId": item, "sentAt": time} for item, time in history]
        for at in range(0, len(told), 10):
            events.put_events(trackingId=tracking, userId=user, sessionId=f"s-{user}", eventList=told[at : at + 10])

    def ask(user, results=ITEMS, **more):
        request = {"campaignArn": campaign, "userId": user, "numResults": results, **more}
        return runtime.get_recommendations(**request)["itemList"]

    # Not in the order in which they happened.
    put("live", HISTORY[::-1])
    put("both", HISTORY[HALF:])
    return SimpleNamespace(put=put, ask=ask)


def scores(world, user):
    return {one["itemId"]: one["score"] for one in world.ask(user)}


@pytest.fixture(scope="module")
def without(world):
    """The scores of users who did the same but for one event, by its item."""

    def made(left):
        user = f"without-{HISTORY[left][0]}"
        world.put(user, HISTORY[:left] + HISTORY[left + 1 :])
        return HISTORY[left][0], scores(world, user)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return dict(pool.map(made, range(LONG - TRIED, LONG)))


@pytest.mark.parametrize("user", ["imported", "live", "both"])
def test_without_the_event_that_is_named_the_item_falls_furthest(world, without, user):
    whole = scores(world, user)
    assert whole == pytest.approx(scores(world, "imported"), rel=1e-4)
    told, apart = {}, 0
    for one in world.ask(user, 100, context={"OSUSUME_EXPLAIN": "true"}):
        item = one["itemId"]
        falls = {event: whole[item] / scores[item] for event, scores in without.items()}
        if "reason" not in one:
            assert max(falls.values()) < 1.001
            continue
        [reason] = one["reason"]
        cause, factor = re.fullmatch(r"Because of item (i\d+): (\d+\.\d) times as likely as without it", reason).groups()
        told[item] = cause
        assert falls[cause] > 0.999 * max(falls.values()), (item, cause, falls)
        assert float(factor) == pytest.approx(falls[cause], abs=0.051 + 1e-3 * falls[cause])
        # No other event would have done.
        apart += falls[cause] > 1.01 * sorted(falls.values())[-2]
    assert len(told) > 50 and apart > 25 and len(set(told.values())) > 2
