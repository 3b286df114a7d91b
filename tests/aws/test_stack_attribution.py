"""Metric attribution in the deployed stack: reports of imports, and those that the daily schedule makes."""

import collections
import contextlib
import json
import re
import time

import pytest

import test_metric_attribution as local
from making import until

HOUR_S = 3600


@pytest.fixture(scope="module")
def world(stack):
    return local.World(stack, "attributed")


@pytest.fixture
def attribution(world):
    arn = world.create("attributed", [local.COUNT, local.PAID, local.RATED], path=f"s3://{world.name}/reports/")
    yield arn
    world.delete(arn)


def test_an_import_reports_what_events_come_to(world, attribution):
    local.test_events_are_attributed_to_the_campaign_whose_answer_they_follow(world, attribution)


def earlier(ministack, table, member, units, only):
    """Moves what rows say of a time into the past, as nobody can move the clock of the stack."""
    tables = ministack.client("dynamodb")
    moved = 0
    for page in tables.get_paginator("scan").paginate(TableName=f"osusume-{table}"):
        for row in page["Items"]:
            for name, value in row.items():
                text = value.get("S", "")
                told, count = re.subn(rf'"{member}":(\d+)', lambda at: f'"{member}":{int(at[1]) - units}', text)
                if count and only in str(row):
                    tables.put_item(TableName=f"osusume-{table}", Item={**row, name: {"S": told}})
                    moved += count
    return moved


def run_schedule(ministack):
    machines = ministack.client("stepfunctions")
    found = {m["name"]: m["stateMachineArn"] for m in machines.list_state_machines()["stateMachines"]}
    execution = machines.start_execution(stateMachineArn=found["osusume-schedule"], input="{}")["executionArn"]
    ended = until(
        "end of the schedule",
        lambda: (run := machines.describe_execution(executionArn=execution))["status"] != "RUNNING" and run,
    )
    assert ended["status"] == "SUCCEEDED", ended


def test_the_schedule_reports_what_came_in_live(ministack, world, attribution):
    # What another test has told came in long before.
    earlier(ministack, "events", "received_us", 24 * HOUR_S * 1_000_000, world.name)
    told = [
        {"itemId": "i1", "recommendationId": world.answer(0)},
        {"itemId": "i2", "recommendationId": world.answer(0)},
        {"itemId": "i5", "metricAttribution": {"eventAttributionSource": "shop window"}},
    ]
    for number, event in enumerate(told):
        event = {"eventType": "Watch", "sentAt": int(time.time()), "eventId": f"live-{number}"} | event
        world.events.put_events(trackingId=world.tracking, userId="u2", sessionId="live", eventList=[event])
    assert earlier(ministack, "events", "received_us", HOUR_S * 1_000_000, '"live-') == 3
    assert earlier(ministack, "resources", "reported_to", 2 * HOUR_S * 1_000, attribution) == 1
    run_schedule(ministack)
    rows = local.report(world, "PUT")
    expected = {
        ("watched", world.campaigns[0]): 2.0,
        ("watched", "shop window"): 1.0,
        ("paid", world.campaigns[0]): 4.0,
        ("paid", "shop window"): 5.5,
    }
    # They may have come in at both sides of the end of a quarter of an hour.
    sums = collections.Counter()
    for (name, source, _), row in rows.items():
        sums[name, source] += float(row["VALUE"])
    assert sums == expected
    # The same sums as metrics, which CloudWatch reads out of the function's log.
    logs = ministack.client("logs")
    group = "/aws/lambda/osusume-workflow"

    def lines():
        """Of all streams and pages: with many invocations before, the newest are not on the first."""
        for page in logs.get_paginator("describe_log_streams").paginate(logGroupName=group):
            for stream in page["logStreams"]:
                asked = {"logGroupName": group, "logStreamName": stream["logStreamName"], "startFromHead": True}
                answer, before = logs.get_log_events(**asked), None
                while answer["events"] and answer["nextForwardToken"] != before:
                    for event in answer["events"]:
                        yield from event["message"].splitlines()
                    before = answer["nextForwardToken"]
                    answer = logs.get_log_events(**asked, nextToken=before)

    def measured():
        found = collections.Counter()
        for line in (json.loads(text) for text in lines() if "Osusume/Attribution" in text):
            (declared,) = line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
            found[declared["Name"], line["EventAttributionSource"]] += line[declared["Name"]]
        return found

    with contextlib.suppress(AssertionError):
        until("metrics", lambda: measured() == expected)
    assert measured() == expected
    # Nothing is reported twice.
    run_schedule(ministack)
    assert local.report(world, "PUT") == rows
