"""The log of every conversation as its clients know it, and what is wrong with it at first sight.

It is built from the clients' events in the order of their times. What needs the whole log is the business of
`demands.py`; what the kinds of findings mean stands in `checker.py`.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.faults.history import Event, Stored
from tests.faults.membership import Memberships

Key = tuple[str, str, int]
"""user, device, n"""


class Finding(NamedTuple):
    """A promise broken: what kind, in a sentence, and the events that show it."""

    kind: str
    sentence: str
    evidence: tuple[Event, ...]

    def __str__(self) -> str:
        return "\n    ".join([f"{self.kind}: {self.sentence}", *(event.line().strip() for event in self.evidence)])


@dataclass(slots=True, eq=False)
class Sent:
    """One message as its sender knows it."""

    event: Event
    floor: Event | None
    """What was known to stand in the conversation when the send began, the highest."""

    id: str = ""
    seq: int = 0
    proof: Event | None = None
    """The first event that shows that it is stored."""

    acked: Event | None = None
    scheduled: Event | None = None
    nacked: Event | None = None


class Position(NamedTuple):
    """What stands at a seq, and the first event that says so."""

    sent: Sent | None
    id: str
    proof: Event


@dataclass(slots=True)
class View:
    """What one device shows of one conversation."""

    start: int = 0
    last: int = 0
    may_repeat: int = 0
    shown: dict[int, Event] = field(default_factory=dict)
    messages: dict[object, Event] = field(default_factory=dict)


class Judgement:
    """The log of every conversation as the clients know it, and what is wrong with it."""

    def __init__(self) -> None:
        self.findings: dict[tuple[str, object], Finding] = {}
        self.members = Memberships()
        self.sends: dict[Key, Sent] = {}
        self.by_id: dict[str, Sent] = {}
        self.by_text: dict[str, Sent] = {}
        self.logs: dict[str, dict[int, Position]] = defaultdict(dict)
        self.views: dict[tuple[str, str], dict[str, View]] = {}
        self.finals: dict[tuple[str, str], Event] = {}
        self.histories: list[Event] = []
        self.complete: dict[str, Event] = {}
        self.taken: dict[str, set[int]] = defaultdict(set)
        self.recalled: dict[str, set[int]] = defaultdict(set)
        self.expired: dict[str, int] = defaultdict(int)
        self._edits: dict[tuple[str, int], set[str]] = defaultdict(set)
        self._highest: dict[str, Event] = {}
        self.steps = 0

    def find(self, kind: str, about: object, sentence: str, *evidence: Event | None) -> None:
        """A broken promise; the same one seen by many devices is one finding."""
        events = tuple(event for event in evidence if event is not None)
        self.findings.setdefault((kind, about), Finding(kind, sentence, events))

    def take(self, events: list[Event]) -> None:
        """All events, in the order of their times."""
        for event in events:
            self._learn(event)
        for event in events:
            self.steps += 1
            handler = _HANDLERS.get(event.kind)
            if handler is not None:
                handler(self, event)

    def _learn(self, event: Event) -> None:
        """Which id is whose send: a receiver may see an id before the sender has read its answer."""
        self.steps += 1
        key = (event.user, event.device, event.n)
        if event.kind == "send" and key not in self.sends:
            sent = self.sends[key] = Sent(event, None)
            if self.by_text.setdefault(event.text, sent) is not sent:
                raise ValueError(f"Two sends have the same text: {event.line()}")
        if event.kind in ("send", "ack") and event.id and key in self.sends:
            sent = self.sends[key]
            sent.id = event.id
            if (other := self.by_id.setdefault(event.id, sent)) is not sent:
                self.find("divergent", event.id, f"The id {event.id} belongs to two sends.", other.event, sent.event)
        if event.kind == "edit":
            self._edits[event.conversation, event.seq].add(event.text)

    # -- one event after the other ---------------------------------------------------------------------------

    def _begin(self, event: Event) -> None:
        self.views.setdefault((event.user, event.device), {})

    def _resume(self, event: Event) -> None:
        views = self.views.setdefault((event.user, event.device), {})
        for view in views.values():
            view.may_repeat = view.last

    def _members(self, event: Event) -> None:
        self.members.take(event)
        if event.kind == "members" and event.complete:
            self.complete[event.conversation] = event
        if event.kind in ("join", "leave") and event.seq:
            self._entry(event)

    def _start(self, event: Event) -> None:
        self._view(event).start = event.seq

    def _view(self, event: Event) -> View:
        views = self.views.setdefault((event.user, event.device), {})
        return views.setdefault(event.conversation, View())

    def _send(self, event: Event) -> None:
        sent = self.sends[event.user, event.device, event.n]
        if sent.event is event:
            sent.floor = self._highest.get(event.conversation)

    def _ack(self, event: Event) -> None:
        sent = self.sends.get((event.user, event.device, event.n))
        if sent is None:
            self.find("invented", event, "An answer to what was never sent.", event)
            return
        self._place(sent, event.id, event.conversation, event.seq, event)
        sent.acked = sent.acked or event

    def _scheduled(self, event: Event) -> None:
        sent = self.sends.get((event.user, event.device, event.n))
        if sent is not None:
            sent.scheduled = event

    def _nack(self, event: Event) -> None:
        self.members.take(event)
        sent = self.sends.get((event.user, event.device, event.n))
        if sent is not None:
            sent.nacked = event

    def _receive(self, event: Event) -> None:
        sent = self._message(event, Stored(event.seq, event.id, event.sender, event.text))
        view = self._view(event)
        who = f"{event.user}/{event.device}"
        message = sent or event.id
        if message in view.messages:
            if event.seq != view.may_repeat:
                sentence = f"{who} shows a message of {event.conversation} twice."
                self.find("duplicated", (who, message), sentence, view.messages[message], event)
        elif event.seq < view.last:
            sentence = f"{who} shows {event.conversation}:{event.seq} after {view.last}."
            self.find("reordered", (who, message), sentence, view.shown[view.last], event)
        view.may_repeat = 0
        view.messages.setdefault(message, event)
        view.shown.setdefault(event.seq, event)
        view.last = max(view.last, event.seq)

    def _history(self, event: Event) -> None:
        self.histories.append(event)
        for stored in event.entries:
            self.steps += 1
            self._message(event, stored)

    def _entry(self, event: Event) -> None:
        self.taken[event.conversation].add(event.seq)

    def _recall(self, event: Event) -> None:
        self.recalled[event.conversation].add(event.seq)

    def _expire(self, event: Event) -> None:
        self.expired[event.conversation] = max(self.expired[event.conversation], event.seq)

    def _final(self, event: Event) -> None:
        self._begin(event)
        self.finals[event.user, event.device] = event

    # -- what one message shows ------------------------------------------------------------------------------

    def _message(self, event: Event, stored: Stored) -> Sent | None:
        """A message somebody sees: whose send it is, and whether it is what was sent, shown to whom it may be."""
        sent = self.by_id.get(stored.id) or self.by_text.get(stored.text)
        if sent is None:
            self.find("invented", stored.id, f"Nobody sent {stored.id} ({stored.text}).", event)
        else:
            where = f"{event.conversation}:{stored.seq}"
            if stored.text != sent.event.text and not self._changed(event.conversation, stored):
                self.find("altered", sent, f"{where} is not what was sent.", sent.event, event)
            if stored.sender != sent.event.user:
                self.find("misattributed", sent, f"{where} is shown as from {stored.sender}.", sent.event, event)
            if not self.members.possible_since(event.conversation, event.user, sent.event.t, stored.seq):
                sentence = f"{event.user} saw {where}, a member at no moment between its send and then."
                self.find("foreign", (event.user, sent), sentence, sent.event, event)
        self._place(sent, stored.id, event.conversation, stored.seq, event)
        return sent

    def _changed(self, conversation: str, stored: Stored) -> bool:
        """Whether a message may have that text by an edit or a recall."""
        edits = self._edits.get((conversation, stored.seq), ())
        return stored.text in edits or (stored.text == "" and stored.seq in self.recalled[conversation])

    def _place(self, sent: Sent | None, message_id: str, conversation: str, seq: int, proof: Event) -> None:
        """An event says which message stands at a seq."""
        found = self.logs[conversation].setdefault(seq, Position(sent, message_id, proof))
        if found.sent is not sent or (sent is None and found.id != message_id):
            sentence = f"{conversation}:{seq} is two messages."
            self.find("divergent", (conversation, seq), sentence, found.proof, proof)
        highest = self._highest.get(conversation)
        if proof.kind != "history" and (highest is None or highest.seq < seq):
            self._highest[conversation] = proof
        if sent is None:
            return
        if sent.event.conversation != conversation:
            self.find("misattributed", sent, f"Sent to another conversation than {conversation}.", sent.event, proof)
        if sent.seq and sent.seq != seq:
            self.find("divergent", sent, f"One message at {conversation}:{sent.seq} and {seq}.", sent.event, proof)
        if sent.id and message_id and sent.id != message_id:
            kind = "divergent" if sent.seq in (0, seq) else "duplicated"
            self.find(kind, sent, f"One send is the messages {sent.id} and {message_id}.", sent.event, proof)
        sent.seq = sent.seq or seq
        sent.proof = sent.proof or proof
        sent.id = sent.id or message_id


_HANDLERS: dict[str, Callable[[Judgement, Event], None]] = {
    "begin": Judgement._begin,
    "resume": Judgement._resume,
    "members": Judgement._members,
    "joining": Judgement._members,
    "join": Judgement._members,
    "leaving": Judgement._members,
    "leave": Judgement._members,
    "start": Judgement._start,
    "send": Judgement._send,
    "ack": Judgement._ack,
    "scheduled": Judgement._scheduled,
    "nack": Judgement._nack,
    "receive": Judgement._receive,
    "history": Judgement._history,
    "entry": Judgement._entry,
    "recall": Judgement._recall,
    "expire": Judgement._expire,
    "final": Judgement._final,
}
