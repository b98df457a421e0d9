"""A server that sends the bytes a test tells it to, whole or broken, and closes as told."""

from __future__ import annotations

import itertools
import json
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any


@dataclass(frozen=True)
class Reply:
    """Bytes to send after some seconds; then the connection may be closed."""

    sent: bytes
    closes: bool = False
    after_seconds: float = 0.0


def reply(body: object, status: int = 200, **headers: str) -> Reply:
    """Answer with JSON, or with bytes as they stand; `_` in a header's name is `-`."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {"Content-Length": str(len(raw)), **headers}
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in names.items()]
    return Reply("\r\n".join([*lines, "", ""]).encode() + raw)


@dataclass
class RawServer:
    base: str
    requests: list[str] = field(default_factory=list)
    connections: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def raw_server(
    replies: Iterator[Reply], *, port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[RawServer]:
    """Serve one reply after another on a loopback port, over as many connections as come."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            told.connections += 1
            while request := self._request():
                with told.lock:
                    told.requests.append(request)
                    answer = next(replies)
                time.sleep(answer.after_seconds)
                self.wfile.write(answer.sent)
                if answer.closes:
                    return

        def _request(self) -> str:
            lines = itertools.takewhile(bytes.strip, iter(self.rfile.readline, b""))
            return b"".join(lines).decode()

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        block_on_close = False
        request_queue_size = 100

        def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
            if tls is not None:
                request = tls.wrap_socket(request, server_side=True)
            super().finish_request(request, client_address)

        def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
            """A client that hangs up is what some tests are about."""

    with Server(("127.0.0.1", port), Handler) as server:
        told = RawServer(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()
