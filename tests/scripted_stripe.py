"""A Stripe that answers what a test tells it to, over real HTTP, as the sandbox never does."""

from __future__ import annotations

import json
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    path: str
    query: dict[str, str]
    account: str | None
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """`body` is sent as JSON, or as it stands if it is bytes."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Script = Callable[[Request], Answer]


def page(*rows: dict[str, Any], has_more: bool = False) -> Answer:
    return Answer({"object": "list", "data": list(rows), "has_more": has_more, "url": "/v1/x"})


def refusal(status: int, message: str, **error: str) -> Answer:
    return Answer({"error": {"type": "invalid_request_error", "message": message, **error}}, status)


class _Server(ThreadingHTTPServer):
    request_queue_size = 100

    def handle_error(self, *_: Any) -> None:  # noqa: ANN401
        """Say nothing of a client that went away, which is its right; tell the rest."""
        if not isinstance(sys.exception(), ConnectionError):
            traceback.print_exc()


@contextmanager
def scripted_stripe(script: Script) -> Iterator[str]:
    """Serve the script on a free loopback port; answer the base address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = script(Request(parts.path, query, headers.get("stripe-account"), headers))
            raw = (
                answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            )
            # The usual one tells the real time; a script may tell another.
            send = self.send_response_only if "Date" in answer.headers else self.send_response
            send(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: Any) -> None:  # noqa: ANN401
            """Say nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
