"""What clients did and saw, written down so that it can be judged afterwards (`checker.py`).

A history is a set of files, one per run of a client, each with one JSON object per line in the order things
happened there. Between files only the times say what came first: they are CLOCK_MONOTONIC of one machine, in
nanoseconds. Every event says who recorded it (`user`, `device`); fields that are empty are left out.

- `begin`: before a device connects for the first time; from now on it observes.
- `resume`: before it connects again after its program died; the message shown last may come once more.
- `members` (conversation, members, seq, complete): who takes part for ever, nobody named is everybody. `complete` says
  that every seq above `seq`, the head before the history began, is accounted for by some event.
- `start` (conversation, seq): the device need not show what stands at or below `seq`; without it, it must show all.
- `send` (conversation, n, text, id, unordered): before the first byte leaves.
- `ack` (conversation, n, seq, id): that send is durable, at `seq`.
- `scheduled` (n, since): the cluster has taken that send over, and will have done it by `since`.
- `nack` (n): the send, join or leave was refused: it never was and never will be.
- `retry`, `unknown` (n): nothing is known of it: asked to try later, no answer in time, given up.
- `joining`, `leaving` (conversation, n, member): before a join, an invitation, a leave or a kick is asked for.
- `join`, `leave` (conversation, n, member, seq): it was answered with yes; `seq` if the log has an entry for it.
- `receive` (conversation, seq, id, sender, text): the device shows a message.
- `entry` (conversation, seq): `seq` is taken by something that is no message.
- `edit` (conversation, seq, text): before a change is asked for: that message may have this text as well.
- `recall` (conversation, seq): before a recall is asked for: that message may be missing, or without a text.
- `expire` (conversation, seq): retention may have removed what stands at or below `seq`.
- `history` (conversation, seq, since, entries): a read of the log from `seq` to its head, asked for at `since`.
- `final` (since): the end of observation: the device has caught up with all that was known at `since`.

`n` rises with every send of a device, over all conversations: it ties the events of one send together and says in
which order they must stand in a log, unless `unordered` (HTTP, schedules). No two sends of a history have the same
text: so a message is recognised by its text where its id is not known yet. `sender` is who a message is shown to be
from, to be compared with the `user` who sent it. A file of a program that was killed may end within a line; that line
is dropped.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any, NamedTuple

LONGEST_VERBATIM = 64
"""Longer texts are kept as a digest."""


class Stored(NamedTuple):
    """A message as a read of the log shows it."""

    seq: int
    id: str
    sender: str
    text: str


class Event(NamedTuple):
    """One line of a history; the table above says which fields mean something."""

    kind: str
    t: int
    user: str
    device: str
    conversation: str = ""
    n: int = 0
    seq: int = 0
    id: str = ""
    text: str = ""
    sender: str = ""
    member: str = ""
    members: tuple[str, ...] = ()
    since: int = 0
    entries: tuple[Stored, ...] = ()
    complete: bool = False
    unordered: bool = False

    def line(self) -> str:
        """The event as JSON without its empty fields."""
        fields = {name: value for name, value in self._asdict().items() if value or name in ("kind", "t")}
        return json.dumps(fields, separators=(",", ":")) + "\n"


def content(text: str) -> str:
    """What a history keeps of a text: itself if it is short, a digest otherwise."""
    if len(text) <= LONGEST_VERBATIM:
        return text
    return f"{text[:16]}...{hashlib.sha256(text.encode()).hexdigest()[:32]}"


class Recorder:
    """Appends the events of one client. Each is with the operating system before the action goes on, so a program
    that is killed leaves behind what it did."""

    def __init__(self, stream: IO[str], user: str, device: str, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._stream = stream
        self._clock = clock
        self.user = user
        self.device = device

    def record(self, kind: str, **fields: Any) -> Event:
        """Append an event that happens now."""
        event = Event(kind, self._clock(), self.user, self.device, **fields)
        self._stream.write(event.line())
        self._stream.flush()
        return event

    def send(self, conversation: str, n: int, text: str, *, id: str = "", unordered: bool = False) -> None:
        self.record("send", conversation=conversation, n=n, text=content(text), id=id, unordered=unordered)

    def ack(self, conversation: str, n: int, seq: int, id: str) -> None:
        self.record("ack", conversation=conversation, n=n, seq=seq, id=id)

    def receive(self, conversation: str, message: Stored) -> None:
        seq, message_id, sender, text = message
        self.record("receive", conversation=conversation, seq=seq, id=message_id, sender=sender, text=content(text))

    def history(self, conversation: str, first: int, since: int, found: Iterable[Stored]) -> None:
        """A read of the log from `first` to its head, begun at `since`, has shown `found`."""
        entries = tuple(stored._replace(text=content(stored.text)) for stored in found)
        self.record("history", conversation=conversation, seq=first, since=since, entries=entries)


def parse(lines: Iterable[str]) -> list[Event]:
    """The events of one file."""
    return [_event(json.loads(line)) for line in lines if line.endswith("\n")]


def _event(fields: dict[str, Any]) -> Event:
    fields["members"] = tuple(fields.get("members", ()))
    fields["entries"] = tuple(Stored(*entry) for entry in fields.get("entries", ()))
    return Event(**{"user": "", "device": "", **fields})


def reopen(path: Path) -> list[Event]:
    """What a program that died has written, if anything; half a line at the end is cut off, so that more may follow."""
    if not path.exists():
        return []
    whole = path.read_bytes().rpartition(b"\n")
    os.truncate(path, len(whole[0] + whole[1]))
    return parse((whole[0] + whole[1]).decode().splitlines(keepends=True))


def read(folder: Path) -> list[list[Event]]:
    """The files of a history, `*.jsonl`."""
    histories: list[list[Event]] = []
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8", newline="\n") as file:
            histories.append(parse(file))
    return histories
