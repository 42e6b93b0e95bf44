"""`cim chat` on the SDK's double with a bug in the method that is named: `crashing.py CLASS METHOD NAME ROUTE DATA`.

It works as it should until SIGUSR2, and then raises, when it is called again or, as a task, at once.
"""

import importlib
import inspect
import signal
import sys
from functools import wraps
from typing import Any, cast

import trio

from cim_client.terminal import program
from tests.cim_client.terminal import double

POLL_S = 0.02


class Bug(Exception):
    """Planted."""


def plant(owner: str, method: str) -> None:
    module, _, name = owner.rpartition(".")
    found = getattr(importlib.import_module(module), name)
    right = getattr(found, method)
    awake = False

    def wake(*_: object) -> None:
        nonlocal awake
        awake = True

    signal.signal(signal.SIGUSR2, wake)

    @wraps(right)
    def call(*arguments: Any) -> Any:
        if awake:
            raise Bug(method)
        return right(*arguments)

    @wraps(right)
    async def task(*arguments: Any) -> Any:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)
            result = await right(*arguments)
            nursery.cancel_scope.cancel()
        return result

    async def fail() -> None:
        while not awake:
            await trio.sleep(POLL_S)
        raise Bug(method)

    setattr(found, method, task if inspect.iscoroutinefunction(right) else call)


if __name__ == "__main__":
    plant(sys.argv[1], sys.argv[2])
    sys.exit(program.run(sys.argv[3], sys.argv[4], sys.argv[5], connect=cast(program.Connect, double.connect)))
