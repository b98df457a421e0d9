import time
from dataclasses import replace
from datetime import timedelta

from loader.sandbox.options import SandboxOptions
from loader.sandbox.sandbox import open_sandbox
from loader.sandbox.truth import truth_of

from .conftest import AS_OF, read_account, served


def sized(accounts: int, days: int, daily: int) -> SandboxOptions:
    return SandboxOptions.sized(
        as_of=AS_OF, accounts=accounts, days=days, transactions_per_day=daily
    )


def test_a_plain_platform_of_any_size() -> None:
    options = sized(3, 20, 40)
    assert options.first_day == AS_OF.date() - timedelta(days=20)
    with served(options) as stripe:
        accounts = stripe.all("/v1/accounts")
        assert len(accounts) == 3
        read = read_account(stripe, accounts[0]["id"])
    charges = [row for row in read.rows if row["type"] != "payout"]
    assert len(charges) == 20 * 40 + sum(
        row["created"] > AS_OF.timestamp() - 43_200 for row in charges
    )
    assert len(read.payouts) > 10
    for payout in read.payouts:
        rows = read.lists[payout["id"]]
        assert sum(row["net"] for row in rows) == 0
        assert rows[0]["id"] == payout["balance_transaction"]


def test_all_of_it_reconciles() -> None:
    truth = truth_of(sized(2, 30, 25))
    assert {payout.reconciliation_status for payout in truth.payouts.values()} == {"reconciled"}
    assert len(truth.transactions) > 3 * 30 * 25
    assert truth.exceptions == ()


def test_lists_of_an_exact_length() -> None:
    options = SandboxOptions.measured(
        as_of=AS_OF, accounts=2, payouts_per_account=30, rows_per_payout=100
    )
    with served(options) as stripe:
        accounts = stripe.all("/v1/accounts")
        read = [read_account(stripe, account["id"]) for account in accounts]
        assert stripe.all("/v1/balance_transactions") == []  # the platform's own
        assert stripe.all("/v1/accounts", account=accounts[0]["id"]) == []
    for account in read:
        assert len(account.rows) == 30 * 100
        assert {len(rows) for rows in account.lists.values()} == {100}
        assert {payout["status"] for payout in account.payouts} == {"paid"}
        listed = {row["id"] for rows in account.lists.values() for row in rows}
        assert listed == {row["id"] for row in account.rows}
    truth = truth_of(options)
    assert {payout.reconciliation_status for payout in truth.payouts.values()} == {"reconciled"}
    assert truth.exceptions == ()


def test_exact_lists_stay_as_time_goes_on() -> None:
    options = SandboxOptions.measured(
        as_of=AS_OF, accounts=1, payouts_per_account=3, rows_per_payout=5
    )
    later = replace(options, as_of=AS_OF + timedelta(days=90))
    assert truth_of(later).transactions == truth_of(options).transactions


def test_a_large_one_starts_at_once_and_pages_quickly() -> None:
    options = sized(200, 365, 20)
    started = time.monotonic()
    snapshot = open_sandbox(options).snapshot
    assert time.monotonic() - started < 3
    assert len(snapshot.accounts) == len(snapshot.connected) == 200
    view = snapshot.connected[snapshot.accounts[100].id]
    assert len(view.transactions) > 7_000
