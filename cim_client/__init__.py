"""The Python SDK of CIM: `connect` and what it gives (README.md has an example)."""

from cim_client.client import Client, connect
from cim_client.errors import CimError, Closed, OutcomeUnknown, Refused, Unavailable
from cim_client.types import Event, Message, Receipt

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
