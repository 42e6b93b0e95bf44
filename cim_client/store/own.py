"""What is kept of the user's own: drafts, settings, lines that were typed, the names of groups. All of it is small and
bounded."""

import sqlite3
from collections.abc import Mapping

from cim_client.store.transaction import together

MAX_DRAFTS = 1_000
"""The drafts changed last are kept."""

MAX_TYPED = 1_000
"""The lines typed last are kept."""

MAX_TEXT = 65_536
"""Characters of a draft or a line; a message holds a quarter of that in bytes."""

MAX_GROUPS = 1_000
"""The groups that came or were renamed last are known by their names without a connection."""

MAX_SETTINGS = 256
MAX_SETTING = 4_096


class OwnState:
    """Drafts, settings, typed lines and groups in a database of this schema. Each change is a transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def draft(self, conversation: str) -> str:
        row = self._db.execute("SELECT text FROM drafts WHERE conversation = ?", (encodable(conversation),)).fetchone()
        return "" if row is None else str(row[0])

    def set_draft(self, conversation: str, text: str) -> None:
        """Keep what is half typed, up to `MAX_TEXT` characters of it; "" for nothing."""
        if not text:
            self._db.execute("DELETE FROM drafts WHERE conversation = ?", (encodable(conversation),))
            return
        row = (encodable(conversation), encodable(text[:MAX_TEXT]))
        self._db.execute("INSERT OR REPLACE INTO drafts VALUES (NULL, ?, ?)", row)
        self._keep_newest("drafts", MAX_DRAFTS)

    def setting(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_setting(self, name: str, value: str | None) -> None:
        """None forgets it.

        Raises:
            ValueError: more than `MAX_SETTING` characters in name or value, or more than `MAX_SETTINGS` settings.
        """
        if value is None:
            self._db.execute("DELETE FROM settings WHERE name = ?", (name,))
            return
        if len(name) > MAX_SETTING or len(value) > MAX_SETTING:
            raise ValueError(f"a setting has at most {MAX_SETTING} characters")
        written = self._db.execute(
            "INSERT OR REPLACE INTO settings SELECT ?1, ?2 "
            "WHERE EXISTS (SELECT 1 FROM settings WHERE name = ?1) OR (SELECT count(*) FROM settings) < ?3",
            (name, encodable(value), MAX_SETTINGS),
        )
        if not written.rowcount:
            raise ValueError(f"there are {MAX_SETTINGS} settings already")

    def typed(self, limit: int) -> list[str]:
        """Lines typed, oldest first, at most the newest `limit`."""
        rows = self._db.execute("SELECT line FROM typed ORDER BY no DESC LIMIT ?", (max(0, limit),)).fetchall()
        return [str(line) for (line,) in reversed(rows)]

    def add_typed(self, line: str) -> None:
        """Remember a line, once where it is typed again at once; not an empty one, nor one above `MAX_TEXT`."""
        if not line or len(line) > MAX_TEXT:
            return
        line = encodable(line)
        if self.typed(1) == [line]:
            return
        self._db.execute("INSERT INTO typed VALUES (NULL, ?)", (line,))
        self._keep_newest("typed", MAX_TYPED)

    def groups(self) -> dict[str, str]:
        """Titles of groups by their ids, the one changed last at the end."""
        return {str(group): str(title) for group, title in self._db.execute("SELECT id, title FROM groups ORDER BY no")}

    def set_groups(self, titles: Mapping[str, str]) -> None:
        """Groups have these titles now; "": one takes no part there any more."""

        def write() -> None:
            for group, title in titles.items():
                self._db.execute("DELETE FROM groups WHERE id = ?", (group,))
                if title:
                    self._db.execute("INSERT INTO groups VALUES (NULL, ?, ?)", (group, encodable(title)))
            self._keep_newest("groups", MAX_GROUPS)

        together(self._db, write)

    def _keep_newest(self, table: str, most: int) -> None:
        beyond = f"SELECT no FROM {table} ORDER BY no DESC LIMIT 1 OFFSET ?"
        self._db.execute(f"DELETE FROM {table} WHERE no <= ({beyond})", (most,))


def encodable(text: str) -> str:
    """Half a surrogate pair has no place in a file."""
    return text.encode("utf-8", "replace").decode()
