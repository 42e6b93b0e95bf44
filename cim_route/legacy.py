"""The paths of CIM's Java clients and their operators' curl calls (docs/http.md, legacy paths).

Every handled outcome is HTTP 200 with an envelope of exactly four keys. Legacy accounts have no password: who
knows an id is that user. So a legacy call never acts for an account that has a password, nor reads from it; what
a legacy user sends is marked unverified.
"""

import functools
import http.client
import json
import secrets
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import structlog
from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from cim_common import ids, names
from cim_common.registry import Server
from cim_common.store import accounts, arrivals, sessions
from cim_common.store.accounts import Account
from cim_common.store.flow import StoreError, StoreUnavailable
from cim_common.wire.codes import Code
from cim_route.appending import Appending, Refused, body_of
from cim_route.body import parse_object
from cim_route.parts import Parts
from cim_route.placement import NoServer
from cim_route.problems import Problem

log = structlog.get_logger()

ASK_TIMEOUT_S = 1.0
MAX_BATCH = 1_000


class Answer(NamedTuple):
    """Code and message of an envelope."""

    code: str
    message: str


SUCCESS = Answer("9000", "Success")
INVALID = Answer("3000", "invalid argument")
FAILURE = Answer("4000", "Failure")
REPEAT_LOGIN = Answer("5000", "Repeat login, log out an account please!")
TOO_FAST = Answer("6000", "The request limit is reached, please try again later!")
OFFLINE = Answer("7000", "You selected user is offline!, please try again later!")
NO_SERVER = Answer("7100", "cim server is not available, please try again later!")
UNKNOWN_USER = Answer("9100", "The User information you have used is incorrect!")
NOT_STORED = Answer("9200", "Offline message storage error!")
NOT_FETCHED = Answer("9201", "Offline message fetch error!")


