"""Devices and settings in a real cluster: listed, logged out anywhere, and who wins where two claim one (I14, I15)."""

import select
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import redis

from cim_common.store import keys
from cim_common.wire import messages as m
from cim_common.wire.codes import Code
from tests.real_servers import SLOWNESS, eventually
from tests.system.cluster import Cluster
from tests.system.raw import Raw, call


@pytest.fixture
def people(cluster: Cluster) -> Iterator["People"]:
    made = People(cluster)
    yield made
    for person in made.all:
        person.close()


class People:
    """Connections that are closed at the end; `server` is 0 or 1."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.all: list[Raw] = []
        self.addresses = [server["tcp"] for server in cluster.ready["servers"]]

    def at(self, server: int, name: str, device: str = "d1") -> Raw:
        """A connection that has not logged in yet."""
        exclude = [address for index, address in enumerate(self.addresses) if index != server]
        person = Raw(self.cluster.route, name, device, exclude)
        self.all.append(person)
        assert person.server == self.addresses[server]
        return person


def devices_of(person: Raw) -> dict[str, m.Device]:
    person.send(m.Devices(7))
    answer = person.until(m.DeviceList)
    assert answer.request == 7
    return {device.id: device for device in answer.devices}


def holder_of(store: redis.Redis, person: Raw) -> str | None:
    """The session that holds the person's device: server run and connection."""
    text = store.hget(keys.sessions(person.user), person.device)
    return text.decode() if isinstance(text, bytes) else None


def code_of_the_end(person: Raw) -> int:
    code: int = person.until(m.Close).code
    return code


def first_to_end(both: list[Raw]) -> Raw:
    """The connection that is closed; what else comes on either is passed over."""
    readable = {person.socket: person for person in both}
    while True:
        ready, _, _ = select.select(list(readable), [], [], 15 * SLOWNESS)
        assert ready, "both stay"
        for sock in ready:
            if isinstance(readable[sock].next(), m.Close):
                return readable[sock]


def test_devices_are_listed_with_who_is_online(people: People) -> None:
    phone, laptop = people.at(0, "anna", "phone").log_in(), people.at(1, "anna", "laptop").log_in()
    eventually(
        lambda: devices_of(phone)["laptop"].online, 10
    )  # The servers have just started: they learn of each other.
    assert {name: (one.online, one.current) for name, one in devices_of(phone).items()} == {
        "phone": (True, True),
        "laptop": (True, False),
    }
    laptop.close()
    eventually(lambda: not devices_of(phone)["laptop"].online, 10)
    assert abs(devices_of(phone)["laptop"].seen_ms / 1000 - time.time()) < 60


@pytest.mark.parametrize("server", [0, 1], ids=["same server", "other server"])
def test_logging_a_device_out_ends_its_connection_and_its_tokens(people: People, server: int) -> None:
    name = f"bert{server}"
    phone, laptop = people.at(0, name, "phone").log_in(), people.at(server, name, "laptop")
    waiting = people.at(1 - server, name, "laptop")
    laptop.log_in()
    for nothing in ("nothing", "#", "-laptop", ""):
        phone.send(m.LogoutDevice(9, nothing))
        assert phone.until(m.Failed)[:2] == (9, Code.NO_SUCH_DEVICE)
    phone.send(m.LogoutDevice(8, "laptop"))
    assert phone.until(m.Done).request == 8
    assert code_of_the_end(laptop) == Code.LOGGED_OUT
    waiting.send(m.Login(waiting.place["connect_token"], "laptop"))
    assert code_of_the_end(waiting) == Code.LOGGED_OUT
    token = {"Authorization": f"Bearer {laptop.place['token']}"}
    assert call(people.cluster.route, "POST", "/v1/login", {}, **token)[0] == 401
    assert set(devices_of(phone)) == {"phone"}
    assert set(devices_of(people.at(server, name, "laptop").log_in())) == {"phone", "laptop"}


