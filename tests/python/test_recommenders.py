"""Domain dataset groups and recommenders through boto3: each use case, the life cycle, and what is refused."""

import json
import time
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

import data
import making
from making import imported
from server import ROLE, Server, wait, wait_gone

BUCKET = "recommenders"
RECIPE = "arn:aws:personalize:::recipe/"
ECOMMERCE = [
    "aws-ecomm-customers-who-viewed-x-also-viewed",
    "aws-ecomm-frequently-bought-together",
    "aws-ecomm-popular-items-by-purchases",
    "aws-ecomm-popular-items-by-views",
    "aws-ecomm-recommended-for-you",
]
VIDEO_ON_DEMAND = [
    "aws-vod-because-you-watched-x",
    "aws-vod-more-like-x",
    "aws-vod-most-popular",
    "aws-vod-top-picks",
    "aws-vod-trending-now",
]
RESTING = ("ACTIVE", "INACTIVE", "CREATE FAILED")
LATEST = 1_700_000_000
# Networks train here, on machines that may do much else.
DEADLINE_S = 600


def schema(name, *fields):
    return json.dumps({"type": "record", "name": name, "fields": list(fields), "version": "1.0"})


def field(name, kind="string", **more):
    return {"name": name, "type": kind, **more}


INTERACTIONS = schema(
    "Interactions", field("USER_ID"), field("ITEM_ID"), field("EVENT_TYPE"), field("TIMESTAMP", "long")
)
VIDEOS = schema("Items", field("ITEM_ID"), field("GENRES", categorical=True), field("CREATION_TIMESTAMP", "long"))
GOODS = schema("Items", field("ITEM_ID"), field("PRICE", "float"), field("CATEGORY_L1", categorical=True))


def csv(header, rows):
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)]).encode() + b"\n"


def watched(user):
    return {item for who, item, _ in data.rows() if who == user}


def events_of_videos():
    """Everybody watches what `data` says. At the end thirty click on i3, which rises, and u0, who has not
    watched it either, does so twice."""
    yield from ((user, item, "Watch", time) for user, item, time in data.rows())
    for user in range(2, 32):
        yield f"u{user}", "i3", "Click", LATEST + user
    yield "u0", "i3", "Click", LATEST
    yield "u0", "i3", "click", LATEST + 60


def bought(user):
    """Seventeen of the twenty items that the user viewed."""
    return [item for who, item, _ in data.rows() if who == user][:17]


def events_of_goods():
    """What is viewed is bought by most; i39 is bought by everybody beside, without a view."""
    yield from ((user, item, "View", time) for user, item, time in data.rows())
    for n in range(data.USERS):
        yield from ((f"u{n}", item, "Purchase", LATEST + n) for item in bought(f"u{n}"))
        yield f"u{n}", "i39", "purchase", LATEST + 100 + n


def videos():
    # The older half has no place among what is explored.
    return [
        (f"i{n}", "Western|Drama" if n % 2 else "Comedy", 1_500_000_000 if n < 20 else LATEST)
        for n in range(data.ITEMS)
    ]


def goods():
    return [(f"i{n}", n + 0.5, "shoes" if n % 2 else "hats") for n in range(data.ITEMS)]


DOMAINS = {
    "VIDEO_ON_DEMAND": {
        "Interactions": (INTERACTIONS, csv("USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP", events_of_videos())),
        "Items": (VIDEOS, csv("ITEM_ID,GENRES,CREATION_TIMESTAMP", videos())),
    },
    "ECOMMERCE": {
        "Interactions": (INTERACTIONS, csv("USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP", events_of_goods())),
        "Items": (GOODS, csv("ITEM_ID,PRICE,CATEGORY_L1", goods())),
    },
}


def filled(server, domain, name, kinds=("Interactions", "Items")):
    """A group of a domain with data."""
    p, s3 = server.client("personalize"), server.client("s3", s3={"addressing_style": "path"})
    if BUCKET not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=BUCKET)
    group = p.create_dataset_group(name=name, domain=domain)["datasetGroupArn"]
    for kind in kinds:
        text, body = DOMAINS[domain][kind]
        s3.put_object(Bucket=BUCKET, Key=f"{domain}/{kind}.csv", Body=body)
        schema = p.create_schema(name=f"{name}-{kind}", schema=text, domain=domain)["schemaArn"]
        dataset = p.create_dataset(name=kind, schemaArn=schema, datasetGroupArn=group, datasetType=kind)["datasetArn"]
        imported(p, dataset, f"s3://{BUCKET}/{domain}/{kind}.csv", f"{name}-{kind}")
    return group