class Ended(Exception):
    """The call ends with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.message)
        self.answer = answer


def blueprint(parts: Parts) -> Blueprint:
    """All legacy paths."""
    calls = _Calls(parts)
    made = Blueprint("legacy", __name__)
    for method, path, call, failure in (
        ("POST", "/registerAccount", calls.register, FAILURE),
        ("POST", "/login", calls.login, FAILURE),
        ("POST", "/offLine", calls.offline, FAILURE),
        ("POST", "/p2pRoute", calls.p2p, NOT_STORED),
        ("POST", "/groupRoute", calls.group, NOT_STORED),
        ("GET", "/onlineUser", calls.online, FAILURE),
        ("POST", "/fetchOfflineMsgs", calls.fetch_offline, NOT_FETCHED),
    ):
        made.add_url_rule(path, path.strip("/"), _enveloped(call, failure), methods=[method])
    return made


def _enveloped(call: Callable[[], Any], failure: Answer) -> Callable[[], Response]:
    @functools.wraps(call)
    def view() -> Response:
        body: Any = None
        try:
            answer = call()
            if not isinstance(answer, Answer):
                answer, body = SUCCESS, answer
        except Ended as ended:
            answer = ended.answer
        except Problem as problem:
            answer = TOO_FAST if problem.code == Code.TOO_MANY_ATTEMPTS else failure
        except (StoreUnavailable, StoreError) as error:
            log.warning("legacy_call_failed", path=request.path, error=str(error))
            answer = failure
        envelope = {"code": answer.code, "message": answer.message, "reqNo": None, "dataBody": body}
        return Response(json.dumps(envelope, ensure_ascii=False), content_type="application/json;charset=UTF-8")

    return view


def _body() -> dict[str, Any]:
    try:
        return parse_object(request.get_data())
    except (Problem, RequestEntityTooLarge) as error:
        raise Ended(INVALID) from error


def _user_id(body: dict[str, Any], field: str) -> int:
    """An id as a number or a numeric string."""
    value = body.get(field)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise Ended(INVALID)


def _text(body: dict[str, Any], field: str) -> str:
    value = body.get(field)
    if not isinstance(value, str):
        raise Ended(INVALID)
    return value


class _Calls:
    """One method for each path; returns the dataBody, or an Answer."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def _account(self, user: int) -> Account:
        """A legacy account; anything else ends the call."""
        account = self._parts.store.run(accounts.by_id(user))
        if account is None:
            raise Ended(UNKNOWN_USER)
        if not account.legacy:
            raise Ended(INVALID)
        return account

    # -- accounts and login ----------------------------------------------------------------------------

    def register(self) -> Any:
        name = _text(_body(), "userName")
        try:
            canonical, display = names.canonical(name), names.display_name(name)
        except names.BadName:
            return INVALID
        store = self._parts.store
        account = store.run(accounts.by_name(canonical))
        if account is None:
            account = store.run(accounts.create(canonical, display, None, True, _now_ms()))
            account = account or store.run(accounts.by_name(canonical))
        if account is None:
            return FAILURE
        if not account.legacy:
            return INVALID
        return {"userId": account.id, "userName": account.display}

    def login(self) -> Any:
        body = _body()
        account = self._account(_user_id(body, "userId"))
        if not _same_name(account, _text(body, "userName")):
            return UNKNOWN_USER
        self._parts.attempts.right(account.name)
        if self._provably_alive(account.id):
            return REPEAT_LOGIN
        try:
            server = self._parts.placement.choose()
        except NoServer:
            return NO_SERVER
        self._parts.store.run(arrivals.expect(account.id, _now_ms()))
        return {"ip": server.host, "cimServerPort": server.tcp_port, "httpPort": server.http_port}

    def offline(self) -> Any:
        """The session ends with its socket; here only one whose socket is not alive any more is given up.

        So a late call cannot hurt a newer session (I14).
        """
        user = _user_id(_body(), "userId")
        account = self._parts.store.run(accounts.by_id(user))
        if account is None:
            return SUCCESS
        if not account.legacy:
            return INVALID
        session = self._parts.store.run(sessions.of_user(user)).get(arrivals.DEVICE)
        if session is not None and not self._provably_alive(user):
            self._parts.store.run(sessions.release(user, arrivals.DEVICE, session, True, _now_ms()))
        return SUCCESS

    def _live_server(self, session: sessions.Session | None) -> Server | None:
        if session is None:
            return None
        return next((server for server in self._parts.registry.servers() if server.ref == session.server), None)

    def _provably_alive(self, user: int) -> bool:
        """Whether the server that holds the user's session says that it hears the client (I16)."""
        session = self._parts.store.run(sessions.of_user(user)).get(arrivals.DEVICE)
        server = self._live_server(session)
        if server is None:
            return False
        connection = http.client.HTTPConnection(server.host, server.http_port, timeout=ASK_TIMEOUT_S)
        try:
            connection.request(
                "POST",
                "/session",
                json.dumps({"user": user, "device": arrivals.DEVICE}),
                {"Authorization": f"Bearer {self._parts.tokens.internal()}", "Content-Type": "application/json"},
            )
            response = connection.getresponse()
            answer = json.loads(response.read(1024))
            return response.status == 200 and answer.get("alive") is True
        except (OSError, http.client.HTTPException, ValueError):
            return False
        finally:
            connection.close()

    # -- messages --------------------------------------------------------------------------------------

    def p2p(self) -> Any:
        body = _body()
        sender = self._account(_user_id(body, "userId"))
        receiver = _user_id(body, "receiveUserId")
        texts = _texts(body)
        if self._parts.store.run(accounts.by_id(receiver)) is None:
            return UNKNOWN_USER
        self._send(sender, ids.direct(sender.id, receiver), texts)
        return SUCCESS if self._is_here(receiver) else OFFLINE

    def group(self) -> Any:
        body = _body()
        self._send(self._account(_user_id(body, "userId")), ids.LOBBY, [_text(body, "msg")])
        return SUCCESS

    def _send(self, sender: Account, conversation: str, texts: list[str]) -> None:
        try:
            self._parts.acceptor.append_all([_appending(sender, conversation, text) for text in texts])
        except Refused as refused:
            raise Ended(_REFUSALS.get(refused.code, INVALID if refused.after_s is None else NOT_STORED)) from refused

    def _is_here(self, user: int) -> bool:
        found = self._parts.store.run(sessions.of_user(user))
        if any(self._live_server(session) for session in found.values()):
            return True
        return self._parts.store.run(arrivals.is_expected(user, _now_ms()))

    # -- reading ---------------------------------------------------------------------------------------

    def online(self) -> Any:
        refs = [server.ref for server in self._parts.registry.servers()]
        users = self._parts.store.run(sessions.online(refs))
        return [{"userId": user, "userName": name} for user, name in users] or None

    def fetch_offline(self) -> Any:
        """What is stored was pushed at LOGIN, before this call could come; nothing is pushed twice."""
        self._account(_user_id(_body(), "receiveUserId"))
        return SUCCESS


_REFUSALS = {Code.SENDER_LIMIT: TOO_FAST, Code.CONVERSATION_LIMIT: TOO_FAST, Code.OVERLOADED: TOO_FAST}


def _texts(body: dict[str, Any]) -> list[str]:
    """The message or the batch of a call."""
    batch = body.get("batchMsg")
    if batch is None:
        return [_text(body, "msg")]
    if not isinstance(batch, list) or not 0 < len(batch) <= MAX_BATCH:
        raise Ended(INVALID)
    if not all(isinstance(text, str) for text in batch):
        raise Ended(INVALID)
    return batch


def _same_name(account: Account, name: str) -> bool:
    try:
        return names.canonical(name) == account.name
    except names.BadName:
        return False


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _appending(sender: Account, conversation: str, text: str) -> Appending:
    key = f"legacy:{secrets.token_hex(12)}"
    return Appending(sender.id, sender.display, conversation, body_of(text), key, own_key=True, unverified=True)
