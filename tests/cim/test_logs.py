"""Log lines, and a disk that has no space for them."""

import errno
import io

import pytest

from cim.logs import LogStream, spared_by_a_full_disk


class Full(io.StringIO):
    """A file on a disk in some trouble."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def write(self, text: str) -> int:
        raise OSError(self.number, "no")

    def flush(self) -> None:
        raise OSError(self.number, "no")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_lines_without_space_are_dropped(number: int) -> None:
    stream = LogStream(Full(number))
    assert stream.write("line\n") == 5
    stream.flush()


def test_other_errors_are_told() -> None:
    with pytest.raises(BrokenPipeError), spared_by_a_full_disk():
        raise BrokenPipeError(errno.EPIPE, "nobody reads")


def test_lines_with_space_are_written() -> None:
    inner = io.StringIO()
    stream = LogStream(inner)
    stream.write("line\n")
    stream.flush()
    assert inner.getvalue() == "line\n"
