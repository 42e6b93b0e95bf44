"""Which build this is, and how it starts programs of its own."""

import sys
from importlib.machinery import ExtensionFileLoader
from importlib.util import find_spec
from pathlib import Path


def compiled() -> bool:
    """Whether the message path is compiled; `setup.py` names its modules."""
    spec = find_spec("cim_common.wire.codec")
    return spec is not None and isinstance(spec.loader, ExtensionFileLoader)


def program(module: str) -> list[str]:
    """The command for a module of this build, also where another one lies in the current folder, as in a checkout."""
    try:
        is_here = Path(__file__).parents[1] == Path.cwd()
    except FileNotFoundError:  # the current folder has been removed
        is_here = False
    return [sys.executable, *([] if is_here else ["-P"]), "-m", module]
