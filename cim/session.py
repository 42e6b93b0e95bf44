"""Who a program is, and how it ends: what `cim send`, `cim tail` and the like have in common.

A program is an ephemeral device: it takes nothing from a `cim chat` of the same account and moves none of its
positions.
"""

import json
import math
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import Any, NamedTuple

import trio

from cim_client import (
    CimError,
    Client,
    Closed,
    Code,
    Event,
    Message,
    OutcomeUnknown,
    Refused,
    Unavailable,
    connect,
    record_of,
)
from cim_client.terminal.display.sanitize import one_line
from cim_client.terminal.login import Account, LoginFailed, ask_terminal, known_accounts

CONNECT_TIMEOUT_S = 15.0


class Exit(IntEnum):
    """How programs end (docs/programs.md); 128 and the number of a signal that ended them."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    UNKNOWN = 3
    UNAVAILABLE = 4
    NOT_LOGGED_IN = 5


class Stopped(Exception):
    """The program ends with a sentence on stderr."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Options(NamedTuple):
    """What all these commands are told. `timeout_s`: how long the cluster may be away; None: what the call takes."""

    command: str
    route: str
    data: str | None
    account: str | None
    register: bool
    as_json: bool
    timeout_s: float | None = None

    @property
    def within_s(self) -> float:
        return math.inf if self.timeout_s is None else self.timeout_s

    def put(self, record: dict[str, Any], text: str) -> None:
        """One line on stdout, at once: a JSON object, or text in which others' control characters are harmless."""
        print(json.dumps(record) if self.as_json else one_line(text), flush=True)

    def put_message(self, message: Message) -> None:
        self.put(record_of(message), line_of(message))

    def complain(self, sentence: str) -> None:
        """A line on stderr."""
        print(f"cim {self.command}: {one_line(sentence)}", file=sys.stderr, flush=True)


class Login(NamedTuple):
    name: str
    tokens: tuple[str, ...]
    password: str | None


Body = Callable[[Client, Options], Awaitable[None]]

LOGIN_REFUSED = frozenset(
    (Code.WRONG_PASSWORD, Code.BAD_PASSWORD, Code.BAD_TOKEN, Code.TOKEN_REFUSED, Code.LOGGED_OUT, Code.BAD_NAME)
)


def run(options: Options, body: Body) -> int:
    """Log in, do it, and say in an exit code how it ended."""
    try:
        try:
            trio.run(_until_signalled, options, who(options), body)
            sys.stdout.flush()
        except BaseExceptionGroup as group:
            raise _first(group) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader has left; Python would complain at exit
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except (Stopped, LoginFailed, CimError, OSError) as error:
        options.complain(str(error))
        return exit_code(error)
    return Exit.OK


def exit_code(error: BaseException) -> int:
    if isinstance(error, Stopped):
        return error.code
    if isinstance(error, LoginFailed) or (isinstance(error, CimError) and error.code in LOGIN_REFUSED):
        return Exit.NOT_LOGGED_IN
    if isinstance(error, OutcomeUnknown):
        return Exit.UNKNOWN
    return Exit.UNAVAILABLE if isinstance(error, Unavailable | Closed | OSError) else Exit.REFUSED


def raise_if_closed(event: Event) -> None:
    """Whoever follows events learns so that the session has ended for good, and why.

    Raises:
        Closed: the event says so.
    """
    if event.kind == "connection" and event.state == "closed":
        raise Closed(event.code, event.text)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = next((one for one in error.exceptions if not isinstance(one, trio.Cancelled)), error.exceptions[0])
    return error


async def _until_signalled(options: Options, login: Login, body: Body) -> None:
    ended_by = 0

    async def watch(scope: trio.CancelScope) -> None:
        nonlocal ended_by
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
            async for number in signals:
                ended_by = number
                scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch, nursery.cancel_scope)
        await _connected(options, login, body)
        nursery.cancel_scope.cancel()
    if ended_by:
        raise Stopped(128 + ended_by, f"ended by {signal.Signals(ended_by).name}")


async def _connected(options: Options, login: Login, body: Body) -> None:
    tokens: list[str | None] = [*login.tokens]
    while True:
        token = tokens.pop(0) if tokens else None
        password = login.password
        if token is None and password is None:
            password = await trio.to_thread.run_sync(ask_terminal, f"Password for {one_line(login.name)}: ")
        entered = False
        try:
            async with connect(
                options.route, name=login.name, token=token, password=password, register=options.register,
                timeout_s=min(options.within_s, CONNECT_TIMEOUT_S),
            ) as me:  # fmt: skip
                entered = True
                await body(me, options)
            return
        except Refused as refused:
            if entered or token is None or refused.code not in LOGIN_REFUSED:
                raise


def who(options: Options) -> Login:
    """The account to act as: the one named, or the only one that `cim chat` keeps on this machine.

    Raises:
        Stopped: it is not clear which.
    """
    name = options.account
    if name is None:
        names = known_accounts(options.data, options.route)
        if len(names) != 1:
            found = (
                f"this machine keeps {', '.join(map(one_line, names))}" if names else "this machine keeps no account"
            )
            raise Stopped(Exit.NOT_LOGGED_IN, f"say who you are with --as NAME or CIM_NAME: {found}")
        (name,) = names
    return Login(name, Account(options.data, options.route, name).tokens(), os.environ.get("CIM_PASSWORD"))


# -- what is printed ---------------------------------------------------------------------------------------


def line_of(message: Message) -> str:
    text = "(recalled)" if message.recalled else message.text
    at = message.time.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return f"{at} {message.conversation} #{message.seq} {message.sender}: {text}"


async def conversation_of(me: Client, to: str | None, group: str | None) -> str:
    """The conversation that --group or a name, "lobby" or an id names."""
    if group is not None:
        return me.group(group).id
    assert to is not None
    return await me.conversation_id(to)
