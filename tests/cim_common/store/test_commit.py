"""The append script through the group commit, on a real Redis: I1 to I8, one by one."""

import time
from typing import Any

import pytest
from google.protobuf.message import DecodeError

from cim_common import accept, changes, ids
from cim_common.store import commit, conversations, interest, keys, pages, push
from cim_common.store.commit import MAX_WAIT_S, MAX_WAITING
from cim_common.store.flow import StoreError, StoreUnavailable
from cim_common.wire import codec
from cim_common.wire.codes import Code
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Change

ALICE = ids.MIN_USER_ID + 5
BOB = ids.MIN_USER_ID + 9
DIRECT = ids.direct(ALICE, BOB)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.mark.invariant("I1", "I5")
def test_seqs_are_gapless_and_in_the_order_of_n(committer: Any) -> None:
    answers = committer.commit(*[committer.append(n, n - 1, f"text {n}") for n in range(1, 6)])
    assert answers == [("STORED", seq, 0) for seq in range(1, 6)]
    page = committer.store.run(pages.page_up(DIRECT, 0))
    assert [codec.decode_entry(entry).text for _, entry in page.entries] == [f"text {n}" for n in range(1, 6)]


@pytest.mark.invariant("I4")
def test_a_resent_n_gets_the_seq_it_has(committer: Any, new_committer: Any) -> None:
    committer.commit(*[committer.append(n, n - 1, f"text {n}") for n in range(1, 6)])
    other = new_committer("s2:e")
    resent = [other.append(n, n - 1, f"text {n}") for n in (5, 2, 4, 1)]
    assert other.commit(*resent) == [("KNOWN", seq, 0) for seq in (5, 2, 4, 1)]
    assert committer.store.command("XLEN", keys.log(DIRECT)) == 5


def test_a_reply_lost_between_redis_and_server_does_not_double(committer: Any, new_committer: Any) -> None:
    committer.group.submit(committer.append(1, 0, "hello"))
    committer.commit()
    committer.group.submit(committer.append(2, 1, "once"))
    write = committer.group.next_write(now_ms())
    assert write is not None
    committer.store.connection.send_packed_command([write[0]])
    committer.store.connection.read_response()
    (unknown,) = committer.group.fail(StoreUnavailable("the connection was cut"))
    assert (unknown.status.name, unknown.code) == ("RETRY", Code.OUTCOME_UNKNOWN)
    assert new_committer().commit(committer.append(2, 1, "once")) == [("KNOWN", 2, 0)]


@pytest.mark.invariant("I6")
def test_other_content_under_the_same_n_is_id_reused(committer: Any) -> None:
    committer.commit(committer.append(1, 0, "a"), committer.append(2, 1, "b"))
    assert committer.commit(committer.append(1, 0, "other")) == [("REFUSED", 1, Code.ID_REUSED)]
    assert committer.commit(committer.append(2, 1, "other")) == [("REFUSED", 2, Code.ID_REUSED)]


@pytest.mark.invariant("I5")
def test_a_message_whose_predecessor_is_missing_waits(committer: Any) -> None:
    committer.commit(committer.append(1, 0, "a"))
    assert committer.commit(committer.append(5, 3, "c")) == [("RETRY", 0, Code.OUT_OF_ORDER)]
    assert committer.commit(committer.append(3, 1, "b"), committer.append(5, 3, "c")) == [
        ("STORED", 2, 0),
        ("STORED", 3, 0),
    ]


def test_a_given_up_n_that_comes_late_is_superseded(committer: Any) -> None:
    committer.commit(committer.append(1, 0, "a"), committer.append(3, 1, "c"))
    assert committer.commit(committer.append(2, 1, "late")) == [("REFUSED", 0, Code.SUPERSEDED)]
    assert committer.store.command("XLEN", keys.log(DIRECT)) == 2


def test_a_chain_that_was_trimmed_is_unresolved(committer: Any) -> None:
    committer.commit(*[committer.append(n, n - 1, f"text {n}") for n in range(1, 6)])
    committer.store.command("XTRIM", keys.log(DIRECT), "MINID", "4-0")
    assert committer.commit(committer.append(2, 1, "text 2")) == [("UNRESOLVED", 0, 0)]
    assert committer.commit(committer.append(4, 3, "text 4")) == [("KNOWN", 4, 0)]


