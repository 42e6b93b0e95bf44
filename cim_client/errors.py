"""What the SDK raises: one family, each error with a numbered code and a sentence."""

from cim_common.wire.codes import Code


class CimError(Exception):
    """Something the caller has to know. `code` is a number of `cim_common.wire.codes.Code`.

    `seq` says where the thing in question stands, with the codes that mean "it is there already" (ALREADY_SENT).
    """

    def __init__(self, code: int, message: str = "", seq: int = 0) -> None:
        self.code = _known(code)
        self.seq = seq
        super().__init__(message or (self.code.sentence if isinstance(self.code, Code) else f"Code {code}."))


class Refused(CimError):
    """The request was refused for good; a message refused was never stored and never will be."""


class OutcomeUnknown(CimError):
    """A message was given up: it may have been stored or not, and is not tried again."""

    def __init__(self, message: str = "No answer in time; the message may have been stored.") -> None:
        super().__init__(Code.OUTCOME_UNKNOWN, message)


class Closed(CimError):
    """The client has ended, by itself or because it was told to (`code`)."""


class Unavailable(CimError):
    """Nobody answered in time; trying again later may help. `after_s`: how long to wait first, 0 if nobody said."""

    def __init__(self, code: int, message: str = "", after_s: float = 0.0) -> None:
        super().__init__(code, message)
        self.after_s = after_s


def is_final(code: int) -> bool:
    """Whether it was refused for good: asking again brings the same answer."""
    return 1000 <= code < 2000


def is_passing(code: int) -> bool:
    """Whether asking again later may help."""
    return 2000 <= code < 3000


def _known(code: int) -> int:
    try:
        return Code(code)  # type: ignore[call-arg]
    except ValueError:
        return code
