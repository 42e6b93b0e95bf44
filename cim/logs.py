"""Logging of the programs: one JSON line per event, or lines for people when stderr is a terminal."""

import contextlib
import errno
import logging
import sys
from collections.abc import Iterator
from typing import Any, TextIO

import structlog

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def spared_by_a_full_disk() -> Iterator[None]:
    """Lines that find no space are dropped: a program that serves does not end for its log."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise


class LogStream:
    """A text stream for log lines that survives a full disk."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with spared_by_a_full_disk():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with spared_by_a_full_disk():
            self._stream.flush()


def configure() -> None:
    """Set up structlog, and let what libraries log through it in the same form."""
    interactive = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer() if interactive else structlog.processors.JSONRenderer()
    stream: Any = LogStream(sys.stderr)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=stream)
    # kazoo tells every failed connection attempt; our registry tells the outage once.
    logging.getLogger("kazoo").setLevel(logging.CRITICAL)
