"""What an IM server tells of itself at GET /metrics: each queue of docs/operations.md, and how busy it is."""

import gc
import time
from collections import Counter
from typing import TYPE_CHECKING

from cim_common.metrics import Number
from cim_common.wire.codes import code_of
from cim_server.pump import SLOW_S

if TYPE_CHECKING:
    from cim_server.app import App


class Collections:
    """Counts the garbage collections of this process, by generation, and the time they took, during which all waits."""

    def __init__(self) -> None:
        self.counts = [0, 0, 0]
        self.seconds = 0.0
        self._began = 0.0

    def start(self) -> None:
        """Count from now on."""
        gc.callbacks.append(self._seen)

    def stop(self) -> None:
        gc.callbacks.remove(self._seen)

    def _seen(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
            return
        self.seconds += time.perf_counter() - self._began
        self.counts[info["generation"]] += 1


def numbers(app: "App") -> list[Number]:
    """The metrics of one server run."""
    commit, sessions, conversations = app.commit, app.sessions, app.conversations

    def closed() -> dict[str, float]:
        return {code_of(code).name: count for code, count in app.pump.closed.items()}

    def links() -> dict[str, float]:
        return {link.name: link.waiting for link in (app.commit_link, app.read_link, app.push_reader.link)}

    def early() -> int:
        return sum(len(held.early or ()) for held in conversations.held())

    def slow_passes() -> dict[str, float]:
        return {f"{bound:g}": count for bound, count in zip(SLOW_S, app.pump.slow, strict=True)}

    def collections() -> dict[str, float]:
        return {str(generation): count for generation, count in enumerate(app.collections.counts)}

    return [
        Number("cim_gather_seconds", "--gather-ms, in seconds", lambda: app.pump.gather_s),
        Number("cim_connections", "clients logged in", lambda: len(sessions)),
        Number("cim_conversations", "conversations held", lambda: len(conversations)),
        Number("cim_closed_total", "connections closed, by reason", closed, "code"),
        Number("cim_appends_waiting", "appends waiting for a batch", lambda: commit.waiting),
        Number("cim_appends_waiting_bytes", "bytes of those", lambda: commit.waiting_bytes),
        Number("cim_appends_refused_total", "appends refused or expired while waiting", lambda: commit.refused),
        Number("cim_batches_total", "batches written", lambda: commit.batches),
        Number("cim_appended_total", "entries appended", lambda: commit.appended),
        Number("cim_unanswered_sends", "sends a client waits for", lambda: sum(_unanswered(app).values())),
        Number("cim_outbox_bytes", "bytes that connections have not taken yet", lambda: _outboxes(app)),
        Number("cim_early_entries", "entries held behind a gap", early),
        Number("cim_store_replies_waiting", "pipelines without a reply, by link", links, "link"),
        Number("cim_doorbells_total", "doorbells read", lambda: app.push_reader.doorbells),
        Number("cim_doorbells_lost_total", "times some may have been lost", lambda: app.push_reader.losses),
        Number("cim_repaired_total", "conversations found behind by anti-entropy", lambda: app.anti_entropy.repaired),
        Number("cim_sessions_unreleased", "ended sessions the store does not know of", lambda: sessions.unreleased),
        Number("cim_sessions_releasing", "ended sessions being told to the store", lambda: sessions.releasing),
        Number("cim_whispers_waiting", "signals gathered", lambda: app.whispers.waiting),
        Number("cim_whispers_dropped_total", "signals dropped", lambda: app.whispers.dropped),
        Number("cim_read_marks_waiting", "read marks gathered", lambda: app.receipts.waiting),
        Number("cim_presence_waiting", "comings and goings not told yet", lambda: app.presence.waiting),
        Number("cim_leases_total", "parts of users' budgets leased", lambda: app.budgets.leases),
        Number("cim_budgets_kept", "budgets of users, connected or remembered", lambda: app.budgets.kept),
        Number("cim_retention_waiting", "conversations with more to remove", lambda: app.retention.waiting),
        Number("cim_retention_removed_total", "entries removed", lambda: app.retention.removed),
        Number("cim_scheduled_sending", "scheduled messages being sent", lambda: app.scheduling.sending),
        Number("cim_http_connections", "connections to this port", lambda: app.http_slots.borrowed_tokens),
        Number("cim_passes_total", "passes of the event loop", lambda: app.pump.passes),
        Number("cim_busy_seconds_total", "time spent in them", lambda: app.pump.busy_s),
        Number("cim_slow_passes_total", "those longer than so many seconds", slow_passes, "above"),
        Number("cim_longest_pass_seconds", "the longest of those", lambda: app.pump.longest_pass_s),
        Number("cim_collections_total", "garbage collections", collections, "generation"),
        Number("cim_collecting_seconds_total", "time they took", lambda: app.collections.seconds),
    ]


def _unanswered(app: "App") -> Counter[str]:
    found: Counter[str] = Counter()
    for session in app.sessions.all():
        found.update(session.unanswered or {})
    return found


def _outboxes(app: "App") -> int:
    return sum(session.channel.output_bytes for session in app.sessions.all())
