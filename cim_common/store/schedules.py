"""Scheduled messages: what their owner does with them (I24). `firing.py` has what happens when they are due.

Two slots are concerned. The owner's records (`sched`) say what is wanted, and are written first; `due` of the
conversation's bucket decides: what stands there is sent, and whoever takes it out, a cancel or the append, has won.
An id is used once: what became of it is remembered for a week.

Each step is idempotent, and each flow that meets a record another one has left half-way goes on from there
(`_go_on`): so a crash between two steps costs nothing but the answer.
"""

import hashlib
import secrets
from typing import NamedTuple

from cim_common import ids
from cim_common.store import keys, members
from cim_common.store.flow import Flow
from cim_common.store.scripts import (
    DUE_PLACE,
    DUE_WITHDRAW,
    SCHEDULE_CANCEL,
    SCHEDULE_END,
    SCHEDULE_PLACED,
    SCHEDULE_WRITE,
)
from cim_common.store.sessions import Session, pairs
from cim_common.wire.codes import Code, code_of
from cim_common.wire.limits import MAX_SCHEDULE_AHEAD_MS, MAX_SCHEDULE_ID, MAX_SCHEDULED

KEPT_S = 7 * 86_400
"""How long it is remembered what became of a scheduled message, in both slots."""

UNPLACED_KEPT_MS = 6 * 86_400_000
"""A record that nobody was told DONE of and that is older than this is not placed any more: that it has been sent
long ago would soon be forgotten."""

MAX_LATE_MS = 86_400_000
"""A time that has passed means at once, but not longer ago than this: so late a copy of a request is none any more."""

TRIES = 5
"""Times a request begins again because it met an unfinished one."""


class Record(NamedTuple):
    """One scheduled message as its owner's records hold it (scripts/parts/scheduled.lua)."""

    id: str
    revision: str
    previous: str
    placed: bool
    cancelling: bool
    at_ms: int
    made_ms: int
    born_ms: int
    conversation: str
    text: str

    def member(self, user: int) -> str:
        """How it stands in `due`."""
        return f"{user}:{self.revision}:{self.id}"

    def is_forgotten(self, now_ms: int) -> bool:
        """Whether it is too late to place it for the first time."""
        return not self.placed and not self.previous and self.made_ms < now_ms - UNPLACED_KEPT_MS

    def replaced(self, user: int) -> str:
        """How what it replaces stands there, "" if it replaces nothing."""
        return f"{user}:{self.previous}:{self.id}" if self.previous else ""


class Outcome(NamedTuple):
    """How a request ended: done, or refused with a code; `seq` with ALREADY_SENT."""

    code: Code | None
    seq: int = 0


DONE = Outcome(None)


class Asker(NamedTuple):
    """The connection that asks: once its device has connected elsewhere, what it asked before is void (I15)."""

    device: str
    session: Session


def parse(schedule: str, data: bytes) -> Record:
    revision, previous, placed, cancelling, at, made, born, conversation, text = data.split(b" ", 8)
    return Record(
        schedule, revision.decode(), "" if previous == b"-" else previous.decode(), placed == b"1",
        cancelling == b"1", int(at), int(made), int(born), conversation.decode(), text.decode(),
    )  # fmt: skip


def is_schedule_id(text: str) -> bool:
    return 0 < len(text) <= MAX_SCHEDULE_ID and text.isprintable()


def idempotency(user: int, record: Record) -> str:
    """The key that holds the seq of the message once it is sent."""
    return keys.idempotency(record.conversation, user, "sched-" + hashlib.sha256(record.id.encode()).hexdigest()[:32])


def message_id(user: int, record: Record) -> str:
    return ids.scheduled_message_id(user, record.born_ms, record.id)


# -- what the owner asks for -------------------------------------------------------------------------------


def schedule(
    user: int, schedule_id: str, conversation: str, at_ms: int, text: str, now_ms: int, asker: Asker | None = None
) -> Flow[Outcome]:
    """Have a text sent at a time, or change the text and time of the message with that id."""
    refused = yield from _refusal(user, conversation, at_ms, now_ms)
    if refused is not None and not (yield from _is_known(user, schedule_id, at_ms, text)):
        return Outcome(refused)
    full = False
    for _ in range(TRIES):
        (reply,) = yield [
            SCHEDULE_WRITE.call(
                (keys.schedules(user), keys.schedule_end(user, schedule_id), keys.sessions(user)),
                schedule_id, secrets.token_hex(5), conversation, at_ms, text, now_ms, MAX_SCHEDULED, *_names(asker),
            )
        ]  # fmt: skip
        verdict = reply[0]
        if verdict == b"W":
            return (yield from _go_on(user, parse(schedule_id, reply[1]), now_ms))
        if verdict == b"P":
            yield from _go_on(user, parse(schedule_id, reply[1]), now_ms)
        elif verdict == b"L":
            if full:
                return Outcome(Code.TOO_MANY_SCHEDULED)
            full = True
            yield from waiting(user, now_ms)  # what has ended without anybody noticing makes room
        elif verdict == b"E":
            return _ended(reply[1])
        else:
            return Outcome(Code.BAD_REQUEST if verdict == b"B" else Code.STORE_UNAVAILABLE)
    return Outcome(Code.OVERLOADED)


