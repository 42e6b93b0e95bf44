"""Times as people type them."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim_client.terminal.commands import times
from cim_client.terminal.commands.times import When


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def now() -> datetime:
    return datetime(2026, 3, 28, 12, 0).astimezone()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h30m", 5_400), ("2D", 172_800), ("10", None), ("m", None), ("", None), ("1w", None)],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert times.duration_s(text) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"), [("5", 5), ("0.5", 0.5), ("0", None), ("-1", None), ("nan", None), ("inf", None), ("٣", None)]
)
def test_seconds(text: str, seconds: float | None) -> None:
    assert times.seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("in 10m", When(in_s=600.0)),
        ("at 18:00", When(at=datetime.fromisoformat("2026-03-28T18:00+01:00"))),
        ("at 9:30", When(at=datetime.fromisoformat("2026-03-29T09:30+02:00"))),
        ("at 12:00", When(at=datetime.fromisoformat("2026-03-29T12:00+02:00"))),
        ("at 2026-12-01 18:00", When(at=datetime.fromisoformat("2026-12-01T18:00+01:00"))),
        ("at 2026-12-01", When(at=datetime.fromisoformat("2026-12-01T00:00+01:00"))),
        ("at 2026-02-30 18:00", None),
        ("at 24:00", None),
        ("at noon", None),
        ("in 0m", None),
        ("in soon", None),
        ("on monday", None),
    ],
)
def test_when(text: str, when: When | None) -> None:
    assert times.when(text, now()) == when


@given(st.text() | st.from_regex(r"(at|in) [0-9:\- dhms]{0,20}"))
def test_anything_is_a_time_or_not(text: str) -> None:
    found = times.when(text, now())
    assert found is None or (found.in_s or 0) > 0 or found.at is not None


def test_a_moment_that_is_over_is_not_moved_where_the_day_was_said() -> None:
    assert times.next_moment("2026-03-27 18:00", now()) == now() - timedelta(hours=18)
