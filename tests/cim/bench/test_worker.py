"""A worker that ends early is told with the reason."""

import pytest

from cim.bench.worker import GeneratorError, Worker
from tests.real_servers import eventually


def test_one_that_ends_says_why() -> None:
    worker = Worker("cim.bench.callers", {"exchange": "nothing", "subjects": [], "at_once": 1})
    with pytest.raises(GeneratorError, match="KeyError: 'nothing'"):
        worker.answer(20)

    def told_in_vain() -> bool:
        try:
            worker.tell({"do": "stop"})
        except GeneratorError:
            return True
        return False

    eventually(told_in_vain)
    worker.end()


def test_one_that_is_not_asked_does_not_answer() -> None:
    worker = Worker("cim.bench.callers", {"exchange": "connect", "subjects": [], "at_once": 1})
    with pytest.raises(GeneratorError, match="does not answer"):
        worker.answer(0.1)
    worker.tell({"do": "stop"})
    assert worker.answer(20)["began"] == 0
    worker.end()
