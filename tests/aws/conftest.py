"""One MiniStack and one stack for the whole run."""

import sys
from pathlib import Path

import pytest

# The suite of the official clients has worlds and walks that are made of calls of the API alone.
sys.path.append(str(Path(__file__).parent.parent / "python"))

from stack import MiniStack, Stack  # noqa: E402


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("aws")


@pytest.fixture(scope="session")
def ministack(folder):
    ministack = MiniStack(folder)
    yield ministack
    ministack.stop()


@pytest.fixture(scope="session")
def stack(ministack, folder):
    stack = Stack(ministack, folder)
    yield stack
    stack.delete(folder)


@pytest.fixture(scope="session")
def personalize(stack):
    return stack.client("personalize")


@pytest.fixture(scope="session")
def runtime(stack):
    return stack.client("personalize-runtime")
