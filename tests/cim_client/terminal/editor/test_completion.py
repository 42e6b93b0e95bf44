"""What is proposed where, without a terminal."""

from cim_client.terminal.commands import registry
from cim_client.terminal.commands.syntax import Argument, Command
from cim_client.terminal.editor.completion import MAX_CANDIDATES, NOTHING, USER, Found, Offers, Place, Word, find, hint


def words(*texts: str) -> tuple[Word, ...]:
    return tuple(Word(text) for text in texts)


async def nothing(*_: object) -> None:
    """An action."""


def command(names: tuple[str, ...], *arguments: Argument, meaning: str = "") -> Command:
    return Command(names, arguments, meaning, "", nothing)


GROUP, NAMES = Argument("GROUP", "group"), Argument("NAME...", "user")
NAME, TEXT = Argument("NAME", "conversation"), Argument("[TEXT]", "text")
OFFERS = Offers(
    commands=(
        command(("TEXT",)),
        command((":all", "/help"), Argument("[COMMAND]", "command"), meaning="list the commands"),
        command(("/to",), NAME, TEXT),
        command(("/group invite",), GROUP, NAMES),
        command(("/group kick",), NAMES, Argument("[in GROUP]", "group")),
        command(("/group list", "/group")),
        command(("/role",), Argument("ROLE", "role", ("admin", "member"))),
        command(("/react",), Argument("MESSAGE", "message"), Argument("EMOJI", "emoji")),
        command(("/set",), Argument("NAME", "setting"), Argument("VALUE", "value")),
    ),
    places=(Place("ops", "g-1"),),
    words={
        USER: words("bob", "boris", "Bärbel", "张三", "张伟", "محمد", "مريم"),
        "conversation": words("lobby", "ops", "bob", "our group"),
        "group": words("ops", "ops2"),
        "message": words("17", "16", "^"),
        "setting": words("bell", "show"),
        "value bell": words("on", "off"),
    },
)


def texts(before: str) -> list[str]:
    return [word.text for word in find(before, OFFERS).candidates]


def test_commands_by_any_of_their_names() -> None:
    assert texts("/") == ["/all", "/to", "/group invite", "/group kick", "/group list", "/role", "/react", "/set"]
    assert texts(":")[:2] == [":all", ":to"]
    assert texts("/he") == ["/help"]
    assert texts(":se")[0] == ":set"
    assert texts("/group i") == ["/group invite"]
    assert texts("/group") == ["/group invite", "/group kick", "/group list"]
    assert texts("/nosuch") == []
    assert find("/gr", OFFERS).length == 3
    assert find("/he", OFFERS).candidates[0].meaning == "[COMMAND]  list the commands"


def test_arguments_by_their_kinds() -> None:
    assert texts("/to ") == ["lobby", "ops", "bob", '"our group"']
    assert texts("/to o")[0] == "ops"
    assert texts("/to ops b") == []  # text
    assert texts("/group invite o") == ["ops", "ops2"]
    assert texts("/group invite ops bo") == ["bob", "boris"]
    assert texts("/group invite ops bob bo") == ["bob", "boris"]
    assert texts("/group kick bob bo") == ["bob", "boris"]
    assert texts("/group kick bob in o") == ["ops", "ops2"]
    assert texts("/group kick bob in ops bo") == ["bob", "boris"]
    assert texts("/group list x") == []
    assert texts("/react 1") == texts("/react #1") == ["17", "16"]
    assert find("/react #1", OFFERS).length == 1
    assert texts("/role a") == ["admin"]
    assert texts("/set b") == ["bell"]
    assert texts("/set bell o") == ["on", "off"]
    assert texts("/set show o") == []
    assert texts("/help se") == []
    assert texts("/help /se") == ["/set"]


def test_names_with_blanks_are_quoted() -> None:
    assert texts("/to our") == texts('/to "our gr') == texts("/to #our") == ['"our group"']
    assert find("/to #our", OFFERS).length == 4
    assert find('/to "our gr', OFFERS).length == 7
    assert texts('/to "our group" b') == []
    assert texts('/group invite "a"b bo') == ["bob", "boris"]


