"""What a record says of where it was made."""

import re
from pathlib import Path

import pytest

from cim.bench import origin


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["bench", "messages", "--senders", "500"], "cim bench messages --senders 500"),
        (["bench", "messages", "--cluster", "/home/someone/ready.json"], "cim bench messages --cluster ready.json"),
        (["bench", "idle", "--json=/var/x/a b.json"], "cim bench idle --json=a b.json"),
        (["bench", "all", "--docs", "docs/performance.md"], "cim bench all --docs docs/performance.md"),
        (
            ["bench", "compare", "--run", "/x/bin/cim bench idle --json /y/a.json"],
            "cim bench compare --run cim bench idle --json a.json",
        ),
        (["bench", "idle", "--json=/var/x/a.json"], "cim bench idle --json=a.json"),
        (["bench", "route", "--route", "https://chat.example.org"], "cim bench route --route https://..."),
        (["bench", "route", "--route", "http://127.0.0.1:8083"], "cim bench route --route http://127.0.0.1:8083"),
    ],
)
def test_a_command_is_shown_without_folders_and_hosts(arguments: list[str], shown: str) -> None:
    assert origin.said(arguments).replace("'", "") == shown


def test_commit() -> None:
    found = origin.commit()
    assert found is None or re.fullmatch(r"[0-9a-f]{12}(\+changes)?", found)


def test_outside_a_checkout_the_commit_is_what_the_build_wrote_down(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(origin, "__file__", str(tmp_path / "cim" / "bench" / "origin.py"))
    monkeypatch.setattr(origin, "BUILT_FROM", tmp_path / "built-from")
    assert origin.commit.__wrapped__() is None
    origin.BUILT_FROM.write_text("0123456789ab\n")
    assert origin.commit.__wrapped__() == "0123456789ab"


def test_engine_of() -> None:
    assert origin.engine_of({"redis_version": "7.2.4", "valkey_version": "9.0.1"}) == "valkey 9.0.1"
    assert origin.engine_of({"redis_version": "7.0.15"}) == "redis 7.0.15"
    assert origin.engine_of({}) is None
