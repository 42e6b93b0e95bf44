import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous.encoding import base64_decode

from cim_common.names import MAX_NAME_LENGTH
from cim_common.tokens import (
    INTERNAL_TTL_S,
    MAX_TOKEN_LENGTH,
    ConnectClaims,
    SessionClaims,
    TokenExpired,
    TokenForged,
    Tokens,
    expires_at,
)
from cim_common.wire import Limits, codec
from cim_common.wire.messages import Login

SECRET = b"0123456789abcdef0123456789abcdef"
ALICE = ConnectClaims(2**31 + 5, "älice", "d1", 1)


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def test_what_is_said_is_read() -> None:
    tokens = Tokens(SECRET)
    assert tokens.read_connect(tokens.connect(ALICE)) == ALICE
    assert tokens.read_session(tokens.session(7, "d1", 3)) == SessionClaims(7, "d1", 3)
    tokens.read_internal(tokens.internal())


def test_only_the_token_of_an_unmetered_account_says_anything_of_it() -> None:
    tokens = Tokens(SECRET)
    unmetered = ALICE._replace(unmetered=True)
    assert tokens.read_connect(tokens.connect(unmetered)) == unmetered
    body = json.loads(base64_decode(tokens.connect(ALICE).partition(".")[0]))
    assert body[1:] == [*ALICE[:4]], "as tokens were before there were such accounts"
    with pytest.raises(TokenForged):
        tokens.read_connect(tokens.connect(unmetered._replace(unmetered=1)))  # type: ignore[arg-type]


def test_another_process_with_the_secret_reads_it_and_one_without_does_not() -> None:
    token = Tokens(SECRET).connect(ALICE)
    assert Tokens(SECRET).read_connect(token) == ALICE
    with pytest.raises(TokenForged):
        Tokens(SECRET[::-1]).read_connect(token)


def test_each_purpose_has_tokens_of_its_own() -> None:
    tokens = Tokens(SECRET)
    made = {"connect": tokens.connect(ALICE), "session": tokens.session(1, "d", 1), "internal": tokens.internal()}
    readers = {"connect": tokens.read_connect, "session": tokens.read_session, "internal": tokens.read_internal}
    for purpose, token in made.items():
        for other, read in readers.items():
            if other != purpose:
                with pytest.raises(TokenForged):
                    read(token)


def test_a_token_ends() -> None:
    clock = Clock()
    tokens = Tokens(SECRET, clock)
    connect, internal = tokens.connect(ALICE, ttl_s=10), tokens.internal()
    assert expires_at(connect) == clock.now + 10
    clock.now += 9.5
    assert tokens.read_connect(connect) == ALICE
    clock.now += 0.5
    with pytest.raises(TokenExpired):
        tokens.read_connect(connect)
    clock.now += INTERNAL_TTL_S
    with pytest.raises(TokenExpired):
        tokens.read_internal(internal)


def test_any_changed_character_is_noticed() -> None:
    tokens = Tokens(SECRET)
    token = tokens.connect(ALICE)
    for index, character in enumerate(token[:-1]):
        changed = token[:index] + ("A" if character != "A" else "B") + token[index + 1 :]
        with pytest.raises(TokenForged):
            tokens.read_connect(changed)


@given(st.text(max_size=200))
def test_garbage_is_forged(token: str) -> None:
    with pytest.raises(TokenForged):
        Tokens(SECRET).read_connect(token)


@pytest.mark.parametrize("token", ["", ".", "..", "a.b", "\ud800.x", "W10.", "x" * 100_000])
def test_odd_garbage_is_forged(token: str) -> None:
    with pytest.raises(TokenForged):
        Tokens(SECRET).read_session(token)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32"):
        Tokens(b"x" * 31)


def test_the_longest_connect_token_fits_into_a_login_frame() -> None:
    longest = ConnectClaims(2**53 - 1, "\U00020000" * MAX_NAME_LENGTH, "z" * 32, 2**53, True)
    token = Tokens(SECRET).connect(longest)
    assert len(token) <= MAX_TOKEN_LENGTH
    assert Tokens(SECRET).read_connect(token) == longest
    login = Login(token, longest.device, client="x" * 64, ephemeral=True, returning=True)
    assert len(codec.encode(login)) <= Limits().max_login_frame_bytes


def test_reading_is_cheap_enough_for_a_server_that_gets_all_its_clients_at_once() -> None:
    tokens = Tokens(SECRET)
    token = tokens.connect(ALICE)
    best = min(_seconds(tokens, token) for _ in range(20))
    assert best / 50 < 0.000_5


def _seconds(tokens: Tokens, token: str) -> float:
    start = time.perf_counter()
    for _ in range(50):
        tokens.read_connect(token)
    return time.perf_counter() - start
