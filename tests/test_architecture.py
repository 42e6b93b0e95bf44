"""Rules of the layout, as tests (docs/architecture.md, CONTRIBUTING.md)."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cim_client

ROOT = Path(__file__).parents[1]
PACKAGES = ("cim", "cim_common", "cim_server", "cim_route", "cim_client")
MAY_IMPORT = {
    "cim": {"cim", "cim_common", "cim_server", "cim_route", "cim_client"},
    "cim_server": {"cim_server", "cim_common"},
    "cim_route": {"cim_route", "cim_common"},
    "cim_client": {"cim_client", "cim_common"},
    "cim_common": {"cim_common"},
}
PURE = (
    "cim_common/wire",
    "cim_common/store",
    "cim_common/accept.py",
    "cim_common/roster.py",
    "cim_common/changes.py",
    "cim_common/ids.py",
    "cim_common/names.py",
)
IMPURE = {"socket", "ssl", "select", "selectors", "threading", "asyncio", "trio", "redis", "kazoo", "flask", "http"}
PURE_IN_CLIENT = (
    "cim_client/inbox.py",
    "cim_client/outbox.py",
    "cim_client/views.py",
    "cim_client/reactions.py",
    "cim_client/keeping.py",
)

COVERED_ELSEWHERE = {
    "cim_client/account.py": "tests/system/test_sdk.py, test_groups.py",
    "cim_client/blocking.py": "tests/system/test_blocking.py",
    "cim_client/client.py": "tests/system/test_sdk.py, test_promise.py",
    "cim_client/conversing.py": "tests/system/test_groups.py",
    "cim_client/core.py": "tests/system/test_sdk.py, test_promise.py",
    "cim_client/names.py": "tests/system/test_sdk.py, test_groups.py",
    "cim_client/parts.py": "only what others share",
    "cim_client/sending.py": "tests/system/test_sdk.py",
    "cim_client/errors.py": "tests/system/test_sdk.py",
    "cim_client/link.py": "tests/system/test_sdk.py, test_promise.py",
    "cim_client/store/own.py": "tests/cim_client/store/test_contract.py",
    "cim_client/store/reading.py": "tests/cim_client/store/test_contract.py, test_messages.py",
    "cim_client/streams.py": "tests/system/test_sdk.py",
    "cim_client/terminal/editor/drawing.py": "editor/test_prompt.py, test_printing.py, test_modes.py",
    "cim_client/terminal/options.py": "only types",
    "cim_client/types.py": "only types",
    "cim_client/views.py": "tests/cim_client/test_inbox.py, test_inbox_model.py",
    "cim_common/accept.py": "store/test_commit.py: packing and settling only mean something together",
    "cim_common/registry/board.py": "registry/test_contract.py",
    "cim_common/registry/leases.py": "registry/test_contract.py",
    "cim_common/registry/zookeeper.py": "registry/test_contract.py",
    "cim_common/store/arrivals.py": "tests/system/test_legacy.py",
    "cim_common/store/event_positions.py": "tests/cim_route/test_events.py",
    "cim_common/store/members.py": "store/test_changes.py",
    "cim_common/store/pages.py": "store/test_changes.py, test_conversations.py",
    "cim_common/store/whispers.py": "tests/system/test_receipts.py, test_http_groups.py",
    "cim_common/wire/kinds.py": "tests/cim_common/test_changes.py",
    "cim_common/store/keys.py": "store/test_commit.py",
    "cim_common/store/flow.py": "every test of the store",
    "cim_common/store/push.py": "store/test_commit.py",
    "cim_common/store/scripts.py": "every test of the store",
    "cim_common/wire/codes.py": "wire/test_codec.py",
    "cim_common/wire/commands.py": "wire/test_connection.py: every cell",
    "cim_common/wire/limits.py": "constants",
    "cim_common/wire/messages.py": "wire/test_codec.py",
    "cim_route/appending.py": "tests/cim_route/test_acceptor.py, test_messages.py",
    "cim_route/channel.py": "tests/cim_route/test_serve.py",
    "cim_route/entries.py": "tests/cim_route/test_history.py",
    "cim_route/legacy.py": "tests/system/test_legacy.py",
    "cim_route/metrics.py": "tests/system/test_metrics.py",
    "cim_route/parts.py": "every test of a call",
    "cim_route/polled.py": "tests/cim_route/test_link.py, test_probes.py",
    "cim_route/steps.py": "only types; tests/cim_route/test_inline.py",
    "cim_route/writing.py": "tests/cim_route/test_messages.py, test_groups.py",
}
"""Modules without a test file of their own, and where they are tested. Programs as a whole: tests/system."""

TESTED_AS_PROCESSES = ("cim_server", "cim")
"""Their parts are tested through real processes and sockets in tests/system, and by a file of their own where that
says more."""


def modules() -> list[Path]:
    found = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return [path for path in found if not path.name.endswith("_pb2.py")]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, f"{name_of(path)} imports relatively"
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_import_arrows(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    ours = {name.split(".")[0] for name in imports_of(path)} & set(PACKAGES)
    assert ours <= MAY_IMPORT[package]


@pytest.mark.parametrize(
    "path", [path for path in modules() if name_of(path).startswith(PURE + PURE_IN_CLIENT)], ids=name_of
)
def test_sans_io_modules_do_no_io(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports_of(path)} & IMPURE


@pytest.mark.parametrize(
    "path", [path for path in modules() if name_of(path).startswith("cim_client/terminal/")], ids=name_of
)
def test_the_terminal_uses_what_every_program_may_use(path: Path) -> None:
    """Of our packages it imports itself and the public names of the SDK."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "cim_client":
            assert {alias.name for alias in node.names} <= set(cim_client.__all__)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            ours = node.module.split(".")[0] in PACKAGES
            assert not ours or node.module.startswith("cim_client.terminal"), f"imports {node.module}"
        elif isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & set(PACKAGES) - {"cim_client"}
            assert all("." not in alias.name for alias in node.names if alias.name.startswith("cim_client"))


