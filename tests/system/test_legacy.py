"""An unmodified CIM client beside the v2 ones: the eight situations, and what must not happen."""

import socket
import time
from collections.abc import Callable, Iterator

import pytest
import trio

from cim_client import connect
from cim_common import ids
from cim_common.wire import messages as m
from cim_common.wire.kinds import Kind
from tests.real_servers import eventually
from tests.system.cluster import Cluster
from tests.system.legacy_double import JavaClient, Route, framed, login_body
from tests.system.raw import Raw

NewCluster = Callable[..., Cluster]


@pytest.fixture
def cluster(new_cluster: NewCluster) -> Cluster:
    return new_cluster("--legacy")


@pytest.fixture
def route(cluster: Cluster) -> Iterator[Route]:
    made = Route(cluster.route)
    yield made
    for client in made.clients:
        client.drop()


def person(route: Route, name: str) -> JavaClient:
    return JavaClient(route, route.register(name), name)


def test_group_chat(route: Route) -> None:
    ann, ben, cid = (person(route, name).start() for name in ("Ann", "Ben", "Cid"))
    eventually(lambda: len(route.call("GET", "/onlineUser")["dataBody"] or []) == 3)
    assert ann.to_all("hello all") == "9000"
    for other in (ben, cid):
        eventually(lambda other=other: other.shown == [("Ann", "hello all")])  # type: ignore[misc]
        frame = other.frames[-1]
        assert (frame.cmd, frame.response_id) == (1, other.user)
        assert frame.properties == {
            "sendUserId": str(ann.user),
            "sendUserName": "Ann",
            "receiveUserId": str(other.user),
        }
    assert ann.shown == []


def test_private_chat(route: Route) -> None:
    ann, ben, cid = (person(route, name).start() for name in ("Ann", "Ben", "Cid"))
    eventually(lambda: ann.to(ben.user, "first") == "9000")
    assert ben.to(ann.user, "and back") == "9000"
    eventually(lambda: "first" in ben.texts and ann.texts == ["and back"])
    assert cid.shown == []
    assert ann.to(ben.user + 1, "nobody") == "9100"


def test_batch(route: Route) -> None:
    ann, ben = (person(route, name).start() for name in ("Ann", "Ben"))
    texts = [f"text {n}" for n in range(250)]
    eventually(lambda: len(route.call("GET", "/onlineUser")["dataBody"] or []) == 2)
    assert ann.to(ben.user, texts) == "9000"
    eventually(lambda: len(ben.shown) >= 250)
    assert ben.texts == texts
    assert max(len(frame.batch) for frame in ben.frames) <= 100


@pytest.mark.invariant("I16")
def test_reconnect_after_its_server_died(cluster: Cluster, route: Route) -> None:
    ann, ben = person(route, "Ann").start(), person(route, "Ben").start()
    eventually(lambda: len(route.call("GET", "/onlineUser")["dataBody"] or []) == 2)
    port = ben.place["cimServerPort"]
    victim = next(s["id"] for s in cluster.ready["servers"] if s["tcp"].endswith(f":{port}"))
    cluster.kill(victim)
    assert ben.ended.wait(5)
    assert ben.say_offline() == "9000"
    assert ann.to(ben.user, "while you were away") in ("7000", "9000")
    eventually(lambda: ben.log_in()["code"] == "9000", 10)
    ben.start()
    eventually(lambda: ben.texts == ["while you were away"], 10)
    assert ben.fetch_offline() == "9000"
    assert ann.to(ben.user, "welcome back") == "9000"
    eventually(lambda: ben.texts == ["while you were away", "welcome back"])


def test_offline_then_online_within_30_ms(route: Route) -> None:
    ann, ben = person(route, "Ann").start(), person(route, "Ben").start()
    eventually(lambda: ann.to(ben.user, "0") == "9000")
    for turn in range(1, 6):
        ben.drop()
        ben.say_offline()
        assert eventually(lambda: ben.log_in()["code"] == "9000", 5)
        ben.start()
        assert ann.to(ben.user, str(turn)) == "9000"
        eventually(lambda turn=turn: str(turn) in ben.texts)  # type: ignore[misc]
    assert [text for text in ben.texts if text != "0"] == [str(turn) for turn in range(1, 6)]
    ben.say_offline()  # late: the newer session stays
    assert ann.to(ben.user, "still here") == "9000"
    eventually(lambda: ben.texts[-1] == "still here")


