"""Next best action in the deployed stack: imports, a training, answers, and what is put."""

import pytest

import test_actions as local
from making import until
from test_actions import answer, interact, names


@pytest.fixture(scope="module")
def nba(stack):
    return local.open_world(stack)


def test_users_get_actions_of_their_taste(nba):
    local.test_it_beats_the_popularity_of_actions(nba)
    local.test_users_get_actions_of_their_taste_with_probabilities(nba)
    local.test_an_action_that_has_expired_is_never_recommended(nba)


def test_a_taken_action_leaves_the_answer_of_its_user_alone(nba):
    before, others = names(answer(nba, "u150")), answer(nba, "u152")
    assert "even-2" in before
    interact(nba, "u150", "even-2")
    after = until("answer without it", lambda: (found := names(answer(nba, "u150"))) != before and found)
    assert set(before) - set(after) == {"even-2"}
    assert answer(nba, "u152") == others


def test_an_anonymous_session_hands_over_what_it_took(nba):
    interact(nba, None, "odd-1")
    until("answer of the session", lambda: "odd-1" not in names(answer(nba, "s-None")))
    assert "odd-1" in names(answer(nba, "visitor"))
    interact(nba, "visitor", "odd-2", "Viewed", sessionId="s-None")
    until("answer of its user", lambda: "odd-1" not in names(answer(nba, "visitor")))


def test_actions_are_filtered(nba):
    local.test_actions_are_filtered(nba)


def test_what_is_put_is_in_the_next_training(nba):
    local.test_what_is_put_is_in_the_next_training(nba)
