"""Everything the default story promises is in it, found from outside by looking for it."""

from collections.abc import Iterator

import pytest

from loader.sandbox.banking_days import DAY
from loader.sandbox.truth import Truth

from .client import Json, Stripe
from .conftest import AS_OF, ReadAccount

Everything = dict[str, ReadAccount]
NOW = int(AS_OF.timestamp())


def rows(everything: Everything) -> Iterator[Json]:
    for account in everything.values():
        yield from account.rows


def test_about_a_dozen_accounts_in_many_currencies(stripe: Stripe) -> None:
    accounts = stripe.all("/v1/accounts")
    assert 12 <= len(accounts) <= 18
    assert len({account["country"] for account in accounts}) >= 8
    currencies = {account["default_currency"] for account in accounts}
    assert {"usd", "eur", "gbp", "jpy", "kwd", "isk"} <= currencies


def test_some_thousands_of_rows(everything: Everything) -> None:
    assert 5_000 < sum(1 for _ in rows(everything)) < 20_000


@pytest.mark.parametrize(
    ("type_", "category", "sign"),
    [
        ("charge", "charge", 1),
        ("payment", "charge", 1),
        ("refund", "refund", -1),
        ("payment_refund", "refund", -1),
        ("transfer", "transfer", -1),
        ("transfer_refund", "transfer_reversal", 1),
        ("application_fee", "platform_earning", 1),
        ("application_fee_refund", "platform_earning_refund", -1),
        ("stripe_fee", "fee", -1),
        ("topup", "topup", 1),
        ("adjustment", "dispute", -1),
        ("adjustment", "dispute_reversal", 1),
        ("payout_failure", "payout_reversal", 1),
        ("payout_cancel", "payout_reversal", 1),
        ("payout_minimum_balance_hold", "payout_minimum_balance_hold", -1),
        ("payout_minimum_balance_release", "payout_minimum_balance_release", 1),
        ("advance", "advance", 1),
        ("advance_funding", "advance_funding", -1),
        ("reserve_transaction", "connect_reserved_funds", -1),
        ("issuing_transaction", "issuing_transaction", -1),
    ],
)
def test_types_and_categories(everything: Everything, type_: str, category: str, sign: int) -> None:
    found = [
        row
        for row in rows(everything)
        if (row["type"], row["reporting_category"]) == (type_, category)
    ]
    assert found
    assert any(row["amount"] * sign > 0 for row in found)


def test_direct_charges_carry_both_fees_and_earn_the_platform_one(
    stripe: Stripe, everything: Everything, harbor: str
) -> None:
    charges = [row for row in everything[harbor].rows if row["type"] == "charge"]
    for charge in charges:
        assert [fee["type"] for fee in charge["fee_details"]] == ["stripe_fee", "application_fee"]
    earned = everything[stripe.read("/v1/account")["id"]].rows
    by_time = {
        (row["created"], row["amount"]) for row in earned if row["type"] == "application_fee"
    }
    fees = {(row["created"] + 2, row["fee_details"][1]["amount"]) for row in charges}
    assert fees <= by_time


def test_destination_charges_have_both_sides(stripe: Stripe, everything: Everything) -> None:
    platform = everything[stripe.read("/v1/account")["id"]].rows
    transfers = {(row["created"], -row["amount"]) for row in platform if row["type"] == "transfer"}
    received = [
        (row["created"], row["amount"])
        for account in everything.values()
        for row in account.rows
        if row["type"] == "payment"
        and row["source"].startswith("py_")
        and row["available_on"]
        and [fee["type"] for fee in row["fee_details"]] in ([], ["application_fee"])
    ]
    assert len(received) > 1_000
    assert set(received) == transfers


def test_vat_and_converted_fees(everything: Everything) -> None:
    kinds = {fee["type"] for row in rows(everything) for fee in row["fee_details"]}
    assert kinds == {"stripe_fee", "application_fee", "tax"}
    assert any(row["exchange_rate"] is not None for row in rows(everything))
    assert any(row["fee"] < 0 for row in rows(everything))


