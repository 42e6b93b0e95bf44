"""Which build this is."""

from importlib.util import find_spec


def compiled() -> bool:
    """Whether the message path is compiled; `setup.py` names its modules."""
    spec = find_spec("cim_common.wire.codec")
    return spec is not None and spec.origin is not None and not spec.origin.endswith(".py")
