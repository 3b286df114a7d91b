"""The command line: what scripts rely on."""

import json
import os
import signal
import subprocess
import time

import pytest

import data

OSUSUME = os.environ["OSUSUME_BIN"]


def run(*arguments, code=0, **options):
    done = subprocess.run([OSUSUME, *map(str, arguments)], capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == code, f"exit code {done.returncode}: {done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A data folder with imported rows and a deployed aws-hrnn."""
    folder = tmp_path_factory.mktemp("cli")
    csv = folder / "ratings.csv"
    csv.write_bytes(data.csv("userId,movieId,timestamp"))
    items = folder / "movies.csv"
    rows = "".join(f'i{n},"Film {n}, the movie",Drama|Comedy\n' for n in range(data.ITEMS))
    items.write_text("movieId,title,genres\n" + rows)
    home = folder / "data"
    imported = json.loads(run("import", csv, "--group", "films", "--json", "--data", home).stdout)
    assert imported["outcome"]["rows"] == data.USERS * data.EACH
    run("import", items, "--group", "films", "--type", "items", "--data", home)
    result = json.loads(
        run("train", "--group", "films", "--set", "hidden_dimension=32", "--json", "--data", home).stdout
    )
    return home, result


def test_training_reports_metrics_with_intervals_and_the_baseline(trained):
    home, result = trained
    for side in ("metrics", "popularityBaseline"):
        metric = result["metrics"][side]["normalized_discounted_cumulative_gain_at_25"]
        assert metric["low"] <= metric["value"] <= metric["high"]
    evaluated = json.loads(run("evaluate", "--solution", "films-hrnn", "--json", "--data", home).stdout)
    assert evaluated == result["metrics"]
    text = run("evaluate", "--solution", "films-hrnn", "--data", home).stdout
    assert "aws-popularity-count" in text and "held-out users" in text


def test_progress_without_a_terminal_is_json_lines(trained):
    home, _ = trained
    arguments = ("train", "--group", "films", "--set", "hidden_dimension=32", "--json", "--data", home)
    lines = [json.loads(line) for line in run(*arguments).stderr.splitlines() if line.startswith("{")]
    ends = {line["stage"]: line for line in lines if line["done"] == line.get("total")}
    for stage in ("train on 90 %", "train on all"):
        end = ends[stage]
        assert end["unit"] == "events" and end["perSecond"] > 0 and 0 < end["loss"] < 100, end
        assert ":solution/films-hrnn/" in end["arn"]
    # Nothing is left at the end of a stage.
    assert ends["evaluate"]["unit"] == "users" and "secondsLeft" not in ends["evaluate"]


def test_recommendations_carry_titles(trained):
    home, _ = trained
    text = run("recommend", "--campaign", "films-hrnn", "--user", "u1", "--num-results", 3, "--data", home).stdout
    assert text.count("the movie") == 3, text
    answer = json.loads(
        run("recommend", "--campaign", "films-hrnn", "--user", "u1", "--num-results", 3, "--json", "--data", home).stdout
    )
    assert len(answer["itemList"]) == 3


def test_lists_of_everybody_leave_out_what_was_seen_when_asked(trained, tmp_path):
    home, _ = trained
    seen = {}
    for user, item, _ in data.rows():
        seen.setdefault(user, set()).add(item)
    output = tmp_path / "lists.jsonl"
    run(
        "recommend", "--campaign", "films-hrnn", "--all", "--exclude-seen", "--num-results", 10,
        "--output", output, "--data", home,
    )
    lists = {}
    for line in output.read_text().splitlines():
        row = json.loads(line)
        lists[row["input"]["userId"]] = row["output"]["recommendedItems"]
    assert set(lists) == set(seen)
    assert all(len(items) == 10 and not seen[user] & set(items) for user, items in lists.items())


def test_infer_schema_prints_a_schema_that_imports(tmp_path):
    csv = tmp_path / "x.csv"
    csv.write_bytes(data.csv("userId,itemId,timestamp"))
    printed = run("infer-schema", csv)
    schema = json.loads(printed.stdout)
    assert [field["name"] for field in schema["fields"]] == ["USER_ID", "ITEM_ID", "TIMESTAMP"]
    document = json.loads(run("infer-schema", csv, "--json").stdout)
    assert document["datasetType"] == "INTERACTIONS" and document["schema"] == schema


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["nonsense"], 2, ["nonsense"]),
        (["import", "no-such-file.csv"], 1, ["no-such-file.csv"]),
        (["train", "--group", "nobody-made-this"], 3, ["nobody-made-this"]),
        (["train", "--group", "films", "--recipe", "aws-nothing"], 1, ["aws-nothing", "aws-hrnn"]),
        (["train", "--group", "films", "--solution", "x", "--set", "bptt=99"], 1, ["bptt", "99", "2 to 32"]),
        (["train", "--group", "films", "--solution", "x", "--set", "bptt"], 1, ["NAME=VALUE"]),
        (["train", "--group", "films", "--set", "bptt=3"], 1, ["other hyperparameters"]),
        (["recommend", "--campaign", "nobody-made-this", "--user", "1"], 3, ["nobody-made-this"]),
        (["recommend", "--campaign", "films-hrnn"], 1, ["--user"]),
        (["evaluate", "--solution", "nobody-made-this"], 3, ["nobody-made-this"]),
    ],
)
def test_mistakes_are_told_and_have_exit_codes(trained, arguments, code, words):
    home, _ = trained
    data_flag = [] if arguments[0] == "nonsense" else ["--data", home]
    done = run(*arguments, *data_flag, code=code)
    assert all(word in done.stderr for word in words), done.stderr
    assert "panicked" not in done.stderr


