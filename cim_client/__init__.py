"""The Python SDK of CIM: `connect` and what it gives (docs/sdk.md)."""

from cim_client.client import Client, Event, Message, Receipt, connect
from cim_client.errors import CimError, Closed, OutcomeUnknown, Refused, Unavailable

__all__ = [
    "CimError",
    "Client",
    "Closed",
    "Event",
    "Message",
    "OutcomeUnknown",
    "Receipt",
    "Refused",
    "Unavailable",
    "connect",
]
