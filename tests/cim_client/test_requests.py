"""Requests: asked again until there is an answer or no time left."""

from functools import partial

import pytest
import trio
import trio.testing

from cim_client.errors import Closed, Refused, Unavailable
from cim_client.requests import Requests
from cim_common.wire.codes import Code
from cim_common.wire.messages import Cancel, Done, Failed


class Server:
    """Answers what is asked, in order, with what it was given."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.asked: list[int] = []
        self.requests = Requests(lambda: None)

    async def run(self) -> None:
        while True:
            await trio.testing.wait_all_tasks_blocked()
            for asked in self.requests.frames():
                self.asked.append(asked.request)
                code = self.answers.pop(0)
                if code == 0:
                    self.requests.answer(asked.request, Done(asked.request))
                elif code > 0:
                    self.requests.answer(asked.request, Failed(asked.request, code, "no", after_ms=10, seq=4))
                else:
                    self.requests.disconnected()
            await trio.sleep(0.01)


async def ask(server: Server, **options: float | Code) -> object:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.run)
        answer = None
        try:
            answer = await server.requests.ask(partial(Cancel, id="x"), **options)  # type: ignore[arg-type]
        except (Refused, Unavailable) as error:
            answer = error
        nursery.cancel_scope.cancel()
    return answer


LOST = -1


async def test_asked_again_on_a_new_connection(autojump_clock: trio.testing.MockClock) -> None:
    server = Server(LOST, LOST, 0)
    assert await ask(server) == Done(1)
    assert server.asked == [1, 1, 1]


async def test_not_now_is_asked_again_after_the_time_told(autojump_clock: trio.testing.MockClock) -> None:
    server = Server(Code.REQUEST_LIMIT, 0)
    assert await ask(server) == Done(2)


async def test_refusals_and_no_answer_in_time(autojump_clock: trio.testing.MockClock) -> None:
    refused = await ask(Server(Code.ALREADY_SENT))
    assert isinstance(refused, Refused)
    assert (refused.code, refused.seq) == (Code.ALREADY_SENT, 4)
    busy = await ask(Server(*[Code.OVERLOADED] * 100), timeout_s=1.0)
    assert isinstance(busy, Unavailable)
    assert busy.code == Code.OVERLOADED


async def test_a_change_asked_twice_may_find_itself_done(autojump_clock: trio.testing.MockClock) -> None:
    gone = Code.NO_SUCH_SCHEDULE
    assert isinstance(await ask(Server(gone), done_already=gone), Refused)
    assert isinstance(await ask(Server(LOST, gone), done_already=gone), Failed)


async def test_the_end_ends_all_of_them() -> None:
    requests = Requests(lambda: None)
    async with trio.open_nursery() as nursery:

        async def wait() -> None:
            with pytest.raises(Closed):
                await requests.ask(partial(Cancel, id="x"))

        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        requests.end(Closed(Code.NORMAL))
    with pytest.raises(Closed):
        requests.check_open()
    assert not requests.answer(1, Done(1))
