"""Filters through boto3: each operator, parameters, the user's own interactions, and what is refused."""

import json
import os
import subprocess
import time

import pytest
from botocore.exceptions import ClientError

import data
from making import deployed, imported, trained
from server import ROLE, wait, wait_gone

BUCKET = "filters"
# Bought last by u0, and by nobody else, under another spelling of the type.
BOUGHT = [("u0", "i4", "Buy", 1_700_000_000), ("u0", "i6", "BUY", 1_700_000_001), ("u1", "i7", "buy", 1_700_000_002)]


def schema(name, *fields):
    return json.dumps({"type": "record", "name": name, "fields": list(fields), "version": "1.0"})


def text(name, **more):
    return {"name": name, "type": ["null", "string"], **more}


ITEMS_SCHEMA = schema(
    "Items",
    {"name": "ITEM_ID", "type": "string"},
    text("GENRES", categorical=True),
    text("STUDIO", categorical=True),
    {"name": "YEAR", "type": ["null", "int"]},
    {"name": "PRICE", "type": ["null", "float"]},
    text("STORY", textual=True),
)
USERS_SCHEMA = schema(
    "Users",
    {"name": "USER_ID", "type": "string"},
    {"name": "AGE", "type": ["null", "int"]},
    text("TIER", categorical=True),
)


def items():
    """i0 has nothing but its id; i39 has no row at all."""
    rows = {"i0": dict(genres=None, studio=None, year=None, price=None)}
    for n in range(1, 39):
        rows[f"i{n}"] = dict(
            genres=["Drama", "Comedy", "Drama|Comedy"][n % 3],
            studio="North" if n % 2 else "south",
            year=1990 + n % 10,
            price=round(0.1 * n, 1),
        )
    return rows


def csv(header, rows):
    return "\n".join([header, *(",".join("" if cell is None else str(cell) for cell in row) for row in rows)]).encode()


def items_csv(rows):
    return csv(
        "ITEM_ID,GENRES,STUDIO,YEAR,PRICE,STORY",
        [(item, r["genres"], r["studio"], r["year"], r["price"], "a story") for item, r in rows.items()],
    )


@pytest.fixture(scope="module")
def films(server, personalize, runtime):
    p = personalize
    s3 = server.client("s3", s3={"addressing_style": "path"})
    s3.create_bucket(Bucket=BUCKET)
    group = p.create_dataset_group(name="filters")["datasetGroupArn"]
    events = [(user, item, "watch", time) for user, item, time in data.rows()] + BOUGHT
    kinds = {
        "Interactions": (
            data.interactions_schema({"name": "EVENT_TYPE", "type": "string"}),
            csv("USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP", events),
        ),
        "Items": (ITEMS_SCHEMA, items_csv(items())),
        "Users": (USERS_SCHEMA, csv("USER_ID,AGE,TIER", [("u0", 12, "gold|new"), ("u1", 40, "silver"), ("u2", None, None)])),
    }
    for kind, (avro, body) in kinds.items():
        arn = p.create_schema(name=f"filters-{kind}", schema=avro)["schemaArn"]
        p.create_dataset(name=kind, schemaArn=arn, datasetGroupArn=group, datasetType=kind)
        load(p, s3, kind, body, kind)
    campaigns = {}
    for recipe in ("aws-hrnn", "aws-popularity-count", "aws-sims", "aws-personalized-ranking"):
        name = f"filters-{recipe}"
        solution = p.create_solution(
            name=name, datasetGroupArn=group, recipeArn=f"arn:aws:personalize:::recipe/{recipe}"
        )["solutionArn"]
        version = trained(p, solution)
        campaign = deployed(p, name, version)
        campaigns[recipe] = (campaign, version)
    return Films(p, runtime, s3, group, campaigns)


def load(p, s3, kind, body, name):
    s3.put_object(Bucket=BUCKET, Key=f"{name}.csv", Body=body)
    dataset = f"arn:aws:personalize:us-east-1:000000000000:dataset/filters/{kind.upper()}"
    imported(p, dataset, f"s3://{BUCKET}/{name}.csv", f"filters-{name}")


