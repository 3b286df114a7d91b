"""Recommenders in the deployed stack, most of it by the walks that `osusume serve` is walked through."""

import pytest

import data
import test_recommenders as local
from making import until


@pytest.fixture(scope="module")
def ask(runtime):
    return local.asker(runtime)


@pytest.fixture(scope="module")
def vod(stack):
    # A group that has recommenders and no solution.
    return local.all_of(stack, "VIDEO_ON_DEMAND", "vod", ["aws-vod-top-picks", "aws-vod-because-you-watched-x"])


def test_top_picks_leave_out_what_was_watched(ask, vod):
    local.test_top_picks_leave_out_what_was_watched(ask, vod)


def test_related_items_are_answered_by_the_function_that_knows_what_was_watched(ask, vod):
    local.test_because_you_watched_leaves_out_what_was_watched(ask, vod)


def test_filters_apply(personalize, ask, vod):
    comedies = personalize.create_filter(
        name="vod-comedies", datasetGroupArn=vod.group, filterExpression="INCLUDE ItemID WHERE Items.GENRES IN ($GENRE)"
    )["filterArn"]
    request = {"userId": "u1", "filterArn": comedies, "filterValues": {"GENRE": '"Comedy"'}, "numResults": 500}
    items = ask(vod.arns["aws-vod-top-picks"], **request)
    # u1 watched those of the other taste.
    assert set(items) == {f"i{n}" for n in range(0, data.ITEMS, 2)} - local.watched("u1")


def test_an_event_moves_top_picks_and_leaves_out_what_was_watched(stack, personalize, ask, vod):
    tracker = personalize.create_event_tracker(name="vod", datasetGroupArn=vod.group)["trackingId"]
    arn = vod.arns["aws-vod-top-picks"]
    events = stack.client("personalize-events")
    whole = lambda user: ask(arn, userId=user, numResults=500)

    def put(user, kind, *items):
        listed = [{"eventType": kind, "itemId": item, "sentAt": local.LATEST + 500} for item in items]
        events.put_events(trackingId=tracker, userId=user, sessionId=f"s-{user}", eventList=listed)

    before, strangers = ask(arn, userId="u4"), whole("newcomer")
    put("u4", "watch", before[0])
    until("list without it", lambda: before[0] not in ask(arn, userId="u4"))
    put("newcomer", "Click", "i7", "i9")
    until("other list", lambda: whole("newcomer") != strangers)
    assert set(whole("newcomer")) == set(strangers)


def test_stop_start_update_and_delete(stack, personalize, runtime, ask):
    local.test_stop_start_update_and_delete(stack, personalize, runtime, ask)


def test_an_upload_trains_a_recommender_anew(stack, personalize, ask):
    local.test_a_recommender_trains_anew_on_what_is_imported(stack, personalize, ask)


def test_one_whose_data_is_too_small_fails_with_the_reason(stack, personalize, runtime):
    local.test_a_recommender_whose_data_is_too_small_fails_with_the_reason(stack, personalize, runtime)
