"""Metric attribution: what events come to, by the answer or the source that they came from."""

import csv
import io
import json
import re

import pytest

import data
from server import ROLE, wait, wait_gone
from test_errors import ACCOUNT, LONG, refused

HEADER = "METRIC_NAME,EVENT_TYPE,VALUE,MATH_FUNCTION,EVENT_ATTRIBUTION_SOURCE,TIMESTAMP"
SCHEMA = data.interactions_schema(
    {"name": "EVENT_TYPE", "type": "string"},
    {"name": "EVENT_VALUE", "type": ["null", "float"]},
    {"name": "RECOMMENDATION_ID", "type": ["null", "string"]},
    {"name": "EVENT_ATTRIBUTION_SOURCE", "type": ["null", "string"]},
)
ITEMS = json.dumps(
    {
        "type": "record",
        "name": "Items",
        "fields": [
            {"name": "ITEM_ID", "type": "string"},
            {"name": "GENRES", "type": "string", "categorical": True},
            {"name": "PRICE", "type": ["null", "float"]},
        ],
        "version": "1.0",
    }
)
COUNT = {"eventType": "Watch", "metricName": "watched", "expression": "SAMPLECOUNT()"}
PAID = {"eventType": "Watch", "metricName": "paid", "expression": "SUM(Items.PRICE)"}
RATED = {"eventType": "Rate", "metricName": "rated", "expression": "sum(interactions.event_value)"}
HEAD = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,RECOMMENDATION_ID,EVENT_ATTRIBUTION_SOURCE"


class World:
    """A group with items that have prices, a campaign, a tracker and no attribution."""

    def __init__(self, server, name):
        p = self.p = server.client("personalize")
        self.name = name
        self.s3 = server.client("s3", s3={"addressing_style": "path"})
        self.events = server.client("personalize-events")
        self.runtime = server.client("personalize-runtime")
        self.s3.create_bucket(Bucket=name)
        self.group = p.create_dataset_group(name=name)["datasetGroupArn"]
        self.datasets = {}
        for kind, text in [("Interactions", SCHEMA), ("Items", ITEMS)]:
            arn = p.create_schema(name=f"{name}-{kind}", schema=text)["schemaArn"]
            self.datasets[kind] = p.create_dataset(
                name=f"{name}-{kind}", schemaArn=arn, datasetGroupArn=self.group, datasetType=kind
            )["datasetArn"]
        rows = [f"{user},{item},{time},View,,," for user, item, time in data.rows()]
        self.load(f"{name}-rows", "Interactions", "\n".join([HEAD, *rows]) + "\n")
        prices = [f"i{n},Drama,{n}.5" for n in range(1, data.ITEMS)]
        self.load(f"{name}-items", "Items", "\n".join(["ITEM_ID,GENRES,PRICE", "i0,Drama,", *prices]) + "\n")
        solution = p.create_solution(
            name=name, datasetGroupArn=self.group, recipeArn="arn:aws:personalize:::recipe/aws-popularity-count"
        )["solutionArn"]
        version = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
        wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)
        self.campaigns = []
        for number in (1, 2):
            campaign = p.create_campaign(name=f"{name}-{number}", solutionVersionArn=version)["campaignArn"]
            assert wait(p.describe_campaign, "campaign", campaignArn=campaign)["status"] == "ACTIVE"
            self.campaigns.append(campaign)
        self.tracking = p.create_event_tracker(name=name, datasetGroupArn=self.group)["trackingId"]

    def load(self, name, kind, text, **more):
        key = f"{name}.csv"
        self.s3.put_object(Bucket=self.name, Key=key, Body=text.encode())
        job = self.p.create_dataset_import_job(
            jobName=name,
            datasetArn=self.datasets[kind],
            dataSource={"dataLocation": f"s3://{self.name}/{key}"},
            roleArn=ROLE,
            **more,
        )["datasetImportJobArn"]
        done = wait(self.p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)
        assert done["status"] == "ACTIVE", done
        return done

    def export(self, name):
        job = self.p.create_dataset_export_job(
            jobName=name,
            datasetArn=self.datasets["Interactions"],
            roleArn=ROLE,
            jobOutput={"s3DataDestination": {"path": f"s3://{self.name}/out/"}},
        )["datasetExportJobArn"]
        wait(self.p.describe_dataset_export_job, "datasetExportJob", datasetExportJobArn=job)
        return self.s3.get_object(Bucket=self.name, Key=f"out/{name}/part-00000.csv")["Body"].read().decode()

    def output(self, **path):
        return {"roleArn": ROLE} | ({"s3DataDestination": path} if path else {})

    def create(self, name, metrics, **path):
        return self.p.create_metric_attribution(
            name=name, datasetGroupArn=self.group, metrics=metrics, metricsOutputConfig=self.output(**path)
        )["metricAttributionArn"]

    def delete(self, arn):
        self.p.delete_metric_attribution(metricAttributionArn=arn)
        wait_gone(self.p.describe_metric_attribution, self.p, metricAttributionArn=arn)

    def answer(self, number):
        answer = self.runtime.get_recommendations(campaignArn=self.campaigns[number], userId="u1", numResults=3)
        return answer["recommendationId"]


