"""Judges a history (`history.py`): is what was promised true of what the clients did and saw?

The promise: what was acknowledged is shown exactly once, in seq order and without gaps, on every device of every user
who was a member from before the send until the end of the device's observation. One pass over all events in the order
of their times builds the log as the clients know it and judges what can be judged at once; what needs the whole log
(`demands.py`) follows. Both are linear in the number of events. Nothing is taken from the servers.

What is not known is never held against them: a RETRY, a timeout or a client that died leave a message unknown, and it
may be shown or not, but at most once. Times of different clients are compared only where one event certainly came
before the other: a send before its first byte, an answer after it was read.

- `lost`: acknowledged, and a device that must show it never did.
- `gapped`: others show it and this device passed over it; or a seq that nothing accounts for.
- `duplicated`: shown twice by a device, or one send stored as two messages.
- `reordered`: a device shows a lower seq after a higher one; or a log has a device's sends, or one that began when
  another was known to be stored, the other way round.
- `altered`: not the text that was sent.
- `misattributed`: not from whom it is said to be from, or in another conversation.
- `divergent`: one id at two seqs, one seq with two messages, one id for two sends.
- `vanished`: shown or acknowledged, and not there when the log is read again.
- `foreign`: shown to somebody who was a member at no moment between send and delivery.
- `nacked`: refused for good, and stored nevertheless.
- `invented`: nobody sent it.
"""

from collections.abc import Iterable
from pathlib import Path

from tests.faults import demands
from tests.faults.history import Event, read
from tests.faults.judgement import Finding, Judgement


def judge(histories: Iterable[Iterable[Event]]) -> Judgement:
    """Everything that can be said about a history."""
    events = [event for history in histories for event in history]
    events.sort(key=lambda event: (event.t, event.kind != "send"))
    judgement = Judgement()
    judgement.take(events)
    demands.settle(judgement)
    return judgement


def check(histories: Iterable[Iterable[Event]]) -> list[Finding]:
    """The promises that a history breaks; none, if all is well."""
    return list(judge(histories).findings.values())


def check_folder(folder: Path) -> list[Finding]:
    """The same for the files of a folder."""
    return check(read(folder))
