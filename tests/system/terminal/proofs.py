"""For each command a line is typed, and it is seen what must then be seen: on the screen, and by others."""

import json
import time
from datetime import datetime, timedelta

import pytest

from cim_client import Refused
from tests.real_servers import eventually
from tests.system.terminal.chats import STORED, friend
from tests.system.terminal.scene import Scene, id_in, proves

# -- talking ---------------------------------------------------------------------------------------------


@proves("TEXT")
def _text(scene: Scene) -> None:
    text = scene.unique("plain")
    scene.does(f"{text} :smile: #1 a;b", f"{text} 😄 #1 a;b  {STORED}")
    assert scene.found("lobby", text).text == f"{text} 😄 #1 a;b"


@proves("NAME;;TEXT")
def _private(scene: Scene) -> None:
    text = scene.unique("secret")
    scene.does(f"tess;;{text};;all of it", f"{text};;all of it  {STORED}")
    assert scene.found("sam", text).text == f"{text};;all of it"
    assert not [m for m in scene.tess.history("lobby", limit=50) if text in m.text]
    scene.does(f"{scene.tess.user_id};;by number {text}", f"by number {text}  {STORED}")
    assert scene.found("sam", f"by number {text}")


@proves("/to")
def _to(scene: Scene) -> None:
    text = scene.unique("direct")
    scene.does(f"/to tess {text}", f"{text}  {STORED}")
    scene.goes_to("uma")
    scene.does(f"second {text}", f"second {text}  {STORED}")
    assert scene.found("sam", text).text == text
    assert [m.text for m in scene.uma.history("sam", limit=1)] == [f"second {text}"]
    scene.goes_to("lobby")
    scene.does(f"third {text}", f"third {text}  {STORED}")
    assert scene.found("lobby", text).text == f"third {text}"
    scene.does("/to no-such-person", "There is no user of that name.")


@proves("/say")
def _say(scene: Scene) -> None:
    text = scene.unique("said")
    scene.does(f"/say /to {text};;:smile:", f"/to {text};;:smile:  {STORED}")
    assert scene.found("lobby", text).text == f"/to {text};;:smile:"


@proves("/next")
def _next(scene: Scene) -> None:
    """Where something came that was not printed, since only the current conversation is."""
    scene.does("/set show current", "current")
    text = scene.unique("elsewhere")
    scene.uma.send("sam", text)
    scene.chat.until_bar("uma 1")
    scene.does("/next", text)
    scene.does(f"answer to {text}", STORED)
    assert scene.uma.history("sam", limit=1).__next__().text == f"answer to {text}"
    scene.does("/next", "no")
    scene.does("/set show all", "all")


@proves("/retry")
def _retry(scene: Scene) -> None:
    text = scene.unique("again")
    scene.tess.block("sam")
    scene.does(f"tess;;{text}", "✗")
    scene.tess.unblock("sam")
    scene.does("/retry", f"{text}  {STORED}")
    assert scene.found("sam", text).text == text


@proves(":ai")
def _ai(scene: Scene) -> None:
    """Nothing is sent while it is on, by whichever command."""
    text = scene.unique("robot")
    scene.does(":ai", ":qai ends that")
    scene.does(f"你好吗? {text}", f"我好! {text}")
    scene.does(f"tess;;{text}", "not sent")
    scene.does(":qai", "sent again")
    after = scene.wrote(scene.unique("human"))
    assert text not in next(m for m in scene.tess.history("lobby", limit=1, before_seq=after)).text
    assert not [m for m in scene.tess.history("sam", limit=5) if text in m.text]


@proves(":qai")
def _qai(scene: Scene) -> None:
    scene.does(":qai", "you are not talking to the AI")


# -- messages --------------------------------------------------------------------------------------------


@proves("/reply")
def _reply(scene: Scene) -> None:
    seq, text = scene.said("question"), scene.unique("answer")
    scene.does(f"/reply {seq} {text}", f"{text}  {STORED}")
    assert scene.found("lobby", text).reply_to == seq
    scene.said("newest")
    scene.does(f"/reply ^ second {text}", f"second {text}  {STORED}")
    assert scene.found("lobby", f"second {text}").reply_to > seq


@proves("/react")
def _react(scene: Scene) -> None:
    seq = scene.said("joke")
    scene.does(f"/react {seq} :joy:", "😂")
    assert "😂" in str(scene.tess.history("lobby", limit=1, before_seq=seq + 1).__next__().reactions)


@proves("/unreact")
def _unreact(scene: Scene) -> None:
    seq = scene.said("joke")
    scene.does(f"/react {seq} :joy:", f"😂 is at #{seq}")
    scene.does(f"/unreact {seq} :joy:", f"😂 is no longer at #{seq}")
    assert "😂" not in str(scene.tess.history("lobby", limit=1, before_seq=seq + 1).__next__().reactions)


