"""How few requests a sync makes, and that it misses nothing for it: the balance is the proof."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from loader.sources.price import Price
from loader.stripe_api.errors import KeyRefusedError
from tests.scripted_stripe import Answer, Request, refusal
from tests.small_stripe import DAY, PLATFORM, SmallStripe
from tests.synced import JANUARY, Synced

MANUAL = {"automatic": False, "reconciliation_status": "not_applicable"}
LISTING = "/v1/balance_transactions"


def add_days_of_payouts(stripe: SmallStripe, first: int, days: int, **more: Any) -> None:  # noqa: ANN401
    """Add a payout a day, each with 49 transactions, a row a half-hour."""
    for day in range(first, first + days):
        stripe.add_payout(f"po_{day:03}", JANUARY + day * DAY, *range(1, 50), **more)


def created_pages(stripe: SmallStripe) -> int:
    return sum("payout" not in query for query in stripe.questions(LISTING))


def assert_whole(stripe: SmallStripe, synced: Synced) -> None:
    """Assert that every transaction is in the warehouse, wherever it was read."""
    known = synced.ids("payout_transactions") | synced.ids("balance_transactions")
    assert known == {row["id"] for row in stripe.transactions[PLATFORM]}


def test_settled_transactions_are_fetched_once(stripe: SmallStripe, synced: Synced) -> None:
    add_days_of_payouts(stripe, 0, 60)
    result = synced.sync()
    assert created_pages(stripe) == 1
    assert result.requests.total() == result.requests_floor.total() == 1 + 1 + 1 + 60 + 1 + 1
    assert_whole(stripe, synced)


def test_where_nothing_is_new_an_account_takes_three_requests(
    stripe: SmallStripe, synced: Synced
) -> None:
    add_days_of_payouts(stripe, 0, 60)
    synced.sync()
    stripe.asked.clear()
    result = synced.sync()
    assert dict(result.requests) == {
        "/v1/account": 1,
        "/v1/accounts": 1,
        "/v1/payouts": 1,
        "/v1/balance": 1,
        LISTING: 1,
    }
    assert result.requests == result.requests_floor


def test_the_unsettled_tail_is_followed_to_what_lists_cover(
    stripe: SmallStripe, synced: Synced
) -> None:
    add_days_of_payouts(stripe, 0, 30)
    for minute in range(350):
        stripe.add_transaction(f"txn_new_{minute:03}", JANUARY + 30 * DAY + minute * 60, 7)
    synced.sync()
    assert created_pages(stripe) == 4
    assert_whole(stripe, synced)


def test_an_account_of_manual_payouts_is_listed_by_created(
    stripe: SmallStripe, synced: Synced
) -> None:
    add_days_of_payouts(stripe, 0, 12, **MANUAL)
    synced.sync()
    assert created_pages(stripe) == math.ceil(12 * 50 / 100)
    assert_whole(stripe, synced)


@pytest.mark.parametrize("manual_first", [True, False])
def test_what_manual_payouts_paid_is_listed_where_others_are_automatic(
    stripe: SmallStripe, synced: Synced, manual_first: bool
) -> None:
    # The charges that a manual payout paid and its own row add up to 0: no balance betrays them.
    add_days_of_payouts(stripe, 0, 30, **(MANUAL if manual_first else {}))
    add_days_of_payouts(stripe, 30, 30, **({} if manual_first else MANUAL))
    result = synced.sync()
    assert_whole(stripe, synced)
    assert result.requests.total() <= 1.1 * result.requests_floor.total()


def test_a_swept_manual_payout_is_covered_by_the_list_that_holds_it(
    stripe: SmallStripe, synced: Synced
) -> None:
    add_days_of_payouts(stripe, 0, 20)
    stripe.add_payout("po_manual", JANUARY + 5 * DAY, **MANUAL)
    stripe.lists["po_006"].append("txn_po_manual")
    synced.sync()
    assert created_pages(stripe) == 1
    assert_whole(stripe, synced)


def test_an_old_transaction_in_no_list_is_found_because_the_balance_tells(
    stripe: SmallStripe, synced: Synced
) -> None:
    add_days_of_payouts(stripe, 0, 60)
    stripe.add_transaction("txn_stray", JANUARY + 3 * DAY, 12)
    synced.sync()
    assert_whole(stripe, synced)


def test_a_transaction_that_appears_weeks_late_is_found_by_the_next_run(
    stripe: SmallStripe, synced: Synced
) -> None:
    add_days_of_payouts(stripe, 0, 60)
    synced.sync()
    stripe.add_transaction("txn_late", JANUARY + 10 * DAY, 12)
    synced.sync()
    assert_whole(stripe, synced)
    synced.sync()
    assert created_pages(stripe) == 1


def test_a_wrong_balance_is_searched_for_once(stripe: SmallStripe, synced: Synced) -> None:
    add_days_of_payouts(stripe, 0, 60)
    stripe.beyond_transactions = 1
    synced.sync()
    assert created_pages(stripe) >= 30
    assert synced.unexplained() == '{"usd": -1}'
    synced.sync()
    assert created_pages(stripe) == 1


def test_a_difference_that_was_explained_is_searched_for_when_it_comes_back(
    stripe: SmallStripe, synced: Synced
) -> None:
    add_days_of_payouts(stripe, 0, 60)
    stripe.beyond_transactions = 1
    synced.sync()
    stripe.beyond_transactions = 0
    synced.sync()
    assert synced.unexplained() == ""
    stripe.add_transaction("txn_late", JANUARY + 10 * DAY, 1)
    synced.sync()
    assert "txn_late" in synced.ids("balance_transactions")


def test_a_balance_that_goes_wrong_every_day_is_not_searched_for_everywhere_every_day(
    stripe: SmallStripe, synced: Synced
) -> None:
    add_days_of_payouts(stripe, 0, 60)
    for wrong in (1, 2, 3):
        stripe.beyond_transactions = wrong
        synced.sync()
    assert created_pages(stripe) <= 2


def test_a_difference_that_stayed_a_week_is_searched_for_again(
    stripe: SmallStripe, synced: Synced
) -> None:
    add_days_of_payouts(stripe, 0, 60)
    stripe.beyond_transactions = 12
    synced.sync()
    # What the balance held all along shows up among the rows weeks later.
    stripe.beyond_transactions = 0
    stripe.add_transaction("txn_late", JANUARY + 10 * DAY, 12)
    synced.sync()
    assert "txn_late" not in synced.ids("balance_transactions")
    synced.change("update stripe.account_syncs set searched_at = searched_at - 8 * 86400")
    synced.sync()
    assert_whole(stripe, synced)
    assert synced.unexplained() == ""


def busy(stripe: SmallStripe, synced: Synced, currency: str) -> Callable[[Request], None]:
    """A row comes in after each balance, dated so that no clock could excuse it."""

    def answer(request: Request) -> None:
        if request.path == LISTING and "payout" not in request.query:
            number = len(stripe.asked)
            stripe.add_transaction(f"txn_{number}", synced.now() - 60, 7, currency=currency)

    return answer


def test_what_is_off_all_along_is_not_moving_however_busy_the_account(
    stripe: SmallStripe, synced: Synced
) -> None:
    add_days_of_payouts(stripe, 0, 20)
    stripe.beyond_transactions = 100_000
    stripe.answer = busy(stripe, synced, "eur")
    synced.sync()
    assert set(json.loads(synced.moving())) == {"eur"}
    assert json.loads(synced.unexplained())["usd"] == -100_000


def test_a_difference_that_changes_while_it_is_looked_into_is_moving(
    stripe: SmallStripe, synced: Synced
) -> None:
    add_days_of_payouts(stripe, 0, 20)

    def drifting(request: Request) -> Answer | None:
        if request.path == "/v1/balance":
            stripe.beyond_transactions += 500
        return None

    stripe.answer = drifting
    synced.sync()
    assert set(json.loads(synced.moving())) == {"usd"}


START = JANUARY + 20 * DAY
# A day of charges that a payout after the start paid out, and a charge that nothing did.
OPENING = {"usd": sum(range(1, 50)) + 12}


def test_from_a_start_date_on_the_first_balance_is_the_baseline(
    stripe: SmallStripe, synced: Synced
) -> None:
    add_days_of_payouts(stripe, 0, 60)
    stripe.add_transaction("txn_before", JANUARY + 3 * DAY, 12)
    synced.sync(start=START)
    assert len(stripe.questions("/v1/balance")) == 1
    assert json.loads(synced.opening()) == OPENING
    synced.sync(start=START)
    assert created_pages(stripe) == 1
    assert synced.unexplained() == ""
    stripe.add_transaction("txn_late", JANUARY + 25 * DAY, 30)
    synced.sync(start=START)
    assert "txn_late" in synced.ids("balance_transactions")
    assert json.loads(synced.opening()) == OPENING


def test_what_was_there_before_is_asked_for_when_nothing_names_its_currency_any_more(
    stripe: SmallStripe, synced: Synced
) -> None:
    add_days_of_payouts(stripe, 0, 60)
    stripe.other_balances = {"pending": [{"amount": 50, "currency": "eur"}]}
    synced.sync(start=START)
    assert json.loads(synced.opening())["eur"] == 50
    stripe.other_balances = {}
    synced.sync(start=START)
    assert json.loads(synced.unexplained()) == {"eur": 50}


def test_a_baseline_that_a_killed_run_did_not_note_is_noted_by_the_next(
    stripe: SmallStripe, synced: Synced, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_days_of_payouts(stripe, 0, 60)
    stripe.add_transaction("txn_before", JANUARY + 3 * DAY, 12)

    async def killed(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("loader.sync._Sync._tie_loose_ends", killed)
        with pytest.raises(KeyboardInterrupt):
            synced.sync(start=START)
    assert synced.opening() == ""
    synced.sync(start=START)
    assert json.loads(synced.opening()) == OPENING
    assert synced.unexplained() == ""


def test_a_row_of_the_baselines_very_moment_is_not_taken_for_what_was_before(
    stripe: SmallStripe, synced: Synced
) -> None:
    add_days_of_payouts(stripe, 0, 60)
    stripe.add_transaction("txn_before", JANUARY + 3 * DAY, 12)
    balance_read_at: list[int] = []
    came: list[str] = []

    def hurried(request: Request) -> Answer | None:
        """One row comes right after the first balance, in the same second."""
        if request.path == "/v1/balance":
            balance_read_at.append(synced.now())
        if request.path == LISTING and "payout" not in request.query and not came:
            came.append("txn_now")
            stripe.add_transaction("txn_now", balance_read_at[0], 900)
        return None

    stripe.answer = hurried
    synced.sync(start=START)
    assert json.loads(synced.opening() or json.dumps(OPENING)) == OPENING
    time.sleep(3)
    synced.sync(start=START)
    assert json.loads(synced.opening()) == OPENING
    assert synced.unexplained() == ""


def test_a_row_that_comes_while_the_baseline_is_on_its_way_is_not_taken_for_what_was_before(
    stripe: SmallStripe, synced: Synced
) -> None:
    add_days_of_payouts(stripe, 0, 60)
    stripe.add_transaction("txn_before", JANUARY + 3 * DAY, 12)
    came: list[str] = []

    def slow(request: Request) -> Answer | None:
        """The first balance takes its time to come; meanwhile there is another row."""
        if request.path != "/v1/balance" or came:
            return None
        balance = stripe.answer_plainly(request)
        came.append("txn_now")
        stripe.add_transaction("txn_now", synced.now(), 900)
        time.sleep(5)
        return balance

    stripe.answer = slow
    synced.sync(start=START)
    assert json.loads(synced.opening()) == OPENING
    assert synced.unexplained() == ""


def test_a_list_is_not_dated_after_the_listing_that_followed_it(
    stripe: SmallStripe, synced: Synced
) -> None:
    """Else a row of the list that the listing lacks would be taken for one that came later."""
    add_days_of_payouts(stripe, 0, 3)
    listed: list[str] = []

    def ahead(request: Request) -> Answer | None:
        """Until a list is read, answers are slow, and their clock is half a minute ahead."""
        if "payout" in request.query:
            listed.append(request.query["payout"])
        if listed:
            return None
        time.sleep(0.5)
        date = formatdate(synced.now() + 30, usegmt=True)
        return replace(stripe.answer_plainly(request), headers={"Date": date})

    stripe.answer = ahead
    synced.sync()
    assert len(listed) == 3
    (came_later,) = synced.one(
        "select count(*) from stripe.payout_listings inner join stripe.account_syncs "
        "using (account_id) where listed_at > transactions_listed_at"
    )
    assert came_later == 0


def test_an_account_with_another_balance_is_listed_by_created(
    stripe: SmallStripe, synced: Synced
) -> None:
    add_days_of_payouts(stripe, 0, 60)
    stripe.add_transaction("txn_card", JANUARY + 3 * DAY, -5, balance_type="issuing")
    stripe.add_transaction("txn_back", JANUARY + 4 * DAY, 5, balance_type="issuing")
    stripe.other_balances = {"issuing": {"available": [{"amount": 0, "currency": "usd"}]}}
    synced.sync()
    assert_whole(stripe, synced)


def test_rows_that_come_in_while_it_is_read_do_not_unsettle_the_proof(
    stripe: SmallStripe, synced: Synced
) -> None:
    add_days_of_payouts(stripe, 0, 60)

    def busy(request: Request) -> Answer | None:
        if request.path == LISTING and "payout" not in request.query:
            stripe.add_transaction(f"txn_now_{len(stripe.asked)}", synced.now(), 900)
        return None

    stripe.answer = busy
    synced.sync()
    assert created_pages(stripe) == 1
    assert synced.unexplained() == ""


def break_off(stripe: SmallStripe, synced: Synced, *, after: int, **options: Any) -> set[str]:  # noqa: ANN401
    """Sync until so much was asked; answer the payouts whose lists were stored."""

    def refused(_: Request) -> Answer | None:
        if len(stripe.asked) <= after:
            return None
        time.sleep(2)  # what was read is loaded meanwhile
        return refusal(401, "Invalid API Key provided: sk_test_*1")

    stripe.answer = refused
    with pytest.raises(KeyRefusedError):
        synced.sync(**options)
    stripe.answer = lambda _: None
    return synced.ids("payout_listings")


@pytest.fixture
def in_small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load and mark after few rows and pages."""
    monkeypatch.setattr("loader.sync.BATCH_ROWS", 10)
    monkeypatch.setattr("loader.sources.created_listing.PAGES_IN_STRETCH", 1)
    monkeypatch.setattr("loader.sources.created_listing.PAGES_BETWEEN_MARKS", 2)


