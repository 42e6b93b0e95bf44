"""An HTTP-to-chat bridge: what is posted to it, by a monitor or a build, becomes a message in a conversation.

Run it:   CIM_PASSWORD="a good password" python examples/http_bridge.py bridge lobby 8099
Try it:   curl -d "disk full" http://127.0.0.1:8099/

It answers 201 when the message is stored, so whoever posts knows. With an Idempotency-Key header the same post, tried
again, is one message.
"""

import os
import secrets
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cim_client import CimError, Refused
from cim_client.blocking import Client, connect

ROUTE = os.environ.get("CIM_CHAT_ROUTE", "http://127.0.0.1:8083")
MAX_BODY_BYTES = 16_384


class Bridge(ThreadingHTTPServer):
    def __init__(self, port: int, me: Client, to: str) -> None:
        super().__init__(("127.0.0.1", port), Post)
        self.me = me
        self.to = to


class Post(BaseHTTPRequestHandler):
    server: Bridge

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            return self.answer(413, "a message has at most 16 KiB")
        text = self.rfile.read(int(length)).decode(errors="replace")
        key = self.headers.get("Idempotency-Key") or secrets.token_hex(16)
        try:
            receipt = self.server.me.send_once(self.server.to, text, key, timeout_s=10)
        except Refused as refused:
            return self.answer(422, str(refused))
        except CimError as error:
            return self.answer(503, str(error))
        return self.answer(201, str(receipt.seq))

    def answer(self, status: int, text: str) -> None:
        body = f"{text}\n".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def main(name: str, to: str, port: str) -> None:
    with connect(ROUTE, name=name, password=os.environ["CIM_PASSWORD"], register=True) as me:
        server = Bridge(int(port), me, to)
        print(f"listening on http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
