"""Route's app over a real Redis, with a registry and an acceptor that the tests hold in their hands."""

import itertools
import json
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, cast

import pytest
from argon2 import PasswordHasher

from cim_common.accept import Append, Owner, Status
from cim_common.registry import Registry, Server
from cim_common.store.flow import Command
from cim_common.store.interest import Liveness
from cim_common.store.presence import Directory
from cim_common.tokens import Tokens
from cim_common.wire import codec
from cim_common.wire.messages import Entry
from cim_route.acceptor import Acceptor
from cim_route.app import RouteApp, create_app
from cim_route.appending import Appending, Refused, Stored
from cim_route.attempts import Attempts
from cim_route.passwords import Passwords
from cim_route.settings import RouteSettings
from cim_route.store import Store
from cim_route.watcher import Watcher
from tests.real_servers import eventually

SECRET = b"0123456789abcdef0123456789abcdef"
PASSWORD = "correct horse"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Registered:
    """As much of a registry as route asks: a list, set by the test."""

    def __init__(self) -> None:
        self.list: tuple[Server, ...] = ()

    def servers(self) -> tuple[Server, ...]:
        return self.list


class Sent(NamedTuple):
    sender: int
    sender_name: str
    conversation: str
    text: str
    message_key: str
    own_key: bool
    unverified: bool
    entry: Entry
    op: dict[str, Any]


