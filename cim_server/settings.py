"""Settings of one IM server."""

import ipaddress
from dataclasses import dataclass, field

from cim_common.retention import Keep
from cim_common.store.presence import Directory


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What an IM server is told at its start. Ports may be 0: any free one.

    `advertise_host` is the address that clients are sent to, when it is not the one listened on. `gather_ms`: see
    `Pump.gather_s`.
    """

    server_id: str
    redis_url: str
    secret: bytes
    host: str = "127.0.0.1"
    port: int = 11211
    http_host: str = "127.0.0.1"
    http_port: int = 0
    advertise_host: str | None = None
    zookeeper: str | None = None
    legacy: bool = False
    directory: Directory = Directory.OPEN
    allow_plaintext: bool = False
    ready_file: str | None = None
    keep: Keep = field(default_factory=Keep)
    gather_ms: float = 0.0

    def refusal(self) -> str | None:
        """Why these settings are not accepted, in one sentence; None if they are."""
        for host in (self.host, self.http_host):
            if not self.allow_plaintext and not is_loopback(host):
                return (
                    f"Messages would travel in plain text to {host}: "
                    "listen on 127.0.0.1, or allow it with --allow-plaintext."
                )
        return None


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
