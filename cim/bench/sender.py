"""One sender on a plain socket: writes texts into a conversation as fast as they are acknowledged."""

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

from cim.bench.accounts import Account
from cim.bench.worker import GeneratorError
from cim_common.wire import NEED_DATA, Connection, Limits, Role
from cim_common.wire import messages as m

IN_FLIGHT = 32
ANSWER_S = 15.0
RECEIVE_BYTES = 65_536


class ConversationFailed(GeneratorError):
    """The server answered something else than it should have; one sentence."""


class Session:
    """A connection logged in as an account; blocking. `login` makes one."""

    def __init__(self, account: Account, sock: socket.socket) -> None:
        self._sock = sock
        self._connection = Connection(Role.CLIENT, Limits())
        self.ask(m.Login(account.connect_token, account.device))
        self.until(m.LoginOk)

    def ask(self, *messages: Any) -> None:
        self._sock.sendall(b"".join([self._connection.send(message) for message in messages]))

    def until(self, kind: type) -> Any:
        """The next message of a kind; others are passed over.

        Raises:
            ConversationFailed: the connection ended before.
            OSError: nothing came in time.
        """
        while True:
            event = self._connection.next_event()
            if event is NEED_DATA:
                self._connection.receive_data(self._sock.recv(RECEIVE_BYTES))
            elif isinstance(event, kind):
                return event
            elif isinstance(event, m.Close | m.ConnectionClosed | m.Nack | m.Retry | m.Failed | m.Unresolved):
                raise ConversationFailed(f"Answered {event}.")


@contextlib.contextmanager
def login(account: Account) -> Iterator[Session]:
    """A session for the block.

    Raises:
        ConversationFailed, OSError: it is refused, or nobody answers.
    """
    with socket.create_connection((account.host, account.port), ANSWER_S) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield Session(account, sock)


def write(account: Account, conversation: str, count: int, payload: int) -> None:
    """Send `count` texts of so many bytes; returns when all of them are acknowledged. The account has sent nothing yet.

    The first goes alone: it makes the conversation, and what came meanwhile would be told to come again.

    Raises:
        ConversationFailed, OSError: one was refused, or not answered.
    """
    text = "x" * payload
    with login(account) as session:
        for sent in range(1, count + 1):
            session.ask(m.Send(conversation, sent, sent - 1, text))
            if sent == 1 or sent > IN_FLIGHT:
                session.until(m.Ack)
        for _ in range(min(count, IN_FLIGHT) - 1):
            session.until(m.Ack)
