"""The SDK: what programs use. `connect` gives a `Client` that sends, receives, and keeps itself connected.

    async with connect("http://127.0.0.1:8083", name="alice", password="...", register=True) as me:
        receipt = await me.send("bob", "hello")
        async for message in me.messages():
            ...

`send` returns when the message is durable. Every message of others is shown once, in order per conversation.
docs/sdk.md tells the whole of it.
"""

import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Literal

import trio

from cim_client.account import Account
from cim_client.conversing import Conversing
from cim_client.core import Core
from cim_client.errors import CimError, Refused, Unavailable
from cim_client.groups import Group, chunks, id_of
from cim_client.local import Local
from cim_client.route_api import RouteApi
from cim_client.store.contract import LocalStore
from cim_client.store.failing import FallibleStore, open_or_memory
from cim_client.store.opening import any_unsent, open_store
from cim_client.streams import History, Stream
from cim_client.types import Conversation, Device, Event, Member, Message, Presence, Receipt, Scheduled, Waiting
from cim_common import ids
from cim_common.wire.codes import Code
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Send

REGISTER_AGAIN_S = 0.3


class Client:
    """A device of a user, connected or on its way back. Made by `connect`.

    Wherever a method takes `to` or `conversation` it means a `Group`, the name of a user, "lobby" or a conversation id.
    Methods that ask the cluster raise `Refused`, `Unavailable` after 30 s without an answer, or `Closed`.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._conversing = Conversing(core)
        self._account = Account(core)

    # -- who and where -----------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self._core.name

    @property
    def user_id(self) -> int:
        """0 before the first login of a data folder, and until one is connected without one."""
        return self._core.user_id

    @property
    def device(self) -> str:
        return self._core.store.device

    @property
    def token(self) -> str:
        """Good for `connect(token=...)` instead of the password, for a while."""
        return self._core.token

    @property
    def server(self) -> str:
        """The IM server one is connected to; empty without a connection."""
        return self._core.server

    @property
    def state(self) -> str:
        """connecting, connected, reconnecting or closed."""
        return self._core.state

    async def ready(self) -> None:
        """Wait until one is connected and knows one's conversations, as `connect` does unless told `wait=False`.

        Raises:
            CimError: the client has ended before.
        """
        await self._core.ready()

    @property
    def error(self) -> CimError | None:
        """What has ended the client, if it was not `close`."""
        return self._core.error

    @property
    def syncing(self) -> int:
        """Conversations in which older messages may still be on their way; the event "synced" tells when none is."""
        return self._core.inbox.syncing

    @property
    def queues(self) -> dict[str, int]:
        """What waits here: messages ("unread") and "events" for the program, "to_send" for the cluster.

        And "events_dropped": those that were not taken in time.
        """
        core = self._core
        return {
            "unread": core.inbox.unread,
            "to_send": len(core.sending.outbox),
            "events": len(core.events),
            "events_dropped": core.events.dropped,
        }

    @property
    def local(self) -> Local:
        """What this device keeps on its own machine: messages, drafts, settings, typed lines."""
        return Local(self._core.store)

    # -- messages ----------------------------------------------------------------------------------------

    async def send(
        self, to: Group | str, text: str, *, reply_to: int | None = None, timeout_s: float = 30.0
    ) -> Receipt:
        """Send a message; returns when it is durable. `reply_to` is the seq of the message it answers.

        Tried again by itself, with the same id, over reconnects. After `timeout_s`, or when cancelled, it is given
        up: it is not tried again, and what became of the last try is unknown.

        Raises:
            Refused: it was not stored and never will be; `.code` says why.
            OutcomeUnknown: no answer in time.
            Closed: the client has ended.
        """
        return await self._conversing.send(id_of(to), text, reply_to, timeout_s)

    async def post(self, to: Group | str, text: str, *, reply_to: int | None = None) -> str:
        """Queue a message and return its id without waiting; the events "stored" and "failed" tell the rest.

        With a data folder it is sent even if the program ends before: the next one does it.

        Raises:
            CimError: OVERLOADED, with 10,000 waiting already.
        """
        posted = self._core.sending.post(id_of(to), Send("", 0, 0, text, reply_to or 0))
        await trio.lowlevel.checkpoint()
        return posted

    def waiting(self) -> list[Waiting]:
        """What was posted, by this program or an earlier one with the data folder, and is not settled; in order."""
        return self._core.sending.waiting()

    async def send_once(
        self, to: Group | str, text: str, key: str, *, reply_to: int | None = None, timeout_s: float = 30.0
    ) -> Receipt:
        """Send a message that is stored once under `key`, from whichever device, program and run, within 7 days.

        `key` is 1 to 128 visible ASCII characters. It goes through route, one message at a time; it keeps no order with
        what `send` sends.

        Raises:
            Refused: ID_REUSED, if the key was used with another text in that conversation; or as `send`.
            OutcomeUnknown: no answer in time; the same call may be made again.
        """
        return await self._account.send_once(id_of(to), text, key, reply_to, timeout_s)

    def messages(self) -> AsyncIterator[Message]:
        """Messages as they come, each once, in order per conversation; ends when the client closes.

        A message counts as shown when the next one is asked for.
        """
        return Stream(self._core.receiving.next_message)

    def taken_up_to(self, conversation: str) -> int | None:
        """The seq up to which nothing of a conversation, by its id, is to come any more from `messages`.

        A message of one's own at the next seq, of which "stored" tells, is in its place in the log when it is shown
        now. None if the conversation is not known (yet).
        """
        return self._core.inbox.taken_up_to(conversation)

    def events(self) -> AsyncIterator[Event]:
        """What happens, the last 1,000 of it: when nobody reads them the oldest are dropped. Ends with the client."""
        return Stream(self._core.events.next)

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
        return self._conversing.history(id_of(to), limit, before_seq, after_seq, at)

    async def edit(self, conversation: Group | str, seq: int, text: str) -> Receipt:
        """Give a message of one's own another text."""
        return await self._conversing.change(id_of(conversation), Kind.EDITED, ref=seq, text=text)

    async def recall(self, conversation: Group | str, seq: int) -> Receipt:
        """Take a message back: one's own, or, as admin of a group, anybody's."""
        return await self._conversing.change(id_of(conversation), Kind.RECALLED, ref=seq)

    async def react(self, conversation: Group | str, seq: int, emoji: str, remove: bool = False) -> Receipt:
        """Put an emoji to a message, or take it back."""
        return await self._conversing.change(id_of(conversation), Kind.REACTION, ref=seq, text=emoji, removed=remove)

    async def pin_message(self, conversation: Group | str, seq: int, remove: bool = False) -> Receipt:
        """Pin a message for everyone in the conversation, or no longer."""
        return await self._conversing.change(id_of(conversation), Kind.PINNED, ref=seq, removed=remove)

    # -- groups ------------------------------------------------------------------------------------------

    async def create_group(
        self,
        name: str,
        members: Sequence[str] = (),
        topic: str = "",
        history: str = "join",
        invite: str = "members",
    ) -> Group:
        """Make a group and be its owner.

        `history`: a new member reads "all" of it, or what comes after one's "join". `invite`: whether all "members"
        may invite, or "admins" only.
        """
        users = await self._conversing.users(members)
        first, *others = list(chunks(users)) or [()]
        group = ids.new_group()
        await self._conversing.change(
            group, Kind.CREATED, text=name, topic=topic, history=history, invite=invite, targets=first
        )
        self._core.receiving.created(group, name)
        for targets in others:
            await self._conversing.change(group, Kind.JOINED, targets=targets)
        return Group(self._conversing, group, name)

    def group(self, which: str) -> Group:
        """A group one takes part in, by its id or its name; before the first connection as the data folder knows it.

        Raises:
            Refused: NO_SUCH_CONVERSATION.
        """
        found = self._core.receiving.group(which)
        if found is None and ids.is_group(which):
            found = which, which
        if found is None:
            raise Refused(Code.NO_SUCH_CONVERSATION)
        return Group(self._conversing, *found)

    async def conversation_id(self, to: Group | str) -> str:
        """The id of the conversation that the name of a user, "lobby" or an id stands for.

        Raises:
            Refused: NO_SUCH_USER.
        """
        return await self._conversing.conversation(id_of(to))

    async def members(self, conversation: Group | str) -> list[Member]:
        """Who takes part in a group or a direct conversation, by name."""
        return await self._conversing.members(id_of(conversation))

    # -- one's own view of conversations -----------------------------------------------------------------

    async def conversations(self) -> list[Conversation]:
        """One's conversations, the one active last first."""
        return await self._conversing.conversations()

    async def unread(self) -> dict[str, int]:
        """How many messages of others stand above one's read mark, by conversation id, where there are any."""
        return {listed.id: listed.unread for listed in await self.conversations() if listed.unread}

    async def mark_read(self, conversation: Group | str, seq: int) -> None:
        """Everything up to seq is read, on all of one's devices."""
        await self._conversing.mark_read(id_of(conversation), seq)

    async def read_by(self, conversation: Group | str) -> dict[str, int]:
        """Up to where each member has read."""
        return {member.name: member.read for member in await self._conversing.members(id_of(conversation), reads=True)}

    async def typing(self, conversation: Group | str) -> None:
        """Let the others know that one is typing; told at most once every 3 s."""
        await self._conversing.typing(id_of(conversation))

    async def pin(self, conversation: Group | str, on: bool = True) -> None:
        """Keep the conversation on top of one's list."""
        await self._conversing.set(id_of(conversation), "pinned", on)

    async def mute(self, conversation: Group | str, on: bool = True) -> None:
        """Not be disturbed by a conversation; its messages come all the same."""
        await self._conversing.set(id_of(conversation), "muted", on)

    async def block(self, name: str) -> None:
        """Let a user not write to one any more."""
        users = await self._conversing.users([name])
        await self._conversing.change(name, Kind.BLOCKED, targets=tuple(users))

    async def unblock(self, name: str) -> None:
        """Let a user write again."""
        users = await self._conversing.users([name])
        await self._conversing.change(name, Kind.UNBLOCKED, targets=tuple(users))

    # -- later -------------------------------------------------------------------------------------------

    async def schedule(
        self, to: Group | str, text: str, *, in_s: float | None = None, at: datetime | None = None
    ) -> Scheduled:
        """Have a message sent in some seconds or at a time, connected or not. At most 100, and a year ahead."""
        return await self._account.schedule(id_of(to), text, in_s, at)

    async def scheduled(self) -> list[Scheduled]:
        """What waits, the next one first."""
        return await self._account.scheduled()

    async def reschedule(
        self, schedule: str, text: str | None = None, in_s: float | None = None, at: datetime | None = None
    ) -> Scheduled:
        """Change text or time of a message that waits.

        Raises:
            Refused: NO_SUCH_SCHEDULE, or ALREADY_SENT: `.seq` says where it stands.
        """
        return await self._account.reschedule(schedule, text, in_s, at)

    async def cancel(self, schedule: str) -> None:
        """Have it not sent. Raises like `reschedule`."""
        await self._account.cancel(schedule)

    # -- devices and people ------------------------------------------------------------------------------

    async def devices(self) -> list[Device]:
        """One's devices; `current` is this one."""
        return await self._account.devices()

    async def logout_device(self, device_id: str) -> None:
        """End a device's connection and let it not come back without the password."""
        await self._account.log_out_device(device_id)

    async def presence(self, name: str) -> Presence:
        """Whether a user is online, as far as one may know."""
        return await self._account.presence(name)

    async def set_receipts(self, on: bool) -> None:
        """Whether others see what one has read, and what one's devices have shown."""
        await self._conversing.set("", "receipts", on)

    async def set_last_seen(self, on: bool) -> None:
        """Whether others see when one was last online."""
        await self._conversing.set("", "last_seen", on)

    async def online(self) -> list[str]:
        """Names of the users connected now."""
        return await self._core.api.online(self.token)

    async def users(self, prefix: str, limit: int = 20) -> list[str]:
        """Names that begin with a prefix."""
        return await self._core.api.users(prefix, limit, self.token)

    async def close(self) -> None:
        """End: what was shown is written, what waits is given up (posted messages stay in the data folder)."""
        await self._core.close()