def test_a_device_may_log_itself_out(people: People) -> None:
    phone = people.at(0, "carl", "phone").log_in()
    phone.send(m.LogoutDevice(3, "phone"))
    assert phone.until(m.Done).request == 3
    assert code_of_the_end(phone) == Code.LOGGED_OUT


def test_a_logout_over_http_ends_the_connection(people: People) -> None:
    phone, laptop = people.at(0, "dina", "phone").log_in(), people.at(1, "dina", "laptop").log_in()
    header = {"Authorization": f"Bearer {phone.place['token']}"}
    status, answer = call(people.cluster.route, "GET", "/v1/devices", **header)
    assert (status, {one["device_id"] for one in answer["devices"] if one["online"]}) == (200, {"phone", "laptop"})
    assert call(people.cluster.route, "DELETE", "/v1/devices/laptop", **header)[0] == 204
    assert code_of_the_end(laptop) == Code.LOGGED_OUT
    assert call(people.cluster.route, "POST", "/v1/logout", **header)[0] == 204
    assert code_of_the_end(phone) == Code.LOGGED_OUT


@pytest.mark.parametrize("logged_out", [True, False], ids=["logout", "takeover"])
def test_a_lost_doorbell_only_delays_the_end(people: People, logged_out: bool) -> None:
    """Deleting a push stream loses doorbells and is noticed by the next round of anti-entropy."""
    name = f"emil{int(logged_out)}"
    store = people.cluster.redis()
    phone, laptop = people.at(0, name, "phone").log_in(), people.at(1, name, "laptop").log_in()
    held = holder_of(store, laptop)
    assert held is not None
    stream = keys.push(held.split()[0])
    gone = threading.Event()

    def keep_deleting() -> None:
        while not gone.wait(0.001):
            store.delete(stream)

    losing = threading.Thread(target=keep_deleting)
    losing.start()
    try:
        if logged_out:
            phone.send(m.LogoutDevice(8, "laptop"))
            assert phone.until(m.Done).request == 8
        else:
            people.at(0, name, "laptop").log_in()
    finally:
        gone.set()
        losing.join()
    laptop.socket.settimeout(10 * SLOWNESS)
    assert code_of_the_end(laptop) == (Code.LOGGED_OUT if logged_out else Code.TAKEN_OVER)


def test_a_server_that_dies_before_it_rings_only_delays_a_takeover(new_cluster: Callable[..., Cluster]) -> None:
    """It has claimed the device and not told who held it; that it has gone makes the others look (I15)."""
    people = People(new_cluster("--servers", "2"))
    phone, other = people.at(0, "nora", "phone").log_in(), people.at(1, "olaf", "phone").log_in()
    store = people.cluster.redis()
    theirs = holder_of(store, other)
    assert theirs is not None
    store.hset(keys.sessions(phone.user), "phone", f"{theirs.split()[0]} a-connection")
    victim = next(server["id"] for server in people.cluster.ready["servers"] if server["tcp"] == other.server)
    people.cluster.kill(victim)
    phone.socket.settimeout(20 * SLOWNESS)
    assert code_of_the_end(phone) == Code.TAKEN_OVER
    for person in people.all:
        person.close()


def test_a_returning_device_that_was_forgotten_is_told(people: People) -> None:
    phone = people.at(0, "fred", "phone")
    phone.send(m.Login(phone.place["connect_token"], "phone", returning=True))
    assert code_of_the_end(phone) == Code.DEVICE_EXPIRED
    people.at(0, "fred", "phone").log_in()
    again = people.at(1, "fred", "phone")
    again.send(m.Login(again.place["connect_token"], "phone", returning=True))
    assert isinstance(again.next(), m.LoginOk)


