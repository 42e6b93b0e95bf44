"""The input line in a terminal: what is typed, pasted, gone back to and completed."""

import signal

from tests.terminals import Terminal


def paste(text: str) -> str:
    return f"\x1b[200~{text}\x1b[201~"


def test_alt_enter_breaks_the_line_and_enter_sends(typist: Terminal) -> None:
    typist.type("one\x1b\rtwo\r")
    typist.until("got 'one\\ntwo'")


def test_a_pasted_block_is_one_message(typist: Terminal) -> None:
    typist.type(paste("one\r\ntwo\rthree\n"))
    typist.until("  three")
    typist.type("\r")
    assert typist.until("got").count("got") == 1
    typist.until("got 'one\\ntwo\\nthree\\n'")


def test_control_characters_of_a_paste_are_shown_and_do_nothing(typist: Terminal) -> None:
    typist.type(paste("a\x1b[2Jb\x07\x03c\x9b5md"))
    screen = typist.until("lobby> a^[[2Jb^G^Cc")
    assert "bar" in screen
    typist.type("\r")
    typist.until("got 'a\\x1b[2Jb\\x07\\x03c\\x9b5md'")
    assert typist.emulator.bells == 0


def test_lines_of_earlier_runs_and_of_this_one(typist: Terminal) -> None:
    typist.type("new\r\x1b[A")
    typist.until("lobby> new")
    typist.type("\x1b[A")
    typist.until("lobby> earlier two")
    typist.type("\x1b[A")
    typist.until("lobby> earlier one")
    typist.type("\x1b[B\x1b[B\x1b[B" + "half")
    typist.until("lobby> half")


def test_what_is_kept_of_this_run(typist: Terminal) -> None:
    """What was typed; neither what a key stands for nor what was cleared or is half typed."""
    typist.type("one\x1b\rtwo\r/to bob\rnever mind\x03\x1b1half")
    typist.until("left bob with '' for lobby")
    typist.until("lobby> half")
    typist.process.send_signal(signal.SIGUSR2)
    assert typist.wait() == 0
    assert "kept: ['earlier one', 'earlier two', 'one\\ntwo', '/to bob']\nleft half typed: 'half'" in typist.text()


def test_the_same_again_and_again_in_one_breath(typist: Terminal) -> None:
    """Each Up finds the line that was sent by the Enter just before it."""
    typist.type("same\r" + "\x1b[A\r" * 5)
    typist.until(lambda screen: screen.count("got 'same'") == 6)


def test_searching_what_was_typed(typist: Terminal) -> None:
    typist.type("\x12one")
    assert "earlier one" in typist.until("typed earlier: one")
    typist.type("\r")
    typist.until(lambda screen: "typed earlier" not in screen)
    typist.type("\x05 more\r")
    typist.until("got 'earlier one more'")


def test_half_a_line_is_still_there_after_a_search_given_up(typist: Terminal) -> None:
    typist.type("half\x12earl")
    typist.until("typed earlier: earl")
    typist.type("\x07")
    typist.until("lobby> half")


def test_tab_completes_and_goes_on(typist: Terminal) -> None:
    typist.type("hi bo\t")
    typist.until("lobby> hi bob\n")
    typist.type("\t")
    assert "bob   boris" in typist.until("lobby> hi boris\n")
    typist.type("\x1b[Z")
    typist.until("lobby> hi bob\n")
    typist.type("\x07")
    typist.until("lobby> hi bo\n bar")


def test_what_is_typed_behind_a_tab_finds_its_result(typist: Terminal) -> None:
    typist.type("hi bori\tand 张三\t@مح\t\r")
    typist.until("got 'hi boris and 张三 @محمد '")


def test_the_bar_tells_while_one_types_a_command(typist: Terminal) -> None:
    typist.type("/t")
    typist.until("/to NAME [TEXT]")
    typist.type("o b")
    assert " bob   boris" in typist.until("lobby> /to b\n")
    typist.type("ob hello")
    typist.until("lobby> /to bob hello\n /to NAME [TEXT]")
    typist.type("\x15hello bo")
    typist.until("lobby> hello bo\n bar")  # nothing pops up while one just types


def test_emoji_by_their_aliases(typist: Terminal) -> None:
    typist.type("hi :smi")
    typist.until(":smile: 😄")
    typist.type("\t")
    typist.until("lobby> hi :smile:\n")


def test_the_cluster_is_asked_for_a_name_nobody_knows_here(typist: Terminal) -> None:
    typist.type("/to xa")
    typist.until("asked for xa")
    typist.until(" xaavier")
    typist.type("\t\r")
    typist.until("for xaavier")


def test_tab_asks_for_a_name_in_plain_text(typist: Terminal) -> None:
    typist.type("hello xa\t")
    typist.until("asked for xa")
    typist.type("\x15hello xa")
    typist.until("lobby> hello xa\n bar")
    typist.type("\t\r")
    typist.until("got 'hello xaavier '")


def test_a_long_line_can_be_typed(typist: Terminal) -> None:
    typist.type(paste("x" * 10_000) + "!")
    typist.until("xx!")
    typist.type("\r")
    typist.until(lambda screen: "x!'" in screen)