def test_a_chain_longer_than_the_walk_is_unresolved(committer: Any) -> None:
    committer.commit(*[committer.append(n, n - 1, f"text {n}") for n in range(1, 71)])
    assert committer.commit(committer.append(7, 6, "text 7")) == [("KNOWN", 7, 0)]
    assert committer.commit(committer.append(6, 5, "text 6")) == [("UNRESOLVED", 0, 0)]


@pytest.mark.invariant("I7")
def test_the_blocked_are_refused_and_stay_refused(committer: Any) -> None:
    committer.commit(committer.append(1, 0, "a"))
    committer.store.command("HSET", keys.conv(DIRECT), f"m:{ALICE}", "b 1- 0 0")
    assert committer.commit(committer.append(2, 1, "b")) == [("REFUSED", 0, Code.BLOCKED)]
    committer.store.command("HSET", keys.conv(DIRECT), f"m:{ALICE}", "m 1- 0 0")
    assert committer.commit(committer.append(2, 1, "b")) == [("REFUSED", 0, Code.BLOCKED)]
    assert committer.commit(committer.append(3, 2, "c")) == [("STORED", 2, 0)]


def test_strangers_and_unknown_conversations_are_refused(committer: Any) -> None:
    committer.commit(committer.append(1, 0, "a"))
    stranger = committer.append(1, 0, "x", user=ids.MIN_USER_ID + 77)
    nowhere = committer.append(1, 0, "x", conversation="g-unknown")
    nobody = committer.append(2, 0, "x", conversation=ids.direct(ALICE, ids.MIN_USER_ID + 78))
    committer.commit(stranger, nowhere, nobody)
    assert [append.code for append in (stranger, nowhere, nobody)] == [
        Code.NOT_A_MEMBER,
        Code.NO_SUCH_CONVERSATION,
        Code.NO_SUCH_USER,
    ]


def test_an_idempotency_key_is_stored_once(committer: Any) -> None:
    def keyed(text: str) -> Any:
        return committer.append(0, 0, text, device="http", key="k1")

    assert committer.commit(keyed("a")) == [("STORED", 1, 0)]
    assert committer.commit(keyed("a"), keyed("b")) == [("KNOWN", 1, 0), ("REFUSED", 1, Code.ID_REUSED)]


def test_too_many_too_fast_are_told_when(committer: Any) -> None:
    flood = [committer.append(n, n - 1, "x") for n in range(1, 2300)]
    committer.commit(*flood)
    stored = [append for append in flood if append.status.name == "STORED"]
    limited = [append for append in flood if append.code == Code.SENDER_LIMIT]
    assert 2000 <= len(stored) < 2299
    assert limited
    assert all(append.after_ms > 0 for append in limited)
    assert [append.seq for append in stored] == list(range(1, len(stored) + 1))


def test_a_conversation_has_a_limit_of_its_own_for_those_who_know_it_too(new_committer: Any) -> None:
    mine = new_committer()
    mine.group._rates = accept.Rates(conversation_per_s=1.0, conversation_burst=3)
    answers = mine.commit(*[mine.append(n, n - 1, "x") for n in range(1, 3)])
    answers += mine.commit(*[mine.append(n, n - 1, "x") for n in range(3, 9)])
    assert [status for status, _, _ in answers] == ["STORED"] * 4 + ["RETRY"] * 4
    assert answers[4] == ("RETRY", 0, Code.CONVERSATION_LIMIT)


def debts(committer: Any, device: str) -> tuple[float, float]:
    """How far ahead of now ALICE's device and the conversation are, in ms."""
    record, busy = committer.store.command("HMGET", keys.conv(DIRECT), keys.sender_field(ALICE, device), "r")
    return max(0.0, float(record.split()[3]) - now_ms()), max(0.0, float(busy) - now_ms())