@proves("/edit")
def _edit(scene: Scene) -> None:
    old, new = scene.unique("tpyo"), scene.unique("typo")
    seq = scene.wrote(old)
    scene.does(f"/edit {seq} {new}", f"#{seq} is edited")
    assert scene.found("lobby", new).seq == seq
    scene.said("between")
    scene.does(f"/edit ^ newest {new}", f"#{seq} is edited")
    assert scene.found("lobby", new).text == f"newest {new}"
    scene.does(f"/edit 999999 {new}", "no such message")


@proves("/recall")
def _recall(scene: Scene) -> None:
    seq = scene.wrote(scene.unique("regret"))
    scene.does("/recall ^", f"#{seq} is recalled")
    assert scene.tess.history("lobby", limit=1, before_seq=seq + 1).__next__().recalled


def _pins(scene: Scene, group: str) -> tuple[int, ...]:
    """As Tess sees them."""
    return next(found.pins for found in scene.tess.conversations() if found.id == group)


@proves("/pin")
def _pin(scene: Scene) -> None:
    group = scene.group_of_tess().id
    seq = scene.said("rules", group)
    scene.does(f"/pin {seq}", f"#{seq} is pinned")
    assert _pins(scene, group) == (seq,)


@proves("/unpin")
def _unpin(scene: Scene) -> None:
    group = scene.group_of_tess().id
    seq = scene.said("rules", group)
    scene.does(f"/pin {seq}", f"#{seq} is pinned")
    scene.does(f"/unpin {seq}", f"#{seq} is not pinned any more")
    assert _pins(scene, group) == ()


@proves(":emoji")
def _emoji(scene: Scene) -> None:
    first = scene.does(":emoji", ":1st_place_medal:")
    second = scene.does(":emoji 2", "* :")
    assert len([row for row in second.splitlines() if row.startswith("* :")]) == 5
    assert first.splitlines()[0] not in second


# -- people ----------------------------------------------------------------------------------------------


@proves(":olu")
def _online(scene: Scene) -> None:
    scene.does(":olu", "online: ", "sam", "tess", "uma")


@proves(":pu")
def _beginning(scene: Scene) -> None:
    scene.does(":pu te", "tess")
    scene.does(":qu sa", "sam")
    scene.does(":pu nobody-begins-so", "no name begins with")
    for name, prefix in (("张伟", "张"), ("محمد-علي", "محمد-")):
        with friend(scene.cluster, name):
            scene.does(f":pu {prefix}", f"1 begins with {prefix}: {name}")


@proves("/who")
def _who(scene: Scene) -> None:
    scene.does("/who", "online: ")
    # Sam's server may learn of Tess's a moment after both have started.
    eventually(lambda: "tess is online" in scene.does("/who tess", "tess is "))
    name = scene.group()
    scene.does("/who", f"2 in {name}: ", "sam (owner)", "tess")


@proves("/block")
def _block(scene: Scene) -> None:
    scene.does("/block tess", "tess cannot write to you any more")
    try:
        with pytest.raises(Refused):
            scene.tess.send("sam", "blocked")
    finally:
        scene.does("/unblock tess", "tess can write to you again")


@proves("/unblock")
def _unblock(scene: Scene) -> None:
    scene.does("/block uma", "uma cannot write to you any more")
    scene.does("/unblock uma", "uma can write to you again")
    text = scene.unique("unblocked")
    scene.uma.send("sam", text)
    scene.chat.until_printed(text)


def _hears_uma(scene: Scene) -> bool:
    """Whether what she writes now is printed."""
    text = scene.unique("whisper")
    scene.uma.send("sam", text)
    scene.said("mark")
    return bool(scene.chat.printed(text))


@proves("/mute")
def _mute(scene: Scene) -> None:
    """What comes there is neither printed nor counted in the bar; the window hears of it within seconds."""
    scene.does("/mute uma", "uma is muted")
    eventually(lambda: not _hears_uma(scene))
    assert "uma" not in scene.chat.bar
    scene.does("/unmute uma", "uma is not muted any more")


@proves("/unmute")
def _unmute(scene: Scene) -> None:
    scene.does("/mute uma", "uma is muted")
    eventually(lambda: not _hears_uma(scene))
    scene.does("/unmute uma", "uma is not muted any more")
    eventually(lambda: _hears_uma(scene))
    scene.goes_to("uma")


# -- groups ----------------------------------------------------------------------------------------------


def _members(scene: Scene, name: str) -> dict[str, str]:
    return {member.name: member.role for member in scene.tess.members(scene.tess.group(name))}


@proves("/group create")
def _create(scene: Scene) -> None:
    name, text = scene.unique("made"), scene.unique("hello")
    scene.does(f"/group create {name} tess uma", f"group {name} is made, with tess, uma")
    scene.does(text, f"{text}  {STORED}")
    assert scene.found(scene.tess.group(name).id, text).text == text


