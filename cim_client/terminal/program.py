"""`cim chat`: log in, open a console, run the session, leave the terminal as it was.

Questions are asked between trio runs, in the main thread (login.py); so a login that needs a password is a first run
that ends with the token refused, a question, and a second run. With a token nobody is waited for: the session begins,
and whether the token is still good shows when there is a connection. What was typed until then is in the data folder,
where the second run finds it.
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
from cim_client import CimError, Client, Code
from cim_client.terminal import login
from cim_client.terminal.chat import Session
from cim_client.terminal.console import Console, PlainConsole
from cim_client.terminal.display.sanitize import one_line
from cim_client.terminal.login import Account, LoginFailed
from cim_client.terminal.options import AS_USUAL, Options

PASSWORD_VARIABLE = "CIM_PASSWORD"

_TOKEN_REFUSED = (Code.BAD_TOKEN, Code.TOKEN_REFUSED, Code.LOGGED_OUT)
_ASK_AGAIN = (Code.WRONG_PASSWORD, Code.BAD_PASSWORD)


Connect = Callable[..., AbstractAsyncContextManager[Client]]
"""`cim_client.connect`, or a double of it."""

CONNECT_TIMEOUT_S = 15.0
"""How long the first connection may take; later ones are tried for ever."""

SLOW_CONNECT_S = 1.0
"""After this we say what we are waiting for."""


MAX_LOST_NAMED = 10
MAX_LOST_CHARACTERS = 60
"""How much is said at the end of messages that were not sent."""


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
    options: Options = AS_USUAL,
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
        if options.store:
            _claim(account)
        failure = _log_in_and_chat(account, options, connect, ask)
    except (LoginFailed, CimError, OSError) as error:
        failure = str(error)
    except (EOFError, KeyboardInterrupt):
        failure = "not logged in"
    if failure is not None:
        _complain(failure)
    return 0 if failure is None else 1


def _complain(sentence: str) -> None:
    print(f"cim chat: {one_line(sentence)}", file=sys.stderr)


def _claim(account: Account) -> None:
    """Where nothing can be written chat goes on without, and says so."""
    try:
        account.claim()
    except OSError as error:
        _complain(f"nothing is kept on this machine: {error}")


def _log_in_and_chat(account: Account, options: Options, connect: Connect, ask: login.Ask) -> str | None:
    token = account.token()
    if token is not None:
        outcome = trio.run(_run, account, Credentials(token=token), options, connect)
        if outcome.refused not in _TOKEN_REFUSED:
            return outcome.failure
    _change_token(account.forget_token)
    for _ in range(login.MAX_TRIES):
        outcome = trio.run(_run, account, _credentials(account, ask), options, connect)
        if outcome.refused not in _ASK_AGAIN or PASSWORD_VARIABLE in os.environ:
            break
        print(one_line(outcome.failure or ""), file=sys.stderr)
    return outcome.failure


def _change_token(change: Callable[[], None]) -> None:
    """One that cannot be written, or removed, costs the next login a question."""
    try:
        change()
    except OSError as error:
        _complain(f"the token file cannot be changed: {error}")


def _credentials(account: Account, ask: login.Ask) -> Credentials:
    password = os.environ.get(PASSWORD_VARIABLE)
    if password is not None:
        return Credentials(password=password, new=True)
    if login.name_taken(account.route, account.name):
        return Credentials(password=login.known_password(account.name, ask))
    return Credentials(password=login.new_password(account.name, ask), new=True)


async def _run(account: Account, credentials: Credentials, options: Options, connect: Connect) -> Outcome:
    """One connection from login to the end. A signal ends it like `:q!`, only without waiting."""
    outcome = Outcome()
    lost: str | None = None
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_leave_at_signal, nursery.cancel_scope)
            connecting = trio.CancelScope()
            nursery.start_soon(_say_when_slow, account.route, connecting)
            try:
                async with _connected(account, credentials, connect) as me:
                    connecting.cancel()
                    nursery.start_soon(_keep_first_token, account, me)
                    try:
                        outcome = await _chat(account, options, me)
                    finally:
                        lost = _not_sent(me)
            except CimError as error:
                outcome = Outcome(str(error), error.code)
            nursery.cancel_scope.cancel()
    except* BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader has left; Python would complain at exit
    return outcome._replace(failure=lost or outcome.failure)


def _not_sent(me: Client) -> str | None:
    """What is in no data folder and ends with us, by its words."""
    lost = [one_line(waiting.text)[:MAX_LOST_CHARACTERS] for waiting in me.waiting() if not waiting.kept]
    if not lost:
        return None
    more = f" and {len(lost) - MAX_LOST_NAMED} more" if len(lost) > MAX_LOST_NAMED else ""
    return "not known to be sent: " + ", ".join(f'"{text}"' for text in lost[:MAX_LOST_NAMED]) + more


async def _leave_at_signal(scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT) as signals:
        async for _ in signals:
            scope.cancel()


async def _say_when_slow(route: str, connecting: trio.CancelScope) -> None:
    with connecting:
        await trio.sleep(SLOW_CONNECT_S)
        print(f"connecting to {one_line(route)} ...", file=sys.stderr)


def _connected(account: Account, credentials: Credentials, connect: Connect) -> AbstractAsyncContextManager[Client]:
    """Without a token somebody has to be there to ask; where nothing is kept, what is typed would be lost."""
    return connect(
        account.route,
        name=account.name,
        password=credentials.password,
        token=credentials.token,
        register=credentials.new,
        data_dir=account.device_folder,
        timeout_s=CONNECT_TIMEOUT_S,
        on_store_failure="memory",
        keep_messages=True,
        wait=credentials.token is None or account.device_folder is None,
    )


async def _keep_first_token(account: Account, me: Client) -> None:
    try:
        await me.ready()
    except CimError:
        return  # the session ends with it, and says why
    _change_token(lambda: account.keep_token(me.token))


async def _chat(account: Account, options: Options, me: Client) -> Outcome:
    seen = os.isatty(0) and os.isatty(1)
    drawn = seen and not options.plain and os.environ.get("TERM", "dumb") != "dumb"
    async with _open_console(drawn, me) as console:
        session = Session(me, console, account.route, seen, options.to)
        await session.run()
    if me.error is not None:
        return Outcome(session.failure, me.error.code)
    if me.token != account.token():
        _change_token(lambda: account.keep_token(me.token))
    return Outcome(session.failure)


@contextlib.asynccontextmanager
async def _open_console(drawn: bool, me: Client) -> AsyncIterator[Console]:
    if not drawn:
        yield PlainConsole()
        return
    from cim_client.terminal.editor.prompt import open_prompt  # prompt_toolkit takes 100 ms, which a pipe need not pay

    async with open_prompt(me.local) as console:
        yield console
