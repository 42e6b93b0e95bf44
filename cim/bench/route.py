"""`cim bench route`: messages sent over HTTP, each with an Idempotency-Key, over connections that are kept.

Senders are pairs who write to each other, as in `cim bench messages`; each sends its next message when the last was
answered. Afterwards every conversation is read back through the same API: what was accepted has to stand there once, at
the seq that was answered, and a sender's messages in the order it sent them.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import NamedTuple

from cim.bench import accounts
from cim.bench.accounts import Account, Api
from cim.bench.callers import crew as callers
from cim.bench.callers.crew import Outcome, Stretch
from cim.bench.callers.exchanges import text_of
from cim.bench.logins import percentiles
from cim.bench.measuring import told_by
from cim.bench.results import Cpu, Latency, RedisCost, Result
from cim.bench.target import Target
from cim_common import ids

Progress = Callable[[str], None]

PAGE = 200


@dataclass(frozen=True, slots=True)
class Settings:
    """`at_once` requests are on their way at any time, on behalf of `senders` users; texts have `payload` bytes."""

    seconds: float = 10.0
    warm_up: float = 1.0
    at_once: int = 16
    senders: int = 64
    payload: int = 100
    generators: int = 1


class Faults(NamedTuple):
    """What must not be found in the logs."""

    lost: int = 0
    duplicates: int = 0
    out_of_order: int = 0


def run(target: Target, settings: Settings, progress: Progress = lambda text: None) -> Result:
    """Measure, read everything back, and say what was found; without figures when something was wrong.

    Raises:
        AccountsError, GeneratorError: nothing could be measured.
    """
    people = accounts.make(target, settings.senders, progress=progress)
    run_id = accounts.fresh_prefix()
    conversations = [ids.direct(one.user, people[(index ^ 1) % len(people)].user) for index, one in enumerate(people)]
    subjects = [
        callers.subject(
            target, account._replace(password=None), index=index, conversation=conversation, run=run_id,
            payload=settings.payload,
        )
        for index, (account, conversation) in enumerate(zip(people, conversations, strict=True))
    ]  # fmt: skip
    with callers.crew("send", subjects, settings.at_once, settings.generators) as crew:
        stretch = callers.measure(crew, target, settings.seconds, settings.warm_up, progress)
        outcome = crew.stop()
    progress("reading back what was accepted")
    faults = read_back(target, people, conversations, outcome.shown, settings.payload)
    return _result(target, settings, stretch, outcome, faults)


def read_back(
    target: Target, people: Sequence[Account], conversations: Sequence[str], seqs: Sequence[Sequence[int]], payload: int
) -> Faults:
    """Compare what each sender was answered (the seq of each of its messages, 0: not accepted) with the logs."""
    lost = duplicates = out_of_order = 0
    with Api(target.route) as api:
        for conversation in dict.fromkeys(conversations):
            senders = [index for index, other in enumerate(conversations) if other == conversation]
            log = _log(api, people[senders[0]].token, conversation)
            times = Counter(log.values())
            duplicates += sum(count - 1 for count in times.values())
            for index in senders:
                accepted = [seq for seq in seqs[index] if seq]
                out_of_order += sum(later <= earlier for earlier, later in pairwise(accepted))
                texts = (text_of(index, number, payload) for number in range(1, len(seqs[index]) + 1))
                lost += sum(bool(seq) and log.get(seq) != text for seq, text in zip(seqs[index], texts, strict=True))
    return Faults(lost, duplicates, out_of_order)


def _log(api: Api, token: str, conversation: str) -> dict[int, str]:
    """The texts of a conversation by seq."""
    found: dict[int, str] = {}
    following: int | None = 0
    while following is not None:
        path = f"/v1/conversations/{conversation}/messages?after={following}&limit={PAGE}"
        page = api.done("GET", path, None, token)
        found |= {message["seq"]: message["text"] for message in page["messages"]}
        following = page["next"]["after"] if "next" in page else None
    return found


def _result(target: Target, settings: Settings, stretch: Stretch, outcome: Outcome, faults: Faults) -> Result:
    accepted = sum(bool(seq) for seqs in outcome.shown for seq in seqs)
    counts = {
        "sent": outcome.began, "acked": accepted, "delivered": accepted - faults.lost, "failed": outcome.failed,
        **faults._asdict(),
    }  # fmt: skip
    machine, told = told_by(target)
    known = {"benchmark": "route", "machine": machine, "settings": {**asdict(settings), **told}, **counts}
    if outcome.failed or any(faults) or not stretch.done:
        return Result(**known, missing={"result": outcome.sentence() or "the logs do not hold what was answered"})
    usage = stretch.usage
    store = usage.store_per(stretch.done)
    return Result(
        **known,
        seconds=stretch.seconds,
        rate_per_s=stretch.rate_per_s,
        cpu_us_per_message=Cpu(**usage.cpu_us_per(stretch.done)),
        latency_ms=Latency(ack=percentiles(outcome)),
        redis=None if store is None else RedisCost(**store),
        missing=usage.missing,
    )
