"""The SDK: what programs use. `connect` gives a `Client` that sends, receives, and keeps itself connected.

    async with connect("http://127.0.0.1:8083", name="alice", password="...", register=True) as me:
        receipt = await me.send("bob", "hello")
        async for message in me.messages():
            ...

`send` returns when the message is durable. Every message of others is shown once, in order per conversation.
"""

import contextlib
import os
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

import trio

from cim_client.errors import CimError, Closed, OutcomeUnknown, Refused, Unavailable
from cim_client.inbox import Inbox
from cim_client.link import Link
from cim_client.outbox import MAX_QUEUED, Outbox, Outgoing, Settled
from cim_client.route_api import Place, RouteApi
from cim_client.store import LocalStore, Saved, open_store
from cim_client.streams import History, Stream
from cim_client.types import Event, Message, Receipt, message_of
from cim_common import ids
from cim_common.wire import messages as wire
from cim_common.wire.codes import Code

CURSOR_EVERY_S = 1.0
CLOSE_S = 2.0
"""How long closing may take to write what was shown."""

REQUEST_S = 5.0
"""An unanswered request is asked again after this, or fails with the connection."""

MAX_EVENTS = 1_000
TICK_S = 0.1
ENDINGS = 3_000
"""Codes from here up end the client, not the message: what was posted stays in the data folder."""

HISTORY_PAGE = 100
MAX_PAGES_SETTLING = 64


class _Request:
    """A request waiting for its answer."""

    __slots__ = ("answer", "done", "message", "written")

    def __init__(self, message: Any) -> None:
        self.message = message
        self.answer: Any = None
        self.written = False
        self.done = trio.Event()