def at_rest(p, arn):
    return wait(p.describe_recommender, "recommender", until=RESTING, deadline_s=DEADLINE_S, recommenderArn=arn)


def all_of(server, domain, prefix, use_cases):
    """A group with a recommender of each use case, all of them active."""
    p, group = server.client("personalize"), filled(server, domain, prefix)
    arns = {}
    for use_case in use_cases:
        request = dict(name=use_case.removeprefix("aws-"), datasetGroupArn=group, recipeArn=RECIPE + use_case)
        arns[use_case] = p.create_recommender(**request)["recommenderArn"]
    for arn in arns.values():
        described = at_rest(p, arn)
        assert described["status"] == "ACTIVE", described
    return SimpleNamespace(group=group, arns=arns)


@pytest.fixture(scope="module")
def vod(server):
    return all_of(server, "VIDEO_ON_DEMAND", "vod", VIDEO_ON_DEMAND)


@pytest.fixture(scope="module")
def shop(server):
    return all_of(server, "ECOMMERCE", "shop", ECOMMERCE)


def asker(runtime):
    def ask(arn, **request):
        answer = runtime.get_recommendations(recommenderArn=arn, **request)
        assert answer["recommendationId"].startswith("RID-")
        # Recommenders answer without scores.
        assert all(set(item) == {"itemId"} for item in answer["itemList"])
        items = [item["itemId"] for item in answer["itemList"]]
        assert len(items) == len(set(items))
        return items

    return ask


@pytest.fixture(scope="module")
def ask(runtime):
    return asker(runtime)


def refused(call, code, *words, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    assert caught.value.response["Error"]["Code"] == code
    for word in words:
        assert word in caught.value.response["Error"]["Message"], caught.value


def until(what, found):
    return making.until(what, found, DEADLINE_S)


# ---------------------------------------------------------------- Groups, schemas, recipes


def test_a_group_shows_its_domain(personalize, unique):
    p, name = personalize, unique("domain")
    created = p.create_dataset_group(name=name, domain="VIDEO_ON_DEMAND")
    assert created["domain"] == "VIDEO_ON_DEMAND"
    group = created["datasetGroupArn"]
    assert p.describe_dataset_group(datasetGroupArn=group)["datasetGroup"]["domain"] == "VIDEO_ON_DEMAND"
    pages = p.get_paginator("list_dataset_groups").paginate()
    listed = {g["datasetGroupArn"]: g.get("domain") for page in pages for g in page["datasetGroups"]}
    assert listed[group] == "VIDEO_ON_DEMAND"


@pytest.mark.parametrize(
    "domain, text, missing",
    [
        ("ECOMMERCE", data.interactions_schema(), "EVENT_TYPE"),
        ("VIDEO_ON_DEMAND", data.interactions_schema(), "EVENT_TYPE"),
        ("ECOMMERCE", schema("Items", field("ITEM_ID"), field("BRAND", categorical=True)), "PRICE, CATEGORY_L1"),
        ("VIDEO_ON_DEMAND", schema("Items", field("ITEM_ID"), field("GENRES", categorical=True)), "CREATION_TIMESTAMP"),
        ("VIDEO_ON_DEMAND", GOODS, "GENRES, CREATION_TIMESTAMP"),
        ("VIDEO_ON_DEMAND", schema("Users", field("USER_ID")), "at least one metadata field"),
        ("ECOMMERCE", schema("Users", field("AGE", "int")), "USER_ID"),
    ],
)
def test_a_schema_of_a_domain_has_its_columns(personalize, unique, domain, text, missing):
    refused(personalize.create_schema, "InvalidInputException", missing, name=unique(), schema=text, domain=domain)


def test_a_dataset_takes_schemas_of_its_groups_domain_alone(personalize, unique):
    p = personalize
    shows = p.create_dataset_group(name=unique(), domain="VIDEO_ON_DEMAND")["datasetGroupArn"]
    custom = p.create_dataset_group(name=unique())["datasetGroupArn"]
    for group, domain, said in [
        (shows, "ECOMMERCE", "VIDEO_ON_DEMAND"),
        (shows, None, "no domain"),
        (custom, "VIDEO_ON_DEMAND", "no domain"),
    ]:
        more = {"domain": domain} if domain else {}
        schema = p.create_schema(name=unique(), schema=INTERACTIONS, **more)["schemaArn"]
        described = p.describe_schema(schemaArn=schema)["schema"]
        assert described.get("domain") == domain
        request = dict(name="x", schemaArn=schema, datasetGroupArn=group, datasetType="Interactions")
        refused(p.create_dataset, "InvalidInputException", said, "same domain", **request)


def test_the_catalogue_has_the_use_cases_of_each_domain(personalize):
    p = personalize
    for domain, names in (("ECOMMERCE", ECOMMERCE), ("VIDEO_ON_DEMAND", VIDEO_ON_DEMAND)):
        recipes = p.list_recipes(domain=domain)["recipes"]
        assert [recipe["name"] for recipe in recipes] == names
        assert {recipe["domain"] for recipe in recipes} == {domain}
    every = [recipe for page in p.get_paginator("list_recipes").paginate() for recipe in page["recipes"]]
    assert {recipe["name"] for recipe in every if "domain" in recipe} == {*ECOMMERCE, *VIDEO_ON_DEMAND}
    assert "aws-hrnn" in {recipe["name"] for recipe in every}
    described = p.describe_recipe(recipeArn=RECIPE + "aws-vod-top-picks")["recipe"]
    assert described["recipeType"] == "USER_PERSONALIZATION"
    assert described["algorithmArn"] == "arn:aws:personalize:::algorithm/aws-user-personalization"
    assert "Top picks" in described["description"]
    types = {name: p.describe_recipe(recipeArn=RECIPE + name)["recipe"]["recipeType"] for name in ECOMMERCE}
    assert [types[name] for name in ECOMMERCE] == [
        "RELATED_ITEMS",
        "RELATED_ITEMS",
        "POPULAR_ITEMS",
        "POPULAR_ITEMS",
        "USER_PERSONALIZATION",
    ]


def test_a_domain_group_holds_solutions_of_custom_recipes_alone(personalize, runtime, vod):
    p = personalize
    request = dict(name="beside", datasetGroupArn=vod.group)
    refused(
        p.create_solution,
        "InvalidInputException",
        "aws-vod-top-picks",
        "CreateRecommender",
        "aws-user-personalization",
        recipeArn=RECIPE + "aws-vod-top-picks",
        **request,
    )
    solution = p.create_solution(recipeArn=RECIPE + "aws-popularity-count", **request)["solutionArn"]
    version = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    assert wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)["status"] == "ACTIVE"
    campaign = p.create_campaign(name="beside", solutionVersionArn=version)["campaignArn"]
    assert wait(p.describe_campaign, "campaign", campaignArn=campaign)["status"] == "ACTIVE"
    assert runtime.get_recommendations(campaignArn=campaign, userId="u1")["itemList"]
    # What recommenders are made of is not shown.
    assert [s["solutionArn"] for s in p.list_solutions(datasetGroupArn=vod.group)["solutions"]] == [solution]
    pages = p.get_paginator("list_solution_versions").paginate()
    assert not [v for page in pages for v in page["solutionVersions"] if "recommender" in v["solutionVersionArn"]]


