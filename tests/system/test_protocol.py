"""Bad input on a v2 connection: one clear outcome each, and nobody else notices."""

import socket
from collections.abc import Iterator

import pytest

from cim_common.tokens import ConnectClaims, Tokens
from cim_common.wire import Code
from cim_common.wire import messages as m
from cim_common.wire.framing import frame
from tests.system.cluster import Cluster
from tests.system.raw import Raw, call


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    assert made.stop() == 0
    assert "killed" not in made.said
    assert "ended with" not in made.said


@pytest.fixture
def people(cluster: Cluster) -> Iterator[list[Raw]]:
    """Connections that are closed at the end; made with `join`."""
    made: list[Raw] = []
    yield made
    for person in made:
        person.close()


def join(people: list[Raw], cluster: Cluster, name: str, device: str = "d1", exclude: list[str] | None = None) -> Raw:
    people.append(Raw(cluster.route, name, device, exclude))
    return people[-1]


def code_of_the_end(person: Raw) -> int:
    code: int = person.until(m.Close).code
    assert isinstance(person.next(), m.ConnectionClosed)
    return code


SEND = frame(b"\x18\x16\xb2\x01\x0b\x0a\x05lobby\x10\x01\x22\x00")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x00", Code.EMPTY_FRAME),
        (b"\x81\x80\x04" + b"x" * 10, Code.FRAME_TOO_LARGE),
        (b"\xff\xff\xff\xff\xff\xff", Code.MALFORMED_FRAME),
        (b"\x80\x00", Code.MALFORMED_FRAME),
        (frame(b"\xff\xff\xff"), Code.MALFORMED_FRAME),
        (frame(b"\x18\x64"), Code.UNKNOWN_COMMAND),
        (frame(b"\x18\x16\xb2\x01\x05\x22\x03\xff\xfe\xfd"), Code.MALFORMED_FRAME),
        (frame(b"\x18\x10"), Code.UNEXPECTED_COMMAND),
        (frame(b"\x18\x11"), Code.UNEXPECTED_COMMAND),
    ],
    ids=["empty", "oversized", "endless length", "padded length", "no protobuf", "unknown command", "no UTF-8",
         "second login", "a server's command"],
)  # fmt: skip
def test_broken_frames_end_the_connection_with_a_code(
    cluster: Cluster, people: list[Raw], data: bytes, code: Code
) -> None:
    witness, culprit = join(people, cluster, "witness").log_in(), join(people, cluster, "culprit", "x1").log_in()
    culprit.socket.sendall(data)
    assert code_of_the_end(culprit) == code
    witness.send(m.Ping(7))
    assert witness.until(m.Pong).token == 7


def test_a_truncated_frame_and_optional_commands(cluster: Cluster, people: list[Raw]) -> None:
    person = join(people, cluster, "anna").log_in()
    person.socket.sendall(frame(b"\x18\x80\x01") + frame(b"\x18\x12\x98\x06\x01"))
    assert isinstance(person.next(), m.Pong)
    person.socket.sendall(b"\x20\x18")
    person.socket.shutdown(socket.SHUT_WR)
    assert code_of_the_end(person) == Code.MALFORMED_FRAME


def test_before_the_login(cluster: Cluster, people: list[Raw]) -> None:
    early = join(people, cluster, "anna")
    early.socket.sendall(SEND)
    assert code_of_the_end(early) == Code.UNEXPECTED_COMMAND
    long = join(people, cluster, "anna")
    long.socket.sendall(frame(b"\x0a\xfe\x0f" + b"x" * 2046))
    assert code_of_the_end(long) == Code.FRAME_TOO_LARGE
    legacy = join(people, cluster, "anna")
    legacy.socket.sendall(frame(bytes.fromhex("0a0570726f626510f9c8ceb2a034")))
    assert legacy.socket.recv(100) == b""


def test_two_logins_in_one_segment(cluster: Cluster, people: list[Raw]) -> None:
    person = join(people, cluster, "anna")
    login = person.protocol.send(m.Login(person.place["connect_token"], "d1"))
    person.socket.sendall(login + login)
    assert code_of_the_end(person) == Code.UNEXPECTED_COMMAND
    assert isinstance(join(people, cluster, "anna").log_in().say("lobby", 1, 0, "still here"), m.Ack)


