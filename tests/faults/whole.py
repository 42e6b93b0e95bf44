"""Whether a store is whole: nothing half-written, over all keys of all conversations.

Redis does not roll a script back, so a refusal in the middle of one (no memory, say) would leave a log that is ahead
of its conversation, a sender's chain that misses an entry, a list that misses a conversation. This looks for each.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import redis

from cim_common import ids
from cim_common.store import entries, keys, recent
from cim_common.store.entries import LogEntry
from cim_common.wire import codec

NOTHING = b"-"
"""Spans of a user who never was a member, but is or was banned."""


def faults(client: "redis.Redis") -> list[str]:
    """What is half-written, one sentence each; nothing of a whole store."""
    conversations = [name.decode().rpartition(":")[2] for name in client.scan_iter("conv:*", count=1_000)]
    logs = {name.decode().rpartition(":")[2] for name in client.scan_iter("log:*", count=1_000)}
    found = [f"{name}: a log without its conversation" for name in logs - set(conversations)]
    found += _of_todo(client, set(conversations))
    lately = _named_lately(client)
    for conversation in conversations:
        found += [f"{conversation}: {fault}" for fault in _of_conversation(client, conversation, lately)]
    return found


def _named_lately(client: "redis.Redis") -> set[int]:
    """The hashes in `recent`; no test appends more than it keeps."""
    grown = recent.Grown()
    batches: Any = client.xrange(keys.RECENT)
    for _, fields in batches:
        grown.add(fields[b"c"])
    return grown.hashes


def _of_todo(client: "redis.Redis", conversations: set[str]) -> Iterator[str]:
    for bucket in range(ids.BUCKETS):
        waiting: Any = client.zrange(keys.todo(bucket), 0, -1)
        for member in waiting:
            if member.decode() not in conversations:
                yield f"todo names {member.decode()}, which does not exist"


def _of_conversation(client: "redis.Redis", conversation: str, lately: set[int]) -> Iterator[str]:
    record: Any = client.hgetall(keys.conv(conversation))
    stored: Any = client.xrange(keys.log(conversation))
    last = int(record[b"l"])
    if [entry_id for entry_id, _ in stored] != [b"%d-0" % seq for seq in range(1, last + 1)]:
        yield f"the log does not hold 1 to {last}"
        return
    log = [entries.parse((b"e", fields[b"e"])) for _, fields in stored]
    if last:
        info: Any = client.xinfo_stream(keys.log(conversation))
        if info["last-generated-id"] != b"%d-0" % last:
            yield f"the log's last id is {info['last-generated-id']}, the conversation's {last}"
        counts = [entry.texts for entry in log]
        texts = last - int(record[b"x"])
        if counts != sorted(counts) or counts[-1] != texts:
            yield f"the counts end at {counts[-1]}, the conversation's is {texts}"
        if recent.hash_of(conversation) not in lately:
            yield "not among the recent ones"
    yield from _of_senders(record, log)
    yield from _of_lists(client, conversation, record)


def _of_senders(record: dict[bytes, bytes], log: list[LogEntry]) -> Iterator[str]:
    """Each device's record names its last entry, and from there each entry the one before."""
    chains: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for index, stored in enumerate(log):
        entry = codec.decode_entry(codec.entry_bytes(stored.meta, stored.content, index + 1))
        if entry.n == 0:
            continue  # sent by its idempotency key: it is in no chain
        chain = chains[keys.sender_field(entry.sender, entry.device)]
        before = chain[-1] if chain else (0, 0)
        if stored.n != entry.n or stored.previous != before[1] or entry.n <= before[0]:
            yield f"entry {index + 1} does not continue its sender's chain"
        chain.append((entry.n, index + 1))
    for sender, chain in chains.items():
        n, seq, refusal, _ = record.get(sender.encode(), b"0 0 0 0").split()
        if int(seq) != chain[-1][1] or (refusal == b"0" and int(n) != chain[-1][0]):
            yield f"the record of {sender} is {int(n)} at {int(seq)}, its last entry {chain[-1]}"


def _of_lists(client: "redis.Redis", conversation: str, record: dict[bytes, bytes]) -> Iterator[str]:
    """Every member's list has the conversation, or `todo` says that it is still to be written (I13)."""
    in_todo = client.zscore(keys.todo(ids.conversation_bucket(conversation)), conversation) is not None
    if in_todo != (b"t" in record):
        yield "todo and the conversation's own mark differ"
    members = [
        int(field[2:]) for field, role in record.items() if field.startswith(b"m:") and role.split()[1] != NOTHING
    ]
    for user in members:
        if not in_todo and client.zscore(keys.conversations(user), conversation) is None:
            yield f"it is not in the list of its member {user}, and not in todo"