def test_no_class_inherits_from_a_compiled_one_but_in_what_is_compiled_too() -> None:
    """It would fail when it is made, in the compiled build only."""
    (names,) = (
        ast.literal_eval(node.value)
        for node in ast.parse((ROOT / "setup.py").read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "COMPILED"
    )
    assert set(names) <= {name_of(path) for path in modules()}
    classes = {
        path: [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)]
        for path in modules()
    }
    compiled = {each.name for path, found in classes.items() if name_of(path) in names for each in found}
    assert "Session" in compiled
    heirs = {
        f"{name_of(path)}: {each.name}"
        for path, found in classes.items()
        if name_of(path) not in names
        for each in found
        if {ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in each.bases} & compiled
    }
    assert heirs == set()


def test_keys_are_spelled_in_one_place() -> None:
    prefixes = (
        "log:",
        "conv:",
        "snd:",
        "int:",
        "todo:",
        "sess:",
        "convs:",
        "push:",
        "idem:",
        "cim:servers",
        "ovl:",
        "mem:",
        "due:",
        "sched:",
        "schend:",
        "set:",
        "mark:",
        "evt:",
        "lim:",
    )
    for path in modules():
        if name_of(path) in ("cim_common/store/keys.py", "cim_common/ids.py"):
            continue  # ids.py spells ids of messages, which are no keys
        strings = [n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)]
        bad = [text for text in strings if isinstance(text, str) and text.startswith(prefixes) and " " not in text]
        assert not bad, f"{name_of(path)} spells keys: {bad}"


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in modules()
        if path.parts[len(ROOT.parts)] not in TESTED_AS_PROCESSES and path.name != "__init__.py"
    ],
    ids=name_of,
)
def test_tests_mirror_the_code(path: Path) -> None:
    relative = path.relative_to(ROOT)
    mirror = ROOT / "tests" / relative.parent / f"test_{relative.name}"
    assert mirror.exists() or name_of(path) in COVERED_ELSEWHERE, f"{mirror.relative_to(ROOT)} is missing"


def test_nothing_listed_as_covered_elsewhere_is_gone() -> None:
    tests = [name_of(path) for path in (ROOT / "tests").rglob("test_*.py")]
    for name, where in COVERED_ELSEWHERE.items():
        path = Path(name)
        assert (ROOT / path).exists(), f"{name} is gone"
        assert f"tests/{path.parent}/test_{path.name}" not in tests, f"{name} has a test file of its own"
        for test in re.findall(r"[\w/]+\.py", where):
            assert any(f"/{known}".endswith(f"/{test}") for known in tests), f"{test}, where {name} is tested, is gone"


def test_generated_files_are_current(tmp_path: Path) -> None:
    environment = {"PYTHON": sys.executable, "PATH": "/usr/bin:/bin"}
    subprocess.run([ROOT / "tools" / "gen-proto", tmp_path], check=True, env=environment, capture_output=True)
    made = sorted(tmp_path.iterdir())
    assert len(made) == 4
    for file in made:
        assert file.read_text() == (ROOT / "cim_common" / "wire" / file.name).read_text(), (
            f"run tools/gen-proto: {file.name}"
        )


def test_the_protocol_page_is_current() -> None:
    subprocess.run([sys.executable, ROOT / "tools" / "gen-protocol-doc", "--check"], check=True)


def test_the_page_of_the_terminal_is_current() -> None:
    subprocess.run([sys.executable, ROOT / "tools" / "gen-terminal-doc", "--check"], check=True)


def test_invariants_cited_in_the_code_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    for path in [*modules(), *(ROOT / "cim_common" / "store" / "scripts").glob("*.lua")]:
        for word in path.read_text().replace("(", " ").replace(")", " ").replace(",", " ").replace(".", " ").split():
            if word[0] == "I" and word[1:].isdigit():
                assert f"**{word}**" in text, f"{name_of(path)} cites {word}"


def test_each_invariant_is_tested_by_its_number() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    stated = set(re.findall(r"^- \*\*(I\d+)\*\*", text, re.MULTILINE))
    tested: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for arguments in re.findall(r"mark\.invariant\(([^)]*)\)", path.read_text()):
            tested |= set(re.findall(r"I\d+", arguments))
    assert tested == stated


def test_every_package_is_typed() -> None:
    assert [package for package in PACKAGES if not (ROOT / package / "py.typed").exists()] == []


def test_fragments_of_the_changelog_can_be_joined() -> None:
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "next"]
    drafted = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert drafted.returncode == 0, drafted.stderr
    for fragment in (ROOT / "changelog.d").glob("*.md"):
        assert fragment.read_text(encoding="utf-8").split()[0] in drafted.stdout
        assert re.fullmatch(r"\d+\.(feature|bugfix|doc|removal|misc)(\.\d+)?\.md", fragment.name)
