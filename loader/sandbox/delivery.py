"""Sends the sandbox's events to a webhook as its clock moves, no better than Stripe does.

Events come late, twice and out of order, and again after an answer that is no 2xx
(https://docs.stripe.com/webhooks). The signature is that of an endpoint at Stripe.
"""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import replace

import aiohttp
import orjson
import stripe

from loader.sandbox.api import Api
from loader.sandbox.clock import Clock
from loader.sandbox.events import Event, events_of
from loader.sandbox.options import Delivery, SandboxOptions
from loader.sandbox.sandbox import open_sandbox
from loader.sandbox.snapshot import Snapshot

TICK_SECONDS = 0.5

_LATE_SHARE, _TWICE_SHARE = 0.1, 0.15
_USUAL_DELAY_SECONDS, _LATE_DELAY_SECONDS = 0.5, 5.0

#: Stripe tries for three days; a sandbox's clock is faster.
_RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0, 60.0)
_TIMEOUT = aiohttp.ClientTimeout(total=20)


class MovingStory:
    """Tells the story on as time passes, and sends the events of what is new."""

    def __init__(self, api: Api, options: SandboxOptions, delivery: Delivery) -> None:
        self._api = api
        self._options = options
        self._delivery = delivery
        self._clock = Clock(options.as_of, delivery.speed)
        self._sent_through = options.now

    async def go_on(self) -> None:
        """Move until cancelled."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session, asyncio.TaskGroup() as tasks:
            while True:
                await asyncio.sleep(TICK_SECONDS)
                options = replace(self._options, as_of=self._clock.now())
                snapshot = await asyncio.to_thread(lambda at: open_sandbox(at).snapshot, options)
                self._api.show(snapshot)
                for event in _new_events(snapshot, self._sent_through):
                    self._api.undelivered.add(event.id)
                    tasks.create_task(self._deliver(session, event))
                self._sent_through = snapshot.now

    async def _deliver(self, session: aiohttp.ClientSession, event: Event) -> None:
        chance = random.Random(f"{self._options.seed}/{event.id}")  # noqa: S311 - a story
        is_late = chance.random() < _LATE_SHARE
        delay = _LATE_DELAY_SECONDS if is_late else _USUAL_DELAY_SECONDS
        await asyncio.sleep(delay * chance.uniform(0.2, 1))
        body = orjson.dumps(event.render(), option=orjson.OPT_INDENT_2).decode()
        for pause in (*_RETRY_SECONDS, None):
            if await self._post(session, body):
                self._api.undelivered.discard(event.id)
                break
            if pause is not None:
                await asyncio.sleep(pause)
        if chance.random() < _TWICE_SHARE:
            await asyncio.sleep(chance.uniform(0, _LATE_DELAY_SECONDS))
            await self._post(session, body)

    async def _post(self, session: aiohttp.ClientSession, body: str) -> bool:
        """Send an event; tell whether it was taken."""
        # Signed anew each time, as Stripe does: a receiver refuses what is old.
        signature = stripe.WebhookSignature.generate_signature_header(body, self._delivery.secret)
        headers = {"Content-Type": "application/json", "Stripe-Signature": signature}
        try:
            async with session.post(
                self._delivery.url, data=body.encode(), headers=headers, allow_redirects=False
            ) as answer:
                return answer.ok and answer.status < 300  # noqa: PLR2004 - a redirect is no success
        except (aiohttp.ClientError, TimeoutError):
            return False


def _new_events(snapshot: Snapshot, since: int) -> Iterator[Event]:
    """Yield what happened after an instant, oldest first, whichever account it is of."""
    views = (snapshot.platform, *snapshot.connected.values())
    found = (event for view in views for event in events_of(view) if event.created > since)
    yield from sorted(found, key=lambda event: (event.created, event.order))
