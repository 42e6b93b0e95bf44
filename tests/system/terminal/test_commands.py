"""Each command of the registry works, on the real screen and for others; bad arguments are told in one line."""

import pytest

from cim_client.terminal.commands.registry import COMMANDS, listing
from cim_client.terminal.commands.syntax import Command
from tests.system.terminal import proofs
from tests.system.terminal.scene import PROOFS, Scene

assert proofs.__doc__  # importing it fills PROOFS


def test_no_command_is_without_its_proof() -> None:
    assert sorted(PROOFS) == sorted(command.names[0] for command in COMMANDS)


@pytest.mark.parametrize("name", PROOFS)
def test_command(scene: Scene, name: str) -> None:
    PROOFS[name](scene)


def test_the_list_is_the_registry(scene: Scene) -> None:
    scene.does(":all", *[row.rstrip() for row in listing(COMMANDS)])


def wrong_line(command: Command) -> str | None:
    """Too little of what it needs, or too much of what it does not take; None where neither is wrong."""
    name = command.names[0]
    if any(not argument.form.startswith("[") for argument in command.arguments):
        return name
    return None if command.arguments else f"{name} surplus words"


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if c.names[0][0] in ":/" and wrong_line(c)], ids=lambda command: command.names[0]
)
def test_bad_arguments_are_one_line(scene: Scene, command: Command) -> None:
    """It says the right form; nothing is sent, and the next line is taken as ever."""
    head = scene.said("head")
    scene.does(wrong_line(command) or "", "usage: " + command.usage.split(" ")[0])
    printed = scene.does(":qai", "you are not talking").splitlines()
    assert len(printed) == 1
    assert next(iter(scene.tess.history("lobby", limit=1))).seq == head