class Films:
    def __init__(self, personalize, runtime, s3, group, campaigns):
        self.p, self.runtime, self.s3, self.group, self.campaigns = personalize, runtime, s3, group, campaigns
        self.made = {}

    def filter(self, expression):
        """The ARN of a filter with this expression."""
        if expression not in self.made:
            name = f"filter-{len(self.made)}"
            arn = self.p.create_filter(name=name, datasetGroupArn=self.group, filterExpression=expression)["filterArn"]
            assert wait(self.p.describe_filter, "filter", filterArn=arn)["filterExpression"] == expression
            self.made[expression] = arn
        return self.made[expression]

    def ask(self, expression, user="u0", recipe="aws-hrnn", values=None, results=500, **more):
        request = dict(campaignArn=self.campaigns[recipe][0], numResults=results, **more)
        if user is not None:
            request["userId"] = user
        if expression is not None:
            request["filterArn"] = self.filter(expression)
        if values is not None:
            request["filterValues"] = values
        return self.runtime.get_recommendations(**request)["itemList"]

    def passing(self, expression, **options):
        return {item["itemId"] for item in self.ask(expression, **options)}


ALL = {f"i{n}" for n in range(40)}


def those(keep):
    return {item for item, row in items().items() if keep(row)}


def genres(row):
    return set((row["genres"] or "").split("|"))


SEEN_BY_U0 = {item for user, item, _ in data.rows() if user == "u0"} | {"i4", "i6"}

# Expression, for u0 (12 years, gold and new), the items that pass.
PASSING = [
    ('INCLUDE ItemID WHERE Items.GENRES IN ("Comedy")', those(lambda r: "Comedy" in genres(r))),
    ('INCLUDE ItemID WHERE Items.GENRES IN ("comedy")', set()),
    ('INCLUDE ItemID WHERE Items.GENRES NOT IN ("Comedy")', those(lambda r: genres(r) == {"Drama"})),
    ('EXCLUDE ItemID WHERE Items.GENRES IN ("Comedy", "None")', ALL - those(lambda r: "Comedy" in genres(r))),
    ("INCLUDE ItemID WHERE Items.YEAR = 1995", those(lambda r: r["year"] == 1995)),
    ("INCLUDE ItemID WHERE Items.YEAR != 1995", those(lambda r: r["year"] not in (None, 1995))),
    ("INCLUDE ItemID WHERE Items.YEAR < 1992.5", those(lambda r: r["year"] and r["year"] < 1993)),
    ("INCLUDE ItemID WHERE Items.YEAR <= 1992", those(lambda r: r["year"] and r["year"] <= 1992)),
    ("INCLUDE ItemID WHERE Items.YEAR > 1997", those(lambda r: r["year"] and r["year"] > 1997)),
    ("INCLUDE ItemID WHERE Items.YEAR >= 1997", those(lambda r: r["year"] and r["year"] >= 1997)),
    ("INCLUDE ItemID WHERE Items.YEAR IN (1991, 1993)", those(lambda r: r["year"] in (1991, 1993))),
    # A float column is compared as floats, so that 0.3 is 0.3.
    ("INCLUDE ItemID WHERE Items.PRICE = 0.3", {"i3"}),
    ("INCLUDE ItemID WHERE Items.PRICE <= 0.3", {"i1", "i2", "i3"}),
    (
        'INCLUDE ItemID WHERE Items.YEAR = 1991 OR Items.YEAR = 1992 AND Items.STUDIO IN ("North")',
        those(lambda r: r["year"] == 1991 or (r["year"] == 1992 and r["studio"] == "North")),
    ),
    ("include itemid where items.year = 1995", those(lambda r: r["year"] == 1995)),
    ('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")', ALL - SEEN_BY_U0),
    ("EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (*)", ALL - SEEN_BY_U0),
    ('INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("buy")', {"i4", "i6"}),
    ('INCLUDE ItemID WHERE Interactions.EVENT_TYPE NOT IN ("watch")', {"i4", "i6"}),
    ('INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("buy") AND Interactions.TIMESTAMP > 1700000000', {"i6"}),
    ('EXCLUDE ItemID WHERE Items.GENRES IN ("Comedy") IF CurrentUser.AGE < 18', ALL - those(lambda r: "Comedy" in genres(r))),
    ('EXCLUDE ItemID WHERE Items.GENRES IN ("Comedy") IF CurrentUser.AGE >= 18', ALL),
    (
        'INCLUDE ItemID WHERE Items.YEAR = 1995 IF CurrentUser.AGE < 18 AND CurrentUser.TIER IN ("gold")',
        those(lambda r: r["year"] == 1995),
    ),
    ('INCLUDE ItemID WHERE Items.YEAR = 1995 IF CurrentUser.TIER IN ("silver")', ALL),
    (
        'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("buy") | INCLUDE ItemID WHERE Items.YEAR = 1994',
        those(lambda r: r["year"] == 1994) - {"i4"},
    ),
    (
        'INCLUDE ItemID WHERE Items.YEAR = 1994 | INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("buy")',
        those(lambda r: r["year"] == 1994) | {"i6"},
    ),
    ('EXCLUDE ItemID WHERE Items.YEAR = 1994 | EXCLUDE ItemID WHERE Items.YEAR = 1995', ALL - those(lambda r: r["year"] in (1994, 1995))),
]


