"""The record of a run: what was measured, how, on what. It is written and read as JSON.

A figure that was not measured is None, never 0. Names end in their unit. Fields may be added to schema 1; a field that
changes its meaning or goes away makes it schema 2. A reader passes over fields that it does not know.
"""

import contextlib
import functools
import json
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from cim.bench import NotMeasured, origin
from cim_common import __version__
from cim_common.build import compiled

SCHEMA = 1


USUAL: Mapping[str, Any] = {"durability": "always", "gather_ms": 0.0}
"""What settings of a cluster are where a result does not name them: older ones did not."""


class BadResult(NotMeasured):
    """What was read is not a result that this version knows; one sentence."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What everything ran on. `engine` is the name and version of Redis; `memory_bytes` all there is."""

    cpu: str
    cores: int
    memory_bytes: int
    kernel: str
    python: str
    engine: str | None = None

    @classmethod
    def here(cls, engine: str | None = None) -> "Machine":
        """This machine. `engine` as in "valkey 9.0.1", None when it is not known."""
        return cls(
            origin.cpu(),
            len(os.sched_getaffinity(0)),
            os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
            f"{platform.system()} {platform.release().partition('-')[0]}",
            f"{platform.python_implementation()} {platform.python_version()}{', compiled' if compiled() else ''}",
            engine,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """Processor time, user and system, of each kind of process, in microseconds for each message, delivery or login.

    `total` is servers + route + Redis; the generator is not in it.
    """

    servers: float | None = None
    route: float | None = None
    redis: float | None = None
    total: float | None = None
    generator: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """A distribution of latencies in milliseconds."""

    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    p99_9: float | None = None
    max: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """From the (intended) moment of sending to the acknowledgement, and to the receiver's reading of the message."""

    ack: Percentiles | None = None
    delivery: Percentiles | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisCost:
    """What Redis did for each message. Commands called by scripts count; `calls_per_message` has them by name."""

    commands_per_message: float | None = None
    bytes_in_per_message: float | None = None
    bytes_out_per_message: float | None = None
    aof_bytes_per_message: float | None = None
    fsyncs_per_message: float | None = None
    memory_bytes_per_message: float | None = None
    calls_per_message: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One point of a curve. Points of the same `series` are joined by a line."""

    x: float
    y: float
    series: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """How a figure grows. `x` and `y` say what the axes are, with units; `flat_within` is the share (0.2 is 20 %) by
    which the values of a series may differ for the curve to count as flat, None when it need not be."""

    name: str
    x: str
    y: str
    points: tuple[Point, ...]
    flat_within: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One run of one benchmark, or several of them in `runs`. Only `benchmark` must be given; what says where, when
    and by which command it ran is found out.

    `settings` are the benchmark's arguments. `seconds` is the measured time, without warming up; figures are of it.
    Counts are of the whole run: of the messages `sent` so many were `acked`, `delivered` reached their receivers (a
    group message counts once for each); `lost`, `duplicates` and `out_of_order` are counted at receivers, `failed` were
    refused or not answered.
    `figures` holds what only one benchmark has, by names that end in their unit; `missing` says why something is None.
    """

    schema: int = SCHEMA
    benchmark: str
    label: str = ""
    at: str = field(default_factory=origin.now)
    command: str = field(default_factory=lambda: origin.said(sys.argv[1:]))
    version: str = __version__
    commit: str | None = field(default_factory=origin.commit)
    machine: Machine = field(default_factory=Machine.here)
    settings: Mapping[str, Any] = field(default_factory=dict)

    seconds: float | None = None
    sent: int | None = None
    acked: int | None = None
    delivered: int | None = None
    lost: int | None = None
    duplicates: int | None = None
    out_of_order: int | None = None
    failed: int | None = None

    rate_per_s: float | None = None
    deliveries_per_s: float | None = None
    logins_per_s: float | None = None
    cpu_us_per_message: Cpu | None = None
    cpu_us_per_delivery: float | None = None
    cpu_us_per_login: Cpu | None = None
    latency_ms: Latency | None = None

    redis: RedisCost | None = None
    messages_per_batch: float | None = None
    system_calls_per_message: Mapping[str, float] | None = None
    bytes_per_connection: float | None = None
    kernel_bytes_per_connection: float | None = None
    event_loop_lag_ms: Mapping[str, float] | None = None
    garbage_collections: Mapping[str, float] | None = None

    figures: Mapping[str, float | None] = field(default_factory=dict)
    floor: Mapping[str, Any] | None = None
    curve: tuple[Curve, ...] = ()
    runs: tuple["Result", ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def wrong(self) -> dict[str, int]:
        """What must not have happened and did, of this run and those in it, by name; empty when its figures count."""
        found: dict[str, int] = {}
        for name in ("lost", "duplicates", "out_of_order", "failed"):
            count = (getattr(self, name) or 0) or sum(run.wrong.get(name, 0) for run in self.runs)
            if count:
                found[name] = count
        return found


REQUIRED = ("schema", "benchmark", "at", "command", "version", "machine")
"""Fields that a record has to have: their defaults are about this machine and now."""


def to_json(result: Result) -> str:
    """Every field, those not measured as null."""
    text: str = _adapter().dump_json(result, indent=2).decode()
    return text + "\n"


def from_json(text: str | bytes) -> Result:
    """The opposite of to_json.

    Raises:
        BadResult: it is no JSON, not a result, or of another schema.
    """
    from pydantic import ValidationError

    try:
        record = json.loads(text)
    except ValueError as error:
        raise BadResult(f"This is not a result of cim bench: it is no JSON ({error}).") from error
    if not isinstance(record, dict) or "schema" not in record:
        raise BadResult("This is not a result of cim bench: it has no schema number.")
    if record["schema"] != SCHEMA:
        raise BadResult(f"This result has schema {record['schema']!r}; this version of cim reads schema {SCHEMA}.")
    absent = [name for name in REQUIRED if name not in record]
    if absent:
        raise BadResult(f"This result has no {absent[0]!r}.")
    try:
        result: Result = _adapter().validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadResult(f"This result is not one that cim bench writes: {place}: {first['msg']}.") from error
    return result


@functools.cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Result)


def write(result: Result, path: Path) -> None:
    """To a file, all at once: whoever reads it finds the old record or the new one.

    Raises:
        OSError: it cannot be written.
    """
    write_text(path, to_json(result))


def write_text(path: Path, text: str) -> None:
    """As `write`, any text."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, path)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise


def read(path: Path) -> Result:
    """From a file.

    Raises:
        BadResult: as from_json, or it cannot be read; the sentence names the file.
    """
    try:
        return from_json(path.read_bytes())
    except OSError as error:
        raise BadResult(f"{path} cannot be read: {error.strerror or error}.") from error
    except BadResult as error:
        raise BadResult(f"{path}: {error}") from error


def field_names() -> list[str]:
    """The fields of a record in their order."""
    return [one.name for one in fields(Result)]