@contextlib.asynccontextmanager
async def connect(
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
) -> AsyncIterator[Client]:
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
    if register and not wait:
        raise ValueError("register=True has to wait for route's answer: it does not go with wait=False.")
    api = RouteApi(route)
    if register and password is not None:
        await _register(api, name, password, timeout_s)
    try:
        open_it = open_or_memory if data_dir is not None and on_store_failure == "memory" else open_store
        store: LocalStore = open_it(data_dir, api.url, name, keep_messages)
    except (OSError, ValueError) as error:
        raise CimError(Code.BAD_REQUEST, str(error)) from error
    failure: BaseException | None = None
    with contextlib.closing(store):
        core = Core(api, store, name, password, token)
        if isinstance(store, FallibleStore):
            store.listen(core.store_failed)
        async with trio.open_nursery() as nursery:
            await nursery.start(core.run)
            try:
                if wait:
                    await _wait_until_ready(core, timeout_s)
                yield Client(core)
            except BaseException as error:
                failure = error
            finally:
                with trio.CancelScope(shield=True):
                    await core.close()
                nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


def unsent(route: str, *, name: str, data_dir: str | os.PathLike[str]) -> bool:
    """Whether something posted waits in a data folder for the next program that connects with it.

    What a program has that uses the folder just now does not count: that one sends it.

    Raises:
        CimError: that is no address of a route.
    """
    return any_unsent(data_dir, RouteApi(route).url, name)


async def _wait_until_ready(core: Core, timeout_s: float) -> None:
    with trio.move_on_after(timeout_s) as scope:
        await core.ready()
    if scope.cancelled_caught:
        raise Unavailable(Code.NO_SERVER, f"No connection within {timeout_s:g} s.")


async def _register(api: RouteApi, name: str, password: str, timeout_s: float) -> None:
    deadline = trio.current_time() + timeout_s
    while True:
        try:
            await api.register(name, password)
            return
        except Refused as refused:
            if refused.code != Code.NAME_TAKEN:
                raise
            return
        except Unavailable as error:
            pause = max(error.after_s, REGISTER_AGAIN_S)
            if trio.current_time() + pause >= deadline:
                raise
            await trio.sleep(pause)