class Accepted:
    """Remembers what was sent and gives the seqs of one log; raises what it is told to, once each."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.waiting = 0
        self.refusals: list[Refused] = []
        self.hold: Callable[[Callable[[], None]], None] = lambda settle: settle()
        """What becomes of the news that an append has ended."""

    def append_all(self, asked: Sequence[Appending]) -> list[Stored]:
        return [self._take(one) for one in asked]

    def begin(self, asked: Appending, owner: Owner) -> Append:
        append = Append(owner, asked.conversation, b"", 0, 0, b"", b"", 0.0)
        try:
            stored = self._take(asked)
        except Refused as refused:
            status = Status.REFUSED if refused.after_s is None else Status.RETRY
            append.refuse(status, refused.code, int((refused.after_s or 0) * 1000))
        else:
            append.status, append.seq = Status.STORED, stored.seq
        self.hold(lambda: owner.settled(append))
        return append

    def _take(self, asked: Appending) -> Stored:
        entry = codec.decode_entry(asked.body.content)
        op = json.loads(asked.body.op or "{}")
        self.sent.append(Sent(*asked[:3], entry.text, asked.message_key, asked.own_key, asked.unverified, entry, op))
        if self.refusals:
            raise self.refusals.pop(0)
        return Stored(len(self.sent))


class Route(NamedTuple):
    """One app with what a test wants to reach in it."""

    app: RouteApp
    store: Store
    registry: Registered
    tokens: Tokens
    acceptor: Accepted
    watcher: Watcher

    def client(self) -> Any:
        """Flask's client; untyped, for its answers' `json` may be None as well."""
        return self.app.test_client()

    def register(self, name: str) -> str:
        answer = self.client().post("/v1/register", json={"name": name, "password": PASSWORD})
        assert answer.status_code == 201, answer.json
        user: str = answer.json["user_id"]
        return user

    def login(self, name: str, **body: Any) -> dict[str, Any]:
        answer = self.client().post("/v1/login", json={"name": name, "password": PASSWORD, **body})
        assert answer.status_code == 200, answer.json
        found: dict[str, Any] = answer.json
        return found

    def count_round_trips(self) -> list[list[str]]:
        """A list that grows by the names of the commands of each pipeline which goes to the store from here on."""
        asked: list[list[str]] = []
        execute = self.store._execute

        def counted(commands: list[Command]) -> list[Any]:
            asked.append([str(command[0]) for command in commands])
            return execute(commands)

        self.store._execute = counted  # type: ignore[method-assign]
        return asked

    def bearer(self, name: str) -> dict[str, str]:
        """The Authorization header of a new account."""
        self.register(name)
        return {"Authorization": f"Bearer {self.login(name)['token']}"}


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Stands for the TCP port of an IM server."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as sock:
        yield sock


@pytest.fixture
def make_server() -> Callable[..., Server]:
    numbers = itertools.count(1)

    def make(port: int, load: int = 0, name: str | None = None) -> Server:
        return Server(name or f"s{next(numbers)}", "000001", "127.0.0.1", port, 1, load, "0")

    return make


@pytest.fixture
def make_route(redis_url: str) -> Iterator[Callable[..., Route]]:
    """Makes apps over one Redis; keyword arguments go to RouteSettings and create_app."""
    closing: list[Store | Attempts] = []
    watchers: list[Watcher] = []

    def make(url: str = redis_url, legacy: bool = False, **parts: Any) -> Route:
        directory = parts.pop("directory", Directory.OPEN)
        settings = RouteSettings(
            redis_url=url, secret=SECRET, legacy=legacy, directory=directory,
            operator_token_file=parts.pop("operator_token_file", None),
        )  # fmt: skip
        store, attempts = Store(url), parts.pop("attempts", None) or Attempts(url)
        closing.extend((store, attempts))
        route = Route(RouteApp("x"), store, Registered(), Tokens(SECRET), Accepted(), Watcher(store))
        watchers.append(route.watcher)
        parts.setdefault("passwords", Passwords(CHEAP))
        registry = cast(Registry, route.registry)
        acceptor = parts.pop("acceptor", route.acceptor)
        app = create_app(
            settings, store, registry, route.tokens, acceptor, attempts=attempts, watcher=route.watcher, **parts
        )
        return route._replace(app=app)

    yield make
    for watcher in watchers:
        watcher.close()
    for part in closing:
        part.close()


@pytest.fixture
def route(make_route: Callable[..., Route], listener: socket.socket, make_server: Callable[..., Server]) -> Route:
    """An app with one live server."""
    made = make_route()
    made.registry.list = (make_server(listener.getsockname()[1]),)
    return made


class Program:
    """A program of one user that speaks HTTP only."""

    def __init__(self, route: Route, name: str) -> None:
        self.name, self.route = name, route
        self.user = int(route.register(name))
        place = route.login(name)
        self.device = place["device_id"]
        self.header = {"Authorization": f"Bearer {place['token']}"}

    def call(self, method: str, path: str, body: Any = None, key: str | None = None) -> tuple[int, Any]:
        """Status and JSON of a call under /v1."""
        headers = {**self.header, **({"Idempotency-Key": key} if key else {})}
        answer = self.route.client().open(f"/v1{path}", method=method, json=body, headers=headers)
        return answer.status_code, answer.json

    def done(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        """The JSON of a call that has to succeed."""
        status, answer = self.call(method, path, body, key)
        assert status in (200, 201), answer
        return answer

    def refused(self, method: str, path: str, body: Any = None, key: str | None = None) -> int:
        """The code of a call that has to be refused."""
        status, answer = self.call(method, path, body, key)
        assert status >= 400, answer
        code: int = answer["code"]
        return code


@pytest.fixture
def make_live_route(
    make_route: Callable[..., Route], redis_url: str, listener: socket.socket, make_server: Callable[..., Server]
) -> Iterator[Callable[..., Route]]:
    """Makes apps with a real way into the logs."""
    acceptors: list[Acceptor] = []

    def make(url: str = redis_url, **parts: Any) -> Route:
        acceptor = Acceptor(url, Liveness())
        acceptors.append(acceptor)
        made = make_route(url, acceptor=acceptor, **parts)
        made.registry.list = (make_server(listener.getsockname()[1]),)
        made.store.check()
        acceptor.start()
        eventually(lambda: acceptor._up)
        return made

    yield make
    for acceptor in acceptors:
        acceptor.close()


@pytest.fixture
def live_route(make_live_route: Callable[..., Route]) -> Route:
    return make_live_route()


@pytest.fixture
def people(live_route: Route) -> list[Program]:
    """alice, bob, carol and dave."""
    return [Program(live_route, name) for name in ("alice", "bob", "carol", "dave")]
