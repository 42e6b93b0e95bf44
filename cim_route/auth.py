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

SECURITY: list[dict[str, list[str]]] = [{"bearer": []}]
"""What OpenAPI says of a call that needs a token."""


def bearer() -> str | None:
    """The token of the request's Authorization header; None when it has no such header.

    Raises:
        Problem: BAD_TOKEN for another scheme.
    """
    header = request.headers.get("Authorization")
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
    claims = _claims(parts)
    login = parts.store.run(accounts.login(claims.user, claims.device))
    return _admitted(parts, claims, login, budget), claims.device


def signed_in_to(parts: Parts, budget: Budget, name: str) -> tuple[Login, int]:
    """The same for a call that concerns the user of a canonical name: the login, and that user's id, 0 if there is
    none. The store is asked once for both."""
    claims = _claims(parts)
    login, other = parts.store.run(accounts.login_and_id(claims.user, claims.device, name))
    return _admitted(parts, claims, login, budget), other


def _claims(parts: Parts) -> SessionClaims:
    """What the request's token says; whether it is still good is for the account to say."""
    token = bearer()
    if token is None:
        raise Problem(Code.BAD_TOKEN)
    try:
        claims = parts.tokens.read_session(token)
    except (TokenExpired, TokenForged) as error:
        raise Problem(Code.BAD_TOKEN) from error
    if not ids.is_device_id(claims.device):
        raise Problem(Code.BAD_TOKEN)
    return claims


def _admitted(parts: Parts, claims: SessionClaims, login: Login | None, budget: Budget | None) -> Login:
    if login is None or login.version != claims.version or login.account.legacy:
        raise Problem(Code.BAD_TOKEN)
    if budget is not None and not login.account.unmetered:
        parts.budgets.charge(claims.user, budget)
    return login