@pytest.mark.invariant("I17")
def test_an_unmetered_message_is_neither_limited_nor_counted(committer: Any) -> None:
    flood = [committer.append(n, n - 1, "x", unmetered=True) for n in range(1, 6_001)]
    assert committer.commit(*flood) == [("STORED", seq, 0) for seq in range(1, 6_001)]
    assert debts(committer, "d1") == (0.0, 0.0)
    keyed = [committer.append(0, 0, "x", device="http", key=f"k{n}", unmetered=True) for n in range(2_500)]
    committer.commit(*keyed)
    assert {append.status.name for append in keyed} == {"STORED"}
    assert debts(committer, "http") == (0.0, 0.0)
    again = [committer.append(6_000, 5_999, "x", unmetered=True), committer.append(0, 0, "x", key="k7", unmetered=True)]
    assert committer.commit(*again) == [("KNOWN", 6_000, 0), ("KNOWN", 6_008, 0)]


@pytest.mark.invariant("I17")
def test_the_unmetered_do_not_lift_the_limit_of_others_or_change_what_they_may_write(committer: Any) -> None:
    committer.commit(*[committer.append(n, n - 1, "x", unmetered=True) for n in range(1, 2_301)])
    flood = [committer.append(n, n - 1, "x", user=BOB) for n in range(1, 2_300)]
    committer.commit(*flood)
    assert Code.SENDER_LIMIT in {append.code for append in flood}
    assert committer.commit(committer.append(2_301, 2_300, "x", unmetered=True))[0][0] == "STORED"
    stranger = committer.append(1, 0, "x", user=ids.MIN_USER_ID + 77, unmetered=True)
    committer.commit(stranger)
    assert stranger.code == Code.NOT_A_MEMBER


@pytest.mark.invariant("I17")
def test_an_unmetered_change_is_not_counted(committer: Any) -> None:
    committer.commit(committer.append(1, 0, "x", unmetered=True))
    edit = Change(DIRECT, 2, 1, Kind.EDITED, ref=1, text="y")
    append = committer.append(2, 1, "", unmetered=True)
    append.content, append.op, append.kind = changes.content_of(edit, []), changes.op_of(edit), edit.kind
    assert committer.commit(append) == [("STORED", 2, 0)]
    assert debts(committer, "d1") == (0.0, 0.0)


@pytest.mark.invariant("I13")
def test_both_lists_hold_a_direct_conversation_before_its_first_ack(committer: Any) -> None:
    committer.commit(committer.append(1, 0, "first"))
    for user in (ALICE, BOB):
        assert committer.store.command("ZSCORE", keys.conversations(user), DIRECT) is not None
    assert committer.store.command("HGET", keys.conv(DIRECT), "t") is None


@pytest.mark.invariant("I13")
def test_whoever_finds_a_todo_finishes_it_before_answering(committer: Any, store: Any) -> None:
    flow = conversations.open_direct(DIRECT, 1)
    commands = next(flow)
    commands = flow.send(store.execute(commands))
    store.execute(commands)  # created; the process dies before it writes the lists
    assert store.command("ZSCORE", keys.conversations(BOB), DIRECT) is None
    assert store.run(conversations.overdue(10_000)) == [DIRECT]
    committer.commit(committer.append(1, 0, "first"))
    assert store.command("ZSCORE", keys.conversations(BOB), DIRECT) is not None
    assert store.run(conversations.overdue(10_000)) == []


@pytest.mark.invariant("I13")
@pytest.mark.parametrize("key", [None, "k"], ids=["by n", "by key"])
def test_a_resend_finishes_a_todo_too(committer: Any, new_committer: Any, store: Any, key: str | None) -> None:
    """The first try died when its message was stored and the lists were not written."""
    flow = conversations.open_direct(DIRECT, 1)
    store.execute(flow.send(store.execute(next(flow))))
    committer.group.submit(committer.append(1, 0, "first", key=key))
    write = committer.group.next_write(now_ms())
    assert write is not None
    store.connection.send_packed_command([write[0]])
    store.connection.read_response()
    assert store.command("ZSCORE", keys.conversations(BOB), DIRECT) is None
    assert new_committer().commit(committer.append(1, 0, "first", key=key)) == [("KNOWN", 1, 0)]
    assert store.command("ZSCORE", keys.conversations(BOB), DIRECT) is not None


