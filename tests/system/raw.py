"""A v2 client without the SDK's patience: one socket, one protocol object, every answer seen as it comes."""

import http.client
import json
import socket
import time
from http import HTTPStatus
from typing import Any

from cim_common import ids
from cim_common.wire import NEED_DATA, Connection, Limits, Role
from cim_common.wire import messages as m
from tests.real_servers import SLOWNESS

PASSWORD = "correct horse battery"


def call(route: str, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """An HTTP call; status and JSON."""
    connection = http.client.HTTPConnection(route.removeprefix("http://"), timeout=20)
    try:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection.request(method, path, data, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        answer = response.read()
        return response.status, json.loads(answer) if answer else None
    finally:
        connection.close()


class Raw:
    """A logged-in connection of a user, made by hand."""

    def __init__(self, route: str, name: str, device: str = "d1", exclude: list[str] | None = None) -> None:
        call(route, "POST", "/v1/register", {"name": name, "password": PASSWORD})
        body = {"name": name, "password": PASSWORD, "device_id": device, "exclude": exclude or []}
        status, self.place = call(route, "POST", "/v1/login", body)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            # Who asks again and again whether a fault has ended logs in more often than one account may in a second.
            time.sleep(1.0)
            status, self.place = call(route, "POST", "/v1/login", body)
        assert status == HTTPStatus.OK, self.place
        self._open(device)

    @classmethod
    def of(cls, place: dict[str, Any], device: str = "d1") -> "Raw":
        """The logged-in connection of an account that an operator made."""
        made = cls.__new__(cls)
        made.place = place
        made._open(device)
        return made.log_in()

    def _open(self, device: str) -> None:
        self.user, self.device = int(self.place["user_id"]), device
        self.server = f"{self.place['server']['host']}:{self.place['server']['port']}"
        self.protocol = Connection(Role.CLIENT, Limits())
        self.socket = socket.create_connection((self.place["server"]["host"], self.place["server"]["port"]), 10)
        self.socket.settimeout(15 * SLOWNESS)

    def log_in(self) -> "Raw":
        answer = self.answer_to_login()
        assert isinstance(answer, m.LoginOk), answer
        self.welcome = answer
        return self

    def answer_to_login(self) -> Any:
        self.send(m.Login(self.place["connect_token"], self.device))
        return self.next()

    def send(self, *messages: Any) -> None:
        self.socket.sendall(b"".join(self.protocol.send(message) for message in messages))

    def next(self) -> Any:
        """The next message; ConnectionClosed at the end."""
        while (event := self.protocol.next_event()) is NEED_DATA:
            self.protocol.receive_data(self.socket.recv(65536))
        return event

    def until(self, kind: type | tuple[type, ...]) -> Any:
        """The next message of a kind, or of one of several; others are passed over."""
        while not isinstance(event := self.next(), kind):
            assert not isinstance(event, m.ConnectionClosed)
        return event

    def say(self, conversation: str, n: int, after: int, text: str) -> Any:
        """Send and return the answer, or what ended the connection before it."""
        self.send(m.Send(conversation, n, after, text))
        while True:
            event = self.next()
            if isinstance(event, m.Ack | m.Nack | m.Retry | m.Unresolved | m.Close | m.ConnectionClosed):
                return event

    def sync(self, conversation: str, cursor: int) -> list[m.Entry]:
        """Pages until live."""
        found: list[m.Entry] = []
        while True:
            self.send(m.Sync(conversation, cursor, 0))
            page = self.until(m.Page)
            found += page.entries
            cursor = page.end
            if page.live:
                return found

    def with_(self, other: "Raw") -> str:
        return ids.direct(self.user, other.user)

    def close(self) -> None:
        self.socket.close()