@proves("/group list")
def _list(scene: Scene) -> None:
    name = scene.group()
    scene.does("/group topic how to list", "how to list")
    scene.does("/group list", f"{name}: owner, 2 members - how to list")


@proves("/group members")
def _group_members(scene: Scene) -> None:
    name = scene.group()
    scene.does("/group members", f"2 in {name}: ")
    scene.goes_to("lobby")
    scene.does(f"/group members {name}", f"2 in {name}: ")


@proves("/group invite")
def _invite(scene: Scene) -> None:
    name = scene.group()
    scene.does("/group invite uma", f"uma invited to {name}")
    assert "uma" in _members(scene, name)


@proves("/group kick")
def _kick(scene: Scene) -> None:
    name = scene.group()
    scene.does("/group invite uma", f"uma invited to {name}")
    scene.goes_to("lobby")
    scene.does(f"/group kick uma in {name}", f"uma taken out of {name}")
    assert "uma" not in _members(scene, name)


@proves("/group ban")
def _ban(scene: Scene) -> None:
    name = scene.group()
    scene.does("/group ban uma", f"uma banned from {name}")
    with pytest.raises(Refused):
        scene.tess.group(name).invite("uma")
    scene.does("/group invite uma", "banned there")


@proves("/group unban")
def _unban(scene: Scene) -> None:
    name = scene.group()
    scene.does("/group invite uma", f"uma invited to {name}")
    scene.does("/group ban uma", f"uma banned from {name}")
    scene.does("/group unban uma", f"uma may be invited to {name} again")
    scene.tess.group(name).invite("uma")
    assert "uma" in _members(scene, name)


@proves("/group role")
def _role(scene: Scene) -> None:
    name = scene.group()
    scene.does("/group role tess admin", f"tess is admin of {name}")
    assert _members(scene, name)["tess"] == "admin"


@proves("/group rename")
def _rename(scene: Scene) -> None:
    scene.group()
    name = scene.unique("renamed")
    scene.does(f"/group rename {name}", f"the group is called {name}")
    scene.chat.until_bar(name)
    eventually(lambda: name in [found.title for found in scene.tess.conversations()])


@proves("/group topic")
def _topic(scene: Scene) -> None:
    name = scene.group()
    scene.does("/group topic how to sleep", f"the topic of {name} is: how to sleep")
    assert "how to sleep" in [found.topic for found in scene.tess.conversations() if found.title == name]


@proves("/group leave")
def _leave(scene: Scene) -> None:
    name = scene.group()
    scene.does("/group leave", f"you have left {name}")
    assert "sam" not in _members(scene, name)


@proves("/group dissolve")
def _dissolve(scene: Scene) -> None:
    name = scene.group()
    scene.does("/group dissolve", "usage: /group dissolve GROUP")
    scene.does(f"/group dissolve {name}", f"{name} is dissolved")
    with pytest.raises(Refused):
        scene.tess.group(name).send("too late")


# -- history and later -----------------------------------------------------------------------------------


@proves(":q")
def _search(scene: Scene) -> None:
    """The newest first, the hit to be seen; Chinese of two letters; page by page."""
    word = scene.unique("needle")
    for number in range(12):
        scene.tess.send("lobby", f"{number} 会议 {word} in the hay")
    scene.chat.until_printed(f"11 会议 {word}")
    rows = scene.does(f":q {word}", ":q shows more").splitlines()
    assert [row.split(": ", 1)[1].split()[0] for row in rows if word in row] == [str(n) for n in range(11, 1, -1)]
    rows = scene.does(":q", f"1 会议 {word}", f"0 会议 {word}").splitlines()
    scene.does(":q 会议", f"11 会议 {word}")
    scene.does(f":q no-{word}", "nothing was found")
    for sought in (word.upper(), f"会议 {word}"):
        first = scene.does(f":q --server {sought}", ":q shows more").splitlines()
        second = scene.does(":q", "that is all").splitlines()
        found = [row.split(": ", 1)[1].split()[0] for row in first + second if word in row]
        assert found == [str(number) for number in range(11, -1, -1)]


@proves("/history")
def _history(scene: Scene) -> None:
    seq = scene.said("first")
    for _ in range(3):
        scene.said("later")
    rows = scene.does("/history 2", "later").splitlines()
    assert len([row for row in rows if "tess: " in row]) == 2
    for before in (f"#{seq + 1}", f"{datetime.now() + timedelta(days=1):%Y-%m-%d %H:%M}"):
        rows = scene.does(f"/history 1 before {before}", "tess: ").splitlines()
        assert len([row for row in rows if "tess: " in row]) == 1
        assert ("first" in "".join(rows)) is before.startswith("#")


