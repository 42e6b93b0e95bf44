"""Scheduled messages when they are due (I24): finding them, appending them, and telling owners of refusals.

Every server sweeps all of `due` and appends what it finds, through the same group commit as any message; append.lua
takes a message out of `due` as it appends it, so that one of several servers sends it, and none once it is cancelled.
The rights are those its owner has then. A refusal is marked in `due`, found by the next sweep, and written as a
notice into the owner's notes before it is forgotten.
"""

import json
from typing import NamedTuple

from cim_common import accept, ids
from cim_common.accept import Append, Owner, Status
from cim_common.store import keys, schedules
from cim_common.store.flow import Command, Flow
from cim_common.store.schedules import KEPT_S, Record
from cim_common.store.scripts import DUE_REFUSE, DUE_SWEEP
from cim_common.wire import codec
from cim_common.wire.codes import Code, code_of
from cim_common.wire.kinds import Kind

MOST = 500
"""Messages of one sweep: about one batch of the group commit."""

MOST_EACH = 100
"""Of one bucket, so that one busy conversation does not hold up the others."""

DEVICE = "sched"
"""What stands as the sending device of a scheduled message."""

SHOWN = 60
"""Characters of the text that a notice repeats."""

DUE = tuple(keys.due(bucket) for bucket in range(ids.BUCKETS))


class Firing(NamedTuple):
    """Something found in `due`: a message to be sent, or, with the code of its `refusal`, to be told about."""

    bucket: int
    member: str
    user: int
    user_name: str
    unverified: bool
    record: Record
    refusal: int
    where: str
    """Whom or what the message was for, as people know it; for refusals only."""

    def append(self, owner: Owner, now_ms: int, since: float) -> Append:
        return (_notice if self.refusal else _message)(self, owner, now_ms, since)

    def after(self, append: Append) -> Flow[None] | None:
        """What is to be done once the append is settled; None: nothing, or nothing before another sweep finds it."""
        known = append.status in (Status.STORED, Status.KNOWN) or append.code == Code.ID_REUSED
        if self.refusal and (known or append.status is Status.REFUSED):
            return self._end(-self.refusal)
        if known:
            return self._end(append.seq)
        return self._refuse(append.code) if append.status is Status.REFUSED else None

    def _end(self, outcome: int) -> Flow[None]:
        yield [("ZREM", DUE[self.bucket], self.member)]
        yield from schedules.end(self.user, self.record.id, outcome)

    def _refuse(self, code: int) -> Flow[None]:
        yield [DUE_REFUSE.call((DUE[self.bucket],), self.member, code)]


def sweep(first: int, now_ms: int) -> Flow[tuple[list[Firing], bool]]:
    """What is due now, and whether there may be more; `first` is the bucket to begin with.

    What is not to be sent, for a crash has left it half-way, is brought to its end here.
    """
    (found,) = yield [DUE_SWEEP.call(DUE, first, MOST, MOST_EACH)]
    if not found:
        return [], False
    members = [member.decode() for _, member, _ in found]
    parts = [member.removeprefix("!").split(":", 2) for member in members]
    lookups: list[Command] = []
    for user, _, schedule in parts:
        lookups.append(("HGET", keys.schedules(int(user)), schedule))
        lookups.append(("HMGET", keys.user(int(user)), "name", "legacy"))
    replies = yield lookups
    firings = []
    for (bucket, _, score), member, part, data, account in zip(
        found, members, parts, replies[::2], replies[1::2], strict=True
    ):
        user, record = int(part[0]), schedules.parse(part[2], data) if data is not None else None
        refusal = -int(float(score)) if member.startswith("!") else 0
        if (yield from _is_to_be_done(bucket, member, user, record, refusal, now_ms)):
            assert record is not None
            name, legacy = account
            where = (yield from _title(record.conversation, user)) if refusal else ""
            firings.append(Firing(bucket, member, user, (name or b"").decode(), legacy == b"1", record, refusal, where))
    return firings, len(found) >= MOST_EACH


def _is_to_be_done(bucket: int, member: str, user: int, record: Record | None, refusal: int, now_ms: int) -> Flow[bool]:
    """Whether the member is what its record says. The record was read later, so it is never older than the member."""
    if record is not None and not record.cancelling:
        if refusal or record.member(user) == member:
            return True
        if record.replaced(user) == member:
            yield from schedules.place(user, record)
            return False
    elif record is not None:
        yield from schedules.withdraw(user, record, now_ms)
        return False
    yield [("ZREM", DUE[bucket], member)]
    return False


def _title(conversation: str, user: int) -> Flow[str]:
    peers = [peer for peer in ids.direct_users(conversation) or () if peer != user]
    (name,) = yield [("HGET", keys.user(peers[0]), "name") if peers else ("HGET", keys.conv(conversation), "gn")]
    return f"{name.decode()} ({conversation})" if name else conversation


def _message(firing: Firing, owner: Owner, now_ms: int, since: float) -> Append:
    record, user = firing.record, firing.user
    meta = codec.entry_meta(
        user, firing.user_name, DEVICE, 0, now_ms, firing.unverified, schedules.message_id(user, record)
    )
    return Append(
        owner, record.conversation, accept.sender_argument(user, DEVICE), 0, 0, meta, accept.content_of(record.text),
        since, (schedules.idempotency(user, record), KEPT_S), json.dumps({"fire": firing.member}).encode(),
    )  # fmt: skip


def _notice(firing: Firing, owner: Owner, now_ms: int, since: float) -> Append:
    user, notes = firing.user, ids.direct(firing.user, firing.user)
    message_id = "notice:" + schedules.message_id(user, firing.record)
    meta = codec.entry_meta(user, firing.user_name, DEVICE, 0, now_ms, firing.unverified, message_id)
    content = codec.entry_content(notice_text(firing.record.text, firing.where, firing.refusal), Kind.NOTICE)
    return Append(
        owner, notes, accept.sender_argument(user, DEVICE), 0, 0, meta, content, since,
        (keys.idempotency(notes, user, message_id), KEPT_S), json.dumps({"k": int(Kind.NOTICE)}).encode(), Kind.NOTICE,
    )  # fmt: skip


def notice_text(text: str, where: str, code: int) -> str:
    """One sentence that tells the owner what was not sent, and why."""
    beginning = text if len(text) <= SHOWN else text[:SHOWN] + "..."
    return f'Your scheduled message "{beginning}" to {where} was not sent: {code_of(code).sentence}'
