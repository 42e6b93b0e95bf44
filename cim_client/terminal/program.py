"""`cim chat`: log in, open a console, run the session, leave the terminal as it was.

Questions are asked between trio runs, in the main thread (login.py); so a login that needs a password is a first run
that ends with the token refused, a question, and a second run.
"""

import contextlib
import io
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

import trio

import cim_client
from cim_client.client import Client
from cim_client.errors import CimError
from cim_client.terminal import login
from cim_client.terminal.chat import Session
from cim_client.terminal.console import Console, PlainConsole
from cim_client.terminal.login import Account, LoginFailed
from cim_client.terminal.sanitize import one_line
from cim_common.wire.codes import Code

PASSWORD_VARIABLE = "CIM_PASSWORD"

_TOKEN_REFUSED = (Code.BAD_TOKEN, Code.TOKEN_REFUSED, Code.LOGGED_OUT)
_ASK_AGAIN = (Code.WRONG_PASSWORD, Code.BAD_PASSWORD)


Connect = Callable[..., AbstractAsyncContextManager[Client]]
"""`cim_client.connect`, or a double of it."""

CONNECT_TIMEOUT_S = 15.0
"""How long the first connection may take; later ones are tried for ever."""

SLOW_CONNECT_S = 1.0
"""After this we say what we are waiting for."""


class Credentials(NamedTuple):
    """What to log in with: the token of an earlier login, or a password; `new`: make the account if there is none."""

    token: str | None = None
    password: str | None = None
    new: bool = False


class Outcome(NamedTuple):
    """How a run ended: well, or with a sentence, and the code if it was the login that failed."""

    failure: str | None = None
    refused: int | None = None


def run(
    name: str,
    route: str = "http://127.0.0.1:8083",
    data_dir: str | None = None,
    connect: Connect = cim_client.connect,
    ask: login.Ask = login.ask_terminal,
) -> int:
    """Chat as `name` until the user leaves; the process's exit code: 0, or 1 after one sentence on stderr.

    `data_dir` is the user's data folder; None: `cim` in the XDG data folder.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        account = Account(data_dir, route, name)
        account.claim()
        failure = _log_in_and_chat(account, connect, ask)
    except (LoginFailed, OSError) as error:
        failure = str(error)
    except (EOFError, KeyboardInterrupt):
        failure = "not logged in"
    if failure is not None:
        print(f"cim chat: {one_line(failure)}", file=sys.stderr)
    return 0 if failure is None else 1


def _log_in_and_chat(account: Account, connect: Connect, ask: login.Ask) -> str | None:
    token = account.token()
    if token is not None and login.name_taken(account.route, account.name):
        outcome = trio.run(_run, account, Credentials(token=token), connect)
        if outcome.refused not in _TOKEN_REFUSED:
            return outcome.failure
    account.forget_token()
    for _ in range(login.MAX_TRIES):
        outcome = trio.run(_run, account, _credentials(account, ask), connect)
        if outcome.refused not in _ASK_AGAIN or PASSWORD_VARIABLE in os.environ:
            break
        print(one_line(outcome.failure or ""), file=sys.stderr)
    return outcome.failure


def _credentials(account: Account, ask: login.Ask) -> Credentials:
    password = os.environ.get(PASSWORD_VARIABLE)
    if password is not None:
        return Credentials(password=password, new=True)
    if login.name_taken(account.route, account.name):
        return Credentials(password=login.known_password(account.name, ask))
    return Credentials(password=login.new_password(account.name, ask), new=True)


async def _run(account: Account, credentials: Credentials, connect: Connect) -> Outcome:
    """One connection from login to the end. A signal ends it like `:q!`, only without waiting."""
    outcome = Outcome()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_leave_at_signal, nursery.cancel_scope)
            connecting = trio.CancelScope()
            nursery.start_soon(_say_when_slow, account.route, connecting)
            outcome = await _connected(account, credentials, connect, connecting)
            nursery.cancel_scope.cancel()
    except* BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader has left; Python would complain at exit
    return outcome


async def _leave_at_signal(scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async for _ in signals:
            scope.cancel()


async def _say_when_slow(route: str, connecting: trio.CancelScope) -> None:
    with connecting:
        await trio.sleep(SLOW_CONNECT_S)
        print(f"connecting to {one_line(route)} ...", file=sys.stderr)


async def _connected(
    account: Account, credentials: Credentials, connect: Connect, connecting: trio.CancelScope
) -> Outcome:
    try:
        async with connect(
            account.route,
            name=account.name,
            password=credentials.password,
            token=credentials.token,
            register=credentials.new,
            data_dir=account.device_folder,
            timeout_s=CONNECT_TIMEOUT_S,
        ) as me:
            connecting.cancel()
            account.keep_token(me.token)
            interactive = os.isatty(0) and os.isatty(1) and os.environ.get("TERM", "dumb") != "dumb"
            async with _open_console(interactive) as console:
                session = Session(me, console, account.route, interactive)
                await session.run()
            return Outcome(session.failure)
    except CimError as error:
        return Outcome(str(error), error.code)


@contextlib.asynccontextmanager
async def _open_console(interactive: bool) -> AsyncIterator[Console]:
    if not interactive:
        yield PlainConsole()
        return
    from cim_client.terminal.prompt import open_prompt  # prompt_toolkit takes 100 ms, which a pipe need not pay

    async with open_prompt() as console:
        yield console
