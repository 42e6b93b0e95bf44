"""The accounts of a run: from the operator of the cluster, or registered where its token is not known.

An operator's accounts are made a thousand a call, without passwords, and are not limited in what they send. Those that
are registered cost a password hash each, some tens a second, and keep their limits.
"""

import contextlib
import http.client
import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cim.bench import NotMeasured
from cim.bench.target import Target

AT_ONCE = 1_000
TIMEOUT_S = 60.0
DEVICE = "bench"
REGISTERED_AT_ONCE = 4
"""Threads that register: route hashes two passwords at once, and these keep it busy."""

Progress = Callable[[str], None]


NO_ROUTE = "What answers there is not CIM's route."


class AccountsError(NotMeasured):
    """The accounts cannot be made; one sentence with the reason."""


class Account(NamedTuple):
    """One user of the run: `token` is for route (30 days), `connect_token` for an IM server (5 minutes), which is at
    `host` and `port`. Without an operator's token `password` is how it logged in."""

    user: int
    name: str
    device: str
    token: str
    connect_token: str
    host: str
    port: int
    password: str | None = None


def fresh_prefix() -> str:
    """The beginning of names that no earlier run has used: what it left in its conversations is not this run's."""
    return f"bench-{time.time_ns() // 1_000_000:x}{secrets.token_hex(2)}-"


def make(
    target: Target,
    count: int,
    prefix: str | None = None,
    progress: Progress = lambda text: None,
    device: str = DEVICE,
) -> list[Account]:
    """So many accounts, each on its server; those of a prefix that was used already are the same ones with new tokens.

    Raises:
        AccountsError: the cluster refuses, or does not answer.
    """
    prefix = prefix or fresh_prefix()
    if target.operator_token is None:
        return register(target, count, prefix, progress, device)
    made: list[Account] = []
    with Api(target.route) as api:
        for first in range(1, count + 1, AT_ONCE):
            body = {
                "prefix": prefix, "first": first, "count": min(AT_ONCE, count + 1 - first), "device_id": device,
                "unmetered": True,
            }  # fmt: skip
            made += _provision(api, target.operator_token, body)
            progress(f"{len(made)} of {count} accounts")
    return made


def renew(target: Target, accounts: Sequence[Account]) -> list[Account]:
    """The same accounts with connect tokens that are good for five minutes from now, each on a server chosen anew.

    Raises:
        AccountsError: the cluster refuses, or does not answer.
    """
    with Api(target.route) as api:
        if target.operator_token is None:
            return [_log_in(api, {}, account.password, account.token) for account in accounts]
        renewed: list[Account] = []
        for first in range(0, len(accounts), AT_ONCE):
            part = accounts[first : first + AT_ONCE]
            body = {"names": [account.name for account in part], "device_id": part[0].device, "unmetered": True}
            renewed += _provision(api, target.operator_token, body)
        return renewed


def register(
    target: Target, count: int, prefix: str, progress: Progress = lambda text: None, device: str = DEVICE
) -> list[Account]:
    """So many accounts with passwords, through the same calls as everybody's; they keep their limits.

    Raises:
        AccountsError: the cluster refuses, or does not answer.
    """

    def register_one(number: int) -> Account:
        who = {"name": f"{prefix}{number}", "password": secrets.token_hex(8)}
        with Api(target.route) as api:
            api.done("POST", "/v1/register", who)
            return _log_in(api, {**who, "device_id": device}, who["password"])

    made: list[Account] = []
    with ThreadPoolExecutor(REGISTERED_AT_ONCE) as pool:
        try:
            for account in pool.map(register_one, range(1, count + 1)):
                made.append(account)
                progress(f"{len(made)} of {count} accounts")
        except BaseException:
            # Those that are not begun would each fail as well, or keep Ctrl-C waiting.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return made


def _provision(api: "Api", operator_token: str, body: dict[str, Any]) -> list[Account]:
    answer = api.done("POST", "/operator/v1/accounts", body, operator_token)
    with _a_route():
        return [_account(one, answer["device_id"]) for one in answer["accounts"]]


def _log_in(api: "Api", body: dict[str, Any], password: str | None, token: str | None = None) -> Account:
    answer = api.done("POST", "/v1/login", body, token)
    with _a_route():
        return _account(answer, answer["device_id"])._replace(password=password)


@contextlib.contextmanager
def _a_route() -> Iterator[None]:
    """For reading an answer: one that is not as route's are, is another program's."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise AccountsError(NO_ROUTE) from error


def _account(answer: dict[str, Any], device: str) -> Account:
    server = answer["server"]
    return Account(
        int(answer["user_id"]), answer["name"], device, answer["token"], answer["connect_token"], server["host"],
        server["port"],
    )  # fmt: skip


class Api:
    """Calls of route's HTTP API over one connection."""

    def __init__(self, route: str) -> None:
        """Raises AccountsError: that is no URL."""
        try:
            place = urlsplit(route)
            port = place.port
        except ValueError as error:
            raise AccountsError(f"{route} is not a URL: {error}.") from error
        if place.scheme not in ("http", "https") or not place.hostname:
            raise AccountsError(f"{route} is not the URL of a route: it looks like http://127.0.0.1:8080.")
        kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(place.hostname, port, timeout=TIMEOUT_S)

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def done(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        """The answer to a call that has to succeed.

        Raises:
            AccountsError: it did not; with what route said.
        """
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            self._connection.request(method, path, None if body is None else json.dumps(body).encode(), headers)
            response = self._connection.getresponse()
            data = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise AccountsError(f"Route does not answer {path}: {error}.") from error
        try:
            answer = json.loads(data or b"null")
        except ValueError as error:
            raise AccountsError(f"{NO_ROUTE} {path}: {response.status}, and no JSON.") from error
        if response.status not in (http.HTTPStatus.OK, http.HTTPStatus.CREATED):
            detail = answer.get("detail", answer) if isinstance(answer, dict) else answer
            raise AccountsError(f"Route refuses {path}: {detail}")
        return answer
