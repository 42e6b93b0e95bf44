"""The legacy door: CIM's Java clients on the same port and the same logs (docs/protocol.md, legacy clients).

A legacy client sends a login that proves nothing and pings; it is told nothing but chat. So the server does
for it what a v2 client does for itself: it syncs the user's conversations from the cursors in the store and
moves those cursors on after the socket has taken the frames. A legacy user has one device, `legacy`. Nothing
it may do touches an account that has a password: the account must be a legacy one.
"""

import json
from collections.abc import Sequence
from typing import Any

import structlog

from cim_common import ids
from cim_common.store import accounts, arrivals, sessions
from cim_common.store import conversations as store
from cim_common.store.accounts import Account
from cim_common.store.arrivals import DEVICE
from cim_common.store.clock import StoreClock
from cim_common.store.flow import Flow
from cim_common.wire import codec, legacy
from cim_common.wire.codes import Code
from cim_common.wire.messages import Entry, Failed, LegacyLogin, LegacyMessage, LegacyOffline, LegacyPing
from cim_server.channel import Channel
from cim_server.conversation import Conversation, Page
from cim_server.conversations import Conversations
from cim_server.http import Request, Response
from cim_server.pump import Pump
from cim_server.redis_link import RedisLink
from cim_server.sessions import Session, Sessions

log = structlog.get_logger()

MAX_BATCH = 100
MAX_BATCH_BYTES = 48 * 1024
RETRY_S = 1.0


class LegacySession(Session):
    """A legacy user's connection: where it stands in each conversation, and what this pass brings it.

    `pending` holds (conversation, seq, offline, entry) until the end of the pass, `written` the positions
    that become cursors when the socket has taken the frames, `unfinished` the conversations whose next page is
    asked for then: a long absence must not fill the outbox.
    """

    __slots__ = ("pending", "positions", "unfinished", "written")

    def __init__(self, channel: Channel, user: int, name: str, server: str) -> None:
        super().__init__(channel, user, name, DEVICE, False, server)
        self.positions: dict[str, int] = {}
        self.pending: list[tuple[str, int, bool, Entry]] = []
        self.written: dict[str, int] = {}
        self.unfinished: list[str] = []


