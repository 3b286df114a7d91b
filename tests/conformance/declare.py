"""How an operation is declared, and how it is made to say that something is in use."""

from dataclasses import dataclass, field
from typing import Callable

# How often a deletion is begun before it counts as never seen under way.
RACES_MAX = 200
IN_USE = "ResourceInUseException"


@dataclass(frozen=True)
class Operation:
    """One operation. Functions get the world and give back requests."""

    name: str
    # A request that succeeds, anew each time.
    request: Callable
    # A request whose broken copies are refused, where that is not any valid one.
    base: Callable = None
    # By exception: gets the world and a function that sends a request, gives back the answer.
    provoke: dict = field(default_factory=dict)
    # Further valid requests, by what is special about them.
    variants: dict = field(default_factory=dict)
    # For lists: the operation that makes an element.
    made_by: str = None


def racing(make, delete, member, request):
    """In use because it is being deleted, which takes a moment: begun until the moment is met."""

    def provoke(world, call):
        for attempt in range(RACES_MAX):
            target = make(world)
            asked = request(world, target)
            deletion = world.service.send(delete, {member: target}, connection=1)
            # Every other time without waiting until the deletion has begun.
            if attempt % 2 == 0:
                world.service.receive(deletion)
            try:
                answer = call(asked)
            finally:
                if attempt % 2:
                    world.service.receive(deletion)
            if answer.code == IN_USE:
                break
        return answer

    return {IN_USE: provoke}


def while_busy(prepare, request):
    """In use because a job of it waits behind another."""

    def provoke(world, call):
        with world.busy():
            return call(request(world, prepare(world)))

    return {IN_USE: provoke}


def simply(request):
    """In use because of what the world holds anyway."""
    return {IN_USE: lambda world, call: call(request(world))}


def group_racing(request, **group):
    return racing(lambda w: w.empty_group(**group), "DeleteDatasetGroup", "datasetGroupArn", lambda w, g: request(w, g))


def dataset_racing(request, kind="Interactions"):
    return racing(lambda w: w.fresh_dataset(kind), "DeleteDataset", "datasetArn", request)


def delete_twice(make, delete, member):
    return racing(make, delete, member, lambda w, target: {member: target})


def describe(wrapper, get):
    member = f"{wrapper}Arn"
    return Operation(f"Describe{wrapper[0].upper()}{wrapper[1:]}", lambda w: {member: get(w)})