@pytest.mark.parametrize("expression, expected", PASSING, ids=[entry[0][:60] for entry in PASSING])
def test_what_passes(films, expression, expected):
    assert films.passing(expression) == expected


def test_the_order_and_the_scores_are_those_of_the_unfiltered_answer(films):
    expression = 'INCLUDE ItemID WHERE Items.STUDIO IN ("North")'
    whole = films.ask(None, user="u3")
    north = those(lambda r: r["studio"] == "North")
    expected = [item for item in whole if item["itemId"] in north]
    filtered = films.ask(expression, user="u3")
    ids = lambda answer: [item["itemId"] for item in answer]
    assert ids(filtered) == ids(expected)
    # Stored scores are rounded.
    assert [item["score"] for item in filtered] == pytest.approx([item["score"] for item in expected], rel=0.01, abs=1e-6)
    assert films.ask(expression, user="u3", results=4) == filtered[:4]
    assert films.ask(expression, user="u3", results=0) == []


@pytest.mark.parametrize("recipe, more", [("aws-popularity-count", {}), ("aws-sims", {"itemId": "i5"})])
def test_every_recipe_is_filtered(films, recipe, more):
    found = films.passing("INCLUDE ItemID WHERE Items.YEAR = 1995", recipe=recipe, **more)
    assert found == those(lambda r: r["year"] == 1995) - ({"i5"} if more else set())
    unseen = films.passing('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")', recipe=recipe, **more)
    assert unseen == ALL - SEEN_BY_U0 - ({"i5"} if more else set())


def test_a_ranking_is_filtered(films):
    request = dict(
        campaignArn=films.campaigns["aws-personalized-ranking"][0],
        userId="u0",
        inputList=["i4", "nobody met it", "i7", "i6", "i9"],
    )
    ids = lambda answer: [item["itemId"] for item in answer["personalizedRanking"]]
    whole = ids(films.runtime.get_personalized_ranking(**request))
    filter_arn = films.filter('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("buy")')
    answer = films.runtime.get_personalized_ranking(**request, filterArn=filter_arn)
    assert ids(answer) == [item for item in whole if item not in ("i4", "i6")]
    assert sum(item["score"] for item in answer["personalizedRanking"][:2]) == pytest.approx(1, abs=1e-5)
    only = films.filter("INCLUDE ItemID WHERE Items.ITEM_ID IN ($IDS)")
    answer = films.runtime.get_personalized_ranking(**request, filterArn=only, filterValues={"IDS": '"i9"'})
    assert ids(answer) == ["i9"]


def test_items_are_compared_with_the_item_of_the_request(films):
    expression = "INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE AND Items.GENRES IN CurrentItem.GENRES"
    found = films.passing(expression, recipe="aws-sims", user=None, itemId="i7")
    assert found == {item for item in (f"i{n}" for n in range(1, 7)) if "Comedy" in genres(items()[item])}
    # Neither an item without values nor one that nobody knows is like anything.
    assert films.passing(expression, recipe="aws-sims", user=None, itemId="i0") == set()
    assert films.passing(expression, recipe="aws-sims", user=None, itemId="unknown") == set()
    error = refused(films, expression, recipe="aws-hrnn")
    assert error == ("InvalidInputException", error[1]) and "CurrentItem" in error[1]


def test_strangers_did_nothing_and_have_no_age(films):
    assert films.passing('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")', user="nobody") == ALL
    assert films.passing('INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("buy")', user="nobody") == set()
    for user in ("nobody", "u2"):
        assert films.passing('EXCLUDE ItemID WHERE Items.GENRES IN ("Comedy") IF CurrentUser.AGE < 18', user=user) == ALL


def test_parameters(films):
    include = "INCLUDE ItemID WHERE Items.GENRES IN ($GENRE) AND Items.YEAR <= $YEAR"
    expected = those(lambda r: "Comedy" in genres(r) and r["year"] <= 1993)
    for values in ({"GENRE": '"Comedy"', "YEAR": '"1993"'}, {"GENRE": "Comedy,None", "YEAR": "1993"}):
        assert films.passing(include, values=values) == expected
    # What an EXCLUDE is not told, it does not exclude; the rest of it holds.
    exclude = "EXCLUDE ItemID WHERE Items.GENRES IN ($GENRE) OR Items.YEAR = 1995"
    assert films.passing(exclude) == ALL - those(lambda r: r["year"] == 1995)
    assert films.passing(exclude, values={"GENRE": '"Drama","Comedy"'}) == {"i0", "i39"}
    guarded = "EXCLUDE ItemID WHERE Items.YEAR = 1995 IF CurrentUser.AGE = $AGE"
    assert films.passing(guarded) == ALL
    assert films.passing(guarded, values={"AGE": "12"}) == ALL - those(lambda r: r["year"] == 1995)


