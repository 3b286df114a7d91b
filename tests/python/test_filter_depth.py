"""Filters that look further than what is stored: items beyond the lists, and how far back events count."""

import json
import random
from types import SimpleNamespace

import pytest

from making import deployed, imported, trained

BUCKET = "filter-depth"
ITEMS, USERS, EACH = 300, 80, 25
# What a list holds that is computed ahead.
STORED = 100
# What a condition on interactions looks at, of each event type of a user.
LATEST = 100
WATCHED = 150
START = 1_600_000_000
RECIPES = {"aws-hrnn": {}, "aws-popularity-count": {}, "aws-sims": {"itemId": "i5"}}
BOUGHT = ["i297", "i298", "i299"]


def schema(name, *fields):
    document = {"type": "record", "name": name, "namespace": "com.amazonaws.personalize.schema", "version": "1.0"}
    return json.dumps({**document, "fields": [{"name": name, "type": kind} for name, kind in fields]})


def walks():
    """Everybody walks through the items from a place of their own, mostly one by one; the lower the number the oftener."""
    draw = random.Random(11)
    for user in range(USERS):
        at = int(ITEMS * draw.random() ** 2)
        for step in range(EACH):
            yield f"u{user}", f"i{at % ITEMS}", "Watch", START + 1_000 * step
            at += draw.choice((1, 1, 1, 7))


def watched():
    """Items and times of somebody with more events than conditions look at, oldest first."""
    order = random.Random(12).sample(range(ITEMS - len(BOUGHT)), WATCHED)
    return [(f"i{item}", START + 1_000 + 60 * n) for n, item in enumerate(order)]


def busy(user):
    """All events of such a user: what was bought is older than all that was watched."""
    bought = [(user, item, "Buy", START + n) for n, item in enumerate(BOUGHT)]
    return bought + [(user, item, "Watch", time) for item, time in watched()]


def interactions():
    # The order in the file says nothing.
    many = random.Random(13).sample(rows := busy("many"), len(rows))
    return [*many[:70], *walks(), *many[70:]]


@pytest.fixture(scope="module")
def shelf(server, personalize, runtime):
    p = personalize
    s3 = server.client("s3", s3={"addressing_style": "path"})
    s3.create_bucket(Bucket=BUCKET)
    group = p.create_dataset_group(name=BUCKET)["datasetGroupArn"]
    text, whole = (lambda name: (name, "string")), (lambda name: (name, "long"))
    for kind, fields, rows in [
        ("Interactions", [text("USER_ID"), text("ITEM_ID"), text("EVENT_TYPE"), whole("TIMESTAMP")], interactions()),
        ("Items", [text("ITEM_ID"), whole("NUMBER")], [(f"i{n}", n) for n in range(ITEMS)]),
    ]:
        lines = [",".join(name for name, _ in fields), *(",".join(map(str, row)) for row in rows)]
        s3.put_object(Bucket=BUCKET, Key=f"{kind}.csv", Body="\n".join(lines).encode())
        made = p.create_schema(name=f"{BUCKET}-{kind}", schema=schema(kind, *fields))["schemaArn"]
        dataset = p.create_dataset(name=kind, schemaArn=made, datasetGroupArn=group, datasetType=kind)["datasetArn"]
        imported(p, dataset, f"s3://{BUCKET}/{kind}.csv", f"{BUCKET}-{kind}")
    campaigns = {}
    for recipe in RECIPES:
        small = {"solutionConfig": {"algorithmHyperParameters": {"hidden_dimension": "32"}}} if "hrnn" in recipe else {}
        name, arn = f"{BUCKET}-{recipe}", f"arn:aws:personalize:::recipe/{recipe}"
        solution = p.create_solution(name=name, datasetGroupArn=group, recipeArn=arn, **small)["solutionArn"]
        campaigns[recipe] = deployed(p, name, trained(p, solution))
    filters = {}

    def ask(expression=None, values=None, recipe="aws-popularity-count", user="u3", results=ITEMS, **more):
        request = {"campaignArn": campaigns[recipe], "userId": user, "numResults": results, **RECIPES[recipe], **more}
        if expression is not None:
            if expression not in filters:
                name = f"{BUCKET}-{len(filters)}"
                made = p.create_filter(name=name, datasetGroupArn=group, filterExpression=expression)
                filters[expression] = made["filterArn"]
            request["filterArn"] = filters[expression]
        if values is not None:
            request["filterValues"] = {"IDS": ",".join(f'"{item}"' for item in values)}
        return [(one["itemId"], one.get("score")) for one in runtime.get_recommendations(**request)["itemList"]]

    ids = lambda *args, **more: [item for item, _ in ask(*args, **more)]
    return SimpleNamespace(p=p, group=group, events=server.client("personalize-events"), ask=ask, ids=ids)


