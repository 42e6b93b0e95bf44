"""What happens to messages, groups and people, each as one dim line. Pure.

Everything here may come from a hostile peer: names, titles, reactions and texts are made harmless, and names and titles
are shown as one word, so that none can look like a sentence of ours.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cim_client import Code, Event
from cim_client.terminal.display.cells import cut
from cim_client.terminal.display.lines import FOREIGN, Line
from cim_client.terminal.display.sanitize import one_line, shown_name

MAX_NAMES = 10
MAX_EMOJI_CELLS = 24
MAX_TITLE_CELLS = 48
MAX_TEXT_CELLS = 400
"""Of an edited text; all of it is in the history."""


class Foreign(NamedTuple):
    """Something others wrote, harmless already."""

    text: str


Words = list[str | Foreign]


def told(event: Event, me: str) -> Line | None:
    """The line of an event, None if there is nothing to print. Names that are one's own are "you"."""
    words = _words(event, me)
    return None if not words else line_of(words)


def line_of(words: Sequence[str | Foreign]) -> Line:
    """Words of ours and others' as a line of the client's own."""
    parts = [(FOREIGN, word.text) if isinstance(word, Foreign) else ("note", word) for word in words]
    return [("mark", "* "), *parts]


def title(text: str) -> Foreign:
    return Foreign(cut(shown_name(text), MAX_TITLE_CELLS))


def _words(event: Event, me: str) -> Words:
    who = _name(event.user, me)
    message = f"#{event.ref}"
    match event.kind, event.state:
        case "edited", _:
            return [who, f" edited {message}: ", Foreign(cut(one_line(event.text), MAX_TEXT_CELLS))]
        case "recalled", _:
            return [who, f" took back {message}"]
        case "reaction", "added":
            return [who, " put ", _emoji(event.text), f" to {message}"]
        case "reaction", "removed":
            return [who, " took ", _emoji(event.text), f" from {message}"]
        case "joined", "created":
            return [who, " made the group", *_with(" with ", event, me)]
        case "joined", _:
            return [who, *_with(" brought in ", event, me)] if event.targets else [who, " came"]
        case "left", _:
            return [who, " left"]
        case "kicked", state:
            return [who, *_with(" banned " if state == "banned" else " took out ", event, me)]
        case "conversation", _:
            return _changed(event, who, me)
        case "notice", _:
            return _noticed(event)
    return []


def _changed(event: Event, who: str | Foreign, me: str) -> Words:
    match event.state:
        case "renamed":
            topic: Words = ["; its topic: ", Foreign(cut(one_line(event.topic), MAX_TEXT_CELLS))] if event.topic else []
            return [who, " named the group ", title(event.text), *topic]
        case "dissolved":
            return [who, " ended the group: nobody writes here any more"]
        case "role":
            return [who, *_with(" made ", event, me), " ", Foreign(shown_name(event.role))]
        case "pinned" | "unpinned" as state:
            return [who, f" {state} #{event.ref}"]
        case "blocked" | "unblocked" | "unbanned" as state:
            return [who, *_with(f" {state} ", event, me)]
    return []


def _noticed(event: Event) -> Words:
    match event.state:
        case "hole":
            why = "are kept no longer" if event.code == Code.EXPIRED else "were written while you took no part"
            return [f"#{event.ref} to #{event.seq} {why}"]
        case "rewound":
            return [f"the cluster went back to an older copy: #{event.seq + 1} to #{event.ref} are gone"]
        case "":
            return ["the cluster says: ", Foreign(one_line(event.text))] if event.text else []
    return [Foreign(one_line(event.text))] if event.text else []


def _with(word: str, event: Event, me: str) -> Words:
    names: Words = []
    for name in event.targets[:MAX_NAMES]:
        names += [", " if names else word, _name(name, me)]
    if len(event.targets) > MAX_NAMES:
        names.append(f" and {len(event.targets) - MAX_NAMES} more")
    return names


def _name(name: str, me: str) -> str | Foreign:
    return "you" if name == me else Foreign(shown_name(name))


def _emoji(text: str) -> Foreign:
    return Foreign(cut(shown_name(text), MAX_EMOJI_CELLS))
