"""Starts `osusume serve` and speaks to it through boto3, checking every answer against the model."""

import json
import os
import queue
import re
import subprocess
import threading
import time

import boto3
from botocore.config import Config

from model import Model

ROLE = "arn:aws:iam::000000000000:role/PersonalizeRole"
REGION = "us-east-1"
START_S = 60
MODELS = {service: Model(service) for service in ("personalize", "personalize-runtime", "personalize-events")}
# What every AWS service may answer beside the exceptions of its model.
COMMON_ERRORS = {"UnknownOperationException", "SerializationException"}


class Server:
    """One process over one data directory, with further options of `serve`."""

    bucket = "osusume"

    def __init__(self, data, *options):
        command = [os.environ["OSUSUME_BIN"], "serve", "--port", "0", "--s3-port", "0", "--data", str(data), *options]
        self.log = open(os.path.join(os.path.dirname(str(data)), "serve.log"), "ab")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log)
        self.api, self.s3_url = self._addresses()
        self.nonconforming = []

    def _addresses(self):
        lines = queue.Queue()

        def read():
            for line in self.process.stdout:
                lines.put(line.decode(errors="replace"))
            lines.put(None)

        threading.Thread(target=read, daemon=True).start()
        found, seen, deadline = {}, [], time.monotonic() + START_S
        while len(found) < 2:
            line = lines.get(timeout=max(0.1, deadline - time.monotonic()))
            assert line is not None, f"osusume serve ended before it listened: {seen}"
            seen.append(line)
            match = re.search(r"(Personalize API|S3)\s+(http://[^\s]+)", line)
            if match:
                found[match[1]] = match[2].rstrip("/")
        return found["Personalize API"], found["S3"]

    def client(self, service, **config):
        settings = Config(region_name=REGION, retries={"max_attempts": 1, "mode": "standard"}, **config)
        client = boto3.client(
            service,
            endpoint_url=self.s3_url if service == "s3" else self.api,
            aws_access_key_id="anything",
            aws_secret_access_key="anything",
            config=settings,
        )
        if service in MODELS:
            client.meta.events.register("before-parse", lambda **event: self._check(service, **event))
        return client

    def _check(self, service, operation_model, response_dict, **_):
        model, name = MODELS[service], operation_model.name
        body = response_dict["body"]
        value = json.loads(body) if body else None
        headers = {key.lower(): value for key, value in response_dict["headers"].items()}
        problems = []
        if not re.fullmatch(r"[0-9a-f-]{36}", headers.get("x-amzn-requestid", "")):
            problems.append(f"{name}: no x-amzn-RequestId")
        if response_dict["status_code"] == 200:
            problems += model.problems_of_output(name, value)
        else:
            kind = value.get("__type") if service == "personalize" else headers.get("x-amzn-errortype")
            if kind not in model.errors_of(name) | COMMON_ERRORS:
                problems.append(f"{name}: the model does not declare {kind}")
            if not value.get("message"):
                problems.append(f"{name}: an error without a message")
        self.nonconforming += problems

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def wait(describe, wrapper, *, until=("ACTIVE", "CREATE FAILED", "CREATE STOPPED"), deadline_s=120, **arn):
    """Polls as clients do today, and gives back the described resource at rest."""
    deadline = time.monotonic() + deadline_s
    while True:
        resource = describe(**arn)[wrapper]
        if resource["status"] in until:
            return resource
        assert time.monotonic() < deadline, f"still {resource['status']} after {deadline_s} s: {arn}"
        time.sleep(0.05)


def wait_gone(describe, client, deadline_s=60, **arn):
    """Polls until the resource is deleted."""
    deadline = time.monotonic() + deadline_s
    while True:
        try:
            describe(**arn)
        except client.exceptions.ResourceNotFoundException:
            return
        assert time.monotonic() < deadline, f"still there after {deadline_s} s: {arn}"
        time.sleep(0.05)
