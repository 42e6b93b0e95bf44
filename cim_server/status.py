"""What the server answers on its HTTP port."""

import json
from typing import TYPE_CHECKING

from cim_common.metrics import CONTENT_TYPE, text_of
from cim_common.tokens import TokenExpired, TokenForged, Tokens
from cim_common.wire.codes import Code
from cim_server import metrics
from cim_server.http import Handler, Request, Response

if TYPE_CHECKING:
    from cim_server.app import App

RECENTLY_S = 12.0
"""A client pings after 10 s of silence: heard within this, a connection is provably alive."""


def handler(app: "App") -> Handler:
    """The table of the server's HTTP paths."""
    tokens = Tokens(app.settings.secret)
    shown = metrics.numbers(app)

    async def handle(request: Request) -> Response:
        path = request.path.partition("?")[0]
        if request.method == "GET" and path == "/healthz":
            health = {
                "status": "ok",
                "id": app.settings.server_id,
                "connections": len(app.sessions),
                "store": app.store_up,
            }
            return Response(200, health)
        if request.method == "GET" and path == "/metrics":
            return Response(200, text_of(shown), CONTENT_TYPE)
        if request.method == "POST" and path == "/session":
            return _session(app, tokens, request)
        if request.method == "POST" and path == "/sendMsg" and app.settings.legacy:
            return await app.legacy.send_message(request)
        return Response(404, {"code": Code.NOT_FOUND, "message": Code.NOT_FOUND.sentence})

    return handle


def _session(app: "App", tokens: Tokens, request: Request) -> Response:
    """Whether a device is connected here and was heard lately; for route, which proves who it is."""
    try:
        tokens.read_internal(request.headers.get("authorization", "").removeprefix("Bearer "))
    except (TokenExpired, TokenForged):
        return Response(401, {"code": Code.BAD_TOKEN, "message": Code.BAD_TOKEN.sentence})
    try:
        body = json.loads(request.body)
        user, device = int(body["user"]), str(body["device"])
    except (ValueError, KeyError, TypeError, OverflowError):
        return Response(400, {"code": Code.BAD_REQUEST, "message": Code.BAD_REQUEST.sentence})
    session = app.sessions.get(user, device)
    alive = session is not None and session.channel.open and app.pump.now - session.channel.heard < RECENTLY_S
    return Response(200, {"alive": alive})