@pytest.fixture(scope="module")
def world(server):
    return World(server, "attributed")


@pytest.fixture
def attribution(world):
    arn = world.create("attributed", [COUNT, PAID, RATED], path=f"s3://{world.name}/reports/")
    yield arn
    world.delete(arn)


def report(world, method, number=0):
    """The rows of a report, by metric, source and time; the last one that was written."""
    listed = world.s3.list_objects_v2(Bucket=world.name, Prefix="reports/").get("Contents", [])
    name = re.compile(rf"reports/AggregatedAttributionMetrics - {method} - \d+\.csv")
    found = [entry for entry in listed if name.fullmatch(entry["Key"])]
    assert len(found) == number + 1, listed
    key = max(found, key=lambda entry: entry["LastModified"])["Key"]
    text = world.s3.get_object(Bucket=world.name, Key=key)["Body"].read().decode()
    assert text.splitlines()[0] == HEADER
    rows = csv.DictReader(io.StringIO(text))
    return {(r["METRIC_NAME"], r["EVENT_ATTRIBUTION_SOURCE"], int(r["TIMESTAMP"])): r for r in rows}


def test_events_are_attributed_to_the_campaign_whose_answer_they_follow(world, attribution):
    first, second = world.answer(0), world.answer(1)
    assert re.fullmatch(r"RID-[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", first)
    # Ids differ, and share what tells who answered.
    assert first != world.answer(0) and first[-12:] == world.answer(0)[-12:] != second[-12:]
    told = [
        {"itemId": "i1", "recommendationId": first},
        {"itemId": "i2", "recommendationId": first},
        {"itemId": "i3", "recommendationId": second},
        {"itemId": "i4", "recommendationId": first, "metricAttribution": {"eventAttributionSource": "mail"}},
        {"itemId": "i5", "metricAttribution": {"eventAttributionSource": "mail"}},
        {"itemId": "i6", "recommendationId": "RID-of-somebody-else"},
        {"itemId": "i0"},
        {"itemId": "i7", "eventType": "Rate", "eventValue": 0.25, "recommendationId": second},
    ]
    # The beginning of a quarter of an hour, and its last second.
    for number, event in enumerate(told):
        event = {"eventType": "Watch", "sentAt": 1_700_000_100 + 899 * (number % 2), "eventId": str(number)} | event
        world.events.put_events(trackingId=world.tracking, userId="u1", sessionId="s", eventList=[event])
    # What is kept of them goes out and comes in again, with its report.
    exported = world.export("attributed")
    assert "mail" in exported and first in exported
    done = world.load(
        "again", "Interactions", exported, importMode="INCREMENTAL", publishAttributionMetricsToS3=True
    )
    assert done["publishAttributionMetricsToS3"] is True
    rows = report(world, "INCREMENTAL")
    one, two = world.campaigns
    time, nobody = 1_700_000_100, "SOURCE_NAME_UNDEFINED"
    values = {key: (row["VALUE"], row["MATH_FUNCTION"], row["EVENT_TYPE"]) for key, row in rows.items()}
    assert values == {
        ("watched", one, time): ("2.0", "samplecount", "Watch"),
        ("watched", two, time): ("1.0", "samplecount", "Watch"),
        ("watched", "mail", time): ("2.0", "samplecount", "Watch"),
        ("watched", nobody, time): ("2.0", "samplecount", "Watch"),
        ("paid", one, time): ("4.0", "sum", "Watch"),
        ("paid", two, time): ("3.5", "sum", "Watch"),
        ("paid", "mail", time): ("10.0", "sum", "Watch"),
        # The item without a price adds nothing.
        ("paid", nobody, time): ("6.5", "sum", "Watch"),
        ("rated", two, time): ("0.25", "sum", "Rate"),
    }


