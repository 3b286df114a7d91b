"""One `osusume serve`, spoken to by signed HTTP that nothing checks before it is sent."""

import http.client
import json
import re
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from server import MODELS, REGION, Server

# Every AWS service may answer these beside the exceptions that an operation declares. The first is the
# only validation error that Personalize models, and two of its lists declare none (see CHOICES.md).
UNDECLARED = {"InvalidInputException", "UnknownOperationException", "SerializationException"}
# The service's own words for what it does not have yet, whether an operation, a type or a member.
NOT_BUILT = re.compile(
    r"that Osusume does not have yet|not available in Osusume yet|has no recipe of the type \w+\s+yet"
)
# Servers end connections that are silent for longer than a minute.
IDLE_S = 10
CREDENTIALS = Credentials("anything", "anything")
SERVICE_OF = {name: service for service, model in MODELS.items() for name in model.operations}


class NotBuilt(Exception):
    """The service says that it does not have something yet."""


class Wrong(Exception):
    """An answer that is not what the model, or a declaration, wants."""


@dataclass(frozen=True)
class Answer:
    """What came back, and in what it differs from the model."""

    operation: str
    request: object
    status: int
    code: str
    message: str
    body: object
    problems: list = field(default_factory=list)

    @property
    def ok(self):
        return self.status == 200

    @property
    def not_built(self):
        return not self.ok and NOT_BUILT.search(self.message) is not None

    def __str__(self):
        answer = json.dumps(self.body) if self.ok else f"{self.code}: {self.message}"
        return f"{self.operation} {short(json.dumps(self.request))}\n    -> {self.status} {short(answer)}"


def short(text, most=900):
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


class Service:
    """Answers to operations by name, whichever of the three APIs they belong to."""

    def __init__(self, data):
        self.data = data
        self.start()

    def start(self, *options):
        self.server = Server(self.data, *options)
        host = urlsplit(self.server.api).netloc
        self.connections = [http.client.HTTPConnection(host, timeout=60) for _ in range(2)]
        self.used = [time.monotonic()] * 2
        self.clients = {}

    def restart(self, *options):
        """The same data served by another process with other options."""
        self.server.stop()
        self.start(*options)

    def boto3(self, service):
        """The official client, whose answers are checked as well."""
        if service not in self.clients:
            self.clients[service] = self.server.client(service)
        return self.clients[service]

    def call(self, operation, request):
        """Sends whatever it is given."""
        return self.receive(self.send(operation, request))

    def send(self, operation, request, connection=0):
        service = SERVICE_OF[operation]
        model = MODELS[service].document
        headers = {"Content-Type": "application/json"}
        if "targetPrefix" in model["metadata"]:
            target = f"{model['metadata']['targetPrefix']}.{operation}"
            headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
        path = model["operations"][operation]["http"]["requestUri"]
        body = json.dumps(request).encode()
        signed = AWSRequest("POST", self.server.api + path, headers, body)
        SigV4Auth(CREDENTIALS, model["metadata"]["signingName"], REGION).add_auth(signed)
        connection = self._awake(connection)
        connection.request("POST", path, body, dict(signed.headers.items()))
        return connection, operation, request

    def _awake(self, number):
        """The connection; one that the server may have closed by now is opened again."""
        connection, now = self.connections[number], time.monotonic()
        if now - self.used[number] > IDLE_S:
            connection.close()
        self.used[number] = now
        return connection

    def receive(self, sent):
        connection, operation, request = sent
        response = connection.getresponse()
        raw = response.read()
        model = MODELS[SERVICE_OF[operation]]
        body, problems = None, []
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            problems.append(f"{operation}: the body is not JSON: {raw[:200]!r}")
        if not re.fullmatch(r"[0-9a-f-]{36}", response.headers.get("x-amzn-RequestId", "")):
            problems.append(f"{operation}: no x-amzn-RequestId")
        if response.status == 200:
            problems += model.problems_of_output(operation, body)
            return Answer(operation, request, 200, "", "", body, problems)
        members = body if isinstance(body, dict) else {}
        json_rpc = SERVICE_OF[operation] == "personalize"
        code = str(members.get("__type") if json_rpc else response.headers.get("x-amzn-ErrorType"))
        message = members.get("message") or ""
        problems += [] if message else [f"{operation}: {code} has no message"]
        declared = model.shapes.get(code, {}).get("error", {}).get("httpStatusCode", 400)
        if code in model.errors_of(operation) and response.status != declared:
            problems.append(f"{operation}: {code} with status {response.status}, the model has {declared}")
        if code not in model.errors_of(operation) | UNDECLARED:
            problems.append(f"{operation}: the model does not declare {code}")
        return Answer(operation, request, response.status, code, message, body, problems)
