"""At every as-of time, all that is due in the default story ties out, as its truth says."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from loader.sandbox.banking_days import DAY
from loader.sandbox.ledger import REPORTING_CATEGORIES, BalanceTransaction, Payout
from loader.sandbox.options import SandboxOptions
from loader.sandbox.sandbox import open_sandbox
from loader.sandbox.snapshot import AccountView, Snapshot
from loader.sandbox.stripe_objects import balance
from loader.sandbox.truth import Truth, truth_in

from .conftest import FIRST_DAY

START = datetime(2026, 1, 1, tzinfo=UTC)
INSTANTS = [
    START,
    START + timedelta(hours=1, minutes=29),
    START + timedelta(days=3, hours=12),
    START + timedelta(days=8, hours=1, minutes=32),
    START + timedelta(days=15, hours=1, minutes=40),
    START + timedelta(days=20, hours=23, minutes=59, seconds=59),
    START + timedelta(days=41, hours=6),
    START + timedelta(days=66, hours=1, minutes=30),
    START + timedelta(days=87, hours=20),
    START + timedelta(days=90),
    START + timedelta(days=94, hours=1, minutes=29, seconds=59),
    START + timedelta(days=118, hours=13),
    START + timedelta(days=300, hours=1, minutes=35),
    START + timedelta(days=500, hours=17),
]


def readable(snapshot: Snapshot) -> list[AccountView]:
    views = (snapshot.platform, *snapshot.connected.values())
    return [view for view in views if view.is_accessible]


def completed(view: AccountView) -> list[Payout]:
    return [
        payout
        for payout in view.payouts.values()
        if payout.reconciliation_status_at(view.now) == "completed"
    ]


@pytest.mark.parametrize("as_of", INSTANTS, ids=str)
def test_everything_due_ties_out(as_of: datetime) -> None:
    check_everything(SandboxOptions(first_day=FIRST_DAY, as_of=as_of))


def check_everything(options: SandboxOptions) -> Snapshot:
    sandbox = open_sandbox(options)
    snapshot, truth = sandbox.snapshot, truth_in(sandbox)
    assert truth.exceptions == ()
    for view in readable(snapshot):
        for payout in view.payouts.values():
            check_payout(view, payout, truth)
        check_attribution(view, truth)
        check_rows(view)
        check_nothing_is_overdue(view)
        check_balance(view)
    return snapshot


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_other_seeds_tie_out_too(seed: int) -> None:
    options = SandboxOptions(first_day=FIRST_DAY, as_of=START + timedelta(days=90), seed=seed)
    check_everything(options)


@pytest.mark.parametrize("weekday", range(7))
def test_whatever_weekday_it_begins_on_nothing_is_left_out(weekday: int) -> None:
    begins = START + timedelta(days=weekday)
    as_of = begins + timedelta(days=90, hours=9)
    snapshot = check_everything(SandboxOptions(first_day=begins.date(), as_of=as_of))
    sent = [(view, p) for view in readable(snapshot) for p in view.payouts.values()]
    sizes = {len(rows) for view in readable(snapshot) for rows in view.lists.values()}
    assert {99, 100, 110, 200, 232} <= sizes
    failed = [p for view, p in sent if p.status_at(view.now) == "failed"]
    assert sorted(p.amount > 0 for p in failed) == [False, True, True]
    assert any(p.amount < 0 and p.status_at(view.now) == "paid" for view, p in sent)
    assert sum(p.split_from is not None for _, p in sent) == 1
    assert any(p.status_at(view.now) == "canceled" for view, p in sent)
    instant = [p for _, p in sent if p.method == "instant"]
    assert any(p.own_row.paid_out_in is not None for p in instant)
    types = {row.type for view in readable(snapshot) for row in view.transactions.values()}
    assert {"advance", "payout_minimum_balance_hold", "reserve_transaction"} <= types


def check_payout(view: AccountView, payout: Payout, truth: Truth) -> None:
    true = truth.payouts[view.account.id, payout.id]
    own = view.transactions[payout.own_row.id]
    assert (own.amount, own.currency, own.source) == (-payout.amount, payout.currency, payout.id)
    assert own.available_on == max(payout.arrival_date, payout.created)
    if true.reconciliation_status == "not_itemizable":
        assert not payout.automatic
        return
    assert payout.automatic
    assert payout.arrival_date > payout.created
    if true.reconciliation_status == "in_progress":
        return
    rows = view.transactions_of(payout).items
    assert rows[0] is own
    assert all(row.currency == payout.currency for row in rows)
    assert all(view.transactions[row.id] is row for row in rows)
    total = sum(row.net for row in rows)
    if true.reconciliation_status == "reconciled":
        assert total == 0
    else:
        assert true.reconciliation_status == "reconciled_in_group"
        siblings = [
            other
            for other in view.payouts.values()
            if other.automatic
            and (other.currency, other.arrival_date) == (payout.currency, payout.arrival_date)
            and other.created // DAY == payout.created // DAY
        ]
        assert len(siblings) == 2
        lists = [view.transactions_of(other).items for other in siblings]
        assert sum(row.net for rows in lists for row in rows) == 0
        assert sorted(len(rows) == 1 for rows in lists) == [False, True]


def check_attribution(view: AccountView, truth: Truth) -> None:
    """Read attribution off the lists, and hold it against what the ledger knows."""
    listed: dict[str, list[str]] = {}
    for payout in completed(view):
        for row in view.transactions_of(payout).items:
            if row.id != payout.own_row.id:
                listed.setdefault(row.id, []).append(payout.id)
    for row in view.transactions.values():
        true = truth.transactions[view.account.id, row.id]
        payouts = listed.get(row.id, [])
        assert len(payouts) <= 1
        assert (true.attribution_status == "settled") is bool(payouts)
        assert true.payout_id == (payouts[0] if payouts else None)
    assert len(truth.transactions) >= len(view.transactions)


def check_rows(view: AccountView) -> None:
    for row in view.transactions.values():
        assert row.created <= view.now
        assert row.fee == sum(fee.amount for fee in row.fees)
        assert row.net == row.amount - row.fee
        expected = REPORTING_CATEGORIES.get(row.type, row.type)
        assert row.reporting_category == expected or row.type == "adjustment"
        if row.currency == "isk":
            assert (row.amount % 100, row.net % 100) == (0, 0)


def check_nothing_is_overdue(view: AccountView) -> None:
    for payout in view.payouts.values():
        if payout.reconciliation_status_at(view.now) == "in_progress":
            assert view.now - payout.created < DAY
            assert payout.arrival_date > view.now
    for row in view.transactions.values():
        assert overtaking(view, row) < 2


def overtaking(view: AccountView, row: BalanceTransaction) -> int:
    """Count the completed payouts made after a row in no list became available."""
    if row.balance_type != "payments" or row.paid_out_in in view.payouts or row.type == "payout":
        return 0
    return sum(
        payout.currency == row.currency and payout.created > row.available_on
        for payout in completed(view)
    )


def check_balance(view: AccountView) -> None:
    stated = balance(view.account, view.transactions.values(), view.now)
    ledger: Counter[str] = Counter()
    for row in view.transactions.values():
        ledger[row.currency] += row.net if row.balance_type == "payments" else 0
    for currency, amount in ledger.items():
        sides = stated["available"] + stated["pending"]
        assert amount == sum(funds["amount"] for funds in sides if funds["currency"] == currency)


def test_a_payout_is_being_itemized_at_any_time() -> None:
    for hours in range(26, 24 * 9, 5):
        as_of = START + timedelta(hours=hours, minutes=hours % 60)
        snapshot = open_sandbox(SandboxOptions(first_day=FIRST_DAY, as_of=as_of)).snapshot
        in_progress = [
            (view, payout)
            for view in readable(snapshot)
            for payout in view.payouts.values()
            if payout.reconciliation_status_at(view.now) == "in_progress"
        ]
        assert in_progress
        for view, payout in in_progress:
            assert len(view.transactions_of(payout).items) <= len(payout.rows)