# ---------------------------------------------------------------- What recommenders answer


def test_a_recommender_is_described_with_metrics(personalize, vod):
    p = personalize
    arn = vod.arns["aws-vod-top-picks"]
    described = p.describe_recommender(recommenderArn=arn)["recommender"]
    assert (described["recommenderArn"], described["name"]) == (arn, "vod-top-picks")
    assert described["datasetGroupArn"] == vod.group
    assert described["recipeArn"] == RECIPE + "aws-vod-top-picks"
    assert described["recommenderConfig"] == {"minRecommendationRequestsPerSecond": 1}
    assert "failureReason" not in described
    metrics = described["modelMetrics"]
    assert {"coverage", "mean_reciprocal_rank_at_25", "precision_at_5"} <= set(metrics)
    assert all(0 <= value <= 1 for value in metrics.values())
    listed = p.list_recommenders(datasetGroupArn=vod.group)["recommenders"]
    assert {r["recommenderArn"] for r in listed} == set(vod.arns.values())
    (own,) = [r for r in listed if r["recommenderArn"] == arn]
    assert own["recommenderConfig"] == described["recommenderConfig"] and own["status"] == "ACTIVE"
    pages = p.get_paginator("list_recommenders").paginate(PaginationConfig={"PageSize": 2})
    assert set(vod.arns.values()) <= {r["recommenderArn"] for page in pages for r in page["recommenders"]}
    p.tag_resource(resourceArn=arn, tags=[{"tagKey": "team", "tagValue": "films"}])
    assert p.list_tags_for_resource(resourceArn=arn)["tags"] == [{"tagKey": "team", "tagValue": "films"}]


