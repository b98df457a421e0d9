"""The dlt source, loaded for real into a DuckDB file."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest

from loader.sources.batch import Batch
from loader.sources.stripe_connect import stripe_connect
from loader.sources.stripe_tables import (
    BALANCE_TRANSACTIONS,
    PAYOUT_LISTINGS,
    PAYOUT_TRANSACTIONS,
    RAW_TABLES,
    RawTable,
    Row,
    object_row,
)
from tests.runs import rows


def transaction(name: str, net: int = 1, **more: Any) -> Row:  # noqa: ANN401
    return object_row(
        "acct_1",
        {
            "id": name,
            "amount": net,
            "available_on": 1,
            "created": 1,
            "currency": "usd",
            "fee": 0,
            "net": net,
            "type": "charge",
            **more,
        },
    )


def listed(payout_id: str, *names: str) -> list[Row]:
    return [transaction(name) | {"payout_id": payout_id} for name in names]


class Raw:
    """A raw warehouse that is loaded batch by batch."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "warehouse.duckdb"
        self._pipeline = dlt.pipeline(
            "stripe_connect",
            pipelines_dir=str(folder / "dlt"),
            destination=dlt.destinations.duckdb(str(self.path)),
            dataset_name="stripe",
        )

    def load(self, *parts: tuple[RawTable, Sequence[Row]]) -> None:
        batch = Batch()
        for table, some in parts:
            batch.add(table, some)
        self._pipeline.run(stripe_connect(batch))

    def pairs(self) -> set[tuple[str, str]]:
        return set(rows(self.path, "select payout_id, id from stripe.payout_transactions"))


@pytest.fixture
def raw(tmp_path: Path) -> Raw:
    return Raw(tmp_path)


def test_every_raw_table_exists_even_when_nothing_was_read(raw: Raw) -> None:
    raw.load()
    found = rows(raw.path, "select table_name from duckdb_tables() where schema_name = 'stripe'")
    assert {table.name for table in RAW_TABLES} <= {name for (name,) in found}


def test_money_is_bigint_and_json_is_json(raw: Raw) -> None:
    raw.load((BALANCE_TRANSACTIONS, [transaction("txn_1", fee_details=[{"amount": 3}])]))
    types = dict(
        rows(
            raw.path, "select column_name, column_type from (describe stripe.balance_transactions)"
        )
    )
    assert {types[name] for name in ("amount", "fee", "net", "created", "available_on")} == {
        "BIGINT"
    }
    assert types["fee_details"] == "JSON"


def test_a_list_read_again_replaces_its_payouts_rows_alone(raw: Raw) -> None:
    raw.load((PAYOUT_TRANSACTIONS, listed("po_1", "txn_1", "txn_2") + listed("po_2", "txn_3")))
    raw.load((PAYOUT_TRANSACTIONS, listed("po_1", "txn_1", "txn_4")))
    assert raw.pairs() == {("po_1", "txn_1"), ("po_1", "txn_4"), ("po_2", "txn_3")}


def test_a_list_that_became_empty_leaves_no_row(raw: Raw) -> None:
    raw.load((PAYOUT_TRANSACTIONS, listed("po_1", "txn_1") + listed("po_2", "txn_3")))
    cleared = {"account_id": "acct_1", "payout_id": "po_1", "id": "", "is_cleared": True}
    raw.load((PAYOUT_TRANSACTIONS, [cleared]))
    assert raw.pairs() == {("po_2", "txn_3")}


def test_a_transaction_in_two_lists_stays_visible_in_both(raw: Raw) -> None:
    raw.load((PAYOUT_TRANSACTIONS, listed("po_1", "txn_1") + listed("po_2", "txn_1")))
    assert raw.pairs() == {("po_1", "txn_1"), ("po_2", "txn_1")}


def test_one_transaction_id_in_two_accounts_is_two_rows(raw: Raw) -> None:
    other = transaction("txn_1") | {"account_id": "acct_2"}
    raw.load((BALANCE_TRANSACTIONS, [transaction("txn_1"), other]))
    assert rows(raw.path, "select count(*) from stripe.balance_transactions") == [(2,)]


def test_a_row_read_again_is_updated(raw: Raw) -> None:
    raw.load((BALANCE_TRANSACTIONS, [transaction("txn_1", status="pending")]))
    again = [transaction("txn_1", status="pending"), transaction("txn_1", status="available")]
    raw.load((BALANCE_TRANSACTIONS, again))
    assert rows(raw.path, "select id, status from stripe.balance_transactions") == [
        ("txn_1", "available")
    ]


def test_a_new_field_becomes_a_column(raw: Raw) -> None:
    raw.load((BALANCE_TRANSACTIONS, [transaction("txn_1")]))
    raw.load((BALANCE_TRANSACTIONS, [transaction("txn_2", settlement_hint={"day": 3})]))
    assert rows(raw.path, "select id, settlement_hint from stripe.balance_transactions") == [
        ("txn_1", None),
        ("txn_2", '{"day":3}'),
    ]


def test_a_record_of_reading_carries_the_load_it_came_with(raw: Raw) -> None:
    raw.load()
    listing = {
        "account_id": "acct_1",
        "id": "po_1",
        "listed_at": 1,
        "is_whole": True,
        "row_count": 0,
    }
    raw.load((PAYOUT_LISTINGS, [listing]))
    assert rows(
        raw.path,
        "select count(*) from stripe.payout_listings as l "
        "inner join stripe._dlt_loads as d on l._dlt_load_id = d.load_id and d.status = 0",
    ) == [(1,)]


def test_rows_that_were_loaded_are_held_no_longer(raw: Raw) -> None:
    raw.load()
    names = [f"txn_{number}" for number in range(5_000)]
    gc.disable()  # what is held in cycles stays until it is looked for
    try:
        before = pa.total_allocated_bytes()
        raw.load((PAYOUT_TRANSACTIONS, listed("po_1", *names)))
        held = pa.total_allocated_bytes() - before
    finally:
        gc.enable()
    assert held < 50_000
