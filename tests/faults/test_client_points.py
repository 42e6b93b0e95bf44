"""`cim chat` dies between any two steps of a typed message, and is started again: no loss, no double, one order.

A message that is pending after the start is sent by it; one that never was kept is typed again.
"""

import contextlib
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio

from cim_client import connect
from cim_common import faults
from cim_common.faults import Point
from tests.system.cluster import AwayCluster
from tests.system.people import PASSWORD
from tests.system.terminal.chats import CONNECTED, PENDING, Chat

OpenChat = Callable[..., Chat]

WITHOUT_A_CLUSTER = (Point.TYPED, Point.KEPT)
"""Where a process dies as one types; at the others it dies when there is a connection."""


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwayCluster]:
    made = AwayCluster(tmp_path_factory.mktemp("away"))
    yield made
    made.go()


@pytest.fixture
def open_chat(away: AwayCluster, tmp_path: Path) -> Iterator[OpenChat]:
    """`cim chat NAME`, which dies where `arm` says."""
    opened: list[Chat] = []
    points = tmp_path / "points"
    points.mkdir()

    def start(name: str, arm: tuple[Point, int] | None = None) -> Chat:
        if arm is not None:
            point, nth = arm
            (points / f"chat@{point}").write_text(f"kill {nth}")
        env = {
            "CIM_CHAT_ROUTE": away.route, "CIM_CHAT_DATA": str(tmp_path), "CIM_PASSWORD": PASSWORD,
            faults.VARIABLE: str(points),
        }  # fmt: skip
        opened.append(Chat(name, env))
        return opened[-1]

    yield start
    for chat in opened:
        chat.close()
    assert list(points.iterdir()) == []


def dies(chat: Chat) -> bool:
    return chat.wait() == -signal.SIGKILL


def kept_locally(folder: Path, beginning: str) -> list[str]:
    """The messages in the chat's own file."""
    (file,) = folder.glob("chat/*/0/*/device-0.db")
    with contextlib.closing(sqlite3.connect(file)) as db:
        rows = db.execute("SELECT text FROM messages ORDER BY conversation, seq").fetchall()
    return [text for (text,) in rows if text.startswith(beginning)]


def stored(route: str, beginning: str) -> list[str]:
    async def read() -> list[str]:
        async with connect(route, name="reader", password=PASSWORD, register=True) as me:
            return [m.text async for m in me.history("lobby", limit=500) if m.text.startswith(beginning)][::-1]

    return trio.run(read)


@pytest.mark.parametrize(
    ("point", "nth"),
    [
        (Point.TYPED, 2),
        (Point.KEPT, 1),
        (Point.SENT, 1),
        (Point.ACK_READ, 1),
        (Point.ACK_READ, 2),
        (Point.FORGOTTEN, 2),
    ],
)
def test_a_chat_dies(away: AwayCluster, open_chat: OpenChat, tmp_path: Path, point: Point, nth: int) -> None:
    name = f"{point}-{nth}"
    first, second = f"{name}: first", f"{name}: second"
    away.come()
    chat = open_chat(name)
    chat.until_bar(CONNECTED)
    chat.leave()
    away.go()

    chat = open_chat(name, arm=(point, nth))
    chat.until_bar("connecting")
    for text in (first, second):
        chat.enter(text)
        if point in WITHOUT_A_CLUSTER and text == (first, second)[nth - 1]:
            break
        chat.until_printed(text, PENDING)
    if point not in WITHOUT_A_CLUSTER:
        away.come()
    assert dies(chat)

    if point in WITHOUT_A_CLUSTER:
        again = open_chat(name)
        again.until_bar("connecting")
        kept = (first, second)[: nth - (point is Point.TYPED)]
        for text in kept:
            again.until_printed(text, PENDING)
        for text in (first, second)[len(kept) :]:
            assert again.printed(text) == []
            again.enter(text)
        away.come()
    else:
        again = open_chat(name)
    for text in (first, second):
        again.until_stored(text)
    again.until_bar(CONNECTED)
    assert PENDING not in again.bar
    again.leave()
    assert stored(away.route, name) == [first, second]
    assert [len(again.printed(text)) for text in (first, second)] == [1, 1]
    assert kept_locally(tmp_path, name) == [first, second]


def test_a_second_chat_dies_and_one_chat_is_started_again(away: AwayCluster, open_chat: OpenChat) -> None:
    away.come()
    first = open_chat("twice")
    first.until_bar(CONNECTED)
    second = open_chat("twice", arm=(Point.KEPT, 1))
    second.until_bar(CONNECTED)
    away.go()
    second.enter("twice: of the second")
    assert dies(second)
    first.leave()
    away.come()
    again = open_chat("twice")
    again.until_stored("twice: of the second")
    again.leave()
    assert stored(away.route, "twice") == ["twice: of the second"]