def test_a_device_away_too_long_is_removed_at_a_login(people: People) -> None:
    phone = people.at(0, "gina", "phone").log_in()
    assert isinstance(phone.say("lobby", 1, 0, "I was here"), m.Ack)
    phone.close()
    store = people.cluster.redis()
    eventually(lambda: not store.hexists(keys.sessions(phone.user), "phone"), 10)
    store.hset(keys.devices(phone.user), "phone", "0 1 0 1000")
    people.at(1, "gina", "laptop").log_in()
    eventually(lambda: not store.hexists(keys.devices(phone.user), "-phone"), 10)
    assert not store.hexists(keys.devices(phone.user), "phone")
    assert not store.hexists(keys.conv("lobby"), keys.sender_field(phone.user, "phone"))


def test_two_logins_of_one_device_at_two_servers_at_once(people: People) -> None:
    """One of them stays, the store says which, and only that one moves cursors; whatever the order."""
    store = people.cluster.redis()
    for turn in range(15):
        both = [people.at(server, f"hugo{turn}", "phone") for server in (0, 1)]
        for person in both:
            person.send(m.Login(person.place["connect_token"], "phone"))
        answers = [person.next() for person in both]
        refused = [person for person, answer in zip(both, answers, strict=True) if isinstance(answer, m.Close)]
        loser = refused[0] if refused else first_to_end(both)
        (winner,) = [person for person in both if person is not loser]
        held = holder_of(store, winner)
        winner.send(m.Ping(turn))
        assert winner.until(m.Pong).token == turn
        winner.close()
        eventually(lambda held=held, winner=winner: holder_of(store, winner) != held, 10)  # type: ignore[misc]


@pytest.mark.invariant("I15")
def test_an_older_session_moves_no_cursor_once_the_newer_is_answered(people: People) -> None:
    """Even one that has not heard of it: the doorbell that would end it is lost."""
    store = people.cluster.redis()
    ines, jens = people.at(0, "ines", "phone").log_in(), people.at(1, "jens").log_in()
    ours = ines.with_(jens)
    for n in range(1, 4):
        assert isinstance(jens.say(ours, n, n - 1, str(n)), m.Ack)
    ines.sync(ours, 0)
    ines.send(m.Cursor(ours, 1))
    eventually(lambda: store.hget(keys.cursors(ines.user, "phone"), ours) == b"1", 10)
    newer = "another:run feedfeedfeed"
    # What a login at the other server does, but nobody rings.
    store.hset(keys.sessions(ines.user), "phone", newer)
    ines.send(m.Cursor(ours, 3))
    assert code_of_the_end(ines) == Code.TAKEN_OVER  # the refused cursor tells
    assert store.hget(keys.cursors(ines.user, "phone"), ours) == b"1"
    assert holder_of(store, ines) == newer


def test_a_takeover_while_messages_come_in_leaves_the_newer_session_a_gapless_log(people: People) -> None:
    kurt, lena = people.at(0, "kurt", "phone").log_in(), people.at(1, "lena").log_in()
    ours = kurt.with_(lena)
    assert isinstance(lena.say(ours, 1, 0, "1"), m.Ack)
    assert [entry.seq for entry in kurt.sync(ours, 0)] == [1]
    count = 300
    lena.send(*[m.Send(ours, n, n - 1, str(n)) for n in range(2, 60)])
    newer = people.at(1, "kurt", "phone").log_in()
    sending = threading.Thread(target=lambda: [lena.say(ours, n, n - 1, str(n)) for n in range(60, count + 1)])
    sending.start()
    seqs = [entry.seq for entry in newer.sync(ours, 1)]
    while not seqs or seqs[-1] < count:
        seqs += [entry.seq for entry in newer.until(m.Push).entries]
    sending.join()
    assert seqs == list(range(2, count + 1))
    older: list[int] = []
    while not isinstance(event := kurt.next(), m.Close):
        older += [entry.seq for entry in event.entries] if isinstance(event, m.Push) else []
    assert event.code == Code.TAKEN_OVER
    assert older == list(range(2, len(older) + 2))


