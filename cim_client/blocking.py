# Written by tools/gen-blocking from client.py, groups.py and local.py; a test compares.
"""The SDK for ordinary blocking code: the same client, in a thread of its own.

    with connect("http://127.0.0.1:8083", name="alice", password="...", register=True) as me:
        me.send("bob", "hello")
        for message in me.messages():
            ...

May be used by several threads at once. Ctrl-C ends the call it interrupts, as cancelling does in trio.
`messages` and `events` take `timeout_s`: they end when nothing has come for so long, and can be asked again.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Literal, TypeVar

from cim_client import client as _client
from cim_client import groups as _groups
from cim_client import local as _local
from cim_client.background import Calls, Stream, in_background, in_pieces
from cim_client.errors import CimError
from cim_client.streams import History as _History
from cim_client.types import (
    Conversation,
    Device,
    Event,
    Found,
    Gap,
    Member,
    Message,
    Presence,
    Receipt,
    Scheduled,
    Waiting,
)

T = TypeVar("T")


class History(Stream[Message]):
    """The texts of a part of a log. `gaps` grows by what one asked for and cannot have."""

    def __init__(self, calls: Calls, history: _History) -> None:
        super().__init__(calls, history)
        self._history = history

    @property
    def gaps(self) -> list[Gap]:
        return self._history.gaps


class Group:
    """A group by its id. All methods raise `Refused` with a code where the group does not allow it.

    Each change returns when it stands in the group's log, and every member sees it at the same place between the same
    messages.
    """

    def __init__(self, calls: Calls, inner: _groups.Group) -> None:
        self._calls = calls
        self._inner = inner

    def __repr__(self) -> str:
        return repr(self._inner)

    @property
    def id(self) -> str:
        return self._inner.id

    @property
    def name(self) -> str:
        return self._inner.name

    def send(self, text: str, reply_to: int | None = None) -> Receipt:
        """Write a message to the group."""
        return self._calls.wait(partial(self._inner.send, text, reply_to))

    def members(self) -> list[Member]:
        """Everyone who takes part, by name."""
        return self._calls.wait(partial(self._inner.members))

    def invite(self, *names: str | Iterable[str]) -> None:
        """Make users members. Who is one already is passed over, unless all are (ALREADY_A_MEMBER)."""
        return self._calls.wait(partial(self._inner.invite, *names))

    def kick(self, *names: str | Iterable[str]) -> None:
        """Take members out; they may be invited again."""
        return self._calls.wait(partial(self._inner.kick, *names))

    def ban(self, *names: str | Iterable[str]) -> None:
        """Take users out, and let nobody invite them."""
        return self._calls.wait(partial(self._inner.ban, *names))

    def unban(self, *names: str | Iterable[str]) -> None:
        """Let them be invited again."""
        return self._calls.wait(partial(self._inner.unban, *names))

    def leave(self) -> None:
        """Take part no more. An owner is followed by the admin, else the member, of longest standing."""
        return self._calls.wait(partial(self._inner.leave))

    def set_role(self, name: str, role: str) -> None:
        """Make a member "admin" or "member"; "owner" hands the group over."""
        return self._calls.wait(partial(self._inner.set_role, name, role))

    def transfer(self, name: str) -> None:
        """Hand the group over; the owner becomes an admin."""
        return self._calls.wait(partial(self._inner.transfer, name))

    def rename(self, name: str, topic: str = "") -> None:
        """Give the group another name and topic."""
        return self._calls.wait(partial(self._inner.rename, name, topic))

    def dissolve(self) -> None:
        """Nobody writes there any more; it can still be read."""
        return self._calls.wait(partial(self._inner.dissolve))


def _plain(to: Group | T) -> _groups.Group | T:
    return to._inner if isinstance(to, Group) else to


class Local:
    """Messages kept by this device, drafts, settings and typed lines. Nothing here asks the cluster.

    In the data folder; without one in memory, for as long as the client lives. Messages are there with
    `connect(keep_messages=True)` only. A conversation is a `Group`, "lobby" or a conversation id. All of it is quick,
    connected or not: no call does more than some milliseconds of work, a search at most some tens.
    """

    def __init__(self, calls: Calls, inner: _local.Local) -> None:
        self._calls = calls
        self._inner = inner

    @property
    def failure(self) -> str:
        """Why nothing is kept in the data folder any more (`connect(on_store_failure="memory")`); "" if all is well."""
        return self._calls.now(lambda: self._inner.failure)

    def search(
        self, text: str, conversation: Group | str | None = None, limit: int = 50, before_id: int | None = None
    ) -> list[Found]:
        """Messages that hold a text, in any script and either case, newest first; of one conversation, or of all.

        With the `id` of the last one found as `before_id` a search goes on. At most 1,000 at a time.
        """
        return self._calls.now(partial(self._inner.search, text, _plain(conversation), limit, before_id))

    def messages(self, conversation: Group | str, limit: int = 100, before_seq: int | None = None) -> list[Message]:
        """Messages of a conversation, newest first, or those below `before_seq`. At most 1,000 at a time."""
        return self._calls.now(partial(self._inner.messages, _plain(conversation), limit, before_seq))

    def latest(self, conversation: Group | str) -> Message | None:
        """The newest message of a conversation."""
        return self._calls.now(partial(self._inner.latest, _plain(conversation)))

    def export(self, conversation: Group | str | None = None) -> Iterator[Message]:
        """All messages, or those of a conversation, oldest first. They are read some at a time as one goes on."""
        return in_pieces(self._calls, partial(self._inner.export, _plain(conversation)))

    def draft(self, conversation: Group | str) -> str:
        """What was half typed in a conversation, "" if nothing was."""
        return self._calls.now(partial(self._inner.draft, _plain(conversation)))

    def set_draft(self, conversation: Group | str, text: str) -> None:
        """Keep what is half typed, up to 65,536 characters of it, over restarts; "" forgets it."""
        return self._calls.now(partial(self._inner.set_draft, _plain(conversation), text))

    def setting(self, name: str) -> str | None:
        """What a setting of the program was set to last, None if it never was."""
        return self._calls.now(partial(self._inner.setting, name))

    def set_setting(self, name: str, value: str | None) -> None:
        """Keep a setting over restarts; None forgets it.

        Raises:
            ValueError: name or value has more than 4,096 characters, or there are 256 settings already.
        """
        return self._calls.now(partial(self._inner.set_setting, name, value))

    def typed(self, limit: int = 1000) -> list[str]:
        """Lines typed before, oldest first, at most the newest `limit`."""
        return self._calls.now(partial(self._inner.typed, limit))

    def add_typed(self, line: str) -> None:
        """Remember a line for `typed`, the newest 1,000 of them. One that is typed again at once is remembered once."""
        return self._calls.now(partial(self._inner.add_typed, line))


class Client:
    """A device of a user, connected or on its way back. Made by `connect`.

    Wherever a method takes `to` or `conversation` it means a `Group`, the name of a user, "lobby" or a conversation id.
    Methods that ask the cluster raise `Refused`, `Unavailable` after 30 s without an answer, or `Closed`.
    """

    def __init__(self, calls: Calls, inner: _client.Client) -> None:
        self._calls = calls
        self._inner = inner

    @property
    def name(self) -> str:
        return self._calls.now(lambda: self._inner.name)

    @property
    def user_id(self) -> int:
        """0 before the first login of a data folder, and until one is connected without one."""
        return self._calls.now(lambda: self._inner.user_id)

    @property
    def device(self) -> str:
        return self._calls.now(lambda: self._inner.device)

    @property
    def token(self) -> str:
        """Good for `connect(token=...)` instead of the password, for a while."""
        return self._calls.now(lambda: self._inner.token)

    @property
    def server(self) -> str:
        """The IM server one is connected to; empty without a connection."""
        return self._calls.now(lambda: self._inner.server)

    @property
    def state(self) -> str:
        """connecting, connected, reconnecting or closed."""
        return self._calls.now(lambda: self._inner.state)

    def ready(self) -> None:
        """Wait until one is connected and knows one's conversations, as `connect` does unless told `wait=False`.

        Raises:
            CimError: the client has ended before.
        """
        return self._calls.wait(partial(self._inner.ready))

    @property
    def error(self) -> CimError | None:
        """What has ended the client, if it was not `close`."""
        return self._calls.now(lambda: self._inner.error)

    @property
    def syncing(self) -> int:
        """Conversations in which older messages may still be on their way; the event "synced" tells when none is."""
        return self._calls.now(lambda: self._inner.syncing)

    @property
    def queues(self) -> dict[str, int]:
        """What waits here: messages ("unread") and "events" for the program, "to_send" for the cluster.

        And "events_dropped": those that were not taken in time.
        """
        return self._calls.now(lambda: self._inner.queues)

    @property
    def local(self) -> Local:
        """What this device keeps on its own machine: messages, drafts, settings, typed lines."""
        return self._calls.now(lambda: Local(self._calls, self._inner.local))

    def send(self, to: Group | str, text: str, *, reply_to: int | None = None, timeout_s: float = 30.0) -> Receipt:
        """Send a message; returns when it is durable. `reply_to` is the seq of the message it answers.

        Tried again by itself, with the same id, over reconnects. After `timeout_s`, or when cancelled, it is given
        up: it is not tried again, and what became of the last try is unknown.

        Raises:
            Refused: it was not stored and never will be; `.code` says why.
            OutcomeUnknown: no answer in time.
            Closed: the client has ended.
        """
        return self._calls.wait(partial(self._inner.send, _plain(to), text, reply_to=reply_to, timeout_s=timeout_s))

    def post(self, to: Group | str, text: str, *, reply_to: int | None = None) -> str:
        """Queue a message and return its id without waiting; the events "stored" and "failed" tell the rest.

        With a data folder it is sent even if the program ends before: the next one does it.

        Raises:
            CimError: OVERLOADED, with 10,000 waiting already.
        """
        return self._calls.wait(partial(self._inner.post, _plain(to), text, reply_to=reply_to))

    def waiting(self) -> list[Waiting]:
        """What was posted, by this program or an earlier one with the data folder, and is not settled; in order."""
        return self._calls.now(partial(self._inner.waiting))

    def send_once(
        self, to: Group | str, text: str, key: str, *, reply_to: int | None = None, timeout_s: float = 30.0
    ) -> Receipt:
        """Send a message that is stored once under `key`, from whichever device, program and run, within 7 days.

        `key` is 1 to 128 visible ASCII characters. It goes through route, one message at a time; it keeps no order with
        what `send` sends.

        Raises:
            Refused: ID_REUSED, if the key was used with another text in that conversation; or as `send`.
            OutcomeUnknown: no answer in time; the same call may be made again.
        """
        return self._calls.wait(
            partial(self._inner.send_once, _plain(to), text, key, reply_to=reply_to, timeout_s=timeout_s)
        )

    def messages(self, timeout_s: float | None = None) -> Iterator[Message]:
        """Messages as they come, each once, in order per conversation; ends when the client closes.

        A message counts as shown when the next one is asked for.
        """
        return Stream(self._calls, partial(self._inner.messages)(), timeout_s)

    def taken_up_to(self, conversation: str) -> int | None:
        """The seq up to which nothing of a conversation, by its id, is to come any more from `messages`.

        A message of one's own at the next seq, of which "stored" tells, is in its place in the log when it is shown
        now. None if the conversation is not known (yet).
        """
        return self._calls.now(partial(self._inner.taken_up_to, conversation))

    def events(self, timeout_s: float | None = None) -> Iterator[Event]:
        """What happens, the last 1,000 of it: when nobody reads them the oldest are dropped. Ends with the client."""
        return Stream(self._calls, partial(self._inner.events)(), timeout_s)

    def history(
        self,
        to: Group | str,
        limit: int = 100,
        before_seq: int | None = None,
        after_seq: int | None = None,
        at: datetime | float | None = None,
    ) -> History:
        """Messages of a conversation as they are now, one's own among them; moves no position.

        Newest first, from the head or below `before_seq`; oldest first above `after_seq`, or from the time `at` (a
        datetime, or seconds since 1970) on. The `gaps` of what is returned name what one may not or can not read.
        """
        return History(self._calls, partial(self._inner.history, _plain(to), limit, before_seq, after_seq, at)())

    def edit(self, conversation: Group | str, seq: int, text: str) -> Receipt:
        """Give a message of one's own another text."""
        return self._calls.wait(partial(self._inner.edit, _plain(conversation), seq, text))

    def recall(self, conversation: Group | str, seq: int) -> Receipt:
        """Take a message back: one's own, or, as admin of a group, anybody's."""
        return self._calls.wait(partial(self._inner.recall, _plain(conversation), seq))

    def react(self, conversation: Group | str, seq: int, emoji: str, remove: bool = False) -> Receipt:
        """Put an emoji to a message, or take it back."""
        return self._calls.wait(partial(self._inner.react, _plain(conversation), seq, emoji, remove))

    def pin_message(self, conversation: Group | str, seq: int, remove: bool = False) -> Receipt:
        """Pin a message for everyone in the conversation, or no longer."""
        return self._calls.wait(partial(self._inner.pin_message, _plain(conversation), seq, remove))

    def create_group(
        self, name: str, members: Sequence[str] = (), topic: str = "", history: str = "join", invite: str = "members"
    ) -> Group:
        """Make a group and be its owner.

        `history`: a new member reads "all" of it, or what comes after one's "join". `invite`: whether all "members"
        may invite, or "admins" only.
        """
        return Group(
            self._calls, self._calls.wait(partial(self._inner.create_group, name, members, topic, history, invite))
        )

    def group(self, which: str) -> Group:
        """A group one takes part in, by its id or its name; before the first connection as the data folder knows it.

        Raises:
            Refused: NO_SUCH_CONVERSATION.
        """
        return Group(self._calls, self._calls.now(partial(self._inner.group, which)))

    def conversation_id(self, to: Group | str) -> str:
        """The id of the conversation that the name of a user, "lobby" or an id stands for.

        Raises:
            Refused: NO_SUCH_USER.
        """
        return self._calls.wait(partial(self._inner.conversation_id, _plain(to)))

    def members(self, conversation: Group | str) -> list[Member]:
        """Who takes part in a group or a direct conversation, by name."""
        return self._calls.wait(partial(self._inner.members, _plain(conversation)))

    def conversations(self) -> list[Conversation]:
        """One's conversations, the one active last first."""
        return self._calls.wait(partial(self._inner.conversations))

    def unread(self) -> dict[str, int]:
        """How many messages of others stand above one's read mark, by conversation id, where there are any."""
        return self._calls.wait(partial(self._inner.unread))

    def mark_read(self, conversation: Group | str, seq: int) -> None:
        """Everything up to seq is read, on all of one's devices."""
        return self._calls.wait(partial(self._inner.mark_read, _plain(conversation), seq))

    def read_by(self, conversation: Group | str) -> dict[str, int]:
        """Up to where each member has read."""
        return self._calls.wait(partial(self._inner.read_by, _plain(conversation)))

    def typing(self, conversation: Group | str) -> None:
        """Let the others know that one is typing; told at most once every 3 s."""
        return self._calls.wait(partial(self._inner.typing, _plain(conversation)))

    def pin(self, conversation: Group | str, on: bool = True) -> None:
        """Keep the conversation on top of one's list."""
        return self._calls.wait(partial(self._inner.pin, _plain(conversation), on))

    def mute(self, conversation: Group | str, on: bool = True) -> None:
        """Not be disturbed by a conversation; its messages come all the same."""
        return self._calls.wait(partial(self._inner.mute, _plain(conversation), on))

    def block(self, name: str) -> None:
        """Let a user not write to one any more."""
        return self._calls.wait(partial(self._inner.block, name))

    def unblock(self, name: str) -> None:
        """Let a user write again."""
        return self._calls.wait(partial(self._inner.unblock, name))

    def schedule(
        self, to: Group | str, text: str, *, in_s: float | None = None, at: datetime | None = None
    ) -> Scheduled:
        """Have a message sent in some seconds or at a time, connected or not. At most 100, and a year ahead."""
        return self._calls.wait(partial(self._inner.schedule, _plain(to), text, in_s=in_s, at=at))

    def scheduled(self) -> list[Scheduled]:
        """What waits, the next one first."""
        return self._calls.wait(partial(self._inner.scheduled))

    def reschedule(
        self, schedule: str, text: str | None = None, in_s: float | None = None, at: datetime | None = None
    ) -> Scheduled:
        """Change text or time of a message that waits.

        Raises:
            Refused: NO_SUCH_SCHEDULE, or ALREADY_SENT: `.seq` says where it stands.
        """
        return self._calls.wait(partial(self._inner.reschedule, schedule, text, in_s, at))

    def cancel(self, schedule: str) -> None:
        """Have it not sent. Raises like `reschedule`."""
        return self._calls.wait(partial(self._inner.cancel, schedule))

    def devices(self) -> list[Device]:
        """One's devices; `current` is this one."""
        return self._calls.wait(partial(self._inner.devices))

    def logout_device(self, device_id: str) -> None:
        """End a device's connection and let it not come back without the password."""
        return self._calls.wait(partial(self._inner.logout_device, device_id))

    def presence(self, name: str) -> Presence:
        """Whether a user is online, as far as one may know."""
        return self._calls.wait(partial(self._inner.presence, name))

    def set_receipts(self, on: bool) -> None:
        """Whether others see what one has read, and what one's devices have shown."""
        return self._calls.wait(partial(self._inner.set_receipts, on))

    def set_last_seen(self, on: bool) -> None:
        """Whether others see when one was last online."""
        return self._calls.wait(partial(self._inner.set_last_seen, on))

    def online(self) -> list[str]:
        """Names of the users connected now."""
        return self._calls.wait(partial(self._inner.online))

    def users(self, prefix: str, limit: int = 20) -> list[str]:
        """Names that begin with a prefix."""
        return self._calls.wait(partial(self._inner.users, prefix, limit))

    def close(self) -> None:
        """End: what was shown is written, what waits is given up (posted messages stay in the data folder)."""
        return self._calls.wait(partial(self._inner.close))