def test_tokens_that_are_not_good(cluster: Cluster, people: list[Raw]) -> None:
    anna, bert = join(people, cluster, "anna"), join(people, cluster, "bert", "d2")
    secret = (cluster.folder / "data" / "secret").read_text().strip().encode()
    claims = ConnectClaims(anna.user, "anna", "d1", 1)
    good = anna.place["connect_token"]
    cases = [
        ("", "d1", Code.TOKEN_REFUSED),
        ("x" * 200, "d1", Code.TOKEN_REFUSED),
        (good[:-2] + ("AA" if good[-2:] != "AA" else "BB"), "d1", Code.TOKEN_REFUSED),
        (good, "d2", Code.TOKEN_REFUSED),
        (bert.place["connect_token"], "d1", Code.TOKEN_REFUSED),
        (anna.place["token"], "d1", Code.TOKEN_REFUSED),
        (Tokens(b"another secret, as long as it has to be").connect(claims), "d1", Code.TOKEN_REFUSED),
        (Tokens(secret).connect(claims, ttl_s=-10), "d1", Code.TOKEN_EXPIRED),
    ]
    for token, device, code in cases:
        person = join(people, cluster, "anna")
        person.send(m.Login(token, device))
        assert code_of_the_end(person) == code, (token, device)
    old = join(people, cluster, "anna")
    old.send(m.Login(old.place["connect_token"], "d1", protocol=1))
    assert code_of_the_end(old) == Code.PROTOCOL_VERSION


def test_texts_and_conversations_that_are_not_good(cluster: Cluster, people: list[Raw]) -> None:
    anna, bert = join(people, cluster, "anna").log_in(), join(people, cluster, "bert").log_in()
    stranger = join(people, cluster, "carl")
    ours = anna.with_(bert)
    n = 0
    for conversation, text, code in (
        (ours, "", Code.EMPTY_TEXT),
        (ours, " \n\t", Code.EMPTY_TEXT),
        (ours, "x" * 16_385, Code.TEXT_TOO_LONG),
        (ours, "ü" * 8_193, Code.TEXT_TOO_LONG),
        ("", "x", Code.NO_SUCH_CONVERSATION),
        ("g-unknown", "x", Code.NO_SUCH_CONVERSATION),
        ("log:{c1}:lobby", "x", Code.NO_SUCH_CONVERSATION),
        ("../lobby", "x", Code.NO_SUCH_CONVERSATION),
        (bert.with_(stranger), "x", Code.NO_SUCH_CONVERSATION),
        (f"d-{anna.user}-9007199254740000", "x", Code.NO_SUCH_USER),
    ):
        n += 1
        answer = anna.say(conversation, n, 0, text)
        assert (type(answer), answer.n, answer.code) == (m.Nack, n, code), (conversation, text[:10])
        assert answer.message.endswith(".")
    assert anna.say(ours, n + 1, 0, "x" * 16_384) == m.Ack(n + 1, 1)
    for bad_n, after in ((0, 0), (2**60, 0), (n + 9, n + 9)):
        assert anna.say(ours, bad_n, after, "x").code == Code.BAD_REQUEST


def test_the_same_n_with_other_content(cluster: Cluster, people: list[Raw]) -> None:
    anna, bert = join(people, cluster, "dina").log_in(), join(people, cluster, "bert").log_in()
    ours = anna.with_(bert)
    assert anna.say(ours, 5, 0, "a") == m.Ack(5, 1)
    assert anna.say(ours, 5, 0, "a") == m.Ack(5, 1)
    answer = anna.say(ours, 5, 0, "b")
    assert (answer.code, answer.seq) == (Code.ID_REUSED, 1)
    assert (anna.say(ours, 9, 7, "c").code, anna.say(ours, 4, 0, "d").code) == (Code.OUT_OF_ORDER, Code.SUPERSEDED)
    assert [entry.text for entry in bert.sync(ours, 0)] == ["a"]


