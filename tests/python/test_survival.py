"""Processes are killed; nothing is lost, nothing hangs, and nobody shares a data folder by accident."""

import os
import subprocess
import time

import pytest

import data
from making import until
from server import ROLE, Server, wait

HRNN = "arn:aws:personalize:::recipe/aws-hrnn"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def start(folder):
    """Starts a server over the same folder each time; the last one is stopped at the end."""
    servers = []

    def start():
        servers.append(Server(folder))
        return servers[-1]

    yield start
    servers[-1].stop()


def kill(server):
    server.process.kill()
    server.process.wait()


def many_rows(users=400, each=150):
    """Enough interactions that a training is still under way when it is killed."""
    lines = ["USER_ID,ITEM_ID,TIMESTAMP"]
    for user in range(users):
        lines += [f"u{user},i{(user * 7 + step * step) % 900},{1_600_000_000 + 60 * step}" for step in range(each)]
    return ("\n".join(lines) + "\n").encode()


def prepare(server, csv):
    """A dataset with data and a solution for it."""
    p, s3 = server.client("personalize"), server.client("s3", s3={"addressing_style": "path"})
    s3.create_bucket(Bucket="survival")
    s3.put_object(Bucket="survival", Key="rows.csv", Body=csv)
    schema = p.create_schema(name="survival", schema=data.interactions_schema())["schemaArn"]
    group = p.create_dataset_group(name="survival")["datasetGroupArn"]
    dataset = p.create_dataset(name="survival", schemaArn=schema, datasetGroupArn=group, datasetType="Interactions")
    return p, group, dataset["datasetArn"]


def begin_import(p, dataset, name="rows"):
    return p.create_dataset_import_job(
        jobName=name, datasetArn=dataset, dataSource={"dataLocation": "s3://survival/rows.csv"}, roleArn=ROLE
    )["datasetImportJobArn"]


def test_everything_is_there_after_a_kill(start):
    server = start()
    p, group, dataset = prepare(server, data.csv())
    job = begin_import(p, dataset)
    assert wait(p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)["status"] == "ACTIVE"
    recipe = "arn:aws:personalize:::recipe/aws-popularity-count"
    solution = p.create_solution(name="kept", datasetGroupArn=group, recipeArn=recipe)["solutionArn"]
    version = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    campaign = p.create_campaign(name="kept", solutionVersionArn=version)["campaignArn"]
    wait(p.describe_campaign, "campaign", campaignArn=campaign)
    ask = lambda server: server.client("personalize-runtime").get_recommendations(campaignArn=campaign, userId="u1")
    before = ask(server)["itemList"]
    kill(server)

    server = start()
    assert ask(server)["itemList"] == before
    assert server.client("s3").get_object(Bucket="survival", Key="rows.csv")["Body"].read() == data.csv()


def test_an_import_that_was_killed_goes_on(start):
    server = start()
    p, _, dataset = prepare(server, many_rows())
    job = begin_import(p, dataset)
    kill(server)

    p = start().client("personalize")
    imported = wait(p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)
    assert imported["status"] == "ACTIVE", imported.get("failureReason")


def test_a_training_that_was_killed_goes_on_and_gives_the_same_metrics(start):
    server = start()
    p, group, dataset = prepare(server, many_rows())
    wait(p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=begin_import(p, dataset))
    solution = p.create_solution(name="killed", datasetGroupArn=group, recipeArn=HRNN)["solutionArn"]
    version = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    under_way = wait(
        p.describe_solution_version,
        "solutionVersion",
        until=("CREATE IN_PROGRESS", "ACTIVE", "CREATE FAILED"),
        solutionVersionArn=version,
    )
    assert under_way["status"] == "CREATE IN_PROGRESS", under_way
    kill(server)

    p = start().client("personalize")
    trained = wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    assert trained["status"] == "ACTIVE", trained.get("failureReason")
    again = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    assert wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=again)["status"] == "ACTIVE"
    metrics = lambda arn: p.get_solution_metrics(solutionVersionArn=arn)["metrics"]
    assert metrics(version) == metrics(again)


def checkpoints(folder):
    """Files of checkpoints; a walk, unlike a glob, bears that folders vanish meanwhile."""
    return [name for _, _, names in os.walk(folder) for name in names if name.startswith("checkpoint.")]


def test_a_killed_training_goes_on_from_its_checkpoint_and_gives_the_same_model(start, folder, monkeypatch):
    monkeypatch.setenv("OSUSUME_CHECKPOINT_SECONDS", "0")
    server = start()
    p, group, dataset = prepare(server, many_rows())
    wait(p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=begin_import(p, dataset))
    solution = p.create_solution(name="saved", datasetGroupArn=group, recipeArn=HRNN)["solutionArn"]
    version = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    until("checkpoint", lambda: checkpoints(folder), every_s=0.02)
    kill(server)

    monkeypatch.delenv("OSUSUME_CHECKPOINT_SECONDS")
    p = start().client("personalize")
    trained = wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    assert trained["status"] == "ACTIVE", trained.get("failureReason")
    # It is cleared away once the version is whole.
    until("end of the checkpoint", lambda: not checkpoints(folder))
    again = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    assert wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=again)["status"] == "ACTIVE"
    weights = lambda arn: [
        file.read_bytes() for file in folder.rglob("model.safetensors*") if arn.split("/")[-1] in str(file)
    ]
    assert weights(version) and weights(version)[0] == weights(again)[0]