class Client:
    """A device of a user, connected or on its way back. Made by `connect`."""

    def __init__(self, api: RouteApi, store: LocalStore, name: str, password: str | None, token: str | None) -> None:
        self._api = api
        self._store = store
        self._asked_name = name
        self._password = password
        self._link = Link(self, store.ephemeral)
        self._inbox = Inbox(store.device)
        self._outbox = Outbox()
        self._conversations: dict[str, str] = {ids.LOBBY: ids.LOBBY}
        self._requests: dict[int, _Request] = {}
        self._next_request = 0
        self._list_version = 0
        self._listing = 0
        self._notices: list[wire.Hold] = []
        self._settling: deque[int] = deque()
        self._cursors_due = 0.0
        self._moved: dict[str, int] = {}
        self._arrived = trio.Event()
        self._events: deque[Event] = deque(maxlen=MAX_EVENTS)
        self._happened = trio.Event()
        self._error: CimError | None = None
        self._closed = False
        self._background: trio.Nursery | None = None
        self.ready = trio.Event()
        self.name = name
        self.user_id = 0
        self.token = token or ""
        self.server = ""
        self.state = "connecting"

    @property
    def device(self) -> str:
        return self._store.device

    # -- sending -----------------------------------------------------------------------------------------

    async def send(self, to: str, text: str, *, timeout_s: float = 30.0) -> Receipt:
        """Send to a user name, "lobby" or a conversation id; returns when the message is durable.

        Tried again by itself, with the same id, over reconnects. After `timeout_s`, or when cancelled, it is given
        up: it is not tried again, and what became of the last try is unknown.

        Raises:
            Refused: it was not stored and never will be; `.code` says why.
            OutcomeUnknown: no answer in time.
            Closed: the client has ended.
        """
        self._check_open()
        done = trio.Event()
        outcome: list[Settled] = []

        def settled(message: Outgoing, result: Settled) -> None:
            outcome.append(result)
            done.set()

        message = self._queue(to, text, trio.current_time() + timeout_s, settled)
        try:
            await done.wait()
        except trio.Cancelled:
            self._outbox.give_up(message)
            raise
        (result,) = outcome
        if result.code == Code.OUTCOME_UNKNOWN:
            raise OutcomeUnknown
        if result.code and self._error is not None:
            raise Closed(result.code, result.message)
        if result.code:
            raise Refused(result.code, result.message)
        return Receipt(message.conversation, result.seq, self._id_of(message))

    async def post(self, to: str, text: str) -> str:
        """Queue a message and return its id without waiting; events tell what becomes of it.

        With a data folder it is sent even if the program ends before: the next one does it.

        Raises:
            CimError: OVERLOADED, with 10,000 waiting already.
        """
        self._check_open()
        message = self._queue(to, text, None, self._post_settled)
        message.saved = True
        self._store.save(Saved(message.n, to, text))
        await trio.lowlevel.checkpoint()
        return self._id_of(message)

    def _queue(self, to: str, text: str, deadline: float | None, done: Callable[[Outgoing, Settled], None]) -> Outgoing:
        if len(self._outbox) >= MAX_QUEUED:
            raise CimError(Code.OVERLOADED, f"{MAX_QUEUED} messages are waiting already.")
        message = Outgoing(self._store.next_n(), to, text, deadline, done)
        self._add(message)
        return message

    def _add(self, message: Outgoing) -> None:
        known = self._conversations.get(message.to)
        if known is None and ids.direct_users(message.to) is not None:
            known = message.to
        self._outbox.add(message, known)
        self._link.wake()

    def _id_of(self, message: Outgoing) -> str:
        return f"{self.user_id}:{self._store.device}:{message.n}"

    def _post_settled(self, message: Outgoing, result: Settled) -> None:
        if message.saved and result.code < ENDINGS:
            self._store.forget(message.n)
        kind = "failed" if result.code else "stored"
        self._happen(
            Event(
                kind,
                client_msg_id=self._id_of(message),
                conversation=message.conversation,
                seq=result.seq,
                code=result.code,
                text=result.message,
            )
        )

    def _settle(self, n: int, result: Settled) -> None:
        message = self._outbox.settle(n)
        if message is not None:
            message.done(message, result)

    # -- receiving ---------------------------------------------------------------------------------------

    def messages(self) -> AsyncIterator[Message]:
        """Messages as they come, each once, in order per conversation; ends when the client closes.

        A message counts as shown when the next one is asked for.
        """
        return Stream(self._next_message)

    async def _next_message(self) -> Message | None:
        await trio.lowlevel.checkpoint()
        while True:
            item = self._inbox.next_message()
            self._note_moved()
            if item is not None:
                self._link.wake()
                return message_of(*item)
            if self._closed or self._error is not None:
                return None
            await self._arrived.wait()

    def events(self) -> AsyncIterator[Event]:
        """What happens, the last 1,000 of it; ends when the client closes."""
        return Stream(self._next_event)

    async def _next_event(self) -> Event | None:
        await trio.lowlevel.checkpoint()
        while not self._events:
            if self._closed or self._error is not None:
                return None
            await self._happened.wait()
        return self._events.popleft()

    def _happen(self, event: Event) -> None:
        self._events.append(event)
        self._happened.set()
        self._happened = trio.Event()

    def _arrive(self) -> None:
        self._arrived.set()
        self._arrived = trio.Event()

    def _note_moved(self) -> None:
        moved = self._inbox.moved()
        if moved:
            self._store.set_positions(moved)
            if not self._moved:
                self._cursors_due = trio.current_time() + CURSOR_EVERY_S
            self._moved.update(moved)

    def history(self, to: str, limit: int = 50, before_seq: int | None = None) -> AsyncIterator[Message]:
        """Messages of a conversation, newest first, one's own among them; moves no position.

        Raises:
            Refused: there is no such user or conversation. Unavailable: no answer in time.
        """
        return Stream(History(lambda before, left: self._pull(to, before, left), limit, before_seq or 0).next)

    async def _pull(self, to: str, before: int, limit: int) -> wire.Page:
        """One page of a log downwards; `before` 0 is from the head."""
        conversation = await self._conversation(to)
        request = self._new_request_id()
        page: wire.Page = await self._ask(request, wire.Pull(request, conversation, before, min(limit, HISTORY_PAGE)))
        return page

    async def online(self) -> list[str]:
        """Names of the users connected now."""
        return await self._api.online(self.token)

    async def users(self, prefix: str, limit: int = 20) -> list[str]:
        """Names that begin with a prefix."""
        return await self._api.users(prefix, limit, self.token)

    # -- requests ----------------------------------------------------------------------------------------

    async def _conversation(self, to: str) -> str:
        known = self._conversations.get(to)
        if known is None and ids.direct_users(to) is not None:
            known = to
        if known is None:
            request = self._new_request_id()
            known = (await self._ask(request, wire.Resolve(request, to))).conversation
            self._conversations[to] = known
        return known

    def _new_request_id(self) -> int:
        self._next_request += 1
        return self._next_request

    async def _ask(self, request: int, message: Any, timeout_s: float = 30.0) -> Any:
        """The answer to a request, asked again on every new connection."""
        self._check_open()
        waiting = self._requests[request] = _Request(message)
        self._link.wake()
        try:
            with trio.move_on_after(timeout_s):
                await waiting.done.wait()
        finally:
            self._requests.pop(request, None)
        answer = waiting.answer
        if answer is None:
            self._check_open()
            raise Unavailable(Code.NO_SERVER, "The server did not answer in time.")
        if isinstance(answer, wire.Failed):
            kind = Unavailable if 2000 <= answer.code < 3000 else Refused
            raise kind(answer.code, answer.message)
        return answer

    def _answer(self, request: int, answer: Any) -> bool:
        waiting = self._requests.get(request)
        if waiting is None:
            return False
        if isinstance(answer, wire.Failed) and answer.code == Code.REQUEST_LIMIT:
            self._later(answer.after_ms / 1000, lambda: self._write_again(request))
            return True
        waiting.answer = answer
        waiting.done.set()
        return True

    def _write_again(self, request: int) -> None:
        """The server had no room for this request; unless given up meanwhile, it is asked anew."""
        waiting = self._requests.get(request)
        if waiting is not None:
            waiting.written = False

    # -- what the link calls -------------------------------------------------------------------------------

    async def find_place(self, avoid: list[str]) -> Place:
        """Log in at route: with the token as long as it is good, with the password otherwise."""
        try:
            place = await self._api.login(
                self._asked_name, self._password, self.token or None, self._store.device, avoid
            )
        except Refused as refused:
            if not self.token or self._password is None:
                raise
            self.token = ""
            place = await self._api.login(self._asked_name, self._password, None, self._store.device, avoid)
            del refused
        self.token = place.token
        self._store.device = self._inbox.device = place.device
        return place

    def connected(self, place: Place, welcome: wire.LoginOk) -> None:
        self.name, self.user_id, self.server = welcome.name, welcome.user, welcome.server
        self._inbox.user = welcome.user
        self.state = "connected"
        self._inbox.resync()
        self._listing = 0
        self._list()
        self._happen(Event("connection", state=self.state, server=self.server))

    def disconnected(self, retry_in_s: float) -> None:
        self._outbox.disconnected()
        self._inbox.disconnected()
        self._notices.clear()
        self._settling.clear()
        for waiting in self._requests.values():
            waiting.written = False
        self._requests.pop(self._listing, None)
        self.state, self.server = "reconnecting", ""
        self._happen(Event("connection", state=self.state, retry_in_s=retry_in_s))

    async def _give_up_overdue(self) -> None:
        """Watch the deadlines of sends, connected or not."""
        while True:
            await trio.sleep(TICK_S)
            for message in self._outbox.overdue(trio.current_time()):
                if self._outbox.give_up(message):
                    message.done(message, Settled(Code.OUTCOME_UNKNOWN, 0))

    def to_write(self, now: float) -> list[Any]:
        """Everything that is due, in one write."""
        out: list[Any] = []
        for name in self._outbox.unresolved():
            self._resolve_for_outbox(name)
        for waiting in self._requests.values():
            if not waiting.written:
                waiting.written = True
                out.append(waiting.message)
        notices, self._notices = self._notices, []
        out += notices
        out += self._inbox.wishes()
        out += self._outbox.frames(now)
        if self._moved and (now >= self._cursors_due or self._closed):
            out += [wire.Cursor(conversation, seq) for conversation, seq in self._moved.items() if seq]
            self._moved = {}
        return out

    def received(self, message: Any) -> None:
        handler = _HANDLERS.get(type(message))
        if handler is not None:
            handler(self, message)
        self._note_moved()

    # -- what the server says ------------------------------------------------------------------------------

    def _on_push(self, message: wire.Push) -> None:
        self._hold(self._inbox.push(message))

    def _on_page(self, message: wire.Page) -> None:
        if message.request:
            self._answer(message.request, message)
        else:
            self._hold(self._inbox.page(message))

    def _hold(self, holds: list[wire.Hold]) -> None:
        self._notices += holds
        if self._inbox.unread:
            self._arrive()

    def _on_resolved(self, message: wire.Resolved) -> None:
        self._answer(message.request, message)

    def _on_ack(self, message: wire.Ack) -> None:
        queued = self._outbox.get(message.n)
        if queued is not None:
            self._inbox.acknowledged(queued.conversation, message.seq)
            self._settle(message.n, Settled(0, message.seq))

    def _on_nack(self, message: wire.Nack) -> None:
        if message.code == Code.ID_REUSED and self._outbox.get(message.n) is not None:
            self._take_new_device()
        else:
            self._settle(message.n, Settled(message.code, 0, message.message))

    def _on_retry(self, message: wire.Retry) -> None:
        self._outbox.retry(message.n, message.after_ms / 1000, trio.current_time())

    def _on_unresolved(self, message: wire.Unresolved) -> None:
        queued = self._outbox.get(message.n)
        if queued is not None and message.n not in self._settling and self._background is not None:
            self._settling.append(message.n)
            self._background.start_soon(self._settle_by_reading, queued)

    def _on_changed(self, message: wire.ConversationsChanged) -> None:
        if message.version > self._list_version:
            self._list()

    def _on_conversations(self, message: wire.Conversations) -> None:
        if message.request != self._listing:
            return
        self._requests.pop(message.request, None)
        self._listing = 0
        for conversation in message.conversations:
            if not self._inbox.known(conversation.id):
                self._inbox.begin(conversation, self._store.position(conversation.id))
                self._happen(Event("conversation", conversation=conversation.id, text=conversation.title))
        self._list_version = max(self._list_version, message.version)
        if message.more:
            self._list()
        else:
            self.ready.set()

    def _on_failed(self, message: wire.Failed) -> None:
        if message.request and message.request == self._listing:
            self._requests.pop(message.request, None)
            self._listing = 0
            self._later(message.after_ms / 1000, self._list)
        elif not self._answer(message.request, message) and self._inbox.failed(message.conversation):
            retry = message.conversation
            if 2000 <= message.code < 3000:
                self._later(message.after_ms / 1000, lambda: self._inbox.retry(retry))

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        async def wait() -> None:
            await trio.sleep(max(seconds, 0.05))
            action()
            self._link.wake()

        if self._background is not None:
            self._background.start_soon(wait)

    def _list(self) -> None:
        if self._listing or self.state != "connected":
            return
        self._listing = self._new_request_id()
        self._requests[self._listing] = _Request(wire.List(self._listing, self._list_version))
        self._link.wake()

    def _resolve_for_outbox(self, name: str) -> None:
        """Ask for the conversation of a name that messages wait for; one question at a time for each."""
        if any(isinstance(r.message, wire.Resolve) and r.message.name == name for r in self._requests.values()):
            return
        request = self._new_request_id()
        self._requests[request] = _Request(wire.Resolve(request, name))
        if self._background is not None:
            self._background.start_soon(self._resolved_for_outbox, name, request)

    async def _resolved_for_outbox(self, name: str, request: int) -> None:
        waiting = self._requests[request]
        await waiting.done.wait()
        answer = waiting.answer
        if isinstance(answer, wire.Failed):
            await trio.sleep(answer.after_ms / 1000)
        self._requests.pop(request, None)
        if isinstance(answer, wire.Resolved):
            self._conversations[name] = answer.conversation
            self._outbox.resolved(name, answer.conversation)
        elif isinstance(answer, wire.Failed) and not 2000 <= answer.code < 3000:
            for message in self._outbox.unresolvable(name):
                message.done(message, Settled(answer.code, 0, answer.message))
        self._link.wake()

    async def _settle_by_reading(self, queued: Outgoing) -> None:
        """UNRESOLVED: our own entry in the log says what became of the message (I7)."""
        before = 0
        try:
            for _ in range(MAX_PAGES_SETTLING):
                request = self._new_request_id()
                page = await self._ask(request, wire.Pull(request, queued.conversation, before, 200))
                for entry in page.entries:
                    if entry.sender == self.user_id and entry.device == self.device:
                        if entry.n == queued.n:
                            self._settle(queued.n, Settled(0, entry.seq))
                            return
                        if entry.n < queued.n:
                            self._settle(queued.n, Settled(Code.SUPERSEDED, 0, Code.SUPERSEDED.sentence))
                            return
                if not page.entries:
                    break
                before = page.end
        except CimError:
            self._outbox.retry(queued.n, 1.0, trio.current_time())
            return
        finally:
            with contextlib.suppress(ValueError):
                self._settling.remove(queued.n)
        self._settle(queued.n, Settled(Code.OUTCOME_UNKNOWN, 0))

    def _take_new_device(self) -> None:
        """Another copy of our data has used our numbers: go on as a device of our own."""
        self._store.new_device()
        self._inbox.device = self._store.device
        for old, message in self._outbox.renumber(self._store.next_n):
            if message.saved:
                self._store.forget(old)
                self._store.save(Saved(message.n, message.to, message.text))
        self._happen(Event("connection", state="new device", code=Code.ID_REUSED))
        self._link.reconnect(Code.SESSION_LOST)

    # -- life ----------------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._error is not None:
            raise Closed(self._error.code, str(self._error))
        if self._closed:
            raise Closed(Code.NORMAL, "The client is closed.")

    async def close(self) -> None:
        """End: what was shown is written, what waits is given up (posted messages stay in the data folder)."""
        if self._closed:
            return
        self._closed = True
        self._inbox.settle_taken()
        self._note_moved()
        await self._link.farewell(CLOSE_S)
        self._end(Settled(Code.NORMAL, 0, "The client was closed."))
        if self._background is not None:
            self._background.cancel_scope.cancel()

    def _end(self, result: Settled) -> None:
        self.state = "closed"
        for message in self._outbox.drain():
            message.done(message, result)
        for waiting in list(self._requests.values()):
            waiting.done.set()
        self._happen(Event("connection", state="closed", code=result.code, text=result.message))
        self._arrive()

    def _load_saved(self) -> None:
        for saved in self._store.saved():
            message = Outgoing(saved.n, saved.to, saved.text, None, self._post_settled)
            message.saved = True
            self._add(message)

    async def _run(self) -> None:
        """The background of a client. An error that ends it is kept for whoever calls next."""
        try:
            await self._link.run()
        except CimError as error:
            self._error = error
            self._end(Settled(int(error.code), 0, str(error)))
            self.ready.set()


