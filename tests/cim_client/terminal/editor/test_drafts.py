"""Where half-typed text is while keys and lines wait for their turn."""

from cim_client.terminal.editor.drafts import Drafts


def test_a_key_takes_the_text_and_brings_the_draft() -> None:
    drafts = Drafts()
    drafts.leave("for lobby")
    assert drafts.half_typed("for ops") == "for lobby"
    drafts.begin(by_key=True)
    assert drafts.half_typed("for ops") == "for lobby"
    assert drafts.switched("draft ") == "for lobby"
    assert not drafts.end()
    assert drafts.half_typed("for ops") == "draft for ops"
    assert drafts.fetch() == "draft "
    assert drafts.fetch() == ""


def test_a_key_that_leads_nowhere_gives_it_back() -> None:
    drafts = Drafts()
    drafts.leave("half ")
    drafts.begin(by_key=True)
    assert drafts.end()
    assert drafts.half_typed("a line") == "half a line"
    assert drafts.fetch() == "half "


def test_a_typed_line_has_taken_nothing() -> None:
    drafts = Drafts()
    drafts.begin(by_key=False)
    assert drafts.half_typed("typed since") == "typed since"
    assert drafts.switched("draft") == ""
    assert drafts.fetch() == "draft"
    drafts.begin(by_key=False)
    assert not drafts.end()


def test_two_keys_before_the_first_is_done() -> None:
    drafts = Drafts()
    drafts.leave("for lobby")
    drafts.leave("for ops")
    drafts.begin(by_key=True)
    assert drafts.switched("draft ") == "for lobby"
    assert drafts.fetch() == ""  # the line is for the third conversation by now
    assert drafts.half_typed("for bob") == "draft for ops"
    drafts.end()
    drafts.begin(by_key=True)
    assert drafts.switched("") == "draft for ops"
    drafts.end()
    assert drafts.half_typed("for bob") == "for bob"


def test_a_key_before_the_draft_of_the_one_before_was_fetched() -> None:
    drafts = Drafts()
    drafts.leave("")
    drafts.begin(by_key=True)
    drafts.switched("draft ")
    drafts.end()
    drafts.leave("for ops")
    assert drafts.fetch() == ""
    assert drafts.half_typed("for bob") == "draft for ops"