def test_interested_servers_are_rung_and_dead_ones_forgotten(new_committer: Any, store: Any) -> None:
    mine = new_committer("s1:e1")
    mine.commit(mine.append(1, 0, "first"))
    for server in ("s1:e1", "s2:e2", "dead:e0"):
        store.run(interest.take(DIRECT, server, 7))
    mine.commit(mine.append(2, 1, "second"))
    bells = mine.group.doorbells()
    assert bells is not None
    store.command("XADD", keys.push("s2:e2"), "*", "d", "")
    store.connection.send_packed_command([bells[0]])
    assert [store.connection.read_response() is not None for _ in range(bells[1])] == [True]
    _, ((conversation, seq, entry, _),) = push.read(store.command("XRANGE", keys.push("s2:e2"), "-", "+")[-1][1])
    assert (conversation, seq) == (DIRECT, 2)
    assert codec.decode_entry(entry).text == "second"
    assert store.command("HKEYS", keys.interest(DIRECT)) == [b"s1:e1", b"s2:e2"]


def test_who_was_taken_for_dead_is_rung_again_when_the_store_kept_its_interest(new_committer: Any, store: Any) -> None:
    """To have it dropped may fail; nothing would tell its new doorbells from those of a server that has gone."""
    mine = new_committer("s1:e1")
    mine.commit(mine.append(1, 0, "a"))
    store.run(interest.take(DIRECT, "dead:e0", 7))
    mine.group.submit(mine.append(2, 1, "b"))
    write = mine.group.next_write(now_ms())
    store.connection.send_packed_command([write[0]])
    settled, _ = mine.group.complete(store.connection.read_response())
    ((drop, _),) = mine.group.follow_up(settled, now_ms())
    drop.close()  # the store was away
    assert mine.group.doorbells() is None
    mine.group._is_dead = lambda server: False
    mine.commit(mine.append(3, 2, "c"))
    bells = mine.group.doorbells()
    assert bells is not None
    assert b"push:{dead:e0}" in bells[0]


class SecondServer:
    """A conversation whose first message is in the log, held by a second server, and what that one was rung for."""

    def __init__(self, committer: Any, store: Any, *servers: str) -> None:
        self.mine, self.store = committer, store
        committer.commit(committer.append(1, 0, "a"))
        for server in servers or ("s2:e2",):
            store.command("XADD", keys.push(server), "*", "d", "")
            store.run(interest.take(DIRECT, server, 7))
        committer.commit(committer.append(2, 1, "b"))
        assert committer.group.doorbells() is not None  # it has learned of the interest only now

    def entries(self, server: str = "s2:e2") -> list[list[push.Rung]]:
        found = self.store.command("XRANGE", keys.push(server), "-", "+")[1:]
        assert self.mine.group.doorbells() is None
        return [push.read(fields)[1] for _, fields in found]


@pytest.mark.invariant("I9")
def test_a_batch_puts_one_doorbell_into_the_stream_of_each_server_it_knows_of(new_committer: Any, store: Any) -> None:
    mine = new_committer("s1:e1")
    second = SecondServer(mine, store, "s1:e1", "s2:e2", "s3:e3")
    appends = [mine.append(3, 2, "c"), mine.append(4, 3, "d"), mine.append(5, 4, "e" * push.MAX_RING_ENTRY_BYTES)]
    mine.commit(*appends)
    whole = {append.seq: entry for append, entry in mine.applied}
    expected = [(DIRECT, 3, whole[3], 0), (DIRECT, 4, whole[4], 0), (DIRECT, 5, b"", 0)]
    assert [codec.decode_entry(whole[seq]).text for seq in (3, 4)] == ["c", "d"]
    assert second.entries("s2:e2") == second.entries("s3:e3") == [expected]
    assert second.entries("s1:e1") == []
    assert commands_of(mine, mine.append(6, 5, "f")) == {**THREE, "xadd": THREE["xadd"] + 2}


@pytest.mark.invariant("I9")
def test_only_what_is_new_rings(new_committer: Any, store: Any) -> None:
    mine = new_committer("s1:e1")
    second = SecondServer(mine, store)
    outcomes = mine.commit(mine.append(2, 1, "b"), mine.append(3, 2, "c"), mine.append(2, 1, "not b"))
    assert outcomes == [("KNOWN", 2, 0), ("STORED", 3, 0), ("REFUSED", 2, Code.ID_REUSED)]
    mine.commit(mine.append(3, 2, "c"))
    ((one,),) = second.entries()
    _, seq, entry, _ = one
    assert (seq, codec.decode_entry(entry).seq) == (3, 3)


