"""Scheduled messages with real processes (I24): asked for over a connection, sent by whichever server lives then."""

import time
from collections.abc import Callable

import pytest
import trio

from cim_client import Refused, connect
from cim_common import ids
from cim_common.wire import Code
from cim_common.wire import messages as m
from cim_common.wire.kinds import Kind
from tests.real_servers import SLOWNESS, RealRedis, eventually
from tests.system.cluster import Cluster
from tests.system.raw import PASSWORD, Raw

NewCluster = Callable[..., Cluster]
HOUR_MS = 3_600_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def answer(person: Raw) -> m.Done | m.Failed:
    while not isinstance(event := person.next(), m.Done | m.Failed):
        assert not isinstance(event, m.ConnectionClosed)
    return event


def schedule(person: Raw, name: str, conversation: str, at_ms: int, text: str) -> m.Done | m.Failed:
    person.send(m.Schedule(1, name, conversation, at_ms, text))
    return answer(person)


def cancel(person: Raw, name: str) -> m.Done | m.Failed:
    person.send(m.Cancel(2, name))
    return answer(person)


def waiting(person: Raw) -> list[m.Schedule]:
    found: list[m.Schedule] = []
    more = True
    while more:
        person.send(m.Schedules(3, found[-1].id if found else ""))
        page = person.until(m.ScheduleList)
        assert page.request == 3
        found += page.schedules
        more = page.more
    return found


def pushed(person: Raw, conversation: str) -> m.Entry:
    while (push := person.until(m.Push)).conversation != conversation:
        pass
    entry: m.Entry = push.entries[0]
    return entry


def log_of(cluster: Cluster, name: str, conversation: str) -> list[str]:
    """The texts of a conversation; none when nobody can be asked at the moment."""
    try:
        person = Raw(cluster.route, name)
    except (AssertionError, OSError):
        return []
    try:
        return [entry.text for entry in person.log_in().sync(conversation, 0)]
    except (AssertionError, OSError):
        return []
    finally:
        person.close()


def test_schedule_list_edit_cancel(cluster: Cluster) -> None:
    anna, bert = Raw(cluster.route, "anna").log_in(), Raw(cluster.route, "bert").log_in()
    ours, at = anna.with_(bert), now_ms() + HOUR_MS
    assert schedule(anna, "a", ours, at, "one") == m.Done(1)
    assert schedule(anna, "b", ids.LOBBY, at + 1, "two") == m.Done(1)
    assert schedule(anna, "a", ours, at + 2, "three") == m.Done(1)
    assert waiting(anna) == [m.Schedule(0, "a", ours, at + 2, "three"), m.Schedule(0, "b", ids.LOBBY, at + 1, "two")]
    assert waiting(bert) == []
    assert isinstance(cancel(bert, "a"), m.Failed)
    assert cancel(anna, "a") == m.Done(2)
    assert [found.id for found in waiting(anna)] == ["b"]
    refused = [
        schedule(anna, "a", ours, at, "again"),
        schedule(anna, "c", ours, at + 400 * 24 * HOUR_MS, "too far"),
        schedule(anna, "c", ours, at, " "),
        schedule(anna, "c", ours, at, "x" * 16_385),
        schedule(anna, "", ours, at, "x"),
        schedule(anna, "c", ids.direct(bert.user, bert.user), at, "x"),
        schedule(anna, "c", ids.direct(anna.user, ids.MIN_USER_ID + 1), at, "x"),
        schedule(anna, "c", ids.new_group(), at, "x"),
        cancel(anna, "c"),
    ]
    assert [failed.code for failed in refused if isinstance(failed, m.Failed)] == [
        Code.NO_SUCH_SCHEDULE, Code.BAD_TIME, Code.EMPTY_TEXT, Code.TEXT_TOO_LONG, Code.BAD_REQUEST,
        Code.NO_SUCH_CONVERSATION, Code.NO_SUCH_USER, Code.NOT_A_MEMBER, Code.NO_SUCH_SCHEDULE,
    ]  # fmt: skip
    anna.close()
    bert.close()


def test_many_long_ones_come_in_pages(cluster: Cluster) -> None:
    paula = Raw(cluster.route, "paula").log_in()
    notes, at = ids.direct(paula.user, paula.user), now_ms() + HOUR_MS
    for n in range(9):
        assert schedule(paula, f"s{n}", notes, at, str(n) + "x" * 16_000) == m.Done(1)
    assert [found.text[0] for found in waiting(paula)] == [str(n) for n in range(9)]
    paula.close()


async def test_as_programs_use_it(cluster: Cluster) -> None:
    async with (
        connect(cluster.route, name="olga", password=PASSWORD, register=True, data_dir=None) as olga,
        connect(cluster.route, name="pete", password=PASSWORD, register=True, data_dir=None) as pete,
    ):
        long = [await olga.schedule("pete", str(n) + "x" * 16_000, in_s=60 + n) for n in range(6)]
        assert await olga.scheduled() == long
        for scheduled in long[1:]:
            await olga.cancel(scheduled.id)
        moved = await olga.reschedule(long[0].id, text="sooner", in_s=0.5)
        assert moved.id == long[0].id
        with trio.fail_after(15 * SLOWNESS):
            async for message in pete.messages():
                assert (message.sender, message.text) == ("olga", "sooner")
                break
        assert await olga.scheduled() == []
        for too_late in (olga.cancel(moved.id), olga.reschedule(moved.id, text="later")):
            with pytest.raises(Refused) as refused:
                await too_late
            assert (refused.value.code, refused.value.seq) == (Code.ALREADY_SENT, message.seq)
        for unknown in ("unknown", long[1].id):
            with pytest.raises(Refused) as refused:
                await olga.reschedule(unknown, text="later")
            assert refused.value.code == Code.NO_SUCH_SCHEDULE


