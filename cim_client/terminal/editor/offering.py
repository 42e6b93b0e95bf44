"""What can be completed, and gone to by keys, as one window knows it: conversations, people, messages, settings. Pure.

People are those one has a conversation with, those who wrote lately, and those the cluster named when it was asked.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from cim_client import LOBBY, direct_users, is_group
from cim_client.terminal.commands.settings import SETTINGS
from cim_client.terminal.commands.syntax import Command
from cim_client.terminal.display.conversations import Conversations
from cim_client.terminal.display.recent import Recent
from cim_client.terminal.display.sanitize import shown_name
from cim_client.terminal.editor.completion import Offers, Place, Word

MAX_PLACES = 200
MAX_PEOPLE = 1_000
MAX_MESSAGES = 30
MAX_WORDS_CHARS = 40
"""Of a message beside its number."""


class Offering:
    """Who may be meant; `offers` puts it together with what the window knows."""

    def __init__(self, commands: Sequence[Command]) -> None:
        self._commands = commands
        self._people: dict[str, None] = {}

    def met(self, names: Iterable[str]) -> None:
        """They wrote, or the cluster named them; who was met last is proposed first."""
        for name in names:
            if name == shown_name(name):  # one that cannot be shown as it is cannot be typed either
                self._people.pop(name, None)
                self._people[name] = None
        while len(self._people) > MAX_PEOPLE:
            del self._people[next(iter(self._people))]

    def offers(self, conversations: Conversations, recent: Recent) -> Offers:
        known = list(islice(conversations.by_use(), MAX_PLACES))
        places = tuple(Place(conversations.label(chat.id), chat.id, 0 if chat.muted else chat.unread) for chat in known)
        groups = tuple(Word(chat.title) for chat in known if is_group(chat.id) and _typed(chat.title))
        talked_to = [chat.title for chat in known if direct_users(chat.id) and not chat.title.startswith("(")]
        people = tuple(map(Word, dict.fromkeys(chain(reversed(self._people), talked_to))))
        words = {
            "user": people,
            "group": groups,
            "conversation": (Word(LOBBY), *people, *groups),
            "message": tuple(_messages(conversations.current, recent)),
            "setting": tuple(Word(setting.name, setting.meaning) for setting in SETTINGS.values()),
        }
        values = {f"value {setting.name}": tuple(map(Word, setting.values)) for setting in SETTINGS.values()}
        return Offers(self._commands, places, words | values)


def _messages(conversation: str, recent: Recent) -> Iterator[Word]:
    """The newest ones of the current conversation."""
    for seq, begun in islice(recent.of(conversation), MAX_MESSAGES):
        yield Word(str(seq), f"{begun.sender}: {begun.words[:MAX_WORDS_CHARS]}")


def _typed(title: str) -> bool:
    """Whether a group's title can be typed as one argument."""
    return bool(title) and '"' not in title and shown_name(title.replace(" ", "")) == title.replace(" ", "")
