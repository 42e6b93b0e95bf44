"""How far one's newest message in each conversation has got: stored, delivered, read and by whom. Pure."""

from cim_client.terminal.display.sanitize import shown_name

MAX_CONVERSATIONS = 1_000
MAX_READERS = 1_000
"""Readers remembered of one's newest message; those above are not counted."""


class _Own:
    """One's newest message at `seq`, as far as is known; `readers` have read up to a seq, that one at least."""

    __slots__ = ("delivered", "readers", "seq")

    def __init__(self) -> None:
        self.seq = 0
        self.delivered = 0
        self.readers: dict[str, int] = {}


class Receipts:
    """What "stored", "delivered" and "read" events have said; those of others only, `me` is one's own name."""

    def __init__(self, me: str) -> None:
        self._me = me
        self._own: dict[str, _Own] = {}

    def stored(self, conversation: str, seq: int) -> None:
        own = self._of(conversation)
        if seq > own.seq:
            own.seq = seq
            own.readers = {user: read for user, read in own.readers.items() if read >= seq}

    def delivered(self, conversation: str, user: str, seq: int) -> None:
        if user != self._me:
            own = self._of(conversation)
            own.delivered = max(own.delivered, seq)

    def read(self, conversation: str, user: str, seq: int) -> None:
        own = self._of(conversation)
        if user != self._me and seq >= own.seq and (user in own.readers or len(own.readers) < MAX_READERS):
            own.readers[user] = max(own.readers.get(user, 0), seq)

    def rewound(self, conversation: str) -> None:
        self._own.pop(conversation, None)

    def state(self, conversation: str) -> str:
        """`✓ stored`, `✓✓ delivered`, `✓✓ read by bob`, `✓✓ read by 3`; "" without a message of one's own."""
        own = self._own.get(conversation)
        if own is None or not own.seq:
            return ""
        if own.readers:
            return f"✓✓ read by {shown_name(next(iter(own.readers))) if len(own.readers) == 1 else len(own.readers)}"
        return "✓✓ delivered" if own.delivered >= own.seq else "✓ stored"

    def _of(self, conversation: str) -> _Own:
        own = self._own.pop(conversation, None) or _Own()
        self._own[conversation] = own
        if len(self._own) > MAX_CONVERSATIONS:
            del self._own[next(iter(self._own))]
        return own
