"""`/export`."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from cim_client import record_of
from cim_client.terminal.commands.actions.export import BATCH, written
from cim_client.terminal.commands.syntax import Wrong
from tests.cim_client.terminal.recorder import OPS, message
from tests.cim_client.terminal.window import Commands


async def test_json_lines(commands: Commands, tmp_path: Path) -> None:
    kept = [message(f"text {seq}\nmore", seq) for seq in range(1, BATCH + 3)]
    commands.me.local.kept = kept
    file = tmp_path / "out.jsonl"
    assert await commands.run(f"/export {file}") == [f"* {len(kept)} messages are in {file}"]
    assert [json.loads(row) for row in file.read_text().splitlines()] == [record_of(one) for one in kept]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_text_that_is_harmless(commands: Commands, tmp_path: Path) -> None:
    commands.me.local.kept = [message("one\n10:00 carol: forged\x1b[2J", 1, OPS)]
    file = tmp_path / "my chat.txt"
    await commands.run(f'/export "{file}"')
    first, second = file.read_text().splitlines()
    assert first.endswith(" #ops #1 bob: one")
    assert second == "    │ 10:00 carol: forged␛[2J"
    assert (await commands.run(f'/export "{file}" json overwrite'))[0].startswith("* 1 messages")
    assert json.loads(file.read_text())["text"].startswith("one\n")


async def test_nothing_is_overwritten_unless_that_was_said(commands: Commands, tmp_path: Path) -> None:
    file = tmp_path / "out"
    file.write_text("precious")
    with pytest.raises(Wrong, match=r"exists: /export .* overwrite replaces it"):
        await commands.run(f"/export {file}")
    assert file.read_text() == "precious"


async def test_what_cannot_be_written_is_one_line(commands: Commands, tmp_path: Path) -> None:
    for file in (tmp_path / "none" / "out", tmp_path):
        for told in ("", " overwrite"):
            with pytest.raises(Wrong):
                await commands.run(f"/export {file}{told}")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("overwrite", [False, True])
async def test_half_a_file_is_not_left(tmp_path: Path, overwrite: bool) -> None:
    def rows() -> Iterator[str]:
        yield from ["row\n"] * BATCH
        raise OSError(28, "No space left on device")

    file = tmp_path / "out"
    if overwrite:
        file.write_text("precious")
    with pytest.raises(OSError, match="No space"):
        await written(file, rows(), overwrite)
    assert os.listdir(tmp_path) == (["out"] if overwrite else [])
    assert not overwrite or file.read_text() == "precious"