def cancel(user: int, schedule_id: str, now_ms: int, asker: Asker | None = None) -> Flow[Outcome]:
    """Have a message not sent; cancelling it twice is as good as once."""
    (reply,) = yield [
        SCHEDULE_CANCEL.call(
            (keys.schedules(user), keys.schedule_end(user, schedule_id), keys.sessions(user)),
            schedule_id, *_names(asker),
        )
    ]  # fmt: skip
    verdict = reply[0]
    if verdict == b"P":
        return (yield from withdraw(user, parse(schedule_id, reply[1]), now_ms))
    if verdict == b"E":
        return DONE if reply[1] == 0 else _ended(reply[1])
    return _NONE if verdict == b"N" else Outcome(Code.STORE_UNAVAILABLE)


def waiting(user: int, now_ms: int) -> Flow[list[Record]]:
    """The user's messages that wait for their time, by id; what is half-way or may have been sent is settled first."""
    (fields,) = yield [("HGETALL", keys.schedules(user))]
    found = []
    for record in sorted(parse(name.decode(), data) for name, data in pairs(fields)):
        if record.placed and not record.cancelling and record.at_ms > now_ms:
            found.append(record)
        elif record.cancelling or record.is_forgotten(now_ms):
            yield from withdraw(user, record, now_ms)
        elif (yield from place(user, record)) == DONE:
            found.append(record)
    return found


_NONE = Outcome(Code.NO_SUCH_SCHEDULE)


def _ended(seq: int) -> Outcome:
    """What is left to say of a message that is sent, cancelled (0) or refused (minus the code)."""
    return Outcome(Code.ALREADY_SENT, seq) if seq > 0 else _NONE if seq == 0 else Outcome(code_of(-seq))


def _names(asker: Asker | None) -> tuple[str, str]:
    return (asker.device, str(asker.session)) if asker is not None else ("", "")


def _refusal(user: int, conversation: str, at_ms: int, now_ms: int) -> Flow[Code | None]:
    """Why the message would be refused if it were sent now, or cannot wait so long. Checked again when it is due."""
    if not now_ms - MAX_LATE_MS <= at_ms <= now_ms + MAX_SCHEDULE_AHEAD_MS:
        return Code.BAD_TIME
    users = ids.direct_users(conversation)
    if users is not None:
        names = yield [("HGET", keys.user(other), "name") for other in users]
        if not all(names):
            return Code.NO_SUCH_USER
    ((kind, found),) = yield [("HMGET", keys.conv(conversation), "k", f"m:{user}")]
    member = members.parse(found)
    if kind == b"z":
        return Code.DISSOLVED
    if member is not None and member.role in ("blocked", "banned"):
        return Code.BLOCKED
    if ids.is_group(conversation) and (member is None or member.role == "left"):
        return Code.NOT_A_MEMBER
    return None


def _is_known(user: int, schedule_id: str, at_ms: int, text: str) -> Flow[bool]:
    """Whether this very message was taken before: then what became of it is the answer, not what would now."""
    ended, found = yield [
        ("GET", keys.schedule_end(user, schedule_id)),
        ("HGET", keys.schedules(user), schedule_id),
    ]
    if ended is not None or found is None:
        return ended is not None
    record = parse(schedule_id, found)
    return (record.at_ms, record.text) == (at_ms, text)


# -- the steps behind them ---------------------------------------------------------------------------------


def _go_on(user: int, record: Record, now_ms: int) -> Flow[Outcome]:
    """Bring a record, in whatever state it was left, to its end or into `due`."""
    if record.cancelling or record.is_forgotten(now_ms):
        return (yield from withdraw(user, record, now_ms))
    return (yield from place(user, record))


def place(user: int, record: Record) -> Flow[Outcome]:
    """The second step of a schedule and of an edit."""
    (reply,) = yield [
        DUE_PLACE.call(
            (due_of(record), idempotency(user, record)),
            record.member(user),
            record.at_ms,
            record.replaced(user),
            KEPT_S,
        )
    ]
    verdict = reply[0]
    if verdict == b"W":
        if not record.placed:
            yield [SCHEDULE_PLACED.call((keys.schedules(user),), record.id, record.revision)]
        return DONE
    if verdict == b"S":
        yield from end(user, record.id, reply[1])
        return Outcome(Code.ALREADY_SENT, reply[1])
    if verdict == b"R":
        return Outcome(code_of(reply[1]))
    if (yield from end(user, record.id, 0, record.revision)):
        return _NONE
    return DONE  # taken, and changed again since


def withdraw(user: int, record: Record, now_ms: int) -> Flow[Outcome]:
    """The second step of a cancel."""
    names = [name for name in (record.member(user), record.replaced(user)) if name]
    (reply,) = yield [DUE_WITHDRAW.call((due_of(record), idempotency(user, record)), KEPT_S, *names)]
    if reply[0] == b"S":
        yield from end(user, record.id, reply[1])
        return Outcome(Code.ALREADY_SENT, reply[1])
    yield from end(user, record.id, 0)
    never_placed = not record.placed and not record.previous and not record.is_forgotten(now_ms)
    return DONE if reply[0] == b"C" or never_placed else _NONE


def end(user: int, schedule_id: str, outcome: int, revision: str = "") -> Flow[bool]:
    """The last step of all: drop the record, if it is of that revision, and remember the outcome."""
    (ended,) = yield [
        SCHEDULE_END.call(
            (keys.schedules(user), keys.schedule_end(user, schedule_id)), schedule_id, outcome, KEPT_S, revision
        )
    ]
    return bool(ended)


def due_of(record: Record) -> str:
    return keys.due(ids.conversation_bucket(record.conversation))
