"""Commands as bytes, and errors as hiredis reads them."""

import hiredis
import pytest

from cim_common.store import resp
from cim_common.store.flow import StoreError, StoreUnavailable


def test_a_pipeline_is_one_write() -> None:
    assert resp.pack([("GET", b"k"), ("SET", "ä", 1)]) == (
        b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*3\r\n$3\r\nSET\r\n$2\r\n\xc3\xa4\r\n$1\r\n1\r\n"
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("LOADING Redis is loading the dataset in memory", StoreUnavailable),
        ("OOM command not allowed", StoreUnavailable),
        ("MASTERDOWN Link with MASTER is down", StoreUnavailable),
        ("NOSCRIPT No matching script", StoreUnavailable),
        ("BUSYGROUP Consumer group name already exists", StoreError),
        ("WRONGTYPE Operation against a key", StoreError),
        ("ERR LOADING is no command", StoreError),
    ],
)
def test_the_first_error_says_whether_it_passes(text: str, kind: type[Exception]) -> None:
    error = resp.first_error([b"OK", [hiredis.ReplyError("in a list")], hiredis.ReplyError(text), hiredis.ReplyError()])
    assert type(error) is kind
    assert str(error) == text


def test_no_error_is_none() -> None:
    assert resp.first_error([b"OK", None, 1]) is None
