"""Each command of the terminal program, typed against a real cluster."""

import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import trio

from cim_client import Client, Event, Message, Refused, blocking, connect
from cim_client.terminal.commands.context import Address, Context
from cim_client.terminal.commands.dispatch import Dispatch
from cim_client.terminal.commands.registry import COMMANDS, parse
from cim_client.terminal.commands.settings import Settings
from cim_client.terminal.commands.syntax import Command
from tests.cim_client.terminal.window import Window
from tests.real_servers import SLOWNESS
from tests.system.cluster import Cluster
from tests.system.people import PASSWORD, event, next_messages, person

WAIT_S = 20.0 * SLOWNESS


class Chat(Window):
    """What a client types, done with it in a cluster. `typed`: the commands that were."""

    def __init__(self, me: Client, nursery: trio.Nursery) -> None:
        super().__init__()
        self.me = me
        self.typed: set[Command] = set()
        self._dispatch = Dispatch(Context(me, "http://route", self, Settings()), nursery, interactive=False)

    async def type(self, line: str) -> list[str]:
        """What was printed for it."""
        call = parse(line)
        assert call is not None
        self.typed.add(call.command)
        await self._dispatch.line(line)
        printed, self.printed = self.printed, []
        return printed

    async def says(self, line: str, *wanted: str) -> None:
        """One line is printed, with these words in it."""
        (row,) = await self.type(line)
        assert all(word in row for word in wanted), f"{line}: {row}"

    async def say(self, to: Address, text: str, reply_to: int = 0) -> None:
        receipt = await self.me.send(to.to, text, reply_to=reply_to or None)
        self.own = self.shown = receipt.seq


class Party(NamedTuple):
    alice: Chat
    bob: Client
    carol: Client


async def sees(client: Client, wanted: Callable[[Message], bool]) -> Message:
    """The next message of the kind that is shown to a client."""
    with trio.fail_after(WAIT_S):
        while True:
            (message,) = await next_messages(client, 1)
            if wanted(message):
                return message


async def until(ask: Callable[[], Awaitable[bool]]) -> None:
    with trio.fail_after(WAIT_S):
        while not await ask():
            await trio.sleep(0.05)


async def talking(party: Party) -> None:
    alice, bob, _ = party
    await alice.type("hello :smile:")
    assert (await sees(bob, lambda message: message.text == "hello 😄")).conversation == "lobby"
    await alice.type("bob;;psst;;psst")
    assert (await sees(bob, lambda message: message.text == "psst;;psst")).conversation.startswith("d-")
    await alice.type(f"{bob.user_id};;by number")
    await sees(bob, lambda message: message.text == "by number")
    await alice.says("/to no-such-person", "There is no user of that name.")
    await alice.says("lost", "not done: you did not get to no-such-person")
    await alice.type("/to bob")
    await alice.type("/say :as it is:")
    await sees(bob, lambda message: message.text == ":as it is:")
    await alice.says(":ai", "sent to nobody")
    await alice.says("你好吗?", "AI: 我好!")
    await alice.says("bob;;hidden", "not sent")
    await alice.type(":qai")
    await alice.type("/next")
    await alice.type("/retry")
    assert alice.done == ["next", "retry"]


async def messages(party: Party) -> None:
    alice, bob, _ = party
    await alice.type("/to bob")
    there = alice.current.to
    asked = await bob.send("alice", "tea?")
    alice.shown = asked.seq
    await alice.type("/reply ^ yes")
    assert (await sees(bob, lambda message: message.text == "yes")).reply_to == asked.seq
    answer = alice.own
    for line, kind, state, text in (
        ("/edit ^ yes please", "edited", "", "yes please"),
        (f"/react {asked.seq} :+1:", "reaction", "added", "👍"),
        (f"/unreact {asked.seq} :+1:", "reaction", "removed", "👍"),
        (f"/pin #{asked.seq}", "conversation", "pinned", ""),
        (f"/unpin {asked.seq}", "conversation", "unpinned", ""),
        ("/recall ^", "recalled", "", ""),
    ):
        await alice.says(line, "#")

        def wanted(found: Event, kind: str = kind, state: str = state) -> bool:
            return (found.kind, found.state, found.conversation) == (kind, state, there)

        told = await event(bob, kind, wanted)
        assert (told.text, told.ref in (asked.seq, answer)) == (text, True)
    await alice.says("/edit 9999 text", "no such message")
    await alice.says("/recall nothing", "no message")
    assert len(await alice.type(":emoji 3")) == 5


async def people(party: Party) -> None:
    alice, _, carol = party
    await alice.says(":olu", "3 online: alice, bob, carol")
    await alice.says("/who lobby", "3 online")
    await alice.says(":pu 张", "2 begin with 张: 张三, 张伟")
    await alice.says(":qu محمد-", "1 begins with محمد-: محمد-علي")
    await alice.says("/users zzz", "no name begins with zzz")
    await alice.says("/who bob", "bob is online")
    await alice.says("/block carol", "carol cannot write to you")
    with pytest.raises(Refused, match="may not write"):
        await carol.send("alice", "hello?")
    await alice.says("/unblock carol", "carol can write")
    await carol.send("alice", "hello!")
    await alice.says("/mute bob", "bob is muted")
    listed = {one.title: one for one in await alice.me.conversations()}
    assert listed["bob"].muted
    await alice.says("/unmute bob", "not muted")


