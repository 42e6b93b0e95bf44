"""Dialing: as often as it takes."""

import pytest
import redis

from cim_common.dial import dialer

OUTAGE_TRIES = 300


def test_after_any_number_of_tries_there_is_a_connection(redis_url: str) -> None:
    dial = dialer(redis_url, 1.0)
    for _ in range(OUTAGE_TRIES):
        dial().disconnect()
    connection = dial()
    connection.connect()
    connection.send_command("PING")
    assert connection.read_response() == b"PONG"
    connection.disconnect()


def test_where_nobody_answers_each_try_says_so() -> None:
    dial = dialer("redis://127.0.0.1:1/0", 1.0)
    for _ in range(OUTAGE_TRIES):
        with pytest.raises(redis.ConnectionError, match="refused"):
            dial().connect()
