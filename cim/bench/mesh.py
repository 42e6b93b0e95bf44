"""A few hundred connections that share very many direct conversations, sending at a fixed rate over all of them.

Half of the users send, half receive, each on a server in turn; everyone syncs every conversation it is in. So what
grows is the number of conversations that servers hold, and neither connections nor messages in flight. Everything is
verified: acknowledged and delivered with the seqs that come next, conversation by conversation.
"""

import selectors
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from cim.bench.accounts import Account
from cim.bench.target import Server
from cim.bench.worker import GeneratorError
from cim_common import ids
from cim_common.wire import NEED_DATA, Connection, Limits, Role, codec
from cim_common.wire import messages as m

RECEIVE_BYTES = 262_144
AT_ONCE = 256
"""Requests of setting up without an answer, over all connections."""

BURST = 10
"""Messages sent at once, each to another conversation, so that no two of them share a write to a receiver."""

ANSWER_S = 20.0
PING_S = 8.0
PING = codec.encode(m.Ping())

Progress = Callable[[str], None]


class Talk:
    """A direct conversation of a sender and a receiver: the n sent last, seqs acknowledged and delivered so far."""

    __slots__ = ("acked", "delivered", "id", "last_n", "receiver", "sender")

    def __init__(self, sender: "Member", receiver: "Member") -> None:
        self.sender, self.receiver = sender, receiver
        self.id = ids.direct(sender.account.user, receiver.account.user)
        self.last_n = 0
        self.acked = self.delivered = 0


