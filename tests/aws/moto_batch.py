"""moto's Step Functions, and a gateway that its Tasks call: functions are MiniStack's, jobs are child processes.

moto's interpreter calls every service at http://localhost:$MOTO_PORT. The gateway listens there, hands calls of
Lambda on to MiniStack as they are, and is AWS Batch itself: one queue, one job definition, and for each job the
trainer's binary instead of a container of its image.
"""

import contextlib
import fnmatch
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid

import boto3
from botocore.config import Config

from stack import REGION, ROOT, free_port
from template import ACCOUNT


class Job:
    """A job, and what happened to it."""

    def __init__(self, name, command, environment):
        self.id = str(uuid.uuid4())
        self.name = name
        self.command = command
        self.environment = environment
        self.status = "SUBMITTED"
        self.reason = None
        self.attempts = []


class Batch:
    """AWS Batch with one queue and one job definition, whose resources say what it would start."""

    def __init__(self, queue, definition, properties, program, outside, folder):
        self.queue = queue
        self.definition = definition
        self.properties = properties
        self.program = program
        # What a container gets from elsewhere than its job definition: where AWS is, and its role's credentials.
        self.outside = outside
        self.folder = folder
        self.jobs = []
        # Why the next attempts are killed as soon as they have told of a first progress.
        self.kills = []
        # What an operator's mistake in the job definition would look like.
        self.mistakes = {}
        self.lock = threading.Lock()
        self.running = None
        self.threads = []
        self.stopped = False

    def submit(self, asked):
        if asked["jobQueue"] != self.queue or asked["jobDefinition"] != self.definition:
            raise ValueError(f"unknown queue or job definition in {asked}")
        container = self.properties["ContainerProperties"]
        overrides = asked.get("containerOverrides", {})
        environment = {variable["Name"]: variable["Value"] for variable in container["Environment"]}
        environment |= self.mistakes
        environment |= {variable["name"]: variable["value"] for variable in overrides.get("environment", [])}
        job = Job(asked["jobName"], overrides.get("command") or container["Command"], environment)
        self.jobs.append(job)
        thread = threading.Thread(target=self.run, args=(job,))
        self.threads.append(thread)
        thread.start()
        return {"jobName": job.name, "jobId": job.id, "jobArn": f"arn:aws:batch:{REGION}:{ACCOUNT}:job/{job.id}"}

    def run(self, job):
        retry = self.properties["RetryStrategy"]
        for number in range(1, retry["Attempts"] + 1):
            code, reason, said = self.attempt(job, number, self.kills.pop(0) if self.kills else None)
            job.attempts.append({"container": {"exitCode": code, "reason": said}, "statusReason": reason})
            if code == 0 or self.action(retry, reason, said) != "RETRY":
                break
        job.reason = reason
        job.status = "SUCCEEDED" if code == 0 else "FAILED"

    @staticmethod
    def action(retry, reason, said):
        """What the first rule that matches says, as AWS Batch reads them; without a match it tries again."""
        for rule in retry["EvaluateOnExit"]:
            matches = fnmatch.fnmatch(reason, rule.get("OnStatusReason", "*"))
            if matches and fnmatch.fnmatch(said, rule.get("OnReason", "*")):
                return rule["Action"]
        return "RETRY"

    def attempt(self, job, number, kill):
        """One container: its exit code, AWS Batch's reason for the end of the task, and the container's own."""
        environment = job.environment | self.outside
        environment |= {"AWS_BATCH_JOB_ID": job.id, "AWS_BATCH_JOB_ATTEMPT": str(number)}
        with self.lock:
            if self.stopped:
                return 143, "Job was terminated", ""
            process = subprocess.Popen(
                [self.program, *job.command],
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            self.running = process
            job.status = "RUNNING"
        with open(self.folder / f"{job.id}-{number}.log", "wb") as log, process.stdout:
            for line in process.stdout:
                log.write(line)
                if kill is not None and b'"progress"' in line:
                    process.kill()
        code = process.wait()
        with self.lock:
            self.running = None
        return (128 - code if code < 0 else code), *(kill or ("Essential container in task exited", ""))

    def describe(self, job):
        container = job.attempts[-1]["container"] if job.attempts else {}
        variables = [{"name": name, "value": value} for name, value in job.environment.items()]
        return {
            "jobArn": f"arn:aws:batch:{REGION}:{ACCOUNT}:job/{job.id}",
            "jobId": job.id,
            "jobName": job.name,
            "jobQueue": self.queue,
            "jobDefinition": self.definition,
            "status": job.status,
            "statusReason": job.reason or "",
            "attempts": job.attempts,
            "startedAt": 0,
            "container": {"command": job.command, "environment": variables, "logStreamName": f"train/{job.id}"}
            | container,
        }

    def stop(self):
        with self.lock:
            self.stopped = True
            if self.running is not None:
                self.running.kill()
        for thread in self.threads:
            thread.join(10)


class Gateway:
    """What moto calls. Answers on 127.0.0.1 alone."""

    def __init__(self, ministack):
        self.ministack = ministack
        self.batch = None
        self.steps = []
        gateway = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                # A task role's credentials, where an agent of ECS has them for its containers.
                credentials = {"AccessKeyId": "test", "SecretAccessKey": "test", "Token": "role"}
                expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
                self.answer(200, json.dumps(credentials | {"Expiration": expiry}).encode())

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                try:
                    if self.path.startswith("/2015-03-31/functions/"):
                        return self.answer(*gateway.invoke(self.path, self.headers, body))
                    asked = json.loads(body)
                    if self.path == "/v1/submitjob":
                        return self.answer(200, json.dumps(gateway.batch.submit(asked)).encode())
                    if self.path == "/v1/describejobs":
                        jobs = [gateway.batch.describe(job) for job in gateway.batch.jobs if job.id in asked["jobs"]]
                        return self.answer(200, json.dumps({"jobs": jobs}).encode())
                    raise ValueError(f"nobody calls {self.path}")
                except Exception as error:
                    self.answer(
                        400, json.dumps({"message": repr(error)}).encode(), {"x-amzn-ErrorType": "ClientException"}
                    )

            def answer(self, code, body, headers=()):
                self.send_response(code)
                for name, value in dict(headers).items():
                    self.send_header(name, value)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def invoke(self, path, headers, body):
        """Hands a call of a function on as it is; what came back is the function's, its error header too."""
        self.steps.append(json.loads(body))
        kept = {name: headers[name] for name in ("authorization", "x-amz-date") if headers[name]}
        request = urllib.request.Request(self.ministack.url + path, data=body, headers=kept, method="POST")
        try:
            answer = urllib.request.urlopen(request, timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            shown = {n: v for n, v in answer.headers.items() if n.lower().startswith(("x-amz-function", "x-amzn-"))}
            return answer.status, answer.read(), shown

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Moto:
    """moto's server, as a child process, whose Tasks call the gateway."""

    def __init__(self, gateway, folder):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = open(folder / "moto.log", "wb")
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/aws/moto_server.py"), "-H", "127.0.0.1", "-p", str(port)],
            env=os.environ | {"MOTO_PORT": str(gateway.port), "MOTO_ACCOUNT_ID": ACCOUNT},
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self.configure()
        except BaseException:
            self.stop()
            raise
        self.machines = boto3.client(
            "stepfunctions",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 1}),
        )

    def configure(self):
        """Waits for it, and has state machines executed instead of made up."""
        body = json.dumps({"stepfunctions": {"execute_state_machine": True}}).encode()
        deadline = time.time() + 60
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/moto-api/config", data=body, timeout=5).close()
                return
            except OSError:
                if self.process.poll() is not None or time.time() > deadline:
                    raise RuntimeError(f"moto does not answer; see {self.log.name}") from None
                time.sleep(0.1)

    def stop(self):
        # Executions that are under way would outlive a polite request.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()
