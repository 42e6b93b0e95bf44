"""Metrics as Prometheus reads them: numbers that parts keep as plain ints, read when somebody asks.

Nothing on the path of a message knows of this module; the text is that of the exposition format 0.0.4
(prometheus.io/docs/instrumenting/exposition_formats).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Number(NamedTuple):
    """One metric: its name, what it says, how it is read. A name that ends in `_total` counts upwards.

    With a `label`, `read` gives a number for each of its values.
    """

    name: str
    says: str
    read: Callable[[], float | Mapping[str, float]]
    label: str = ""


def text_of(numbers: Iterable[Number]) -> str:
    """All of them now, as text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Read(numbers))
    return generate_latest(registry).decode()


class _Read(Collector):
    def __init__(self, numbers: Iterable[Number]) -> None:
        self._numbers = numbers

    def collect(self) -> Iterable[Metric]:
        for name, says, read, label in self._numbers:
            family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            made = family(name.removesuffix("_total"), says, labels=[label] if label else None)
            found = read()
            for value, number in found.items() if isinstance(found, Mapping) else [("", found)]:
                made.add_metric([value] if label else [], number)
            yield made
