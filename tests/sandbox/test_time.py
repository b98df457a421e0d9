"""The same options give the same answers; a later as-of only appends and ages."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

from loader.sandbox.api import Api
from loader.sandbox.ledger import Payout
from loader.sandbox.options import SandboxOptions
from loader.sandbox.sandbox import open_sandbox
from loader.sandbox.snapshot import AccountView, Snapshot
from loader.sandbox.stripe_objects import balance_transaction, payout
from loader.sandbox.truth import truth_of

from .client import Stripe
from .conftest import AS_OF, FIRST_DAY, STORY, served

AGEING = ("status", "reconciliation_status", "trace_id", "failure_code", "failure_message",
          "failure_balance_transaction")  # fmt: skip
STATES = ("pending", "in_transit", "paid", "failed", "canceled")


def snapshot_at(days: float) -> Snapshot:
    as_of = AS_OF + timedelta(days=days)
    return open_sandbox(SandboxOptions(first_day=FIRST_DAY, as_of=as_of)).snapshot


def views(snapshot: Snapshot) -> dict[str, AccountView]:
    return {snapshot.platform.account.id: snapshot.platform, **snapshot.connected}


def test_same_options_same_bytes(stripe: Stripe, harbor: str) -> None:
    paths = [
        "/v1/account",
        "/v1/accounts?limit=100",
        "/v1/balance",
        "/v1/payouts?limit=100",
        "/v1/balance_transactions?limit=100",
        "/v1/events?limit=100",
    ]
    with served(STORY) as other:
        for path in paths:
            for account in (None, harbor):
                one, two = stripe.get(path, account=account), other.get(path, account=account)
                assert one.content == two.content


def test_another_seed_tells_another_story() -> None:
    other = open_sandbox(SandboxOptions(first_day=FIRST_DAY, as_of=AS_OF, seed=2)).snapshot
    assert not set(other.platform.transactions) & set(snapshot_at(0).platform.transactions)


def test_a_later_as_of_appends_and_ages() -> None:
    snapshots = [snapshot_at(days) for days in (-60, -30.4, -9, 0, 0.9, 30, 120)]
    for earlier, later in pairwise(snapshots):
        for account_id, before in views(earlier).items():
            after = views(later)[account_id]
            assert before.account == after.account
            _assert_rows_kept(before, after)
            _assert_payouts_aged(before, after)


def _assert_rows_kept(before: AccountView, after: AccountView) -> None:
    for row in before.transactions.values():
        kept = balance_transaction(after.transactions[row.id], before.now)
        assert kept == balance_transaction(row, before.now)
    new = after.transactions.keys() - before.transactions.keys()
    assert all(after.transactions[row_id].created > before.now for row_id in new)


def _assert_payouts_aged(before: AccountView, after: AccountView) -> None:
    for sent in before.payouts.values():
        old, new = _rendered(before, sent), _rendered(after, after.payouts[sent.id])
        assert {k: v for k, v in old.items() if k not in AGEING} == {
            k: v for k, v in new.items() if k not in AGEING
        }
        assert STATES.index(old["status"]) <= STATES.index(new["status"])
        if old["reconciliation_status"] == "completed":
            assert new["reconciliation_status"] == "completed"
            listed = [row.id for row in before.transactions_of(sent).items]
            later = [row.id for row in after.transactions_of(after.payouts[sent.id]).items]
            assert listed == later


def _rendered(view: AccountView, sent: Payout) -> dict[str, Any]:
    return payout(sent, view.account, view.now)


def test_days_bring_new_accounts_and_revocations() -> None:
    before, after = snapshot_at(-17), snapshot_at(0)
    assert len(after.accounts) == len(before.accounts) + 1
    revoked = [view for view in before.connected.values() if view.is_accessible]
    assert any(not after.connected[view.account.id].is_accessible for view in revoked)


def test_a_payout_called_paid_fails_later() -> None:
    paid_first = []
    for days in (-66, -63, -60, -6, -5, -4, -3):
        snapshot = snapshot_at(days)
        later = snapshot_at(0)
        paid_first += [
            sent.id
            for account_id, view in views(snapshot).items()
            for sent in view.payouts.values()
            if sent.status_at(view.now) == "paid"
            and views(later)[account_id].payouts[sent.id].status_at(later.now) == "failed"
        ]
    assert len(set(paid_first)) == 2


def test_the_truth_of_settled_rows_never_changes() -> None:
    def settled(days: float) -> dict[tuple[str, str], str | None]:
        options = SandboxOptions(first_day=FIRST_DAY, as_of=AS_OF + timedelta(days=days))
        rows = truth_of(options).transactions
        return {key: row.payout_id for key, row in rows.items() if row.payout_id is not None}

    now, later = settled(0), settled(25)
    assert now.items() <= later.items()
    assert len(later) > len(now)


def test_years_later_it_is_still_in_business() -> None:
    snapshot = snapshot_at(500)
    recent = snapshot.now - 14 * 86_400
    busy = [
        view
        for view in views(snapshot).values()
        if any(row.created > recent for row in view.transactions.values())
    ]
    assert len(busy) > 18
    assert Api(snapshot)