def test_top_picks_leave_out_what_was_watched(ask, vod):
    arn = vod.arns["aws-vod-top-picks"]
    everything = {f"i{n}" for n in range(data.ITEMS)}
    for user in ("u0", "u1", "u33"):
        assert set(ask(arn, userId=user, numResults=500)) == everything - watched(user), user
        assert len(ask(arn, userId=user, numResults=5)) == 5
    # A click is no watch.
    assert "i3" in ask(arn, userId="u0", numResults=500)
    # Nobody knows what a stranger watched.
    assert set(ask(arn, userId="stranger", numResults=500)) == everything


def test_most_popular_and_trending_are_the_same_for_everybody(ask, vod):
    popular = ask(vod.arns["aws-vod-most-popular"], userId="u1", numResults=500)
    assert popular == ask(vod.arns["aws-vod-most-popular"], userId="stranger", numResults=500)
    assert len(popular) == data.ITEMS
    # Clicks do not make popular, but they make a trend.
    users = {item: len({u for u, i, _ in data.rows() if i == item}) for item in popular}
    assert [users[item] for item in popular] == sorted(users.values(), reverse=True)
    trending = ask(vod.arns["aws-vod-trending-now"])
    assert trending[0] == "i3"
    assert ask(vod.arns["aws-vod-trending-now"], userId="u1") == trending


def test_because_you_watched_leaves_out_what_was_watched(ask, vod):
    arn = vod.arns["aws-vod-because-you-watched-x"]
    for user, item in (("u0", "i0"), ("u1", "i5")):
        related = ask(arn, userId=user, itemId=item, numResults=500)
        assert related and not set(related) & (watched(user) | {item})
    # For a stranger the items of the same taste come first, which the same users watched.
    first = ask(arn, userId="stranger", itemId="i8", numResults=10)
    assert len([item for item in first if int(item[1:]) % 2 == 0]) >= 8, first


def test_more_like_x_leaves_out_what_was_watched(ask, vod):
    related = ask(vod.arns["aws-vod-more-like-x"], userId="u0", itemId="i0", numResults=500)
    assert related and not set(related) & (watched("u0") | {"i0"})
    first = ask(vod.arns["aws-vod-more-like-x"], userId="stranger", itemId="i8", numResults=10)
    assert len([item for item in first if int(item[1:]) % 2 == 0]) >= 8, first


def test_recommended_for_you_leaves_out_what_was_bought(ask, shop):
    arn = shop.arns["aws-ecomm-recommended-for-you"]
    everything = {f"i{n}" for n in range(data.ITEMS)}
    for user in ("u0", "u1"):
        # What was only viewed stays, and the type counts whatever its case.
        assert set(ask(arn, userId=user, numResults=500)) == everything - {*bought(user), "i39"}, user


def test_popular_items_go_by_their_event(ask, shop):
    sellers = ask(shop.arns["aws-ecomm-popular-items-by-purchases"], userId="u1")
    viewed = ask(shop.arns["aws-ecomm-popular-items-by-views"], userId="u1", numResults=500)
    assert sellers[0] == "i39" and len(viewed) == data.ITEMS
    views = {item: len({u for u, i, _ in data.rows() if i == item}) for item in viewed}
    assert [views[item] for item in viewed] == sorted(views.values(), reverse=True)


def test_related_goods(ask, shop):
    together = ask(shop.arns["aws-ecomm-frequently-bought-together"], itemId="i8", numResults=10)
    assert together and "i8" not in together
    arn = shop.arns["aws-ecomm-customers-who-viewed-x-also-viewed"]
    also = ask(arn, userId="u0", itemId="i0", numResults=500)
    assert also and not set(also) & {*bought("u0"), "i39", "i0"}
    assert set(bought("u0")) & set(ask(arn, userId="stranger", itemId="i0", numResults=500))


@pytest.mark.parametrize(
    "use_case, request_, word",
    [
        ("aws-vod-top-picks", {}, "userId"),
        ("aws-vod-most-popular", {}, "userId"),
        ("aws-vod-because-you-watched-x", {"userId": "u1"}, "itemId"),
        ("aws-vod-because-you-watched-x", {"itemId": "i1"}, "userId"),
        ("aws-vod-more-like-x", {"itemId": "i1"}, "userId"),
    ],
)
def test_what_a_use_case_must_be_told(runtime, vod, use_case, request_, word):
    request = {"recommenderArn": vod.arns[use_case], **request_}
    refused(runtime.get_recommendations, "InvalidInputException", f"are {word}", **request)


