"""The device behind a `Client`: its parts, and what the link to the IM server does its work for."""

import time
from collections.abc import Callable
from typing import Any

import trio

from cim_client.errors import CimError, Closed, Refused
from cim_client.events import Events
from cim_client.inbox import Inbox
from cim_client.keeping import Keeping
from cim_client.link import Link
from cim_client.names import Names
from cim_client.outbox import Settled
from cim_client.parts import Parts, Tasks
from cim_client.receiving import Receiving
from cim_client.requests import Requests
from cim_client.route_api import Place, RouteApi
from cim_client.sending import Sending
from cim_client.store.contract import LocalStore
from cim_client.types import Event
from cim_common.wire import messages as wire
from cim_common.wire.codes import Code

CLOSE_S = 2.0
"""How long closing may take to write what was shown."""

TICK_S = 0.1


class Core:
    """A device of a user, connected or on its way back."""

    def __init__(self, api: RouteApi, store: LocalStore, name: str, password: str | None, token: str | None) -> None:
        self.api = api
        self.store = store
        self._asked_name = name
        self._password = password
        self.link = Link(self)
        self.requests = Requests(self.link.wake)
        self.names = Names(self.requests)
        self.events = Events()
        self.tasks = Tasks()
        parts = Parts(store, self.requests, self.names, self.events, self.tasks, self.link.wake)
        keeping = Keeping() if store.keeps else None
        self.inbox = Inbox(store.device, lambda: store.last_n, keeping)
        self.sending = Sending(parts, self.inbox, self._left_device, self.cluster_time_ms)
        self.receiving = Receiving(parts, self.inbox, keeping)
        self.signals: list[wire.Signal] = []
        self.error: CimError | None = None
        self.closed = False
        self.clock_ahead_ms = 0
        self.name = name
        self.user_id = store.user
        self.token = token or ""
        self.server = ""
        self.state = "connecting"
        self._was_connected = False
        self._handlers: dict[type, Callable[[Any], object]] = dict.fromkeys(_ANSWERS, self._answered)
        self._handlers |= {
            wire.Push: self.receiving.pushed,
            wire.Page: self.receiving.page,
            wire.Failed: self.receiving.failed,
            wire.ConversationsChanged: self.receiving.list_changed,
            wire.Signal: self.receiving.signalled,
            wire.Ack: self.sending.acknowledged,
            wire.Nack: self.sending.refused,
            wire.Retry: self.sending.again,
            wire.Unresolved: self.sending.unresolved,
        }

    # -- life --------------------------------------------------------------------------------------------

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """The background of a client, until `close`. An error that ends it is kept for whoever calls next.

        It has begun when what earlier runs have left is queued: what is posted then comes behind it.
        """
        async with trio.open_nursery() as nursery:
            self.tasks.nursery = nursery
            self.sending.load()
            task_status.started()
            nursery.start_soon(self._watch_deadlines)
            nursery.start_soon(self.receiving.follow_list)
            try:
                await self.link.run()
            except CimError as error:
                self.error = error
                self._end(error)

    async def ready(self) -> None:
        """See `Client.ready`."""
        await self.receiving.ready.wait()
        if self.error is not None:
            raise self.error
        self.requests.check_open()

    async def close(self) -> None:
        """What was shown is written, what waits is given up (posted messages stay in the data folder)."""
        if self.closed:
            return
        self.closed = True
        self.receiving.settle_shown()
        await self.link.farewell(CLOSE_S)
        if self.error is None:
            self._end(Closed(Code.NORMAL, "The client was closed."))
        self.tasks.end()

    def _end(self, reason: CimError) -> None:
        self.state = "closed"
        self.requests.end(reason)
        self.receiving.end()
        self.sending.end(Settled(int(reason.code), 0, str(reason), left=True))
        self.events.add(Event("connection", "closed", code=int(reason.code), text=str(reason)))
        self.events.end()
        self.receiving.ready.set()

    async def _watch_deadlines(self) -> None:
        """Give up sends whose time is over, connected or not."""
        while True:
            await trio.sleep(TICK_S)
            self.sending.give_up_overdue(trio.current_time())

    # -- what the link calls -----------------------------------------------------------------------------

    @property
    def returning(self) -> bool:
        return self.store.returning

    @property
    def ephemeral(self) -> bool:
        return self.store.ephemeral

    def store_failed(self, sentence: str) -> None:
        """Nothing is kept any more; told once."""
        self.events.add(Event("notice", "storage", text=sentence))

    async def find_place(self, avoid: list[str]) -> Place:
        """Log in at route: with the token as long as it is good, with the password otherwise."""
        try:
            place = await self.api.login(self._asked_name, self._password, self.token or None, self.store.device, avoid)
        except Refused:
            if not self.token or self._password is None:
                raise
            self.token = ""
            place = await self.api.login(self._asked_name, self._password, None, self.store.device, avoid)
        self.token = place.token
        return place

    def connected(self, welcome: wire.LoginOk) -> None:
        self.name, self.user_id, self.server = welcome.name, welcome.user, welcome.server
        self.clock_ahead_ms = welcome.server_time_ms - self._now_ms()
        self.sending.user, self.sending.name = welcome.user, welcome.name
        self.store.logged_in(welcome.user)
        self.state, self._was_connected = "connected", True
        self.receiving.connected(welcome.user)
        self.events.add(Event("connection", self.state, self.server))

    def disconnected(self, retry_in_s: float, why: CimError) -> None:
        self.sending.disconnected()
        self.receiving.disconnected()
        self.requests.disconnected()
        self.signals.clear()
        self.state, self.server = "reconnecting" if self._was_connected else "connecting", ""
        self.events.add(Event("connection", self.state, retry_in_s=retry_in_s, code=int(why.code), text=str(why)))

    def device_forgotten(self) -> None:
        """The cluster does not know the device any more: go on as another."""
        self.sending.device_forgotten()

    def _left_device(self, reason: int) -> None:
        self.events.add(Event("connection", "new device", code=reason))
        self.link.reconnect()

    def to_write(self, now: float) -> list[Any]:
        """Everything that is due, in one write."""
        signals, self.signals = self.signals, []
        return [
            *self.requests.frames(),
            *self.receiving.frames(now, self.closed),
            *self.sending.frames(now),
            *signals,
        ]

    def received(self, message: Any) -> None:
        handler = self._handlers.get(type(message))
        if handler is not None:
            handler(message)
        self.receiving.note_moved()

    def _answered(self, answer: Any) -> None:
        self.requests.answer(answer.request, answer)

    # -- the cluster's clock -----------------------------------------------------------------------------

    def _now_ms(self) -> int:
        return round(time.time() * 1000)

    def cluster_time_ms(self) -> int:
        """Now by the cluster's clock, as far as one can tell from here."""
        return self._now_ms() + self.clock_ahead_ms


_ANSWERS = (
    wire.Conversations,
    wire.Resolved,
    wire.Done,
    wire.MemberList,
    wire.DeviceList,
    wire.ScheduleList,
    wire.PresenceInfo,
)
"""What answers a request and means nothing else."""
