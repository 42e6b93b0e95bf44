"""Which conversations there are in one chat window, which is the current one, and what is new in the others.

Plain text goes to the current conversation. What comes elsewhere is printed as well, unless its conversation is muted
or the user wants the current one only; it is *unread* until one goes there. Pure: seqs and names in, decisions out.
"""

from typing import NamedTuple

from cim_client import LOBBY, Conversation, direct_users, is_group
from cim_client.terminal.commands.settings import Settings

OUT = ("left", "banned")
"""Roles of those who take no part any more."""

MAX_KNOWN = 10_000
"""Conversations kept; those that were active longest ago, with nothing unread, go first."""


class Chat:
    """One conversation. Seqs: `newest` and `newest_own` of the messages seen here, `left` what was there as one left.

    `counted` is up to where what is unread has been counted, here or by the cluster; `out`: one takes no part any more.
    """

    __slots__ = (
        "counted", "id", "left", "listed", "muted", "newest", "newest_own", "out", "title", "unread",
    )  # fmt: skip

    def __init__(self, conversation: str, title: str) -> None:
        self.id = conversation
        self.title = title
        self.muted = False
        self.out = False
        self.listed = False
        self.unread = 0
        self.newest = 0
        self.newest_own = 0
        self.left = 0
        self.counted = 0


class Unread(NamedTuple):
    """What came in a conversation while one was elsewhere."""

    conversation: str
    label: str
    messages: int


class Conversations:
    """All of one window. `settings.show_all` off: what comes elsewhere is counted and not printed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._chats: dict[str, Chat] = {}
        self._unread: dict[str, None] = {}
        self.current = LOBBY
        self.chat(LOBBY)

    def __len__(self) -> int:
        return len(self._chats)

    def chat(self, conversation: str) -> Chat:
        """What is known of a conversation; one not heard of before is made."""
        found = self._chats.get(conversation)
        if found is None:
            found = self._chats[conversation] = Chat(conversation, _unnamed(conversation))
            self._forget_old()
        return found

    def _forget_old(self) -> None:
        if len(self._chats) > MAX_KNOWN:
            idle = (chat for chat in self._chats.values() if not chat.unread and chat.id != self.current)
            del self._chats[next(idle, next(iter(self._chats.values()))).id]

    # -- what one hears ----------------------------------------------------------------------------------

    def listed(self, listed: Conversation) -> None:
        """The cluster's list names it: title, one's part, whether it is muted; and, the first time, what is unread.

        Of what is unread some may have come already, or have been looked at since; what has not come is not counted
        again when it comes.
        """
        chat = self.chat(listed.id)
        chat.muted = listed.muted
        chat.out = listed.role in OUT
        if listed.title != listed.id:
            self.named(listed.id, listed.title)
        if not chat.listed:
            chat.listed = True
            later = min(max(chat.counted - listed.head, 0), chat.unread)
            unseen = max(listed.head - chat.left, 0)
            chat.counted = max(chat.counted, listed.head)
            chat.left = max(chat.left, listed.read)
            if listed.id != self.current:
                self._count(chat, min(listed.unread, unseen) + later - chat.unread)

    def named(self, conversation: str, title: str) -> None:
        """An id is not a name, nor are digits, by which a user may be addressed."""
        if title and conversation != LOBBY and title != conversation and not title.isdecimal():
            self.chat(conversation).title = title

    def arrived(self, conversation: str, seq: int, own: bool) -> None:
        """A message is here; one that is not one's own waits to be read, if one is elsewhere."""
        chat = self.chat(conversation)
        self._chats[conversation] = self._chats.pop(conversation)
        chat.newest = max(chat.newest, seq)
        if own:
            chat.newest_own = max(chat.newest_own, seq)
        elif conversation != self.current and seq > chat.counted:
            chat.counted = seq
            self._count(chat, 1)

    def _count(self, chat: Chat, more: int) -> None:
        chat.unread += more
        if chat.unread:
            self._unread.setdefault(chat.id)

    def rewound(self, conversation: str, seq: int) -> None:
        """The log goes up to `seq` only: numbers above it are given anew."""
        chat = self.chat(conversation)
        for name in ("newest", "newest_own", "left", "counted"):
            setattr(chat, name, min(getattr(chat, name), seq))

    def placed(self, name: str, conversation: str) -> None:
        """What was known by the name of a user only, without a connection to ask, is that conversation."""
        chat = self._chats.pop(name, None)
        if chat is not None:
            self.chat(conversation).title = chat.title
        if self.current == name:
            self.current = conversation

    # -- where one is ------------------------------------------------------------------------------------

    def switch(self, conversation: str) -> int:
        """Go there; the answer is the seq up to which one had seen it, 0 if that is not known."""
        here = self.chat(self.current)
        here.left = max(here.newest, here.left)
        there = self.chat(conversation)
        there.unread = 0
        self._unread.pop(conversation, None)
        self.current = conversation
        return there.left

    def prints(self, conversation: str) -> bool:
        """Whether what comes there is printed now."""
        return conversation == self.current or (self._settings.show_all and not self.chat(conversation).muted)

    def title(self, conversation: str) -> str:
        return self.chat(conversation).title

    def label(self, conversation: str) -> str:
        """What a conversation is called. No name of a user begins with `#`, so a group cannot pass for one."""
        title = self.chat(conversation).title
        return f"#{title}" if is_group(conversation) else title

    def to(self, conversation: str, own: bool) -> str:
        """Where a message went, as lines say it: "" in the current conversation, "me" for what is private."""
        if conversation == self.current:
            return ""
        return "me" if direct_users(conversation) is not None and not own else self.label(conversation)

    # -- where one may go --------------------------------------------------------------------------------

    def unread(self) -> list[Unread]:
        """What is unread elsewhere, the conversation first that waits longest; muted ones do not count."""
        waiting = [self._chats[conversation] for conversation in self._unread]
        return [Unread(chat.id, self.label(chat.id), chat.unread) for chat in waiting if not chat.muted]

    def next_unread(self) -> str | None:
        return next((unread.conversation for unread in self.unread()), None)

    def by_use(self) -> list[Chat]:
        """For choosing one: the unread ones first, then the last active; groups one has left are not offered."""
        found = [chat for chat in reversed(self._chats.values()) if not chat.out or chat.id == self.current]
        return sorted(found, key=lambda chat: (not chat.unread or chat.muted, chat.id == self.current))


def _unnamed(conversation: str) -> str:
    """What a conversation is called until its name is known."""
    if conversation == LOBBY:
        return LOBBY
    if is_group(conversation):
        return "(group)"
    users = direct_users(conversation)
    if users is None:
        return conversation
    return "(notes)" if users[0] == users[1] else "(private)"
