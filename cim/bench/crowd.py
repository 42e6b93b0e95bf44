"""Many idle connections of one process: logged in, live in the lobby as any client is, and pinging.

They stand for people who are connected and say nothing. All are checked: one that is closed by the server, or does
not answer a ping, is an error of the run. `Crowd` is driven by its caller (`log_in`, `beat`), or by a thread of its own
(`beating`) while something else is measured.
"""

import contextlib
import errno
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cim.bench.accounts import Account
from cim.bench.beside import beside
from cim.bench.worker import GeneratorError
from cim_common import ids
from cim_common.wire import NEED_DATA, Connection, Limits, PeerProtocolError, Role, codec
from cim_common.wire import messages as m
from cim_common.wire.codes import Code
from cim_common.wire.limits import PING_INTERVAL_S

AT_ONCE = 256
"""Connections being made at one time."""

LOGIN_S = 30.0
PONG_S = 15.0
RECEIVE_BYTES = 65_536
LIMITS = Limits()
PING = codec.encode(m.Ping())

Progress = Callable[[str], None]


class CrowdError(GeneratorError):
    """A connection was not made, or not kept; one sentence."""


class Member:
    """One connection. `live` once it hears the lobby (or is logged in, when it does not ask for it); `due`: when it is
    to ping next."""

    __slots__ = ("account", "connection", "due", "live", "pinged", "pongs", "sock")

    def __init__(self, account: Account, sock: socket.socket) -> None:
        self.account = account
        self.sock = sock
        self.connection = Connection(Role.CLIENT, LIMITS)
        self.live = False
        self.due = 0.0
        self.pinged = 0
        self.pongs = 0