def refused(films, expression, **options):
    with pytest.raises(ClientError) as caught:
        films.ask(expression, **options)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize(
    "expression, values, word",
    [
        ("INCLUDE ItemID WHERE Items.GENRES IN ($GENRE)", None, "lacks GENRE"),
        ("INCLUDE ItemID WHERE Items.GENRES IN ($GENRE)", {"GENRE": "x", "OTHER": "x"}, "'filterValues.OTHER' belongs to no parameter"),
        ("INCLUDE ItemID WHERE Items.GENRES IN ($GENRE)", {"genre": "x"}, "'filterValues.genre'"),
        ("INCLUDE ItemID WHERE Items.GENRES IN ($GENRE)", {"GENRE": ""}, "empty value"),
        ("INCLUDE ItemID WHERE Items.GENRES IN ($GENRE)", {"GENRE": '"x'}, "closing quote"),
        ("EXCLUDE ItemID WHERE Items.YEAR < $YEAR", {"YEAR": '"new"'}, "'new', which is not a number"),
        ("EXCLUDE ItemID WHERE Items.YEAR < $YEAR", {"YEAR": "1,2"}, "takes one"),
        ("EXCLUDE UserID WHERE Users.AGE < 18", None, "one of UserID"),
    ],
)
def test_values_that_do_not_fit(films, expression, values, word):
    code, message = refused(films, expression, values=values)
    assert code == "InvalidInputException" and word in message


def test_a_filter_of_another_group_or_none_or_one_that_goes(films, world, personalize):
    with pytest.raises(ClientError) as caught:
        films.runtime.get_recommendations(campaignArn=films.campaigns["aws-hrnn"][0], userId="u0", filterArn=world.filter)
    error = caught.value.response["Error"]
    assert error["Code"] == "InvalidInputException" and films.group in error["Message"]
    expression = "EXCLUDE ItemID WHERE Items.YEAR = 1991"
    arn = films.filter(expression)
    assert films.passing(expression)
    personalize.delete_filter(filterArn=arn)
    wait_gone(personalize.describe_filter, personalize, filterArn=arn)
    assert refused(films, expression)[0] == "ResourceNotFoundException"
    films.made.pop(expression)


def test_a_batch_job_is_filtered_line_by_line(films):
    lines = [
        {"userId": "u0", "filterValues": {"YEAR": '"1995"'}},
        {"userId": "u1", "filterValues": {"YEAR": "1991"}},
        {"userId": "u1"},
        {"userId": "u1", "filterValues": {"MONTH": "1"}},
        {"userId": "u1", "filterValues": "1991"},
    ]
    body = "\n".join(json.dumps(line) for line in lines).encode()
    films.s3.put_object(Bucket=BUCKET, Key="lines.json", Body=body)
    expression = 'INCLUDE ItemID WHERE Items.YEAR = $YEAR | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("buy")'
    job = films.p.create_batch_inference_job(
        jobName="filters",
        solutionVersionArn=films.campaigns["aws-hrnn"][1],
        filterArn=films.filter(expression),
        numResults=10,
        jobInput={"s3DataSource": {"path": f"s3://{BUCKET}/lines.json"}},
        jobOutput={"s3DataDestination": {"path": f"s3://{BUCKET}/answers/"}},
        roleArn=ROLE,
    )["batchInferenceJobArn"]
    ended = wait(films.p.describe_batch_inference_job, "batchInferenceJob", batchInferenceJobArn=job)
    assert (ended["status"], ended["filterArn"]) == ("ACTIVE", films.filter(expression)), ended
    written = films.s3.get_object(Bucket=BUCKET, Key="answers/lines.json.out")["Body"].read().decode()
    answers = [json.loads(line) for line in written.splitlines()]
    of = lambda line: set(answers[line]["output"]["recommendedItems"])
    assert of(0) == those(lambda r: r["year"] == 1995)
    assert of(1) == those(lambda r: r["year"] == 1991)
    assert [answer["error"] is None for answer in answers] == [True, True, False, False, False]
    assert "lacks YEAR" in answers[2]["error"] and "MONTH" in answers[3]["error"]
    assert "object of strings" in answers[4]["error"]


