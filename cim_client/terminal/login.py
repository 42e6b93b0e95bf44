"""Who one is: the account's folder, its token file, and asking for a password.

Everything here runs before the chat starts, in the main thread and outside trio: `getpass` has to own Ctrl-C, or the
terminal would stay without echo.
"""

import contextlib
import fcntl
import getpass
import hashlib
import http.client
import json
import os
import re
import signal
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

from cim_client import unsent
from cim_client.terminal.display.sanitize import one_line, shown_name

TOKEN_FILE = "token"
NAME_FILE = "account.json"

MAX_DEVICES = 20
"""As many as a user may have."""

MAX_TRIES = 3
"""Times a password is asked for before we give up."""

ROUTE_TIMEOUT_S = 5.0
_MAX_ANSWER_BYTES = 65_536

Ask = Callable[[str], str]
"""Shows a prompt and returns what was typed without showing it; EOFError when nobody can be asked."""


class LoginFailed(Exception):
    """No login; the message is one sentence for the user."""


class Account:
    """What this machine keeps of one account at one route: 0700 folders, one per device, each with its token (0600).

    A token belongs to a device, and a device to one program at a time: a second `cim chat` of the same account, opened
    beside the first, is another device with another token. `claim` finds the first that is free and keeps it until the
    process ends, one that a chat has left with something to send before others; the SDK keeps its own file in the same
    folder. Names never become paths: a folder is named by a hash,
    after a readable beginning of harmless characters.

    Without `claim` nothing is written: `device_folder` is None, and the tokens of the account's devices are only read.
    """

    def __init__(self, data_dir: str | None, route: str, name: str) -> None:
        self.route = route.rstrip("/")
        self.name = name
        readable = re.sub(r"[^0-9a-z]+", "-", name.lower())[:20].strip("-") or "user"
        digest = hashlib.sha256(f"{self.route}\n{name}".encode(errors="surrogateescape")).hexdigest()
        self.folder = (Path(data_dir) if data_dir else default_data_dir()) / "chat" / f"{readable}-{digest[:16]}"
        self.device_folder: Path | None = None

    def claim(self) -> None:
        """Raises LoginFailed when all devices are in use, OSError when the folder cannot be written, CimError when the
        route is no address."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(self.folder / NAME_FILE, json.dumps({"route": self.route, "name": self.name}))
        for device in self._devices():
            device.mkdir(mode=0o700, exist_ok=True)
            lock = os.open(device / "lock", os.O_CREAT | os.O_RDWR, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            self.device_folder, self._lock = device, lock
            return
        raise LoginFailed(f"{MAX_DEVICES} chats of {shown_name(self.name)} are open on this machine")

    def _devices(self) -> list[Path]:
        """Their folders, whether they are there or not, in the order they are to be tried."""
        devices = [self.folder / str(index) for index in range(MAX_DEVICES)]
        there = [device for device in devices if device.exists()]
        if len(there) < 2:
            return devices
        first = [device for device in there if unsent(self.route, name=self.name, data_dir=device)]
        return [*first, *(device for device in devices if device not in first)]

    def release(self) -> None:
        os.close(self._lock)

    def token(self) -> str | None:
        """Of the device claimed; without one, that of any device."""
        if self.device_folder is None:
            return next(iter(self.tokens()), None)
        return _read(self.device_folder / TOKEN_FILE)

    def tokens(self) -> tuple[str, ...]:
        """Tokens of all devices kept here: each lets one in as another device, too, while its own is in use."""
        return tuple(filter(None, map(_read, sorted(self.folder.glob(f"*/{TOKEN_FILE}")))))

    def keep_token(self, token: str) -> None:
        """Raises OSError when it cannot be written; the one before is then still there."""
        if self.device_folder is not None:
            _write(self.device_folder / TOKEN_FILE, token + "\n")

    def forget_token(self) -> None:
        """Raises OSError when it cannot be removed."""
        if self.device_folder is not None:
            (self.device_folder / TOKEN_FILE).unlink(missing_ok=True)


def _read(path: Path) -> str | None:
    """A token; None if there is none, or what is there cannot be one."""
    try:
        return path.read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _write(path: Path, text: str) -> None:
    """Replace a file in one step; it is readable by its owner only from the first moment.

    One that holds the text already is left as it is, for a disk may be full.
    """
    if path.exists() and path.read_bytes() == text.encode("ascii"):
        return
    descriptor, made = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
        os.replace(made, path)
    except OSError:
        os.unlink(made)
        raise


def known_accounts(data_dir: str | None, route: str) -> list[str]:
    """Names of the accounts at that route of which this machine keeps a token."""
    names = set()
    for path in ((Path(data_dir) if data_dir else default_data_dir()) / "chat").glob(f"*/{NAME_FILE}"):
        try:
            kept = json.loads(path.read_text(encoding="ascii"))
            if kept["route"] == route.rstrip("/") and any(path.parent.glob(f"*/{TOKEN_FILE}")):
                names.add(str(kept["name"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # half written, by a chat that starts just now
    return sorted(names)


def default_data_dir() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "cim"


def name_taken(route: str, name: str) -> bool:
    """Whether to ask for the password of an account or for a new one. Raises LoginFailed with the route's sentence."""
    url = f"{route}/v1/names/{urllib.parse.quote(name, safe='', errors='surrogateescape')}"
    try:
        with urllib.request.urlopen(url, timeout=ROUTE_TIMEOUT_S) as answer:
            return bool(json.loads(answer.read(_MAX_ANSWER_BYTES))["taken"])
    except urllib.error.HTTPError as error:
        raise LoginFailed(_problem(error)) from error
    except (OSError, http.client.HTTPException) as error:
        hint = "start a cluster with `cim up`, or name another route"
        raise LoginFailed(f"the route {route} does not answer ({_reason(error)}): {hint}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise LoginFailed(f"what answers at {route} is not a CIM route") from error


def _problem(error: urllib.error.HTTPError) -> str:
    """The sentence of a problem document (RFC 9457), else what HTTP says."""
    try:
        problem = json.loads(error.read(_MAX_ANSWER_BYTES))
        return one_line(str(problem.get("detail") or problem["title"]))
    except (ValueError, KeyError, AttributeError, OSError):
        return f"the route answered {error.code} {one_line(error.reason)}"


def _reason(error: Exception) -> str:
    cause = getattr(error, "reason", error)
    return one_line(getattr(cause, "strerror", None) or str(cause))


def known_password(name: str, ask: Ask) -> str:
    return ask(f"Password for {shown_name(name)}: ")


def new_password(name: str, ask: Ask) -> str:
    """A password typed twice the same. Raises LoginFailed after `MAX_TRIES`."""
    prompt = f"{shown_name(name)} is a new name. Choose a password: "
    for _ in range(MAX_TRIES):
        password = ask(prompt)
        if ask("The same again: ") == password:
            return password
        prompt = "The two differ. Choose a password: "
    raise LoginFailed("no password was chosen")


def ask_terminal(prompt: str) -> str:
    """Ask at the controlling terminal, even when stdin is a pipe.

    A pipe is never asked: whether its first line is a password would depend on the token file being there, and a
    password taken for a message would go to everyone. CIM_PASSWORD is the way for scripts.
    """
    if not _has_terminal():
        raise LoginFailed("there is no terminal to ask for the password: set CIM_PASSWORD")
    with _terminable():
        return getpass.getpass(prompt)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return os.isatty(0)
    return True


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM unwinds the stack, so that getpass puts the terminal's echo back."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
