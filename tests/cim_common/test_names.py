import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim_common import names
from cim_common.names import BadName, canonical, canonical_prefix, display_name


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("alice", "alice"),
        ("Alice", "alice"),
        ("ＡＬＩＣＥ", "alice"),
        ("e\u0301va", "éva"),
        ("Ελένη", "ελένη"),
        ("Мария", "мария"),
        ("שלום", "שלום"),
        ("علي", "علي"),
        ("张伟", "张伟"),
        ("user_1", "user_1"),
        ("1a", "1a"),
        ("a/b", "a/b"),
        ("a:b@c#d", "a:b@c#d"),
        ("{c1}", "{c1}"),
        ("../x", "../x"),
        ("x" * 32, "x" * 32),
    ],
)
def test_usable_names(typed: str, stored: str) -> None:
    assert canonical(typed) == stored


@pytest.mark.parametrize(
    "typed",
    [
        "", " ", "a b", " a", "a\t", "a\u00a0b", "a\u3000b", "a\nb",
        "42", "\uff11\uff12", "\u06f1\u06f2", "\u0661", "\u0967\u0968",
        "a;b", ";;", "/all", ":q", "@bob", "#lobby", "\uff0fall",
        "..", "---", "{}", "~",
        "a\0b", "a\x1b[31m", "a\x7f", "a\u202eb", "a\u200bb", "a\u200db", "\ufeffa", "a\U000e0041",
        "lobby", "Lobby", "\uff2c\uff2f\uff22\uff22\uff39", "all", "System",
        "\U0001f600", "a\ufb01", "\ue000", "\ud800", "\udce4x",
        "x" * 33, "x" * 100_000,
    ],
)  # fmt: skip
def test_refused_names_say_why(typed: str) -> None:
    with pytest.raises(BadName, match=r"^[A-Z].*\.$"):
        canonical(typed)


@given(st.text(max_size=70))
def test_canonical_is_stable_short_and_clean(typed: str) -> None:
    try:
        stored = canonical(typed)
    except BadName:
        return
    assert canonical(stored) == stored
    assert 1 <= len(stored) <= names.MAX_NAME_LENGTH
    assert len(stored.encode()) <= 4 * names.MAX_NAME_LENGTH
    assert stored.isprintable()
    assert not any(character.isspace() or character in ";\0" for character in stored)


def test_a_prefix_need_not_be_a_name() -> None:
    assert canonical_prefix("") == ""
    assert canonical_prefix("1") == "1"
    assert canonical_prefix("LOB") == canonical_prefix("ＬＯＢ") == "lob"
    assert canonical_prefix("E\u0301") == "\u00e9"
    for prefix in ("a b", "a\0", "a\ud800", "x" * 65):
        with pytest.raises(BadName):
            canonical_prefix(prefix)


@given(
    st.one_of(
        st.sampled_from(
            [
                "محمد-علي",
                "l·l",
                "नेहा",
                "क्\u200dष",
                "한국",
                "ガギ・グ",
                "张伟",
                "שלום.א",
                "ÉVA",
                "ὈΔΥΣΣΕΎΣ",
                "ＡＢＣ",
                "İpek",
            ]
        ),
        st.text(st.characters(categories=("L", "M", "Nd")), min_size=1, max_size=12),
    )
)
def test_whatever_begins_a_name_is_a_prefix_of_it(name: str) -> None:
    try:
        stored = canonical(name)
    except BadName:
        return
    for end in range(len(stored) + 1):
        assert stored.startswith(canonical_prefix(stored[:end]))


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Alice", "Alice"),
        ("  Alice   B. ", "Alice B."),
        ("e\u0301", "é"),
        ("علی\u200cرضا", "علی\u200cرضا"),
        ("👩\u200d🔬 Ada", "👩\u200d🔬 Ada"),
        ("x" * 64, "x" * 64),
    ],
)
def test_usable_display_names(typed: str, stored: str) -> None:
    assert display_name(typed) == stored


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "\u3000",
        "a\x1b[2J",
        "a\rb",
        "a\tb",
        "a\0",
        "\u202eevil",
        "a\u2066b",
        "a\u2028b",
        "\ud800",
        "\u0378",
        "x" * 65,
    ],
)
def test_refused_display_names(typed: str) -> None:
    with pytest.raises(BadName):
        display_name(typed)