COUNTS = {}
for _, item, _, _ in interactions():
    COUNTS[item] = COUNTS.get(item, 0) + 1


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_passes_beyond_the_stored_list_is_found_in_the_models_order(shelf, recipe):
    stored = shelf.ids(recipe=recipe, results=STORED)
    whole = shelf.ids(recipe=recipe)
    assert len(stored) == STORED and whole[:STORED] == stored and len(whole) > 2 * STORED
    beyond = whole[STORED:]
    only, without = ("INCLUDE ItemID WHERE Items.ITEM_ID IN ($IDS)", "EXCLUDE ItemID WHERE Items.ITEM_ID IN ($IDS)")
    # Nothing that is stored passes, in two ways; then as much of it as fills half of the answer.
    passing = beyond[3::7][:20]
    assert len(passing) == 20
    for expression, values, results, expected in [
        (only, random.Random(14).sample(passing, 20), 25, passing),
        (only, passing, 10, passing[:10]),
        (without, stored, 25, beyond[:25]),
        (only, passing[:10] + stored[-10:], 25, stored[-10:] + passing[:10]),
    ]:
        answer = shelf.ask(expression, values, recipe=recipe, results=results)
        assert [item for item, _ in answer] == expected
        if recipe == "aws-hrnn":
            scores = [score for _, score in answer]
            assert scores == sorted(scores, reverse=True)
        if recipe == "aws-popularity-count":
            counts = [COUNTS.get(item, 0) for item, _ in answer]
            assert counts == sorted(counts, reverse=True)
    assert shelf.ids(only, ["no such item"], recipe=recipe) == []


def seen(shelf, user, *types):
    """The items that conditions on these event types see, which is what one kind of filter leaves and the other does not."""
    listed = ", ".join(f'"{name}"' for name in types)
    include, exclude = (
        set(shelf.ids(f"{word} ItemID WHERE Interactions.EVENT_TYPE IN ({listed})", user=user))
        for word in ("INCLUDE", "EXCLUDE")
    )
    assert not include & exclude and include | exclude == set(shelf.ids(user=user))
    return include


def sees_the_latest_of_each_type(shelf, user, latest):
    assert len(latest) == LATEST
    assert seen(shelf, user, "watch") == set(latest)
    assert seen(shelf, user, "Buy") == set(BOUGHT)
    assert seen(shelf, user, "Watch", "Buy") == seen(shelf, user, "*") == {*latest, *BOUGHT}


def put(shelf, user, rows):
    if "tracking" not in vars(shelf):
        shelf.tracking = shelf.p.create_event_tracker(name=BUCKET, datasetGroupArn=shelf.group)["trackingId"]
    events = [{"eventType": kind, "itemId": item, "sentAt": time} for _, item, kind, time in rows]
    for at in range(0, len(events), 10):
        shelf.events.put_events(
            trackingId=shelf.tracking, userId=user, sessionId=f"s-{user}", eventList=events[at : at + 10]
        )


def test_of_imported_events_the_latest_of_each_type_count(shelf):
    sees_the_latest_of_each_type(shelf, "many", [item for item, _ in watched()[-LATEST:]])


def test_of_events_that_came_in_live_the_latest_of_each_type_count(shelf):
    # Not in the order in which they happened.
    rows = busy("live")
    put(shelf, "live", random.Random(15).sample(rows, len(rows)))
    sees_the_latest_of_each_type(shelf, "live", [item for item, _ in watched()[-LATEST:]])


def test_live_events_push_the_oldest_imported_ones_of_their_type_out(shelf):
    new = [f"i{n}" for n in range(ITEMS - len(BOUGHT)) if f"i{n}" not in dict(watched())][:30]
    assert seen(shelf, "many", "Watch") == {item for item, _ in watched()[-LATEST:]}
    put(shelf, "many", [("many", item, "WATCH", START + 900_000 + n) for n, item in enumerate(new)])
    sees_the_latest_of_each_type(shelf, "many", [item for item, _ in watched()[-(LATEST - 30) :]] + new)
