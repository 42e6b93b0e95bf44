"""Logging in and out: who it is, which IM server to connect to, and the tokens that prove it there."""

import structlog
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from cim_common import ids
from cim_common.store import accounts, devices
from cim_common.store.accounts import Account, Login
from cim_common.store.devices import OTHER_DOORS
from cim_common.tokens import ConnectClaims, expires_at
from cim_common.wire.codes import Code
from cim_route.accounts import canonical
from cim_route.auth import SECURITY, admitted, bearer, bearer_of, signed_in
from cim_route.body import object_of
from cim_route.devices import now_ms
from cim_route.parts import Parts
from cim_route.placement import NoServer
from cim_route.probes import family_of
from cim_route.problems import Problem
from cim_route.steps import Answer, Asked, InlineCall, Steps, answer

log = structlog.get_logger()

NO_SERVER_RETRY_S = 2.0


class LoginBody(BaseModel):
    name: str | None = Field(None, examples=["alice"])
    password: str | None = None
    device_id: str | None = Field(None, description="1 to 32 of 0-9 and a-z; a new one is made when absent")
    exclude: list[str] = Field([], max_length=16, description='servers to avoid, as "host:port"')


class ServerAddress(BaseModel):
    id: str
    host: str
    port: int


class LoggedIn(BaseModel):
    user_id: str
    name: str
    device_id: str
    token: str = Field(description="for this API and the next login")
    token_expires_at: int = Field(description="Unix time in seconds")
    connect_token: str = Field(description="for the first frame to the IM server")
    connect_expires_at: int = Field(description="Unix time in seconds")
    server: ServerAddress


def blueprint(parts: Parts) -> APIBlueprint:
    """`/v1/login`, `/v1/logout`."""
    bp = APIBlueprint("login", __name__, url_prefix="/v1", abp_tags=[Tag(name="login")])

    @bp.post(
        "/login",
        summary="Log in with name and password, or with the token of an earlier login",
        security=[*SECURITY, {}],
        responses={200: LoggedIn},
    )
    def login(body: LoginBody) -> dict[str, object]:
        token = bearer()
        if token is not None:
            return parts.run(_by_token(parts, token, body)).model_dump()
        found, device = _by_password(parts, body)
        return parts.run(_placed(parts, found, device, body.exclude)).model_dump()

    @bp.post("/logout", summary="End this device's token, and its connection", security=SECURITY, responses={204: None})
    def logout() -> tuple[str, int]:
        found, device = signed_in(parts, None)
        parts.store.run(devices.logout(found.account.id, device, now_ms(), connected_once=False))
        return "", 204

    return bp


def inline(parts: Parts) -> InlineCall:
    """`/v1/login` with a token; passwords need a thread, and so do servers that are known by name: to look it up."""

    def login(asked: Asked) -> Steps[Answer] | None:
        addressed = all(family_of(server.host) for server in parts.registry.servers())
        return _answered(parts, asked) if addressed and "AUTHORIZATION" in asked.headers else None

    return login


def _answered(parts: Parts, asked: Asked) -> Steps[Answer]:
    body = LoginBody.model_validate(object_of(asked.body))
    token = bearer_of(asked.headers["AUTHORIZATION"])
    assert token is not None
    return answer(200, (yield from _by_token(parts, token, body)))


def _by_token(parts: Parts, token: str, body: LoginBody) -> Steps[LoggedIn]:
    """The token proves the user; the device is its own unless another is asked for (a second opener of a folder)."""
    if body.name is not None or body.password is not None:
        raise Problem(Code.BAD_REQUEST, "Log in with a token or with name and password, not with both.", status=422)
    found, device = yield from admitted(parts, token, None)
    if not found.account.unmetered:
        parts.attempts.with_token(found.account.id)
    if body.device_id is not None and body.device_id != device:
        other = yield from accounts.login(found.account.id, checked_device(body.device_id))
        if other is None:
            raise Problem(Code.BAD_TOKEN)
        found, device = other, body.device_id
    return (yield from _placed(parts, found, device, body.exclude))


def _by_password(parts: Parts, body: LoginBody) -> tuple[Login, str]:
    if body.name is None or body.password is None:
        raise Problem(Code.BAD_REQUEST, "A login needs name and password, or a bearer token.", status=422)
    device = ids.new_device_id() if body.device_id is None else checked_device(body.device_id)
    account = _authenticated(parts, canonical(body.name), body.password)
    found = parts.store.run(accounts.login(account.id, device))
    if found is None:
        raise Problem(Code.WRONG_PASSWORD)
    return found, device


def checked_device(device: str) -> str:
    """A device id out of a request, if a user can have it.

    Raises:
        Problem: BAD_REQUEST.
    """
    if not ids.is_device_id(device) or device in OTHER_DOORS:
        raise Problem(Code.BAD_REQUEST, "device_id: 1 to 32 of 0-9 and a-z.", status=422)
    return device


def _authenticated(parts: Parts, name: str, password: str) -> Account:
    """The account, if the password is its own; the limits come before the hashing.

    Raises:
        Problem: TOO_MANY_ATTEMPTS, OVERLOADED, WRONG_PASSWORD, LEGACY_ACCOUNT, NO_PASSWORD.
    """
    parts.attempts.check(name)
    account = parts.store.run(accounts.by_name(name))
    if account is not None and account.legacy:
        raise Problem(Code.LEGACY_ACCOUNT)
    if account is not None and account.operators:
        raise Problem(Code.NO_PASSWORD)
    password_hash = account.password_hash if account is not None else None
    right = parts.passwords.verify(password_hash, password, last_check=lambda: parts.attempts.check(name))
    if not right or account is None or password_hash is None:
        parts.attempts.wrong(name)
        raise Problem(Code.WRONG_PASSWORD)
    parts.attempts.right(name)
    parts.store.run(accounts.index(account))
    if parts.passwords.outdated(password_hash):
        parts.store.run(accounts.set_password_hash(account.id, parts.passwords.hash_again(password)))
    return account


def connect_claims(found: Login, device: str) -> ConnectClaims:
    """What a connect token of that login says."""
    account = found.account
    return ConnectClaims(account.id, account.name, device, found.version, account.unmetered)


def _placed(parts: Parts, found: Login, device: str, exclude: list[str]) -> Steps[LoggedIn]:
    account = found.account
    try:
        server = yield from parts.placement.choosing(exclude)
    except NoServer as error:
        raise Problem(Code.NO_SERVER, after_s=NO_SERVER_RETRY_S) from error
    token = parts.tokens.session(account.id, device, found.version)
    connect_token = parts.tokens.connect(connect_claims(found, device))
    log.debug("logged_in", user=account.id, device=device, server=server.id)
    return LoggedIn(
        user_id=str(account.id),
        name=account.name,
        device_id=device,
        token=token,
        token_expires_at=expires_at(token),
        connect_token=connect_token,
        connect_expires_at=expires_at(connect_token),
        server=ServerAddress(id=server.id, host=server.host, port=server.tcp_port),
    )
