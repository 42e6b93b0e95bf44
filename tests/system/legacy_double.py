"""CIM's Java client as it behaves, written from the compatibility contract: raw sockets and plain HTTP.

It registers and logs in at route, connects, writes LOGIN at once and never waits for an answer, shows every frame
that is not PING as chat, needs `receiveUserId` in each, pings, fetches offline messages once, and says /offLine
when it closes. Its frames are built by hand: none of the code under test makes or reads them.
"""

import http.client
import json
import socket
import threading
from typing import Any, NamedTuple

ENVELOPE = ["code", "dataBody", "message", "reqNo"]


class Frame(NamedTuple):
    """What a legacy client decodes."""

    cmd: int
    text: str
    response_id: int
    properties: dict[str, str]
    batch: list[str]


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def login_body(user: int, name: str) -> bytes:
    encoded = name.encode()
    return b"\x0a" + varint(len(encoded)) + encoded + b"\x10" + varint(user)


PING_BODY = b"\x0a\x04ping\x18\x02"


def framed(body: bytes) -> bytes:
    return varint(len(body)) + body


def read_varint(data: bytes, at: int) -> tuple[int, int] | None:
    value = shift = 0
    while at < len(data):
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at
    return None


def fields_of(body: bytes) -> list[tuple[int, Any]]:
    found: list[tuple[int, Any]] = []
    at = 0
    while at < len(body):
        tag = read_varint(body, at)
        assert tag is not None
        key, at = tag
        value = read_varint(body, at)
        assert value is not None
        number, at = value
        if key & 7 == 2:
            found.append((key >> 3, body[at : at + number]))
            at += number
        else:
            assert key & 7 == 0
            found.append((key >> 3, number))
    return found


def decode(body: bytes) -> Frame:
    text, response_id, cmd, properties, batch = "", 0, 0, {}, []
    for number, value in fields_of(body):
        if number == 1:
            text = value.decode()
        elif number == 2:
            response_id = value
        elif number == 3:
            cmd = value
        elif number == 4:
            pair = dict(fields_of(value))
            properties[pair.get(1, b"").decode()] = pair.get(2, b"").decode()
        elif number == 5:
            batch.append(value.decode())
    return Frame(cmd, text, response_id, properties, batch)


class Route:
    """Route's legacy paths, as an operator's curl would call them."""

    def __init__(self, url: str) -> None:
        self._host = url.removeprefix("http://")
        self.clients: list[JavaClient] = []

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._host, timeout=15)
        try:
            data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            connection.request(method, path, data, {"Content-Type": "application/json; charset=utf-8"})
            response = connection.getresponse()
            assert response.status == 200, response.read()
            answer: dict[str, Any] = json.loads(response.read())
            assert sorted(answer) == ENVELOPE
            assert isinstance(answer["code"], str)
            assert answer["reqNo"] is None
            return answer
        finally:
            connection.close()

    def register(self, name: str) -> int:
        answer = self.call("POST", "/registerAccount", {"userName": name, "reqNo": "1", "timeStamp": 1})
        assert answer["code"] == "9000"
        assert answer["dataBody"]["userName"] == name
        user = answer["dataBody"]["userId"]
        assert isinstance(user, int)
        assert user > 2**31
        return user


class JavaClient:
    """One client of a legacy user."""

    def __init__(self, route: Route, user: int, name: str) -> None:
        self.route = route
        self.user = user
        self.name = name
        self.shown: list[tuple[str, str]] = []
        self.frames: list[Frame] = []
        self.lost = 0
        self.ended = threading.Event()
        self._socket: socket.socket | None = None
        route.clients.append(self)

    def log_in(self) -> dict[str, Any]:
        return self.route.call("POST", "/login", {"userId": self.user, "userName": self.name})

    def start(self) -> "JavaClient":
        """/login, connect, LOGIN."""
        answer = self.log_in()
        assert answer["code"] == "9000", answer
        self.connect(answer["dataBody"])
        return self

    def connect(self, place: dict[str, Any]) -> None:
        assert sorted(place) == ["cimServerPort", "httpPort", "ip"]
        assert isinstance(place["cimServerPort"], int)
        assert isinstance(place["httpPort"], int)
        self.drop()
        self.place = place
        self.ended = threading.Event()
        self._socket = socket.create_connection((place["ip"], place["cimServerPort"]), 10)
        self._socket.settimeout(None)
        self._socket.sendall(framed(login_body(self.user, self.name)))
        threading.Thread(target=self._read, args=(self._socket, self.ended), daemon=True).start()

    def _read(self, sock: socket.socket, ended: threading.Event) -> None:
        data = b""
        try:
            while received := sock.recv(65536):
                data += received
                while (length := read_varint(data, 0)) and len(data) >= length[0] + length[1]:
                    end = length[0] + length[1]
                    self._show(decode(data[length[1] : end]))
                    data = data[end:]
        except OSError:
            pass
        ended.set()

    def _show(self, frame: Frame) -> None:
        self.frames.append(frame)
        if frame.cmd == 2:
            return
        if "receiveUserId" not in frame.properties:
            self.lost += 1
            return
        for text in frame.batch or [frame.text]:
            self.shown.append((frame.properties.get("sendUserName", ""), text))

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.shown]

    def ping(self) -> None:
        assert self._socket is not None
        self._socket.sendall(framed(PING_BODY))

    def fetch_offline(self) -> str:
        return str(self.route.call("POST", "/fetchOfflineMsgs", {"receiveUserId": self.user})["code"])

    def to(self, receiver: int, text: str | list[str]) -> str:
        body: dict[str, Any] = {"userId": self.user, "receiveUserId": receiver}
        body["batchMsg" if isinstance(text, list) else "msg"] = text
        return str(self.route.call("POST", "/p2pRoute", body)["code"])

    def to_all(self, text: str) -> str:
        return str(self.route.call("POST", "/groupRoute", {"userId": self.user, "msg": text})["code"])

    def say_offline(self) -> str:
        return str(self.route.call("POST", "/offLine", {"userId": self.user, "msg": ""})["code"])

    def drop(self) -> None:
        """The socket ends without a word to route."""
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self._socket.close()

    def close(self) -> None:
        self.say_offline()
        self.drop()
