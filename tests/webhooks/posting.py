"""Events as Stripe sends them, over real HTTP."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import stripe
import uvicorn
from starlette.applications import Starlette

from loader.webhooks.receiver import WEBHOOK_PATH
from loader.webhooks.service import listen

SECRET = "whsec_first"  # noqa: S105 - signs what a test makes up


def event(event_id: str = "evt_1", **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """Answer an event that a payout of a connected account was itemised."""
    return {
        "id": event_id,
        "object": "event",
        "account": "acct_1",
        "api_version": "2026-10-28.endive",
        "created": int(time.time()),
        "data": {"object": {"id": "po_1", "object": "payout"}},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": "payout.reconciliation_completed",
        **more,
    }


def signature(body: str, secret: str = SECRET, age: int = 0) -> str:
    """Answer the header that signs a body."""
    return str(
        stripe.WebhookSignature.generate_signature_header(body, secret, int(time.time()) - age)
    )


def post(
    url: str, content: object, signed: str | None = None, **headers: str
) -> tuple[int, dict[str, Any]]:
    """Send an event, or text as it stands; answer the status and what was said."""
    body = content if isinstance(content, str) else json.dumps(content, indent=2)
    signed = signature(body) if signed is None else signed
    return send(url + WEBHOOK_PATH, body.encode(), {"Stripe-Signature": signed, **headers})


def send(
    url: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    """Send a request, a POST if it has a body."""
    request = urllib.request.Request(url, data=body, headers=headers or {})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
            return answer.status, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        said = error.read()
        return error.code, json.loads(said) if said.startswith(b"{") else {}


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """Serve an application on a free port; answer its address."""
    with listen("127.0.0.1", 0) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True
        )
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