def test_a_full_import_reports_the_source_column(world, attribution):
    sources = ["home, page", "mail", ""]
    rows = [
        f"{user},{item},{1_600_000_200 + 900 * (n % 2)},WATCH,,,{json.dumps(sources[n % 3]) if n % 3 == 0 else sources[n % 3]}"
        for n, (user, item, _) in enumerate(data.rows())
    ]
    text = "\n".join([HEAD, *rows]) + "\n"
    world.load("full", "Interactions", text, publishAttributionMetricsToS3=True)
    found = report(world, "FULL")
    counts = {(source, time): float(row["VALUE"]) for (name, source, time), row in found.items() if name == "watched"}
    assert counts == {
        (source, 1_600_000_200 + 900 * late): 200.0
        for source in ["home, page", "mail", "SOURCE_NAME_UNDEFINED"]
        for late in (0, 1)
    }


def test_publishing_needs_an_attribution_with_a_destination(world):
    def asked(kind="Interactions"):
        return {
            "jobName": "never",
            "datasetArn": world.datasets[kind],
            "dataSource": {"dataLocation": f"s3://{world.name}/full.csv"},
            "publishAttributionMetricsToS3": True,
        }

    code, message = refused(world.p, "CreateDatasetImportJob", asked() | {"roleArn": ROLE})
    assert code == "InvalidInputException" and "no metric attribution" in message
    arn = world.create("no-destination", [COUNT])
    try:
        described = world.p.describe_metric_attribution(metricAttributionArn=arn)["metricAttribution"]
        assert described["metricsOutputConfig"] == {"roleArn": ROLE}
        code, message = refused(world.p, "CreateDatasetImportJob", asked() | {"roleArn": ROLE})
        assert code == "InvalidInputException" and "no s3DataDestination" in message
        code, message = refused(world.p, "CreateDatasetImportJob", asked("Items") | {"roleArn": ROLE})
        assert code == "InvalidInputException" and "no Interactions dataset" in message
    finally:
        world.delete(arn)


def test_what_an_attribution_says_about_itself(world):
    p = world.p
    path = f"s3://{world.name}/reports/"
    arn = world.create("shown", [COUNT, PAID, RATED], path=path)
    assert arn == f"{ACCOUNT}:metric-attribution/shown"
    described = p.describe_metric_attribution(metricAttributionArn=arn)["metricAttribution"]
    dates = {"creationDateTime", "lastUpdatedDateTime"}
    assert {k: v for k, v in described.items() if k not in dates} == {
        "name": "shown",
        "metricAttributionArn": arn,
        "datasetGroupArn": world.group,
        "metricsOutputConfig": {"s3DataDestination": {"path": path}, "roleArn": ROLE},
        "status": "ACTIVE",
    }
    listed = p.list_metric_attributions(datasetGroupArn=world.group)["metricAttributions"]
    assert [set(entry) for entry in listed] == [dates | {"name", "metricAttributionArn", "status"}]
    assert listed[0]["metricAttributionArn"] == arn
    assert arn in [entry["metricAttributionArn"] for entry in p.list_metric_attributions()["metricAttributions"]]
    metrics = p.list_metric_attribution_metrics(metricAttributionArn=arn)["metrics"]
    assert metrics == [COUNT, PAID, RATED]
    pages = p.get_paginator("list_metric_attribution_metrics").paginate(
        metricAttributionArn=arn, PaginationConfig={"PageSize": 2}
    )
    assert [page["metrics"] for page in pages] == [[COUNT, PAID], [RATED]]

    # Metrics change, and so does the destination.
    views = {"eventType": "View", "metricName": "viewed", "expression": "SAMPLECOUNT()"}
    changed = p.update_metric_attribution(
        metricAttributionArn=arn,
        removeMetrics=["paid"],
        addMetrics=[views, PAID],
        metricsOutputConfig=world.output(path=path + "more/"),
    )
    assert changed["metricAttributionArn"] == arn
    assert p.list_metric_attribution_metrics(metricAttributionArn=arn)["metrics"] == [COUNT, RATED, views, PAID]
    described = p.describe_metric_attribution(metricAttributionArn=arn)["metricAttribution"]
    assert described["metricsOutputConfig"]["s3DataDestination"]["path"] == path + "more/"
    asked = {"metricAttributionArn": arn}
    code, message = refused(p, "UpdateMetricAttribution", asked | {"addMetrics": [COUNT]})
    assert code == "ResourceAlreadyExistsException" and "'watched'" in message
    code, message = refused(p, "UpdateMetricAttribution", asked | {"removeMetrics": ["nothing"]})
    assert code == "InvalidInputException" and "'nothing'" in message
    seven = [COUNT | {"metricName": f"m{n}"} for n in range(7)]
    code, message = refused(p, "UpdateMetricAttribution", asked | {"addMetrics": seven})
    assert code == "InvalidInputException" and "at most 10" in message

    # A group has one, a name is taken once, and none can be tagged.
    other = {"name": "other", "datasetGroupArn": world.group, "metrics": [COUNT], "metricsOutputConfig": world.output()}
    code, message = refused(p, "CreateMetricAttribution", other)
    assert code == "ResourceAlreadyExistsException" and arn in message
    code, message = refused(p, "TagResource", {"resourceArn": arn, "tags": [{"tagKey": "a", "tagValue": "b"}]})
    assert code == "InvalidInputException" and "carries no tags" in message
    code, message = refused(p, "DeleteDatasetGroup", {"datasetGroupArn": world.group})
    assert code == "ResourceInUseException"
    world.delete(arn)
    assert p.list_metric_attributions(datasetGroupArn=world.group)["metricAttributions"] == []


