"""The Python SDK of CIM: `connect` and what it gives (docs/sdk.md)."""

from cim_client.client import Client, connect, unsent
from cim_client.errors import CimError, Closed, OutcomeUnknown, Refused, Unavailable
from cim_client.groups import Group
from cim_client.local import Local
from cim_client.records import record_of
from cim_client.streams import History
from cim_client.types import (
    Conversation,
    Device,
    Event,
    Found,
    Gap,
    Member,
    Message,
    Presence,
    Reaction,
    Receipt,
    Scheduled,
    Waiting,
)
from cim_common.ids import LOBBY, direct, direct_users, is_group
from cim_common.wire.codes import Code

__all__ = [
    "LOBBY",
    "CimError",
    "Client",
    "Closed",
    "Code",
    "Conversation",
    "Device",
    "Event",
    "Found",
    "Gap",
    "Group",
    "History",
    "Local",
    "Member",
    "Message",
    "OutcomeUnknown",
    "Presence",
    "Reaction",
    "Receipt",
    "Refused",
    "Scheduled",
    "Unavailable",
    "Waiting",
    "connect",
    "direct",
    "direct_users",
    "is_group",
    "record_of",
    "unsent",
]
