"""What stands beside the items of an answer: promotions among them, and columns of the Items dataset."""

import json
import re
import time
import urllib.request

import pytest
from botocore.exceptions import ClientError

import data
from making import deployed, imported, trained
from server import wait

BUCKET = "columns"
GROUP = "columns"
ARN = "arn:aws:personalize:us-east-1:000000000000:"
SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "Items",
        "fields": [
            {"name": "ITEM_ID", "type": "string"},
            {"name": "TITLE", "type": ["null", "string"]},
            {"name": "GENRES", "type": ["null", "string"], "categorical": True},
            {"name": "YEAR", "type": ["null", "int"]},
            {"name": "PRICE", "type": ["null", "float"]},
            {"name": "OWN", "type": ["null", "boolean"]},
            {"name": "STORY", "type": ["null", "string"], "textual": True},
        ],
        "version": "1.0",
    }
)
# i0 has nothing but its id; i39 has no row at all.
ROWS = {"i0": (None,) * 6} | {
    f"i{n}": (f'Film "{n}", {n}', "Drama|Comedy" if n % 2 else "Drama", 1990 + n, 0.1 * n, n % 5 == 0, "a story")
    for n in range(1, 39)
}


def cell(value):
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else f"{value:.1f}" if isinstance(value, float) else str(value)
    return '"' + text.replace('"', '\\"') + '"' if '"' in text else text


def csv(header, rows):
    return "\n".join([header, *(",".join(map(cell, row)) for row in rows)]).encode()


RECIPES = ("aws-hrnn", "aws-popularity-count", "aws-sims", "aws-personalized-ranking")


def open_world(server, recipes=RECIPES):
    p, s3 = server.client("personalize"), server.client("s3", s3={"addressing_style": "path"})
    s3.create_bucket(Bucket=BUCKET)
    group = p.create_dataset_group(name=GROUP)["datasetGroupArn"]
    kinds = {
        "Interactions": (data.interactions_schema(), csv("USER_ID,ITEM_ID,TIMESTAMP", data.rows())),
        "Items": (SCHEMA, csv("ITEM_ID,TITLE,GENRES,YEAR,PRICE,OWN,STORY", [(item, *row) for item, row in ROWS.items()])),
    }
    for kind, (avro, body) in kinds.items():
        arn = p.create_schema(name=f"{GROUP}-{kind}", schema=avro)["schemaArn"]
        dataset = p.create_dataset(name=kind, schemaArn=arn, datasetGroupArn=group, datasetType=kind)["datasetArn"]
        s3.put_object(Bucket=BUCKET, Key=f"{kind}.csv", Body=body)
        imported(p, dataset, f"s3://{BUCKET}/{kind}.csv", f"{GROUP}-{kind}")
    campaigns = {}
    for recipe in recipes:
        name = f"{GROUP}-{recipe}"
        arn = f"arn:aws:personalize:::recipe/{recipe}"
        solution = p.create_solution(name=name, datasetGroupArn=group, recipeArn=arn)["solutionArn"]
        config = {"enableMetadataWithRecommendations": True}
        campaign = deployed(p, name, trained(p, solution), campaignConfig=config)
        assert p.describe_campaign(campaignArn=campaign)["campaign"]["campaignConfig"] == config
        campaigns[recipe] = campaign
    return World(server, group, campaigns)


@pytest.fixture(scope="module")
def world(server):
    return open_world(server)


class World:
    def __init__(self, server, group, campaigns):
        self.server, self.group, self.campaigns = server, group, campaigns
        self.p, self.runtime = server.client("personalize"), server.client("personalize-runtime")
        self.made = {}

    def filter(self, expression):
        if expression not in self.made:
            name = f"columns-{len(self.made)}"
            arn = self.p.create_filter(name=name, datasetGroupArn=self.group, filterExpression=expression)["filterArn"]
            wait(self.p.describe_filter, "filter", filterArn=arn)
            self.made[expression] = arn
        return self.made[expression]

    def ask(self, recipe="aws-hrnn", user="u3", results=20, **more):
        request = {"campaignArn": self.campaigns[recipe], "userId": user, "numResults": results, **more}
        return self.runtime.get_recommendations(**request)["itemList"]

    def promotion(self, percent, expression="INCLUDE ItemID WHERE Items.YEAR > $YEAR", **more):
        return [{"name": "ours", "percentPromotedItems": percent, "filterArn": self.filter(expression), **more}]


