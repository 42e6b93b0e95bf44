"""Writes to a device's database that belong together."""

import sqlite3
from collections.abc import Callable


def together(db: sqlite3.Connection, writes: Callable[[], object], begin: str = "BEGIN") -> None:
    """All that `writes` does, or nothing of it; what it raises comes out as it is."""
    db.execute(begin)
    try:
        writes()
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # SQLite may have ended it, on a full disk for one
            db.execute("ROLLBACK")
        raise
