"""What one call is: a login at an IM server, at route, or both with a password; a message sent over HTTP.

Each is written as it would be with blocking sockets. What it sends was encoded before the run where it is the same each
time; what it gets is checked as a client would: the right user, the right conversation.
"""

import json
import socket
from collections.abc import Generator
from typing import Any

from cim.bench.callers.loop import Caller, Exchange, Steps, Unexpected
from cim_common.wire import NEED_DATA, Connection, Limits, PeerProtocolError, Role
from cim_common.wire import messages as m
from cim_common.wire.codes import code_of

_LIMITS = Limits()
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"
_NO_MORE = b"\r\nconnection: close"

CREATED = 201
OK = 200


class Subject:
    """Somebody on whose behalf is called.

    `server` and `route` are HOST and PORT. `password` is for logins with one. `index` and `conversation` are for
    messages: the number of the sender in the run, and where it writes; `run` keeps its Idempotency-Keys apart from
    those of other runs.
    """

    __slots__ = ("_route_host", "connect_login", "conversation", "head", "index", "name", "password", "payload",
                 "route", "run", "seqs", "server", "tail", "user")  # fmt: skip

    def __init__(
        self, user: int, name: str, device: str, token: str, connect_token: str, server: tuple[str, int],
        route: tuple[str, int], password: str | None = None, index: int = 0, conversation: str = "", run: str = "",
        payload: int = 0,
    ) -> None:  # fmt: skip
        self.user, self.name, self.password = user, name, password
        self.server, self.route = resolved(*server), resolved(*route)
        self.connect_login = login_frame(connect_token, device)
        self._route_host = f"{route[0]}:{route[1]}"
        self.head = f"Authorization: Bearer {token}\r\n" if password is None else ""
        self.index, self.conversation, self.run, self.payload = index, conversation, run, payload
        self.seqs: list[int] = []
        self.tail = b""

    def request(self, path: str, body: bytes, more: str = "") -> bytes:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._route_host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n{self.head}{more}\r\n"
        )
        return head.encode() + body

    def shown(self) -> list[int]:
        """What it has to show at the end: the seq of each message it sent, 0 for one that was not accepted."""
        return self.seqs


def resolved(host: str, port: int) -> tuple[int, tuple[Any, ...]]:
    """Family and address of a place: looked up once, not for each call."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return family, address


def login_frame(connect_token: str, device: str) -> bytes:
    return Connection(Role.CLIENT, _LIMITS).send(m.Login(connect_token, device, client="cim bench"))


def text_of(index: int, number: int, payload: int) -> str:
    """The text of a sender's message, which tells whose it is and which."""
    return f"{index} {number} ".ljust(payload, "x")


# -- what the calls are made of ----------------------------------------------------------------------------------------


def _login(caller: Caller, place: tuple[int, tuple[Any, ...]], frame: bytes, user: int) -> Steps:
    """Connect to an IM server, log in, and end the connection."""
    caller.hang_up()
    caller.dial(*place)
    try:
        yield from caller.send(frame)
        protocol = Connection(Role.CLIENT, _LIMITS)
        protocol.send(m.Login("", ""))  # what was sent was encoded before; this one has to be in the same state
        while (event := protocol.next_event()) is NEED_DATA:
            protocol.receive_data((yield from caller.receive()))
    except PeerProtocolError as error:
        raise Unexpected(f"no protocol: {error}") from error
    finally:
        caller.hang_up()
    if isinstance(event, m.Close):
        raise Unexpected(f"closed: {code_of(event.code).sentence}")
    if not isinstance(event, m.LoginOk):
        raise Unexpected(f"{type(event).__name__} instead of LoginOk")
    if event.user != user:
        raise Unexpected("logged in as somebody else")


def _ask(
    caller: Caller, place: tuple[int, tuple[Any, ...]], request: bytes, expected: int
) -> Generator[None, None, Any]:
    """A request over the connection that the caller keeps; the JSON of its answer."""
    if not caller.connected:
        caller.dial(*place)
    yield from caller.send(request)
    data = b""
    while (end := data.find(_HEAD_END)) < 0:
        data += yield from _more(caller)
    head = data[:end].lower()
    at = head.find(_LENGTH)
    if at < 0:
        raise Unexpected("an HTTP answer without Content-Length")
    whole = end + len(_HEAD_END) + int(head[at + len(_LENGTH) :].partition(b"\r")[0])
    while len(data) < whole:
        data += yield from _more(caller)
    if _NO_MORE in head:
        caller.hang_up()
    try:
        answer = json.loads(data[end + len(_HEAD_END) : whole])
    except ValueError as error:
        raise Unexpected("an HTTP answer that is no JSON") from error
    if int(head[9:12]) != expected:
        raise Unexpected(f"HTTP {int(head[9:12])}: {answer.get('detail')}")
    return answer


def _more(caller: Caller) -> Generator[None, None, bytes]:
    data = yield from caller.receive()
    if not data:
        raise Unexpected("route ended the connection")
    return data


# -- the calls ---------------------------------------------------------------------------------------------------------


def connect(caller: Caller, subject: Subject) -> Steps:
    """A login at an IM server, with the connect token in hand."""
    yield from _login(caller, subject.server, subject.connect_login, subject.user)


def refresh(caller: Caller, subject: Subject) -> Steps:
    """A login at route with the token of an earlier one: new tokens and a server."""
    answer = yield from _ask(caller, subject.route, subject.request("/v1/login", b"{}"), OK)
    if int(answer["user_id"]) != subject.user or not answer["connect_token"]:
        raise Unexpected("logged in as somebody else")


def password(caller: Caller, subject: Subject) -> Steps:
    """A login with name and password at route, and with what it gives at an IM server."""
    body = json.dumps({"name": subject.name, "password": subject.password}).encode()
    answer = yield from _ask(caller, subject.route, subject.request("/v1/login", body), OK)
    caller.hang_up()
    server = answer["server"]
    frame = login_frame(answer["connect_token"], answer["device_id"])
    yield from _login(caller, resolved(server["host"], server["port"]), frame, subject.user)


def send(caller: Caller, subject: Subject) -> Steps:
    """The subject's next message, over HTTP."""
    number = len(subject.seqs) + 1
    subject.seqs.append(0)
    text = text_of(subject.index, number, subject.payload)
    body = f'{{"conversation":"{subject.conversation}","text":"{text}"}}'.encode()
    key = f"Idempotency-Key: {subject.run}.{subject.index}.{number}\r\n"
    answer = yield from _ask(caller, subject.route, subject.request("/v1/messages", body, key), CREATED)
    if answer["conversation"] != subject.conversation:
        raise Unexpected("stored in another conversation")
    subject.seqs[number - 1] = answer["seq"]


EXCHANGES: dict[str, Exchange] = {"connect": connect, "refresh": refresh, "password": password, "send": send}
