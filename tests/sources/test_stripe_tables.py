from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loader.sources.stripe_tables import (
    BALANCE_TRANSACTIONS,
    PAYOUT_TRANSACTIONS,
    PAYOUTS,
    RAW_TABLES,
    account_row,
    balance_rows,
    object_row,
)
from loader.stripe_api.errors import UnexpectedAnswerError

TRANSACTION: dict[str, Any] = {
    "id": "txn_1",
    "object": "balance_transaction",
    "amount": 1000,
    "available_on": 1_767_225_600,
    "created": 1_767_225_600,
    "currency": "usd",
    "fee": 30,
    "fee_details": [{"amount": 30, "type": "stripe_fee"}],
    "net": 970,
    "type": "charge",
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def built(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """Answer the one row of the arrow table of a changed transaction."""
    rows = [object_row("acct_1", TRANSACTION | changes)]
    BALANCE_TRANSACTIONS.check(rows)
    table = BALANCE_TRANSACTIONS.arrow(rows)
    row: dict[str, Any] = table.to_pylist()[0]
    return row


def test_a_row_carries_its_account_and_keeps_nested_fields_as_json() -> None:
    row = built()
    assert (row["account_id"], row["id"], row["net"]) == ("acct_1", "txn_1", 970)
    assert json.loads(row["fee_details"]) == TRANSACTION["fee_details"]
    assert "object" not in row


@given(value=json_values)
def test_a_field_that_stripe_adds_is_kept_as_json(value: object) -> None:
    kept = built(added_by_stripe=value)["added_by_stripe"]
    assert (None if kept is None else json.loads(kept)) == value


@pytest.mark.parametrize("name", ["is_cleared", "account_id", "accountId", "payout_id", "Created"])
def test_a_field_named_like_a_column_of_ours_steps_aside(name: str) -> None:
    row = built(**{name: "from Stripe"})
    assert (row["account_id"], row["created"]) == ("acct_1", TRANSACTION["created"])
    assert [key for key, value in row.items() if value == '"from Stripe"'] in (
        [f"stripe_{name}"],
        ["stripe_account_id"],
        ["stripe_created"],
    )


def test_rows_with_and_without_a_new_field_make_one_table() -> None:
    rows = [object_row("a", TRANSACTION), object_row("a", TRANSACTION | {"id": "t2", "new": 1})]
    assert BALANCE_TRANSACTIONS.arrow(rows).column("new").to_pylist() == [None, "1"]


def test_an_expanded_object_becomes_its_id() -> None:
    assert built(source={"id": "ch_1", "object": "charge"})["source"] == "ch_1"


@given(amount=st.integers(-(10**15), 10**15))
def test_money_is_kept_to_the_unit(amount: int) -> None:
    assert built(amount=amount)["amount"] == amount


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", 12.5),
        ("amount", "1000"),
        ("amount", None),
        ("amount", True),
        ("amount", 2**63),
        ("net", -(10**15) - 1),
        ("created", "yesterday"),
        ("created", 1_767_225_600_000),
        ("available_on", -1),
        ("currency", None),
        ("currency", 7),
    ],
)
def test_a_value_of_another_shape_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(UnexpectedAnswerError, match=f"txn_1 of account acct_1 has {field} ="):
        built(**{field: value})


@pytest.mark.parametrize(
    "balance",
    [
        {"available": [{"amount": 5}], "pending": []},
        {"available": [], "pending": [{"currency": "usd", "amount": "5"}]},
        {"available": []},
        {"pending": []},
        {"available": None, "pending": []},
        {},
    ],
)
def test_a_balance_of_another_shape_is_refused(balance: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedAnswerError, match="/v1/balance of account acct_1"):
        balance_rows("acct_1", balance, read_at=1)


def test_a_listed_row_needs_its_amounts_and_the_row_that_clears_a_list_none() -> None:
    listed = object_row("acct_1", TRANSACTION) | {"payout_id": "po_1"}
    cleared = {"account_id": "acct_1", "payout_id": "po_2", "id": "", "is_cleared": True}
    PAYOUT_TRANSACTIONS.check([listed, cleared])
    with pytest.raises(UnexpectedAnswerError, match="has fee = None"):
        PAYOUT_TRANSACTIONS.check([listed | {"fee": None}])


def test_an_account_keeps_its_name_and_nothing_personal() -> None:
    row = account_row(
        {
            "id": "acct_1",
            "business_profile": {"name": None},
            "settings": {"dashboard": {"display_name": "Acme"}},
            "country": "DE",
            "individual": {"first_name": "Jane"},
            "email": "jane@example.com",
        },
        is_platform=False,
    )
    assert (row["dashboard_name"], row["country"]) == ("Acme", "DE")
    assert "Jane" not in json.dumps(row).title()


def test_a_balance_is_one_row_per_currency() -> None:
    balance = {
        "available": [{"amount": 5, "currency": "usd"}, {"amount": -2, "currency": "eur"}],
        "pending": [{"amount": 7, "currency": "usd"}],
    }
    assert [
        (row["currency"], row["available"], row["pending"], row["connect_reserved"])
        for row in balance_rows("acct_1", balance, read_at=1)
    ] == [("eur", -2, 0, 0), ("usd", 5, 7, 0)]


def test_old_payouts_that_lack_newer_fields_are_rows_too() -> None:
    payout = {
        "id": "po_1",
        "amount": 1,
        "arrival_date": 1,
        "automatic": True,
        "created": 1,
        "currency": "usd",
    }
    assert PAYOUTS.arrow([object_row("a", payout)]).column("trace_id").to_pylist() == [None]


def test_every_table_can_be_empty() -> None:
    for table in RAW_TABLES:
        assert table.arrow([]).column_names == list(table.columns)