@contextlib.contextmanager
def connect(
    route: str,
    *,
    name: str,
    password: str | None = None,
    token: str | None = None,
    register: bool = False,
    data_dir: str | os.PathLike[str] | None = None,
    timeout_s: float = 30.0,
    wait: bool = True,
    on_store_failure: Literal["raise", "memory"] = "raise",
    keep_messages: bool = False,
) -> Iterator[Client]:
    """Log in and connect; the client ends with the block.

    `register` creates the account if there is none of that name. `token` is that of an earlier login
    (`client.token`) and saves the password. Without `data_dir` the device is ephemeral: it begins with what is sent
    from now on. With it, the device keeps its positions and what it posted.

    With `keep_messages` what is shown, sent and read back is kept, to be searched in `client.local`; without `data_dir`
    in memory.

    With `wait=False` it connects in the background, for as long as it takes, and the block begins at once: `state` is
    "connecting", and what is posted is sent when there is a connection. Should route refuse the login, the client ends:
    the event "connection" has the state "closed", and `client.error` says why. An account has to exist for that:
    `register` waits.

    With `on_store_failure="memory"` a data folder that cannot be used, be it from the beginning or from some moment on
    (a full disk, a damaged file), ends nothing: the client goes on in memory, and the event "notice" with the state
    "storage" says so once.

    Raises:
        Refused: wrong password, name taken or unusable, and the like.
        Unavailable: no route or no server within `timeout_s`.
        CimError: the data folder cannot be used.
    """
    with in_background(
        partial(
            _client.connect,
            route,
            name=name,
            password=password,
            token=token,
            register=register,
            data_dir=data_dir,
            timeout_s=timeout_s,
            wait=wait,
            on_store_failure=on_store_failure,
            keep_messages=keep_messages,
        )
    ) as (inner, calls):
        yield Client(calls, inner)
