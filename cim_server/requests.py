"""The v2 door: what each message of a v2 client does.

One table from message type to method. What needs the store runs as a flow whose result is answered when it
comes; nothing here waits.
"""

from collections.abc import Callable, Sequence
from typing import Any

import structlog

from cim_common import accept, changes, ids
from cim_common.accept import Append, Status
from cim_common.store import accounts, conversations, devices, sessions
from cim_common.store.clock import StoreClock
from cim_common.store.flow import StoreError, StoreUnavailable
from cim_common.store.sessions import Claimed
from cim_common.tokens import TokenExpired, TokenForged, Tokens
from cim_common.wire import codec
from cim_common.wire.codes import Code
from cim_common.wire.limits import (
    IDLE_TIMEOUT_S,
    MAX_UNANSWERED_SENDS,
    PING_INTERVAL_S,
)
from cim_common.wire.messages import (
    Change,
    Close,
    ConversationsChanged,
    Cursor,
    Failed,
    Hold,
    LegacyLogin,
    Login,
    LoginOk,
    Ping,
    Pong,
    Send,
    Sync,
)
from cim_server.answers import RETRY_MS, Part, fail
from cim_server.budgets import Budgets
from cim_server.channel import Channel, Door
from cim_server.commit import CommitWorker
from cim_server.conversation import Conversation, Page
from cim_server.conversations import Conversations
from cim_server.pump import Pump
from cim_server.redis_link import RedisLink
from cim_server.sessions import MAX_CONVERSATIONS, Session, Sessions

log = structlog.get_logger()

PROTOCOL = 2


