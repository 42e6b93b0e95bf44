"""Python and the scripts agree on what an entry looks like."""

from typing import Any

from cim_common import ids
from cim_common.store import entries, keys, pages
from cim_common.store.entries import LogEntry
from cim_common.wire import codec


def test_there_and_back() -> None:
    for entry in (LogEntry(1, 0, 1, b"meta 1 ", b" content"), LogEntry(2**53, 2**53 - 1, 7, b"", b"")):
        field, value = entries.fields_of(entry)
        assert entries.parse((field.encode(), value)) == entry


def test_as_the_append_script_writes_it(store: Any, committer: Any) -> None:
    direct = ids.direct(ids.MIN_USER_ID + 5, ids.MIN_USER_ID + 9)
    committer.commit(committer.append(3, 0, " 1 2 3 "), committer.append(7, 3, "b"))
    first, second = (entries.parse(fields) for _, fields in store.command("XRANGE", keys.log(direct), "-", "+"))
    assert [first[:3], second[:3]] == [(3, 0, 1), (7, 1, 2)]
    page = store.run(pages.page_up(direct, 0))
    assert [codec.entry_bytes(entry.meta, entry.content, seq) for seq, entry in enumerate((first, second), 1)] == [
        data for _, data in page.entries
    ]
