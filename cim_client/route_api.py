"""Calls to route's HTTP API, with the standard library, each in a thread with a deadline."""

import http.client
import json
import urllib.parse
from collections.abc import Mapping
from typing import Any, NamedTuple

import trio

from cim_client.errors import CimError, Refused, Unavailable
from cim_common.wire.codes import Code

TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 4 * 1024 * 1024
MAX_RETRY_AFTER_S = 300.0
"""A route that asks for more is asked again anyhow."""


class Place(NamedTuple):
    """What a login gives: who one is, and where and with which token to connect."""

    user: int
    name: str
    device: str
    token: str
    connect_token: str
    server: str
    host: str
    port: int


class RouteApi:
    """One route by its base URL. Methods raise Refused, or Unavailable when asking again may help."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise CimError(Code.BAD_REQUEST, f"{url!r} is not the address of a route, such as http://127.0.0.1:8083.")
        self.url = f"{parts.scheme}://{parts.netloc}"
        self._parts = parts

    async def register(self, name: str, password: str) -> None:
        await self._call("POST", "/v1/register", {"name": name, "password": password})

    async def login(self, name: str, password: str | None, token: str | None, device: str, exclude: list[str]) -> Place:
        """Log in with the token if there is one, with the password otherwise."""
        body: dict[str, Any] = {"device_id": device, "exclude": exclude}
        if token is None:
            body |= {"name": name, "password": password}
        answer = await self._call("POST", "/v1/login", body, token)
        server = answer["server"]
        return Place(
            int(answer["user_id"]), answer["name"], answer["device_id"], answer["token"], answer["connect_token"],
            server["id"], server["host"], int(server["port"]),
        )  # fmt: skip

    async def logout(self, token: str) -> None:
        await self._call("POST", "/v1/logout", {}, token)

    async def online(self, token: str) -> list[str]:
        names: list[str] = []
        more = True
        while more:
            query = urllib.parse.urlencode({"limit": 1_000, "after": names[-1] if names else ""})
            answer = await self._call("GET", f"/v1/online?{query}", None, token)
            names += [user["name"] for user in answer["users"]]
            more = bool(answer["more"]) and bool(answer["users"])
        return names

    async def users(self, prefix: str, limit: int, token: str) -> list[str]:
        query = urllib.parse.urlencode({"prefix": prefix, "limit": limit})
        answer = await self._call("GET", f"/v1/users?{query}", None, token)
        return [user["name"] for user in answer["users"]]

    async def send(self, to: str, text: str, reply_to: int | None, key: str, token: str) -> dict[str, Any]:
        """Have a message stored once under that key: conversation, seq and message_id, the same at every try."""
        body = {"to": to, "text": text, "reply_to": reply_to}
        answer: dict[str, Any] = await self._call("POST", "/v1/messages", body, token, {"Idempotency-Key": key})
        return answer

    async def _call(
        self, method: str, path: str, body: Any, token: str | None = None, more: Mapping[str, str] | None = None
    ) -> Any:
        return await trio.to_thread.run_sync(
            self._exchange, method, path, body, token, more or {}, abandon_on_cancel=True
        )

    def _exchange(self, method: str, path: str, body: Any, token: str | None, more: Mapping[str, str]) -> Any:
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        assert self._parts.hostname is not None
        connection = kind(self._parts.hostname, self._parts.port, timeout=TIMEOUT_S)
        headers = {"Accept": "application/json", "Content-Type": "application/json", **more}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return read(response.status, response.read(MAX_ANSWER_BYTES), response.getheader("Retry-After", ""))
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(Code.NO_SERVER, f"Route at {self.url} does not answer ({_reason(error)}).") from error
        finally:
            connection.close()


def _reason(error: OSError | http.client.HTTPException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def read(status: int, data: bytes, retry_after: str) -> Any:
    """What route has answered: JSON, or an error that says how long to wait, if route did."""
    try:
        answer = json.loads(data) if data else {}
        if status < 400:
            return answer
        code, detail = int(answer["code"]), str(answer.get("detail") or answer.get("title") or "")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unavailable(Code.INTERNAL, f"That is no answer of a route (HTTP {status}).") from error
    if status >= 500 or status == 429:
        raise Unavailable(code, detail, min(float(retry_after), MAX_RETRY_AFTER_S) if retry_after.isdecimal() else 0.0)
    raise Refused(code, detail)
