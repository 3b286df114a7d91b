"""moto's server, run as a program of its own: `moto_server.py -p <port>`, with MOTO_PORT set to the gateway's.

moto hands the parameters of a Task to boto3 as the state machine writes them, with a capital first letter.
AWS Batch's API begins its members in lower case, so without this every SubmitJob of moto 5.2.5 ends in a KeyError.
"""

import boto3
import moto.server
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_batch import (
    StateTaskServiceBatch,
)


def capitals(value):
    """Turns the names of members into those that Step Functions shows, in place, as moto keeps the value."""
    if isinstance(value, dict):
        for name in list(value):
            inner = value.pop(name)
            capitals(inner)
            value[name[0].upper() + name[1:]] = inner
    elif isinstance(value, list):
        for inner in value:
            capitals(inner)


def to_api(task, parameters, *_):
    meta = boto3.client("batch", region_name="us-east-1").meta
    operation = meta.method_to_api_mapping[task._get_boto_service_action()]
    task._to_boto_request(parameters, meta.service_model.operation_model(operation).input_shape)


def from_api(_, response, **__):
    capitals(response)


StateTaskServiceBatch._normalise_parameters = to_api
StateTaskServiceBatch._normalise_response = from_api

if __name__ == "__main__":
    moto.server.main()
