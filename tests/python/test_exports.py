"""Export jobs, and replacing the schema of a dataset whose rows are exported then."""

import csv
import io
import json

import pytest

import data
from server import ROLE, wait, wait_gone
from test_errors import ACCOUNT, LONG, refused

HEADER = "USER_ID,ITEM_ID,TIMESTAMP"
STATUS = {"status", "creationDateTime", "lastUpdatedDateTime"}
YEAR = {"name": "YEAR", "type": "int"}
GENRES = {"name": "GENRES", "type": ["null", "string"], "categorical": True}


def items_schema(*fields):
    fields = [{"name": "ITEM_ID", "type": "string"}, *fields]
    return json.dumps({"type": "record", "name": "Items", "fields": fields, "version": "1.0"})


def request(world, dataset, name, mode=None):
    asked = {
        "jobName": name,
        "datasetArn": dataset,
        "roleArn": ROLE,
        "jobOutput": {"s3DataDestination": {"path": f"s3://{world.bucket}/exports/"}},
    }
    return asked | ({"ingestionMode": mode} if mode else {})


def export(personalize, s3, world, dataset, name, mode=None):
    """The text of the one file that an export writes."""
    p = personalize
    job = p.create_dataset_export_job(**request(world, dataset, name, mode))["datasetExportJobArn"]
    done = wait(p.describe_dataset_export_job, "datasetExportJob", datasetExportJobArn=job)
    assert done["status"] == "ACTIVE", done
    listed = s3.list_objects_v2(Bucket=world.bucket, Prefix=f"exports/{name}/")["Contents"]
    assert [entry["Key"] for entry in listed] == [f"exports/{name}/part-00000.csv"]
    return s3.get_object(Bucket=world.bucket, Key=listed[0]["Key"])["Body"].read().decode()


def rows(text):
    return list(csv.reader(io.StringIO(text)))[1:]


def test_what_was_imported_comes_back(personalize, s3, world, unique):
    text = export(personalize, s3, world, world.dataset, unique("bulk"), "BULK")
    assert text.startswith(HEADER + "\n")
    imported = [[user, item, str(time)] for user, item, time in data.rows()]
    # The order of the file, and no row twice.
    assert rows(text) == [list(row) for row in dict.fromkeys(map(tuple, imported))]


def test_nothing_was_put(personalize, s3, world, unique):
    assert export(personalize, s3, world, world.dataset, unique("put")) == HEADER + "\n"


def test_what_a_job_says_about_itself(personalize, s3, world, unique):
    p, name = personalize, unique("export")
    export(p, s3, world, world.dataset, name, "ALL")
    arn = f"{ACCOUNT}:dataset-export-job/{name}"
    job = p.describe_dataset_export_job(datasetExportJobArn=arn)["datasetExportJob"]
    assert set(job) == STATUS | {
        "jobName",
        "datasetExportJobArn",
        "datasetArn",
        "ingestionMode",
        "roleArn",
        "jobOutput",
    }
    asked = request(world, world.dataset, name, "ALL")
    assert {member: job[member] for member in asked} == asked
    listed = p.list_dataset_export_jobs(datasetArn=world.dataset)["datasetExportJobs"]
    found = next(entry for entry in listed if entry["jobName"] == name)
    assert set(found) == STATUS | {"jobName", "datasetExportJobArn"}
    assert found["datasetExportJobArn"] == arn
    pages = p.get_paginator("list_dataset_export_jobs").paginate(
        datasetArn=world.dataset, PaginationConfig={"PageSize": 1}
    )
    assert [page["datasetExportJobs"][0] for page in pages] == listed
    code, message = refused(p, "CreateDatasetExportJob", asked)
    assert code == "ResourceAlreadyExistsException" and arn in message


def test_a_bucket_that_is_not_there_is_the_reason(personalize, world, unique):
    p = personalize
    asked = request(world, world.dataset, unique("lost"))
    asked["jobOutput"] = {"s3DataDestination": {"path": "s3://nobody-has-this/x/"}}
    job = p.create_dataset_export_job(**asked)["datasetExportJobArn"]
    failed = wait(p.describe_dataset_export_job, "datasetExportJob", datasetExportJobArn=job)
    assert failed["status"] == "CREATE FAILED"
    assert failed["failureReason"].startswith("Invalid S3 output path") and "nobody-has-this" in failed["failureReason"]


@pytest.mark.parametrize(
    "change, words",
    [
        ({"jobName": LONG}, "jobName"),
        ({"jobName": None}, "jobName"),
        ({"datasetArn": "films"}, "datasetArn"),
        ({"roleArn": None}, "roleArn"),
        ({"roleArn": "me"}, "roleArn"),
        ({"ingestionMode": "SOME"}, "ingestionMode"),
        ({"jobOutput": None}, "jobOutput"),
        ({"jobOutput": {}}, "s3DataDestination"),
        ({"jobOutput": {"s3DataDestination": {"path": "s3://conformance/no-slash"}}}, "Invalid S3 output path"),
        ({"jobOutput": {"s3DataDestination": {"path": "out/"}}}, "Invalid S3 output path"),
        (
            {
                "jobOutput": {
                    "s3DataDestination": {
                        "path": "s3://conformance/out/",
                        "kmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/x",
                    }
                }
            },
            "kmsKeyArn",
        ),
        ({"tags": [{"tagKey": "a,b", "tagValue": ""}]}, "tags[0].tagKey"),
    ],
)
def test_a_request_that_breaks_a_rule(unchecked, world, change, words):
    broken = {**request(world, world.dataset, "broken"), **change}
    code, message = refused(unchecked, "CreateDatasetExportJob", {k: v for k, v in broken.items() if v is not None})
    assert code == "InvalidInputException" and words in message, message


