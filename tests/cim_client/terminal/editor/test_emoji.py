"""Aliases: which count, which do not, and how they are listed."""

import subprocess
import sys

import pytest

from cim_client.terminal.editor import emoji


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("hi :smile:", "hi 😄"),
        (":+1::smile:", "👍😄"),
        (":Smile: :thumbsup:", "😄 👍"),
        ("你好:smile:再见", "你好😄再见"),
        ("(:heart:)", "(❤️)"),
        ("two\n:tada:", "two\n🎉"),
        (":nosuch:", ":nosuch:"),
        (":nosuch::smile:", ":nosuch:😄"),
        ("std::cat::new", "std::cat::new"),
        ("at 10:100:5", "at 10:100:5"),
        ("a:smile:b", "a:smile:b"),
        ("`:smile:`", "`:smile:`"),
        (":smile", ":smile"),
        (": smile:", ": smile:"),
        (":-) :: :", ":-) :: :"),
        ("no colon", "no colon"),
    ],
)
def test_what_becomes_an_emoji(typed: str, sent: str) -> None:
    assert emoji.replaced(typed) == sent


def test_a_line_that_begins_with_one_is_no_command() -> None:
    assert emoji.begins(":smile: hello")
    assert emoji.begins(":+1:")
    assert not emoji.begins(":all")
    assert not emoji.begins(":q! :smile:")
    assert not emoji.begins(":nosuch:")


def test_a_hostile_text_costs_little() -> None:
    text = ":" * 100_000 + "a:" * 50_000
    assert emoji.replaced(text) == text


def test_beginning() -> None:
    found = list(emoji.beginning("smi"))
    assert found[0] == (":smile:", "😄")
    assert all(alias.startswith(":smi") for alias, _ in found)
    assert list(emoji.beginning("SMILE")) == list(emoji.beginning("smile"))
    assert list(emoji.beginning("no such")) == []


def test_pages_hold_five_and_together_everything() -> None:
    everything = [row for number in range(1, emoji.pages() + 1) for row in emoji.page(number)]
    assert len(emoji.page(1)) == emoji.PAGE == 5
    assert 1 <= len(emoji.page(emoji.pages())) <= 5
    assert len(dict(everything)) == len(everything) > 1_000
    assert emoji.page(0) == emoji.page(-1) == emoji.page(emoji.pages() + 1) == []
    rows = [(alias, char) for char, aliases in everything for alias in aliases]
    assert sorted(rows) == sorted(emoji.beginning(""))
    for alias, char in rows:
        assert emoji.replaced(alias) == char
        assert len(alias) <= emoji.MAX_ALIAS_CHARS


def test_an_emoji_stands_on_one_page_with_all_its_aliases() -> None:
    rows = [row for number in range(1, emoji.pages() + 1) for row in emoji.page(number)]
    assert [aliases for char, aliases in rows if char == "👍"] == [[":+1:", ":thumbs_up:", ":thumbsup:"]]


def test_the_library_is_not_loaded_before_it_is_needed() -> None:
    used = "from cim_client.terminal.editor.emoji import replaced; replaced('no alias')"
    code = f"import sys; {used}; sys.exit('emoji' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
