"""Many connections of one process on the sans-IO core: cheap enough to stand for thousands of people."""

import itertools
import selectors
import socket
import time
from collections.abc import Callable

import trio

from cim_common.tokens import ConnectClaims
from cim_common.wire import NEED_DATA, Connection, Limits, Role
from cim_common.wire import messages as m
from tests.faults.bulk import Filling, User
from tests.system.cluster import Cluster

TEXT = "x" * 100


class Crowd:
    """Many v2 connections of one process, each live in one conversation, counting the entries pushed to it."""

    def __init__(
        self, cluster: Cluster, filling: Filling, users: list[User], conversation: str, cursor: int = 0
    ) -> None:
        self._selector = selectors.DefaultSelector()
        self.got: dict[socket.socket, int] = {}
        self._live = 0
        servers = [server["tcp"] for server in cluster.ready["servers"]]
        for user, where in zip(users, itertools.cycle(servers), strict=False):
            host, _, port = where.rpartition(":")
            sock = socket.create_connection((host, int(port)), 10)
            connection = Connection(Role.CLIENT, Limits())
            token = filling.tokens.connect(ConnectClaims(user.id, user.name, "crowd", 1))
            sock.sendall(connection.send(m.Login(token, "crowd")))
            sock.setblocking(False)
            self._selector.register(sock, selectors.EVENT_READ, connection)
            self.got[sock] = 0
            self.poll(0)
        self._conversation = conversation
        self.until(lambda: self._logged_in == len(users), 60)
        for key in list(self._selector.get_map().values()):
            key.fileobj.sendall(key.data.send(m.Sync(conversation, cursor, 0)))  # type: ignore[union-attr]
        self.until(lambda: self._live == len(users), 120)

    _logged_in = 0
    _pinged = 0.0

    def poll(self, timeout_s: float) -> None:
        if self._live and time.monotonic() - self._pinged > 8:
            self._pinged = time.monotonic()
            for key in list(self._selector.get_map().values()):
                key.fileobj.sendall(key.data.send(m.Ping()))  # type: ignore[union-attr]
        for key, _ in self._selector.select(timeout_s):
            sock, connection = key.fileobj, key.data
            assert isinstance(sock, socket.socket)
            data = sock.recv(65_536)
            assert data, "closed"
            connection.receive_data(data)
            while (event := connection.next_event()) is not NEED_DATA:
                assert not isinstance(event, m.Close), event
                if isinstance(event, m.Push):
                    self.got[sock] += len(event.entries)
                elif isinstance(event, m.LoginOk):
                    self._logged_in += 1
                elif isinstance(event, m.Page):
                    if event.live:
                        self._live += 1
                    else:
                        sock.sendall(connection.send(m.Sync(self._conversation, event.end, event.incarnation)))

    def until(self, condition: Callable[[], bool], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, (self._logged_in, self._live, sum(self.got.values()))
            self.poll(0.05)

    def close(self) -> None:
        for sock in self.got:
            sock.close()


async def send_all(cluster: Cluster, filling: Filling, users: list[User], conversation: str, each: int) -> None:
    servers = itertools.cycle([server["tcp"] for server in cluster.ready["servers"]])

    async def one(user: User) -> None:
        host, _, port = next(servers).rpartition(":")
        stream = await trio.open_tcp_stream(host, int(port))
        connection = Connection(Role.CLIENT, Limits())
        token = filling.tokens.connect(ConnectClaims(user.id, user.name, "sender", 1))
        await stream.send_all(connection.send(m.Login(token, "sender")))
        answered = 0
        sent = 0
        while answered < each:
            event = connection.next_event()
            if event is NEED_DATA:
                connection.receive_data(await stream.receive_some(65_536))
            elif isinstance(event, m.LoginOk):
                sent += 1
                await stream.send_all(connection.send(m.Send(conversation, sent, 0, TEXT)))
            elif isinstance(event, m.Ack):
                answered += 1
                if sent < each:
                    sent += 1
                    await stream.send_all(connection.send(m.Send(conversation, sent, 0, TEXT)))
            else:
                raise AssertionError(event)

    async with trio.open_nursery() as nursery:
        for user in users:
            nursery.start_soon(one, user)
