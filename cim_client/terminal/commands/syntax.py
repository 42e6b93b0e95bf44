"""The form of a command: its names, its arguments, and how a typed line is read by them. No I/O.

Who completes what is typed, who prints help and who reads a line all look at the same `Command`.
"""

import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Literal, NamedTuple

Kind = Literal[
    "user",
    "group",
    "conversation",
    "message",
    "emoji",
    "command",
    "setting",
    "value",
    "role",
    "number",
    "file",
    "word",
    "text",
]
"""What an argument means, which is what may be completed for it. A "text" is all that is left of the line."""


class Wrong(Exception):
    """What was typed is not understood; `hint` is one line that says what would be."""

    def __init__(self, hint: str) -> None:
        super().__init__(hint)
        self.hint = hint


class Argument(NamedTuple):
    """One argument as usage lines show it: `NAME`, `[N]` may be left out, `NAME...` are one or more, `text` the rest.

    `choices`, where there are any, are the words it may be.
    """

    form: str
    kind: Kind = "word"
    choices: tuple[str, ...] = ()

    @property
    def optional(self) -> bool:
        return self.form.startswith("[")

    @property
    def many(self) -> bool:
        return self.form.rstrip("]").endswith("...")


Run = Callable[..., Awaitable[None]]
"""An action: gets the context and a value for each argument that was given."""

Read = Callable[[str], "tuple[Any, ...] | None"]
"""Reads what follows a command's name where a list of arguments cannot say the form; None if it has not that form."""


class Command(NamedTuple):
    """A row of the registry.

    `names`: the first is the one shown; `:name` and `/name` are the same. A name may be two words (`/group create`).
    `sends`: others would see it, so it is not done while one talks to the AI.
    `at_once`: what is typed after it is not looked at before it is done, for it says where that goes.
    `patience_s`: how long it may take.
    """

    names: tuple[str, ...]
    arguments: tuple[Argument, ...]
    meaning: str
    section: str
    run: Run
    read: Read | None = None
    sends: bool = False
    at_once: bool = False
    patience_s: float = 10.0

    @property
    def form(self) -> str:
        return " ".join(argument.form for argument in self.arguments)

    @property
    def usage(self) -> str:
        return f"{self.names[0]} {self.form}".rstrip()

    def values(self, text: str) -> tuple[Any, ...] | None:
        """The values of the arguments in what follows the name; None if it has another form.

        Raises:
            Wrong: it has the form, and there is more to say.
        """
        return self.read(text) if self.read is not None else _values(self.arguments, text)


def word(text: str) -> tuple[str, str]:
    """The first word of a text, in double quotes where it holds blanks, and what follows behind one blank."""
    match = re.match(r'\s*(?:"([^"]*)"(?=\s|$)|(\S+))\s?', text)
    if match is None:
        return "", ""
    return match[1] if match[1] is not None else match[2], text[match.end() :]


def words(text: str) -> Iterator[str]:
    while text.strip():
        first, text = word(text)
        yield first


def _values(arguments: tuple[Argument, ...], text: str) -> tuple[Any, ...] | None:
    values: list[Any] = []
    for argument in arguments:
        if not text.strip():
            return tuple(values) if argument.optional else None
        if argument.kind == "text":
            return (*values, text)
        if argument.many:
            return (*values, list(words(text)))
        first, text = word(text)
        value = _value(argument, first)
        if value is None:
            return None
        values.append(value)
    return None if text.strip() else tuple(values)


def _value(argument: Argument, text: str) -> str | int | None:
    if not text or (argument.choices and text not in argument.choices):
        return None
    if argument.kind != "number":
        return text
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None