def test_the_registry_can_be_completed() -> None:
    names = {name: row for row in registry.COMMANDS for name in row.names if name[0] in ":/"}
    for name, row in names.items():
        assert name in [word.text for word in find(name, Offers(registry.COMMANDS)).candidates]
        longer = [other for other in names if other.startswith(name + " ")]
        found = find(name + " ", Offers(registry.COMMANDS))
        assert {word.text for word in found.candidates} >= set(longer)
        assert longer or found.usage == f"{name} {row.form}".rstrip()


def test_the_form_of_the_command_is_told() -> None:
    assert find("/to ops b", OFFERS).usage == "/to NAME [TEXT]"
    assert find(":to ops", OFFERS).usage == ":to NAME [TEXT]"
    assert find("/to", OFFERS).usage == ""


def test_emoji_in_text_and_as_an_argument() -> None:
    assert texts("hi :smi")[0] == ":smile:"
    assert find("hi :smi", OFFERS).length == 4
    assert find("hi :smi", OFFERS).candidates[0].meaning == "😄"
    assert texts("你好:smi")[0] == ":smile:"
    assert texts("/react 17 :smi")[0] == ":smile:"
    assert texts("/react 17 smi")[0] == ":smile:"
    assert find("/react 17 smi", OFFERS).length == 3
    assert texts(":smi")[0] == ":smile:"  # first on the line, where commands begin with a colon too
    assert texts("hi :s") == texts("std::sm") == texts("10:30") == []
    assert len(texts("hi :fl")) == MAX_CANDIDATES


def test_names_in_text() -> None:
    assert texts("hello bo") == ["bob", "boris"]
    assert texts("hello BO") == ["bob", "boris"]
    assert texts("hello @bo") == ["bob", "boris"]
    assert find("hello @bo", OFFERS).length == 2
    assert texts("hello bar") == []
    assert texts("hello bär") == ["Bärbel"]
    assert texts("hello ba\u0308r") == ["Bärbel"]  # as some keyboards compose it
    assert texts("hello ") == texts("") == []


def test_a_name_first_on_the_line_is_spoken_to() -> None:
    assert texts("bo") == ["bob: ", "boris: ", "bob;;", "boris;;"]
    assert texts("bob;;hi bo") == []


def test_names_of_any_script() -> None:
    assert texts("hello 张") == ["张三", "张伟"]
    assert texts("你好张伟，请张") == ["张三", "张伟"]  # no spaces: the name begins inside of the word
    assert find("你好张伟，请张", OFFERS).length == 1
    assert texts("أهلا مح") == ["محمد"]
    assert texts("/group invite ops م") == ["محمد", "مريم"]


def test_the_cluster_is_asked_for_users_only() -> None:
    assert find("hello xa", OFFERS) == Found(2, (), "xa")
    assert find("/group invite ops xa", OFFERS).asks == "xa"
    assert find("/group invite xa", OFFERS).asks == ""
    assert find("/nosuch xa", OFFERS).asks == ""


def test_who_just_types_is_left_alone() -> None:
    assert hint("hello bo", OFFERS) == hint("bo", OFFERS) == hint("at 10:30 bo", OFFERS) == NOTHING
    assert hint("http://x", OFFERS) == NOTHING
    assert hint("//path", OFFERS) == hint("::)", OFFERS) == NOTHING
    assert hint("hi :smi", OFFERS).candidates
    assert hint("/to o", OFFERS).candidates
    assert hint("hi :smi\n/to o", OFFERS) == NOTHING


def test_a_long_line_costs_little() -> None:
    assert find("/to " + "x " * 100_000, OFFERS) == Found(usage="/to NAME [TEXT]")
    assert find("/to " + 'x" ' * 300 + "y", OFFERS).candidates == ()
    assert find("x" * 100_000, OFFERS).candidates == ()
    assert find("字" * 100_000, OFFERS).candidates == ()
    assert hint(":" * 100_000, OFFERS) == NOTHING