@pytest.mark.invariant("I14")
def test_a_late_release_hurts_nobody(people: People) -> None:
    """The old connection ends only after the new one has been answered, at another server."""
    store = people.cluster.redis()
    old = people.at(0, "mona", "phone").log_in()
    new = people.at(1, "mona", "phone").log_in()
    held = holder_of(store, new)
    assert held is not None
    assert code_of_the_end(old) == Code.TAKEN_OVER
    old.close()
    witness = people.at(0, "mona", "witness").log_in()
    assert devices_of(witness)["phone"].online
    assert holder_of(store, new) == held


def test_a_first_sync_beside_a_sender_misses_nothing(people: People) -> None:
    """Interest comes before the head that is synced to (I12), however the two servers' steps fall together."""
    count = 30
    for turn in range(5):
        writer, reader = people.at(0, f"pino{turn}").log_in(), people.at(1, f"quod{turn}").log_in()
        ours = writer.with_(reader)
        assert isinstance(writer.say(ours, 1, 0, "1"), m.Ack)
        sending = threading.Thread(
            target=lambda writer=writer, ours=ours: [writer.say(ours, n, n - 1, str(n)) for n in range(2, count + 1)]
        )
        sending.start()
        seqs = [entry.seq for entry in reader.sync(ours, 0)]
        while seqs[-1] < count:
            seqs += [entry.seq for entry in reader.until(m.Push).entries]
        sending.join()
        assert seqs == list(range(1, count + 1))


def test_settings_reach_the_other_devices(people: People) -> None:
    phone, laptop = people.at(0, "nora", "phone").log_in(), people.at(1, "nora", "laptop").log_in()
    assert isinstance(phone.say(phone.with_(phone), 1, 0, "a note"), m.Ack)
    version = laptop.until(m.ConversationsChanged).version
    phone.send(m.Setting(4, phone.with_(phone), "pinned", True))
    assert phone.until(m.Done).request == 4
    assert laptop.until(m.ConversationsChanged).version == version + 1
    laptop.send(m.List(5, version))
    (changed,) = laptop.until(m.Conversations).conversations
    assert (changed.id, changed.pinned, changed.muted) == (phone.with_(phone), True, False)
    other = people.at(0, "olaf").log_in()
    refused = [
        (m.Setting(1, phone.with_(phone), "loud", True), Code.NO_SUCH_SETTING),
        (m.Setting(2, "", "pinned", True), Code.NO_SUCH_SETTING),
        (m.Setting(3, "lobby", "receipts", True), Code.NO_SUCH_SETTING),
        (m.Setting(4, phone.with_(other), "muted", True), Code.NO_SUCH_CONVERSATION),
        (m.Setting(5, "g-0123456789abcdef0123", "muted", True), Code.NO_SUCH_CONVERSATION),
    ]
    for setting, code in refused:
        phone.send(setting)
        assert phone.until(m.Failed)[:2] == (setting.request, code)
    store = people.cluster.redis()
    phone.send(m.Setting(6, "", "receipts", False), m.Setting(7, "", "last_seen", False))
    assert [phone.until(m.Done).request for _ in range(2)] == [6, 7]
    assert store.hmget(keys.user(phone.user), "no_receipts", "no_seen") == [b"1", b"1"]


def test_a_killed_servers_devices_are_offline_and_tell_when_they_were_seen(people: People) -> None:
    """The last of this module: the servers are others afterwards."""
    phone, laptop = people.at(0, "rolf", "phone").log_in(), people.at(1, "rolf", "laptop").log_in()
    eventually(lambda: devices_of(phone)["laptop"].online, 10)
    server = next(one for one in people.cluster.ready["servers"] if one["tcp"] == laptop.server)
    people.cluster.kill(server["id"])
    eventually(lambda: not devices_of(phone)["laptop"].online, 20)
    assert abs(devices_of(phone)["laptop"].seen_ms / 1000 - time.time()) < 180
    assert holder_of(people.cluster.redis(), laptop) is not None
    again = people.at(0, "rolf", "laptop").log_in()  # nobody is stuck (I16)
    assert devices_of(again)["laptop"].online
