"""Who is typing."""

from cim_client.terminal.display.typists import MAX_TYPISTS, TYPING_S, Typists


def test_they_are_named_then_counted() -> None:
    typists = Typists()
    typists.typing("a", "bob", 0)
    assert typists.shown("a", 1) == "bob is typing"
    assert typists.shown("b", 1) == ""
    typists.typing("a", "ca\x1brol", 1)
    assert typists.shown("a", 1) == "bob and ca␛rol are typing"
    typists.typing("a", "dave", 1)
    assert typists.shown("a", 1) == "3 are typing"


def test_they_stop_when_nothing_is_heard_or_the_message_comes() -> None:
    typists = Typists()
    typists.typing("a", "bob", 0)
    typists.typing("a", "carol", 3)
    assert typists.shown("a", TYPING_S) == "carol is typing"
    typists.wrote("a", "carol")
    assert typists.shown("a", TYPING_S) == ""


def test_they_are_bounded() -> None:
    typists = Typists()
    for n in range(MAX_TYPISTS + 10):
        typists.typing("a", f"user{n}", 0)
    assert typists.shown("a", 1) == f"{MAX_TYPISTS} are typing"
