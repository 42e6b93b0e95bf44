"""Records made by hand, as a run would leave them."""

from typing import Any

from cim.bench.results import Cpu, Curve, Latency, Machine, Percentiles, Point, RedisCost, Result

MACHINE = Machine("Imagined <CPU> & Co", 2, 8 << 30, "Linux 6.1", "CPython 3.11.9", "valkey 9.0.1")
SATURATED = {
    "senders": 500, "in_flight": 1, "rate": None, "seconds": 10.0, "warm_up": 2.0, "payload": 100, "generators": 1,
    "repeat": 1, "syscalls": False, "label": "", "servers": 2,
}  # fmt: skip
FLOOR = {"cpu_us_per_message": [{"batch": 1, "value": 200.0}, {"batch": 100, "value": 10.0}]}


def messages(total: float = 30.0, rate: float = 41_234.0, **changes: Any) -> Result:
    """A run of `cim bench messages` at saturation; `total` is the processor time of a message."""
    given: dict[str, Any] = {
        "benchmark": "messages", "at": "2030-01-02T03:04:05+00:00", "command": "cim bench messages",
        "version": "9.9.9", "commit": "0123456789ab", "machine": MACHINE, "settings": SATURATED, "seconds": 10.0,
        "sent": 412_345, "acked": 412_345, "delivered": 412_345, "lost": 0, "duplicates": 0, "out_of_order": 0,
        "failed": 0, "rate_per_s": rate, "deliveries_per_s": rate,
        "cpu_us_per_message": Cpu(servers=total - 10, route=0.0, redis=10.0, total=total, generator=12.0),
        "latency_ms": Latency(
            ack=Percentiles(p50=1.2, p90=2.0, p99=4.0, p99_9=9.0, max=15.0),
            delivery=Percentiles(p50=1.5, p90=2.5, p99=5.0, p99_9=10.0, max=20.0),
        ),
        "redis": RedisCost(commands_per_message=7.1), "messages_per_batch": 100.0, "floor": FLOOR,
        "figures": {"generator_us_per_delivery": 12.0},
    }  # fmt: skip
    return Result(**given | changes)


def lossy() -> Result:
    """A run that lost messages and, against its duty, still names figures."""
    return messages(total=1.0, rate=99_999.0, acked=412_345, delivered=412_342, lost=3)


def open_loop(rate: float, p50: float, p99: float, total: float = 200.0) -> Result:
    delivery = Percentiles(p50=p50, p90=p50 * 1.5, p99=p99, p99_9=p99 * 2, max=p99 * 3)
    return messages(
        total, rate, settings=SATURATED | {"rate": rate}, latency_ms=Latency(ack=delivery, delivery=delivery)
    )


def growth() -> Result:
    points = tuple(Point(x=x, y=y, series="CPU") for x, y in ((100, 30.0), (1_000, 31.0), (15_000, 33.0)))
    curve = Curve(
        name="cost against connections", x="connections", y="CPU, µs a message", points=points, flat_within=0.2
    )
    return Result(benchmark="growth", at="2030-01-02T03:04:05+00:00", machine=MACHINE, commit=None, curve=(curve,))


def everything() -> Result:
    """A record of `cim bench all`."""
    runs = (messages(), open_loop(500, 1.1, 4.5), open_loop(5_000, 1.6, 4.9), growth())
    return Result(
        benchmark="all", at="2030-01-02T03:04:05+00:00", command="cim bench all", version="9.9.9",
        commit="0123456789ab", machine=MACHINE, runs=runs,
    )  # fmt: skip
