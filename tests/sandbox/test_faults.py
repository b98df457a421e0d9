"""Every planted discrepancy shows over HTTP where its truth says, and nothing else is off."""

from dataclasses import replace
from datetime import timedelta

import pytest

from loader.sandbox.faults import FAULTS
from loader.sandbox.planting import Planted
from loader.sandbox.truth import Truth, truth_of

from .client import Json, Stripe
from .conftest import BROKEN, ReadAccount, read_account


@pytest.fixture(scope="module")
def broken_truth() -> Truth:
    return truth_of(BROKEN)


@pytest.fixture(scope="module")
def broken(broken_stripe: Stripe, broken_truth: Truth) -> dict[str, ReadAccount]:
    return {
        account.account_id: read_account(broken_stripe, account.account_id)
        for account in broken_truth.accounts.values()
        if account.access_status == "readable"
    }


def planted(truth: Truth, name: str) -> Planted:
    return next(fault for fault in truth.planted if fault.fault == name)


def test_all_faults_are_planted_on_accounts_of_their_own(broken_truth: Truth) -> None:
    assert [fault.fault for fault in broken_truth.planted] == [fault.name for fault in FAULTS]
    places = [fault.expected[0].account_id for fault in broken_truth.planted]
    assert len(set(places)) == len(places)


def test_each_kind_of_exception_is_expected(broken_truth: Truth) -> None:
    first = {fault.fault: fault.expected[0].exception_type for fault in broken_truth.planted}
    assert first == {
        "lose_row": "components_do_not_sum",
        "list_row_twice": "transaction_in_two_payouts",
        "lose_own_row": "missing_payout_row",
        "misstate_own_row": "payout_row_mismatch",
        "contradict_ledger": "component_differs",
        "list_unknown_row": "orphan_payout_transaction",
        "list_other_currency": "currency_mismatch",
        "lose_returning_row": "failed_payout_not_returned",
        "never_itemize": "overdue_itemization",
        "invent_category": "unknown_category",
        "repeat_ids": "itemization_incomplete",
        "deny_access": "account_unreadable",
    }
    assert not any(
        expected.is_consequence
        for expected in (fault.expected[0] for fault in broken_truth.planted)
    )


def total(rows: list[Json]) -> int:
    return sum(row["net"] for row in rows)


def test_only_the_lists_meddled_with_do_not_tie(
    broken: dict[str, ReadAccount], broken_truth: Truth
) -> None:
    odd = set()
    for account in broken.values():
        for payout_id, rows in account.lists.items():
            ids = [row["id"] for row in rows]
            own = account.payout(payout_id)["balance_transaction"]
            ledger = {row["id"]: row for row in account.rows}
            payout = account.payout(payout_id)
            good = (
                total(rows) == 0
                and len(set(ids)) == len(ids)
                and ids[0] == own
                and all(ledger.get(row["id"]) == row for row in rows)
                and all(row["currency"] == payout["currency"] for row in rows)
            )
            if not good:
                odd.add((account.id, payout_id))
    doubtful = {
        key
        for key, payout in broken_truth.payouts.items()
        if payout.reconciliation_status in {"unreconciled", "reconciled_in_group", "in_progress"}
    }
    listed_once = planted(broken_truth, "list_row_twice").reconciliation_status
    assert odd <= doubtful
    # The list the row belongs to looks right by itself; only the other one gives it away.
    assert doubtful - odd <= set(listed_once)
    assert len(doubtful - odd) == 1


def test_a_lost_row_is_in_the_ledger_and_in_no_list(
    broken: dict[str, ReadAccount], broken_truth: Truth
) -> None:
    fault = planted(broken_truth, "lose_row")
    ((account_id, row_id),) = fault.attribution
    account = broken[account_id]
    assert row_id in {row["id"] for row in account.rows}
    assert row_id not in {row["id"] for rows in account.lists.values() for row in rows}
    assert broken_truth.transactions[account_id, row_id].attribution_status == "unsettled"
    assert fault.expected[1].exception_type == "unsettled_too_long"


def test_a_row_is_in_two_lists(broken: dict[str, ReadAccount], broken_truth: Truth) -> None:
    ((account_id, row_id),) = planted(broken_truth, "list_row_twice").attribution
    places = [rows for rows in broken[account_id].lists.values() if row_id in ids_of(rows)]
    assert len(places) == 2
    assert broken_truth.transactions[account_id, row_id].payout_id is None


def ids_of(rows: list[Json]) -> set[str]:
    return {row["id"] for row in rows}


def test_an_own_row_is_missing_and_one_is_wrong(
    broken: dict[str, ReadAccount], broken_truth: Truth
) -> None:
    ((account_id, row_id),) = planted(broken_truth, "lose_own_row").rows_gone
    account = broken[account_id]
    assert row_id not in ids_of(account.rows)
    assert (account_id, row_id) not in broken_truth.transactions
    assert row_id in {payout["balance_transaction"] for payout in account.payouts}
    wrong = planted(broken_truth, "misstate_own_row").expected[0]
    account = broken[wrong.account_id]
    payout = account.payout(wrong.payout_id or "")
    row = next(r for r in account.rows if r["id"] == payout["balance_transaction"])
    assert row["amount"] != -payout["amount"]


