"""Times as people type them, in the zone of this machine: `18:00`, `2026-12-01 18:00`, `10m`. No I/O."""

import re
from datetime import datetime, timedelta
from typing import NamedTuple

_UNITS_S = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:[0-9]{1,6}[dhms])+", re.ASCII | re.IGNORECASE)


class When(NamedTuple):
    """In some seconds, or at a time; exactly one of them."""

    in_s: float | None = None
    at: datetime | None = None


def duration_s(text: str) -> float | None:
    """`90s`, `10m`, `1h30m`, `2d` in seconds; None if it is none of these."""
    if not _DURATION.fullmatch(text):
        return None
    parts = re.findall(r"([0-9]+)([dhms])", text.lower())
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)


def seconds(text: str) -> float | None:
    """A number of seconds above 0; None if it is none."""
    if not re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,3})?", text, re.ASCII):
        return None
    return float(text) or None


def moment(text: str, now: datetime) -> datetime | None:
    """`2026-12-01`, `2026-12-01 18:00`, or `18:00` on the day of `now`, in its zone; None if it is none of these."""
    for form in ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, form).astimezone(now.tzinfo)
        except (ValueError, OverflowError, OSError):
            continue
    match = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", text, re.ASCII)
    if match is None:
        return None
    return _local(now.replace(tzinfo=None, hour=int(match[1]), minute=int(match[2]), second=0, microsecond=0))


def next_moment(text: str, now: datetime) -> datetime | None:
    """The same, with a time of day that is over meaning tomorrow's."""
    found = moment(text, now)
    if found is not None and ":" in text and "-" not in text and found <= now:
        return _local(found.replace(tzinfo=None) + timedelta(days=1))
    return found


def _local(naive: datetime) -> datetime:
    """With the zone's offset at that time, which summer time may have changed by then."""
    return naive.astimezone()


def when(text: str, now: datetime) -> When | None:
    """`in 10m`, `at 18:00`, `at 2026-12-01 18:00`; None if it is none of these."""
    how, _, rest = text.partition(" ")
    if how == "in" and (wait_s := duration_s(rest.strip())):
        return When(in_s=wait_s)
    if how == "at" and (at := next_moment(" ".join(rest.split()), now)) is not None:
        return When(at=at)
    return None