def within(seconds, look, expected):
    """Whether something is as expected within a time."""
    until = time.monotonic() + seconds
    while look() != expected:
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


def ids(items):
    return [item["itemId"] for item in items]


def promoted(items):
    return [item["itemId"] for item in items if item.get("promotionName") == "ours"]


def test_a_share_of_the_answer_is_promoted_and_both_kinds_keep_their_order(world):
    whole = ids(world.ask(results=500))
    late = [item for item in whole if item in ROWS and ROWS[item][2] and ROWS[item][2] > 2020]
    promotion = world.promotion(25, filterValues={"YEAR": "2020"})
    places = set()
    for _ in range(12):
        answer = world.ask(promotions=promotion)
        assert promoted(answer) == late[:5]
        others = [item for item in ids(answer) if item not in late[:5]]
        assert others == [item for item in whole if item not in late[:5]][:15]
        places.add(tuple(place for place, item in enumerate(answer) if item.get("promotionName")))
    assert len(places) > 1, "promoted items stand at random places"
    # A part of an item counts as one.
    assert len(promoted(world.ask(results=3, promotions=world.promotion(34, filterValues={"YEAR": "2020"})))) == 2


def test_where_too_few_items_qualify_the_others_fill_the_places(world):
    few = world.promotion(100, "INCLUDE ItemID WHERE Items.YEAR IN (1995, 1996)")
    answer = world.ask(results=10, promotions=few)
    assert set(promoted(answer)) == {"i5", "i6"} and len(set(ids(answer))) == 10
    nothing = world.promotion(50, "INCLUDE ItemID WHERE Items.YEAR > 3000")
    assert ids(world.ask(promotions=nothing)) == ids(world.ask())
    everything = world.promotion(100, "INCLUDE ItemID WHERE Items.YEAR > 1900")
    assert len(promoted(world.ask(promotions=everything))) == 20


def test_the_filter_of_the_request_is_for_the_others_alone(world):
    only = world.filter("INCLUDE ItemID WHERE Items.YEAR < 2000")
    promotion = world.promotion(50, filterValues={"YEAR": "2020"})
    answer = world.ask(results=10, filterArn=only, promotions=promotion)
    early = [item for item in ids(answer) if ROWS[item][2] < 2000]
    assert len(early) == 5 and len(promoted(answer)) == 5 and not set(early) & set(promoted(answer))


@pytest.mark.parametrize("recipe, more", [("aws-popularity-count", {}), ("aws-sims", {"itemId": "i5"})])
def test_recipes_without_scores_promote_too(world, recipe, more):
    promotion = world.promotion(50, filterValues={"YEAR": "2020"})
    answer = world.ask(recipe=recipe, results=10, promotions=promotion, **more)
    assert len(promoted(answer)) == 5 and not any("score" in item for item in answer)


def test_columns_of_items_stand_beside_them(world):
    columns = {"ITEMS": ["TITLE", "genres", "YEAR", "PRICE", "OWN", "STORY"]}
    answer = world.ask(results=50, metadataColumns=columns)
    assert ids(answer) == ids(world.ask(results=50)) and len(answer) == 40
    shown = {item["itemId"]: item["metadata"] for item in answer}
    assert shown["i5"] == {
        "TITLE": 'Film "5", 5', "genres": "Drama|Comedy", "YEAR": "1995", "PRICE": "0.5", "OWN": "true", "STORY": "a story",
    }
    assert shown["i0"] == {} and shown["i39"] == {}
    # Without the request for it there is none.
    assert not any("metadata" in item for item in world.ask())