@pytest.mark.invariant("I9")
def test_a_batch_of_nothing_new_writes_no_doorbell(new_committer: Any, store: Any) -> None:
    mine = new_committer("s1:e1")
    second = SecondServer(mine, store)
    mine.commit(mine.append(3, 2, "c"))
    assert mine.commit(mine.append(3, 2, "c")) == [("KNOWN", 3, 0)]
    assert len(second.entries()) == 1


@pytest.mark.invariant("I9")
def test_a_stream_that_nobody_reads_stays_short(new_committer: Any, store: Any) -> None:
    mine = new_committer("s1:e1")
    SecondServer(mine, store)
    store.execute([("XADD", keys.push("s2:e2"), "*", "d", "")] * (4 * push.MAX_STREAM_LENGTH))
    mine.commit(mine.append(3, 2, "c"))
    assert push.MAX_STREAM_LENGTH <= store.command("XLEN", keys.push("s2:e2")) < 2 * push.MAX_STREAM_LENGTH


@pytest.mark.invariant("I9")
def test_a_change_rings_with_its_kind(new_committer: Any, store: Any) -> None:
    mine = new_committer("s1:e1")
    second = SecondServer(mine, store)
    edit = Change(DIRECT, 3, 2, Kind.EDITED, ref=1, text="y")
    changed = mine.append(3, 2, "")
    changed.content, changed.op, changed.kind = changes.content_of(edit, []), changes.op_of(edit), edit.kind
    mine.commit(changed)
    assert [[(seq, kind) for _, seq, _, kind in one] for one in second.entries()] == [[(3, Kind.EDITED)]]


@pytest.mark.invariant("I9")
def test_doorbells_too_large_for_one_entry_are_several(new_committer: Any, store: Any) -> None:
    mine = new_committer("s1:e1")
    second = SecondServer(mine, store)
    mine.commit(*[mine.append(n, n - 1, "x" * 900) for n in range(3, 153)])
    entries = second.entries()
    assert [seq for one in entries for _, seq, _, _ in one] == list(range(3, 153))
    assert len(entries) == 3
    lengths = [len(fields[1]) for _, fields in store.command("XRANGE", keys.push("s2:e2"), "-", "+")]
    assert max(lengths) <= push.MAX_DOORBELL_BYTES


@pytest.mark.invariant("I1", "I9")
@pytest.mark.parametrize("seqs", [b"7", b"7 eight"])
def test_a_doorbell_whose_seqs_do_not_fit_is_none(seqs: bytes) -> None:
    rings = [push.ring(push.ring_prefix("C"), place, b"") for place in (1, 2)]
    assert push.read([b"d", b"".join(rings), b"s", b"7 8"])[1] == [("C", 7, b"", 0), ("C", 8, b"", 0)]
    with pytest.raises(DecodeError):
        push.read([b"d", b"".join(rings), b"s", seqs])


@pytest.mark.invariant("I9")
def test_a_ring_for_no_place_of_its_batch_makes_no_doorbell() -> None:
    with pytest.raises(DecodeError):
        push.read([b"d", push.ring(push.ring_prefix("C"), 2**63, b""), b"s", b"7"])


@pytest.mark.parametrize("stream", ["missing", "damaged"])
def test_a_doorbell_that_cannot_be_written_fails_no_message(new_committer: Any, store: Any, stream: str) -> None:
    mine = new_committer("s1:e1")
    SecondServer(mine, store)
    store.command("DEL", keys.push("s2:e2"))
    if stream == "damaged":
        store.command("SET", keys.push("s2:e2"), "no stream")
    assert mine.commit(mine.append(3, 2, "c"), mine.append(4, 3, "d")) == [("STORED", 3, 0), ("STORED", 4, 0)]
    assert store.command("TYPE", keys.push("s2:e2")) == (b"none" if stream == "missing" else b"string")


