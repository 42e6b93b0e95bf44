"""An IM server as a process: its signals, its exit codes, what it says when it cannot start."""

import resource
import signal
import sys
from collections.abc import AsyncIterator, Iterator

import trio

from cim_common import faults
from cim_common.registry import Registry, open_registry
from cim_server.app import App, StartRefused
from cim_server.settings import ServerSettings


def run(settings: ServerSettings) -> int:
    """Run one IM server until SIGTERM or SIGINT; the exit code."""
    refusal = settings.refusal()
    if refusal is not None:
        print(refusal, file=sys.stderr)
        return 2
    faults.arm(settings.server_id)
    _allow_many_connections()
    registry = open_registry(settings.redis_url, settings.zookeeper)
    code = 0
    try:
        trio.run(_main, settings, registry)
    except* StartRefused as group:
        refused = next(error for error in _leaves(group) if isinstance(error, StartRefused))
        print(refused, file=sys.stderr)
        code = 1
    finally:
        registry.close()
    return code


def _allow_many_connections() -> None:
    """Raise the limit of open descriptors to what may be had: the usual soft one of 1,024 is kept for select(2)."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


async def _main(settings: ServerSettings, registry: Registry) -> None:
    app = App(settings, registry)
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_stop_at, signals, app)
            app.collections.start()
            try:
                await app.run()
            finally:
                app.collections.stop()
                app.pump.close()
            nursery.cancel_scope.cancel()


async def _stop_at(signals: AsyncIterator[int], app: App) -> None:
    async for _ in signals:
        app.stop()