def test_a_dispute_lost_and_one_won(everything: Everything, harbor: str) -> None:
    disputes = [row for row in everything[harbor].rows if row["type"] == "adjustment"]
    withdrawn = [row for row in disputes if row["reporting_category"] == "dispute"]
    returned = [row for row in disputes if row["reporting_category"] == "dispute_reversal"]
    assert {row["fee"] for row in withdrawn} == {1_500}
    assert {row["fee"] for row in returned} == {0}
    won = {row["source"] for row in returned}
    assert won < {row["source"] for row in withdrawn}


def test_currencies_with_odd_minor_units(everything: Everything) -> None:
    for currency, step in (("isk", 100), ("kwd", 10)):
        amounts = [row["amount"] for row in rows(everything) if row["currency"] == currency]
        assert amounts
        charges = [
            row["amount"]
            for row in rows(everything)
            if row["currency"] == currency and row["type"] == "charge"
        ]
        assert all(amount % step == 0 for amount in charges)
    assert any(row["currency"] == "jpy" for row in rows(everything))


def test_daily_weekly_and_manual_schedules(stripe: Stripe) -> None:
    intervals = {
        account["settings"]["payouts"]["schedule"]["interval"]
        for account in stripe.all("/v1/accounts")
    }
    assert intervals == {"daily", "weekly", "manual"}


def test_rows_not_settled_yet_and_of_other_balances(everything: Everything, truth: Truth) -> None:
    statuses = [row.attribution_status for row in truth.transactions.values()]
    assert set(statuses) == {"settled", "payout", "unsettled", "other_balance", "not_attributable"}
    assert {row["balance_type"] for row in rows(everything)} == {"payments", "issuing"}
    pending = [row for row in rows(everything) if row["status"] == "pending"]
    assert pending
    assert all(row["available_on"] > NOW for row in pending)


def test_revoked_empty_and_new_accounts(truth: Truth, everything: Everything) -> None:
    revoked = [a for a in truth.accounts.values() if a.access_status == "revoked"]
    assert sorted(account.is_listed for account in revoked) == [False, True]
    assert any(not account.rows and not account.payouts for account in everything.values())


def test_accounts_appear_over_time(stripe: Stripe) -> None:
    ages = sorted((NOW - account["created"]) // DAY for account in stripe.all("/v1/accounts"))
    assert ages[0] < 21
    assert 30 < ages[1] < 60
    assert ages[-1] > 80


def test_events_tell_what_happened_to_payouts(stripe: Stripe, everything: Everything) -> None:
    platform = stripe.read("/v1/account")["id"]
    types = set()
    for account in everything.values():
        events = stripe.all("/v1/events", account=account.id)
        types |= {event["type"] for event in events}
        for event in events:
            assert NOW - 30 * DAY <= event["created"] <= NOW
            assert event.get("account") == (None if account.id == platform else account.id)
        recent = {p["id"] for p in account.payouts if p["created"] > NOW - 30 * DAY}
        made = [e["data"]["object"]["id"] for e in events if e["type"] == "payout.created"]
        assert sorted(made) == sorted(recent)
    assert types >= {
        "payout.created",
        "payout.updated",
        "payout.paid",
        "payout.failed",
        "payout.reconciliation_completed",
        "account.updated",
        "account.application.authorized",
    }
    own = stripe.all("/v1/events")
    assert own
    assert all("account" not in event for event in own)
    one = stripe.read(f"/v1/events/{own[0]['id']}")
    assert one == own[0]


def test_objects_are_found_by_id(stripe: Stripe, everything: Everything, harbor: str) -> None:
    account = everything[harbor]
    row, payout = account.rows[7], account.payouts[7]
    assert stripe.read(f"/v1/balance_transactions/{row['id']}", account=harbor) == row
    assert stripe.read(f"/v1/payouts/{payout['id']}", account=harbor) == payout


def test_balances_equal_the_ledger(stripe: Stripe, everything: Everything) -> None:
    for account in everything.values():
        stated = stripe.read("/v1/balance", account=account.id)
        for side, status in (("available", "available"), ("pending", "pending")):
            for funds in stated[side]:
                assert funds["amount"] == sum(
                    row["net"]
                    for row in account.rows
                    if row["currency"] == funds["currency"]
                    and row["status"] == status
                    and row["balance_type"] == "payments"
                )
        shown = {funds["currency"] for funds in stated["available"]}
        assert shown >= {r["currency"] for r in account.rows if r["balance_type"] == "payments"}
