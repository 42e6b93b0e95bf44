"""Errors of the HTTP API as RFC 9457 problem documents, each with our numbered code."""

import math
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, json
from pydantic import BaseModel, Field, ValidationError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as WsgiResponse

from cim_common.store.flow import StoreError, StoreUnavailable
from cim_common.wire.codes import Code

log = structlog.get_logger()

CONTENT_TYPE = "application/problem+json"
STORE_RETRY_S = 1.0

STATUS: dict[Code, HTTPStatus] = {
    Code.BAD_REQUEST: HTTPStatus.BAD_REQUEST,
    Code.EMPTY_TEXT: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.TEXT_TOO_LONG: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.NO_SUCH_CONVERSATION: HTTPStatus.NOT_FOUND,
    Code.NO_SUCH_USER: HTTPStatus.NOT_FOUND,
    Code.NOT_A_MEMBER: HTTPStatus.FORBIDDEN,
    Code.BLOCKED: HTTPStatus.FORBIDDEN,
    Code.SUPERSEDED: HTTPStatus.CONFLICT,
    Code.ID_REUSED: HTTPStatus.CONFLICT,
    Code.BAD_NAME: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.NAME_TAKEN: HTTPStatus.CONFLICT,
    Code.WRONG_PASSWORD: HTTPStatus.UNAUTHORIZED,
    Code.BAD_TOKEN: HTTPStatus.UNAUTHORIZED,
    Code.BAD_PASSWORD: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.LEGACY_ACCOUNT: HTTPStatus.FORBIDDEN,
    Code.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    Code.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Code.NO_SUCH_MESSAGE: HTTPStatus.NOT_FOUND,
    Code.ALREADY_A_MEMBER: HTTPStatus.CONFLICT,
    Code.BANNED: HTTPStatus.CONFLICT,
    Code.TOO_MANY_MEMBERS: HTTPStatus.CONFLICT,
    Code.DISSOLVED: HTTPStatus.GONE,
    Code.NAME_TOO_LONG: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.EXPIRED: HTTPStatus.GONE,
    Code.NO_SUCH_DEVICE: HTTPStatus.NOT_FOUND,
    Code.NO_SUCH_SCHEDULE: HTTPStatus.NOT_FOUND,
    Code.ALREADY_SENT: HTTPStatus.CONFLICT,
    Code.TOO_MANY_SCHEDULED: HTTPStatus.CONFLICT,
    Code.BAD_TIME: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.NO_SUCH_SETTING: HTTPStatus.NOT_FOUND,
    Code.TOO_MANY_REACTIONS: HTTPStatus.CONFLICT,
    Code.ID_TAKEN: HTTPStatus.CONFLICT,
    Code.THEY_ARE_NOT_MEMBERS: HTTPStatus.CONFLICT,
    Code.THEY_ARE_NOT_BANNED: HTTPStatus.CONFLICT,
    Code.NO_PASSWORD: HTTPStatus.FORBIDDEN,
    Code.REWOUND: HTTPStatus.CONFLICT,
    Code.OVERLOADED: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.STORE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.OUT_OF_ORDER: HTTPStatus.CONFLICT,
    Code.SENDER_LIMIT: HTTPStatus.TOO_MANY_REQUESTS,
    Code.CONVERSATION_LIMIT: HTTPStatus.TOO_MANY_REQUESTS,
    Code.OUTCOME_UNKNOWN: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.NO_SERVER: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.TOO_MANY_ATTEMPTS: HTTPStatus.TOO_MANY_REQUESTS,
    Code.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
    Code.REQUEST_LIMIT: HTTPStatus.TOO_MANY_REQUESTS,
    Code.TOO_MANY_WAITING: HTTPStatus.TOO_MANY_REQUESTS,
}
"""The HTTP status of each code, unless a problem brings its own. Codes of connections do not come here."""

_CODE_OF_STATUS = {
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    413: Code.TOO_LARGE,
    500: Code.INTERNAL,
}


class ProblemDocument(BaseModel):
    """The document as the API description shows it."""

    type: str = Field(description="urn:cim:code:<code>")
    title: str
    status: int
    detail: str
    code: int = Field(description="docs/http.md lists them")


class Problem(Exception):
    """A request ends here. `after_s`: when to try again; `more`: further members of the document."""

    def __init__(
        self,
        code: Code,
        detail: str = "",
        *,
        status: int | None = None,
        after_s: float | None = None,
        more: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail or code.sentence)
        self.code = code
        self.detail = detail or code.sentence
        self.status = int(status or STATUS.get(code, HTTPStatus.INTERNAL_SERVER_ERROR))
        self.after_s = after_s
        self.more = more or {}

    def document(self) -> dict[str, Any]:
        return {
            "type": f"urn:cim:code:{self.code:d}",
            "title": self.code.sentence,
            "status": self.status,
            "detail": self.detail,
            "code": int(self.code),
            **self.more,
        }

    def headers(self) -> list[tuple[str, str]]:
        headers = [("Content-Type", CONTENT_TYPE)]
        if self.after_s is not None:
            headers.append(("Retry-After", str(max(1, math.ceil(self.after_s)))))
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers.append(("WWW-Authenticate", "Bearer"))
        return headers

    def response(self) -> Response:
        return Response(json.dumps(self.document()), self.status, self.headers())


def of_validation(error: ValidationError) -> Problem:
    """What pydantic found, the first of it, in one sentence."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    detail = f"{where}: {first['msg']}" if where else str(first["msg"])
    return Problem(Code.BAD_REQUEST, detail, status=HTTPStatus.UNPROCESSABLE_ENTITY)


def _of_http(error: HTTPException) -> WsgiResponse:
    status = error.code or 500
    if status < 400:
        return error.get_response()
    code = _CODE_OF_STATUS.get(status, Code.BAD_REQUEST if status < 500 else Code.INTERNAL)
    response = Problem(code, error.description or "" if status < 500 else "", status=status).response()
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def of_failure(error: Exception) -> Problem:
    """What the caller is told of an error that is none of its making; it is logged here."""
    if isinstance(error, StoreUnavailable):
        log.warning("store_unavailable", error=str(error))
        return Problem(Code.STORE_UNAVAILABLE, after_s=STORE_RETRY_S)
    if isinstance(error, StoreError):
        log.error("store_error", error=str(error))
    else:
        log.error("request_failed", exc_info=error)
    return Problem(Code.INTERNAL)


def _of_failure(error: Exception) -> Response:
    return of_failure(error).response()


def install(app: Flask) -> None:
    """Answer every error of the app with a problem document."""
    handlers: list[tuple[type[Exception], Callable[..., WsgiResponse]]] = [
        (Problem, Problem.response),
        (HTTPException, _of_http),
        (Exception, _of_failure),
    ]
    for kind, handler in handlers:
        app.register_error_handler(kind, handler)
