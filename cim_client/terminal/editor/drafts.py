"""Half-typed text that changes its place, when the current conversation changes or is about to.

A key that leaves a conversation takes what is half typed there out of the line at once: what is typed from then on is
meant for the conversation it leads to. The key itself waits among the typed lines for its turn, and only then is it
known where it leads and what was half typed there. Until then the text taken out stands here, one for each key that
waits; a draft that is found for a conversation which the next key has left already goes in front of what it took.
"""

import threading
from collections import deque


class Drafts:
    """Used by trio's thread, `fetch` by the prompt's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: deque[str] = deque()
        self._here: str | None = None
        self._coming = ""

    def leave(self, text: str) -> None:
        """A key was pressed: this stood in the line."""
        with self._lock:
            self._left.append(self._coming + text)
            self._coming = ""

    def begin(self, by_key: bool) -> None:
        """A line is going to be done, one that a key stands for or one that was typed."""
        self._here = self._left.popleft() if by_key else None

    def switched(self, draft: str) -> str:
        """The line leads elsewhere, where `draft` was half typed. The answer is what was where one comes from."""
        left, self._here = self._here or "", None
        self._put(draft)
        return left

    def end(self) -> bool:
        """The line has been done. True: it led nowhere, and what was taken out of the line is to be fetched again."""
        left, self._here = self._here, None
        if left:
            self._put(left)
        return bool(left)

    def half_typed(self, text: str) -> str:
        """All that belongs to the current conversation, when `text` stands in the line."""
        if self._here is not None:
            return self._here
        with self._lock:
            return self._left[0] if self._left else self._coming + text

    def fetch(self) -> str:
        """What is to be put before the text in the line."""
        with self._lock:
            coming, self._coming = self._coming, ""
        return coming

    def _put(self, text: str) -> None:
        with self._lock:
            if self._left:
                self._left[0] = text + self._left[0]
            else:
                self._coming = text + self._coming
