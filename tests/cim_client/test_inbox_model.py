"""The inbox against a model of a server (I10, I11, I20, I22, I23).

Whatever is sent, recalled, kicked, cut or set back: what may be shown is shown once and in order, and at the end
nothing is missing.
"""

from collections import deque

import hypothesis
import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cim_client.inbox import Inbox
from cim_client.keeping import Keeping
from cim_client.store.memory import MemoryStore
from cim_client.types import Message
from cim_client.views import Changed, Position, Rewound
from cim_common.wire.codes import Code
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Conversation, Entry, Hold, Page, Push, Range, Sync, Target

ME, OTHER = 1, 2
DEVICE = "mine"
PAGE = 3
CONVERSATIONS = ("a", "b")


class Log:
    """A conversation at the server, as one member's connection sees it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.entries: list[Entry] = []
        self.spans: list[list[int]] = [[1, 0]]
        self.incarnation = 10
        self.ends: list[int] = []
        """Where each incarnation before this one has ended."""
        self.version = 1
        self.member = True
        self.live = False

    @property
    def head(self) -> int:
        return len(self.entries)

    def readable(self, seq: int) -> bool:
        return any(first <= seq <= (last or self.head) for first, last in self.spans)

    def page(self, sync: Sync) -> Page:
        other = sync.incarnation not in (0, self.incarnation)
        if other or sync.cursor > self.head:
            at = min(sync.cursor, *self.ends[sync.incarnation - self.incarnation :] if other else [self.head])
            return Page(self.name, self.incarnation, at, self.head, False, (), rewound=True)
        entries: list[Entry] = []
        gaps: list[Range] = []
        end = sync.cursor
        while end < self.head and len(entries) < PAGE:
            if self.readable(end + 1):
                entries.append(self.seen(self.entries[end]))
            elif not any(self.readable(seq) for seq in range(end + 1, self.head + 1)):
                break
            else:
                gaps.append(Range(end + 1, end + 1, Code.NOT_A_MEMBER))
            end += 1
        more = any(self.readable(seq) for seq in range(end + 1, self.head + 1))
        left = not self.member and not more
        self.live = not more and not left and end >= self.head
        return Page(self.name, self.incarnation, end, self.head, self.live, tuple(entries), gaps=tuple(gaps), left=left)

    def seen(self, entry: Entry) -> Entry:
        recalled = any(other.kind == Kind.RECALLED and other.ref == entry.seq for other in self.entries)
        return entry._replace(text="", recalled=True) if recalled and entry.kind == 0 else entry


class InboxAgainstModel(RuleBasedStateMachine):
    """Frames go one by one in both directions; the program takes messages when it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.n = 0
        self.logs = {name: Log(name) for name in CONVERSATIONS}
        self.to_client: deque[object] = deque()
        self.to_server: deque[object] = deque()
        self.kept: dict[str, Position] = {}
        self.shown: dict[str, list[int]] = {name: [] for name in CONVERSATIONS}
        self.texts: dict[tuple[str, int], str] = {}
        self.recalled: dict[tuple[str, int], int] = {}
        self.withdrawn: set[str] = set()
        """Texts whose recall was heard: that a store set back has them again is not for the inbox to find."""
        self.connected = False
        self.store = MemoryStore(keeps=True)
        self.begin()

    def begin(self) -> None:
        self.keeping = Keeping()
        self.inbox = Inbox(DEVICE, keeping=self.keeping)
        self.inbox.user = ME

    @initialize()
    def first(self) -> None:
        self.connect()

    # -- what happens at the server ----------------------------------------------------------------------

    def append(
        self, name: str, kind: int, sender: int, ref: int = 0, targets: tuple[Target, ...] = (), text: str = ""
    ) -> None:
        log = self.logs[name]
        self.n += 1
        device = DEVICE if sender == ME else "other"
        entry = Entry(
            log.head + 1, sender, "x", device, self.n, 0, text or f"{self.n}", int(kind), ref=ref, targets=targets
        )
        log.entries.append(entry)
        if sender == ME:
            self.to_client.append(("acknowledged", name, entry.seq))
        elif log.live:
            self.to_client.append(Push(name, (entry,)))

    @rule(name=st.sampled_from(CONVERSATIONS), count=st.integers(1, 5))
    def others_write(self, name: str, count: int) -> None:
        for _ in range(count):
            self.append(name, Kind.TEXT, OTHER)

    @rule(name=st.sampled_from(CONVERSATIONS))
    def we_write(self, name: str) -> None:
        if self.logs[name].member and self.connected:
            self.append(name, Kind.TEXT, ME)

    @rule(name=st.sampled_from(CONVERSATIONS), back=st.integers(0, 3))
    def a_text_is_recalled(self, name: str, back: int) -> None:
        log = self.logs[name]
        texts = [entry.seq for entry in log.entries if entry.kind == 0 and not log.seen(entry).recalled]
        if len(texts) > back:
            recalled = log.entries[texts[-1 - back] - 1]
            self.append(name, Kind.RECALLED, OTHER, recalled.seq, text=recalled.text)

    @rule(name=st.sampled_from(CONVERSATIONS))
    def we_are_kicked(self, name: str) -> None:
        log = self.logs[name]
        if log.member:
            self.append(name, Kind.KICKED, OTHER, targets=(Target(ME, "me"),))
            log.spans[-1][1] = log.head
            log.member = log.live = False
            self.list_changed(log)

    @rule(name=st.sampled_from(CONVERSATIONS))
    def we_are_invited(self, name: str) -> None:
        log = self.logs[name]
        if not log.member:
            log.spans.append([log.head + 1, 0])
            log.member = True
            self.append(name, Kind.JOINED, OTHER, targets=(Target(ME, "me"),))
            self.list_changed(log)

    @rule(name=st.sampled_from(CONVERSATIONS), lost=st.integers(1, 4))
    def an_older_store_is_restored(self, name: str, lost: int) -> None:
        log = self.logs[name]
        if log.member and len(log.spans) == 1 and log.head >= lost:
            del log.entries[-lost:]
            log.incarnation += 1
            log.ends.append(log.head)
            if log.live:
                log.live = False
                self.to_client.append(Page(name, log.incarnation, log.head, log.head, False, (), rewound=True))

    # -- the connection ----------------------------------------------------------------------------------

    def list_changed(self, log: Log) -> None:
        log.version += 1
        if self.connected:
            self.to_client.append(self.listed(log))

    def listed(self, log: Log) -> Conversation:
        role = "member" if log.member else "left"
        return Conversation(log.name, log.version, log.head, log.incarnation, 0, role=role)

    def connect(self) -> None:
        self.connected = True
        for log in self.logs.values():
            self.to_client.append(self.listed(log))
        self.to_client.append("listed")

    @rule(luck=st.integers(0, 5))
    def the_connection_may_be_lost(self, luck: int) -> None:
        if luck == 5:
            self.lose_connection()

    def lose_connection(self) -> None:
        self.to_client.clear()
        self.to_server.clear()
        for log in self.logs.values():
            log.live = False
        self.inbox.disconnected()
        self.connect()

    @rule(luck=st.integers(0, 5))
    def the_program_may_start_again(self, luck: int) -> None:
        if luck < 5:
            return
        self.take_all()
        self.inbox.settle_taken()
        self.keep()
        self.begin()
        self.lose_connection()

    @rule(frames=st.integers(1, 6))
    def the_client_hears(self, frames: int) -> None:
        for _ in range(min(frames, len(self.to_client))):
            self.hear(self.to_client.popleft())
        self.to_server += self.inbox.wishes()

    def hear(self, frame: object) -> None:
        if isinstance(frame, Push):
            self.to_server += self.inbox.push(frame)
        elif isinstance(frame, Page):
            self.to_server += self.inbox.page(frame)
        elif isinstance(frame, Conversation):
            self.inbox.enter(frame, self.kept.get(frame.id))
        elif frame == "listed":
            self.inbox.list_complete()
        else:
            assert isinstance(frame, tuple)
            self.inbox.acknowledged(frame[1], frame[2])
        for news in self.inbox.news():
            if isinstance(news, Changed) and news.entry.kind == Kind.RECALLED:
                self.recalled[news.conversation, news.entry.ref] = news.entry.seq
                self.withdrawn.add(news.entry.text)
            elif isinstance(news, Rewound):
                name, end, _ = news
                self.shown[name] = [seq for seq in self.shown[name] if seq <= end]
                self.recalled = {key: seq for key, seq in self.recalled.items() if key[0] != name or seq <= end}

    @rule(frames=st.integers(1, 6))
    def the_server_hears(self, frames: int) -> None:
        for _ in range(min(frames, len(self.to_server))):
            frame = self.to_server.popleft()
            assert isinstance(frame, Sync | Hold)
            log = self.logs[frame.conversation]
            log.live = False
            if isinstance(frame, Sync):
                self.to_client.append(log.page(frame))

    @rule()
    def all_is_heard(self) -> None:
        for _ in range(1_000):
            self.the_client_hears(100)
            self.the_server_hears(100)
            self.to_server += self.inbox.wishes()
            if not self.to_client and not self.to_server:
                return
        raise AssertionError("it never comes to rest")

    # -- the program -------------------------------------------------------------------------------------

    @rule(count=st.integers(1, 4))
    def the_program_takes(self, count: int) -> None:
        for _ in range(count):
            self.take()
        self.keep()

    def take(self) -> bool:
        item = self.inbox.next_message()
        if item is None:
            return False
        name, entry = item
        assert entry.sender == OTHER
        assert (name, entry.seq) not in self.recalled
        assert not self.shown[name] or entry.seq > self.shown[name][-1]
        self.shown[name].append(entry.seq)
        self.texts[name, entry.seq] = entry.text
        return True

    def take_all(self) -> None:
        while self.take():
            pass

    def keep(self) -> None:
        moved = self.inbox.moved()
        self.kept.update(moved)
        self.store.set_positions(moved, self.keeping.passed())
        for name, position in moved:
            shown = {seq for seq in self.shown[name] if seq <= position.seq}
            assert shown <= set(self.rows(name)), "a position without its messages"

    def rows(self, name: str) -> dict[int, Message]:
        """What the device has kept of a conversation."""
        return {message.seq: message for message in self.store.messages.messages(name, 1_000)}

    @invariant()
    def pages_asked_for_are_counted(self) -> None:
        assert 0 <= self.inbox._syncing._asked <= len(CONVERSATIONS)

    def teardown(self) -> None:
        self.all_is_heard()
        self.take_all()
        self.all_is_heard()
        self.take_all()
        assert self.inbox.syncing == 0
        for name, log in self.logs.items():
            recalled = {entry.ref for entry in log.entries if entry.kind == Kind.RECALLED}
            for entry in log.entries:
                text = entry.kind == Kind.TEXT and entry.sender == OTHER and entry.text not in self.withdrawn
                if text and log.readable(entry.seq) and entry.seq not in recalled:
                    assert entry.seq in self.shown[name], (name, entry.seq, self.shown[name])
                    assert self.texts[name, entry.seq] == entry.text
            assert all(log.readable(seq) for seq in self.shown[name])
            self.keep()
            for seq, message in self.rows(name).items():
                assert log.entries[seq - 1].kind == 0, "kept of a log that was set back"
                assert message.text == ("" if message.recalled else log.entries[seq - 1].text)
                if any(
                    entry.ref == seq and log.readable(entry.seq) for entry in log.entries if entry.kind == Kind.RECALLED
                ):
                    assert message.recalled


TestInboxAgainstModel = InboxAgainstModel.TestCase
TestInboxAgainstModel.settings = hypothesis.settings(max_examples=100, stateful_step_count=50)