def test_filters_apply_to_recommenders(personalize, ask, vod, world):
    p = personalize
    comedies = p.create_filter(
        name="vod-comedies",
        datasetGroupArn=vod.group,
        filterExpression='INCLUDE ItemID WHERE Items.GENRES IN ($GENRE)',
    )["filterArn"]
    for use_case, more in (("aws-vod-top-picks", {}), ("aws-vod-because-you-watched-x", {"itemId": "i7"})):
        items = ask(
            vod.arns[use_case], userId="u1", filterArn=comedies, filterValues={"GENRE": '"Comedy"'}, numResults=500, **more
        )
        # u1 watched those of the other taste.
        assert set(items) == {f"i{n}" for n in range(0, data.ITEMS, 2)} - watched("u1"), use_case
    with pytest.raises(ClientError, match="belongs to the dataset group"):
        ask(vod.arns["aws-vod-top-picks"], userId="u1", filterArn=world.filter)


def test_events_move_top_picks_and_what_they_leave_out(server, personalize, ask, vod):
    tracker = personalize.create_event_tracker(name="vod", datasetGroupArn=vod.group)["trackingId"]
    events = server.client("personalize-events")
    arn, related = vod.arns["aws-vod-top-picks"], vod.arns["aws-vod-because-you-watched-x"]

    def put(user, *told):
        listed = [{"eventType": kind, "itemId": item, "sentAt": LATEST + 500 + n} for n, (kind, item) in enumerate(told)]
        events.put_events(trackingId=tracker, userId=user, sessionId=f"s-{user}", eventList=listed)

    before = ask(arn, userId="u4", numResults=500)
    best = before[0]
    put("u4", ("watch", best))
    after = ask(arn, userId="u4", numResults=500)
    assert set(after) == set(before) - {best}
    assert best not in ask(related, userId="u4", itemId="i0", numResults=500)
    # Somebody new leaves the list of strangers behind with the first click, which leaves nothing out.
    strangers = ask(arn, userId="newcomer", numResults=500)
    put("newcomer", ("Click", "i7"), ("Click", "i9"))
    moved = ask(arn, userId="newcomer", numResults=500)
    assert moved != strangers and set(moved) == set(strangers)


# ---------------------------------------------------------------- The life cycle


def statuses_until(p, arn, last, deadline_s=DEADLINE_S):
    """What DescribeRecommender said one after the other, as far as it was seen."""
    seen, deadline = [], time.monotonic() + deadline_s
    while not seen or seen[-1] != last:
        status = p.describe_recommender(recommenderArn=arn)["recommender"]["status"]
        if status not in seen:
            seen.append(status)
        assert time.monotonic() < deadline, seen
    return seen


def in_order(seen, order):
    assert seen == [status for status in order if status in seen], seen