def test_a_training_that_kills_its_process_each_time_ends_as_failed(start):
    server = start()
    p, group, dataset = prepare(server, many_rows())
    wait(p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=begin_import(p, dataset))
    solution = p.create_solution(name="doomed", datasetGroupArn=group, recipeArn=HRNN)["solutionArn"]
    version = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    for _ in range(3):
        status = lambda: p.describe_solution_version(solutionVersionArn=version)["solutionVersion"]["status"]
        deadline = time.monotonic() + 30
        while status() == "CREATE PENDING" and time.monotonic() < deadline:
            time.sleep(0.01)
        assert status() == "CREATE IN_PROGRESS"
        # The attempt is counted before the work begins, so this one counts.
        time.sleep(0.3)
        kill(server)
        server = start()
        p = server.client("personalize")
    ended = wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version)
    assert ended["status"] == "CREATE FAILED"
    assert "3 attempts" in ended["failureReason"], ended["failureReason"]


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="this system does not tell what a process uses")
def test_a_training_that_is_stopped_ends(start):
    server = start()
    p, group, dataset = prepare(server, many_rows())
    wait(p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=begin_import(p, dataset))
    # So many trainings one after the other take minutes.
    search = {"hpoConfig": {"hpoResourceConfig": {"maxNumberOfTrainingJobs": "40"}}}
    solution = p.create_solution(
        name="stopped", datasetGroupArn=group, recipeArn=HRNN, performHPO=True, solutionConfig=search
    )["solutionArn"]
    version = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    wait(p.describe_solution_version, "solutionVersion", until=("CREATE IN_PROGRESS",), solutionVersionArn=version)
    until("work", lambda: busy_for_a_second(server) > 0.5)
    p.stop_solution_version_creation(solutionVersionArn=version)
    ended = wait(p.describe_solution_version, "solutionVersion", solutionVersionArn=version, deadline_s=30)
    assert ended["status"] == "CREATE STOPPED"
    # Nobody works on.
    until("rest", lambda: busy_for_a_second(server) < 0.1, deadline_s=15)
    with pytest.raises(p.exceptions.ResourceInUseException, match="CREATE STOPPED"):
        p.create_campaign(name="stopped", solutionVersionArn=version)


def busy_for_a_second(server):
    """Seconds of processor time that a server uses in a second."""

    def used():
        with open(f"/proc/{server.process.pid}/stat") as stat:
            # After the name, which may have blanks: utime and stime are the 14th and 15th of all.
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before = used()
    time.sleep(1)
    return used() - before


def test_two_processes_do_not_share_a_folder(start, folder):
    start()
    second = subprocess.run(
        [os.environ["OSUSUME_BIN"], "serve", "--port", "0", "--s3-port", "0", "--data", str(folder)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert second.returncode == 1
    assert str(folder) in second.stderr and "in use by another osusume process" in second.stderr, second.stderr


def test_an_upload_alone_is_imported_once(start):
    server = start()
    p, _, dataset = prepare(server, data.csv())
    s3 = server.client("s3", s3={"addressing_style": "path"})
    s3.put_object(Bucket="osusume", Key="survival/interactions/upload.csv", Body=data.csv())
    deadline = time.monotonic() + 30
    jobs = []
    while not jobs and time.monotonic() < deadline:
        jobs = p.list_dataset_import_jobs(datasetArn=dataset)["datasetImportJobs"]
        time.sleep(0.05)
    job = jobs[0]["datasetImportJobArn"]
    assert wait(p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=job)["status"] == "ACTIVE"
    assert len(p.list_dataset_import_jobs(datasetArn=dataset)["datasetImportJobs"]) == 1


def test_other_jobs_do_not_wait_for_a_training(start):
    server = start()
    p, group, dataset = prepare(server, many_rows())
    wait(p.describe_dataset_import_job, "datasetImportJob", datasetImportJobArn=begin_import(p, dataset))
    solution = p.create_solution(name="long", datasetGroupArn=group, recipeArn=HRNN)["solutionArn"]
    version = p.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    wait(p.describe_solution_version, "solutionVersion", until=("CREATE IN_PROGRESS",), solutionVersionArn=version)
    export = p.create_dataset_export_job(
        jobName="beside",
        datasetArn=dataset,
        roleArn=ROLE,
        jobOutput={"s3DataDestination": {"path": "s3://osusume/beside/"}},
    )["datasetExportJobArn"]
    assert wait(p.describe_dataset_export_job, "datasetExportJob", datasetExportJobArn=export)["status"] == "ACTIVE"
    status = p.describe_solution_version(solutionVersionArn=version)["solutionVersion"]["status"]
    assert status == "CREATE IN_PROGRESS"
    p.stop_solution_version_creation(solutionVersionArn=version)
