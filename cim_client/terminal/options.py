"""How `cim chat` is asked to run."""

from typing import NamedTuple

from cim_client import LOBBY


class Options(NamedTuple):
    """What the command line says.

    `to`: whom text goes to at the beginning. `plain`: lines in, lines out. `store`: whether anything is kept here.
    """

    to: str = LOBBY
    plain: bool = False
    store: bool = True


AS_USUAL = Options()
