"""The tables of a device's file, and how a file of an earlier version becomes one of this version.

A new file is one of version 0. All that is missing is done in one transaction: whatever ends it half-way leaves the
file as it was.
"""

import sqlite3

from cim_client.store.transaction import together

SCHEMA = 3

PRIMARY_CODE = 0xFF
"""Of an error of SQLite; the rest says more closely what it was (sqlite.org/rescode.html)."""

_STEPS: dict[int, tuple[str, ...]] = {
    1: (
        "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
        "CREATE TABLE positions (conversation TEXT PRIMARY KEY, seq INTEGER NOT NULL)",
        "CREATE TABLE outbox (n INTEGER PRIMARY KEY, recipient TEXT NOT NULL, text TEXT NOT NULL)",
    ),
    # Version 1 knew no incarnations: its positions are of no particular one.
    2: (
        "ALTER TABLE positions ADD COLUMN incarnation INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE outbox ADD COLUMN id TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE outbox ADD COLUMN reply_to INTEGER NOT NULL DEFAULT 0",
    ),
    # `id` rises with the time of the message; `unindexed` names those whose text the index has not yet.
    3: (
        "CREATE TABLE conversations (no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE)",
        """CREATE TABLE messages (
             id INTEGER PRIMARY KEY, conversation INTEGER NOT NULL, seq INTEGER NOT NULL, sender TEXT NOT NULL,
             sender_id INTEGER NOT NULL, message_id TEXT NOT NULL, time_ms INTEGER NOT NULL,
             unverified INTEGER NOT NULL, reply_to INTEGER NOT NULL, edited INTEGER NOT NULL,
             recalled INTEGER NOT NULL, reactions TEXT NOT NULL, known_to INTEGER NOT NULL, text TEXT NOT NULL)""",
        "CREATE UNIQUE INDEX places ON messages (conversation, seq)",
        "CREATE TABLE unindexed (id INTEGER PRIMARY KEY)",
        "CREATE TABLE drafts (no INTEGER PRIMARY KEY, conversation TEXT NOT NULL UNIQUE, text TEXT NOT NULL)",
        "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
        "CREATE TABLE typed (no INTEGER PRIMARY KEY, line TEXT NOT NULL)",
        "CREATE TABLE groups (no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL)",
    ),
}

_INDEX = """
CREATE VIRTUAL TABLE texts USING fts5(
  text, content='messages', content_rowid='id', tokenize='trigram', detail='none', columnsize=0)
"""
"""Trigrams find any script, words or not. Without positions the index is half as large; a hit is checked in its row."""


SECURE_DELETE = (3, 42)
"""From here on what is deleted leaves the index at once; before, with the merging of its parts."""


MERGED_AT_ONCE = 8
"""Parts of the index that are merged together; with the usual 4 the same texts are merged more often."""


class NewerSchema(ValueError):
    """The file was written by a newer program."""


def prepare(db: sqlite3.Connection) -> None:
    """Bring an open file to this version.

    Raises:
        NewerSchema: it is of a later one.
        sqlite3.Error: it is no database, held by somebody, full, or broken.
    """
    version = _version(db)
    if version > SCHEMA:
        raise NewerSchema(f"it has schema {version}; this program knows {SCHEMA}: use the newer program")
    if version == SCHEMA:
        return

    def convert() -> None:
        if not version:  # an earlier program may have been stopped before it wrote the version
            for name in ("facts", "positions", "outbox"):
                db.execute(f"DROP TABLE IF EXISTS {name}")
        for step in range(version + 1, SCHEMA + 1):
            for statement in _STEPS[step]:
                db.execute(statement)
        db.execute("INSERT OR REPLACE INTO facts VALUES ('schema', ?)", (str(SCHEMA),))

    together(db, convert, "BEGIN IMMEDIATE")


def _version(db: sqlite3.Connection) -> int:
    if not _has_table(db, "facts"):
        return 0
    row = db.execute("SELECT value FROM facts WHERE name = 'schema'").fetchone()
    return 0 if row is None else int(row[0])


def _has_table(db: sqlite3.Connection, name: str) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone() is not None


def make_index(db: sqlite3.Connection, make: bool) -> bool:
    """Whether there is a usable index of texts; made, if it is to be. An SQLite without trigrams (3.34) has none.

    Raises:
        sqlite3.Error: the file is broken, or full.
    """
    try:
        if not _has_table(db, "texts"):
            if not make:
                return False
            db.execute(_INDEX)
            db.execute("INSERT INTO texts (texts, rank) VALUES ('automerge', ?)", (MERGED_AT_ONCE,))
            if sqlite3.sqlite_version_info >= SECURE_DELETE:
                db.execute("INSERT INTO texts (texts, rank) VALUES ('secure-delete', 1)")
        db.execute("SELECT 1 FROM texts WHERE rowid = 0").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & PRIMARY_CODE != sqlite3.SQLITE_ERROR:
            raise
        return False
    return True
