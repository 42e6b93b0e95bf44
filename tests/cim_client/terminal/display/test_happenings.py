"""What happens, as one line each."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim_client.terminal.display.happenings import MAX_NAMES, told
from cim_client.terminal.display.lines import plain
from cim_client.types import Event
from cim_common.wire.codes import Code


def text(event: Event) -> str:
    line = told(event, "alice")
    return "" if line is None else plain(line)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Event("edited", user="bob", ref=17, text="new\ntext"), "* bob edited #17: new␊text"),
        (Event("edited", user="alice", ref=17, text="new"), "* you edited #17: new"),
        (Event("recalled", user="bob", ref=17), "* bob took back #17"),
        (Event("reaction", "added", user="bob", ref=17, text="👍"), "* bob put 👍 to #17"),
        (Event("reaction", "removed", user="bob", ref=17, text="+1"), "* bob took +1 from #17"),
        (Event("joined", "created", user="bob", targets=("alice", "carol")), "* bob made the group with you, carol"),
        (Event("joined", user="bob", targets=("carol",)), "* bob brought in carol"),
        (Event("joined", user="bob"), "* bob came"),
        (Event("left", user="bob"), "* bob left"),
        (Event("kicked", user="bob", targets=("alice",)), "* bob took out you"),
        (Event("kicked", "banned", user="bob", targets=("carol",)), "* bob banned carol"),
        (Event("conversation", "renamed", user="bob", text="the team"), "* bob named the group the␣team"),
        (
            Event("conversation", "renamed", user="bob", text="ops", topic="what\nis up"),
            "* bob named the group ops; its topic: what␊is up",
        ),
        (Event("conversation", "dissolved", user="bob"), "* bob ended the group: nobody writes here any more"),
        (Event("conversation", "role", user="bob", targets=("carol",), role="admin"), "* bob made carol admin"),
        (Event("conversation", "pinned", user="bob", ref=17), "* bob pinned #17"),
        (Event("conversation", "unpinned", user="bob", ref=17), "* bob unpinned #17"),
        (Event("conversation", "blocked", user="bob", targets=("alice",)), "* bob blocked you"),
        (Event("conversation", "unbanned", user="bob", targets=("eve",)), "* bob unbanned eve"),
        (Event("notice", "hole", ref=3, seq=9, code=Code.EXPIRED), "* #3 to #9 are kept no longer"),
        (
            Event("notice", "hole", ref=3, seq=9, code=Code.NOT_A_MEMBER),
            "* #3 to #9 were written while you took no part",
        ),
        (
            Event("notice", "rewound", ref=9, seq=4),
            "* the cluster went back to an older copy: #5 to #9 are gone",
        ),
        (Event("notice", text="not sent"), "* the cluster says: not sent"),
        (Event("notice", "storage", text="The disk is full."), "* The disk is full."),
        (Event("notice", "synced"), ""),
        (Event("conversation", "new", text="ops"), ""),
        (Event("presence", "online", user="bob"), ""),
        (Event("something new", user="bob"), ""),
    ],
)
def test_lines(event: Event, line: str) -> None:
    assert text(event) == line


def test_many_names_are_counted() -> None:
    names = tuple(f"user{n}" for n in range(MAX_NAMES + 5))
    assert text(Event("joined", user="bob", targets=names)).endswith(f"user{MAX_NAMES - 1} and 5 more")


@pytest.mark.parametrize("state", ["added", "removed"])
def test_a_reaction_is_harmless_and_short(state: str) -> None:
    line = text(Event("reaction", state, user="bob", ref=17, text="\x1b[2J" + "x" * 500))
    assert "␛[2Jx" in line
    assert "\x1b" not in line
    assert len(line) < 60


def test_no_name_can_look_like_a_sentence_of_ours() -> None:
    assert text(Event("left", user="bob left\n* carol")) == "* bob␣left␊*␣carol left"


hostile = st.text(st.characters(codec="utf-16", categories=("Cc", "Cf", "L", "Zs", "Zl"))) | st.sampled_from(
    ["\x1b[2J", "\x9b6n", "\u202eabc", "\x1b]0;x\x07", "x" * 5_000]
)


@given(
    st.sampled_from(["edited", "recalled", "reaction", "joined", "left", "kicked", "conversation", "notice"]),
    st.sampled_from(["", "added", "created", "banned", "renamed", "role", "pinned", "blocked", "storage"]),
    hostile,
    hostile,
    st.lists(hostile, max_size=20),
    hostile,
)
def test_whatever_a_peer_says_is_one_harmless_line(
    kind: str, state: str, user: str, said: str, targets: list[str], role: str
) -> None:
    line = text(Event(kind, state, user=user, text=said, targets=tuple(targets), role=role, ref=1, seq=2))
    assert all(unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp", "Cf") or c in "\u200c\u200d" for c in line)
    assert len(line) < 5_500