def test_too_many_unanswered_and_unknown_requests(cluster: Cluster, people: list[Raw]) -> None:
    anna = join(people, cluster, "anna").log_in()
    anna.send(m.Sync("g-unknown", 0, 0), m.Pull(3, "nowhere", 0, 5), m.Resolve(4, "no such user"), m.Hold("nowhere"))
    anna.send(
        m.Cursor("nowhere", 5), m.Resolve(5, "\x00{c1}"), m.Sync("lobby", 2**63, 1), m.Pull(6, "lobby", 2**63, 2**31)
    )
    found = [anna.next() for _ in range(6)]
    failed = [(event.request, event.code) for event in found if isinstance(event, m.Failed)]
    assert sorted(failed) == [
        (0, Code.NO_SUCH_CONVERSATION),
        (3, Code.NO_SUCH_CONVERSATION),
        (4, Code.NO_SUCH_USER),
        (5, Code.NO_SUCH_USER),
    ]
    assert len([event for event in found if isinstance(event, m.Page)]) == 2
    flood = [m.Send("lobby", n, n - 1, "x") for n in range(1, 300)]
    anna.send(*flood)
    assert code_of_the_end(anna) == Code.TOO_MANY_UNANSWERED


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same server", "other server"])
def test_a_device_that_connects_again_takes_over(cluster: Cluster, people: list[Raw], elsewhere: bool) -> None:
    first = join(people, cluster, "emil", "phone").log_in()
    servers = [server["tcp"] for server in cluster.ready["servers"]]
    target = next(tcp for tcp in servers if (tcp != first.server) == elsewhere)
    second = join(people, cluster, "emil", "phone", exclude=[tcp for tcp in servers if tcp != target]).log_in()
    assert second.server == target
    assert code_of_the_end(first) == Code.TAKEN_OVER
    assert second.say("lobby", 1, 0, "I am the newer one").seq > 0
    status, answer = call(cluster.route, "GET", "/v1/online", Authorization=f"Bearer {second.place['token']}")
    assert status == 200
    assert [user["name"] for user in answer["users"]].count("emil") == 1


def test_http_bodies_that_are_not_good(cluster: Cluster, people: list[Raw]) -> None:
    anna, bert = join(people, cluster, "anna"), join(people, cluster, "bert")
    token = {"Authorization": f"Bearer {anna.place['token']}"}
    for body, status, code in (
        (b"{", 400, Code.BAD_REQUEST),
        (b"\xff\xfe", 400, Code.BAD_REQUEST),
        ([], 422, Code.BAD_REQUEST),
        ({"to": 5, "text": "x"}, 422, Code.BAD_REQUEST),
        ({"to": "lobby", "text": {"a": 1}}, 422, Code.BAD_REQUEST),
        ({"to": "lobby"}, 422, Code.BAD_REQUEST),
        ({"to": "lobby", "text": ""}, 422, Code.EMPTY_TEXT),
        ({"to": "lobby", "text": "x" * 16_385}, 422, Code.TEXT_TOO_LONG),
        ({"to": "no-such-user", "text": "x"}, 404, Code.NO_SUCH_USER),
        ({"conversation": "g-x", "text": "x"}, 404, Code.NO_SUCH_CONVERSATION),
        (b'{"to": "lobby", "text": "' + b"x" * 1_000_000 + b'"}', 413, Code.TOO_LARGE),
    ):
        answered, problem = call(cluster.route, "POST", "/v1/messages", body, **token)
        assert (answered, problem["code"]) == (status, code), body[:40] if isinstance(body, bytes) else body
        assert problem["detail"]
    status, problem = call(
        cluster.route, "POST", "/v1/messages", {"to": "lobby", "text": "x"}, Authorization="Bearer x"
    )
    assert (status, problem["code"]) == (401, Code.BAD_TOKEN)
    forged = {"to": "lobby", "text": "who am I", "user_id": bert.place["user_id"], "sender": "bert"}
    status, stored = call(cluster.route, "POST", "/v1/messages", forged, **token)
    assert status == 201
    bert.log_in()
    last = bert.sync("lobby", stored["seq"] - 1)[0]
    assert (last.sender, last.sender_name, last.client_msg_id) == (anna.user, "anna", stored["message_id"])


def test_slow_readers_are_told_and_lose_nothing(cluster: Cluster, people: list[Raw]) -> None:
    sender, slow = join(people, cluster, "fred").log_in(), join(people, cluster, "gina")
    slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    slow.log_in()
    other = join(people, cluster, "hugo").log_in()
    ours, theirs = sender.with_(slow), sender.with_(other)
    assert sender.say(ours, 1, 0, "first").seq == 1
    assert sender.say(theirs, 2, 0, "first").seq == 1
    slow.sync(ours, 0)
    other.sync(theirs, 0)
    count = 600
    n = 2
    for _ in range(count):
        n += 1
        assert isinstance(sender.say(ours, n, n - 1 if n > 3 else 1, "x" * 16_000), m.Ack)
    assert sender.say(theirs, n + 1, 2, "nobody else notices").seq == 2
    assert other.until(m.Push).entries[0].text == "nobody else notices"
    got = []
    while not isinstance(event := slow.next(), m.Close):
        if isinstance(event, m.Push):
            got += [entry.seq for entry in event.entries]
    assert event.code == Code.SLOW_CONSUMER
    assert got == list(range(2, len(got) + 2))
    again = join(people, cluster, "gina").log_in()
    rest = [entry.seq for entry in again.sync(ours, got[-1] if got else 1)]
    assert got + rest == list(range(2, count + 2))
