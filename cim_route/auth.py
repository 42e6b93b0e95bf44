"""Who is asking: the account behind the bearer token of a request (I3)."""

from flask import request

from cim_common import ids
from cim_common.store import accounts
from cim_common.store.accounts import Login
from cim_common.store.budgets import REQUESTS, Budget
from cim_common.tokens import SessionClaims, TokenExpired, TokenForged
from cim_common.wire.codes import Code
from cim_route.parts import Parts
from cim_route.problems import Problem
from cim_route.steps import Charge, Steps

SECURITY: list[dict[str, list[str]]] = [{"bearer": []}]
"""What OpenAPI says of a call that needs a token."""


def bearer() -> str | None:
    """The token of the request's Authorization header; None when it has no such header.

    Raises:
        Problem: BAD_TOKEN for another scheme.
    """
    return bearer_of(request.headers.get("Authorization"))


def bearer_of(header: str | None) -> str | None:
    """The same of such a header."""
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Problem(Code.BAD_TOKEN, "The Authorization header has to be: Bearer, a space, the token.")
    return token.strip()


def signed_in(parts: Parts, budget: Budget | None = REQUESTS) -> tuple[Login, str]:
    """The login behind the request's token, and its device; the call is charged to a budget of its user (I17), unless
    that is unmetered.

    Raises:
        Problem: BAD_TOKEN; SENDER_LIMIT or REQUEST_LIMIT, with the time to wait.
    """
    return parts.run(admitted(parts, bearer(), budget))


def admitted(parts: Parts, token: str | None, budget: Budget | None) -> Steps[tuple[Login, str]]:
    """The same for a token."""
    claims = _claims(parts, token)
    login = _good(claims, (yield from accounts.login(claims.user, claims.device)))
    yield from _charged(login, budget)
    return login, claims.device


def admitted_to(parts: Parts, token: str | None, budget: Budget, name: str) -> Steps[tuple[Login, int]]:
    """The same for a call that concerns the user of a canonical name: the login, and that user's id, 0 if there is
    none. The store is asked once for both."""
    claims = _claims(parts, token)
    login, other = yield from accounts.login_and_id(claims.user, claims.device, name)
    login = _good(claims, login)
    yield from _charged(login, budget)
    return login, other


def _claims(parts: Parts, token: str | None) -> SessionClaims:
    """What a token says; whether it is still good is for the account to say."""
    if token is None:
        raise Problem(Code.BAD_TOKEN)
    try:
        claims = parts.tokens.read_session(token)
    except (TokenExpired, TokenForged) as error:
        raise Problem(Code.BAD_TOKEN) from error
    if not ids.is_device_id(claims.device):
        raise Problem(Code.BAD_TOKEN)
    return claims


def _good(claims: SessionClaims, login: Login | None) -> Login:
    if login is None or login.version != claims.version or login.account.legacy:
        raise Problem(Code.BAD_TOKEN)
    return login


def _charged(login: Login, budget: Budget | None) -> Steps[None]:
    if budget is not None and not login.account.unmetered:
        yield Charge(login.account.id, budget)
