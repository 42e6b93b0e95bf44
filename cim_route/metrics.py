"""What route tells of itself at GET /metrics: each of its queues (docs/operations.md)."""

from flask import Blueprint, Response

from cim_common.metrics import CONTENT_TYPE, Number, text_of
from cim_route.parts import Parts


def blueprint(parts: Parts) -> Blueprint:
    """`/metrics`, for a machine that reads numbers: no part of the API's description."""
    made = Blueprint("metrics", __name__)
    shown = [
        Number("cim_route_appends_waiting", "appends waiting for a batch", lambda: parts.acceptor.waiting),
        Number("cim_route_passwords_waiting", "passwords being hashed or waiting", lambda: parts.passwords.admitted),
        Number("cim_route_events_waiting", "requests waiting for events", lambda: parts.watcher.count),
        Number("cim_route_budgets_kept", "budgets of users", lambda: parts.budgets.kept),
    ]

    @made.get("/metrics")
    def metrics() -> Response:
        return Response(text_of(shown), content_type=CONTENT_TYPE)

    return made
