"""Signed tokens: what route says of a user, and every process can check without asking anyone.

A token is the base64url of a small JSON array, a dot, and an HMAC-SHA256 under a key derived from the
cluster's secret for one purpose: a connect token is worthless as a session token. What a token says is
signed, not hidden. Each carries its own end (Unix seconds), compared with the local wall clock.

=========  ======================  =========  =====================================================
purpose    says                    lives      used by
=========  ======================  =========  =====================================================
connect    user, name, device,     5 minutes  a client, in the first frame to an IM server
           version, and true for
           an unmetered account
session    user, device, version   30 days    a client, for route's HTTP API and the next login
internal   nothing                 1 minute   route and IM servers, for calls to each other
=========  ======================  =========  =====================================================
"""

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from itsdangerous import BadData, Signer
from itsdangerous.encoding import base64_decode, base64_encode

MIN_SECRET_BYTES = 32
MAX_TOKEN_LENGTH = 900
"""No token we make is longer: a connect token has to fit into a login frame of 1 KiB."""

CONNECT_TTL_S = 300.0
SESSION_TTL_S = 30 * 86_400.0
INTERNAL_TTL_S = 60.0


class TokenForged(Exception):
    """Not a token of this cluster and purpose, or damaged."""


class TokenExpired(Exception):
    """Made here, but its time is over."""


class ConnectClaims(NamedTuple):
    """Whose connection it is: the user's id and canonical name, the device, and the version of its login.

    `unmetered`: an operator has said that what the user sends and asks for is not limited (I17). A token of everybody
    else says nothing of it, and so is the same as it always was.
    """

    user: int
    name: str
    device: str
    version: int
    unmetered: bool = False


class SessionClaims(NamedTuple):
    """Who is logged in, and the version of that device's login (`store/accounts.py`) it belongs to."""

    user: int
    device: str
    version: int


class Tokens:
    """Makes and reads tokens under one secret of at least 32 bytes.

    Raises:
        ValueError: the secret is shorter.
    """

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        if len(secret) < MIN_SECRET_BYTES:
            raise ValueError(f"the secret has {len(secret)} bytes; it needs at least {MIN_SECRET_BYTES}")
        self._clock = clock
        self._connect = _signer(secret, b"cim.connect")
        self._session = _signer(secret, b"cim.session")
        self._internal = _signer(secret, b"cim.internal")

    def connect(self, claims: ConnectClaims, ttl_s: float = CONNECT_TTL_S) -> str:
        return self._sign(self._connect, claims if claims.unmetered else claims[:-1], ttl_s)

    def read_connect(self, token: str) -> ConnectClaims:
        """Raises TokenForged or TokenExpired."""
        return ConnectClaims(*self._read(self._connect, token, (int, str, str, int), bool))

    def session(self, user: int, device: str, version: int, ttl_s: float = SESSION_TTL_S) -> str:
        return self._sign(self._session, (user, device, version), ttl_s)

    def read_session(self, token: str) -> SessionClaims:
        """Raises TokenForged or TokenExpired."""
        user, device, version = self._read(self._session, token, (int, str, int))
        return SessionClaims(user, device, version)

    def internal(self) -> str:
        return self._sign(self._internal, (), INTERNAL_TTL_S)

    def read_internal(self, token: str) -> None:
        """Raises TokenForged or TokenExpired."""
        self._read(self._internal, token, ())

    def _sign(self, signer: Signer, claims: tuple[int | str, ...], ttl_s: float) -> str:
        body = json.dumps([int(self._clock() + ttl_s), *claims], ensure_ascii=False, separators=(",", ":"))
        return signer.sign(base64_encode(body)).decode()

    def _read(self, signer: Signer, token: str, types: tuple[type, ...], *more: type) -> list[Any]:
        """The claims of those types; those of `more` may follow."""
        if len(token) > MAX_TOKEN_LENGTH:
            raise TokenForged
        try:
            ends, *claims = _decode(signer.unsign(token))
        except (BadData, ValueError) as error:
            raise TokenForged from error
        if tuple(map(type, claims)) not in (types, types + more):
            raise TokenForged
        if self._clock() >= ends:
            raise TokenExpired
        return claims


def expires_at(token: str) -> int:
    """When a token that was made here ends, in Unix seconds; says nothing about its being genuine."""
    ends: int = _decode(token.rpartition(".")[0])[0]
    return ends


def _signer(secret: bytes, purpose: bytes) -> Signer:
    return Signer(secret, salt=purpose, key_derivation="hmac", digest_method=hashlib.sha256)


def _decode(body: str | bytes) -> list[Any]:
    decoded: list[Any] = json.loads(base64_decode(body))
    return decoded
