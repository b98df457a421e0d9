"""What an event asks for: an account to read anew, and perhaps one of its payouts.

Its body is as old as its delivery, so nothing but ids is taken from it
(https://docs.stripe.com/webhooks, https://docs.stripe.com/api/events/object).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from loader.sources.scope import PLATFORM

_OF_A_PAYOUT = frozenset(
    {
        "payout.canceled",
        "payout.created",
        "payout.failed",
        "payout.paid",
        "payout.reconciliation_completed",
        "payout.updated",
    }
)
_OF_AN_ACCOUNT = frozenset(
    {
        "account.application.authorized",
        "account.application.deauthorized",
        "account.external_account.updated",
    }
)

TYPES = tuple(sorted(_OF_A_PAYOUT | _OF_AN_ACCOUNT))
"""The types that are acted on: those that an endpoint at Stripe has to be sent."""

_THIN = "v2.core.event"

# Ids go into paths of requests and into logs.
_ID = re.compile(r"[A-Za-z0-9_]{1,255}")


class MalformedEventError(Exception):
    """What was sent is no event; the message says why."""


@dataclass(frozen=True)
class Event:
    """One event, less everything that is read anew."""

    id: str
    type: str
    account_id: str
    """Whose; `PLATFORM` where the event names none."""
    payout_id: str | None
    is_live: bool
    ignored_because: str | None = None
    """Why nothing is done about it; none if something is."""


def read_event(content: object, *, is_live: bool) -> Event:
    """Answer what an event's JSON says.

    Args:
        content: as parsed.
        is_live: whether the warehouse is of live mode: events of the other mode are ignored.

    Raises:
        MalformedEventError: it is no event.
    """
    if not isinstance(content, dict):
        raise MalformedEventError("it is not a JSON object")
    event_id, event_type = content.get("id"), content.get("type")
    if not _is_id(event_id) or not isinstance(event_type, str):
        raise MalformedEventError("it has no id or no type")
    account = content.get("account")
    account_id = account if _is_id(account) else PLATFORM
    subject_id = _subject_id(content)
    is_of_payout = event_type in _OF_A_PAYOUT
    return Event(
        id=str(event_id),
        type=event_type[:255],
        account_id=str(account_id),
        payout_id=subject_id if is_of_payout else None,
        is_live=content.get("livemode") is True,
        ignored_because=_why_ignored(content, event_type, subject_id, is_live=is_live),
    )


def _why_ignored(
    content: Mapping[str, Any], event_type: str, subject_id: str | None, *, is_live: bool
) -> str | None:
    if content.get("object") == _THIN:
        return "it is a thin event; payouts send snapshot events"
    if event_type not in TYPES:
        return "its type concerns no payout"
    if content.get("livemode") is not is_live:
        return f"it is not of {'live' if is_live else 'test'} mode"
    if content.get("account") is not None and not _is_id(content["account"]):
        return "its account is no id"
    if event_type in _OF_A_PAYOUT and subject_id is None:
        return "it names no payout"
    return None


def _subject_id(content: Mapping[str, Any]) -> str | None:
    data = content.get("data")
    subject = data.get("object") if isinstance(data, dict) else None
    found = subject.get("id") if isinstance(subject, dict) else None
    return found if _is_id(found) else None


def _is_id(value: object) -> bool:
    return isinstance(value, str) and bool(_ID.fullmatch(value))


def payouts_by_account(events: Iterable[Event]) -> dict[str, frozenset[str]]:
    """Fold events into work: the accounts to read, each with the payouts to read anew."""
    work: dict[str, set[str]] = {}
    for event in events:
        payouts = work.setdefault(event.account_id, set())
        if event.payout_id is not None:
            payouts.add(event.payout_id)
    return {account_id: frozenset(payouts) for account_id, payouts in sorted(work.items())}
