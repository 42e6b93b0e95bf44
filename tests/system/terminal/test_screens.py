"""The screens shown in docs/terminal.md are those of the program."""

from collections.abc import Callable
from pathlib import Path

from tests.system.cluster import Cluster
from tests.system.terminal.chats import ROOT
from tests.system.terminal.screens import screens

PAGE = ROOT / "docs" / "terminal.md"


def test_the_screens_of_the_page_are_current(new_cluster: Callable[..., Cluster], tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name, screen in screens(new_cluster(), tmp_path).items():
        part = page.partition(f"<!-- screen {name}: ")[2].partition(f"<!-- end of screen {name} -->")[0]
        assert f"```\n{screen}\n```" in part, f"run tools/gen-terminal-doc --screens: {name} is\n{screen}"