def test_stop_start_update_and_delete(server, personalize, runtime, ask):
    p, group = personalize, filled(server, "VIDEO_ON_DEMAND", "cycle")
    request = dict(name="cycle", datasetGroupArn=group, recipeArn=RECIPE + "aws-vod-top-picks")
    arn = p.create_recommender(
        recommenderConfig={
            "itemExplorationConfig": {"explorationWeight": "0"},
            "minRecommendationRequestsPerSecond": 2,
        },
        tags=[{"tagKey": "a", "tagValue": "b"}],
        **request,
    )["recommenderArn"]
    assert arn.endswith(":recommender/cycle")
    refused(p.create_recommender, "ResourceAlreadyExistsException", arn, **request)
    # Its metrics come with it.
    pending = p.describe_recommender(recommenderArn=arn)["recommender"]
    assert pending["status"].startswith("CREATE") and "modelMetrics" not in pending
    refused(p.update_recommender, "ResourceInUseException", "CREATE", recommenderArn=arn, recommenderConfig={})
    refused(p.stop_recommender, "ResourceInUseException", "when it is ACTIVE", recommenderArn=arn)
    refused(p.delete_recommender, "ResourceInUseException", "CREATE", recommenderArn=arn)
    refused(
        runtime.get_recommendations, "ResourceNotFoundException", "answers while it is ACTIVE", recommenderArn=arn, userId="u1"
    )
    in_order(statuses_until(p, arn, "ACTIVE"), ["CREATE PENDING", "CREATE IN_PROGRESS", "ACTIVE"])
    assert p.list_tags_for_resource(resourceArn=arn)["tags"] == [{"tagKey": "a", "tagValue": "b"}]
    described = p.describe_recommender(recommenderArn=arn)["recommender"]
    assert described["recommenderConfig"] == {
        "itemExplorationConfig": {"explorationWeight": "0"},
        "minRecommendationRequestsPerSecond": 2,
    }
    unexplored = ask(arn, userId="u1")

    # Started again it answers as before, and follows what happened meanwhile.
    refused(p.start_recommender, "ResourceInUseException", "when it is INACTIVE", recommenderArn=arn)
    assert p.stop_recommender(recommenderArn=arn)["recommenderArn"] == arn
    in_order(statuses_until(p, arn, "INACTIVE"), ["STOP PENDING", "STOP IN_PROGRESS", "INACTIVE"])
    refused(runtime.get_recommendations, "ResourceNotFoundException", "INACTIVE", recommenderArn=arn, userId="u1")
    refused(p.stop_recommender, "ResourceInUseException", "INACTIVE", recommenderArn=arn)
    refused(p.update_recommender, "ResourceInUseException", "INACTIVE", recommenderArn=arn, recommenderConfig={})
    tracker = p.create_event_tracker(name="cycle", datasetGroupArn=group)
    server.client("personalize-events").put_events(
        trackingId=tracker["trackingId"],
        userId="u1",
        sessionId="s",
        eventList=[{"eventType": "Watch", "itemId": unexplored[0], "sentAt": LATEST + 900}],
    )
    assert p.start_recommender(recommenderArn=arn)["recommenderArn"] == arn
    in_order(statuses_until(p, arn, "ACTIVE"), ["START PENDING", "START IN_PROGRESS", "ACTIVE"])
    assert unexplored[0] not in ask(arn, userId="u1", numResults=500)
    assert ask(arn, userId="u2") == ask(arn, userId="u2")

    # The configuration changes while the old lists go on answering.
    before = ask(arn, userId="u3")
    explores = {"explorationWeight": "1", "explorationItemAgeCutOff": "1"}
    updated = p.update_recommender(recommenderArn=arn, recommenderConfig={"itemExplorationConfig": explores})
    assert updated["recommenderArn"] == arn
    assert ask(arn, userId="u3")

    def ended():
        described = p.describe_recommender(recommenderArn=arn)["recommender"]
        assert described["status"] == "ACTIVE"
        return described if described["latestRecommenderUpdate"]["status"] == "ACTIVE" else None

    described = until("update", ended)
    config = {"itemExplorationConfig": explores, "minRecommendationRequestsPerSecond": 2}
    assert described["latestRecommenderUpdate"]["recommenderConfig"] == config == described["recommenderConfig"]
    # All places go to the young half, as far as it was not watched.
    until("explored list", lambda: ask(arn, userId="u3") != before)
    young = {f"i{n}" for n in range(20, data.ITEMS)} - watched("u3")
    assert set(ask(arn, userId="u3", numResults=len(young))) == young

    refused(p.delete_dataset_group, "ResourceInUseException", "depends on it", datasetGroupArn=group)
    p.delete_recommender(recommenderArn=arn)
    wait_gone(p.describe_recommender, p, recommenderArn=arn)
    refused(p.delete_recommender, "ResourceNotFoundException", arn, recommenderArn=arn)
    with pytest.raises(runtime.exceptions.ResourceNotFoundException):
        until("forgotten recommender", lambda: runtime.get_recommendations(recommenderArn=arn, userId="u1") and None)
    # The name is free again, and nothing is left of what the first one served.
    again = p.create_recommender(**{**request, "recipeArn": RECIPE + "aws-vod-most-popular"})["recommenderArn"]
    assert again == arn and at_rest(p, arn)["status"] == "ACTIVE"
    assert len(ask(arn, userId="u1", numResults=500)) == data.ITEMS


def test_a_recommender_trains_anew_on_what_is_imported(server, personalize, ask):
    p, group = personalize, filled(server, "VIDEO_ON_DEMAND", "anew", ["Interactions"])
    recipe = RECIPE + "aws-vod-most-popular"
    arn = p.create_recommender(name="anew", datasetGroupArn=group, recipeArn=recipe)["recommenderArn"]
    assert at_rest(p, arn)["status"] == "ACTIVE"
    assert ask(arn, userId="u1")[0] != "new"
    rows = [*events_of_videos(), *((f"u{n}", "new", "Watch", LATEST + 1_000) for n in range(data.USERS))]
    body = csv("USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP", rows)
    s3 = server.client("s3", s3={"addressing_style": "path"})
    s3.put_object(Bucket=server.bucket, Key="anew/interactions/more.csv", Body=body)
    until("new version", lambda: ask(arn, userId="u1")[0] == "new")
    latest = until(
        "end of the move",
        lambda: p.describe_recommender(recommenderArn=arn)["recommender"].get("latestRecommenderUpdate"),
    )
    assert latest["status"] in ("CREATE IN_PROGRESS", "ACTIVE")


