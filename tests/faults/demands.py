"""What must be true of a whole history, once the log of every conversation is known (`judgement.py`)."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from itertools import pairwise

from tests.faults.history import Event
from tests.faults.judgement import Judgement, Position, Sent, View


def settle(judgement: Judgement) -> None:
    """Judge what can only be judged at the end."""
    _answers(judgement)
    _order(judgement)
    seqs = {conversation: sorted(log) for conversation, log in judgement.logs.items()}
    for conversation in seqs:
        _whole(judgement, conversation, seqs[conversation])
    _shown(judgement, seqs)
    read_at: dict[str, Event] = {}
    for event in judgement.histories:
        _kept(judgement, event, seqs.get(event.conversation, []))
        read_at[event.conversation] = max(event, read_at.get(event.conversation, event), key=lambda read: read.since)
    _fired(judgement, read_at)


def _answers(judgement: Judgement) -> None:
    """A NACK is said only of what is never stored."""
    for sent in judgement.sends.values():
        judgement.steps += 1
        if sent.nacked is not None and sent.seq:
            judgement.find("nacked", sent, "Refused for good, and stored.", sent.event, sent.nacked, sent.proof)


def _fired(judgement: Judgement, read_at: dict[str, Event]) -> None:
    """What was scheduled stands in its log when that is read after its time."""
    for sent in judgement.sends.values():
        judgement.steps += 1
        read = read_at.get(sent.event.conversation)
        if sent.scheduled is not None and not sent.seq and read is not None and sent.scheduled.since <= read.since:
            judgement.find("lost", sent, "Scheduled, and never sent.", sent.event, sent.scheduled)


def _order(judgement: Judgement) -> None:
    """A device's sends stand in the order of n; a send begun when another was known to be stored stands above it."""
    lanes: dict[tuple[str, str, str], list[Sent]] = defaultdict(list)
    for sent in judgement.sends.values():
        judgement.steps += 1
        event = sent.event
        if not sent.seq:
            continue
        if not event.unordered:
            lanes[event.user, event.device, event.conversation].append(sent)
        if sent.floor is not None and sent.seq <= sent.floor.seq:
            sentence = f"Sent when {event.conversation}:{sent.floor.seq} was known, and stored at {sent.seq}."
            judgement.find("reordered", sent, sentence, sent.floor, event, sent.acked)
    for lane in lanes.values():
        lane.sort(key=lambda sent: sent.event.n)
        for before, after in pairwise(lane):
            judgement.steps += 1
            if before.seq > after.seq:
                sentence = f"Sent one after the other, stored at {before.seq} and {after.seq}."
                judgement.find("reordered", after, sentence, before.event, after.event)


def _whole(judgement: Judgement, conversation: str, seqs: list[int]) -> None:
    """In a log of which everything is known, every seq is accounted for."""
    declared = judgement.complete.get(conversation)
    if declared is None:
        return
    expected = declared.seq + 1
    for seq in sorted({*seqs, *judgement.taken[conversation], *judgement.recalled[conversation]}):
        judgement.steps += 1
        if seq > expected and not _excused(judgement, conversation, seq - 1):
            sentence = f"Nothing is at {conversation}:{expected}, nor up to {seq - 1}."
            judgement.find("gapped", (conversation, expected), sentence, declared)
        expected = max(expected, seq + 1)


def _excused(judgement: Judgement, conversation: str, seq: int) -> bool:
    return seq in judgement.recalled[conversation] or seq <= judgement.expired[conversation]


def _shown(judgement: Judgement, seqs: dict[str, list[int]]) -> None:
    """Every device that must show a message has done so."""
    devices: dict[str, list[str]] = defaultdict(list)
    for user, device in judgement.views:
        devices[user].append(device)
    for conversation in seqs:
        users = judgement.members.users(conversation)
        for user in devices if users is None else users:
            for device in devices.get(user, ()):
                view = judgement.views[user, device].get(conversation, View())
                _shown_by(judgement, conversation, seqs[conversation], user, device, view)


def _shown_by(judgement: Judgement, conversation: str, seqs: list[int], user: str, device: str, view: View) -> None:
    """From the newest message down: one that is missing is missed at the moment a later one is shown."""
    log = judgement.logs[conversation]
    later: Event | None = None
    for index in range(len(seqs) - 1, bisect_right(seqs, view.start) - 1, -1):
        judgement.steps += 1
        seq = seqs[index]
        if (event := view.shown.get(seq)) is not None:
            later = event
            continue
        sent = log[seq].sent
        if sent is None or sent in view.messages or (sent.event.user, sent.event.device) == (user, device):
            continue
        missed = later or _final(judgement, user, device, log[seq])
        if missed is None or _excused(judgement, conversation, seq):
            continue
        if judgement.members.certain(conversation, user, sent.event.t, missed.t):
            kind = "gapped" if sent.acked is None else "lost"
            sentence = f"{user}/{device} never shows {conversation}:{seq}."
            judgement.find(kind, (user, device, sent), sentence, sent.event, sent.acked or log[seq].proof, missed)


def _final(judgement: Judgement, user: str, device: str, position: Position) -> Event | None:
    """The end of the device's observation, if it had to have caught up with that position by then."""
    final = judgement.finals.get((user, device))
    return final if final is not None and position.proof.t <= (final.since or final.t) else None


def _kept(judgement: Judgement, event: Event, seqs: list[int]) -> None:
    """A read of the log shows all that was known to be in it when the read began."""
    conversation = event.conversation
    log = judgement.logs[conversation]
    found = {stored.seq for stored in event.entries}
    for seq in seqs[bisect_left(seqs, event.seq) :]:
        judgement.steps += 1
        sent = log[seq].sent
        if seq in found or sent is None or log[seq].proof.t >= event.since:
            continue
        if not _excused(judgement, conversation, seq) and judgement.members.certain(
            conversation, event.user, sent.event.t, event.t
        ):
            sentence = f"{conversation}:{seq} is not there any more for {event.user}."
            judgement.find("vanished", (event.user, event.device, sent), sentence, sent.event, log[seq].proof, event)
