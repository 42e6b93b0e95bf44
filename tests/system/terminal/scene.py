"""A chat with two friends, in which commands are typed and seen to work."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from cim_client import Message, Refused, blocking
from cim_common.wire.codes import Code
from tests.real_servers import eventually
from tests.system.cluster import Cluster
from tests.system.terminal.chats import CONNECTED, PENDING, Chat, above, friend, settings

COLUMNS, ROWS = 120, 40
"""Wide, so that no answer is folded."""

_numbers = count(1)


class Scene:
    """`chat` is Sam's; Tess and Uma use the SDK, and see what others would."""

    def __init__(self, cluster: Cluster, data: Path, tess: blocking.Client, uma: blocking.Client) -> None:
        self.cluster = cluster
        self.tess = tess
        self.uma = uma
        self.data = data
        self.chat = self.another("sam")

    def another(self, name: str, *options: str) -> Chat:
        """One more chat, which is closed with the scene."""
        chat = Chat(name, settings(self.cluster, self.data), *options, columns=COLUMNS, rows=ROWS)
        chat.until_bar(CONNECTED)
        return chat

    def does(self, line: str, *seen: str) -> str:
        """Enter a line; what is printed after it, as soon as it contains all that must be seen."""
        before = len(self.chat.above)
        self.chat.enter(line)
        rows = self.chat.until_read(lambda rows: all(text in _after(before, rows) for text in seen))
        return _after(before, rows)

    def goes_to(self, where: str) -> None:
        self.does(f"/to {where}", f"--- {where} ")

    def unique(self, word: str) -> str:
        """A word nobody has written yet."""
        return f"{word}{next(_numbers)}x"

    def said(self, word: str, where: str = "lobby") -> int:
        """Tess writes that; the seq of it, once Sam sees it."""
        text = self.unique(word)
        seq = self.tess.send(where, text).seq
        self.chat.until_printed(text)
        return seq

    def wrote(self, text: str) -> int:
        """Sam writes that to the lobby; the seq of it."""
        self.chat.enter(text)
        self.chat.until_stored(text)
        return int(self.found("lobby", text).seq)

    def found(self, conversation: str, text: str) -> Message:
        """The newest message with the text, as Tess finds it in the cluster."""

        def find() -> Message | None:
            return next((m for m in self.tess.history(conversation, limit=50) if text in m.text), None)

        message = eventually(find)
        assert message is not None
        return message

    def group(self) -> str:
        """Sam makes a group with Tess, and is in it."""
        name = self.unique("group")
        self.does(f"/group create {name} tess", f"group {name} is made")
        return name

    def group_of_tess(self) -> blocking.Group:
        """The same, once Tess has heard of it."""
        name = self.group()

        def known() -> blocking.Group | None:
            try:
                return self.tess.group(name)
            except Refused as refused:
                if refused.code != Code.NO_SUCH_CONVERSATION:
                    raise
                return None

        group = eventually(known)
        assert group is not None  # for mypy: eventually() has failed otherwise
        return group

    def quiet(self) -> None:
        """The lobby again, and nothing half done: the next test begins."""
        self.chat.type("\x03")
        self.goes_to("lobby")
        self.chat.until(lambda screen: PENDING not in screen)


def _after(before: int, rows: str) -> str:
    return "\n".join(above(rows)[before:])


@contextmanager
def open_scene(cluster: Cluster, data: Path) -> Iterator[Scene]:
    with friend(cluster, "tess") as tess, friend(cluster, "uma") as uma:
        scene = Scene(cluster, data, tess, uma)
        try:
            yield scene
        finally:
            scene.chat.close()


Act = Callable[[Scene], None]
PROOFS: dict[str, Act] = {}
"""By the name a command is shown with: what shows that it works."""


def proves(name: str) -> Callable[[Act], Act]:
    def add(act: Act) -> Act:
        assert name not in PROOFS, name
        PROOFS[name] = act
        return act

    return add


def id_in(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, text
    return found[1]
