"""Which device trains: what is asked for, what is there, and what is said about it."""

import json
import os
import subprocess

import pytest

import data

OSUSUME = os.environ["OSUSUME_BIN"]


def osusume(*arguments, **environment):
    return subprocess.run(
        [OSUSUME, *map(str, arguments)], capture_output=True, text=True, timeout=300, env={**os.environ, **environment}
    )


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("device")
    csv, home = folder / "ratings.csv", folder / "data"
    csv.write_bytes(data.csv("userId,movieId,timestamp"))
    done = osusume("import", csv, "--group", "films", "--data", home)
    assert done.returncode == 0, done.stderr
    return home


def train(home, *options, **environment):
    return osusume(
        "train", "--group", "films", "--set", "hidden_dimension=32", "--no-deploy", "--data", home, "--json", *options, **environment
    )


def test_auto_trains_and_says_where_and_why(imported):
    done = train(imported, "--device", "auto")
    assert done.returncode == 0, done.stderr
    said = [line.strip() for line in done.stderr.splitlines() if "trains on" in line]
    assert len(said) == 1, done.stderr
    assert said[0].startswith(("trains on the CPU: ", "trains on the GPU, ")), said
    assert json.loads(done.stdout)["metrics"]


def test_cpu_says_nothing(imported):
    done = train(imported, "--device", "cpu")
    assert done.returncode == 0 and "trains on" not in done.stderr, done.stderr


def test_a_gpu_that_is_not_there_is_refused_at_once_with_the_cure(imported):
    done = train(imported, OSUSUME_DEVICE="cuda")
    if done.returncode == 0:
        assert "trains on the GPU, " in done.stderr
        pytest.skip("this machine has a GPU, and it trained")
    assert done.returncode == 1
    message = done.stderr.strip()
    assert message.startswith("osusume: the device cuda cannot be had: "), message
    assert message.endswith("; or train with --device cpu"), message
    assert "nstall" in message or "nvidia-smi" in message, message


def test_an_unknown_device_is_a_wrong_command_line():
    done = osusume("train", "--device", "gpu")
    assert done.returncode == 2
    assert 'there is no device "gpu"; use auto, cpu or cuda' in done.stderr, done.stderr
