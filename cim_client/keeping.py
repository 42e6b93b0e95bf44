"""What a device that keeps messages is to keep of what it receives, in the order it goes into its file. No I/O.

A text is kept when it counts as shown, with the position that says so (I25). One's own texts, and what changes a text
that is kept already, are kept when they are taken. What changes a text that is still to be shown waits for it.
"""

from cim_client.views import Keep, Passed, Rewound
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Entry

MAX_WAITING = 10_000
"""Changes that wait. Further reactions to texts that were not shown yet are not counted in what is kept."""

CHANGES = frozenset((Kind.EDITED, Kind.RECALLED, Kind.REACTION))


class Keeping:
    """Collects what to keep until it is fetched with `passed`."""

    def __init__(self) -> None:
        self._passed: list[Keep] = []
        self._waiting: dict[tuple[str, int], list[Entry]] = {}
        self._count = 0
        self._changed: dict[str, int] = {}

    def passed(self) -> list[Keep]:
        """What there is since the last call."""
        passed, self._passed = self._passed, []
        return passed

    def not_stored(self, passed: list[Keep]) -> None:
        """What was fetched could not be stored: it is still to be."""
        self._passed[:0] = passed

    def current(self, conversation: str, head: int) -> bool:
        """Whether texts read when the log ended at `head` are as they are now: no change above it has passed."""
        return head >= self._changed.get(conversation, 0)

    def text(self, conversation: str, entry: Entry) -> None:
        """A text was shown, or is one's own; and with it what has changed it meanwhile."""
        self._passed.append(Passed(conversation, entry, entry.seq))
        if self._waiting:
            self._passed += [Passed(conversation, change, change.seq) for change in self._fetch(conversation, entry)]

    def change(self, conversation: str, entry: Entry, waits: bool) -> None:
        """An entry changes a text. `waits`: that text is still to be kept."""
        self._changed[conversation] = max(entry.seq, self._changed.get(conversation, 0))
        if not waits:
            self._passed.append(Passed(conversation, entry, entry.seq))
        elif self._count < MAX_WAITING or entry.kind == Kind.RECALLED:
            self._count += 1
            self._waiting.setdefault((conversation, entry.ref), []).append(entry)

    def dropped(self, conversation: str, text: Entry) -> None:
        """A text will not be shown."""
        if self._waiting:
            self._fetch(conversation, text)

    def rewound(self, rewound: Rewound) -> None:
        """The log was set back: nothing above is kept, nor does it change anything."""
        self._passed.append(rewound)
        self._changed.pop(rewound.conversation, None)
        for place in [place for place in self._waiting if place[0] == rewound.conversation]:
            changes = self._waiting.pop(place)
            there = [change for change in changes if change.seq <= rewound.end]
            self._count -= len(changes) - len(there)
            if there:
                self._waiting[place] = there

    def _fetch(self, conversation: str, text: Entry) -> list[Entry]:
        changes = self._waiting.pop((conversation, text.seq), [])
        self._count -= len(changes)
        return changes