class Requests:
    """The door of v2 clients: logins, sends and syncs here, everything else in `parts`.

    `legacy` is the other door, or None where legacy clients are not served.
    """

    def __init__(
        self,
        pump: Pump,
        link: RedisLink,
        claims: RedisLink,
        commit: CommitWorker,
        clock: StoreClock,
        sessions: Sessions,
        conversations: Conversations,
        tokens: Tokens,
        server: tuple[str, str],
        legacy: Door | None,
        parts: Sequence[Part],
        budgets: Budgets,
    ) -> None:
        self._pump = pump
        self._pass_began = 0.0
        self._time = b""
        """The time of entries that came in the pass that began then, encoded once for all of them."""

        self._last_pong = Pong(0, 0)
        self._last_pong_frame = b""
        """The last one, encoded: heartbeats are answered several in a millisecond."""

        self._link = link
        self._claims = claims
        self._commit = commit
        self._clock = clock
        self._sessions = sessions
        self._conversations = conversations
        self._tokens = tokens
        self._server_id, self._server = server
        self._legacy = legacy
        self._budgets = budgets
        self.stopping = False
        self._table: dict[type, Callable[[Channel, Any], None]] = {
            Send: self._send,
            Change: self._change,
            Ping: self._ping,
            Cursor: self._cursor,
            Sync: self._sync,
            Hold: self._hold,
            Pong: self._pong,
            Login: self._login,
            LegacyLogin: self._legacy_login,
            Close: self._close,
        }
        for part in parts:
            self._table.update(budgets.limited(part.table))

    def event(self, channel: Channel, event: Any) -> None:
        self._table[type(event)](channel, event)

    def closed(self, channel: Channel) -> None:
        session: Session | None = channel.session
        if session is not None:
            if session.conversations:
                self._conversations.leave(channel, session.conversations)
            self._sessions.remove(session)
            self._budgets.ended(session)

    # -- login -----------------------------------------------------------------------------------------

    def _legacy_login(self, channel: Channel, event: LegacyLogin) -> None:
        if self._legacy is None:
            channel.close(Code.LEGACY_OFF)
            return
        channel.door = self._legacy
        self._legacy.event(channel, event)

    def _login(self, channel: Channel, event: Login) -> None:
        try:
            claims = self._tokens.read_connect(event.token)
        except TokenExpired:
            channel.close(Code.TOKEN_EXPIRED)
            return
        except TokenForged:
            channel.close(Code.TOKEN_REFUSED)
            return
        if claims.device != event.device or not ids.is_device_id(event.device):
            channel.close(Code.TOKEN_REFUSED)
        elif event.protocol < PROTOCOL:
            channel.close(Code.PROTOCOL_VERSION)
        elif self.stopping:
            channel.close(Code.SERVER_STOPPING)
        else:
            user, name, device, version, unmetered = claims
            session = Session(channel, user, name, device, event.ephemeral, self._server, version, unmetered)
            now_ms = self._clock.now_ms()
            flow = sessions.claim(user, name, device, session.record, event.ephemeral, now_ms, version, event.returning)
            self._sessions.claiming(session)
            self._claims.run(flow, lambda outcome: self._claimed(session, outcome))

    def _claimed(self, session: Session, outcome: Claimed | Code | StoreError | StoreUnavailable) -> None:
        channel = session.channel
        self._sessions.claimed(session)
        if isinstance(outcome, StoreError | StoreUnavailable):
            self._sessions.abandon(session)
            channel.close(Code.SESSION_LOST)
            return
        if isinstance(outcome, Code):
            channel.close(outcome)
            return
        session.receipts = outcome.receipts
        if outcome.gone:
            self._link.run(devices.forget(session.user, outcome.gone), _done_again)
        old = self._sessions.add(session)
        if not channel.open:
            self._sessions.remove(session)
        else:
            channel.session = session
            channel.enqueue(channel.connection.send(self._welcome(session)))
        if old is not None:
            self.superseded(old)

    def _welcome(self, session: Session) -> LoginOk:
        return LoginOk(
            session.user,
            session.name,
            PROTOCOL,
            self._clock.now_ms(),
            self._server_id,
            int(PING_INTERVAL_S * 1000),
            int(IDLE_TIMEOUT_S * 1000),
            MAX_UNANSWERED_SENDS,
        )

    def _close(self, channel: Channel, event: Close) -> None:
        channel.drop()

    def _ping(self, channel: Channel, event: Ping) -> None:
        self._pump.beat(channel)
        pong = Pong(event.token, self._clock.now_ms())
        if pong != self._last_pong:
            self._last_pong, self._last_pong_frame = pong, codec.encode(pong)
        channel.enqueue(self._last_pong_frame)

    def _pong(self, channel: Channel, event: Pong) -> None:
        """Being heard is all a pong is for."""

    def superseded(self, session: Session) -> None:
        """A newer connection has the device (I15)."""
        session.channel.close(Code.TAKEN_OVER)

    def drained(self, channel: Channel) -> None:
        """A v2 client says itself what it has shown."""

    # -- sending ---------------------------------------------------------------------------------------

    def _send(self, channel: Channel, event: Send) -> None:
        """The hot path: what is asked of each message is asked here, without a call for it where that is usual."""
        session: Session = channel.session
        conversation, n, after, text, reply_to = event
        usual = after < n < ids.MAX_SEQ and conversation in session.conversations
        code = (None if usual else _refusal(session, conversation, n, after)) or accept.check_text(text)
        if code is not None:
            channel.enqueue(codec.nack_frame(n, code, code.sentence))
        elif after_ms := (session.budget or self._budgets.of(session)).sends.spend():
            channel.enqueue(codec.retry_frame(n, Code.SENDER_LIMIT, after_ms))
        elif self._expect_answer(channel, session, conversation):
            reply_to = min(reply_to, ids.MAX_SEQ)
            append = self._append_of(session, conversation, n, after, accept.content_of(text, reply_to))
            if reply_to:
                append.op = accept.reply_op(reply_to)
            self._commit.submit(append)

    def _change(self, channel: Channel, event: Change) -> None:
        session: Session = channel.session
        change = changes.completed(event)
        code = _refusal(session, event.conversation, event.n, event.after) or changes.refusal(change)
        if code is not None:
            channel.enqueue(codec.nack_frame(event.n, code, code.sentence))
        elif after_ms := self._budgets.of(session).requests.spend():
            channel.enqueue(codec.retry_frame(event.n, Code.SENDER_LIMIT, after_ms))
        elif self._expect_answer(channel, session, event.conversation):
            self._link.run(accounts.names(change.targets), lambda names: self._named(session, change, names))

    def _named(self, session: Session, change: Change, names: Any) -> None:
        """The names of the users a change concerns are known, or which is no user's."""
        append = self._append_of(session, change.conversation, change.n, change.after, b"")
        if not isinstance(names, list):
            append.refuse(Status.RETRY, Code.STORE_UNAVAILABLE, RETRY_MS)
            session.settled(append)
        elif not all(names):
            append.refuse(Status.REFUSED, Code.NO_SUCH_USER)
            session.settled(append)
        else:
            append.content = changes.content_of(change, names)
            append.op, append.kind = changes.op_of(change), change.kind
            self._commit.submit(append)

    def _append_of(self, session: Session, conversation: str, n: int, after: int, content: bytes) -> Append:
        now = self._pump.now
        if now != self._pass_began:
            self._pass_began, self._time = now, codec.entry_time(self._clock.now_ms())
        sender = session.sender or session.prepare_sending()
        meta = codec.entry_meta_of(session.meta, n, self._time)
        append = Append(session, conversation, sender, n, after, meta, content, now)
        append.unmetered = session.unmetered
        return append

    def _expect_answer(self, channel: Channel, session: Session, conversation: str) -> bool:
        """Count one more unanswered send; False, and the connection closed, when there are too many."""
        unanswered = session.unanswered
        if unanswered is None:
            unanswered = session.unanswered = {}
        count = unanswered.get(conversation, 0)
        if count >= MAX_UNANSWERED_SENDS:
            channel.close(Code.TOO_MANY_UNANSWERED)
            return False
        unanswered[conversation] = count + 1
        return True

    # -- reading ---------------------------------------------------------------------------------------

    def _sync(self, channel: Channel, event: Sync) -> None:
        session: Session = channel.session
        if not conversations.may_take_part(event.conversation, session.user):
            fail(channel, 0, Code.NO_SUCH_CONVERSATION, event.conversation)
            return
        if after_ms := self._budgets.of(session).syncs.spend():
            fail(channel, 0, Code.REQUEST_LIMIT, event.conversation, after_ms)
            return
        if len(session.conversations) >= MAX_CONVERSATIONS and event.conversation not in session.conversations:
            fail(channel, 0, Code.OVERLOADED, event.conversation, RETRY_MS)
            return
        session.syncs(event.conversation)
        self._conversations.sync(channel, event.conversation, min(event.cursor, ids.MAX_SEQ), event.incarnation)

    def page(self, channel: Channel, conversation: Conversation, page: Page) -> None:
        channel.enqueue(
            codec.page_frame(
                conversation.id, conversation.incarnation, page.end, page.head, page.live,
                [entry for _, entry in page.entries], 0, page.gaps, page.rewound, page.left,
            )
        )  # fmt: skip

    def failed(self, channel: Channel, message: Failed) -> None:
        session: Session = channel.session
        if message.code != Code.STORE_UNAVAILABLE:
            session.leaves(message.conversation)
        channel.enqueue(codec.encode(message))

    def _hold(self, channel: Channel, event: Hold) -> None:
        self._conversations.hold(channel, event.conversation)

    def _cursor(self, channel: Channel, event: Cursor) -> None:
        session: Session = channel.session
        if event.conversation in session.conversations:
            self._sessions.move_cursor(session, event.conversation, min(event.seq, ids.MAX_SEQ))

    # -- rings of other servers ------------------------------------------------------------------------

    def list_changed(self, session: Session, version: int) -> None:
        """The user's conversation list has moved on."""
        session.list_version = max(session.list_version, version)
        session.channel.enqueue(codec.encode(ConversationsChanged(version)))


def _refusal(session: Session, conversation: str, n: int, after: int) -> Code | None:
    """What the frame alone decides (I7): such a message is never stored."""
    if not 0 < n < ids.MAX_SEQ or after >= n:
        return Code.BAD_REQUEST
    if not conversations.may_take_part(conversation, session.user):
        return Code.NO_SUCH_CONVERSATION
    return None


def _done_again(outcome: object) -> None:
    """Devices that could not be forgotten now stay marked: the next login goes on with them."""
