"""The sandbox's events as its clock moves: signed, again after an error, some of them twice."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import Request, urlopen

import stripe

from loader.sandbox.clock import Clock
from loader.sandbox.options import SECRET_KEY, WEBHOOK_SECRET, Delivery, SandboxOptions
from loader.sandbox.process import SandboxProcess

START = datetime(2026, 3, 31, 22, 0, tzinfo=UTC)
A_DAY_IN_FOUR_SECONDS = 21_600.0
LONGEST_SECONDS = 120


@contextmanager
def webhook(status: Callable[[dict[str, Any]], int]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Serve a webhook that answers as a test says; answer its address and what it was sent."""
    heard: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            stripe.WebhookSignature.verify_header(
                body, self.headers["Stripe-Signature"], WEBHOOK_SECRET, tolerance=300
            )
            content = json.loads(body)
            heard.append(content)
            self.send_response(status(content))
            self.end_headers()

        def log_message(self, *_: Any) -> None:  # noqa: ANN401
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/webhook", heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def listed(base: str, account: str | None = None, **query: str) -> list[dict[str, Any]]:
    """Answer the newest events of an account."""
    parameters = "&".join(f"{name}={value}" for name, value in query.items())
    request = Request(f"{base}/v1/events?limit=100&{parameters}")  # noqa: S310 - loopback
    request.add_header("Authorization", f"Bearer {SECRET_KEY}")
    if account:
        request.add_header("Stripe-Account", account)
    with urlopen(request, timeout=60) as answer:  # noqa: S310 - our own sandbox
        found: list[dict[str, Any]] = json.loads(answer.read())["data"]
    return found


def test_events_come_as_the_clock_moves_and_again_until_they_are_taken() -> None:
    refused: set[str] = set()

    def refuse_each_once(content: dict[str, Any]) -> int:
        is_new = content["id"] not in refused
        refused.add(content["id"])
        return 500 if is_new else 200

    options = SandboxOptions(first_day=date(2026, 1, 1), as_of=START)
    with webhook(refuse_each_once) as (url, heard):
        delivery = Delivery(url, speed=A_DAY_IN_FOUR_SECONDS)
        with SandboxProcess(options, delivery=delivery) as sandbox:
            before = {event["id"] for event in listed(sandbox.base_url)}
            assert before
            deadline = time.monotonic() + LONGEST_SECONDS
            while not any(n > 2 for n in Counter(e["id"] for e in heard).values()):
                assert time.monotonic() < deadline, "nothing was sent twice"
                time.sleep(0.1)
            of_platform = listed(sandbox.base_url)
            undelivered = listed(sandbox.base_url, delivery_success="false")
    now = [event for event in of_platform if event["id"] not in before]
    assert now
    assert all(event["created"] > START.timestamp() for event in heard)
    assert {event["id"] for event in undelivered} <= {event["id"] for event in now}
    whose = {event.get("account") for event in heard}
    assert None in whose  # the platform's own
    assert len(whose) > 3
    times = [event["created"] for event in heard]
    assert times != sorted(times)
    assert {event["type"] for event in heard} >= {
        "payout.created",
        "payout.reconciliation_completed",
    }


def test_a_clock_goes_on_at_its_own_speed() -> None:
    clock = Clock(START, 3600.0)
    first = clock.now()
    time.sleep(0.05)
    assert first >= START
    assert (clock.now() - first).total_seconds() >= 120
