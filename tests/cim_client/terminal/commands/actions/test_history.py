"""Reading back, and searching in the cluster."""

from datetime import UTC, datetime

import pytest

from cim_client.terminal.commands.actions.history import PAGE, Hit, hit_line
from cim_client.terminal.commands.syntax import Wrong
from cim_client.terminal.display.cells import cells
from cim_client.terminal.display.lines import Head, plain
from cim_client.types import Gap
from cim_common.wire.codes import Code
from tests.cim_client.terminal.recorder import BOB, OPS, listed, message
from tests.cim_client.terminal.window import Commands


async def test_the_last_messages_the_oldest_first(commands: Commands) -> None:
    commands.me.written = [message(f"text {seq}", seq, minute=seq) for seq in range(1, 31)]
    assert await commands.run("/history 2") == ["29 bob: text 29", "30 bob: text 30"]
    assert len(await commands.run("/history")) == 20
    assert await commands.run("/history 2 before #7") == ["5 bob: text 5", "6 bob: text 6"]
    assert await commands.run("/history 1 before 7") == ["6 bob: text 6"]
    commands.window.shown = 30
    assert await commands.run("/history 1 before ^") == ["29 bob: text 29"]
    day = datetime(2026, 1, 2, 10, 9, tzinfo=UTC).astimezone()
    assert await commands.run(f"/history 1 before {day:%Y-%m-%d %H:%M}") == ["8 bob: text 8"]
    assert await commands.run("/history 1 before 2020-01-01") == ["* there is nothing before that"]
    assert await commands.run("/history 1 before 2099-01-01") == ["30 bob: text 30"]


async def test_what_cannot_be_had_is_said(commands: Commands) -> None:
    commands.me.written = [message("text", 12)]
    commands.me.gaps = [Gap(1, 11, Code.EXPIRED)]
    assert await commands.run("/history") == [f"* #1 to #11: {Code.EXPIRED.sentence}", "12 bob: text"]


async def test_without_a_connection_what_is_kept_here(commands: Commands) -> None:
    commands.me.state = "reconnecting"
    commands.me.local.kept = [message(f"text {seq}", seq, minute=seq) for seq in range(1, 31)]
    head = "* without a connection: what is kept on this device"
    assert await commands.run("/history 2") == [head, "29 bob: text 29", "30 bob: text 30"]
    assert await commands.run("/history 1 before 7") == [head, "6 bob: text 6"]
    day = datetime(2026, 1, 2, 10, 9, tzinfo=UTC).astimezone()
    assert await commands.run(f"/history 1 before {day:%Y-%m-%d %H:%M}") == [head, "8 bob: text 8"]


async def test_searching_what_is_kept_here(commands: Commands) -> None:
    commands.me.local.kept = [message(f"明天 {seq}", seq, minute=seq) for seq in range(1, 13)]
    commands.me.local.kept.append(message("明天", 1, OPS, "carol", minute=20))
    first = await commands.run(":q 明天")
    assert [row.split(" ", 3)[3] for row in first[:2]] == ["carol → #ops: 明天", "bob → lobby: 明天 12"]
    assert first[PAGE:] == ["* :q shows more of what was found on this device; :q --server looks through the cluster"]
    second = await commands.run(":q")
    assert [row.rpartition(" ")[2] for row in second[:3]] == ["3", "2", "1"]
    assert second[3:] == ["* that is all on this device; :q --server looks through the cluster"]
    assert await commands.run(":q") == ["* nothing more was found"]
    assert len(await commands.run("/search --here 明天 1")) == 5


async def test_what_is_not_kept_here_is_looked_for_in_the_cluster(commands: Commands) -> None:
    commands.me.listed = [listed(conversation, "") for conversation in ("lobby", OPS, BOB)]
    commands.me.local.kept = [message("Disk full", 1)]
    commands.me.written = [
        message("我们明天见面", 1, minute=1),
        message("no hit", 2, minute=2),
        message("明天", 1, OPS, "carol", minute=3),
        message("Disk FULL", 3, BOB, minute=4),
    ]
    rows = await commands.run(":q 明天")
    assert [row.split(" ", 3)[3] for row in rows[:2]] == ["carol → #ops: 明天", "bob → lobby: 我们明天见面"]
    assert rows[2:] == ["* that is all in the cluster"]
    row, _ = await commands.run("/search --server disk full")
    assert row.endswith(" #3 bob → me: Disk FULL")
    assert await commands.run("/search --server --here disk full") == ["* nothing was found with disk full"]
    commands.me.state = "reconnecting"
    assert await commands.run(":q 明天") == ["* nothing was found with 明天"]


async def test_a_hit_reads_as_the_message_was_printed(commands: Commands) -> None:
    own = message("tea", 2, BOB, "alice", minute=2)._replace(sender_id=commands.me.user_id)
    commands.me.local.kept = [message("tea", 1, BOB, minute=1), own]
    rows = await commands.run(":q tea")
    assert [row.split(" ", 2)[2] for row in rows[:2]] == ["#2 me → bob: tea", "#1 bob → me: tea"]


async def test_page_by_page(commands: Commands) -> None:
    with pytest.raises(Wrong, match="usage: :q WORDS"):
        await commands.run(":q")
    commands.me.listed = [listed("lobby", "lobby")]
    commands.me.written = [message(f"hit {seq}", seq, minute=seq) for seq in range(1, 24)]
    pages = [await commands.run(line) for line in (":q hit", ":q", "/search --more", ":q")]
    assert [len(page) for page in pages] == [PAGE + 1, PAGE + 1, 4, 1]
    assert " #23 bob → lobby: " in pages[0][0]
    assert pages[1][-1] == "* :q shows more of what was found in the cluster"
    assert pages[3] == ["* nothing more was found"]


@pytest.mark.parametrize("width", [40, 80, None])
@pytest.mark.parametrize("text", ["needle", "x" * 500 + "needle" + "y" * 500, "张" * 90 + " needle\x1b[2J\n needle"])
def test_the_hit_is_to_be_seen_in_one_row(width: int | None, text: str) -> None:
    start = text.index("needle")
    line = hit_line(Hit(message(text, 17), ((start, start + 6),)), Head("10:02", "bob", "#ops", 17), width)
    assert ("match", "needle") in line
    row = plain(line)
    assert "\n" not in row
    assert "\x1b" not in row
    if width is not None:
        assert cells(row) <= max(width, 60)