class LegacyDoor:
    """What a legacy client's frames do, and how entries reach it."""

    conversations: Conversations

    def __init__(
        self, pump: Pump, link: RedisLink, claims: RedisLink, clock: StoreClock, sessions: Sessions, server: str
    ) -> None:
        self._pump = pump
        self._link = link
        self._claims = claims
        self._clock = clock
        self._sessions = sessions
        self._server = server
        self._pending: set[LegacySession] = set()
        self._logging_in: set[Channel] = set()
        self._decoded: tuple[bytes, Entry] | None = None

    def event(self, channel: Channel, event: Any) -> None:
        if type(event) is LegacyPing:
            self._pump.beat(channel)
            channel.enqueue(legacy.PONG_FRAME)
        elif type(event) is LegacyLogin and channel.session is None and channel not in self._logging_in:
            self._logging_in.add(channel)
            session = LegacySession(channel, event.user, event.name, self._server)
            self._sessions.claiming(session)
            self._claims.run(self._login(event, session), lambda outcome: self._logged_in(session, outcome))

    def closed(self, channel: Channel) -> None:
        self._logging_in.discard(channel)
        session: LegacySession | None = channel.session
        if session is not None:
            self._pending.discard(session)
            self.superseded(session)
            self._sessions.remove(session)

    def superseded(self, session: Session) -> None:
        """A newer connection has the user: nothing more is delivered here; the socket is left to its client.

        Closing it would make the client come back, and the two would fight for ever.
        """
        self.conversations.leave(session.channel, session.conversations)

    # -- login -----------------------------------------------------------------------------------------

    def _login(self, event: LegacyLogin, session: LegacySession) -> Flow[LegacySession | None]:
        account = yield from accounts.by_id(event.user)
        if account is None or not account.legacy or event.name not in (account.name, account.display):
            return None
        session.name = account.display
        yield from sessions.claim(session.user, session.name, DEVICE, session.record, False, self._clock.now_ms())
        yield from arrivals.arrived(session.user)
        return session

    def _logged_in(self, session: LegacySession, outcome: Any) -> None:
        channel = session.channel
        self._logging_in.discard(channel)
        self._sessions.claimed(session)
        if not isinstance(outcome, LegacySession):
            if outcome is None:
                log.info("legacy_login_refused")
            channel.drop()
            return
        old = self._sessions.add(outcome)
        if old is not None:
            self.superseded(old)
        if not channel.open:
            self._sessions.remove(outcome)
            return
        channel.session = outcome
        channel.connection.mark_logged_in()
        self._list(outcome)

    def _list(self, session: LegacySession) -> None:
        flow = store.list_since(session.user, DEVICE, session.list_version)
        self._link.run(flow, lambda outcome: self._listed(session, outcome))

    def _listed(self, session: LegacySession, outcome: Any) -> None:
        if not session.channel.open or session.held_by_other:
            return
        if not isinstance(outcome, tuple):
            self._pump.timers.after(RETRY_S, lambda: self._list(session))
            return
        listed, session.list_version, more = outcome
        for conversation in listed:
            if conversation.id not in session.conversations:
                session.syncs(conversation.id)
                session.positions[conversation.id] = conversation.start
                self.conversations.sync(session.channel, conversation.id, conversation.start)
            elif not self.conversations.takes_part(session.channel, conversation.id):
                self._sync_again(session, conversation.id)  # a group that has been left, and joined again perhaps
        if more:
            self._list(session)

    def list_changed(self, session: LegacySession, version: int) -> None:
        self._list(session)

    # -- delivery --------------------------------------------------------------------------------------

    def page(self, channel: Channel, conversation: Conversation, page: Page) -> None:
        session: LegacySession = channel.session
        stored = conversation.id != ids.LOBBY
        for seq, entry in page.entries:
            self._add(session, conversation.id, seq, stored, codec.decode_entry(entry))
        session.positions[conversation.id] = page.end
        if page.live or page.left:
            return
        if page.entries:
            session.unfinished.append(conversation.id)
        else:
            self.conversations.sync(channel, conversation.id, page.end)

    def failed(self, channel: Channel, message: Failed) -> None:
        session: LegacySession | None = channel.session
        if session is not None and message.code == Code.STORE_UNAVAILABLE:
            self._pump.timers.after(RETRY_S, lambda: self._sync_again(session, message.conversation))

    def _sync_again(self, session: LegacySession, conversation: str) -> None:
        if session.channel.open and not session.held_by_other:
            self.conversations.sync(session.channel, conversation, session.positions[conversation])

    def deliver(self, channel: Channel, conversation: str, seq: int, entry: bytes) -> None:
        """A new entry of a conversation that is live on this channel."""
        if self._decoded is None or self._decoded[0] is not entry:
            self._decoded = (entry, codec.decode_entry(entry))
        session: LegacySession = channel.session
        session.positions[conversation] = seq
        self._add(session, conversation, seq, False, self._decoded[1])

    def _add(self, session: LegacySession, conversation: str, seq: int, offline: bool, entry: Entry) -> None:
        session.pending.append((conversation, seq, offline, entry))
        self._pending.add(session)

    def write(self) -> None:
        """What came in this pass for each legacy client, in frames of one sender."""
        pending, self._pending = self._pending, set()
        for session in pending:
            items, session.pending = session.pending, []
            for group in _groups(session, items):
                session.channel.enqueue(codec.encode(group))
            session.written.update((conversation, seq) for conversation, seq, _, _ in items)
            session.channel.notify_drained = True
            if not session.channel.has_output:
                self.drained(session.channel)

    def drained(self, channel: Channel) -> None:
        """The socket has taken everything: what was written counts as shown."""
        session: LegacySession | None = channel.session
        if session is None:
            return
        if session.written:
            written, session.written = session.written, {}
            for conversation, seq in written.items():
                self._sessions.move_cursor(session, conversation, seq)
            self._sessions.flush_cursors(session)
        unfinished, session.unfinished = session.unfinished, []
        for conversation in unfinished:
            self._sync_again(session, conversation)

    # -- the internal HTTP call --------------------------------------------------------------------------

    async def send_message(self, request: Request) -> Response:
        """POST /sendMsg: push to a legacy client connected here; says the truth when there is none.

        It proves nothing either, so the sender it names must be a legacy account.
        """
        try:
            body = json.loads(request.body)
            user = int(body["userId"])
            texts = [str(text) for text in body.get("batchMsg") or [body["msg"]]]
            properties = {str(key): str(value) for key, value in (body.get("properties") or {}).items()}
            sender = int(properties.get("sendUserId", "0"))
            offline = body.get("cmd", "MESSAGE") == "OFFLINE"
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return _envelope("3000", "invalid argument")
        account = await self._link.wait_for(accounts.by_id(sender))
        if not isinstance(account, Account) or not account.legacy:
            return _envelope("3000", "invalid argument")
        session = self._sessions.get(user, DEVICE)
        if session is None or not session.channel.open:
            return _envelope("7000", "You selected user is offline!, please try again later!")
        kind = LegacyOffline if offline else LegacyMessage
        for part in _parts(texts):
            session.channel.enqueue(codec.encode(kind(sender, account.display, user, tuple(part))))
        self._pump.wake()
        return _envelope("9000", "Success", {"msg": "OK"})


def _envelope(code: str, message: str, body: Any = None) -> Response:
    return Response(200, {"code": code, "message": message, "reqNo": None, "dataBody": body})


def _groups(session: LegacySession, items: list[tuple[str, int, bool, Entry]]) -> list[LegacyMessage | LegacyOffline]:
    """Frames for what one pass brings: stored ones and batches of one sender together, all in order."""
    frames: list[LegacyMessage | LegacyOffline] = []
    texts: list[str] = []
    previous: tuple[bool, int, str] | None = None
    first: Entry | None = None

    def finish() -> None:
        if first is not None and previous is not None:
            kind = LegacyOffline if previous[0] else LegacyMessage
            frames.extend(kind(first.sender, first.sender_name, session.user, tuple(part)) for part in _parts(texts))

    for _, seq, offline, entry in items:
        if entry.kind != 0 or entry.recalled or entry.sender == session.user:
            continue
        batch = "" if offline else entry.message_id.partition("#")[0] or str(seq)
        key = (offline, entry.sender, batch)
        if key != previous:
            finish()
            previous, first, texts = key, entry, []
        texts.append(entry.text)
    finish()
    return frames


def _parts(texts: Sequence[str]) -> list[list[str]]:
    """Cut a batch to at most 100 texts and 48 KiB each."""
    parts: list[list[str]] = []
    size = 0
    for text in texts:
        length = len(text.encode())
        if not parts or len(parts[-1]) >= MAX_BATCH or size + length > MAX_BATCH_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(text)
        size += length
    return parts
