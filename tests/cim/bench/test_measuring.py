"""Runs that are repeated, and what a cluster says of itself."""

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from cim.bench.measuring import repeated, told_by
from cim.bench.results import Result
from cim.bench.target import Server, Target
from tests.cim.bench import records
from tests.real_servers import RealRedis


def of(*made: Result) -> Result:
    waiting = iter(made)
    return repeated(len(made), lambda: next(waiting), lambda text: None)


def test_the_median_by_processor_time_with_all_runs_in_their_order() -> None:
    runs = [records.messages(total) for total in (40.0, 20.0, 30.0)]
    found = of(*runs)
    assert found.cpu_us_per_message == runs[2].cpu_us_per_message
    assert found.runs == tuple(runs)


def test_of_two_the_dearer_and_without_processor_time_the_slower() -> None:
    cheap, dear = records.messages(20.0), records.messages(40.0)
    assert of(dear, cheap).cpu_us_per_message == of(cheap, dear).cpu_us_per_message == dear.cpu_us_per_message
    fast, slow = (records.messages(rate=rate, cpu_us_per_message=None) for rate in (9_000.0, 8_000.0))
    assert of(fast, slow).rate_per_s == of(slow, fast).rate_per_s == 8_000.0


def test_connections_that_send_nothing_are_ranked_by_their_memory() -> None:
    idle = [Result(benchmark="idle", bytes_per_connection=size) for size in (1_100.0, 900.0, 1_000.0)]
    found = of(*idle)
    assert found.bytes_per_connection == 1_000.0
    assert found.settings["repeat"] == 3


def test_a_run_that_lost_something_ends_it_and_is_what_is_shown() -> None:
    assert of(records.messages(), records.lossy(), records.messages()) == records.lossy()


def test_one_run_has_no_runs_in_it() -> None:
    assert of(records.messages()) == records.messages()


@contextmanager
def answering(text: str) -> Iterator[str]:
    """The HOST:PORT of a server with that at its /metrics."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def told() -> Iterator[Callable[..., float | None]]:
    """What is found where servers have these texts at /metrics."""
    with ExitStack() as stack:

        def ask(*texts: str) -> float | None:
            places = [stack.enter_context(answering(text)) for text in texts]
            servers = tuple(Server(place, "127.0.0.1", 1, place, None) for place in places)
            found: float | None = told_by(Target("", servers=servers))[1]["gather_ms"]
            return found

        yield ask


def test_how_long_servers_let_messages_gather(told: Callable[..., float | None]) -> None:
    some, others = "cim_gather_seconds 0.0015\n", "cim_gather_seconds 0.0\n"
    assert told(some, some) == 1.5
    assert told(others) == 0.0
    assert told(some, others) is None
    assert told(some, "cim_connections 1.0\n") is None  # One of before there was such a thing.
    assert told() is None
    gone = Server("s1", "127.0.0.1", 1, "127.0.0.1:1", None)
    assert told_by(Target("", servers=(gone,)))[1] == {"durability": None, "gather_ms": None}


def test_what_redis_says_of_itself(redis_server: RealRedis) -> None:
    machine, settings = told_by(Target("", redis_url=redis_server.url))
    assert machine.engine is not None
    assert machine.engine.startswith(("redis ", "valkey "))
    assert settings["durability"] in ("always", "everysec", "no")