@pytest.mark.invariant("I9")
def test_a_server_known_that_has_died_is_rung_no_more(new_committer: Any, store: Any) -> None:
    mine = new_committer("s1:e1")
    second = SecondServer(mine, store, "s2:e2", "s3:e3")
    mine.group._is_dead = lambda server: server == "s3:e3"
    mine.commit(mine.append(3, 2, "c"))
    assert store.command("HKEYS", keys.interest(DIRECT)) == [b"s2:e2"]
    bells = mine.group.doorbells()
    assert bells is not None
    assert b"s3:e3" not in bells[0]
    mine.commit(mine.append(4, 3, "d"))
    assert mine.group.doorbells() is not None  # the drop has raised the version
    mine.commit(mine.append(5, 4, "e"))
    assert second.entries("s3:e3") == []
    assert [[seq for _, seq, _, _ in one] for one in second.entries("s2:e2")] == [[5]]


def test_a_damaged_conversation_does_not_hold_up_others(committer: Any, store: Any) -> None:
    committer.commit(committer.append(1, 0, "a"))
    store.command("SET", keys.log(ids.LOBBY), "damaged")
    bad, good = committer.append(1, 0, "x", conversation=ids.LOBBY), committer.append(2, 1, "b")
    committer.group.submit(bad)
    committer.group.submit(good)
    settled = []
    while (write := committer.group.next_write(now_ms())) is not None:
        store.connection.send_packed_command([write[0]])
        try:
            done, _ = committer.group.complete(store.connection.read_response())
        except Exception as error:  # redis-py raises the script's error
            done = committer.group.fail(StoreError(str(error)))
        settled += done
    assert [(append.status.name, append.code) for append in settled] == [("RETRY", Code.INTERNAL), ("STORED", 0)]


@pytest.mark.invariant("I8")
def test_what_waited_too_long_is_never_committed(committer: Any) -> None:
    append = committer.append(1, 0, "old")
    committer.group.submit(append)
    assert committer.group.expired(append.since + MAX_WAIT_S - 0.1) == []
    assert committer.group.expired(append.since + MAX_WAIT_S + 0.1) == [append]
    assert append.status.name == "RETRY"
    assert committer.group.next_write(now_ms()) is None


@pytest.mark.invariant("I17")
def test_what_is_remembered_of_conversations_is_bounded(committer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "MAX_REMEMBERED", 1)
    for n, conversation in enumerate((DIRECT, ids.LOBBY, DIRECT), 1):
        (answer,) = committer.commit(committer.append(n, 0, "hello", conversation=conversation))
        assert answer[0] == "STORED"
        assert list(committer.group._known) == [conversation]


@pytest.mark.invariant("I17")
def test_the_queue_is_bounded(committer: Any) -> None:
    for n in range(1, MAX_WAITING + 1):
        assert committer.group.submit(committer.append(n, n - 1, "x"))
    late = committer.append(MAX_WAITING + 1, MAX_WAITING, "x")
    assert not committer.group.submit(late)
    assert (late.status.name, late.code) == ("RETRY", Code.OVERLOADED)
    drained = committer.group.drain(Code.STORE_UNAVAILABLE)
    assert len(drained) == MAX_WAITING
    assert committer.group.next_write(now_ms()) is None


def commands_of(committer: Any, append: Any) -> dict[str, int]:
    """The data commands that one batch with this append costs, by name."""
    store = committer.store
    store.command("CONFIG", "RESETSTAT")
    committer.group.submit(append)
    write = committer.group.next_write(now_ms())
    assert write is not None
    assert write[0].count(b"EVALSHA") == 1
    store.connection.send_packed_command([write[0]])
    settled, _ = committer.group.complete(store.connection.read_response())
    assert [item.status.name for item in settled] == ["STORED"]
    info = store.command("INFO", "commandstats").decode()
    return {
        line.split(":")[0].removeprefix("cmdstat_"): int(line.split("calls=")[1].split(",")[0])
        for line in info.splitlines()
        if line.startswith("cmdstat_") and "config" not in line and "evalsha" not in line
    }


