"""Settings of route."""

from dataclasses import dataclass, field

from cim_common.store.presence import Directory


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """What route is told at its start. Port 0: any free one.

    `secret` signs tokens and is the same for route and all IM servers. `operator_token_file` holds the token for
    the operator's calls; `ready_file` gets one JSON object once route answers.
    """

    redis_url: str
    secret: bytes = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 8083
    zookeeper: str | None = None
    legacy: bool = False
    directory: Directory = Directory.OPEN
    operator_token_file: str | None = None
    ready_file: str | None = None
