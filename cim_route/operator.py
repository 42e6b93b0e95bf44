"""What operators ask of route, with a token of their own: accounts without passwords, for tests and measurements.

The token is read from its file at each call: it can be replaced while route runs, and route starts without it.
"""

import hmac
import time
from collections.abc import Sequence
from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field, model_validator

from cim_common import ids
from cim_common.registry import Server
from cim_common.store import provisioning
from cim_common.store.accounts import Login
from cim_common.store.provisioning import MAX_AT_ONCE, NamesTaken
from cim_common.tokens import Tokens, expires_at
from cim_common.wire.codes import Code
from cim_route.accounts import canonical, display_of
from cim_route.auth import bearer
from cim_route.login import NO_SERVER_RETRY_S, ServerAddress, checked_device, connect_claims
from cim_route.parts import Parts
from cim_route.placement import NoServer
from cim_route.problems import Problem

SECURITY: list[dict[str, list[str]]] = [{"operator": []}]

MIN_TOKEN_LENGTH = 32
"""A shorter one could be guessed; an empty file opens nothing."""

SWITCHED_OFF = "Operators' calls are off: route was started without --operator-token-file."
UNUSABLE = f"Operators' calls are off: the token file cannot be read, or holds less than {MIN_TOKEN_LENGTH} characters."
MAX_FIRST = 10_000_000
SHOWN_NAMES = 5


class NewAccounts(BaseModel):
    names: list[str] | None = Field(None, min_length=1, max_length=MAX_AT_ONCE, examples=[["alice", "bob"]])
    prefix: str | None = Field(None, description="instead of names: PREFIX and a number each", examples=["load-"])
    first: int = Field(1, ge=0, le=MAX_FIRST, description="the number of the first of them")
    count: int | None = Field(None, ge=1, le=MAX_AT_ONCE, description="how many of them")
    device_id: str | None = Field(None, description="1 to 32 of 0-9 and a-z; a new one is made when absent")
    unmetered: bool = Field(False, description="what they send and ask for is not limited")

    @model_validator(mode="after")
    def _names_or_numbers(self) -> "NewAccounts":
        if (self.names is None) == (self.prefix is None) or (self.prefix is None) != (self.count is None):
            raise ValueError("either names, or prefix and count")
        return self

    def wanted(self) -> list[str]:
        """The names as they were asked for."""
        if self.names is not None:
            return self.names
        return [f"{self.prefix}{number}" for number in range(self.first, self.first + (self.count or 0))]


class MadeAccount(BaseModel):
    user_id: str = Field(description="decimal digits")
    name: str
    token: str = Field(description="for the HTTP API and the next login")
    connect_token: str = Field(description="for the first frame to the IM server")
    server: ServerAddress


class MadeAccounts(BaseModel):
    device_id: str
    token_expires_at: int = Field(description="Unix time in seconds")
    connect_expires_at: int = Field(description="Unix time in seconds")
    accounts: list[MadeAccount] = Field(description="in the order of the names, each once")


def require_operator(token_file: str | None) -> None:
    """Let an operator's request pass.

    Raises:
        Problem: FORBIDDEN when nobody is let in, BAD_TOKEN.
    """
    if token_file is None:
        raise Problem(Code.FORBIDDEN, SWITCHED_OFF)
    try:
        with open(token_file, "rb") as file:
            expected = file.read(4_096).strip()
    except OSError as error:
        raise Problem(Code.FORBIDDEN, UNUSABLE) from error
    if len(expected) < MIN_TOKEN_LENGTH:
        raise Problem(Code.FORBIDDEN, UNUSABLE)
    given = (bearer() or "").encode()
    if not hmac.compare_digest(given, expected):
        raise Problem(Code.BAD_TOKEN, "That is not the operator's token.")


def blueprint(parts: Parts, token_file: str | None) -> APIBlueprint:
    """`/operator/v1/accounts`."""
    bp = APIBlueprint("operator", __name__, url_prefix="/operator/v1", abp_tags=[Tag(name="operator")])

    @bp.before_request
    def operators_only() -> None:
        require_operator(token_file)

    @bp.post(
        "/accounts",
        summary="Make accounts without passwords, and give their tokens",
        security=SECURITY,
        responses={200: MadeAccounts},
    )
    def make_accounts(body: NewAccounts) -> dict[str, Any]:
        device = ids.new_device_id() if body.device_id is None else checked_device(body.device_id)
        shown = _shown(body.wanted())
        try:
            servers = parts.placement.spread(len(shown))
            logins = parts.store.run(provisioning.provision(shown, device, body.unmetered, time.time_ns() // 1_000_000))
        except NoServer as error:
            raise Problem(Code.NO_SERVER, after_s=NO_SERVER_RETRY_S) from error
        except NamesTaken as error:
            raise Problem(Code.NAME_TAKEN, f"Registered accounts have the names {_some(error.names)}.") from error
        return _answer(parts.tokens, logins, device, servers)

    return bp


def _shown(wanted: list[str]) -> dict[str, str]:
    """Canonical name -> display name: the name as it was asked for."""
    shown: dict[str, str] = {}
    for typed in wanted:
        name = canonical(typed)
        shown.setdefault(name, display_of(None, name, typed))
    return shown


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN_NAMES]) + (" ..." if len(names) > SHOWN_NAMES else "")


def _answer(tokens: Tokens, logins: list[Login], device: str, servers: list[Server]) -> dict[str, Any]:
    made = [_made(tokens, login, device, server) for login, server in zip(logins, servers, strict=True)]
    return {
        "device_id": device,
        "token_expires_at": expires_at(made[0]["token"]),
        "connect_expires_at": expires_at(made[0]["connect_token"]),
        "accounts": made,
    }


def _made(tokens: Tokens, login: Login, device: str, server: Server) -> dict[str, Any]:
    account = login.account
    return {
        "user_id": str(account.id),
        "name": account.name,
        "token": tokens.session(account.id, device, login.version),
        "connect_token": tokens.connect(connect_claims(login, device)),
        "server": {"id": server.id, "host": server.host, "port": server.tcp_port},
    }