@proves("/export")
def _export(scene: Scene) -> None:
    """JSON lines or text; what stands there is not overwritten without being told."""
    scene.said(scene.unique("kept"))
    file = scene.data / f"{scene.unique('export')}.txt"
    scene.does(f"/export {file}", f"messages are in {file}")
    kept = file.read_text().splitlines()
    assert any(" lobby #" in row for row in kept)
    scene.does(f"/export {file} json", "exists")
    assert file.read_text().splitlines() == kept
    scene.does(f"/export {file} json overwrite", "messages are in")
    assert all(json.loads(row)["conversation"] for row in file.read_text().splitlines())


@proves(":delay")
def _delay(scene: Scene) -> None:
    text = scene.unique("delayed")
    scene.does(f":delay tess;;{text} and more 1", "goes to tess at")
    scene.does(f":delay {text} for all 1", "goes to lobby at")
    scene.chat.until_printed(f"{text} for all")
    assert scene.found("sam", text).text == f"{text} and more"


@proves("/later")
def _later(scene: Scene) -> None:
    text, day = scene.unique("tomorrow"), datetime.now() + timedelta(days=30)
    scene.does(f'/later "{text} or so" in 2h', "/scheduled cancel")
    scene.does(f"/later {text} at {day:%Y-%m-%d} 08:30", f"goes to lobby at {day:%Y-%m-%d} 08:30")
    waiting = scene.does("/scheduled", f"to lobby: {text} or so", f"{day:%Y-%m-%d} 08:30  to lobby: {text}")
    for row in waiting.splitlines():
        scene.does(f"/scheduled cancel {row.split()[1]}", f"not sent: {text}")
    scene.does(f"/later {text} at 2020-01-01 08:30", "within the next year")


@proves("/scheduled")
def _scheduled(scene: Scene) -> None:
    text = scene.unique("waits")
    said = scene.does(f"/later {text} in 1h", "/scheduled cancel")
    scene.does("/scheduled list", f"to lobby: {text}")
    scene.does(f"/scheduled cancel {id_in(said, 'cancel ([^ ]+)')}", f"not sent: {text}")
    scene.does("/scheduled", "no message waits")


@proves("/scheduled cancel")
def _cancel(scene: Scene) -> None:
    text = scene.unique("cancelled")
    said = scene.does(f"/later {text} in 1s", "/scheduled cancel")
    began = time.monotonic()
    cancelled = scene.does(f"/scheduled cancel {id_in(said, 'cancel ([^ ]+)')}", "not sent")
    if time.monotonic() - began < 1:
        assert text in cancelled
    scene.does("/scheduled cancel nonsense", "no message waits as nonsense")


# -- this program ----------------------------------------------------------------------------------------


@proves(":all")
def _all(scene: Scene) -> None:
    """The whole list is compared with the registry in test_commands.py."""
    scene.does(":all", "TEXT", ":q!")
    scene.does("/help /to", "/to NAME [TEXT]")
    scene.does(":all nonsense", "there is no command nonsense")


@proves(":info")
def _info(scene: Scene) -> None:
    number = next(one.user_id for one in scene.tess.members(scene.group_of_tess()) if one.name == "sam")
    scene.does(":info", "name     sam", f"user id  {number}", "device", "server   s", f"route    {scene.cluster.route}")


@proves("/set")
def _set(scene: Scene) -> None:
    scene.does("/set", "numbers", "bell", "last_seen")
    scene.does("/set time seconds", "seconds")
    text = scene.unique("seconds")
    scene.tess.send("lobby", text)
    assert scene.chat.until_printed(text).split()[0].count(":") == 2
    scene.does("/set time minutes", "minutes")
    for value in ("off", "on"):
        scene.does(f"/set receipts {value}", f"receipts   {value}")
        scene.does(f"/set last_seen {value}", f"last_seen  {value}")
    scene.does("/set time noon", "usage: /set time")
    scene.does("/set nothing on", "there is no setting nothing")


@proves("/devices")
def _devices(scene: Scene) -> None:
    with friend(scene.cluster, "sam") as second:
        scene.does("/devices", "online, this one", f"{second.device}  online")


@proves("/logout")
def _logout(scene: Scene) -> None:
    """Another device, then this one: its token is gone, and it needs the password to come back."""
    with friend(scene.cluster, "sam") as second:
        scene.does(f"/logout {second.device}", f"{second.device} is logged out")
        eventually(lambda: second.state == "closed")
    other = scene.another("vic")
    other.enter("/logout")
    assert other.wait() == 1
    assert other.is_sane()
    assert "logged out" in other.text()
    other.close()


@proves(":q!")
def _quit(scene: Scene) -> None:
    other = scene.another("wes")
    other.enter(":q!")
    assert other.wait() == 0
    assert other.is_sane()
    other.close()
