"""The messages a device keeps: as they are now, the newest of them, found by any piece of their text.

A message's row has an id that rises with its time, and in a conversation with its seq, so that searching, exporting and
removing go by time whichever order the messages came in: live, or read back from history.

Writing a row is cheap, putting its text into the index is not, nor is one text at a time. So rows are written as
messages come, their ids are noted as *unindexed* in the same transaction, and texts go into the index some at a time
(`tidy`), in a transaction of their own. A search (`store/reading`) asks the index and looks through the others.
"""

import sqlite3
from collections.abc import Iterable

from cim_client import reactions
from cim_client.store.reading import MessagesRead, Row
from cim_client.views import Keep, Rewound
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Entry

MAX_MESSAGES = 200_000
MAX_FILE_BYTES = 256 * 1024 * 1024
"""Beyond either the oldest messages go. So a search that has to look through all of them stays short."""

MAX_IN_MEMORY = 10_000

STEP = 128
"""Texts are indexed, and surplus messages removed, so many at a time."""

STEP_CHARACTERS = 32_768
"""Or fewer, if they are long."""

ID_BITS = 6
"""Below the time, so that most messages of a millisecond find an id there; others take one of the next."""

MAX_TIME_MS = 1 << 50

_NEIGHBOURS = (
    "SELECT (SELECT id FROM messages WHERE conversation = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT 1), "
    "(SELECT id FROM messages WHERE conversation = ?1 AND seq > ?2 ORDER BY seq LIMIT 1)"
)
_FREE_ABOVE = (
    "SELECT id + 1 FROM messages m WHERE id >= ? AND NOT EXISTS (SELECT 1 FROM messages n WHERE n.id = m.id + 1) "
    "ORDER BY id LIMIT 1"
)
_FREE_BELOW = (
    "SELECT id - 1 FROM messages m WHERE id <= ? AND NOT EXISTS (SELECT 1 FROM messages n WHERE n.id = m.id - 1) "
    "ORDER BY id DESC LIMIT 1"
)
_ADD = "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"


