"""What the action of a command may use: the client, where one is, and the window to print in.

`Window` is what the chat on the screen offers; `Context` adds what follows from the SDK alone: who a name means, which
message a reference means.
"""

import copy
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import trio

from cim_client import LOBBY, Client, Group, Message, Refused, direct, direct_users, is_group
from cim_client.terminal.commands.answers import Answers
from cim_client.terminal.commands.settings import Settings
from cim_client.terminal.commands.syntax import Wrong
from cim_client.terminal.display.lines import Line, note

if TYPE_CHECKING:
    from cim_client.terminal.commands.actions.history import Search

RESOLVE_S = 5.0
"""How long it may take to learn which conversation a name means."""

NEWEST = "^"
"""The newest message, where a message is to be named; `#17` and `17` are the one at that seq."""


class Address(NamedTuple):
    """Where a message goes. `to` is what the SDK takes: a conversation id, or the name of a user; `name` is shown."""

    to: str
    name: str

    @property
    def label(self) -> str:
        """No name of a user begins with `#`, so a group cannot pass for one."""
        return f"#{self.name}" if is_group(self.to) else self.name

    @property
    def is_lobby(self) -> bool:
        return self.to == LOBBY


THE_LOBBY = Address(LOBBY, LOBBY)


class Window(Protocol):
    """The chat on the screen."""

    @property
    def current(self) -> Address:
        """Where text goes that says nothing else."""

    @property
    def width(self) -> int | None:
        """Columns to fold at; None where nobody counts them."""

    async def switch(self, to: Address) -> None:
        """Make another conversation the current one."""

    async def say(self, to: Address, text: str, reply_to: int = 0) -> None:
        """Send a message: it is pending until it is known what became of it."""

    async def show(self, lines: list[Line]) -> None:
        """Print."""

    def history(self, messages: Sequence[Message]) -> list[Line]:
        """Messages of one conversation, oldest first, as they are printed; what is printed will not come again."""

    def label(self, conversation: str) -> str:
        """What a conversation is called, a group with its `#`."""

    def renamed(self, conversation: str, name: str) -> None:
        """One has given a conversation another name; of those others give the window hears by itself."""

    async def settled(self) -> None:
        """Wait until it is known what became of the messages of one's own that are under way now."""

    def newest(self, conversation: str, own: bool) -> int:
        """The seq of the newest message shown of a conversation, or of one's own there; 0 if there is none."""

    def state(self) -> list[tuple[str, str]]:
        """What `/info` tells of the window, as pairs of label and value."""

    async def retry(self) -> None:
        """Send again what failed last."""

    async def next_unread(self) -> None:
        """Switch to a conversation with unread messages."""

    def quit(self) -> None:
        """Leave when what is being done is done."""


class Searching:
    """The search whose next page can be asked for."""

    def __init__(self) -> None:
        self.last: Search | None = None


class Context:
    """What an action gets. `answers`: who answers what is typed, which is sent to nobody then (`:ai`)."""

    def __init__(self, me: Client, route: str, window: Window, settings: Settings) -> None:
        self.me = me
        self.route = route
        self.window = window
        self.settings = settings
        self.answers: Answers | None = None
        self.searching = Searching()
        self._pinned: Address | None = None

    def pinned(self) -> "Context":
        """The same, with the conversation that is the current one now, wherever one goes meanwhile."""
        pinned = copy.copy(self)
        pinned._pinned = self.current
        return pinned

    @property
    def answering(self) -> bool:
        return self.answers is not None

    def check_sending(self) -> None:
        """Raises `Wrong` while nothing is to be sent."""
        if self.answers is not None:
            raise Wrong(f"not sent: you are talking to the {self.answers.name}, :qai ends that")

    @property
    def current(self) -> Address:
        return self._pinned or self.window.current

    @property
    def conversation(self) -> str:
        """The current conversation's id (or the name of a user one could not ask for yet)."""
        return self.current.to

    # -- printing ----------------------------------------------------------------------------------------

    async def note(self, text: str, style: str = "note") -> None:
        """Print a sentence of the program's own."""
        await self.window.show([note(text, style)])

    async def show(self, lines: list[Line]) -> None:
        await self.window.show(lines)

    # -- what is done in the window ----------------------------------------------------------------------

    async def say(self, to: Address, text: str, reply_to: int = 0) -> None:
        await self.window.say(to, text, reply_to)

    async def switch(self, which: str) -> None:
        """Go to the conversation that a name means.

        Raises:
            Wrong: it means none, or it may mean two.
            CimError: there is no such user.
        """
        await self.window.switch(await self._placed(await self.to(which)))

    def quit(self) -> None:
        self.window.quit()

    # -- what words mean ---------------------------------------------------------------------------------

    async def to(self, which: str) -> Address:
        """Where a name leads: `lobby`, a user's name or id, a group's name; `@name` is a user, `#name` a group.

        A name that a user has as well as a group one is in means neither: whoever names a group like somebody would
        otherwise read what is written to him. That is all that is asked for here; the name of a user is
        taken as it is, so that one can write without a connection.

        Raises:
            Wrong: it means nothing, or may mean two.
        """
        if which == LOBBY:
            return THE_LOBBY
        if which.startswith("@") and len(which) > 1:
            return self._user(which[1:])
        if which.startswith("#") and len(which) > 1:
            return self._at(self.group(which[1:]))
        if direct_users(which) is not None:
            return Address(which, which)
        try:
            group = self._at(self.group(which))
        except Wrong:
            return self._user(which)
        if group.to == which or await self._is_free(which):
            return group
        raise Wrong(f"{which} is a group and may be a user too: say #{which} for the group, @{which} for the user")

    def _user(self, name: str) -> Address:
        """No name is all digits, so digits are a user id."""
        if re.fullmatch("[0-9]{10,16}", name):
            conversation = direct(self.me.user_id, int(name))
            if direct_users(conversation) is not None:
                return Address(conversation, name)
        return Address(name, name)

    def group(self, name: str) -> Group:
        """A group one is in, by its name or id.

        Raises:
            Wrong: there is none.
        """
        try:
            return self.me.group(name)
        except Refused:
            raise Wrong(f"you are in no group {name}") from None

    @staticmethod
    def _at(group: Group) -> Address:
        return Address(group.id, group.name)

    async def _is_free(self, name: str) -> bool:
        """Whether it is known that no user has the name."""
        with trio.move_on_after(self._patience_s):
            try:
                await self.me.conversation_id(name)
            except Refused:
                return True
        return False

    async def _placed(self, address: Address) -> Address:
        """The address with the id of its conversation, where that can be learnt now."""
        with trio.move_on_after(self._patience_s):
            return Address(await self.me.conversation_id(address.to), address.name)
        return address

    @property
    def _patience_s(self) -> float:
        return RESOLVE_S if self.me.state == "connected" else 0.0

    async def message(self, reference: str, own: bool = False) -> int:
        """The seq that `17`, `#17` or `^` means in the current conversation; `own`: `^` is the newest of one's own.

        Of one's own that may be one that is under way: its number is waited for, within the command's patience.

        Raises:
            Wrong: it means none.
        """
        if reference == NEWEST:
            if own:
                await self.window.settled()
            seq = self.window.newest(self.conversation, own)
            if not seq:
                raise Wrong("there is no message of yours here yet" if own else "there is no message here yet")
            return seq
        match = re.fullmatch(r"#?([1-9][0-9]{0,14})", reference)
        if match is None:
            raise Wrong(f"{reference} is no message: say its number, such as #17, or {NEWEST} for the newest one")
        return int(match[1])
