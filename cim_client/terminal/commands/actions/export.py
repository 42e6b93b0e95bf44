"""`/export`: the history kept on this device, into a file."""

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO

import trio

from cim_client import Message, record_of
from cim_client.terminal.commands.context import Context
from cim_client.terminal.commands.syntax import Wrong
from cim_client.terminal.display.sanitize import one_line, shown_name, text_lines

BATCH = 500
"""Messages read at a time, between which everything else goes on."""

_PRIVATE = 0o600

Write = Callable[[Message], str]


async def export(context: Context, file: str, form: str, overwrite: bool) -> None:
    path = Path(await trio.to_thread.run_sync(os.path.expanduser, file))  # `~name` asks for that user
    write = _as_text(context) if (form or _form_of(path)) == "text" else _as_json
    try:
        count = await written(path, map(write, context.me.local.export()), overwrite)
    except FileExistsError:
        raise Wrong(f"{one_line(file)} exists: /export {one_line(file)} overwrite replaces it") from None
    except OSError as error:
        raise Wrong(f"{one_line(file)} cannot be written: {error.strerror or error}") from None
    await context.note(f"{count} messages are in {one_line(str(path))}")


def _form_of(path: Path) -> str:
    return "text" if path.suffix == ".txt" else "json"


def _as_json(message: Message) -> str:
    return json.dumps(record_of(message), ensure_ascii=False) + "\n"


def _as_text(context: Context) -> Write:
    """Rows that no text can forge, and that are harmless where they are printed."""

    def write(message: Message) -> str:
        at = message.time.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        where = shown_name(context.window.label(message.conversation))
        first, *rest = text_lines("(recalled)" if message.recalled else message.text)
        head = f"{at} {where} #{message.seq} {'~' if message.unverified else ''}{shown_name(message.sender)}: {first}"
        return "\n".join([head, *(f"    │ {row}" for row in rest)]) + "\n"

    return write


async def written(path: Path, rows: Iterable[str], overwrite: bool) -> int:
    """Write rows into a file of one's own, a batch at a time, and say how many.

    What stood there is replaced when all of it is written, and not before; a file that could not be finished is
    removed.

    Raises:
        FileExistsError: there is a file, and nobody said that it may be replaced.
        OSError: as the system says.
    """
    file, target = await trio.to_thread.run_sync(_opened, path, overwrite)
    try:
        count = await _copied(file, iter(rows))
        await trio.to_thread.run_sync(file.close)
        if overwrite:
            await trio.to_thread.run_sync(os.replace, target, path)
    except BaseException:
        with contextlib.suppress(OSError):
            file.close()
        with contextlib.suppress(OSError):
            target.unlink()
        raise
    return count


def _opened(path: Path, overwrite: bool) -> tuple[TextIO, Path]:
    """The file to write, and its name: beside the one it is to replace, if it is."""
    if overwrite:
        number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    else:
        number, name = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE), str(path)
    return open(number, "w", encoding="utf-8", errors="replace"), Path(name)


async def _copied(file: TextIO, rows: Iterator[str]) -> int:
    count = 0
    while batch := list(islice(rows, BATCH)):
        await trio.to_thread.run_sync(file.write, "".join(batch))
        count += len(batch)
    return count