def test_a_batch_job_without_a_filter_refuses_values(films):
    films.s3.put_object(Bucket=BUCKET, Key="bare.json", Body=b'{"userId":"u0","filterValues":{"A":"1"}}')
    job = films.p.create_batch_inference_job(
        jobName="filters-bare",
        solutionVersionArn=films.campaigns["aws-hrnn"][1],
        jobInput={"s3DataSource": {"path": f"s3://{BUCKET}/bare.json"}},
        jobOutput={"s3DataDestination": {"path": f"s3://{BUCKET}/answers/"}},
        roleArn=ROLE,
    )["batchInferenceJobArn"]
    wait(films.p.describe_batch_inference_job, "batchInferenceJob", batchInferenceJobArn=job)
    written = films.s3.get_object(Bucket=BUCKET, Key="answers/bare.json.out")["Body"].read()
    assert "no filterArn" in json.loads(written)["error"]


def test_the_newest_import_counts(films):
    expression = "INCLUDE ItemID WHERE Items.YEAR = 2020"
    assert films.passing(expression) == set()
    rows = items()
    rows["i9"] = {**items()["i9"], "year": 2020}
    rows["i39"] = {**items()["i9"], "year": 2020}
    load(films.p, films.s3, "Items", items_csv(rows), "newer")
    assert films.passing(expression) == {"i9", "i39"}
    load(films.p, films.s3, "Items", items_csv(items()), "older")
    assert films.passing(expression) == set()


def test_what_comes_in_live_counts(films, server):
    events = server.client("personalize-events")
    tracking = films.p.create_event_tracker(name="filters", datasetGroupArn=films.group)["trackingId"]
    bought = 'INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("buy")'
    unseen = 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")'
    # A known user and a visitor; the second is asked for by the session.
    for session, user in (("s5", "u5"), ("visit", None)):
        who = user or session
        before = films.passing(unseen, user=who)
        assert films.passing(bought, user=who) == set() and "i20" in before
        event = {"eventType": "BUY", "itemId": "i20", "sentAt": 1_800_000_000}
        sender = {"userId": user} if user else {}
        events.put_events(trackingId=tracking, sessionId=session, eventList=[event], **sender)
        assert films.passing(bought, user=who) == {"i20"}
        assert films.passing(unseen, user=who) == before - {"i20"}

    dataset = "arn:aws:personalize:us-east-1:000000000000:dataset/filters/ITEMS"
    expression = "INCLUDE ItemID WHERE Items.YEAR = 2031"
    assert films.passing(expression) == set()
    events.put_items(datasetArn=dataset, items=[{"itemId": "i3", "properties": json.dumps({"year": 2031})}])
    deadline = time.monotonic() + 30
    while films.passing(expression) != {"i3"}:
        assert time.monotonic() < deadline, "what was put is not seen"
        time.sleep(0.1)


def explain(*arguments):
    command = [os.environ["OSUSUME_BIN"], "filter", "explain", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_explain_shows_the_tree_and_counts(tmp_path):
    expression = 'INCLUDE ItemID WHERE Items.GENRES IN ($G) OR Items.YEAR > 1995 AND Items.PRICE < 1 | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("buy")'
    tree = explain(expression)
    assert tree.returncode == 0, tree.stderr
    assert tree.stdout.splitlines()[:3] == ["INCLUDE ItemID", "  WHERE any of", "    all of"]
    assert "$G: every request must give it" in tree.stdout

    (tmp_path / "items.csv").write_bytes(items_csv(items()))
    (tmp_path / "items.avsc").write_text(ITEMS_SCHEMA)
    events = [(user, item, "watch", time) for user, item, time in data.rows()] + BOUGHT
    (tmp_path / "interactions.csv").write_bytes(csv("USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP", events))
    files = ["--items", tmp_path / "items.csv", "--schema", tmp_path / "items.avsc", "--interactions", tmp_path / "interactions.csv"]
    counted = explain(expression, *files, "--user", "u0", "--value", "G=Comedy", "--json")
    assert counted.returncode == 0, counted.stderr
    document = json.loads(counted.stdout)
    expected = those(lambda r: "Comedy" in genres(r) or (r["year"] and r["year"] > 1995 and r["price"] < 1)) - {"i4", "i6"}
    assert document["items"]["passing"] == len(expected)
    assert document["items"]["all"] == 39
    assert set(document["items"]["first"]) <= expected

    bad = explain("EXCLUDE ItemID WHERE Items.GENRES LIKE 3")
    assert bad.returncode == 1
    assert "at character 35: expected IN" in bad.stderr and bad.stderr.splitlines()[-1].endswith("^")
    assert explain(expression, *files, "--user", "u0").stderr.count("lacks G") == 1
