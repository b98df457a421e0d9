"""The HTTP side: Stripe's events come in here, and nothing is answered before they are stored.

https://docs.stripe.com/webhooks: the raw body is what is signed, and any 2xx ends the delivery.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
import stripe
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from loader.webhooks.event import Event, MalformedEventError, read_event
from loader.webhooks.inbox import Inbox

WEBHOOK_PATH = "/webhooks/stripe"

# Older than this, a signature proves nothing: it may have been overheard and played again.
TOLERANCE_SECONDS = 300

LARGEST_BODY_BYTES = 1_000_000
LONGEST_BODY_SECONDS = 20.0
MOST_PASSED_OVER_BYTES = 20_000_000
PASSING_OVER_SECONDS = 3.0

Told = dict[str, Any]


@dataclass(frozen=True)
class Reception:
    """How events are received."""

    secrets: Sequence[str]
    """Signing secrets: of each endpoint, and during a rotation old and new."""
    is_live: bool
    debounce_seconds: float
    """How long an event waits for others before it is acted on."""

    def __repr__(self) -> str:
        return f"Reception({len(self.secrets)} secrets, is_live={self.is_live})"


class RefusedError(Exception):
    """A request that is answered with an error; the message is for who looks at Stripe's log."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Receiver:
    """Takes events in; `tell` answers for /health and /ready what is going on."""

    def __init__(
        self,
        reception: Reception,
        inbox: Inbox,
        tell: Callable[[], Told],
    ) -> None:
        self._reception = reception
        self._inbox = inbox
        self._tell = tell
        self._writing = asyncio.Lock()
        self._unwritten: list[tuple[Event, asyncio.Future[None]]] = []

    def app(self) -> Starlette:
        """Answer the application."""
        return Starlette(
            routes=[
                Route(WEBHOOK_PATH, self._receive, methods=["POST"]),
                Route("/health", self._health),
                Route("/ready", self._ready),
            ]
        )

    async def _receive(self, request: Request) -> Response:
        try:
            event = self._read(await _body(request), request.headers.get("stripe-signature"))
            await self._store(event)
        except RefusedError as refusal:
            return JSONResponse({"error": str(refusal)}, refusal.status)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        except sqlite3.Error as error:
            # Not stored is not received: Stripe sends it again.
            message = f"the event could not be stored: {error}"
            return JSONResponse({"error": message}, HTTPStatus.SERVICE_UNAVAILABLE)
        return JSONResponse({"received": True, "ignored": event.ignored_because})

    def _read(self, body: bytes, signature: str | None) -> Event:
        try:
            text = body.decode()
        except UnicodeDecodeError:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the body is not text in UTF-8") from None
        if not any(_is_signed(text, signature, secret) for secret in self._reception.secrets):
            raise RefusedError(
                HTTPStatus.BAD_REQUEST,
                "the signature fits none of STRIPE_WEBHOOK_SECRETS, or is older than "
                f"{TOLERANCE_SECONDS} s",
            )
        try:
            return read_event(orjson.loads(body), is_live=self._reception.is_live)
        except (orjson.JSONDecodeError, MalformedEventError) as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, f"this is no event: {error}") from None

    async def _store(self, event: Event) -> None:
        """Return once the event is stored durably; those that come meanwhile are stored together.

        Each durable write waits for the disk, so a burst would wait long if written one by one.
        """
        stored = asyncio.get_running_loop().create_future()
        self._unwritten.append((event, stored))
        async with self._writing:
            if not stored.done():
                taken, self._unwritten = self._unwritten, []
                await self._write(taken)
        await stored

    async def _write(self, taken: list[tuple[Event, asyncio.Future[None]]]) -> None:
        now = time.time()
        events = [event for event, _ in taken]
        try:
            await asyncio.shield(
                asyncio.to_thread(
                    self._inbox.add, events, now, now + self._reception.debounce_seconds
                )
            )
        except sqlite3.Error as error:
            for _, stored in taken:
                if not stored.done():
                    stored.set_exception(sqlite3.OperationalError(str(error)))
            return
        for _, stored in taken:
            if not stored.done():
                stored.set_result(None)

    async def _health(self, _: Request) -> Response:
        return JSONResponse(self._tell())

    async def _ready(self, _: Request) -> Response:
        told = self._tell()
        return JSONResponse(
            told, HTTPStatus.OK if told["ready"] else HTTPStatus.SERVICE_UNAVAILABLE
        )


async def _body(request: Request) -> bytes:
    """Read the raw body, no more than an event can have.

    A sender of more may finish, within reason: else it sees a broken connection and no answer.
    """
    body, size = bytearray(), 0
    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_BODY_SECONDS) as limit:
            async for part in request.stream():
                size += len(part)
                if size > MOST_PASSED_OVER_BYTES:
                    break
                if size > LARGEST_BODY_BYTES:
                    limit.reschedule(asyncio.get_running_loop().time() + PASSING_OVER_SECONDS)
                else:
                    body += part
            else:
                if size <= LARGEST_BODY_BYTES:
                    return bytes(body)
    if size > LARGEST_BODY_BYTES:
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "an event is not so large")
    raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, "the body did not come to its end")


def _is_signed(text: str, signature: str | None, secret: str) -> bool:
    if signature is not None and not signature.isascii():  # the stripe package stumbles over it
        return False
    try:
        stripe.WebhookSignature.verify_header(
            text, signature or "", secret, tolerance=TOLERANCE_SECONDS
        )
    except stripe.SignatureVerificationError:
        return False
    return True
