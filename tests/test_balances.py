"""What runs say one after another: proofs since a start date, months that are closed, history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from loader.run_record import RunRecord
from loader.settings import Settings
from tests.runs import reconcile, rows, settings_for
from tests.scripted_stripe import Answer, Request
from tests.small_stripe import DAY, PLATFORM, SmallStripe
from tests.synced import JANUARY

pytestmark = pytest.mark.xdist_group("balances")

FEBRUARY = JANUARY + 31 * DAY
PROOF = (
    "select proof_status, proof_basis, opening_amount_minor, ledger_amount_minor, "
    "difference_minor from finance.fct_balance_proof where currency = 'usd'"
)


class Installation:
    """Tieout with a data folder of its own, pointed at a small Stripe."""

    def __init__(self, folder: Path, base: str) -> None:
        self._folder = folder
        self._base = base

    def reconcile(self, as_of: int, **values: Any) -> RunRecord:  # noqa: ANN401
        """Run the whole job at a moment (epoch seconds)."""
        return reconcile(self._settings(as_of, values))

    def published(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the published file."""
        return rows(self._settings(0, {}).published_path, query)

    def _settings(self, as_of: int, values: dict[str, Any]) -> Settings:
        return settings_for(
            self._folder,
            datetime.fromtimestamp(as_of, UTC),
            stripe_api_key="sk_test_1",
            stripe_api_base=self._base,
            **values,
        )


@pytest.fixture
def stripe() -> SmallStripe:
    stripe = SmallStripe()
    for day in (5, 20):
        stripe.add_payout(f"po_{day:02}", JANUARY + day * DAY, 300, 500)
    stripe.add_transaction("txn_open", JANUARY + 21 * DAY, 90)
    return stripe


@pytest.fixture
def tieout(stripe: SmallStripe, tmp_path: Path) -> Iterator[Installation]:
    with stripe.served() as base:
        yield Installation(tmp_path, base)


def test_from_a_start_date_on_the_second_reading_proves_the_change(
    stripe: SmallStripe, tieout: Installation
) -> None:
    start = datetime.fromtimestamp(JANUARY + 10 * DAY, UTC).date()
    stripe.add_transaction("txn_before", JANUARY + DAY, 1_000)
    first = tieout.reconcile(FEBRUARY, start_date=start)
    assert (first.exit_code, first.exceptions) == (0, [])
    assert tieout.published(PROOF) == [("unproven", "since_baseline", 1_000, 90, None)]
    stripe.add_transaction("txn_new", JANUARY + 25 * DAY, 10)
    second = tieout.reconcile(FEBRUARY + DAY, start_date=start)
    assert second.exit_code == 0
    assert tieout.published(PROOF) == [("proven", "since_baseline", 1_000, 100, 0)]
    stripe.beyond_transactions = 7
    third = tieout.reconcile(FEBRUARY + 2 * DAY, start_date=start)
    assert third.exit_code == 3
    assert tieout.published(PROOF) == [("unproven", "since_baseline", 1_000, 100, 7)]
    assert [found["exception_type"] for found in third.exceptions] == ["balance_unproven"]


def test_a_balance_that_moves_while_it_is_looked_into_is_moving_and_no_exception(
    stripe: SmallStripe, tieout: Installation
) -> None:
    def drifting(request: Request) -> Answer | None:
        stripe.beyond_transactions += 500 if request.path == "/v1/balance" else 0
        return None

    stripe.answer = drifting
    record = tieout.reconcile(FEBRUARY)
    assert (record.exit_code, record.exceptions) == (0, [])
    assert [row[0] for row in tieout.published(PROOF)] == ["moving"]
    stripe.answer = lambda _: None
    assert tieout.reconcile(FEBRUARY).exit_code == 3
    assert [row[0] for row in tieout.published(PROOF)] == ["unproven"]


MONTHS = (
    "select month_start_date::varchar, opening_amount_minor, prior_period_minor, "
    "closing_amount_minor, closing_status from finance.fct_balance_rollforward order by 1"
)


def test_what_comes_late_to_a_closed_month_is_booked_where_it_was_seen(
    stripe: SmallStripe, tieout: Installation
) -> None:
    tieout.reconcile(FEBRUARY + 10 * DAY)
    assert tieout.published(MONTHS)[0] == ("2026-01-01", 0, 0, 90, "tied")
    stripe.add_transaction("txn_late", JANUARY + 20 * DAY, 33)
    stripe.add_transaction("txn_new", FEBRUARY + 11 * DAY, 5)
    assert tieout.reconcile(FEBRUARY + 12 * DAY).exit_code == 0
    assert tieout.published(MONTHS) == [
        ("2026-01-01", 0, 0, 90, "tied"),
        ("2026-02-01", 90, 33, 128, "tied"),
    ]
    # The past, looked at later, is the past still.
    assert tieout.reconcile(JANUARY + 30 * DAY).exit_code == 0
    assert tieout.published(MONTHS)[0] == ("2026-01-01", 0, 0, 90, "tied")


def test_what_was_said_of_a_payout_and_what_is_said_now_are_both_kept(
    stripe: SmallStripe, tieout: Installation
) -> None:
    tieout.reconcile(JANUARY + 25 * DAY)
    (paid,) = (item for item in stripe.payouts[PLATFORM] if item["id"] == "po_20")
    stripe.add_transaction(
        "txn_back", JANUARY + 26 * DAY, paid["amount"], type="payout_failure", source="po_20"
    )
    paid |= {"status": "failed", "failure_balance_transaction": "txn_back"}
    tieout.reconcile(JANUARY + 27 * DAY)
    said = tieout.published(
        "select statement_number, said_at::date::varchar, said_until::date::varchar, "
        "payout_status, settlement_status, cash_minor, reconciliation_status "
        "from finance.fct_payout_reconciliation_history where payout_id = 'po_20' order by 1"
    )
    assert said == [
        (1, "2026-01-26", "2026-01-28", "paid", "paid", 800, "reconciled"),
        (2, "2026-01-28", None, "failed", "failed_in_balance", 0, "reconciled"),
    ]
    assert tieout.published(
        "select count(*) from finance.fct_payout_reconciliation_history where payout_id = 'po_05'"
    ) == [(1,)]
