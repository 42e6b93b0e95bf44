"""The command line: help that teaches, environment variables, one-sentence errors."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cim.cli import main

COMMANDS = ("up", "server", "route", "chat", "send", "tail", "history", "search", "users", "group", "version")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--help"])
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"cim {command}" in result.output


def test_help_names_every_command_and_the_variables() -> None:
    output = CliRunner().invoke(main, ["--help"]).output
    assert all(command in output for command in COMMANDS)
    assert "CIM_SERVER_PORT" in CliRunner().invoke(main, ["up", "--help"]).output


@pytest.mark.parametrize("command", ["list", "create", "members", "invite", "kick", "leave", "role"])
def test_help_of_each_command_for_groups_has_an_example(command: str) -> None:
    assert f"Example:  cim group {command}" in CliRunner().invoke(main, ["group", command, "--help"]).output


def test_version() -> None:
    assert CliRunner().invoke(main, ["version"]).output.startswith("cim ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["up", "--route", "nonsense"], "is not HOST:PORT"),
        (["up", "--route", "0.0.0.0:8083"], "--allow-plaintext"),
        (["route", "--redis", "redis://x"], "--secret-file"),
        (["server", "--redis", "redis://x", "--secret-file", "/dev/null"], "secret"),
        (["up", "--redis", "nonsense"], "is not the address of a Redis"),
        (["up", "--servers", "0"], "0 is not in the range"),
        (["up", "--gather-ms", "21"], "21.0 is not in the range 0<=x<=20"),
        (["up", "--gather-ms", "nan"], "'nan' is not a number of milliseconds"),
        (["bench", "messages", "--gather-ms", "nan"], "'nan' is not a number of milliseconds"),
        (["up", "--keep", "lobby=soon"], "'lobby=soon' is not KIND=AGE"),
        (["up", "--keep", "lobby=1d", "--keep", "lobby=5"], "lobby is given twice"),
    ],
)
def test_mistakes_are_one_sentence(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code != 0
    assert said in result.output
    assert "Traceback" not in result.output


def test_an_option_is_an_environment_variable() -> None:
    result = CliRunner().invoke(main, ["up"], env={"CIM_SERVERS": "0"})
    assert "0 is not in the range" in result.output


def test_help_imports_no_program() -> None:
    code = "import sys; from cim.cli import main; main(['--help'], standalone_mode=False); print(sorted(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd())
    for heavy in ("'trio'", "'flask'", "'redis'", "'pydantic'", "'prompt_toolkit'"):
        assert heavy not in run.stdout


def test_chat_imports_only_what_it_runs() -> None:
    """Half of the time from `cim chat` to its prompt is spent importing."""
    code = "import sys, cim.cli, cim_client.terminal.program; print(*{name.split('.')[0] for name in sys.modules})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(ran.stdout.split())
    assert "cim_client" in imported
    others = {"cim_server", "cim_route", "redis", "flask", "pydantic", "structlog", "argon2", "precis_i18n", "kazoo"}
    assert not imported & {*others, "prompt_toolkit"}
