"""The payouts the default story promises, found from outside by looking for them."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from loader.sandbox.banking_days import DAY
from loader.sandbox.truth import Truth

from .client import Json, Stripe
from .conftest import AS_OF, ReadAccount

Everything = dict[str, ReadAccount]
NOW = int(AS_OF.timestamp())


def payouts(everything: Everything) -> Iterator[tuple[ReadAccount, Json]]:
    for account in everything.values():
        for payout in account.payouts:
            yield account, payout


def test_automatic_payouts_are_made_at_night_and_arrive_on_banking_days(
    everything: Everything,
) -> None:
    automatic = [payout for _, payout in payouts(everything) if payout["automatic"]]
    assert len(automatic) > 300
    for payout in automatic:
        assert 5_400 <= payout["created"] % DAY < 6_600
        assert payout["arrival_date"] % DAY == 0
        assert (payout["arrival_date"] // DAY + 3) % 7 < 5  # 1970-01-01 was a Thursday
        assert payout["arrival_date"] > payout["created"]


def test_two_payouts_in_flight_at_once(everything: Everything) -> None:
    for account in everything.values():
        automatic = [p for p in account.payouts if p["automatic"] and p["currency"] == "eur"]
        if any(
            newer["created"] < older["arrival_date"] - DAY
            for newer, older in pairwise(automatic)
            if newer["created"] - older["created"] > DAY // 2
        ):
            return
    pytest.fail("no payout was made while another was on its way")


def test_a_late_row_is_paid_before_an_early_one(everything: Everything) -> None:
    for account in everything.values():
        paid_in = {
            row["id"]: account.payout(payout_id)["created"]
            for payout_id, listed in account.lists.items()
            for row in listed[1:]
        }
        settled = [row for row in account.rows if row["id"] in paid_in]
        if any(paid_in[newer["id"]] < paid_in[older["id"]] for newer, older in pairwise(settled)):
            return
    pytest.fail("rows are paid out in the order they were made")


def test_a_negative_payout_debits_the_bank(everything: Everything) -> None:
    account, payout = next(
        (account, payout) for account, payout in payouts(everything) if payout["amount"] < -10_000
    )
    listed = account.lists[payout["id"]]
    assert listed[0]["net"] == -payout["amount"] > 0
    assert sum(row["net"] for row in listed) == 0
    assert payout["status"] == "paid"


def test_a_failed_payout_whose_money_returns(everything: Everything, truth: Truth) -> None:
    failed = [
        (account, payout) for account, payout in payouts(everything) if payout["status"] == "failed"
    ]
    statuses = set()
    for account, payout in failed:
        true = truth.payouts[account.id, payout["id"]]
        statuses.add(true.settlement_status)
        row = next(r for r in account.rows if r["id"] == payout["failure_balance_transaction"])
        assert (row["type"], row["net"], row["source"]) == (
            "payout_failure",
            payout["amount"],
            payout["id"],
        )
        assert row["available_on"] == row["created"] > payout["arrival_date"] + DAY
        assert payout["failure_code"]
        assert payout["failure_message"]
        listed = [
            po for po, listed in account.lists.items() if row["id"] in {r["id"] for r in listed}
        ]
        assert listed == ([true.returned_in_payout_id] if true.returned_in_payout_id else [])
    assert statuses == {"failed_repaid", "failed_in_balance"}


def test_a_manual_account_with_a_cancelled_payout(everything: Everything, truth: Truth) -> None:
    account = next(
        account
        for account in everything.values()
        if account.payouts and not any(payout["automatic"] for payout in account.payouts)
    )
    statuses = {payout["status"] for payout in account.payouts}
    assert {"paid", "canceled"} <= statuses
    assert {payout["reconciliation_status"] for payout in account.payouts} == {"not_applicable"}
    canceled = next(payout for payout in account.payouts if payout["status"] == "canceled")
    row = next(r for r in account.rows if r["id"] == canceled["failure_balance_transaction"])
    assert (row["type"], row["net"]) == ("payout_cancel", canceled["amount"])
    attribution = {
        truth.transactions[account.id, row["id"]].attribution_status for row in account.rows
    }
    assert attribution == {"payout", "not_attributable", "unsettled"}


def test_instant_payouts_are_swept_by_a_later_automatic_one(
    everything: Everything, truth: Truth
) -> None:
    instant = [
        (account, payout)
        for account, payout in payouts(everything)
        if payout["method"] == "instant"
    ]
    assert instant
    for account, payout in instant:
        sweeping = [
            po
            for po, listed in account.lists.items()
            if payout["balance_transaction"] in {row["id"] for row in listed}
        ]
        true = truth.transactions[account.id, payout["balance_transaction"]]
        assert true.payout_id == (sweeping[0] if sweeping else None)
    assert any(
        truth.transactions[account.id, payout["balance_transaction"]].attribution_status
        == "settled"
        for account, payout in instant
    )


def test_a_minimum_balance_is_held_and_released(everything: Everything) -> None:
    for account in everything.values():
        places = {
            (row["type"], row["source"]): payout_id
            for payout_id, listed in account.lists.items()
            for row in listed
            if row["type"].startswith("payout_minimum_balance")
        }
        holds = {source: po for (type_, source), po in places.items() if type_.endswith("hold")}
        if not holds:
            continue
        assert all(source == payout_id for source, payout_id in holds.items())
        in_order = [payout["id"] for payout in reversed(account.payouts)]
        for (type_, source), payout_id in places.items():
            if type_.endswith("release"):
                assert in_order.index(payout_id) == in_order.index(source) + 1
        return
    pytest.fail("no minimum balance is held")


def test_one_settlement_is_split_over_two_payouts(everything: Everything, truth: Truth) -> None:
    split = [
        (account, payout)
        for account, payout in payouts(everything)
        if truth.payouts[account.id, payout["id"]].reconciliation_status == "reconciled_in_group"
    ]
    assert len(split) == 2
    (account, one), (_, other) = split
    for name in ("arrival_date", "created", "destination", "currency"):
        assert one[name] == other[name]
    sizes = sorted(len(account.lists[payout["id"]]) for payout in (one, other))
    assert sizes[0] == 1 < sizes[1]


def test_one_payout_is_in_progress_and_lists_only_a_part(
    stripe: Stripe, everything: Everything
) -> None:
    account, payout = next(
        (account, payout)
        for account, payout in payouts(everything)
        if payout["reconciliation_status"] == "in_progress"
    )
    assert 0 < NOW - payout["created"] < DAY
    assert payout["arrival_date"] > NOW
    assert sum(row["net"] for row in account.lists[payout["id"]]) != 0
