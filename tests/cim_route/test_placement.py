"""Choosing a server, with a clock and a network that the test holds in its hands."""

import socket
import threading
from collections import Counter
from collections.abc import Callable

import pytest

from cim_common.registry import Server
from cim_route.placement import CHOOSE_WITHIN_S, COUNTED_S, LEFT_OUT_S, NoServer, Placement, answers


class World:
    """A list of servers, which of them answer, and the time."""

    def __init__(self) -> None:
        self.now = 100.0
        self.servers: list[Server] = []
        self.dead: set[str] = set()
        self.asked: list[str] = []
        self.probe_takes_s = 0.0
        self.placement = Placement(lambda: self.servers, self.answers, lambda: self.now)

    def add(self, name: str, load: int = 0) -> None:
        self.servers = [server for server in self.servers if server.id != name]
        self.servers.append(Server(name, "1", name, 1, 2, load, "0"))

    def answers(self, server: Server) -> bool:
        self.asked.append(server.id)
        self.now += self.probe_takes_s
        return server.id not in self.dead

    def choose(self, *exclude: str) -> str:
        return self.placement.choose([f"{name}:1" for name in exclude]).id


@pytest.fixture
def world() -> World:
    return World()


def test_many_at_once_are_spread_and_each_server_is_asked_once(world: World) -> None:
    world.add("s1")
    world.add("s2", load=10)
    world.add("s3")
    world.dead.add("s3")
    chosen = Counter(server.id for server in world.placement.spread(100))
    assert chosen == {"s1": 55, "s2": 45}
    assert Counter(world.asked) == {"s1": 1, "s2": 1, "s3": 1}
    assert world.choose() in ("s1", "s2")
    world.dead |= {"s1", "s2"}
    with pytest.raises(NoServer):
        world.placement.spread(1)


def test_the_least_loaded(world: World) -> None:
    world.add("a", 5)
    world.add("b", 3)
    world.add("c", 4)
    assert world.choose() == "b"


def test_no_servers(world: World) -> None:
    with pytest.raises(NoServer):
        world.choose()


def test_a_burst_spreads_over_equal_servers(world: World) -> None:
    for name in "abc":
        world.add(name, 7)
    assert Counter(world.choose() for _ in range(300)) == {"a": 100, "b": 100, "c": 100}


def test_a_burst_fills_the_emptier_server_first(world: World) -> None:
    world.add("a", 50)
    world.add("b", 0)
    assert Counter(world.choose() for _ in range(60)) == {"b": 55, "a": 5}


def test_a_new_load_replaces_what_was_counted(world: World) -> None:
    world.add("a", 0)
    world.add("b", 3)
    assert [world.choose() for _ in range(3)] == ["a"] * 3
    world.add("a", 1)
    assert [world.choose() for _ in range(2)] == ["a"] * 2


def test_clients_that_never_came_are_forgotten(world: World) -> None:
    world.add("a", 0)
    for _ in range(5):
        world.choose()
    world.add("b", 4)
    assert world.choose() == "b"
    world.now += COUNTED_S + 1
    assert world.choose() == "a"


def test_a_dead_server_is_left_out_for_a_while(world: World) -> None:
    world.add("a", 0)
    world.add("b", 9)
    world.dead = {"a"}
    assert [world.choose() for _ in range(3)] == ["b"] * 3
    assert world.asked == ["a", "b", "b", "b"]
    world.dead = set()
    world.now += LEFT_OUT_S + 1
    assert world.choose() == "a"


def test_a_server_is_asked_each_time(world: World) -> None:
    world.add("a")
    assert world.choose() == "a"
    world.dead = {"a"}
    for _ in range(2):
        with pytest.raises(NoServer):
            world.choose()
    assert world.asked == ["a"] * 3


def test_a_server_left_out_is_tried_when_no_other_answers(world: World) -> None:
    world.add("a")
    world.dead = {"a"}
    with pytest.raises(NoServer):
        world.choose()
    world.dead = set()
    assert world.choose() == "a"


def test_an_excluded_server_comes_after_all_others_that_answer(world: World) -> None:
    world.add("a", 0)
    world.add("b", 9)
    assert world.choose("a") == "b"
    assert world.choose("a", "b") == "a"
    world.dead = {"b"}
    assert world.choose("a") == "a"


def test_looking_ends(world: World) -> None:
    for number in range(10):
        world.add(f"s{number}")
    world.dead = {f"s{number}" for number in range(10)}
    world.probe_takes_s = 1.0
    with pytest.raises(NoServer):
        world.choose()
    assert len(world.asked) == CHOOSE_WITHIN_S


def test_what_is_gone_from_the_registry_is_not_chosen(world: World) -> None:
    world.add("a")
    world.add("b", 100)
    assert world.choose() == "a"
    world.servers = [server for server in world.servers if server.id == "b"]
    assert world.choose() == "b"


def test_threads_spread_too(world: World) -> None:
    for name in "ab":
        world.add(name)
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(world.choose())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(found) == {"a": 10, "b": 10}


def test_a_listening_socket_answers(make_server: Callable[..., Server]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        server = make_server(sock.getsockname()[1])
        assert answers(server)
    assert not answers(server)
