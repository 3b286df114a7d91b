"""What bad input gets: the import ends CREATE FAILED with a reason that names the file, the line, the
column, the value and how to mend it, and the data that was active before stays active.

Bad schemas, recipes and locations that cannot be ones are refused at once; see `test_errors.py`.
"""

import gzip

import pytest

import data
from server import ROLE, wait, wait_gone

RECIPE = "arn:aws:personalize:::recipe/aws-popularity-count"
GOOD = data.csv()
# The header is line 1 and 1,200 rows follow.
NEXT = f"line {len(GOOD.splitlines()) + 1}"
TIME = 1_600_000_000


@pytest.fixture(scope="module")
def dataset(personalize, s3):
    """A dataset with good data in it, in a group of its own."""
    p = personalize
    s3.create_bucket(Bucket="bad-input")
    schema = p.create_schema(name="bad-input", schema=data.interactions_schema())["schemaArn"]
    group = p.create_dataset_group(name="bad-input")["datasetGroupArn"]
    dataset = p.create_dataset(
        name="bad-input", schemaArn=schema, datasetGroupArn=group, datasetType="Interactions"
    )["datasetArn"]
    assert imported(p, s3, dataset, "first.csv", GOOD)["status"] == "ACTIVE"
    yield dataset
    for solution in p.list_solutions(datasetGroupArn=group)["solutions"]:
        p.delete_solution(solutionArn=solution["solutionArn"])
        wait_gone(p.describe_solution, p, solutionArn=solution["solutionArn"])
    p.delete_dataset(datasetArn=dataset)
    wait_gone(p.describe_dataset, p, datasetArn=dataset)
    p.delete_schema(schemaArn=schema)
    p.delete_dataset_group(datasetGroupArn=group)
    wait_gone(p.describe_dataset_group, p, datasetGroupArn=group)


def imported(p, s3, dataset, key, body):
    s3.put_object(Bucket="bad-input", Key=key, Body=body)
    return imported_from(p, dataset, f"s3://bad-input/{key}")


def imported_from(p, dataset, location):
    imported_from.jobs = getattr(imported_from, "jobs", 0) + 1
    job = p.create_dataset_import_job(
        jobName=f"bad-input-{imported_from.jobs}",
        datasetArn=dataset,
        dataSource={"dataLocation": location},
        roleArn=ROLE,
    )["datasetImportJobArn"]
    return wait(p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)


def with_row(row):
    return GOOD + (row if isinstance(row, bytes) else row.encode()) + b"\n"


