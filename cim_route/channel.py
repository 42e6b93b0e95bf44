"""Waitress' connections, as route wants them: refusals are problem documents, and an answer is one write."""

import json
from http import HTTPStatus

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask, WSGITask

from cim_common.wire.codes import Code
from cim_route.problems import CONTENT_TYPE, Problem
from cim_route.steps import Answer


class _ProblemTask(ErrorTask):  # type: ignore[misc]
    """Waitress' own refusals (a malformed or oversized request) as problem documents."""

    def execute(self) -> None:
        status = self.request.error.code
        code = Code.TOO_LARGE if status in (413, 431) else Code.BAD_REQUEST if status < 500 else Code.INTERNAL
        body = json.dumps(Problem(code, status=status).document()).encode()
        self.status = f"{status} {self.request.error.reason}"
        self.response_headers.append(("Content-Type", CONTENT_TYPE))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Task(WSGITask):  # type: ignore[misc]
    """Writes the answer that is there already (`inline.py`), or what the app gives.

    Waitress writes head and body apart, each at once: two system calls, and a client that is woken twice.
    """

    wrote_header: bool

    def execute(self) -> None:
        answer: Answer | None = self.channel.answer
        if answer is None:
            super().execute()
            return
        self.channel.answer = None
        self.complete = True
        self.status = f"{answer.status} {HTTPStatus(answer.status).phrase}"
        self.response_headers = answer.headers
        self.content_length = len(answer.body)
        self.write(answer.body)

    def write(self, data: bytes) -> None:
        if self.complete and not self.wrote_header and self.has_body and self.content_length == len(data):
            head = self.build_response_header()
            self.wrote_header = True
            self.content_bytes_written = len(data)
            self.channel.write_soon(head + data)
        else:
            super().write(data)


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection. `answer` is what its first request is answered with; None: what the app says to it."""

    task_class = _Task
    error_task_class = _ProblemTask
    answer: Answer | None = None