def test_a_bad_file_says_where_and_leaves_the_data_as_it_was(trained, tmp_path):
    home, _ = trained
    bad = tmp_path / "bad.csv"
    bad.write_bytes(data.csv("userId,movieId,timestamp") + b"u1,i1,yesterday\n")
    done = run("import", bad, "--group", "films", "--data", home, code=1)
    assert all(word in done.stderr for word in ("bad.csv", "1202", "yesterday")), done.stderr
    # Training still finds the rows of the good import.
    run("train", "--group", "films", "--recipe", "aws-popularity-count", "--data", home)


def test_bad_rows_can_be_set_aside(tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_bytes(data.csv("userId,movieId,timestamp") + b"u1,i1,yesterday\n")
    home = tmp_path / "data"
    schema = tmp_path / "schema.json"
    schema.write_text(data.interactions_schema())
    done = json.loads(
        run("import", bad, "--schema", schema, "--bad-rows-allowed", 1, "--json", "--data", home).stdout
    )
    assert done["outcome"]["rows"] == data.USERS * data.EACH and done["outcome"]["quarantined"] == 1
    quarantine = home / "s3" / "osusume" / done["outcome"]["quarantine_key"]
    text = quarantine.read_text()
    assert "1202" in text and "yesterday" in text


WORKLOAD = {"users": 1_000_000, "items": 50_000, "interactions": 100_000_000, "requests": 10_000_000}


def cost(**changes):
    flags = [word for name, value in {**WORKLOAD, **changes}.items() for word in (f"--{name.replace('_', '-')}", value)]
    return ["cost", *flags]


def test_a_bill_adds_up():
    document = json.loads(run(*cost(), "--json").stdout)
    for name in ("deployment", "idle", "hosted", "hostedWithTrainingInProportion"):
        bill = document[name]
        assert bill["total"] == pytest.approx(sum(item["usd"] for item in bill["items"])), name
        assert bill["total"] == pytest.approx(bill["compute"] + bill["use"] + bill["standing"]), name
        for item in bill["items"]:
            price = item["price"]
            assert item["usd"] == pytest.approx(item["quantity"] * price["usd"] / price["per"]), item
            assert price["source"].startswith("https://") and price["asOf"], item
    assert document["idle"]["compute"] == 0 and document["idle"]["use"] == 0
    assert document["partOfHosted"] == pytest.approx(document["deployment"]["total"] / document["hosted"]["total"])
    assert all(assumption["why"] for assumption in document["assumptions"])


def test_a_million_users_cost_less_than_a_tenth():
    assert json.loads(run(*cost(), "--json").stdout)["belowOneTenth"] is True
    text = run(*cost()).stdout
    for words in ("idle", "of the hosted price, below one tenth", "nothing is deleted", "Assumptions", "0.625 / 1,000,000 write units", "18.7500"):
        assert words in text, text


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"users": 0}, ["--users", "1 to 1000000000"]),
        ({"items": -5}, ["--items", "1 to 100000000"]),
        ({"interactions": "many"}, ["--interactions", "many"]),
        ({"requests": 10**30}, ["--requests", "0 to 100000000000"]),
        ({"trainings_per_month": 745}, ["--trainings-per-month", "0 to 744"]),
    ],
)
def test_numbers_that_make_no_bill_are_told(changes, words):
    done = run(*cost(**changes), code=2)
    assert all(word in done.stderr for word in words), done.stderr


def test_help_shows_an_example_for_every_command():
    for command in ("serve", "demo", "import", "train", "recommend", "evaluate", "infer-schema", "cost"):
        text = run(command, "--help").stdout
        assert "Example" in text and f"osusume {command}" in text


def test_an_interrupt_ends_with_130_and_the_folder_stays_usable(tmp_path):
    process = subprocess.Popen([OSUSUME, "demo", "--data", tmp_path / "data"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr
    answer = run("evaluate", "--solution", "never", "--data", tmp_path / "data", code=3)
    assert "never" in answer.stderr


def test_the_demo_shows_the_whole_job(tmp_path):
    text = run("demo").stdout
    for words in (
        "imported", "aws-popularity-count", "[95 % interval]", "beats popularity", "user 1", "user 2", "unknown",
        "The whole job took",
    ):
        assert words in text, text
