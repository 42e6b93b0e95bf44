"""The input line on the real program: completion, earlier lines, several lines, pasting, an editor, quick switch."""

from pathlib import Path

import pytest

from tests.real_servers import eventually
from tests.system.cluster import Cluster
from tests.system.terminal.chats import CONNECTED, STORED, OpenChat, friend
from tests.system.terminal.scene import Scene

TAB, UP = "\t", "\x1b[A"
ALT_ENTER, ALT_N, CTRL_K, CTRL_R, CTRL_C = "\x1b\r", "\x1bn", "\x0b", "\x12", "\x03"
PASTE, END_OF_PASTE = "\x1b[200~", "\x1b[201~"


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("/gro\tcr\t", "/group create"),
        ("/help /recal\t", "/help /recall"),
        ("/set colo\tof\t", "/set colours off"),
        ("good :sunglass\t", "good :sunglasses:"),
        ("/group role tess adm\t", "/group role tess admin"),
    ],
)
def test_completion(scene: Scene, typed: str, completed: str) -> None:
    first, *rest = typed.split(TAB)
    scene.chat.type(first)
    scene.chat.until(lambda screen: CONNECTED not in screen.splitlines()[-1])  # what fits is shown there
    scene.chat.type(TAB + TAB.join(rest))
    scene.chat.until(f"> {completed}")
    scene.chat.type(CTRL_C)


def test_a_name_only_the_cluster_knows_is_completed(scene: Scene) -> None:
    with friend(scene.cluster, "zacharias-the-third"):
        pass
    scene.chat.type("/to zacha")
    scene.chat.until(lambda screen: "zacharias-the-third" in screen.splitlines()[-1])
    scene.chat.type(TAB)
    scene.chat.until("> /to zacharias-the-third")


def test_chinese_names_are_completed(scene: Scene) -> None:
    with friend(scene.cluster, "王小明") as ming:
        ming.send("lobby", scene.unique("在"))
        scene.chat.type("/to 王")
        scene.chat.until(lambda screen: "王小明" in screen.splitlines()[-1])
        scene.chat.type(TAB + "你好\r")
        scene.chat.until_stored("你好")
        assert next(iter(ming.history("sam", limit=1))).text == "你好"


def test_lines_typed_earlier(scene: Scene) -> None:
    one, two = scene.unique("one"), scene.unique("two")
    scene.wrote(f"first {one}")
    scene.wrote(f"second {two}")
    scene.chat.type(UP)
    scene.chat.until(f"> second {two}")
    scene.chat.type(UP)
    scene.chat.until(f"> first {one}")
    scene.chat.type(CTRL_C)
    scene.chat.until(lambda screen: f"> first {one}" not in screen)
    scene.chat.type(CTRL_R + one)
    scene.chat.until(f"> first {one}")
    scene.chat.type("\r\x05 again\r")
    scene.chat.until_printed(f"first {one} again", STORED)


def test_several_lines_are_one_message(scene: Scene) -> None:
    text = scene.unique("poem")
    scene.chat.type(f"{text}{ALT_ENTER}second line{ALT_ENTER}third")
    scene.chat.until("third")
    scene.chat.type("\r")
    scene.chat.until_printed("third", STORED)
    assert scene.found("lobby", text).text == f"{text}\nsecond line\nthird"


def test_a_paste_is_never_sent_by_itself(scene: Scene) -> None:
    text = scene.unique("pasted")
    head = scene.said("head")
    scene.chat.type(f"{PASTE}{text}\r\nrm -rf /\r\n:q!\r\n\x1b[2Jlast{END_OF_PASTE}")
    scene.chat.until("last")
    assert next(iter(scene.tess.history("lobby", limit=1))).seq == head
    scene.chat.type("\r")
    scene.chat.until_printed("last", STORED)
    assert scene.found("lobby", text).text.splitlines()[1:3] == ["rm -rf /", ":q!"]


def test_an_external_editor(open_chat: OpenChat, tmp_path: Path) -> None:
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\nprintf "was: " > "$1.new"; cat "$1" >> "$1.new"; mv "$1.new" "$1"\n')
    editor.chmod(0o755)
    chat = open_chat("quin", EDITOR=str(editor), VISUAL="")
    chat.type("half a line\x18\x05")
    chat.until("> was: half a line")
    chat.type(" edited\r")
    chat.until_stored("was: half a line edited")


def test_the_quick_switch_keeps_what_is_typed(scene: Scene) -> None:
    text = scene.unique("kept")
    with friend(scene.cluster, "quick-friend") as other:
        other.send("sam", f"knock {text}")
        scene.chat.until_printed(f"knock {text}")
        scene.chat.type(f"half {text}")
        scene.chat.until(f"> half {text}")
        scene.chat.type(CTRL_K + "quick-fr")
        scene.chat.until(lambda screen: "quick-friend" in screen and "go to: quick-fr" in screen)
        scene.chat.type("\r")
        scene.chat.until(lambda screen: f"half {text}" not in screen.splitlines()[-2])
        scene.chat.enter(f"there {text}")
        scene.chat.until_stored(f"there {text}")
        assert next(iter(other.history("sam", limit=1))).text == f"there {text}"
        scene.chat.enter("/to lobby")
        scene.chat.until(f"> half {text}")
        scene.chat.type(" done\r")
        scene.chat.until_stored(f"half {text} done")
    assert scene.found("lobby", text).text == f"half {text} done"


def test_the_next_unread_by_a_key(cluster: Cluster, open_chat: OpenChat) -> None:
    """What is typed right behind the key is for the conversation it leads to."""
    chat = open_chat("ursula")
    with friend(cluster, "alt-friend") as other:
        other.send("ursula", "urgent")
        chat.until_bar("alt-friend 1")
        chat.type(f"{ALT_N}I come\r")
        chat.until_stored("I come")
        assert next(iter(other.history("ursula", limit=1))).text == "I come"


def test_lines_typed_in_an_earlier_run(open_chat: OpenChat) -> None:
    chat = open_chat("pam")
    chat.enter("typed in the first run")
    chat.until_stored("typed in the first run")
    chat.leave()
    again = open_chat("pam")
    again.type(UP)
    again.until("> typed in the first run")


def test_drafts_are_kept_over_a_kill(cluster: Cluster, open_chat: OpenChat, tmp_path: Path) -> None:
    """They are written once a second."""
    with friend(cluster, "ray"):
        chat = open_chat("rhea")
        chat.type("for the lobby")
        chat.until("> for the lobby")
        chat.enter(f"{CTRL_C}/to ray")
        chat.until_bar("ray")
        chat.type("for ray")
        chat.until("> for ray")
        eventually(lambda: any(b"for ray" in path.read_bytes() for path in tmp_path.rglob("*.db*")))
        chat.kill()
    again = open_chat("rhea")
    again.enter("/to ray")
    again.until("> for ray")
