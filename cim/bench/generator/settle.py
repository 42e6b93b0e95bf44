"""What became of deliveries to a connection that was lost: its log is read over a new one.

The log is the truth and a push only a doorbell: that a connection ended says nothing about the messages that were to
come over it. So the receiver connects again, to any server, and reads on from the last seq it saw, as a client would.
"""

import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

from cim.bench.generator import frames
from cim.bench.generator.peer import Peer
from cim.bench.ledger import Sendings
from cim_common.wire import NEED_DATA, Connection, Limits, Role
from cim_common.wire import messages as m

WITHIN_S = 20.0
"""A server that was killed is back long before, and its sessions can be claimed."""

PAUSE_S = 0.2
CONNECT_S = 2.0


def read_logs(
    peers: Sequence[Peer],
    sendings: Mapping[int, Sendings],
    servers: Sequence[tuple[str, int]],
    tokens: Mapping[int, str],
) -> list[Peer]:
    """Give each of these peers what its log holds above what it has seen; those whose log could not be read.

    `tokens` are fresh connect tokens by slot: the one a peer came with is good for minutes only.
    """
    deadline = time.monotonic() + WITHIN_S
    unread = list(peers)
    while unread and time.monotonic() < deadline:
        for peer in list(unread):
            member = peer.member
            places = [(member.host, member.port), *servers]
            if not _missing(peer, sendings) or any(
                _read_log(peer, tokens.get(member.slot, member.token), place, deadline) for place in places
            ):
                unread.remove(peer)
            elif time.monotonic() > deadline:
                break
        if unread:
            time.sleep(PAUSE_S)
    return unread


def _missing(peer: Peer, sendings: Mapping[int, Sendings]) -> int:
    return sum(sendings[int(key)].missing(arrivals) for key, arrivals in peer.hears.items())


def _read_log(peer: Peer, token: str, place: Any, deadline: float) -> bool:
    """Log in and read pages until one is live. Whether that succeeded."""
    member, protocol = peer.member, Connection(Role.CLIENT, Limits())
    assert member.conversation is not None
    try:
        with socket.create_connection(tuple(place), CONNECT_S) as sock:
            sock.settimeout(max(deadline - time.monotonic(), 1.0))
            sock.sendall(protocol.send(m.Login(token, member.device, client="cim bench")))
            while True:
                while (event := protocol.next_event()) is NEED_DATA:
                    protocol.receive_data(sock.recv(65_536))
                if isinstance(event, m.Close | m.ConnectionClosed | m.Failed):
                    return False
                if isinstance(event, m.Page):
                    for entry in event.entries:
                        peer.entered(entry)
                    if event.live:
                        return True
                if isinstance(event, m.LoginOk | m.Page):
                    cursor = event.end if isinstance(event, m.Page) else frames.seq_of(peer.seen)
                    sock.sendall(protocol.send(m.Sync(member.conversation, cursor, 0)))
    except OSError:
        return False
