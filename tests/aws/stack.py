"""MiniStack as AWS, and the stack deployed to it by the real SAM CLI."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.request

import boto3
from botocore.config import Config

ROOT = pathlib.Path(__file__).resolve().parents[2]
REGION = "us-east-1"
NAME = "osusume"


def resolve(host, *arguments, _system=socket.getaddrinfo, **options):
    """Names under .localhost are this machine (RFC 6761), which not every resolver knows."""
    return _system("127.0.0.1" if str(host).endswith(".localhost") else host, *arguments, **options)


socket.getaddrinfo = resolve


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class MiniStack:
    """The stand-in for AWS, as a child process that ends with the value."""

    def __init__(self, folder):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(folder / "ministack.log", "wb")
        environment = os.environ | {
            "GATEWAY_PORT": str(self.port),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "TMPDIR": str(folder),
            # Nothing outside of this machine may reach it.
            "BIND_HOST": "127.0.0.1",
        }
        self.process = subprocess.Popen(
            [os.environ["MINISTACK"]],
            env=environment,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
        )
        self.wait()

    def wait(self):
        deadline = time.time() + 60
        while time.time() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"ministack ended with {self.process.returncode}; see {self.log.name}")
            try:
                urllib.request.urlopen(self.url + "/_ministack/health", timeout=1)
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"ministack does not answer; see {self.log.name}")

    def client(self, service, **options):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 1}, **options),
        )

    def kill(self, function):
        """Kills the sandboxes of a function without a warning; returns how many there were."""
        killed = 0
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                environment = (folder / "environ").read_bytes().split(b"\0")
                if (
                    f"AWS_LAMBDA_FUNCTION_NAME={function}".encode() in environment
                    and f"GATEWAY_PORT={self.port}".encode() in environment
                ):
                    os.kill(int(folder.name), signal.SIGKILL)
                    killed += 1
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                pass
        return killed

    def stop(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.log.close()


def sam(ministack, *arguments, log):
    """Runs the SAM CLI against MiniStack."""
    environment = os.environ | {
        "AWS_ENDPOINT_URL": ministack.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "SAM_CLI_TELEMETRY": "0",
        "LAMBDA_PROFILE": os.environ.get("LAMBDA_PROFILE", "release"),
    }
    with open(log, "ab") as output:
        done = subprocess.run(
            [os.environ["SAM"], *arguments], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    if done.returncode != 0:
        raise RuntimeError(f"sam {' '.join(arguments)} ended with {done.returncode}:\n{log.read_text()[-4000:]}")


class Stack:
    """The deployed stack: its outputs, and clients for it."""

    def __init__(self, ministack, folder):
        self.ministack = ministack
        log = folder / "sam.log"
        build = folder / "build"
        sam(ministack, "build", "--build-in-source", "--build-dir", str(build), log=log)
        sam(
            ministack,
            *("deploy", "--template-file", str(build / "template.yaml"), "--stack-name", NAME),
            *("--resolve-s3", "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND", "--no-confirm-changeset"),
            *("--no-progressbar", "--parameter-overrides", "LogRetentionDays=1", "DatasetGroupsMax=100"),
            log=log,
        )
        described = ministack.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"][0]
        assert described["StackStatus"] == "CREATE_COMPLETE", described
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
        secret = ministack.client("secretsmanager").get_secret_value(SecretId=self.outputs["AccessKeysSecret"])
        self.keys = json.loads(secret["SecretString"])
        self.s3 = ministack.client("s3", s3={"addressing_style": "path"})
        self.bucket = self.outputs["BucketName"]

    @property
    def host(self):
        return f"{self.outputs['ApiId']}.execute-api.localhost"

    def client(self, service, key=None, **options):
        """A boto3 client of the stack's API, through API Gateway; that of S3 is MiniStack's."""
        if service == "s3":
            return self.ministack.client(service, **options)
        key_id, secret = key or next(iter(self.keys.items()))
        return boto3.client(
            service,
            # The name tells MiniStack which API is meant.
            endpoint_url=f"http://{self.host}:{self.ministack.port}",
            region_name=REGION,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            config=Config(retries={"max_attempts": 1}, **options),
        )

    def delete(self, folder):
        objects = self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        for found in objects:
            self.s3.delete_object(Bucket=self.bucket, Key=found["Key"])
        sam(self.ministack, "delete", "--stack-name", NAME, "--no-prompts", log=folder / "sam.log")


def wait(describe, wrapper, seconds=120, **arguments):
    """Polls a describe call as clients do, until the resource is at rest."""
    deadline = time.time() + seconds
    while True:
        resource = describe(**arguments)[wrapper]
        if resource["status"] in ("ACTIVE", "CREATE FAILED", "CREATE STOPPED"):
            return resource
        assert time.time() < deadline, resource
        time.sleep(0.3)
