"""Reading the messages a device keeps: the newest of a conversation, those that hold a text, all of them."""

import sqlite3
from collections.abc import Iterator
from heapq import merge
from typing import Any

from cim_client import reactions
from cim_client.store.own import encodable
from cim_client.store.search import Sought, sought
from cim_client.types import Found, Message

MAX_UNINDEXED = 1_024
"""With more of them a search looks through all texts: they came from a program without an index."""

MAX_FOUND = 1_000
PAGE = 500
MAX_NUMBER = (1 << 63) - 1

_COLUMNS = (
    "m.id, m.conversation, m.seq, m.sender, m.sender_id, m.text, m.message_id, m.time_ms, m.unverified, m.reply_to, "
    "m.edited, m.recalled, m.reactions"
)
_MESSAGES = f"SELECT {_COLUMNS} FROM messages m"
_INDEXED = f"SELECT {_COLUMNS} FROM texts CROSS JOIN messages m ON m.id = texts.rowid WHERE texts.rowid < ?"
_UNINDEXED = f"SELECT {_COLUMNS} FROM unindexed u CROSS JOIN messages m ON m.id = u.id WHERE u.id < ?"

Row = tuple[Any, ...]


class MessagesRead:
    """The messages in a database of this schema, to be read. `indexed`: whether there is an index of texts."""

    def __init__(self, db: sqlite3.Connection, indexed: bool) -> None:
        self._db = db
        self._indexed = indexed
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._unindexed = 0
        self.count_unindexed()

    def count_unindexed(self) -> None:
        self._unindexed = int(self._db.execute("SELECT count(*) FROM unindexed").fetchone()[0])

    def messages(self, conversation: str, limit: int, before_seq: int | None = None) -> list[Message]:
        """Those of a conversation, newest first."""
        number = self._known_number(conversation)
        if number is None:
            return []
        rows = self._db.execute(
            f"{_MESSAGES} WHERE m.conversation = ? AND m.seq < ? ORDER BY m.seq DESC LIMIT ?",
            (number, _below(before_seq), max(0, min(limit, MAX_FOUND))),
        )
        return [self._message(row) for row in rows]

    def search(self, text: str, conversation: str | None, limit: int, before_id: int | None) -> list[Found]:
        """Messages that hold a text, newest first."""
        what = sought(text)
        number = None if conversation is None else self._known_number(conversation)
        limit = min(limit, MAX_FOUND)
        found: list[Found] = []
        if what is None or limit <= 0 or (conversation is not None and number is None):
            return found
        for row in self._candidates(what, number, _below(before_id)):
            spans = what.spans(row[5])
            if spans:
                found.append(Found(self._message(row), spans, row[0]))
                if len(found) == limit:
                    break
        return found

    def _candidates(self, what: Sought, number: int | None, before: int) -> Iterator[Row]:
        """Messages that may hold it, newest first."""
        where, values = ("", ()) if number is None else (" AND m.conversation = ?", (number,))
        escape = " ESCAPE '\\'" if what.operator == "LIKE" else ""
        looking, pattern = f" AND m.text {what.operator} ?{escape}{where}", (before, what.pattern, *values)
        if not self._indexed or not what.match or self._unindexed > MAX_UNINDEXED:
            return self._db.execute(f"{_MESSAGES} WHERE m.id < ?{looking} ORDER BY m.id DESC", pattern)
        return merge(
            self._db.execute(
                f"{_INDEXED} AND texts MATCH ?{where} ORDER BY texts.rowid DESC", (before, what.match, *values)
            ),
            self._db.execute(f"{_UNINDEXED}{looking} ORDER BY u.id DESC", pattern),
            key=lambda row: -int(row[0]),
        )

    def export(self, conversation: str | None, after: int) -> tuple[list[Message], int]:
        """The next page of all of them, or of those of a conversation, oldest first; and what comes `after` it.

        One begins after -1. It is an id, or in a conversation a seq.
        """
        if conversation is None:
            where, key, values = "m.id > ? ORDER BY m.id", 0, [after]
        else:
            number = self._known_number(conversation)
            if number is None:
                return [], after
            where, key, values = "m.conversation = ? AND m.seq > ? ORDER BY m.seq", 2, [number, after]
        rows = self._db.execute(f"{_MESSAGES} WHERE {where} LIMIT {PAGE}", values).fetchall()
        return [self._message(row) for row in rows], (rows[-1][key] if rows else after)

    def _message(self, row: Row) -> Message:
        _, number, seq, sender, sender_id, text, message_id, time_ms, unverified, reply_to, edited, recalled, kept = row
        return Message(
            self._name(number), seq, sender, sender_id, text, message_id, time_ms, bool(unverified), reply_to, edited,
            bool(recalled), reactions.told(kept),
        )  # fmt: skip

    # -- conversations have numbers here -----------------------------------------------------------------

    def _known_number(self, conversation: str) -> int | None:
        number = self._numbers.get(conversation)
        if number is None:
            row = self._db.execute("SELECT no FROM conversations WHERE id = ?", (encodable(conversation),)).fetchone()
            if row is None:
                return None
            number = self._numbers[conversation] = int(row[0])
        return number

    def _name(self, number: int) -> str:
        name = self._names.get(number)
        if name is None:
            (name,) = self._db.execute("SELECT id FROM conversations WHERE no = ?", (number,)).fetchone()
            self._names[number] = str(name)
        return str(name)


def _below(number: int | None) -> int:
    return MAX_NUMBER if number is None else max(-MAX_NUMBER, min(number, MAX_NUMBER))
