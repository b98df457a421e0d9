"""What a server missed: from when on, and what Stripe is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from loader.last_run import CompleteRun
from loader.sources.scope import PLATFORM
from loader.stripe_api.client import StripeAccess
from loader.webhooks.catch_up import CAUGHT_UP, DAY, OVERLAP_SECONDS, CatchUp, Missed, gap
from loader.webhooks.event import TYPES
from loader.webhooks.inbox import Inbox
from tests.commands import KEY
from tests.scripted_stripe import Answer, Request, page, refusal, scripted_stripe
from tests.webhooks.posting import event

NOW = 1_800_000_000.0


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    inbox = Inbox(tmp_path / "events.sqlite")
    yield inbox
    inbox.close()


def complete_run(ago: float, offset: float = 0) -> CompleteRun:
    return CompleteRun(NOW - ago, offset, frozenset(), PLATFORM)


def test_after_a_whole_run_only_what_came_since_was_missed(inbox: Inbox) -> None:
    assert gap(inbox, complete_run(60), NOW).since == NOW - 60


def test_stripes_clock_is_the_one_that_counts(inbox: Inbox) -> None:
    assert gap(inbox, complete_run(60, offset=-600), NOW).since == NOW - 660


def test_what_was_looked_at_since_was_not_missed(inbox: Inbox) -> None:
    inbox.mark(CAUGHT_UP, NOW - 600)
    assert gap(inbox, complete_run(DAY), NOW).since == NOW - 600 - OVERLAP_SECONDS
    assert gap(inbox, complete_run(60), NOW).since == NOW - 60


@pytest.mark.parametrize("known", [None, complete_run(-3600)], ids=["none", "of the future"])
def test_where_nothing_was_ever_read_everything_is(inbox: Inbox, known: CompleteRun | None) -> None:
    inbox.mark(CAUGHT_UP, NOW - 600)
    found = gap(inbox, known, NOW)
    assert found.since is None
    assert "nothing was ever read" in found.reason


def test_what_stripe_no_longer_keeps_is_read_by_a_whole_run(inbox: Inbox) -> None:
    inbox.mark(CAUGHT_UP, NOW - 40 * DAY)
    found = gap(inbox, complete_run(31 * DAY), NOW)
    assert found.since is None
    assert "31 days" in found.reason
    assert "30" in found.reason


def events_since(since: float, asked: list[Request], *, only_undelivered: bool = False) -> Missed:
    """Read the events of a platform with four accounts, one revoked and one not permitted."""

    def script(request: Request) -> Answer:
        asked.append(request)
        if request.path == "/v1/accounts":
            return page(*({"id": name} for name in ("acct_1", "acct_2", "acct_gone", "acct_shut")))
        if request.account == "acct_shut":
            return refusal(403, "Permission denied.", code="more_permissions_required")
        if request.account == "acct_gone":
            return refusal(403, "Application access may have been revoked.", code="account_invalid")
        mine = event(f"evt_{request.account}")
        del mine["account"]
        if request.account == "acct_1" and "starting_after" not in request.query:
            return page(mine, has_more=True)
        if request.account == "acct_1":
            return page(event("evt_other", type="charge.failed"), {"id": "evt_odd", "type": 7})
        return page(mine)

    with scripted_stripe(script) as base:
        catch_up = CatchUp(StripeAccess(KEY, base), 0, is_live=False)
        return asyncio.run(catch_up.events_since(since, only_undelivered=only_undelivered))


def test_every_account_is_asked_and_every_page_is_read() -> None:
    asked: list[Request] = []
    missed = events_since(NOW, asked)
    found = {one.id: one for one in missed.events}
    assert {name: one.account_id for name, one in found.items()} == {
        "evt_None": PLATFORM,
        "evt_acct_1": "acct_1",
        "evt_acct_2": "acct_2",
        "evt_other": "acct_1",
    }
    assert found["evt_other"].ignored_because
    assert list(missed.errors) == ["acct_shut"]
    listings = [request for request in asked if request.path == "/v1/events"]
    assert {request.account for request in listings} == {
        *(None, "acct_1", "acct_2", "acct_gone", "acct_shut")
    }
    for request in listings:
        assert request.query["created[gte]"] == str(int(NOW))
        assert request.query["limit"] == "100"
        types = {value for name, value in request.query.items() if name.startswith("types[")}
        assert types == set(TYPES)
        assert "delivery_success" not in request.query


def test_what_was_not_delivered_can_be_asked_for_alone() -> None:
    asked: list[Request] = []
    events_since(NOW, asked, only_undelivered=True)
    listings = [request for request in asked if request.path == "/v1/events"]
    assert {request.query["delivery_success"] for request in listings} == {"false"}
