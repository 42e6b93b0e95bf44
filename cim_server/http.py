"""The server's own HTTP port: health, and what route asks about connections here.

h11 on trio streams, one task per connection: these calls are rare and never on a message's path.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import h11
import structlog
import trio

log = structlog.get_logger()

MAX_BODY_BYTES = 65_536
REQUEST_TIMEOUT_S = 10.0
KEEP_ALIVE_S = 30.0
MAX_CONNECTIONS = 256
RECEIVE_BYTES = 16_384


class Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Response(NamedTuple):
    status: int
    body: dict[str, Any] | str
    """JSON, or plain text."""

    content_type: str = "application/json"


Handler = Callable[[Request], Awaitable[Response]]


async def serve(listeners: list[trio.SocketListener], handler: Handler, slots: trio.CapacityLimiter) -> None:
    """Answer requests until cancelled, on as many connections as there are slots.

    An error of the handler is logged and answered with 500.
    """

    async def connection(stream: trio.SocketStream) -> None:
        try:
            slots.acquire_nowait()
        except trio.WouldBlock:
            await stream.aclose()
            return
        try:
            await _converse(stream, handler)
        except (trio.BrokenResourceError, trio.ClosedResourceError, h11.ProtocolError):
            log.debug("http_peer_gone")
        finally:
            slots.release()
            with trio.move_on_after(1):
                await stream.aclose()

    await trio.serve_listeners(connection, listeners)


async def _converse(stream: trio.SocketStream, handler: Handler) -> None:
    protocol = h11.Connection(h11.SERVER)
    while True:
        request = None
        with trio.move_on_after(KEEP_ALIVE_S):
            request = await _receive(stream, protocol)
        if request is None:
            return
        try:
            with trio.fail_after(REQUEST_TIMEOUT_S):
                response = await handler(request)
        except trio.TooSlowError:
            response = Response(503, {"message": "No answer in time."})
        except Exception:
            # One call that hits a bug of ours must not end everybody's connections.
            log.exception("http_call_failed", path=request.path)
            response = Response(500, {"message": "Something went wrong in the server."})
        await _respond(stream, protocol, response)
        if protocol.our_state is not h11.DONE or protocol.their_state is not h11.DONE:
            return
        protocol.start_next_cycle()


async def _receive(stream: trio.SocketStream, protocol: h11.Connection) -> Request | None:
    head: h11.Request | None = None
    body = bytearray()
    while True:
        try:
            event = protocol.next_event()
        except h11.RemoteProtocolError:
            await _respond(stream, protocol, Response(400, {"message": "That is not HTTP."}))
            return None
        if event is h11.NEED_DATA:
            if protocol.they_are_waiting_for_100_continue:
                go_ahead = h11.InformationalResponse(status_code=100, headers=[])
                await stream.send_all(protocol.send(go_ahead) or b"")
            protocol.receive_data(await stream.receive_some(RECEIVE_BYTES))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_BODY_BYTES:
                await _respond(stream, protocol, Response(413, {"message": "The body is too large."}))
                return None
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
            return Request(head.method.decode(), head.target.decode("latin-1"), headers, bytes(body))
        else:
            return None


async def _respond(stream: trio.SocketStream, protocol: h11.Connection, response: Response) -> None:
    if protocol.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
        return
    body = (response.body if isinstance(response.body, str) else json.dumps(response.body)).encode()
    headers = [("content-type", response.content_type), ("content-length", str(len(body)))]
    data = protocol.send(h11.Response(status_code=response.status, headers=headers)) or b""
    data += protocol.send(h11.Data(data=body)) or b""
    data += protocol.send(h11.EndOfMessage()) or b""
    await stream.send_all(data)
