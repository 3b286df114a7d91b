"""What the campaign function of the deployed stack asks the workflow function beside the list."""

import pytest

import test_promotions_and_columns as local


@pytest.fixture(scope="module")
def world(stack):
    return local.open_world(stack, ["aws-hrnn", "aws-personalized-ranking", "aws-sims"])


def test_promotions(world):
    local.test_a_share_of_the_answer_is_promoted_and_both_kinds_keep_their_order(world)
    local.test_the_filter_of_the_request_is_for_the_others_alone(world)


def test_columns(world):
    local.test_columns_of_items_stand_beside_them(world)
    local.test_a_ranking_a_filtered_and_a_promoted_answer_show_columns_too(world)
    local.test_an_item_that_was_put_shows_what_it_is_now(world)


def test_reasons(world):
    local.test_each_item_says_which_event_of_the_user_moved_it_most(world)


def test_what_the_caller_has_to_mend_is_told_as_such(world):
    local.test_what_cannot_be_shown_or_promoted_is_said(world)