def test_it_blocks_the_deletion_of_its_group(personalize, unique):
    p, name = personalize, unique("attributed")
    group = p.create_dataset_group(name=name)["datasetGroupArn"]
    arn = p.create_metric_attribution(
        name=name, datasetGroupArn=group, metrics=[COUNT], metricsOutputConfig={"roleArn": ROLE}
    )["metricAttributionArn"]
    code, message = refused(p, "DeleteDatasetGroup", {"datasetGroupArn": group})
    assert code == "ResourceInUseException" and arn in message
    p.delete_metric_attribution(metricAttributionArn=arn)
    wait_gone(p.describe_metric_attribution, p, metricAttributionArn=arn)
    p.delete_dataset_group(datasetGroupArn=group)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"name": LONG}, "name"),
        ({"name": None}, "name"),
        ({"datasetGroupArn": "films"}, "datasetGroupArn"),
        ({"metrics": None}, "metrics"),
        ({"metrics": []}, "at least one metric"),
        ({"metrics": [COUNT] * 11}, "less than or equal to 10"),
        ({"metrics": [COUNT, PAID | {"metricName": "watched"}]}, "Two metrics are named 'watched'"),
        ({"metrics": [{"eventType": "Watch", "metricName": "m"}]}, "metrics[0].expression"),
        ({"metrics": [COUNT | {"metricName": "x" * 257}]}, "metrics[0].metricName"),
        ({"metrics": [COUNT | {"expression": "AVG(Items.PRICE)"}]}, "Invalid Expression at character 1: expected SUM"),
        ({"metrics": [COUNT | {"expression": "SUM(Items.PRICE"}]}, "Invalid Expression at character 16"),
        ({"metrics": [COUNT | {"expression": "SUM(Items.GENRES)"}]}, "only numbers are summed"),
        ({"metrics": [COUNT | {"expression": "SUM(Items.COST)"}]}, "its columns of numbers: PRICE"),
        ({"metrics": [COUNT | {"expression": "SUM(Users.AGE)"}]}, "character 5"),
        ({"metricsOutputConfig": None}, "metricsOutputConfig"),
        ({"metricsOutputConfig": {}}, "metricsOutputConfig.roleArn"),
        ({"metricsOutputConfig": {"roleArn": ROLE, "s3DataDestination": {"path": "x"}}}, "Invalid S3 output path"),
        (
            {
                "metricsOutputConfig": {
                    "roleArn": ROLE,
                    "s3DataDestination": {
                        "path": "s3://attributed/x/",
                        "kmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/x",
                    },
                }
            },
            "kmsKeyArn",
        ),
    ],
)
def test_requests_that_are_not_valid(unchecked, world, change, words):
    asked = {
        "name": "never",
        "datasetGroupArn": world.group,
        "metrics": [COUNT],
        "metricsOutputConfig": world.output(),
    }
    asked = {k: v for k, v in (asked | change).items() if v is not None}
    code, message = refused(unchecked, "CreateMetricAttribution", asked)
    assert code == "InvalidInputException" and words in message, message


def test_what_is_not_there(personalize, world):
    gone = {"metricAttributionArn": f"{ACCOUNT}:metric-attribution/nowhere"}
    for operation in ("DescribeMetricAttribution", "UpdateMetricAttribution", "DeleteMetricAttribution"):
        assert refused(personalize, operation, gone)[0] == "ResourceNotFoundException", operation
    # The model has no other exception for it.
    assert refused(personalize, "ListMetricAttributionMetrics", gone)[0] == "InvalidInputException"
    asked = {
        "name": "never",
        "datasetGroupArn": f"{ACCOUNT}:dataset-group/nowhere",
        "metrics": [COUNT],
        "metricsOutputConfig": world.output(),
    }
    assert refused(personalize, "CreateMetricAttribution", asked)[0] == "ResourceNotFoundException"