class Member:
    """One connection, its conversations by id, and, of a sender, those of its unanswered messages by n."""

    __slots__ = ("account", "connection", "logged_in", "n", "sock", "talks", "unanswered")

    def __init__(self, account: Account, server: Server) -> None:
        self.account = account
        self.sock = socket.create_connection((server.host, server.port), ANSWER_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = Connection(Role.CLIENT, Limits())
        self.logged_in = False
        self.n = 0
        self.talks: dict[str, Talk] = {}
        self.unanswered: dict[int, Talk] = {}
        self.sock.sendall(self.connection.send(m.Login(account.connect_token, account.device)))


class Mesh:
    """`accounts`: the first half sends, the other receives."""

    def __init__(self, accounts: Sequence[Account], servers: Sequence[Server], payload: int = 100) -> None:
        self._text = "x" * payload
        self._selector = selectors.EpollSelector()
        members = [Member(account, servers[index % len(servers)]) for index, account in enumerate(accounts)]
        self._senders, self._receivers = members[: len(members) // 2], members[len(members) // 2 :]
        self.talks: list[Talk] = []
        self._waiting = 0
        self._turn = 0
        self._pinged = time.monotonic()
        self.sent = self.acked = self.delivered = 0
        for member in members:
            self._selector.register(member.sock, selectors.EVENT_READ, member)
        self._until(lambda: all(member.logged_in for member in members), "logins")

    def close(self) -> None:
        for key in list(self._selector.get_map().values()):
            key.data.sock.close()
        self._selector.close()

    @property
    def most(self) -> int:
        """Conversations there can be."""
        return len(self._senders) * len(self._receivers)

    def grow(self, count: int, progress: Progress = lambda text: None) -> None:
        """Have so many conversations: each is opened by a first message, synced by both sides, and written to once
        more, for the first message after somebody came is answered with who is there.

        Raises:
            GeneratorError: something was refused, or did not come.
        """
        new = [self._new_talk(number) for number in range(len(self.talks), min(count, self.most))]
        for done, talk in enumerate(new):
            self._until_few_wait()
            self._send(talk)
            if done % 2_000 == 0:
                progress(f"opening conversations: {done} of {len(new)}")
        self._until(lambda: self.acked == self.sent, "acknowledgements")
        for done, talk in enumerate(new):
            talk.delivered = 1
            self.delivered += 1
            for member in (talk.sender, talk.receiver):
                self._until_few_wait()
                self._waiting += 1
                self._ask(member, m.Sync(talk.id, 1, 0))
            if done % 2_000 == 0:
                progress(f"syncing conversations: {done} of {len(new)}")
        self._until(lambda: self._waiting == 0, "pages")
        for talk in new:
            self._until_few_wait()
            self._send(talk)
        self.settle()
        self.talks += new

    def _new_talk(self, number: int) -> Talk:
        """Pairs along the diagonals: the first hundreds have each sender and each receiver once."""
        round_, first = divmod(number, len(self._senders))
        talk = Talk(self._senders[first], self._receivers[(first + round_) % len(self._receivers)])
        talk.sender.talks[talk.id] = talk.receiver.talks[talk.id] = talk
        return talk

    def run(self, rate: float, seconds: float) -> None:
        """Send at that rate over all conversations in turn, for so long.

        Always `BURST` at once: what a message costs depends on how many come together, and that is not to be chance.
        """
        began = time.monotonic()
        due = 0
        while (now := time.monotonic() - began) < seconds:
            if due <= now * rate:
                for _ in range(BURST):
                    self._send(self.talks[self._turn % len(self.talks)])
                    self._turn += 1
                due += BURST
            self._poll(max(0.0, due / rate - (time.monotonic() - began)))

    def settle(self) -> None:
        """Wait until all that was sent has been acknowledged and delivered.

        Raises:
            GeneratorError: it has not.
        """
        self._until(lambda: self.acked == self.delivered == self.sent, "deliveries")

    # -- the wire ----------------------------------------------------------------------------------------

    def _send(self, talk: Talk) -> None:
        sender = talk.sender
        sender.n += 1
        sender.unanswered[sender.n] = talk
        self._ask(sender, m.Send(talk.id, sender.n, talk.last_n, self._text))
        talk.last_n = sender.n
        self.sent += 1

    def _ask(self, member: Member, message: Any) -> None:
        member.sock.sendall(codec.encode(message))

    def _until_few_wait(self) -> None:
        while self.sent - self.acked + self._waiting > AT_ONCE:
            self._poll(0.1)

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        counts, since = self._counts(), time.monotonic()
        while not condition():
            self._poll(0.05)
            if counts != self._counts():
                counts, since = self._counts(), time.monotonic()
            elif time.monotonic() - since > ANSWER_S:
                raise GeneratorError(f"Waited in vain for {what}: sent, acknowledged, delivered, pages: {counts}.")

    def _counts(self) -> tuple[int, int, int, int]:
        return self.sent, self.acked, self.delivered, self._waiting

    def _poll(self, timeout_s: float) -> None:
        now = time.monotonic()
        if now - self._pinged > PING_S:
            self._pinged = now
            for key in list(self._selector.get_map().values()):
                key.data.sock.sendall(PING)
        for key, _ in self._selector.select(timeout_s):
            member: Member = key.data
            member.connection.receive_data(member.sock.recv(RECEIVE_BYTES))
            while (event := member.connection.next_event()) is not NEED_DATA:
                self._take(member, event)

    def _take(self, member: Member, event: Any) -> None:
        if isinstance(event, m.Push):
            talk = member.talks[event.conversation]
            for entry in event.entries:
                self._next_seq(talk, "delivered", entry.seq)
                talk.delivered = entry.seq
                self.delivered += 1
        elif isinstance(event, m.Ack):
            talk = member.unanswered.pop(event.n)
            self._next_seq(talk, "acked", event.seq)
            talk.acked = event.seq
            self.acked += 1
        elif isinstance(event, m.Page):
            if not event.live or event.entries:
                raise GeneratorError(f"A page of {event.conversation} is not what it should be: {event}.")
            self._waiting -= 1
        elif isinstance(event, m.LoginOk):
            member.logged_in = True
        elif isinstance(event, m.Nack | m.Retry | m.Unresolved | m.Failed | m.Close | m.ConnectionClosed):
            raise GeneratorError(f"The server answered {event}.")

    def _next_seq(self, talk: Talk, what: str, seq: int) -> None:
        if seq != getattr(talk, what) + 1:
            raise GeneratorError(f"{talk.id}: {what} {seq} after {getattr(talk, what)}.")
