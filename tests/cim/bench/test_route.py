"""Messages over HTTP measured on a real cluster, and the reading back of what was accepted."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from cim.bench import accounts, target
from cim.bench.accounts import Account
from cim.bench.callers import crew as callers
from cim.bench.callers.crew import Outcome
from cim.bench.route import PAGE, Faults, Settings, read_back, run
from cim.bench.target import Target
from cim.cli import main
from cim_common import ids
from tests.real_servers import eventually
from tests.system.cluster import Cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    assert made.stop() == 0


@pytest.fixture(scope="module")
def place(cluster: Cluster) -> Target:
    return target.of_ready_file(cluster.ready_file)


def test_every_accepted_message_is_counted_and_read_back(place: Target) -> None:
    result = run(place, Settings(seconds=0.5, warm_up=0.2, senders=7, at_once=4, generators=2))
    assert result.wrong == {}
    assert result.sent == result.acked == result.delivered
    assert (result.settings["durability"], result.settings["gather_ms"]) == ("always", 0.0)
    assert result.rate_per_s
    assert result.cpu_us_per_message is not None
    assert None not in (result.cpu_us_per_message.route, result.cpu_us_per_message.total)
    assert result.latency_ms is not None
    assert result.redis is not None
    assert result.redis.calls_per_message is not None
    assert result.redis.calls_per_message["xadd"] > 0.5


class Sent:
    """Two users who have sent each other some messages over HTTP."""

    def __init__(self, place: Target) -> None:
        self.place = place
        self.people: list[Account] = accounts.make(place, 2)
        self.conversations = [ids.direct(self.people[0].user, self.people[1].user)] * 2
        self.outcome = Outcome()

    def send(self, least: int) -> "Sent":
        subjects = [
            callers.subject(self.place, account, index=index, conversation=self.conversations[0], run="r", payload=30)
            for index, account in enumerate(self.people)
        ]
        with callers.crew("send", subjects, 2) as crew:
            eventually(lambda: crew.mark().done >= least)
            self.outcome = crew.stop()
        return self

    def faults(self, seqs: list[list[int]]) -> Faults:
        return read_back(self.place, self.people, self.conversations, seqs, 30)


def test_what_is_not_in_the_log_as_it_was_answered_is_found(place: Target) -> None:
    sent = Sent(place).send(least=2 * PAGE)
    seqs: list[list[int]] = sent.outcome.shown
    assert sent.faults(seqs) == Faults()
    head = sum(map(len, seqs))
    assert sent.faults([[*seqs[0], head + 1], seqs[1]]) == Faults(lost=1)
    assert sent.faults([[seqs[0][1], seqs[0][0], *seqs[0][2:]], seqs[1]]) == Faults(lost=2, out_of_order=1)
    assert sent.faults([[0, *seqs[0][1:]], seqs[1]]) == Faults(), "what was not accepted may be there"


def test_a_message_that_stands_there_twice_is_found(place: Target) -> None:
    sent = Sent(place).send(least=1)
    again = Sent(place)
    again.people, again.conversations = sent.people, sent.conversations
    subjects = [
        callers.subject(place, account, index=index, conversation=sent.conversations[0], run="again", payload=30)
        for index, account in enumerate(sent.people)
    ]
    with callers.crew("send", subjects, 2) as crew:
        eventually(lambda: crew.mark().done > 0)
        crew.stop()
    assert sent.faults(sent.outcome.shown).duplicates > 0


def test_the_same_keys_again_are_the_same_messages(place: Target) -> None:
    sent = Sent(place).send(least=1)
    first = sent.outcome.shown
    again = sent.send(least=sum(map(len, first)) + 2).outcome.shown
    assert [seqs[: len(before)] for seqs, before in zip(again, first, strict=True)] == first
    assert sent.faults(again) == Faults()


def test_the_command_writes_what_it_found(cluster: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    command = ["bench", "route", "--seconds", "0.3", "--warm-up", "0.1", "--senders", "4", "--json", str(file)]
    ended = CliRunner().invoke(main, [*command, "--cluster", str(cluster.ready_file)])
    assert ended.exit_code == 0, ended.output
    record = json.loads(file.read_text())
    assert (record["benchmark"], record["lost"], record["duplicates"], record["failed"]) == ("route", 0, 0, 0)
    assert record["acked"] == record["sent"] > 0
    assert record["rate_per_s"] > 0
    assert {"servers", "route", "redis", "total"} <= set(record["cpu_us_per_message"])
