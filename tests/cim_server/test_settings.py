"""Where a server may listen."""

import pytest

from cim_server.settings import ServerSettings, is_loopback


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.5.5.5", True), ("::1", True), ("localhost", True), ("0.0.0.0", False),
     ("10.0.0.1", False), ("example.org", False), ("::", False)],
)  # fmt: skip
def test_plain_text_stays_on_this_machine(host: str, local: bool) -> None:
    assert is_loopback(host) is local
    settings = ServerSettings("s1", "redis://x", b"x" * 32, host=host)
    assert (settings.refusal() is None) is local
    assert ServerSettings("s1", "redis://x", b"x" * 32, host=host, allow_plaintext=True).refusal() is None
