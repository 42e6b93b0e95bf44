"""The accounts of a run, from a real cluster: an operator's, and registered ones."""

import contextlib
import http.server
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cim.bench import accounts
from cim.bench.accounts import Account, AccountsError
from cim.bench.target import Target
from cim_common.wire import messages as m
from tests.system.cluster import Cluster
from tests.system.raw import Raw


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    token = Path(cluster.ready["operator_token_file"]).read_text().strip()
    yield Target(cluster.route, token)
    assert cluster.stop() == 0


def connected(account: Account) -> m.LoginOk:
    """The answer to a login with what the account brings."""
    server = {"host": account.host, "port": account.port}
    opened = Raw.of({"user_id": account.user, "connect_token": account.connect_token, "server": server}, account.device)
    opened.close()
    return opened.welcome


def test_more_than_a_thousand_each_ready_to_connect_and_spread(place: Target) -> None:
    said: list[str] = []
    made = accounts.make(place, 1_500, progress=said.append)
    assert len({account.user for account in made}) == 1_500
    assert len({account.name for account in made}) == 1_500
    spread = Counter((account.host, account.port) for account in made)
    assert len(spread) == 2
    assert said == ["1000 of 1500 accounts", "1500 of 1500 accounts"]
    for account in (made[0], made[-1]):
        assert (connected(account).user, account.password) == (account.user, None)


def test_the_names_of_a_prefix_are_the_same_accounts_and_no_prefix_comes_twice(place: Target) -> None:
    first, again = accounts.make(place, 3, "mine-"), accounts.make(place, 2, "mine-")
    assert [account.user for account in again] == [account.user for account in first[:2]]
    assert {account.user for account in accounts.make(place, 3)}.isdisjoint(account.user for account in first)


def test_tokens_are_renewed(place: Target) -> None:
    made = accounts.make(place, 3)
    renewed = accounts.renew(place, made)
    assert [account.user for account in renewed] == [account.user for account in made]
    assert connected(renewed[2]).user == made[2].user


def test_without_an_operators_token_they_are_registered(place: Target) -> None:
    known_by_route = Target(place.route)
    made = accounts.make(known_by_route, 2)
    assert len({account.user for account in made}) == 2
    assert all(account.password for account in made)
    (renewed, _) = accounts.renew(known_by_route, made)
    assert (renewed.user, renewed.password) == (made[0].user, made[0].password)
    assert connected(renewed).user == made[0].user


def test_what_goes_wrong_is_one_sentence(place: Target) -> None:
    with pytest.raises(AccountsError, match="operator"):
        accounts.make(Target(place.route, "x" * 64), 1)
    with pytest.raises(AccountsError, match="does not answer"):
        accounts.make(Target("http://127.0.0.1:9", "x" * 64), 1)
    for no_url in ("127.0.0.1:8080", "localhost", "http://localhost:none", "ftp://localhost"):
        with pytest.raises(AccountsError, match=r"is not .*URL"):
            accounts.make(Target(no_url), 1)


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"{}", b"null", b'{"device_id": "a", "accounts": [{}]}'])
@pytest.mark.parametrize("operator_token", [None, "x" * 64])
def test_a_route_of_another_program_is_recognised(answer: bytes, operator_token: str | None) -> None:
    class Other(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        with pytest.raises(AccountsError, match="is not CIM's route"):
            accounts.make(Target(f"http://127.0.0.1:{server.server_port}", operator_token), 1)
        server.shutdown()
        thread.join()


def test_after_one_that_fails_no_more_are_registered() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        asked: list[int] = []

        def hang_up() -> None:
            with contextlib.suppress(OSError):
                while True:
                    listener.accept()[0].close()
                    asked.append(1)

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        with pytest.raises(AccountsError):
            accounts.make(Target(f"http://127.0.0.1:{listener.getsockname()[1]}"), 20_000)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert len(asked) < 2_000
