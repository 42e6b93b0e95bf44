"""The reading end of a push stream: what rings, and what may have been lost."""

from collections.abc import Iterator
from typing import Any

import pytest

from cim_common.store import push
from cim_common.store.push import Rung
from cim_server import push_reader
from cim_server.pump import Pump
from cim_server.push_reader import PushReader
from tests.cim_common.store.conftest import DIRECT

GOOD = push.ring(push.ring_prefix(DIRECT), 7, b"")
RUNG: Rung = (DIRECT, 7, b"", 0)


class Reading:
    """A reader whose stream is what the test says; where it read on from, and what it was told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(push_reader, "RedisLink", lambda *arguments, **more: self)
        self.asked: list[bytes] = []
        self.rung: list[Rung] = []
        self.lost = 0
        self.pump = Pump()
        self.reader = PushReader(self.pump, "redis://127.0.0.1:1", "s1:e1", self._rung, self._lost)

    def write(self, data: bytes, replies: int, done: Any) -> None:
        self.asked.append(data.split(b"\r\n")[-2])

    def _rung(self, bell: Any, rungs: list[Rung]) -> None:
        self.rung += rungs

    def _lost(self) -> None:
        self.lost += 1

    def answer(self, *fields: list[bytes]) -> None:
        entries = [[b"%d-0" % number, one] for number, one in enumerate(fields, 1)]
        self.reader._answered([[[b"push", entries]]])


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reading]:
    made = Reading(monkeypatch)
    yield made
    made.pump.close()


@pytest.mark.invariant("I9")
@pytest.mark.parametrize(
    "fields",
    [[b"d", b"\xff"], [b"d", GOOD, b"s", b"seven"], [b"d", GOOD + push.ring_prefix(DIRECT)]],
)
def test_a_doorbell_that_cannot_be_read_is_a_lost_one_and_the_others_ring(
    reading: Reading, fields: list[bytes]
) -> None:
    reading.answer([b"d", GOOD], fields, [b"d", GOOD])
    assert reading.rung == [RUNG, RUNG]
    assert reading.lost == reading.reader.losses == 1
    assert reading.asked == [b"3-0"]


@pytest.mark.invariant("I9")
@pytest.mark.parametrize(("count", "lost"), [(push_reader.LOST_ABOVE - 1, 0), (push_reader.LOST_ABOVE, 1)])
def test_a_stream_that_was_nearly_full_may_have_lost_some(reading: Reading, count: int, lost: int) -> None:
    reading.answer(*[[b"d", GOOD]] * count)
    assert len(reading.rung) == count
    assert reading.lost == lost