_HANDLERS: dict[type, Callable[[Client, Any], None]] = {
    wire.Push: Client._on_push,
    wire.Page: Client._on_page,
    wire.Ack: Client._on_ack,
    wire.Nack: Client._on_nack,
    wire.Retry: Client._on_retry,
    wire.Unresolved: Client._on_unresolved,
    wire.ConversationsChanged: Client._on_changed,
    wire.Conversations: Client._on_conversations,
    wire.Failed: Client._on_failed,
    wire.Resolved: Client._on_resolved,
}


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
) -> AsyncIterator[Client]:
    """Log in and connect; the client ends with the block.

    `register` creates the account if there is none of that name. `token` is that of an earlier login
    (`client.token`) and saves the password. Without `data_dir` the device is ephemeral: it begins with what is sent
    from now on. With it, the device keeps its positions and what it posted.

    Raises:
        Refused: wrong password, name taken or unusable, and the like.
        Unavailable: no route or no server within `timeout_s`.
        CimError: the data folder cannot be used.
    """
    api = RouteApi(route)
    if register and password is not None:
        await _register(api, name, password, timeout_s)
    try:
        store = open_store(data_dir, api.url, name)
    except (OSError, ValueError) as error:
        raise CimError(Code.BAD_REQUEST, str(error)) from error
    client = Client(api, store, name, password, token)
    failure: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            client._background = nursery
            client._load_saved()
            nursery.start_soon(client._run)
            nursery.start_soon(client._give_up_overdue)
            try:
                with trio.move_on_after(timeout_s):
                    await client.ready.wait()
                if client._error is not None:
                    raise client._error
                if not client.ready.is_set():
                    raise Unavailable(Code.NO_SERVER, f"No connection within {timeout_s:g} s.")
                yield client
            except BaseException as error:
                failure = error
            finally:
                with trio.CancelScope(shield=True):
                    await client.close()
                nursery.cancel_scope.cancel()
    finally:
        store.close()
    if failure is not None:
        raise failure


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
        except Unavailable:
            if trio.current_time() >= deadline:
                raise
            await trio.sleep(0.3)