def test_sent_at_its_time_though_its_owner_is_away(cluster: Cluster) -> None:
    carl, dora = Raw(cluster.route, "carl").log_in(), Raw(cluster.route, "dora").log_in()
    ours, due = carl.with_(dora), now_ms() + 1_500
    assert schedule(carl, "a", ours, due, "from afar") == m.Done(1)
    carl.close()
    dora.until(m.ConversationsChanged)
    (entry,) = dora.sync(ours, 0) or [pushed(dora, ours)]
    assert (entry.seq, entry.sender, entry.sender_name, entry.text) == (1, carl.user, "carl", "from afar")
    assert entry.time_ms >= due
    back = Raw(cluster.route, "carl").log_in()
    assert waiting(back) == []
    for failed in (cancel(back, "a"), schedule(back, "a", ours, due, "from afar")):
        assert isinstance(failed, m.Failed)
        assert (failed.code, failed.seq) == (Code.ALREADY_SENT, 1)
    assert back.say(ours, 1, 0, "here again") == m.Ack(1, 2)
    back.close()
    dora.close()


def test_a_refusal_is_told_in_the_notes(cluster: Cluster) -> None:
    emma, fred = Raw(cluster.route, "emma").log_in(), Raw(cluster.route, "fred").log_in()
    group, notes = ids.new_group(), ids.direct(emma.user, emma.user)
    fred.send(m.Change(group, 1, 0, Kind.CREATED, "ops", targets=(emma.user,)))
    assert fred.until(m.Ack).seq == 1
    assert emma.say(notes, 1, 0, "a note") == m.Ack(1, 1)
    emma.sync(notes, 0)
    assert schedule(emma, "a", group, now_ms() + 1_500, "see you at the desk") == m.Done(1)
    fred.send(m.Change(group, 2, 1, Kind.KICKED, targets=(emma.user,)))
    assert fred.until(m.Ack).seq == 2
    notice = pushed(emma, notes)
    assert notice.kind == Kind.NOTICE
    assert Code.NOT_A_MEMBER.sentence in notice.text
    assert "see you at the desk" in notice.text
    assert "ops" in notice.text
    assert waiting(emma) == []
    assert [entry.kind for entry in fred.sync(group, 0)] == [Kind.CREATED, Kind.KICKED]
    emma.close()
    fred.close()


def test_what_became_due_while_all_were_dead_is_sent_once(
    new_cluster: NewCluster, new_redis: Callable[[], RealRedis]
) -> None:
    store = new_redis()
    cluster = new_cluster("--redis", store.url)
    gina, hugo = Raw(cluster.route, "gina").log_in(), Raw(cluster.route, "hugo").log_in()
    ours, due = gina.with_(hugo), now_ms() + 2_000
    assert gina.say(ours, 1, 0, "before") == m.Ack(1, 1)
    for n in range(5):
        assert schedule(gina, f"s{n}", ours, due + n, f"text {n}") == m.Done(1)
    assert schedule(gina, "never", ours, due, "cancelled") == m.Done(1)
    assert cancel(gina, "never") == m.Done(2)
    gina.close()
    hugo.close()
    store.kill()
    cluster.kill("s1")
    cluster.kill("s2")
    eventually(lambda: now_ms() > due + 10)
    store.start()

    texts = [f"text {n}" for n in range(5)]
    eventually(lambda: set(texts) <= set(log_of(cluster, "hugo", ours)), 30)
    # What becomes due later is found by a later sweep: had one sent anything twice, it would stand there by then.
    hugo = Raw(cluster.route, "hugo").log_in()
    assert schedule(hugo, "last", ours, now_ms(), "last") == m.Done(1)
    hugo.close()
    whole = eventually(lambda: log if "last" in (log := log_of(cluster, "gina", ours)) else None, 20)
    assert sorted(whole or []) == ["before", "last", *texts]


@pytest.mark.invariant("I24")
def test_servers_killed_while_they_send_lose_and_double_nothing(new_cluster: NewCluster) -> None:
    cluster = new_cluster()
    ines, jana = Raw(cluster.route, "ines").log_in(), Raw(cluster.route, "jana").log_in()
    ours, due = ines.with_(jana), now_ms() + 1_500
    assert ines.say(ours, 1, 0, "before") == m.Ack(1, 1)
    texts = [f"text {n}" for n in range(60)]
    for n, text in enumerate(texts):
        assert schedule(ines, f"s{n}", ours, due + 20 * n, text) == m.Done(1)
    ines.close()
    jana.close()
    eventually(lambda: now_ms() > due)
    for name in ("s1", "s2", "redis", "s2", "s1"):
        pid = cluster.pid_of(name)
        cluster.kill(name)
        eventually(lambda name=name, pid=pid: cluster.pid_of(name) != pid, 30)  # type: ignore[misc]

    eventually(lambda: set(texts) <= set(log_of(cluster, "jana", ours)), 30)
    assert sorted(log_of(cluster, "jana", ours)) == ["before", *sorted(texts)]