def test_unknown_arns(personalize, world):
    dataset, job = ACCOUNT + ":dataset/unknown/ITEMS", ACCOUNT + ":dataset-export-job/unknown"
    for operation, asked, arn in [
        ("CreateDatasetExportJob", request(world, dataset, "unknown"), dataset),
        ("DescribeDatasetExportJob", {"datasetExportJobArn": job}, job),
        ("UpdateDataset", {"datasetArn": dataset, "schemaArn": world.schema}, dataset),
        ("UpdateDataset", {"datasetArn": world.dataset, "schemaArn": ACCOUNT + ":schema/unknown"}, None),
    ]:
        code, message = refused(personalize, operation, asked)
        if arn is None:
            # An Interactions dataset keeps its schema, whichever one is named.
            assert code == "InvalidInputException" and "Interactions" in message
        else:
            assert code == "ResourceNotFoundException" and arn in message


def test_a_new_schema_keeps_what_is_there(server, personalize, s3, world, unique):
    p, name = personalize, unique("films")
    events = server.client("personalize-events")
    group = p.create_dataset_group(name=name)["datasetGroupArn"]
    before, after, strict = (
        p.create_schema(name=f"{name}-{number}", schema=items_schema(*fields))["schemaArn"]
        for number, fields in enumerate([[YEAR], [GENRES, YEAR], [YEAR, {"name": "PRICE", "type": "float"}]])
    )
    dataset = p.create_dataset(name=name, schemaArn=before, datasetGroupArn=group, datasetType="Items")["datasetArn"]

    def load(number, mode, text):
        key = f"{name}-{number}.csv"
        s3.put_object(Bucket=world.bucket, Key=key, Body=text.encode())
        job = p.create_dataset_import_job(
            jobName=f"{name}-{number}",
            datasetArn=dataset,
            dataSource={"dataLocation": f"s3://{world.bucket}/{key}"},
            roleArn=ROLE,
            importMode=mode,
        )["datasetImportJobArn"]
        done = wait(p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)
        assert done["status"] == "ACTIVE", done

    def put(item, **properties):
        record = {"itemId": item, "properties": json.dumps(properties)}
        events.put_items(datasetArn=dataset, items=[record])

    load(1, "FULL", "ITEM_ID,YEAR\ni1,1990\ni2,1991\n")
    code, message = refused(p, "UpdateDataset", {"datasetArn": dataset, "schemaArn": strict})
    assert code == "InvalidInputException" and "PRICE" in message and "null" in message
    assert "latestDatasetUpdate" not in p.describe_dataset(datasetArn=dataset)["dataset"]
    assert p.update_dataset(datasetArn=dataset, schemaArn=after)["datasetArn"] == dataset
    found = p.describe_dataset(datasetArn=dataset)["dataset"]
    assert (found["schemaArn"], found["status"]) == (after, "ACTIVE")
    assert set(found["latestDatasetUpdate"]) == STATUS | {"schemaArn"}
    assert (found["latestDatasetUpdate"]["schemaArn"], found["latestDatasetUpdate"]["status"]) == (after, "ACTIVE")
    p.delete_schema(schemaArn=before)

    assert export(p, s3, world, dataset, unique("bulk"), "BULK") == "ITEM_ID,GENRES,YEAR\ni1,,1990\ni2,,1991\n"
    load(2, "INCREMENTAL", 'ITEM_ID,YEAR,GENRES\ni2,1992,"Film, noir"\n')
    put("i3", year=1993, genres='say "so"')
    put("i1", year=1994)
    bulk = export(p, s3, world, dataset, unique("bulk"), "BULK")
    assert rows(bulk) == [["i1", "", "1990"], ["i2", "Film, noir", "1992"]]
    only_put = export(p, s3, world, dataset, unique("put"), "PUT")
    assert rows(only_put) == [["i1", "", "1994"], ["i3", 'say "so"', "1993"]]
    everything = export(p, s3, world, dataset, unique("all"), "ALL")
    assert rows(everything) == [["i1", "", "1994"], ["i2", "Film, noir", "1992"], ["i3", 'say "so"', "1993"]]
    # An export is what an import takes.
    load(3, "FULL", everything)
    assert export(p, s3, world, dataset, unique("again"), "BULK") == everything

    job = p.list_dataset_export_jobs(datasetArn=dataset)["datasetExportJobs"][0]["datasetExportJobArn"]
    p.delete_dataset(datasetArn=dataset)
    wait_gone(p.describe_dataset, p, datasetArn=dataset)
    assert refused(p, "DescribeDatasetExportJob", {"datasetExportJobArn": job})[0] == "ResourceNotFoundException"
    p.delete_dataset_group(datasetGroupArn=group)
    wait_gone(p.describe_dataset_group, p, datasetGroupArn=group)
