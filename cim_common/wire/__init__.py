"""The wire protocol of CIM, without I/O (docs/protocol.md)."""

from cim_common.wire import messages
from cim_common.wire.codes import Code
from cim_common.wire.commands import Role
from cim_common.wire.connection import NEED_DATA, Connection, LocalProtocolError
from cim_common.wire.framing import PeerProtocolError
from cim_common.wire.limits import Limits

__all__ = [
    "NEED_DATA",
    "Code",
    "Connection",
    "Limits",
    "LocalProtocolError",
    "PeerProtocolError",
    "Role",
    "messages",
]