# File name, content, what the reason must hold beside the name.
BAD = {
    "no-column.csv": (data.csv("USER_ID,ITEM_ID,WHEN"), ["missing the following columns", "TIMESTAMP"]),
    "no-header.csv": (GOOD.split(b"\n", 1)[1], ["missing the following columns", "header"]),
    "semicolons.csv": (GOOD.replace(b",", b";"), ["semicolons"]),
    "header-only.csv": (b"USER_ID,ITEM_ID,TIMESTAMP\n", ["no rows"]),
    "empty.csv": (b"", ["empty"]),
    "type.csv": (with_row("u1,i1,yesterday"), [NEXT, "TIMESTAMP", "yesterday"]),
    "fraction.csv": (with_row(f"u1,i1,{TIME}.5"), [NEXT, "TIMESTAMP", f"{TIME}.5"]),
    "milliseconds.csv": (with_row(f"u1,i1,{TIME}000"), [NEXT, "TIMESTAMP", f"{TIME}000", "milliseconds", "1000"]),
    "negative.csv": (with_row("u1,i1,-5"), [NEXT, "TIMESTAMP", "-5"]),
    "long-id.csv": (with_row(f"{'x' * 257},i1,{TIME}"), [NEXT, "USER_ID", "xxx", "256"]),
    "no-id.csv": (with_row(f"u1,,{TIME}"), [NEXT, "ITEM_ID", "empty"]),
    "utf-8.csv": (with_row(b"u\xff1,i1,%d" % TIME), [NEXT, "USER_ID", "UTF-8"]),
    "nul.csv": (with_row(b"u\x001,i1,%d" % TIME), [NEXT, "USER_ID", "NUL"]),
    "too-few-fields.csv": (with_row("u1,i1"), [NEXT, "2 fields", "3"]),
    "too-many-fields.csv": (with_row(f"u1,i1,{TIME},5"), [NEXT, "4 fields", "3"]),
    "open-quote.csv": (with_row(f'"u1,i1,{TIME}'), [NEXT, "quote"]),
    "cut-off.csv.gz": (gzip.compress(GOOD, mtime=0)[:-400], ["gzip", "cut off"]),
    "workbook.csv": (b"PK\x03\x04" + bytes(500), ["Excel"]),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file(personalize, s3, dataset, name):
    content, words = BAD[name]
    job = imported(personalize, s3, dataset, name, content)
    assert job["status"] == "CREATE FAILED"
    for word in [name, *words]:
        assert word in job["failureReason"], job["failureReason"]


GOOD_AFTER_ALL = {
    "crlf.csv": data.csv(end="\r\n"),
    "bom.csv": b"\xef\xbb\xbf" + GOOD,
    "quoted-header.csv": data.csv('"USER_ID","ITEM_ID","TIMESTAMP"'),
    "other-names.csv": data.csv("userId,movieId,timestamp"),
    "other-order.csv": b"".join(
        b",".join(line.split(b",")[::-1]) + b"\n" for line in GOOD.splitlines()
    ),
    "no-last-line-end.csv": GOOD.rstrip(b"\n"),
    "packed.csv.gz": gzip.compress(GOOD, mtime=0),
}


@pytest.mark.parametrize("name", GOOD_AFTER_ALL)
def test_a_file_that_is_accepted(personalize, s3, dataset, name):
    job = imported(personalize, s3, dataset, name, GOOD_AFTER_ALL[name])
    assert job["status"] == "ACTIVE", job.get("failureReason")
    assert "failureReason" not in job


@pytest.mark.parametrize(
    "location",
    ["s3://bad-input/no-such-file.csv", "s3://bad-input/no-such-folder/", "s3://no-such-bucket/interactions.csv"],
)
def test_a_location_that_holds_nothing(personalize, s3, dataset, location):
    job = imported_from(personalize, dataset, location)
    assert job["status"] == "CREATE FAILED"
    assert location.split("/")[2] in job["failureReason"]


def test_one_bad_file_of_a_folder(personalize, s3, dataset):
    s3.put_object(Bucket="bad-input", Key="folder/a.csv", Body=GOOD)
    s3.put_object(Bucket="bad-input", Key="folder/b.csv", Body=with_row("u1,i1,late"))
    job = imported_from(personalize, dataset, "s3://bad-input/folder/")
    assert job["status"] == "CREATE FAILED"
    assert "b.csv" in job["failureReason"] and NEXT in job["failureReason"]


def test_what_was_active_before_stays_active(personalize, s3, dataset):
    """Trains after a good and a bad import; the bad one would have put a new item on top."""
    p = personalize
    assert imported(p, s3, dataset, "good.csv", GOOD)["status"] == "ACTIVE"
    flood = b"".join(b"v%d,flood,%d\n" % (user, TIME) for user in range(500))
    assert imported(p, s3, dataset, "flood.csv", GOOD + flood + b"u1,i1,late\n")["status"] == "CREATE FAILED"
    version = trained(p, dataset, "after-a-bad-import")
    assert version["status"] == "ACTIVE", version.get("failureReason")
    s3.put_object(Bucket="bad-input", Key="one.json", Body=b'{"userId":"u1"}\n')
    job = p.create_batch_inference_job(
        jobName="after-a-bad-import",
        solutionVersionArn=version["solutionVersionArn"],
        numResults=100,
        jobInput={"s3DataSource": {"path": "s3://bad-input/one.json"}},
        jobOutput={"s3DataDestination": {"path": "s3://bad-input/out/"}},
        roleArn=ROLE,
    )["batchInferenceJobArn"]
    assert wait(p.describe_batch_inference_job, "batchInferenceJob", batchInferenceJobArn=job)["status"] == "ACTIVE"
    answer = s3.get_object(Bucket="bad-input", Key="out/one.json.out")["Body"].read()
    assert b"flood" not in answer and b'"i1"' in answer


def trained(p, dataset, name):
    group = p.describe_dataset(datasetArn=dataset)["dataset"]["datasetGroupArn"]
    solution = p.create_solution(name=name, datasetGroupArn=group, recipeArn=RECIPE)["solutionArn"]
    version = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    return wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)


def few_interactions():
    return b"\n".join(GOOD.splitlines()[:1_000]) + b"\n"


def few_users():
    lines = [f"u{n % 24},i{n % 50},{TIME + n}" for n in range(1_000)]
    lines += [f"once{n},i{n},{TIME + n}" for n in range(50)]
    return "\n".join(["USER_ID,ITEM_ID,TIMESTAMP", *lines, ""]).encode()


@pytest.mark.parametrize("make, number", [(few_interactions, "1000"), (few_users, "25 users")])
def test_too_little_data_ends_as_create_failed(personalize, s3, dataset, make, number):
    """At the import or at the latest at the training, and the reason has the number that is needed."""
    p = personalize
    name = make.__name__.replace("_", "-")
    ended = imported(p, s3, dataset, f"{name}.csv", make())
    if ended["status"] == "ACTIVE":
        ended = trained(p, dataset, name)
    assert ended["status"] == "CREATE FAILED"
    assert number in ended["failureReason"].replace(",", ""), ended["failureReason"]
    assert imported(p, s3, dataset, "again.csv", GOOD)["status"] == "ACTIVE"
