"""Users leave the deployed stack: the tasks of the job are shared out by the state machine of batches."""

import pytest

import test_data_deletion as local


@pytest.fixture(scope="module")
def world(stack):
    return local.open_world_with_users(stack)


def test_users_leave_imports_events_lists_and_the_next_model(world):
    local.test_users_leave_imports_events_lists_and_the_next_model(world)


def test_a_list_that_cannot_be_used_is_the_reason(world):
    local.test_a_list_that_cannot_be_used_is_the_reason(
        world, "no-header", "u1", "Input CSV is missing the following columns: [USER_ID]."
    )
