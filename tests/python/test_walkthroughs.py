"""The walkthroughs as a reader runs them: processes that know nothing but endpoints in their environment."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from server import REGION, Server

SCRIPTS = Path(__file__).resolve().parents[1] / "walkthroughs"
WALKTHROUGHS = ("hands_on_2019", "getting_started")
# Variables of the scripts, which must not come from whoever runs the tests.
OWN = {"DEMO_NAME", "ROLE_ARN", "BUCKET", "RECIPE_ARN", "HYPERPARAMETERS", "INTERVAL", "VIEWERS"}
LISTS = (
    "campaigns",
    "datasetGroups",
    "datasetImportJobs",
    "datasets",
    "eventTrackers",
    "schemas",
    "solutionVersions",
    "solutions",
)
# Of these no deletion exists: they go with what they belong to.
GO_WITH_OTHERS = re.compile(r":dataset-import-job/|:solution/[^/]+/")


@pytest.fixture(scope="module")
def own_server(tmp_path_factory):
    """Nothing is here but what the walkthroughs make."""
    server = Server(tmp_path_factory.mktemp("walkthroughs") / "data")
    yield server
    server.stop()


def walk(server, script, name, **variables):
    """Runs a script to its end."""
    # `aws` and `python3` are those of the interpreter that runs this.
    environment = {key: value for key, value in os.environ.items() if key not in OWN and not key.startswith("AWS_")}
    environment |= {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL_PERSONALIZE": server.api,
        "AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME": server.api,
        "AWS_ENDPOINT_URL_PERSONALIZE_EVENTS": server.api,
        "AWS_ENDPOINT_URL_S3": server.s3_url,
        "DEMO_NAME": name,
        "HYPERPARAMETERS": '{"hidden_dimension": "32"}',
        "INTERVAL": "0.05",
        **variables,
    }
    return subprocess.run([SCRIPTS / script], env=environment, capture_output=True, text=True, timeout=300)


def listed(server):
    """Names and ARNs of all that the server has."""
    personalize, found = server.client("personalize"), []
    for kind in LISTS:
        operation = "list_" + re.sub("([A-Z])", lambda capital: "_" + capital[1].lower(), kind)
        for page in personalize.get_paginator(operation).paginate():
            found += [next(value for key, value in each.items() if key.endswith("Arn")) for each in page[kind]]
    return found, [bucket["Name"] for bucket in server.client("s3").list_buckets()["Buckets"]]


@pytest.fixture(scope="module")
def walked(own_server):
    """All four at the same time, under names of their own, and what was listed before and after them."""
    before = listed(own_server)
    jobs = {f"{flow}.{kind}": f"{flow.replace('_', '-')}-{kind}" for flow in WALKTHROUGHS for kind in ("py", "sh")}
    with ThreadPoolExecutor(len(jobs)) as pool:
        ended = dict(zip(jobs, pool.map(lambda job: walk(own_server, *job), jobs.items())))
    for script, done in ended.items():
        assert (done.returncode, done.stderr) == (0, ""), (script, done.stdout, done.stderr)
    said = {script: anonymous(done.stdout, jobs[script]) for script, done in ended.items()}
    return SimpleNamespace(said=said, before=before, after=listed(own_server))


def anonymous(text, name):
    """Without what no two runs share: the name, and the identifiers that the service gives."""
    text = text.replace(name, "NAME")
    return re.sub(r"(:solution/NAME-solution|:event-tracker)/[0-9a-f]{8}\b", r"\1/ID", text)


def recommended(text):
    """Users with their lists, in the order of the questions."""
    lines = re.findall(r"^recommended to (\S+): (.+)$", text, re.MULTILINE)
    return [(user, [item.split("-")[0] for item in items.split()]) for user, items in lines]


@pytest.mark.parametrize("flow", WALKTHROUGHS)
def test_boto3_and_the_command_line_do_the_same(walked, flow):
    # To the letter: resources, metrics, and every recommended item.
    assert walked.said[f"{flow}.py"] == walked.said[f"{flow}.sh"]


@pytest.mark.parametrize("flow", WALKTHROUGHS)
def test_recommendations_are_those_of_a_taste(walked, flow):
    (fan, comedies), (other, westerns), (nobody, popular), *_ = recommended(walked.said[f"{flow}.py"])
    assert (fan, other, nobody) == ("viewer-0", "viewer-1", "newcomer")
    assert [len(items) for items in (comedies, westerns, popular)] == [10, 10, 10]
    # Each western has twice the viewers of each comedy, so no list by popularity has a comedy in it.
    assert set(popular) == {"western"}
    assert comedies[:5] == ["comedy"] * 5
    assert westerns[:5] == ["western"] * 5


def test_events_move_a_newcomer_to_comedies(walked):
    *before, (user, moved) = recommended(walked.said["hands_on_2019.py"])
    assert len(before) == 3 and user == "newcomer"
    assert moved[:3] == ["comedy"] * 3 and moved.count("comedy") > 5


@pytest.mark.parametrize("flow", WALKTHROUGHS)
def test_everything_that_was_made_is_gone(walked, flow):
    said = walked.said[f"{flow}.py"]
    made = {what.removesuffix("/ratings.csv") for what in re.findall(r"^made (\S+)$", said, re.MULTILINE)}
    gone = re.findall(r"^gone (\S+)$", said, re.MULTILINE)
    kinds = {what.split(":")[5].split("/")[0] for what in made if what.startswith("arn:")}
    expected = {"schema", "dataset-group", "dataset", "dataset-import-job", "solution", "campaign"}
    assert kinds == (expected | {"event-tracker"} if flow == "hands_on_2019" else expected)
    assert set(gone) == {what for what in made if not GO_WITH_OTHERS.search(what)}


def test_nothing_is_listed_after_the_clean_up(walked):
    assert walked.before[0] == walked.after[0] == []
    assert walked.after[1] == walked.before[1]


@pytest.mark.parametrize("script", ["getting_started.py", "hands_on_2019.sh"])
def test_a_failure_ends_the_script_with_one_line(own_server, walked, script):
    name = "too-few-" + script.split(".")[1]
    failed = walk(own_server, script, name, VIEWERS="20")
    assert failed.returncode == 1
    assert re.fullmatch(
        rf"arn:aws:personalize:\S+:dataset-import-job/{name}-\S+: CREATE FAILED: .* has 400 interactions; .*\n",
        failed.stderr,
    ), failed.stderr
    assert failed.stdout.splitlines()[-1].endswith("/INTERACTIONS")
    # What it made is still there, and in the way of the next.
    again = walk(own_server, script, name)
    assert again.returncode != 0
    assert re.fullmatch(r".*BucketAlreadyOwnedByYou.*\n", again.stderr), again.stderr
