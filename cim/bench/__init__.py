"""Measures a cluster and checks it while it does: see docs/bench.md."""


class NotMeasured(Exception):
    """What was asked for cannot be measured or compared; one sentence that says why."""


def failures() -> tuple[type[Exception], ...]:
    """What a benchmark raises when it cannot be made here; anything else is a mistake of ours, and ends everything."""
    import redis

    return NotMeasured, redis.RedisError, OSError