class KeptMessages(MessagesRead):
    """The messages in a database of this schema. Methods that write are called within a transaction.

    `indexed`: whether there is an index of texts. `me` is one's own user id.
    """

    def __init__(self, db: sqlite3.Connection, indexed: bool, most: int = MAX_MESSAGES) -> None:
        super().__init__(db, indexed)
        self._most = most
        self._count: int | None = None
        self._oldest: int | None = None
        self._added = 0
        self._rolled_back = False
        self.me = 0

    def rolled_back(self) -> None:
        """What was written last is not there: what is remembered of the tables may not be so."""
        self._rolled_back = True

    def _look_again(self) -> None:
        self._rolled_back = False
        self._count = None
        self._added = 0
        self._oldest = None
        self._numbers.clear()
        self._names.clear()
        self.count_unindexed()

    # -- keeping -----------------------------------------------------------------------------------------

    def take(self, keeps: Iterable[Keep]) -> None:
        """Do what each of them says, in their order. All of it may be said again."""
        if self._rolled_back:
            self._look_again()
        for keep in keeps:
            if isinstance(keep, Rewound):
                self._rewind(keep)
            elif keep.entry.kind == Kind.TEXT:
                self._add(*keep)
            else:
                self._change(keep.conversation, keep.entry)

    def _add(self, conversation: str, entry: Entry, known_to: int) -> None:
        number = self._number(conversation)
        found, step = self._id_for(number, entry)
        if self._oldest is not None and found < self._oldest:
            return
        text = "" if entry.recalled else entry.text
        counts = reactions.counted(entry.reactions) if entry.reactions else ""
        row = (
            number, entry.seq, entry.sender_name, entry.sender, entry.client_msg_id, entry.time_ms, entry.unverified,
            entry.ref, entry.edited, entry.recalled, counts, known_to, text,
        )  # fmt: skip
        while not self._db.execute(_ADD, (found, *row)).rowcount:
            there = self._at(number, entry.seq)
            if there is not None:
                self._refresh(there, entry, known_to, counts)
                return
            (found,) = self._db.execute(_FREE_ABOVE if step > 0 else _FREE_BELOW, (found,)).fetchone()
        self._added += 1
        if text:
            self._db.execute("INSERT INTO unindexed VALUES (?)", (found,))
            self._unindexed += 1

    def _id_for(self, number: int, entry: Entry) -> tuple[int, int]:
        """By its time, between its neighbours in the conversation: clocks of several servers are not quite in step.

        And where to look (1 above, -1 below) if that id is taken.
        """
        below, above = self._db.execute(_NEIGHBOURS, (number, entry.seq)).fetchone()
        found = min(max(entry.time_ms, 0), MAX_TIME_MS) << ID_BITS
        if below is not None and found <= below:
            return below + 1, 1
        if above is not None and found >= above:
            return above - 1, -1
        return found, 1 if above is None else -1

    def _number(self, conversation: str) -> int:
        number = self._known_number(conversation)
        if number is None:
            self._db.execute("INSERT INTO conversations VALUES (NULL, ?)", (conversation,))
            number = self._known_number(conversation)
            assert number is not None
        return number

    def _refresh(self, there: Row, entry: Entry, known_to: int, counts: str) -> None:
        """The message is kept already: what was read back later may know more of it."""
        found, knew_to, edited, _, recalled = there
        if recalled or known_to <= max(knew_to, edited, entry.seq):
            return
        self._write_text(found, "" if entry.recalled else entry.text)
        self._db.execute(
            "UPDATE messages SET edited = ?, recalled = ?, reactions = ?, known_to = ? WHERE id = ?",
            (entry.edited, entry.recalled, counts, known_to, found),
        )

    def _change(self, conversation: str, entry: Entry) -> None:
        number = self._known_number(conversation)
        there = None if number is None else self._at(number, entry.ref)
        if there is None:
            return
        found, known_to, edited, kept, recalled = there
        if recalled:
            return
        if entry.kind == Kind.RECALLED or (entry.kind == Kind.EDITED and entry.recalled):
            self._write_text(found, "")
            self._db.execute("UPDATE messages SET recalled = 1, reactions = '' WHERE id = ?", (found,))
        elif entry.kind == Kind.EDITED and entry.seq > edited:
            self._write_text(found, entry.text)
            self._db.execute("UPDATE messages SET edited = ? WHERE id = ?", (entry.seq, found))
        elif entry.kind == Kind.REACTION and entry.seq > known_to:
            now = reactions.changed(kept, entry, self.me)
            self._db.execute("UPDATE messages SET reactions = ? WHERE id = ?", (now, found))

    def _rewind(self, rewound: Rewound) -> None:
        """What stood above is gone, and what it made of the rest may be said anew, differently."""
        number = self._known_number(rewound.conversation)
        if number is None:
            return
        above = (number, rewound.end)
        self._remove(self._db.execute("SELECT id, text FROM messages WHERE conversation = ? AND seq > ?", above))
        self._db.execute(
            "UPDATE messages SET edited = min(edited, ?2), known_to = min(known_to, ?2) "
            "WHERE conversation = ?1 AND (edited > ?2 OR known_to > ?2)",
            above,
        )

    def _at(self, number: int, seq: int) -> Row | None:
        found: Row | None = self._db.execute(
            "SELECT id, known_to, edited, reactions, recalled FROM messages WHERE conversation = ? AND seq = ?",
            (number, seq),
        ).fetchone()
        return found

    def _write_text(self, found: int, text: str) -> None:
        (old,) = self._db.execute("SELECT text FROM messages WHERE id = ?", (found,)).fetchone()
        if old == text:
            return
        self._unindex(found, old)
        self._db.execute("UPDATE messages SET text = ? WHERE id = ?", (text, found))
        if text:
            self._db.execute("INSERT INTO unindexed VALUES (?)", (found,))
            self._unindexed += 1

    def _unindex(self, found: int, text: str) -> None:
        if self._db.execute("DELETE FROM unindexed WHERE id = ?", (found,)).rowcount:
            self._unindexed -= 1
        elif text and self._indexed:
            self._db.execute("INSERT INTO texts (texts, rowid, text) VALUES ('delete', ?, ?)", (found, text))

    def _remove(self, rows: Iterable[Row]) -> int:
        gone = list(rows)
        for found, text in gone:
            self._unindex(found, text)
        self._db.executemany("DELETE FROM messages WHERE id = ?", [row[:1] for row in gone])
        self._count = None if self._count is None else self._count - len(gone)
        return len(gone)

    # -- tidying up --------------------------------------------------------------------------------------

    @property
    def untidy(self) -> bool:
        """Whether `tidy` has enough to do."""
        return self._added >= STEP or (self._indexed and self._unindexed >= STEP)

    def tidy(self) -> None:
        """One step: put texts into the index, and take out the oldest messages where there are too many."""
        if self._count is None:
            self._count = int(self._db.execute("SELECT count(*) FROM messages").fetchone()[0])
        else:
            self._count += self._added
        self._added = 0
        if self._indexed and self._unindexed:
            self._index_some()
        surplus = min(self._count - self._most, 2 * STEP)
        if surplus <= 0 and self._bytes() > MAX_FILE_BYTES:
            surplus = STEP
        if surplus > 0:
            self._remove(self._db.execute("SELECT id, text FROM messages ORDER BY id LIMIT ?", (surplus,)))
            (self._oldest,) = self._db.execute("SELECT min(id) FROM messages").fetchone()

    def _index_some(self) -> None:
        waiting = "SELECT m.id, m.text FROM unindexed u JOIN messages m ON m.id = u.id ORDER BY u.id LIMIT ?"
        rows: list[Row] = []
        characters = 0
        for row in self._db.execute(waiting, (STEP,)).fetchall():
            rows.append(row)
            characters += len(row[1])
            if characters >= STEP_CHARACTERS:
                break
        self._db.executemany("INSERT INTO texts (rowid, text) VALUES (?, ?)", rows)
        self._db.executemany("DELETE FROM unindexed WHERE id = ?", [row[:1] for row in rows])
        self._unindexed -= len(rows)

    def _bytes(self) -> int:
        used, free, size = (
            int(self._db.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (used - free) * size
