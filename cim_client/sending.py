"""Sending: messages and changes from the program to the log, and what becomes of them."""

from collections.abc import Callable
from functools import partial

import trio

from cim_client.checks import writable
from cim_client.errors import CimError, Closed, OutcomeUnknown, Refused
from cim_client.inbox import Inbox
from cim_client.outbox import MAX_QUEUED, Outbox, Outgoing, Settled
from cim_client.parts import Parts
from cim_client.store.contract import Kept, Saved
from cim_client.types import Event, Receipt, Waiting
from cim_client.views import Passed
from cim_common import faults
from cim_common.faults import Point
from cim_common.wire.codes import Code
from cim_common.wire.kinds import Kind
from cim_common.wire.messages import Ack, Change, Entry, Nack, Page, Pull, Retry, Send, Unresolved

SEND_TIMEOUT_S = 30.0
MAX_PAGES_SETTLING = 64
SETTLING_PAGE = 200


class Sending:
    """The outbox of a client and those who wait for it. `leave_device` takes another device id and reconnects."""

    def __init__(
        self, parts: Parts, inbox: Inbox, leave_device: Callable[[int], None], now_ms: Callable[[], int]
    ) -> None:
        self._parts = parts
        self._inbox = inbox
        self._leave_device = leave_device
        self.outbox = Outbox(careful=not parts.store.ephemeral)
        self._settling: set[int] = set()
        self._resolving: set[str] = set()
        self.user = parts.store.user
        self.name = ""
        self._now_ms = now_ms

    def load(self) -> None:
        """Queue what an earlier run has posted and got no answer to."""
        for saved in self._parts.store.saved():
            message = Outgoing(saved.n, saved.to, Send("", 0, 0, saved.text, saved.reply_to), None, self._post_settled)
            message.id, message.saved, message.unknown = saved.id, Kept.YES, True
            self._add(message)

    # -- for programs ------------------------------------------------------------------------------------

    async def send(self, to: str, body: Send | Change, timeout_s: float = SEND_TIMEOUT_S) -> Receipt:
        """Queue a message and wait until it is stored (see `Client.send`)."""
        self._parts.requests.check_open()
        done = trio.Event()
        outcome: list[Settled] = []

        def settled(message: Outgoing, result: Settled) -> None:
            outcome.append(result)
            done.set()

        message = self._number(to, body, trio.current_time() + timeout_s, settled)
        self._add(message)
        try:
            await done.wait()
        except trio.Cancelled:
            self.outbox.give_up(message)
            raise
        (result,) = outcome
        if result.code == Code.OUTCOME_UNKNOWN:
            raise OutcomeUnknown
        if result.left:
            raise Closed(result.code, result.message)
        if result.code:
            raise Refused(result.code, result.message)
        return Receipt(message.conversation, result.seq, self._id_of(message))

    def post(self, to: str, body: Send) -> str:
        """Queue a message that outlives the program, and return its id (see `Client.post`)."""
        self._parts.requests.check_open()
        message = self._number(to, body, None, self._post_settled)
        message.id = self._id_of(message)
        if faults.armed:
            faults.reach(Point.TYPED)
        message.saved = self._parts.store.save(_saved(message))
        if faults.armed:
            faults.reach(Point.KEPT)
        self._add(message)
        return message.id

    def waiting(self) -> list[Waiting]:
        """What was posted, by this run or an earlier one, and is not settled; in order."""
        return [
            Waiting(message.id, message.to, message.body.text, message.body.reply_to, message.saved == Kept.YES)
            for message in self.outbox.unsettled()
            if message.id and isinstance(message.body, Send)
        ]

    def _number(
        self, to: str, body: Send | Change, deadline: float | None, done: Callable[[Outgoing, Settled], None]
    ) -> Outgoing:
        writable(body._replace(conversation=to))
        if len(self.outbox) >= MAX_QUEUED:
            raise CimError(Code.OVERLOADED, f"{MAX_QUEUED} messages are waiting already.")
        message = Outgoing(self._parts.store.next_n(), to, body, deadline, done)
        if self._parts.store.used_up and not self.outbox.finishing:
            self.outbox.finish()
        return message

    def _add(self, message: Outgoing) -> None:
        known = self._parts.names.known(message.to)
        self.outbox.add(message, known)
        if known is None and message.to not in self._resolving:
            self._resolving.add(message.to)
            self._parts.tasks.start_soon(self._resolve, message.to)
        self._parts.wake()

    async def _resolve(self, name: str) -> None:
        """Find the conversation of a name that messages wait for."""
        try:
            while name in self.outbox.unresolved():
                try:
                    self.outbox.resolved(name, await self._parts.names.conversation(name))
                except Refused as refused:
                    for message in self.outbox.unresolvable(name):
                        message.done(message, Settled(refused.code, 0, str(refused)))
                except Closed:
                    return
                except CimError:
                    continue
        finally:
            self._resolving.discard(name)
            self._parts.wake()

    def _id_of(self, message: Outgoing) -> str:
        return message.id or f"{self.user}:{self._parts.store.device}:{message.n}"

    def _post_settled(self, message: Outgoing, result: Settled) -> None:
        if message.saved and not result.left:
            self._parts.store.forget(message.n)
            if faults.armed:
                faults.reach(Point.FORGOTTEN)
        kept = result.left and message.saved == Kept.YES
        if result.left and not kept and (message.unknown or message.saved):  # nobody can say that it will not be stored
            result = Settled(Code.OUTCOME_UNKNOWN, 0, result.message)
        self._parts.events.add(
            Event(
                "failed" if result.code else "stored", "kept" if kept else "", client_msg_id=self._id_of(message),
                seq=result.seq, conversation=message.conversation, code=result.code, text=result.message,
            )
        )  # fmt: skip

    # -- what the link asks ------------------------------------------------------------------------------

    def frames(self, now: float) -> list[Send | Change]:
        """What to write now."""
        if self.outbox.finishing and self.outbox.finished():
            self.take_new_device(0 if self._parts.store.used_up else Code.ID_REUSED)
            return []
        return self.outbox.frames(now)

    def disconnected(self) -> None:
        self.outbox.disconnected()

    def give_up_overdue(self, now: float) -> None:
        for message in self.outbox.overdue(now):
            if self.outbox.give_up(message):
                message.done(message, Settled(Code.OUTCOME_UNKNOWN, 0))

    def end(self, result: Settled) -> None:
        for message in self.outbox.drain():
            message.done(message, result)

    # -- what the server says ----------------------------------------------------------------------------

    def acknowledged(self, ack: Ack) -> None:
        message = self.outbox.get(ack.n)
        if message is None:
            return
        if faults.armed:
            faults.reach(Point.ACK_READ)
        self._stored(message, ack.seq)

    def _stored(self, message: Outgoing, seq: int) -> None:
        """It stands in its log."""
        self._inbox.acknowledged(message.conversation, seq)
        if isinstance(message.body, Change):
            self._inbox.changed(message.conversation, self._as_entry(message, seq))
            if message.body.kind == Kind.RECALLED:
                self._inbox.withdraw(message.conversation, message.body.ref)
            elif message.body.kind == Kind.LEFT:
                self._inbox.look_again(message.conversation)
        self._settle(message, Settled(0, seq))

    def _settle(self, message: Outgoing, result: Settled) -> None:
        if not result.code:
            self.outbox.proven(message.conversation)
        if self.outbox.settle(message.n) is not None:
            if not result.code and self._parts.store.keeps and isinstance(message.body, Send):
                self._keep(message, result.seq)
            message.done(message, result)

    def _keep(self, message: Outgoing, seq: int) -> None:
        """It is no longer one to be sent but one of those there are, in one step (I26)."""
        entry = self._as_entry(message, seq)
        self._parts.store.settle(message.n, Passed(message.conversation, entry, seq))
        if faults.armed and message.saved:
            faults.reach(Point.FORGOTTEN)
        message.saved = Kept.NO

    def _as_entry(self, message: Outgoing, seq: int) -> Entry:
        """What stands in the log; its time as far as one can tell from here."""
        body, device = message.body, self._parts.store.device
        entry = Entry(seq, self.user, self.name, device, message.n, self._now_ms(), body.text, message_id=message.id)
        if isinstance(body, Send):
            return entry._replace(ref=body.reply_to)
        return entry._replace(kind=body.kind, ref=body.ref, removed=body.removed)

    def refused(self, nack: Nack) -> None:
        message = self.outbox.get(nack.n)
        if message is None:
            return
        if nack.code == Code.ID_REUSED or (nack.code == Code.SUPERSEDED and self._is_anothers(message)):
            self.outbox.disown(nack.n)
        else:
            self._settle(message, Settled(nack.code, 0, nack.message))

    def _is_anothers(self, message: Outgoing) -> bool:
        """Whether it was another copy of our data whose later message took the place of this one.

        Within a lane we send nothing before what precedes it is answered, or behind it; so of what was sent once
        only, nothing of ours can have taken the place.
        """
        return self.outbox.finishing or message.tries == 1

    def again(self, retry: Retry) -> None:
        self.outbox.retry(retry.n, retry.after_ms / 1000, trio.current_time())

    def unresolved(self, unresolved: Unresolved) -> None:
        message = self.outbox.get(unresolved.n)
        if message is not None and message.n not in self._settling:
            self._settling.add(message.n)
            self._parts.tasks.start_soon(self._settle_by_reading, message)

    async def _settle_by_reading(self, message: Outgoing) -> None:
        """UNRESOLVED: our own entry in the log says what became of the message (I7)."""
        n = message.n
        try:
            result = await self._read_outcome(message)
        except Refused as refused:
            result = Settled(Code.OUTCOME_UNKNOWN, 0, str(refused))
        except CimError:
            self.outbox.retry(n, 1.0, trio.current_time())
            return
        finally:
            self._settling.discard(n)
        if self.outbox.get(n) is not message:
            return
        if result.code in (Code.SUPERSEDED, Code.ID_REUSED):
            self.refused(Nack(n, result.code, result.message))
        elif result.code:
            self._settle(message, result)
        else:
            self._stored(message, result.seq)
        self._parts.wake()

    async def _read_outcome(self, message: Outgoing) -> Settled:
        before = 0
        for _ in range(MAX_PAGES_SETTLING):
            page: Page = await self._parts.requests.ask(
                partial(Pull, conversation=message.conversation, before=before, limit=SETTLING_PAGE)
            )
            for entry in page.entries:
                if entry.sender == self.user and entry.device == self._parts.store.device:
                    if entry.n == message.n and entry.kind == getattr(message.body, "kind", 0):
                        return Settled(0, entry.seq)
                    if entry.n <= message.n:
                        code = Code.ID_REUSED if entry.n == message.n else Code.SUPERSEDED
                        return Settled(code, 0, code.sentence)
            if page.end <= 1 or page.end == before:
                break
            before = page.end
        return Settled(Code.OUTCOME_UNKNOWN, 0)

    # -- becoming another device -------------------------------------------------------------------------

    def take_new_device(self, reason: int) -> None:
        """Go on as another device: a copy of our data has used our numbers, the cluster has forgotten us, or there are
        no numbers left (`reason` 0)."""
        store = self._parts.store
        renumbered = self.outbox.renumber(store.next_n)
        if not store.new_device([(old, _saved(message)) for old, message in renumbered if message.saved]):
            self._leave_to_the_next_program()
        self._inbox.device = store.device
        self._leave_device(reason)

    def _leave_to_the_next_program(self) -> None:
        """What stands in a file that cannot be changed will be sent from there, so it is not sent under another id."""
        for message in self.outbox.unsettled():
            if message.saved:
                self.outbox.give_up(message)
                message.done(message, Settled(Code.NORMAL, 0, "The next program sends it.", left=True))

    def device_forgotten(self) -> None:
        """The cluster knows our device no more (DEVICE_EXPIRED), nor what it has stored of it."""
        for message in self.outbox.unsure():
            message.done(message, Settled(Code.OUTCOME_UNKNOWN, 0, Code.OUTCOME_UNKNOWN.sentence))
        self.take_new_device(Code.DEVICE_EXPIRED)


def _saved(message: Outgoing) -> Saved:
    assert isinstance(message.body, Send)
    return Saved(message.n, message.to, message.body.text, message.id, message.body.reply_to)
