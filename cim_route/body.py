"""Reading a request's body: one JSON object in UTF-8, or one clear problem."""

import json
from typing import Any, NoReturn

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from cim_common.wire.codes import Code
from cim_route.problems import Problem

MAX_BODY_BYTES = 65_536


class JsonRequest(Request):
    """A request whose body is a JSON object; an absent body counts as an empty one."""

    max_content_length = MAX_BODY_BYTES

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """The object.

        Raises:
            Problem: BAD_REQUEST with status 400, 415 or 422, TOO_LARGE.
        """
        try:
            body = self.get_data(cache=cache)
        except RequestEntityTooLarge as error:
            raise Problem(Code.TOO_LARGE, f"A request has at most {MAX_BODY_BYTES} bytes.") from error
        if not body:
            return {}
        if not self.is_json:
            raise Problem(Code.BAD_REQUEST, "The body has to be application/json.", status=415)
        return parse_object(body)


def object_of(body: bytes) -> dict[str, Any]:
    """A JSON object; an absent body counts as an empty one.

    Raises:
        Problem: BAD_REQUEST.
    """
    return parse_object(body) if body else {}


def parse_object(body: bytes) -> dict[str, Any]:
    """A JSON object (RFC 8259: UTF-8, no NaN).

    Raises:
        Problem: BAD_REQUEST.
    """
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse)
        if b"\\u" in body:
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # half a surrogate pair is no character
    except UnicodeEncodeError as error:
        raise Problem(Code.BAD_REQUEST, "A string holds half a surrogate pair.", status=422) from error
    except UnicodeDecodeError as error:
        raise Problem(Code.BAD_REQUEST, "The body is not UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise Problem(Code.BAD_REQUEST, "The body is not JSON.") from error
    if not isinstance(value, dict):
        raise Problem(Code.BAD_REQUEST, "The body has to be a JSON object.", status=422)
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
