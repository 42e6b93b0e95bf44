"""One connection's protocol, without I/O: bytes in, messages out, and the other way round.

Three verbs. `receive_data` takes what the socket gave, `events` or `next_event` give the messages in it one by one,
`send` makes the bytes of one of ours. State is in the tables of commands.py. The same object serves the IM
server's pump, the SDK under trio, blocking sockets and tests.
"""

from collections.abc import Iterator
from enum import Enum
from typing import Any

from cim_common.wire import cim_pb2 as pb
from cim_common.wire import codec, legacy
from cim_common.wire.codes import Code
from cim_common.wire.commands import COMMAND_OF, FROM_CLIENT, FROM_SERVER, KNOWN, LEADS_TO, OPTIONAL_FROM, Role, State
from cim_common.wire.framing import PeerProtocolError, read_length
from cim_common.wire.limits import Limits
from cim_common.wire.messages import ConnectionClosed, Ping

_SEND = pb.SEND
_PING = pb.PING
_PLAIN_PING = Ping()
_PLAIN_PING_FRAME = codec.encode(_PLAIN_PING)
"""As clients write it who want nothing but to be heard: told by its bytes, and always the same object."""


class LocalProtocolError(Exception):
    """We tried to send what the state does not allow: a bug on our side."""


class _Need(Enum):
    DATA = "NEED_DATA"


NEED_DATA = _Need.DATA
"""What `next_event` returns when it wants more bytes."""


class Connection:
    """The protocol state of one connection. Keeps at most one incomplete frame.

    `legacy`: the peer is a legacy client, who must not be sent a CLOSE.
    """

    __slots__ = (
        "_buffer", "_deaf", "_eof", "_limits", "_max_bytes", "_receivable", "_role", "_start", "_state", "legacy",
    )  # fmt: skip

    def __init__(self, role: Role, limits: Limits) -> None:
        self._role = role
        self._limits = limits
        self._buffer = b""
        self._start = 0
        self._eof = False
        self._deaf = False
        self._enter(State.FRESH)

    def _enter(self, state: State) -> None:
        """What a frame has to pass depends on the state alone: looked up here, not for each frame."""
        self._state = state
        self.legacy = state is State.LEGACY
        server = self._role is Role.SERVER
        self._receivable = (FROM_CLIENT if server else FROM_SERVER)[state]
        stranger = server and state is not State.LOGGED_IN
        self._max_bytes = self._limits.max_login_frame_bytes if stranger else self._limits.max_frame_bytes

    @property
    def state(self) -> State:
        return self._state

    @property
    def buffered(self) -> int:
        """Bytes kept of an incomplete frame."""
        return len(self._buffer) - self._start

    def mark_logged_in(self) -> None:
        """The login was accepted; v2 frames may be longer from here on."""
        if self._state in (State.FRESH, State.LOGGING_IN):
            self._enter(State.LOGGED_IN)

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the peer; b"" when it has ended its side."""
        if not data:
            self._eof = True
        elif self._deaf:
            return
        elif self._start == len(self._buffer):
            self._buffer, self._start = data, 0
        else:
            self._buffer, self._start = self._buffer[self._start :] + data, 0

    def events(self) -> Iterator[Any]:
        """The messages that are complete, in turn, and ConnectionClosed at the end; ends when more bytes are wanted.

        This is the hot path of a server: all frames of one read pass through one loop. A step is taken when the
        next message is asked for, so whoever stops in between leaves the rest where it is.

        Raises:
            PeerProtocolError: once; after it, as after a CLOSE, nothing of the peer counts but its end.
        """
        try:
            while (start := self._start) < (available := len(buffer := self._buffer)):
                if (
                    (first := buffer[start]) > 127
                    and start + 1 < available
                    and 0 < (second := buffer[start + 1]) < 128
                    and (length := first & 127 | second << 7) <= self._max_bytes
                ):
                    begin = start + 2  # two bytes, as nearly every frame has them: a call less
                elif buffer.startswith(_PLAIN_PING_FRAME, start) and _PING in self._receivable:
                    self._start = start + len(_PLAIN_PING_FRAME)
                    yield _PLAIN_PING
                    continue
                else:
                    length, begin = read_length(buffer, start, self._max_bytes) or (
                        available + 1,
                        start,
                    )  # not complete
                end = begin + length
                if end > available:
                    if start:
                        # Without this a few bytes of the next frame would keep the whole read they came with.
                        self._buffer, self._start = buffer[start:], 0
                    break
                self._start = end
                parsed = codec.parse(buffer[begin:end])
                if parsed.command == _SEND and _SEND in self._receivable:
                    yield codec.decode_send(parsed)
                elif (event := self._event(parsed)) is not None:
                    yield event
            else:
                self._buffer, self._start = b"", 0
            if self._eof:
                yield self._at_end()
        except PeerProtocolError:
            self._stop_listening()
            if self._state is not State.LEGACY:
                self._enter(State.CLOSED)
            raise

    def next_event(self) -> Any:
        """The next message, NEED_DATA, or ConnectionClosed.

        Raises:
            PeerProtocolError: as `events`.
        """
        return next(self.events(), NEED_DATA)

    def _stop_listening(self) -> None:
        self._deaf = True
        self._buffer, self._start = b"", 0

    def _at_end(self) -> ConnectionClosed:
        if self._buffer:
            raise PeerProtocolError(Code.MALFORMED_FRAME, "The connection ended within a frame.")
        # The state stays: the peer has ended its side only, and a writer that does not know yet may still send.
        return ConnectionClosed()

    def _event(self, parsed: pb.Frame) -> Any:
        """The message of a frame; None for an optional command of a newer peer."""
        command = parsed.command
        if command not in self._receivable:
            return self._pass_over(command)
        if command in LEADS_TO:
            self._enter(LEADS_TO[command])
        elif command == pb.CLOSE:
            self._stop_listening()
        return legacy.decode(parsed) if command < pb.LOGIN else codec.decode(parsed)

    def _pass_over(self, command: int) -> None:
        """Ignore an optional command of a newer peer, or refuse what the state does not allow."""
        if command in KNOWN:
            raise PeerProtocolError(Code.UNEXPECTED_COMMAND, f"{pb.Command.Name(command)} is not allowed now.")
        if command < OPTIONAL_FROM:
            raise PeerProtocolError(Code.UNKNOWN_COMMAND, f"Command {command} is unknown.")

    def send(self, message: Any) -> bytes:
        """The frame of one of our messages.

        Raises:
            LocalProtocolError: our side may not send that now.
        """
        table = FROM_SERVER if self._role is Role.SERVER else FROM_CLIENT
        command = COMMAND_OF[type(message)]
        if command not in table[self._state]:
            raise LocalProtocolError(f"{type(message).__name__} may not be sent in state {self._state.name}.")
        if command in LEADS_TO:
            self._enter(LEADS_TO[command])
        if command == pb.LEGACY_PING and self._role is Role.CLIENT:
            return legacy.PING_FRAME
        return codec.encode(message)