def test_copies_that_disagree_and_rows_listed_only(
    broken: dict[str, ReadAccount], broken_truth: Truth
) -> None:
    differs = planted(broken_truth, "contradict_ledger").expected[0]
    account = broken[differs.account_id]
    listed = next(
        row
        for row in account.lists[differs.payout_id or ""]
        if row["id"] == differs.balance_transaction_id
    )
    kept = next(row for row in account.rows if row["id"] == listed["id"])
    assert listed["net"] != kept["net"]
    assert listed["net"] == listed["amount"] - listed["fee"]
    orphan = planted(broken_truth, "list_unknown_row").expected[0]
    account = broken[orphan.account_id]
    assert orphan.balance_transaction_id in ids_of(account.lists[orphan.payout_id or ""])
    assert orphan.balance_transaction_id not in ids_of(account.rows)


def test_a_list_of_two_currencies_still_sums(
    broken: dict[str, ReadAccount], broken_truth: Truth
) -> None:
    mixed = planted(broken_truth, "list_other_currency").expected[0]
    rows = broken[mixed.account_id].lists[mixed.payout_id or ""]
    assert len({row["currency"] for row in rows}) == 2
    assert total(rows) == 0


def test_money_that_never_came_back(broken: dict[str, ReadAccount], broken_truth: Truth) -> None:
    lost = planted(broken_truth, "lose_returning_row").expected[0]
    payout = broken[lost.account_id].payout(lost.payout_id or "")
    assert payout["status"] == "failed"
    assert payout["failure_balance_transaction"] is None
    true = broken_truth.payouts[lost.account_id, payout["id"]]
    assert (true.settlement_status, true.reconciliation_status) == (
        "failed_return_missing",
        "reconciled",
    )


def test_a_payout_arrived_without_being_itemized(
    broken: dict[str, ReadAccount], broken_truth: Truth
) -> None:
    overdue = planted(broken_truth, "never_itemize").expected[0]
    payout = broken[overdue.account_id].payout(overdue.payout_id or "")
    assert payout["reconciliation_status"] == "in_progress"
    assert payout["arrival_date"] < BROKEN.now
    statuses = {
        row.attribution_status
        for row in broken_truth.transactions.values()
        if row.payout_id == payout["id"]
    }
    assert not statuses


def test_an_undocumented_category(broken: dict[str, ReadAccount], broken_truth: Truth) -> None:
    odd = planted(broken_truth, "invent_category").expected[0]
    assert odd.severity == "warning"
    row = next(r for r in broken[odd.account_id].rows if r["id"] == odd.balance_transaction_id)
    assert row["reporting_category"] == row["type"] == "loyalty_rebate"


@pytest.mark.parametrize("limit", [100, 60])
def test_a_list_repeats_an_id_on_the_next_page(
    broken_stripe: Stripe, broken_truth: Truth, limit: int
) -> None:
    odd = planted(broken_truth, "repeat_ids").expected[0]
    pages = list(
        broken_stripe.pages(
            "/v1/balance_transactions", account=odd.account_id, payout=odd.payout_id, limit=limit
        )
    )
    assert len(pages) >= 2
    assert pages[0][-1]["id"] == pages[1][0]["id"]
    assert broken_truth.undetermined


def test_an_account_cannot_be_read(broken_stripe: Stripe, broken_truth: Truth) -> None:
    denied = planted(broken_truth, "deny_access").expected[0].account_id
    assert denied in {account["id"] for account in broken_stripe.all("/v1/accounts")}
    for path in ("/v1/payouts", "/v1/balance_transactions", "/v1/balance"):
        answer = broken_stripe.get(path, account=denied)
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "more_permissions_required"
    assert broken_truth.accounts[denied].access_status == "failed"


def test_balances_that_cannot_be_proven_any_more(broken_truth: Truth) -> None:
    unproven = [e for e in broken_truth.exceptions if e.exception_type == "balance_unproven"]
    meddled = {
        planted(broken_truth, name).expected[0].account_id
        for name in ("lose_own_row", "misstate_own_row", "list_unknown_row")
    }
    assert {expected.account_id for expected in unproven} == meddled


def test_truth_keeps_what_was_true_of_the_rest(broken_truth: Truth, truth: Truth) -> None:
    changed = {
        key for fault in broken_truth.planted for key in (*fault.attribution, *fault.rows_gone)
    }
    for key, row in broken_truth.transactions.items():
        if key not in changed:
            assert truth.transactions[key] == row


def test_faults_stay_where_they_are_as_time_goes_on(broken_truth: Truth) -> None:
    later = truth_of(replace(BROKEN, as_of=BROKEN.as_of + timedelta(days=45)))
    for before, after in zip(broken_truth.planted, later.planted, strict=True):
        if before.fault != "never_itemize":  # that one heals, and befalls the newest again
            assert before == after
