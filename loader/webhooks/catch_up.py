"""Finds the events that nobody received: Stripe keeps them for 30 days.

https://docs.stripe.com/webhooks/process-undelivered-events, https://docs.stripe.com/api/events/list
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from loader.last_run import CompleteRun
from loader.stripe_api.client import StripeAccess, StripeClient
from loader.stripe_api.errors import (
    AccessRevokedError,
    KeyRefusedError,
    StripeReadError,
    gravest_of_group,
)
from loader.stripe_api.pacing import Pacing
from loader.stripe_api.paging import pages
from loader.webhooks.event import TYPES, Event, MalformedEventError, read_event
from loader.webhooks.inbox import Inbox

DAY = 86_400

# Stripe keeps events for 30 days; near the end of that some may be gone already.
REACH_SECONDS = 29 * DAY

# An event can be created some time before it is delivered or listed.
OVERLAP_SECONDS = 3600

ACCOUNTS_AT_ONCE = 20

# When it was last looked what nobody received.
CAUGHT_UP = "caught up"


@dataclass(frozen=True)
class Gap:
    """What the server has to look for when it starts."""

    since: float | None
    """From when on events may have been missed; none if only a whole run can tell."""
    reason: str


def gap(inbox: Inbox, complete_run: CompleteRun | None, now: float) -> Gap:
    """Answer from when on events may have been missed, by Stripe's clock.

    What was there when the last complete run began was read by it. What came until it was last
    looked is in the inbox.
    """
    if complete_run is None or complete_run.started_at > now:
        return Gap(None, "nothing was ever read here")
    read_at = complete_run.started_at + complete_run.clock_offset_seconds
    caught_up_at = inbox.marked(CAUGHT_UP)
    since = max(read_at, (caught_up_at or 0) - OVERLAP_SECONDS)
    if now - since > REACH_SECONDS:
        days = int((now - since) / DAY)
        return Gap(None, f"the last {days} days were missed, and Stripe keeps events for 30")
    return Gap(since, f"since {time.strftime('%Y-%m-%d %H:%M', time.gmtime(since))} UTC")


@dataclass
class Missed:
    """The events that were found, and the accounts that could not be asked."""

    events: list[Event] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)


class CatchUp:
    """Asks Stripe for the events of every account."""

    def __init__(self, access: StripeAccess, requests_per_second: float, *, is_live: bool) -> None:
        self._access = access
        self._requests_per_second = requests_per_second
        self._is_live = is_live

    async def events_since(self, since: float, *, only_undelivered: bool = False) -> Missed:
        """Answer the events created since then, or those of them that no endpoint has taken.

        A connected account that can't be asked is told, and the others are asked all the same.

        Raises:
            StripeReadError: the platform's own, or its accounts, can't be read to the end.
        """
        query: dict[str, Any] = {"created": {"gte": int(since)}, "types": list(TYPES)}
        if only_undelivered:
            query["delivery_success"] = False
        missed = Missed()
        at_once = asyncio.Semaphore(ACCOUNTS_AT_ONCE)
        async with StripeClient(self._access, Pacing(self._requests_per_second)) as client:

            async def read_account(account_id: str | None) -> None:
                async with at_once:
                    try:
                        missed.events += await self._events_of(client, account_id, query)
                    except StripeReadError as failure:
                        if account_id is None or isinstance(failure, KeyRefusedError):
                            raise
                        missed.errors[account_id] = str(failure)

            with gravest_of_group():
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(read_account(None))
                    async for page in pages(client, "/v1/accounts"):
                        for account in page:
                            tasks.create_task(read_account(account["id"]))
        return missed

    async def _events_of(
        self, client: StripeClient, account_id: str | None, query: Mapping[str, Any]
    ) -> list[Event]:
        found = []
        try:
            async for page in pages(client, "/v1/events", query, account_id):
                found += [self._read(content, account_id) for content in page]
        except AccessRevokedError:  # a whole run records it
            return []
        return [event for event in found if event is not None]

    def _read(self, content: dict[str, Any], account_id: str | None) -> Event | None:
        """Answer a listed event; a listing does not always say whose it is."""
        try:
            return read_event({**content, "account": account_id}, is_live=self._is_live)
        except MalformedEventError:
            return None
