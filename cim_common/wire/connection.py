"""One connection's protocol, without I/O: bytes in, messages out, and the other way round.

Three verbs. `receive_data` takes what the socket gave, `next_event` returns the messages in it one by one,
`send` makes the bytes of one of ours. State is in the tables of commands.py. The same object serves the IM
server's pump, the SDK under trio, blocking sockets and tests.
"""

from enum import Enum
from typing import Any

from cim_common.wire import cim_pb2 as pb
from cim_common.wire import codec, legacy
from cim_common.wire.codes import Code
from cim_common.wire.commands import COMMAND_OF, FROM_CLIENT, FROM_SERVER, KNOWN, Role, State
from cim_common.wire.framing import PeerProtocolError, read_length
from cim_common.wire.limits import Limits
from cim_common.wire.messages import ConnectionClosed, LegacyLogin, LoginOk


class LocalProtocolError(Exception):
    """We tried to send what the state does not allow: a bug on our side."""


class _Need(Enum):
    DATA = "NEED_DATA"


NEED_DATA = _Need.DATA
"""What `next_event` returns when it wants more bytes."""


class Connection:
    """The protocol state of one connection. Keeps at most one incomplete frame."""

    __slots__ = ("_buffer", "_eof", "_error", "_limits", "_role", "_start", "state")

    def __init__(self, role: Role, limits: Limits) -> None:
        self._role = role
        self._limits = limits
        self._buffer = b""
        self._start = 0
        self._eof = False
        self._error = False
        self.state = State.FRESH

    @property
    def legacy(self) -> bool:
        """Whether the peer is a legacy client."""
        return self.state is State.LEGACY

    @property
    def buffered(self) -> int:
        """Bytes kept of an incomplete frame."""
        return len(self._buffer) - self._start

    def mark_logged_in(self) -> None:
        """The login was accepted; frames may be longer from here on."""
        if self.state is State.FRESH:
            self.state = State.LOGGED_IN

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the peer; b"" when it has ended its side."""
        if self._error:
            return
        if not data:
            self._eof = True
        elif self._start == len(self._buffer):
            self._buffer, self._start = data, 0
        else:
            self._buffer, self._start = self._buffer[self._start :] + data, 0

    def next_event(self) -> Any:
        """The next message, NEED_DATA, or ConnectionClosed.

        Raises:
            PeerProtocolError: once; after it everything the peer says is ignored.
        """
        if self._error:
            return NEED_DATA
        try:
            while True:
                body = self._next_body()
                if body is None:
                    return self._at_end() if self._eof else NEED_DATA
                event = self._event(codec.parse(body))
                if event is not None:
                    return event
        except PeerProtocolError:
            self._error = True
            self._buffer, self._start = b"", 0
            if self.state is not State.LEGACY:
                self.state = State.CLOSED
            raise

    def _limit(self) -> int:
        if self.state is State.FRESH and self._role is Role.SERVER:
            return self._limits.max_login_frame_bytes
        return self._limits.max_frame_bytes

    def _next_body(self) -> bytes | None:
        buffer, start = self._buffer, self._start
        if start == len(buffer):
            self._buffer, self._start = b"", 0
            return None
        found = read_length(buffer, start, self._limit())
        if found is None:
            return None
        length, begin = found
        end = begin + length
        if end > len(buffer):
            return None
        self._start = end
        return buffer[begin:end]

    def _at_end(self) -> ConnectionClosed:
        if self.buffered:
            raise PeerProtocolError(Code.MALFORMED_FRAME, "The connection ended within a frame.")
        self.state = State.CLOSED
        return ConnectionClosed()

    def _event(self, parsed: pb.Frame) -> Any:
        """The message of a frame; None for an optional command of a newer peer."""
        command = parsed.command
        if command not in KNOWN:
            if command >= codec.OPTIONAL_FROM:
                return None
            raise PeerProtocolError(Code.UNKNOWN_COMMAND, f"Command {command} is unknown.")
        table = FROM_CLIENT if self._role is Role.SERVER else FROM_SERVER
        if command not in table[self.state]:
            raise PeerProtocolError(Code.UNEXPECTED_COMMAND, f"Command {command} is not allowed now.")
        if command < pb.LOGIN:
            return self._legacy_event(parsed)
        event = codec.decode(parsed)
        if type(event) is LoginOk:
            self.state = State.LOGGED_IN
        return event

    def _legacy_event(self, parsed: pb.Frame) -> Any:
        if self._role is Role.CLIENT:
            raise PeerProtocolError(Code.UNEXPECTED_COMMAND)
        event = legacy.decode(parsed)
        if type(event) is LegacyLogin:
            self.state = State.LEGACY
        return event

    def send(self, message: Any) -> bytes:
        """The frame of one of our messages.

        Raises:
            LocalProtocolError: our side may not send that now.
        """
        table = FROM_SERVER if self._role is Role.SERVER else FROM_CLIENT
        if COMMAND_OF[type(message)] not in table[self.state]:
            raise LocalProtocolError(f"{type(message).__name__} may not be sent in state {self.state.name}.")
        if type(message) is LoginOk:
            self.state = State.LOGGED_IN
        return codec.encode(message)
