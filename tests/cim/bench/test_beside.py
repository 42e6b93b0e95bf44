"""Work in a thread beside a block."""

import threading

import pytest

from cim.bench.beside import beside


def test_the_work_lasts_as_long_as_the_block() -> None:
    began = threading.Event()
    said: list[str] = []

    def work(ending: threading.Event) -> None:
        began.set()
        said.append("ended" if ending.wait(30) else "waited in vain")

    with beside("work", work):
        assert began.wait(30)
        assert said == []
    assert said == ["ended"]


def test_what_ends_the_work_is_raised_after_the_block() -> None:
    def work(ending: threading.Event) -> None:
        raise LookupError("gone")

    reached = []
    with pytest.raises(LookupError, match="gone"), beside("work", work):
        reached.append(True)
    assert reached


def test_a_failure_of_the_block_itself_goes_first() -> None:
    def work(ending: threading.Event) -> None:
        raise LookupError("gone")

    with pytest.raises(ZeroDivisionError), beside("work", work):
        raise ZeroDivisionError
