"""Generator processes as a scenario sees them."""

import pytest

from cim.bench.generator.fleet import fleet
from cim.bench.generator.plan import Member
from cim.bench.worker import GeneratorError
from tests.real_servers import free_port


def member(slot: int, port: int) -> Member:
    return Member(slot, 3_000_000_000 + slot, "bench", "token", "127.0.0.1", port)


def test_connections_that_do_not_come_up_are_told_with_the_reason() -> None:
    port = free_port()
    with fleet([member(slot, port) for slot in range(3)], 100, processes=2) as crew:
        assert len(crew.pids) == 2
        with pytest.raises(GeneratorError, match=r"Only 0 of 3 connections came up: .*ECONNREFUSED"):
            crew.wait_until_live(3)
        mark = crew.mark()
        assert (mark.sent, mark.acked, mark.delivered) == (0, 0, 0)
        report = crew.finish([])
    assert (report.verdict.sent, report.verdict.lost) == (0, 0)
    assert not report.verdict.kept


def test_more_connections_than_a_process_may_have_are_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cim.bench.proc.allow_descriptors", lambda: 100)
    members = [member(slot, 1) for slot in range(90)]
    with pytest.raises(GeneratorError, match="may open 100 files"), fleet(members, 100):
        pass
    with fleet(members, 100, processes=2) as crew:
        assert len(crew.pids) == 2


def test_more_than_a_pipe_holds_is_told_in_one_plan() -> None:
    port = free_port()
    members = [member(slot, port) for slot in range(3_000)]
    with fleet(members, 100) as crew, pytest.raises(GeneratorError, match="Only 0 of 3000"):
        crew.wait_until_live(len(members))