def test_a_ranking_a_filtered_and_a_promoted_answer_show_columns_too(world):
    columns = {"ITEMS": ["YEAR"]}
    year = lambda item: {"YEAR": str(ROWS[item][2])} if item in ROWS and ROWS[item][2] else {}
    ranking = world.runtime.get_personalized_ranking(
        campaignArn=world.campaigns["aws-personalized-ranking"], userId="u3", inputList=["i4", "new", "i39"], metadataColumns=columns
    )["personalizedRanking"]
    promotion = world.promotion(50, filterValues={"YEAR": "2020"})
    filtered = world.ask(filterArn=world.filter("INCLUDE ItemID WHERE Items.YEAR < 2000"), promotions=promotion, metadataColumns=columns)
    related = world.ask(recipe="aws-sims", itemId="i5", metadataColumns=columns)
    for answer in (ranking, filtered, related):
        assert answer and all(item["metadata"] == year(item["itemId"]) for item in answer)


def test_an_item_that_was_put_shows_what_it_is_now(world):
    columns = {"ITEMS": ["TITLE"]}
    put = {"itemId": "i7", "properties": json.dumps({"title": "A new name"})}
    world.server.client("personalize-events").put_items(datasetArn=f"{ARN}dataset/{GROUP}/ITEMS", items=[put])

    def title():
        shown = {item["itemId"]: item["metadata"] for item in world.ask(results=50, metadataColumns=columns)}
        return shown["i7"].get("TITLE")

    assert within(30, title, "A new name")


def explained(world, user):
    return world.ask(user=user, results=5, context={"OSUSUME_EXPLAIN": "true"})


def test_each_item_says_which_event_of_the_user_moved_it_most(world):
    had = {item for user, item, _ in data.rows() if user == "u3"}
    reasons = [item["reason"][0] for item in explained(world, "u3") if "reason" in item]
    assert reasons
    for reason in reasons:
        because = re.fullmatch(r'Because of item (i\d+)(?: \(Film "\d+", \d+\))?: (\d+\.\d) times as likely as without it', reason)
        assert because and because[1] in had and float(because[2]) >= 1, reason
    # Who did nothing gets what everybody gets, for no reason of their own.
    assert not any("Because" in str(item.get("reason")) for item in explained(world, "stranger"))


def test_an_address_asks_for_reasons_too(world, server):
    url = f"{server.api}/campaigns/{GROUP}-aws-hrnn/recommendations/u3?numResults=5&explain=true"
    with urllib.request.urlopen(url) as answer:
        reasons = [item.get("reason") for item in json.load(answer)["itemList"]]
    assert reasons == [item.get("reason") for item in explained(world, "u3")]


def test_other_recipes_have_one_reason_for_all(world):
    assert world.ask(recipe="aws-popularity-count", context={"OSUSUME_EXPLAIN": "true"})[0]["reason"] == ["Popular item"]
    assert world.ask(recipe="aws-sims", itemId="i5", context={"OSUSUME_EXPLAIN": "true"})[0]["reason"] == ["Related to item i5"]


def test_what_cannot_be_shown_or_promoted_is_said(world):
    for more, words in [
        ({"metadataColumns": {"ITEMS": ["NAME"]}}, ["NAME", "TITLE, GENRES, YEAR"]),
        ({"metadataColumns": {"ITEMS": ["YEAR"]}, "results": 51}, ["at most 50"]),
        ({"promotions": world.promotion(10)}, ["YEAR"]),
        ({"promotions": [{"name": "ours", "percentPromotedItems": 10}]}, ["promotions[0]", "filterArn"]),
    ]:
        with pytest.raises(ClientError) as error:
            world.ask(**more)
        assert error.value.response["Error"]["Code"] == "InvalidInputException"
        assert all(word in error.value.response["Error"]["Message"] for word in words), error.value


def test_a_campaign_shows_columns_only_where_that_is_enabled(world):
    campaign = world.campaigns["aws-popularity-count"]
    columns = {"ITEMS": ["YEAR"]}
    assert world.ask(recipe="aws-popularity-count", metadataColumns=columns)
    world.p.update_campaign(campaignArn=campaign, campaignConfig={"enableMetadataWithRecommendations": False})
    update = lambda: wait(world.p.describe_campaign, "campaign", campaignArn=campaign)["latestCampaignUpdate"]["status"]
    assert within(30, update, "ACTIVE")

    def refused():
        try:
            world.ask(recipe="aws-popularity-count", metadataColumns=columns)
        except ClientError as error:
            return "enableMetadataWithRecommendations" in str(error)
        return False

    assert within(10, refused, True)