def test_close(route: Route) -> None:
    ann, ben = person(route, "Ann").start(), person(route, "Ben").start()
    eventually(lambda: ann.to(ben.user, "hello") == "9000")
    ben.close()
    eventually(lambda: route.call("GET", "/onlineUser")["dataBody"] == [{"userId": ann.user, "userName": "Ann"}])
    assert ann.to(ben.user, "gone?") == "7000"


def test_wrong_user(cluster: Cluster, route: Route) -> None:
    ann = person(route, "Ann")
    assert route.register("Ann") == ann.user
    wrong = route.call("POST", "/login", {"userId": ann.user, "userName": "Ben"})
    assert (wrong["code"], wrong["dataBody"]) == ("9100", None)
    assert route.call("POST", "/login", {"userId": ann.user + 1, "userName": "Ann"})["code"] == "9100"
    assert route.call("POST", "/login", {"userId": str(ann.user), "userName": "Ann"})["code"] == "9000"
    for body in (b"not json", b"[]", {"userId": True, "userName": "Ann"}, {"userId": [1]}, {}):
        assert route.call("POST", "/login", body)["code"] == "3000"
    ann.start()
    eventually(lambda: ann.log_in()["code"] == "5000")
    with socket.create_connection((ann.place["ip"], ann.place["cimServerPort"]), 5) as stranger:
        stranger.sendall(framed(login_body(ann.user, "Ben")))
        assert stranger.recv(10) == b""
    with socket.create_connection((ann.place["ip"], ann.place["cimServerPort"]), 5) as empty:
        empty.sendall(b"\x00")
        assert empty.recv(100)[-1:] is not None


def test_offline_messages(route: Route) -> None:
    ann, ben = person(route, "Ann").start(), person(route, "Ben")
    for n in range(120):
        assert ann.to(ben.user, f"offline {n}") == "7000"
    ben.start()
    eventually(lambda: len(ben.shown) >= 120)
    assert ben.fetch_offline() == "9000"
    assert ben.texts == [f"offline {n}" for n in range(120)]
    stored = [frame for frame in ben.frames if frame.cmd == 3]
    assert [len(frame.batch) for frame in stored] == [100, 20]
    assert all(frame.properties["sendUserId"] == str(ann.user) for frame in stored)
    ben.drop()
    eventually(lambda: ben.log_in()["code"] == "9000", 5)
    ben.start()
    assert ann.to(ben.user, "once") == "9000"
    eventually(lambda: ben.texts[-1] == "once")
    assert len(ben.texts) == 121


def test_a_long_absence_is_made_up_for(route: Route) -> None:
    ann, ben = person(route, "Ann"), person(route, "Ben")
    texts = [f"{n} " + "x" * 4_000 for n in range(900)]
    for first in range(0, 900, 10):
        assert ann.to(ben.user, texts[first : first + 10]) == "7000"
    ben.start()
    eventually(lambda: len(ben.shown) >= 900, 20)
    assert ben.texts == texts
    assert all(len(frame.batch) <= 100 for frame in ben.frames)
    assert all(sum(len(text) for text in frame.batch) <= 48 * 1024 for frame in ben.frames)


def test_between_login_and_the_first_frame_nothing_is_dropped(route: Route) -> None:
    ann, ben = person(route, "Ann").start(), person(route, "Ben")
    place = ben.log_in()["dataBody"]
    assert ann.to(ben.user, "private") == "9000"
    assert ann.to_all("to all") == "9000"
    ben.connect(place)
    eventually(lambda: sorted(ben.texts) == ["private", "to all"])


