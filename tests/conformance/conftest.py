"""The server, the world in it, and the table at the end."""

import sys
from pathlib import Path

import pytest

# The suite of the official clients has the server and the checks of answers.
sys.path.append(str(Path(__file__).parent.parent / "python"))

from conformance import cases  # noqa: E402
from conformance.report import Tally  # noqa: E402
from conformance.service import Service  # noqa: E402

TALLY = pytest.StashKey()


@pytest.fixture(scope="session")
def bench(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("osusume") / "data")
    yield cases.Bench(service)
    service.server.stop()


@pytest.fixture(scope="session")
def exhausted(bench):
    bench.prepare_limits(cases.limits())
    bench.service.restart("--quotas", "0")
    return bench


def pytest_configure(config):
    config.stash[TALLY] = Tally()


def pytest_collection_modifyitems(items):
    for item in items:
        case = getattr(item, "callspec", None) and item.callspec.params.get("case")
        if isinstance(case, cases.Case):
            item.user_properties.append(("operation", case.operation))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    operation = dict(item.user_properties).get("operation")
    if operation and (report.when == "call" or report.outcome != "passed" and report.when == "setup"):
        reason = report.longrepr[2] if report.skipped else ""
        item.config.stash[TALLY].add(operation, report.outcome, reason)
    return report


def pytest_terminal_summary(terminalreporter, config):
    tally = config.stash[TALLY]
    if tally.outcomes:
        terminalreporter.section("conformance")
        for line in tally.lines():
            terminalreporter.write_line(line)