def test_an_interrupted_first_reading_goes_on_where_it_was(
    stripe: SmallStripe, synced: Synced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loader.sync.BATCH_ROWS", 500)
    add_days_of_payouts(stripe, 0, 120)
    add_days_of_payouts(stripe, 120, 10, **MANUAL)

    stored = break_off(stripe, synced, after=100)
    assert stored
    synced.sync()
    assert not stored.intersection(synced.lists_asked)
    assert len(stripe.questions("/v1/payouts")) == 1
    assert_whole(stripe, synced)
    assert created_pages(stripe) <= 7


@pytest.mark.parametrize("earlier", [None, JANUARY + 10 * DAY])
def test_a_widened_history_goes_on_where_it_was_broken_off(
    stripe: SmallStripe, synced: Synced, monkeypatch: pytest.MonkeyPatch, earlier: int | None
) -> None:
    monkeypatch.setattr("loader.sync.BATCH_ROWS", 500)
    add_days_of_payouts(stripe, 0, 120)
    add_days_of_payouts(stripe, 120, 10, **MANUAL)
    synced.sync(start=JANUARY + 100 * DAY)
    listed_first = synced.ids("payout_listings")
    stored = break_off(stripe, synced, after=70, start=earlier)
    assert not listed_first.intersection(synced.lists_asked)
    assert stored > listed_first
    synced.sync(start=earlier)
    assert not stored.intersection(synced.lists_asked)
    assert len(stripe.questions("/v1/payouts")) == 1
    assert synced.unexplained() == ""
    known = {row[0] for row in synced.ledger()}
    assert known >= {
        t["id"] for t in stripe.transactions[PLATFORM] if t["created"] >= (earlier or 0)
    }


@pytest.mark.usefixtures("in_small_parts")
@pytest.mark.parametrize("start", [None, JANUARY + 2 * DAY])
@pytest.mark.parametrize("first", [None, JANUARY + 55 * DAY])
def test_a_row_that_came_late_into_what_a_broken_off_run_had_read_is_found(
    stripe: SmallStripe, synced: Synced, start: int | None, first: int | None
) -> None:
    add_days_of_payouts(stripe, 0, 60, **MANUAL)
    if first:
        synced.sync(start=first)
    break_off(stripe, synced, after=30, start=start)
    (middle,) = synced.one(
        "select (created_from + created_through) // 2 from stripe.created_stretches where "
        f"raw_table = 'balance_transactions' and created_from >= {start or JANUARY} "
        "and created_through is not null order by created_from limit 1"
    )
    stripe.add_transaction("txn_late", middle, 71_317)
    synced.sync(start=start)
    assert "txn_late" in synced.ids("balance_transactions")
    synced.sync(start=start)
    assert synced.unexplained() == ""


@pytest.mark.usefixtures("in_small_parts")
def test_payouts_between_two_broken_off_readings_are_read(
    stripe: SmallStripe, synced: Synced
) -> None:
    add_days_of_payouts(stripe, 0, 40)
    break_off(stripe, synced, after=30)
    add_days_of_payouts(stripe, 40, 80)
    break_off(stripe, synced, after=60, start=JANUARY + 60 * DAY)
    synced.sync()
    assert synced.ids("payouts") == {payout["id"] for payout in stripe.payouts[PLATFORM]}
    assert_whole(stripe, synced)


def test_a_price_tells_what_a_start_date_comes_too_late_for(
    stripe: SmallStripe, synced: Synced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loader.sync.BATCH_ROWS", 500)
    add_days_of_payouts(stripe, 0, 120)
    stored = break_off(stripe, synced, after=70)
    price = synced.plan(start=JANUARY + 110 * DAY)
    before_start = {f"po_{day:03}" for day in range(110)} - stored
    assert price.lists_before_start == len(before_start) > 0
    assert synced.plan().lists_before_start == 0
    synced.sync(start=JANUARY + 110 * DAY)
    assert before_start <= set(synced.lists_asked)


def test_reading_everything_again_does_not_take_a_difference_for_what_was_there_before(
    stripe: SmallStripe, synced: Synced
) -> None:
    add_days_of_payouts(stripe, 0, 60)
    stripe.add_transaction("txn_before", JANUARY + 3 * DAY, 12)
    synced.sync(start=START)
    stripe.beyond_transactions = 5
    synced.sync(start=START)
    assert synced.unexplained() == '{"usd": -5}'
    synced.sync(start=START, full=True)
    assert json.loads(synced.opening()) == OPENING
    assert synced.unexplained() == '{"usd": -5}'


def test_reading_everything_again_finds_no_difference(stripe: SmallStripe, synced: Synced) -> None:
    add_days_of_payouts(stripe, 0, 20, **MANUAL)
    add_days_of_payouts(stripe, 20, 20)
    synced.sync()
    before = synced.ledger()
    synced.sync(full=True)
    assert synced.ledger() == before
    assert 20 <= created_pages(stripe) <= 22


def test_a_plan_tells_the_price_and_writes_nothing(
    stripe: SmallStripe, synced: Synced, tmp_path: Path
) -> None:
    stripe.connected = ["acct_revoked", "acct_fine"]
    gone = refusal(403, "no access", code="account_invalid")
    stripe.answer = lambda request: gone if request.account == "acct_revoked" else None
    add_days_of_payouts(stripe, 0, 8)
    price = synced.plan()
    assert (price.accounts, price.accounts_never_read, price.lists) == (2, 2, 8)
    assert dict(price.requests) == {LISTING: 8 + 2, "/v1/balance": 2}
    assert list(tmp_path.iterdir()) == []
    synced.sync()
    price = synced.plan()
    assert (price.accounts_never_read, price.lists) == (0, 0)


@pytest.mark.parametrize(
    ("pace", "seconds"), [(0, 0), (25, (250 + 10) / 25), (100, 250 / 25), (10, 26)]
)
def test_a_price_takes_the_slower_of_one_endpoint_and_all(pace: float, seconds: float) -> None:
    requests = Counter({LISTING: 250, "/v1/balance": 10})
    assert Price(requests=requests, requests_per_second=pace).seconds == seconds
