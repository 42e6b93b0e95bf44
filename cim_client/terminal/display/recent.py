"""How messages that were shown lately begin: what an answer to one quotes. Pure."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from cim_client import Message

MAX_RECENT = 4_000
MAX_WORDS = 120
"""Characters kept of a text."""


class Begun(NamedTuple):
    sender: str
    words: str


class Recent:
    """`look_up` finds a message that was not shown lately, if it is kept anywhere."""

    def __init__(self) -> None:
        self._begun: dict[tuple[str, int], Begun] = {}
        self.look_up: Callable[[str, int], Message | None] = lambda conversation, seq: None

    def add(self, message: Message) -> None:
        self.own(message.conversation, message.seq, message.sender, message.text)

    def own(self, conversation: str, seq: int, me: str, text: str) -> None:
        """One's own message, of which no more is known."""
        place = (conversation, seq)
        self._begun.pop(place, None)
        self._begun[place] = Begun(me, text[:MAX_WORDS])
        if len(self._begun) > MAX_RECENT:
            del self._begun[next(iter(self._begun))]

    def edited(self, conversation: str, seq: int, text: str) -> None:
        """The message has another text, "" if it was taken back."""
        begun = self._begun.get((conversation, seq))
        if begun is not None:
            self._begun[conversation, seq] = begun._replace(words=text[:MAX_WORDS])

    def get(self, conversation: str, seq: int) -> Begun:
        begun = self._begun.get((conversation, seq))
        if begun is None:
            found = self.look_up(conversation, seq)
            begun = Begun("", "") if found is None else Begun(found.sender, found.text[:MAX_WORDS])
        return begun

    def has(self, message: Message) -> bool:
        return (message.conversation, message.seq) in self._begun

    def of(self, conversation: str) -> Iterator[tuple[int, Begun]]:
        """Those of one conversation with their seqs, the one shown last first."""
        return ((seq, begun) for (where, seq), begun in reversed(self._begun.items()) if where == conversation)

    def rewound(self, conversation: str, seq: int) -> None:
        """Numbers above `seq` are given anew."""
        gone = [place for place in self._begun if place[0] == conversation and place[1] > seq]
        for place in gone:
            del self._begun[place]
