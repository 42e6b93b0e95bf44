"""Logging of the programs: one JSON line per event, or lines for people when stderr is a terminal."""

import logging
import sys

import structlog


def configure() -> None:
    """Set up structlog, and let what libraries log through it in the same form."""
    interactive = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer() if interactive else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    # kazoo tells every failed connection attempt; our registry tells the outage once.
    logging.getLogger("kazoo").setLevel(logging.CRITICAL)