async def groups(party: Party) -> None:
    alice, bob, carol = party
    assert (await alice.type('/group create "release team" bob'))[0].endswith("with bob")
    there = alice.current.to
    await alice.type("first")
    await sees(bob, lambda message: (message.conversation, message.text) == (there, "first"))
    await alice.says("/group invite carol", "carol invited")
    await alice.says("/group members", "3 in ", "alice (owner)", "carol")
    await alice.says("/group role bob admin", "bob is admin")
    await alice.says("/group topic what goes out", "what goes out")
    await alice.says("/group rename releases", "releases")
    await alice.type("/to lobby")
    await alice.says("/group list", "releases: owner, 3 members", "what goes out")
    await alice.says("/group kick carol in releases", "carol taken out")
    await alice.says("/group ban carol in releases", "carol banned")
    await alice.says("/group invite carol in releases", "banned there")
    await alice.says("/group unban carol in releases", "may be invited")
    await alice.says("/group invite carol in #releases", "carol invited")
    await until(lambda: _is_in(carol, there))
    await alice.says("/group dissolve releases", "dissolved")
    await alice.type("/group create short bob")
    await alice.says("/group leave", "you have left short")
    await alice.says("/group invite bob in nothing", "you are in no group nothing")
    await alice.type("/to lobby")


async def _is_in(client: Client, group: str) -> bool:
    return any(one.id == group and one.role == "member" for one in await client.conversations())


async def history(party: Party, folder: Path) -> None:
    alice, _, _ = party
    await alice.type("/to 张伟")
    for number in range(1, 14):
        await alice.type(f"我们明天见面 {number}")
    assert [row.rpartition(" ")[2] for row in await alice.type("/history 2")] == ["12", "13"]
    assert [row.rpartition(" ")[2] for row in await alice.type("/history 2 before #3")] == ["1", "2"]
    assert len(await alice.type("/history before 2099-01-01 10:00")) == 13
    for search in (":q 明天", ":q --server 明天"):
        first = await alice.type(search)
        second = await alice.type(":q")
        found = [row.rpartition(" ")[2] for row in first[:10] + second[:3]]
        assert found == [str(number) for number in range(13, 0, -1)]
    await alice.says("/search --here nothing like that", "nothing was found")
    file = folder / "chat.jsonl"
    await alice.says(f"/export {file}", "messages are in")
    written = [json.loads(line)["text"] for line in file.read_text().splitlines()]
    assert written[-1] == "我们明天见面 13"
    assert "psst;;psst" in written
    await alice.says(f"/export {file}", "exists")


async def later(party: Party) -> None:
    alice, bob, _ = party
    await alice.type("/to lobby")
    await alice.says(":delay bob;;two words 1", "goes to bob at")
    await sees(bob, lambda message: message.text == "two words" and message.conversation.startswith("d-"))
    await alice.says('/later "in an hour" in 1h', "goes to lobby at")
    (waiting,) = await alice.type("/scheduled")
    assert waiting.endswith("to lobby: in an hour")
    identifier = waiting.split()[1]
    await alice.says(f"/scheduled cancel {identifier}", "not sent: in an hour")
    await alice.says("/scheduled list", "no message waits")
    await alice.says('/later "too late" at 2020-01-01 18:00', "within the next year")


async def devices(party: Party, cluster: Cluster) -> None:
    alice, _, _ = party
    async with person(cluster, "alice") as other:
        rows = await alice.type("/devices")
        assert any(f"{alice.me.device}  online, this one" in row for row in rows)
        assert any(f"{other.device}  online" in row for row in rows)
        await alice.says(f"/logout {other.device}", "is logged out")
        await event(other, "connection", lambda found: found.state == "closed")


async def program(party: Party) -> None:
    alice, _, _ = party
    assert f"* user id  {alice.me.user_id}" in await alice.type(":info")
    assert len(await alice.type(":all")) > len(COMMANDS)
    await alice.says("/set receipts off", "receipts   off")
    await alice.says("/set last_seen off", "last_seen  off")
    await alice.says("/set bell mine", "bell       mine")
    await alice.type("/logout")
    await event(alice.me, "connection", lambda found: found.state == "closed")
    await alice.type(":q!")
    assert alice.done[-1] == "quit"


async def test_each_command(cluster: Cluster, tmp_path: Path) -> None:
    for name in ("张伟", "张三", "محمد-علي"):
        async with person(cluster, name):
            pass
    async with (
        connect(cluster.route, name="alice", password=PASSWORD, register=True, keep_messages=True) as me,
        person(cluster, "bob") as bob,
        person(cluster, "carol") as carol,
        trio.open_nursery() as nursery,
    ):
        party = Party(Chat(me, nursery), bob, carol)
        for part in (talking, messages, people, groups, later):
            await part(party)
        await history(party, tmp_path)
        await devices(party, cluster)
        await program(party)
    assert set(COMMANDS) <= party.alice.typed


def test_in_a_pipe(cluster: Cluster) -> None:
    """The program itself: what is typed is done in its turn, and what is wrong is one line."""
    lines = (
        "one", "/edit ^ two", ":olu", "/to no-such-person", "lost", "/to lobby", "::smile:", ":nope", "/history 1",
        "/group create pipes", "in the group", "/history", ":q in the", ":q!",
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "cim", "chat", "pia", "--route", cluster.route, "--data", str(cluster.folder / "pia")],
        input="\n".join(lines) + "\n", env=os.environ | {"CIM_PASSWORD": PASSWORD}, capture_output=True, text=True,
        timeout=60 * SLOWNESS, check=False, start_new_session=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "cim chat: not all of it was sent\n")
    for wanted in (
        " is edited", "online: ", "There is no user of that name.", "not done: you did not get to no-such-person",
        "unknown command :nope", "group pipes is made",
    ):  # fmt: skip
        assert done.stdout.count(wanted) == 1, done.stdout
    with blocking.connect(cluster.route, name="pia", password=PASSWORD) as me:
        (first,) = [message for message in me.history("lobby") if message.sender == "pia" and message.edited]
        assert first.text == "two"
        assert [message.text for message in me.history(me.group("pipes"))] == ["in the group"]