@pytest.mark.invariant("I9")
def test_a_server_that_takes_interest_is_rung_by_those_who_know_the_conversation(
    new_committer: Any, store: Any
) -> None:
    mine = new_committer("s1:e1")
    mine.commit(mine.append(1, 0, "a"), mine.append(2, 1, "b"))
    mine.commit(mine.append(3, 2, "c"))
    assert mine.group.doorbells() is None
    store.run(interest.take(DIRECT, "s2:e2", 7))
    assert mine.commit(mine.append(4, 3, "d")) == [("STORED", 4, 0)]
    assert mine.group.doorbells() is not None


def test_batches_of_all_sorts_are_taken_apart_rightly(committer: Any) -> None:
    """Metered and not, by n and by key, with changes between: each finds its own keys and arguments."""
    committer.commit(committer.append(1, 0, "a"))
    edit = Change(DIRECT, 3, 2, Kind.EDITED, ref=1, text="y")
    changed = committer.append(3, 2, "")
    changed.content, changed.op, changed.kind = changes.content_of(edit, []), changes.op_of(edit), edit.kind
    assert committer.commit(
        committer.append(2, 1, "b"),
        changed,
        committer.append(4, 3, "c", unmetered=True),
        committer.append(0, 0, "d", device="http", key="k"),
        committer.append(0, 0, "e", device="http", key="l", unmetered=True),
        committer.append(5, 4, "f"),
    ) == [("STORED", seq, 0) for seq in range(2, 8)]
    page = committer.store.run(pages.page_up(DIRECT, 1))
    assert [codec.decode_entry(entry).text for _, entry in page.entries] == ["b", "y", "c", "d", "e", "f"]


THREE = {"hmget": 1, "xadd": 1 + 1, "hset": 1}
"""For one message in a batch of its own: the second XADD names the batch in `recent`."""


def test_a_direct_message_costs_three_commands_and_two_keys(committer: Any) -> None:
    committer.commit(committer.append(1, 0, "a"))
    assert commands_of(committer, committer.append(2, 1, "b")) == THREE
    committer.group.submit(committer.append(3, 2, "c"))
    write = committer.group.next_write(now_ms())
    assert write is not None
    assert b"\r\n$1\r\n3\r\n$6\r\nrecent\r\n" in write[0]


@pytest.mark.invariant("I13", "I22")
@pytest.mark.parametrize("start", [0, 8])
def test_what_was_known_of_another_start_of_redis_is_asked_again(committer: Any, start: int) -> None:
    """One that does not say which start it is may be another one at each connection."""
    committer.commit(committer.append(1, 0, "a"), committer.append(2, 1, "b"))
    committer.group.connected(start)
    assert "hgetall" in commands_of(committer, committer.append(3, 2, "c"))
    assert commands_of(committer, committer.append(4, 3, "d")) == THREE


def test_a_group_message_costs_the_same_however_many_members(committer: Any) -> None:
    for members in (3, 1_000):
        group = ids.new_group()
        created = committer.append(1, 0, "", conversation=group)
        users = tuple(range(ids.MIN_USER_ID + 1_000, ids.MIN_USER_ID + 1_000 + members))
        change = changes.completed(Change(group, 1, 0, Kind.CREATED, "ops", targets=users))
        created.op, created.content = changes.op_of(change), changes.content_of(change, ["x"] * members)
        assert committer.commit(created) == [("STORED", 1, 0)]
        committer.commit(committer.append(2, 1, "a", conversation=group))
        assert commands_of(committer, committer.append(3, 2, "b", conversation=group)) == THREE


def test_all_keys_of_a_conversation_share_a_slot(store: Any) -> None:
    names = [keys.log(DIRECT), keys.conv(DIRECT), keys.refusal(DIRECT, ALICE, "d"), keys.interest(DIRECT)]
    names += [keys.todo(ids.conversation_bucket(DIRECT))]
    names += [keys.idempotency(DIRECT, ALICE, "k")]
    users = [keys.user(ALICE), keys.sessions(ALICE), keys.devices(ALICE), keys.conversations(ALICE)]
    users += [keys.cursors(ALICE, "d"), keys.marks(ALICE)]
    for group in (names, users):
        tags = {name[name.index("{") : name.index("}") + 1] for name in group}
        assert len(tags) == 1