def test_a_recommender_whose_data_is_too_small_fails_with_the_reason(server, personalize, runtime):
    p = personalize
    # There are 32 clicks, and 1,200 events of videos none of which is a purchase.
    group = p.create_dataset_group(name="small", domain="ECOMMERCE")["datasetGroupArn"]
    schema = p.create_schema(name="small", schema=INTERACTIONS, domain="ECOMMERCE")["schemaArn"]
    dataset = p.create_dataset(
        name="small", schemaArn=schema, datasetGroupArn=group, datasetType="Interactions"
    )["datasetArn"]
    filled(server, "VIDEO_ON_DEMAND", "smalls", ["Interactions"])
    job = p.create_dataset_import_job(
        jobName="small",
        datasetArn=dataset,
        dataSource={"dataLocation": f"s3://{BUCKET}/VIDEO_ON_DEMAND/Interactions.csv"},
        roleArn=ROLE,
    )["datasetImportJobArn"]
    assert wait(p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)["status"] == "ACTIVE"
    request = dict(name="small", datasetGroupArn=group, recipeArn=RECIPE + "aws-ecomm-popular-items-by-purchases")
    arn = p.create_recommender(**request)["recommenderArn"]
    described = at_rest(p, arn)
    assert described["status"] == "CREATE FAILED"
    assert "fewer than 1000 interactions after filtering by event type: Purchase" in described["failureReason"]
    assert "modelMetrics" not in described
    refused(p.update_recommender, "ResourceInUseException", "FAILED", recommenderArn=arn, recommenderConfig={})
    refused(p.start_recommender, "ResourceInUseException", "FAILED", recommenderArn=arn)
    refused(runtime.get_recommendations, "ResourceNotFoundException", "FAILED", recommenderArn=arn, userId="u1")
    p.delete_recommender(recommenderArn=arn)
    wait_gone(p.describe_recommender, p, recommenderArn=arn)


def test_training_columns_are_chosen_and_chosen_anew(server, ask, unique):
    p, group = server.client("personalize"), filled(server, "VIDEO_ON_DEMAND", unique("columns"))
    still = {"itemExplorationConfig": {"explorationWeight": "0"}}

    def active(name, **config):
        arn = p.create_recommender(
            name=unique(name),
            datasetGroupArn=group,
            recipeArn=RECIPE + "aws-vod-top-picks",
            recommenderConfig={**still, **config},
        )["recommenderArn"]
        made = wait(p.describe_recommender, "recommender", recommenderArn=arn)
        assert made["status"] == "ACTIVE", made.get("failureReason")
        return arn

    excluded = {"trainingDataConfig": {"excludedDatasetColumns": {"Items": ["GENRES"]}}}
    lists = lambda arn: [ask(arn, userId=f"u{n}", numResults=500) for n in range(5)]
    every, without = active("every"), active("without", **excluded)
    taught, untaught = lists(every), lists(without)
    assert untaught != taught
    assert p.describe_recommender(recommenderArn=without)["recommender"]["recommenderConfig"] == {
        **still,
        **excluded,
        "minRecommendationRequestsPerSecond": 1,
    }
    refused(
        p.update_recommender,
        "InvalidInputException",
        "no column",
        recommenderArn=without,
        recommenderConfig={"trainingDataConfig": {"excludedDatasetColumns": {"Items": ["GENRE"]}}},
    )
    # With all columns its next version is what the other serves.
    p.update_recommender(recommenderArn=without, recommenderConfig={"trainingDataConfig": {}})
    until("lists of all columns", lambda: lists(without) == taught)
    described = p.describe_recommender(recommenderArn=without)["recommender"]
    assert "trainingDataConfig" not in described["recommenderConfig"]


def test_a_creation_that_was_killed_goes_on(tmp_path):
    server = Server(tmp_path / "data")
    p, group = server.client("personalize"), filled(server, "VIDEO_ON_DEMAND", "killed")
    arn = p.create_recommender(
        name="killed", datasetGroupArn=group, recipeArn=RECIPE + "aws-vod-top-picks"
    )["recommenderArn"]
    server.process.kill()
    server.process.wait()
    server = Server(tmp_path / "data")
    try:
        p = server.client("personalize")
        assert at_rest(p, arn)["status"] == "ACTIVE"
        runtime = server.client("personalize-runtime")
        assert runtime.get_recommendations(recommenderArn=arn, userId="u1")["itemList"]
        # Stopped and killed at once it is stopped all the same.
        p.stop_recommender(recommenderArn=arn)
        server.process.kill()
        server.process.wait()
        server = Server(tmp_path / "data")
        assert at_rest(server.client("personalize"), arn)["status"] == "INACTIVE"
    finally:
        server.stop()


