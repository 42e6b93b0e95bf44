"""One's own messages until it is known what became of them."""

import pytest

from cim_client.errors import CimError
from cim_client.terminal.display.outgoing import (
    MAX_EARLY,
    MAX_FAILED,
    MAX_PENDING,
    Outgoing,
    Pending,
    Settlement,
    failed,
)
from cim_client.types import Waiting
from cim_common import ids
from cim_common.wire.codes import Code


def pending(text: str) -> Pending:
    return Pending("lobby", "lobby", text, 0, 0.0)


def test_settled_after_it_was_posted() -> None:
    outgoing = Outgoing()
    key = outgoing.sending(pending("hello"))
    assert outgoing.posted(key, "1:d:1") is None
    assert outgoing.settled("1:d:1", Settlement()) == key
    assert outgoing.take(key, Settlement()).text == "hello"
    assert not outgoing.pending
    assert outgoing.take_failed() == []


def test_settled_before_post_has_returned() -> None:
    outgoing = Outgoing()
    key = outgoing.sending(pending("hello"))
    settlement = Settlement(seq=3)
    assert outgoing.settled("1:d:1", settlement) is None
    assert outgoing.posted(key, "1:d:1") is settlement


def test_what_was_refused_can_be_sent_again_once() -> None:
    outgoing = Outgoing()
    for text, settlement in (("no", Settlement("refused")), ("perhaps", Settlement("unknown", unknown=True))):
        outgoing.take(outgoing.sending(pending(text)), settlement)
    assert [message.text for message in outgoing.take_failed()] == ["no"]
    assert outgoing.take_failed() == []


@pytest.mark.parametrize(
    ("code", "again", "unknown"),
    [
        (Code.NO_SUCH_USER, True, False),
        (Code.SENDER_LIMIT, True, False),
        (Code.OUTCOME_UNKNOWN, False, True),
        (Code.NO_SUCH_MESSAGE, False, False),
        (Code.TEXT_TOO_LONG, False, False),
    ],
)
def test_what_would_be_refused_again_is_not_kept(code: Code, again: bool, unknown: bool) -> None:
    outgoing = Outgoing()
    settlement = failed(CimError(code))
    assert (settlement.again, settlement.unknown, settlement.reason) == (again, unknown, code.sentence)
    outgoing.take(outgoing.sending(pending("hello")), settlement)
    assert not outgoing.all_stored
    assert bool(outgoing.take_failed()) == again
    assert outgoing.all_stored == again


def test_refused_messages_are_bounded() -> None:
    outgoing = Outgoing()
    for n in range(MAX_FAILED + 5):
        outgoing.take(outgoing.sending(pending(str(n))), Settlement("refused"))
    assert [message.text for message in outgoing.take_failed()] == [str(n) for n in range(5, MAX_FAILED + 5)]


def test_settlements_of_an_earlier_run_are_bounded() -> None:
    outgoing = Outgoing()
    for n in range(MAX_EARLY + 1):
        assert outgoing.settled(f"1:d:{n}", Settlement()) is None
    assert outgoing.posted(outgoing.sending(pending("hello")), "1:d:0") is None


def test_what_an_earlier_run_has_posted_is_under_way() -> None:
    outgoing = Outgoing()
    direct = ids.direct(2**32, 2**33)
    outgoing.found([Waiting("1:d:7", "bob", "hi", 3), Waiting("1:d:8", direct, "hi")], 5.0, str.upper)
    group = ids.new_group()
    outgoing.found([Waiting("1:d:9", group, "hi")], 5.0, {group: "ops"}.__getitem__)
    names = [(message.name, message.reply_to) for message in outgoing.pending.values()]
    assert names == [("bob", 3), ("(private)", 0), ("ops", 0)]
    assert outgoing.settled("1:d:7", Settlement()) is not None


def test_no_more_of_an_earlier_run_is_shown_than_may_be_under_way() -> None:
    outgoing = Outgoing()
    outgoing.found([Waiting(f"1:d:{n}", "lobby", str(n)) for n in range(MAX_PENDING + 5)], 5.0, str.upper)
    assert len(outgoing.pending) == MAX_PENDING


def test_whether_all_is_stored() -> None:
    outgoing = Outgoing()
    assert outgoing.all_stored
    key = outgoing.sending(pending("one"))
    assert not outgoing.all_stored
    outgoing.take(key, Settlement("refused"))
    assert not outgoing.all_stored
    (again,) = outgoing.take_failed()
    outgoing.take(outgoing.sending(again), Settlement())
    assert outgoing.all_stored
    outgoing.take(outgoing.sending(pending("two")), Settlement("no answer", unknown=True))
    assert not outgoing.all_stored


def test_farewell_tells_kept_from_lost() -> None:
    outgoing = Outgoing()
    assert outgoing.farewell() is None
    outgoing.posted(outgoing.sending(pending("kept")), "1:d:1")
    outgoing.sending(pending("not even posted"))
    farewell = outgoing.farewell()
    assert farewell is not None
    assert "1 not known to be stored" in farewell
    assert "1 not sent" in farewell