class Crowd:
    """Idle connections. With `lobby` each reads its conversation list and syncs the lobby, as the SDK does."""

    def __init__(self, lobby: bool = True, interval_s: float = PING_INTERVAL_S) -> None:
        self._lobby = lobby
        self._interval_s = interval_s
        self._selector = selectors.EpollSelector()
        self._members: dict[int, Member] = {}
        self._turn: deque[Member] = deque()
        """All that are live, the one that pings next in front."""

        self._joining: dict[int, Member] = {}
        self.lost: list[str] = []
        """What became of connections that ended without being asked to."""

    def __len__(self) -> int:
        """Connections that are live."""
        return len(self._members)

    @property
    def pings(self) -> int:
        return sum(member.pinged for member in self._members.values())

    @property
    def pongs(self) -> int:
        return sum(member.pongs for member in self._members.values())

    # -- coming and going --------------------------------------------------------------------------------

    def log_in(self, accounts: Sequence[Account], progress: Progress = lambda text: None) -> None:
        """Connect them all, some at a time; those who are here already go on pinging.

        Raises:
            CrowdError: one of them did not come up.
        """
        waiting = deque(accounts)
        goal = len(self._members) + len(waiting)
        said = heard = time.monotonic()
        while len(self._members) < goal:
            while waiting and len(self._joining) < AT_ONCE:
                self._connect(waiting.popleft())
            before = len(self._members)
            self._poll(0.05)
            self._ping_due(time.monotonic())
            now = time.monotonic()
            if len(self._members) > before:
                heard = now
            if now - heard > LOGIN_S:
                raise CrowdError(f"{goal - len(self._members)} connections did not come up within {LOGIN_S:g} s.")
            if self.lost:
                raise CrowdError(self.lost[0])
            if now - said > 1:
                said = now
                progress(f"logging in: {len(self._members)} of {goal} connections")
        self._spread()

    def _connect(self, account: Account) -> None:
        sock = socket.socket(socket.AF_INET6 if ":" in account.host else socket.AF_INET)
        sock.setblocking(False)
        error = sock.connect_ex((account.host, account.port))
        if error not in (0, errno.EINPROGRESS):
            sock.close()
            raise CrowdError(f"{account.host}:{account.port} cannot be connected to: {os.strerror(error)}.")
        member = Member(account, sock)
        self._joining[sock.fileno()] = member
        self._selector.register(sock, selectors.EVENT_WRITE, member)

    def leave(self, count: int) -> list[Account]:
        """The `count` that were here longest say goodbye; who they were."""
        gone = []
        for _ in range(min(count, len(self._members))):
            member = next(iter(self._members.values()))
            self._turn.remove(member)
            with contextlib.suppress(OSError):
                member.sock.sendall(member.connection.send(m.Close(Code.NORMAL)))
            self._forget(member)
            gone.append(member.account)
        return gone

    def close(self) -> None:
        """End all connections."""
        for member in [*self._members.values(), *self._joining.values()]:
            self._forget(member)
        self._turn.clear()
        self._selector.close()

    def _forget(self, member: Member) -> None:
        self._members.pop(member.sock.fileno(), None)
        self._joining.pop(member.sock.fileno(), None)
        self._selector.unregister(member.sock)
        member.sock.close()

    # -- being there -------------------------------------------------------------------------------------

    def beat(self, seconds: float, pinging: bool = True) -> None:
        """Stay for so long, each member pinging every `interval_s`, or nobody.

        A ping is written when it is due, not together with its neighbours: those of people do not come in groups.
        """
        ends = time.monotonic() + seconds
        while (now := time.monotonic()) < ends:
            wake = ends
            if pinging:
                self._ping_due(now)
                wake = min(ends, self._turn[0].due) if self._turn else ends
            self._poll(max(wake - time.monotonic(), 0.0))

    def all_alive(self) -> int:
        """Ping everybody once and wait for the answers; how many there are.

        Raises:
            CrowdError: somebody is gone, or does not answer.
        """
        for member in list(self._members.values()):
            self._ping(member)
        ends = time.monotonic() + PONG_S
        while not self.lost and any(member.pongs < member.pinged for member in self._members.values()):
            if time.monotonic() > ends:
                silent = sum(member.pongs < member.pinged for member in self._members.values())
                raise CrowdError(f"{silent} connections do not answer pings.")
            self._poll(0.05)
        if self.lost:
            raise CrowdError(f"{len(self.lost)} connections were lost: {self.lost[0]}")
        return len(self._members)

    @contextlib.contextmanager
    def beating(self, between: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Stay for the block, in a thread; nothing else may be asked of the crowd meanwhile.

        `between` is called in that thread many times a second, and may.
        """

        def stay(ending: threading.Event) -> None:
            while not ending.is_set():
                self.beat(0.1)
                between()

        with beside("crowd", stay):
            yield

    def _ping_due(self, now: float) -> None:
        while self._turn and self._turn[0].due <= now:
            member = self._turn.popleft()
            member.due = max(member.due + self._interval_s, now)
            self._turn.append(member)
            self._ping(member)

    def _ping(self, member: Member) -> None:
        if self._write(member, PING):
            member.pinged += 1

    def _spread(self) -> None:
        """Give the pings equal distances, as those of many people have."""
        now = time.monotonic()
        for index, member in enumerate(self._turn, 1):
            member.due = now + self._interval_s * index / len(self._turn)

    # -- the wire ----------------------------------------------------------------------------------------

    def _poll(self, timeout_s: float) -> None:
        for key, events in self._selector.select(timeout_s):
            member: Member = key.data
            if events & selectors.EVENT_WRITE:
                self._connected(member)
            else:
                self._read(member)

    def _connected(self, member: Member) -> None:
        error = member.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._lose(member, os.strerror(error))
            return
        self._selector.modify(member.sock, selectors.EVENT_READ, member)
        member.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        account = member.account
        self._write(member, member.connection.send(m.Login(account.connect_token, account.device)))

    def _write(self, member: Member, data: bytes) -> bool:
        try:
            if member.sock.send(data) == len(data):
                return True
            self._lose(member, "The server does not take what is written.")
        except OSError as error:
            self._lose(member, str(error))
        return False

    def _read(self, member: Member) -> None:
        try:
            member.connection.receive_data(member.sock.recv(RECEIVE_BYTES))
            while (event := member.connection.next_event()) is not NEED_DATA:
                if isinstance(event, m.Close):
                    self._lose(member, f"{event.code} {event.message}")
                    return
                if isinstance(event, m.ConnectionClosed):
                    self._lose(member, "The server closed the connection.")
                    return
                self._take(member, event)
        except (OSError, PeerProtocolError) as error:
            self._lose(member, str(error))

    def _take(self, member: Member, event: Any) -> None:
        if isinstance(event, m.Pong):
            member.pongs += 1
        elif isinstance(event, m.LoginOk):
            if self._lobby:
                self._write(member, member.connection.send(m.List(1, 0)))
            else:
                self._is_live(member)
        elif isinstance(event, m.Conversations):
            lobby = next((one for one in event.conversations if one.id == ids.LOBBY), None)
            if lobby is None:
                self._lose(member, "The lobby is not in the list of conversations.")
            else:
                sync = m.Sync(ids.LOBBY, lobby.head, lobby.incarnation)
                self._write(member, member.connection.send(sync))
        elif isinstance(event, m.Page) and not member.live:
            if event.live:
                self._is_live(member)
            else:
                self._write(member, member.connection.send(m.Sync(ids.LOBBY, event.end, event.incarnation)))

    def _is_live(self, member: Member) -> None:
        member.live = True
        del self._joining[member.sock.fileno()]
        self._members[member.sock.fileno()] = member
        member.due = time.monotonic() + self._interval_s
        self._turn.append(member)

    def _lose(self, member: Member, why: str) -> None:
        self.lost.append(f"{member.account.user}: {why}")
        if member in self._turn:
            self._turn.remove(member)
        self._forget(member)