# ---------------------------------------------------------------- What is refused


def test_creations_that_cannot_be(server, personalize, vod, world, unique):
    p = personalize
    good = dict(name=unique("bad"), datasetGroupArn=vod.group, recipeArn=RECIPE + "aws-vod-top-picks")
    empty = p.create_dataset_group(name=unique("empty"), domain="VIDEO_ON_DEMAND")["datasetGroupArn"]
    no_items = filled(server, "VIDEO_ON_DEMAND", unique("noitems"), ["Interactions"])
    for change, code, words in [
        ({"datasetGroupArn": world.group}, "InvalidInputException", ["Please use a domains-specific Dataset Group"]),
        ({"recipeArn": RECIPE + "aws-hrnn"}, "InvalidInputException", ["a recipe for solutions", "aws-vod-top-picks"]),
        (
            {"recipeArn": RECIPE + "aws-ecomm-recommended-for-you"},
            "InvalidInputException",
            ["a use case of the domain ECOMMERCE", "VIDEO_ON_DEMAND"],
        ),
        ({"recipeArn": RECIPE + "aws-unknown"}, "ResourceNotFoundException", ["does not exist"]),
        ({"datasetGroupArn": vod.group + "x"}, "ResourceNotFoundException", ["does not exist"]),
        ({"datasetGroupArn": empty}, "InvalidInputException", ["no Interactions dataset"]),
        ({"datasetGroupArn": no_items}, "InvalidInputException", ["no Items dataset"]),
        (
            {"recommenderConfig": {"trainingDataConfig": {"excludedDatasetColumns": {"ITEMS": ["GENRE"]}}}},
            "InvalidInputException",
            ["trainingDataConfig", "no column"],
        ),
        ({"recommenderConfig": {"itemExplorationConfig": {"explorationWeight": "2"}}}, "InvalidInputException", ["0 to 1"]),
        ({"recommenderConfig": {"itemExplorationConfig": {"weight": "1"}}}, "InvalidInputException", ["weight"]),
        (
            {
                "recipeArn": RECIPE + "aws-vod-most-popular",
                "recommenderConfig": {"itemExplorationConfig": {"explorationWeight": "0.1"}},
            },
            "InvalidInputException",
            ["does not explore"],
        ),
    ]:
        refused(p.create_recommender, code, *words, **{**good, **change})
    unchecked = server.client("personalize", parameter_validation=False)
    for change, word in [
        ({"recommenderConfig": {"minRecommendationRequestsPerSecond": 0}}, "minRecommendationRequestsPerSecond"),
        ({"name": "-x"}, "name"),
        ({"recipeArn": None}, "recipeArn"),
    ]:
        request = {name: value for name, value in {**good, **change}.items() if value is not None}
        refused(unchecked.create_recommender, "InvalidInputException", word, **request)


def test_recommenders_that_are_not_there(personalize, runtime, vod, world):
    p = personalize
    unknown = "arn:aws:personalize:us-east-1:000000000000:recommender/unknown"
    for arn in (unknown, world.campaign):
        for call, more in [
            (p.describe_recommender, {}),
            (p.update_recommender, {"recommenderConfig": {}}),
            (p.start_recommender, {}),
            (p.stop_recommender, {}),
            (p.delete_recommender, {}),
        ]:
            refused(call, "ResourceNotFoundException", f"Resource Arn {arn} does not exist.", recommenderArn=arn, **more)
    refused(runtime.get_recommendations, "ResourceNotFoundException", unknown, recommenderArn=unknown, userId="u1")
    for request, words in [
        ({"recommenderArn": world.campaign}, "The given recommender ARN is invalid"),
        ({"campaignArn": vod.arns["aws-vod-top-picks"]}, "The given campaign ARN is invalid"),
        ({"campaignArn": world.campaign, "recommenderArn": unknown}, "Both"),
    ]:
        refused(runtime.get_recommendations, "InvalidInputException", words, userId="u1", **request)
    # A recommender is no campaign to the other operations either.
    refused(p.describe_campaign, "ResourceNotFoundException", campaignArn=vod.arns["aws-vod-top-picks"])
    refused(p.delete_campaign, "ResourceNotFoundException", campaignArn=vod.arns["aws-vod-top-picks"])
    with pytest.raises(ClientError, match="The given campaign ARN is invalid"):
        runtime.get_personalized_ranking(
            campaignArn=vod.arns["aws-vod-top-picks"], userId="u1", inputList=["i1", "i2"]
        )