def test_the_internal_call_says_the_truth(cluster: Cluster, route: Route) -> None:
    ann, ben = person(route, "Ann").start(), person(route, "Ben").start()
    eventually(lambda: len(route.call("GET", "/onlineUser")["dataBody"] or []) == 2)
    server = next(s for s in cluster.ready["servers"] if s["tcp"].endswith(f":{ben.place['cimServerPort']}"))
    internal = Route(f"http://{server['http']}")
    body = {"userId": ben.user, "msg": "pushed", "cmd": "MESSAGE", "properties": {"sendUserId": str(ann.user)}}
    answer = internal.call("POST", "/sendMsg", body)
    assert (answer["code"], answer["dataBody"]) == ("9000", {"msg": "OK"})
    eventually(lambda: ben.shown == [("Ann", "pushed")])
    assert internal.call("POST", "/sendMsg", body | {"userId": ben.user + 1})["code"] == "7000"
    assert internal.call("POST", "/sendMsg", body | {"properties": {"sendUserId": "5"}})["code"] == "3000"
    assert internal.call("POST", "/sendMsg", b"[]")["code"] == "3000"


def test_a_heartbeat_is_answered_as_cim_does(route: Route) -> None:
    ann = person(route, "Ann").start()
    ann.ping()
    eventually(lambda: [(f.cmd, f.text, f.response_id) for f in ann.frames] == [(2, "pong", 0)])
    with socket.create_connection((ann.place["ip"], ann.place["cimServerPort"])):
        time.sleep(0.01)  # an empty connection, as CIM's route makes them


async def test_legacy_and_v2_users_talk(cluster: Cluster, route: Route) -> None:
    async with connect(cluster.route, name="dora", password="dora's password", register=True) as dora:
        ann = await trio.to_thread.run_sync(lambda: person(route, "Ann").start())
        call = trio.to_thread.run_sync
        assert await call(ann.to, dora.user_id, "hello v2") == "9000"
        messages = dora.messages()
        message = await anext(messages)
        assert (message.sender, message.text, message.unverified) == ("Ann", "hello v2", True)
        await dora.send("ann", "hello legacy")
        await dora.send("lobby", "hello all")
        await call(eventually, lambda: ann.shown == [("dora", "hello legacy"), ("dora", "hello all")])
        # An account with a password is out of reach of legacy calls.
        login = {"userId": dora.user_id, "userName": "dora"}
        assert (await call(route.call, "POST", "/login", login))["code"] == "3000"
        assert (await call(route.call, "POST", "/registerAccount", {"userName": "dora"}))["code"] == "3000"
        forged = {"userId": dora.user_id, "receiveUserId": ann.user, "msg": "I am dora"}
        assert (await call(route.call, "POST", "/p2pRoute", forged))["code"] == "3000"
        assert (await call(route.call, "POST", "/groupRoute", forged))["code"] == "3000"
        assert (await call(route.call, "POST", "/fetchOfflineMsgs", forged | {"receiveUserId": dora.user_id}))[
            "code"
        ] == "3000"
        assert len(ann.shown) == 2
        assert ann.lost == 0


def test_a_legacy_client_in_a_group(cluster: Cluster, route: Route) -> None:
    ben, ann = person(route, "Ben").start(), Raw(cluster.route, "ann").log_in()
    group = ids.new_group()

    def change(n: int, kind: Kind, **fields: object) -> None:
        ann.send(m.Change(group, n, n - 1, kind, **fields))  # type: ignore[arg-type]
        assert isinstance(ann.until(m.Ack), m.Ack)

    change(1, Kind.CREATED, text="ops", targets=(ben.user,))
    assert ann.say(group, 2, 1, "welcome") == m.Ack(2, 2)
    change(3, Kind.KICKED, targets=(ben.user,))
    assert ann.say(group, 4, 3, "behind his back") == m.Ack(4, 4)
    assert ann.say(group, 5, 4, "and recalled") == m.Ack(5, 5)
    change(6, Kind.JOINED, targets=(ben.user,))
    assert ann.say(group, 7, 6, "welcome back") == m.Ack(7, 7)
    eventually(lambda: ben.texts == ["welcome", "welcome back"])
    ben.drop()
    assert ann.say(group, 8, 7, "while away") == m.Ack(8, 8)
    assert ann.say(group, 9, 8, "never mind") == m.Ack(9, 9)
    change(10, Kind.RECALLED, ref=9)
    again = JavaClient(route, ben.user, "Ben")
    eventually(lambda: again.log_in()["code"] == "9000")
    again.start()
    eventually(lambda: again.texts == ["while away"])
    ann.close()
