from __future__ import annotations

import csv
import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loader.exports import csv_cell, replace_exports, write_exports
from loader.publish import PublishError, publish
from loader.publish_to_lake import publish_to_lake
from tests.runs import AS_OF, rows

HOSTILE = '=HYPERLINK("http://evil.example")\n,"\';--'


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """A small warehouse with the tables that publishing and exporting read."""
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            textwrap.dedent(
                """
                create schema finance;
                create schema intermediate;
                create schema stripe;
                create table stripe.payouts as select 'private' as secret;
                create table finance.dim_currencies (
                    currency varchar not null,
                    minor_unit_exponent integer,
                    major_per_minor decimal(4, 3)
                );
                insert into finance.dim_currencies
                values ('usd', 2, 0.01), ('jpy', 0, 1), ('kwd', 3, 0.001);
                create table finance.fct_payout_reconciliation (
                    account_id varchar not null,
                    account_name varchar,
                    payout_id varchar not null,
                    expected_arrival_date date,
                    payout_status varchar,
                    reconciliation_status varchar,
                    currency varchar,
                    payout_amount_minor bigint,
                    payout_amount decimal(24, 3)
                );
                insert into finance.fct_payout_reconciliation values
                ('acct_1', '@acme', 'po_1', '2026-01-02', 'paid', 'ok', 'usd', -1234, -12.34),
                ('acct_1', '@acme', 'po_2', '2026-01-02', 'paid', 'ok', 'jpy', 1234, 1234),
                ('acct_1', '@acme', 'po_3', '2026-01-02', 'paid', 'ok', 'kwd', 1234, 1.234);
                comment on table finance.fct_payout_reconciliation is 'A payout''s proof.';
                comment on column finance.fct_payout_reconciliation.payout_id is 'The payout.';
                create table finance.fct_balance_transactions (
                    account_id varchar,
                    balance_transaction_id varchar,
                    description varchar,
                    source_object_id varchar,
                    created_at timestamp,
                    available_on_date date
                );
                create table finance.fct_payout_categories (
                    account_id varchar,
                    payout_id varchar,
                    reporting_category varchar,
                    currency varchar,
                    transaction_count bigint,
                    gross_amount_minor bigint,
                    fee_amount_minor bigint,
                    net_amount_minor bigint
                );
                insert into finance.fct_payout_categories
                values ('acct_1', 'po_1', 'refund', 'usd', 1, -1234, 0, -1234);
                create table intermediate.int_payout_transactions_checked (
                    account_id varchar,
                    payout_id varchar,
                    balance_transaction_id varchar,
                    type varchar,
                    reporting_category varchar,
                    currency varchar,
                    gross_amount_minor bigint,
                    fee_amount_minor bigint,
                    net_amount_minor bigint,
                    is_left_out boolean
                );
                insert into intermediate.int_payout_transactions_checked values
                ('acct_1', 'po_1', 'txn_1', 'refund', 'refund', 'usd', -1234, 0, -1234, false),
                ('acct_1', 'po_1', 'txn_0', 'payout', 'payout', 'usd', 1234, 0, 1234, true);
                """
            )
        )
        connection.execute(
            "insert into finance.fct_balance_transactions values "
            "('acct_1', 'txn_1', ?, 're_1', '2026-01-01 10:00:00', '2026-01-01')",
            [HOSTILE],
        )
    return path


@pytest.fixture
def published(tmp_path: Path) -> Path:
    return tmp_path / "reconciliation.duckdb"


def test_a_lake_that_takes_nothing_leaves_the_published_file_as_it_was(
    warehouse: Path, published: Path, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    publish(warehouse, published)
    before = published.read_bytes()
    lake.write_text("not a folder")
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("delete from finance.fct_payout_reconciliation")
    with pytest.raises(OSError, match="lake"):
        publish(warehouse, published, lambda new: publish_to_lake(new, str(lake), AS_OF))
    assert published.read_bytes() == before
    assert not list(tmp_path.glob(".*"))


def test_only_the_finance_tables_are_published(warehouse: Path, published: Path) -> None:
    publish(warehouse, published)
    schemas = rows(published, "select distinct schema_name from duckdb_tables()")
    assert schemas == [("finance",)]
    assert rows(published, "select count(*) from duckdb_views() where not internal") == [(0,)]


def test_any_client_from_1_0_on_can_open_the_file(warehouse: Path, published: Path) -> None:
    publish(warehouse, published)
    # Bytes 12 to 19 of the file hold its storage version; 64 is that of DuckDB 1.0.
    assert int.from_bytes(published.read_bytes()[12:20], "little") == 64


def test_comments_and_constraints_are_published(warehouse: Path, published: Path) -> None:
    publish(warehouse, published)
    assert ("A payout's proof.",) in rows(published, "select comment from duckdb_tables()")
    assert rows(
        published,
        "select comment, is_nullable from duckdb_columns() "
        "where table_name = 'fct_payout_reconciliation' and column_name = 'payout_id'",
    ) == [("The payout.", False)]


def test_a_reader_keeps_its_file_and_the_next_one_sees_the_new(
    warehouse: Path, published: Path
) -> None:
    publish(warehouse, published)
    reader = duckdb.connect(str(published), read_only=True)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("delete from finance.fct_payout_reconciliation where payout_id = 'po_2'")
    publish(warehouse, published)
    count = "select count(*) from finance.fct_payout_reconciliation"
    assert reader.execute(count).fetchone() == (3,)
    reader.close()
    assert rows(published, count) == [(2,)]
    assert [path.name for path in published.parent.iterdir() if "reconciliation" in path.name] == [
        "reconciliation.duckdb"
    ]


def test_a_log_beside_the_published_file_stops_publishing(warehouse: Path, published: Path) -> None:
    publish(warehouse, published)
    before = published.read_bytes()
    killed = (
        "import duckdb, os; c = duckdb.connect(r'{}'); c.execute('create table t (i int)'); "
        "os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", killed.format(published)], check=False)
    with pytest.raises(PublishError, match="lies beside the file"):
        publish(warehouse, published)
    assert published.read_bytes() == before


def test_what_a_killed_run_left_is_replaced(warehouse: Path, published: Path) -> None:
    published.with_name(".reconciliation.duckdb.new").write_bytes(b"half")
    published.with_name(".reconciliation.duckdb.new.wal").write_bytes(b"half")
    publish(warehouse, published)
    assert rows(published, "select count(*) from finance.fct_payout_reconciliation") == [(3,)]


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_csv_amounts_have_the_decimals_of_their_currency(warehouse: Path, tmp_path: Path) -> None:
    write_exports(warehouse, tmp_path / "exports")
    replace_exports(tmp_path / "exports")
    amounts = {
        row["currency"]: (row["payout_amount"], row["payout_amount_minor"])
        for row in read_csv(tmp_path / "exports/fct_payout_reconciliation.csv")
    }
    assert amounts == {
        "usd": ("-12.34", "-1234"),
        "jpy": ("1234", "1234"),
        "kwd": ("1.234", "1234"),
    }


def test_text_can_be_no_formula_in_csv_and_is_unchanged_in_json(
    warehouse: Path, tmp_path: Path
) -> None:
    write_exports(warehouse, tmp_path / "exports")
    replace_exports(tmp_path / "exports")
    stem = tmp_path / "exports/payout_reconciliation_itemized"
    (row,) = read_csv(stem.with_suffix(".csv"))
    assert row["description"] == "'" + HOSTILE
    assert row["account_name"] == "'@acme"
    assert (row["net"], row["type"], row["reporting_category"]) == ("-12.34", "refund", "refund")
    (same,) = json.loads(stem.with_suffix(".json").read_text())
    assert same["description"] == HOSTILE


def test_the_summary_is_by_payout_and_category(warehouse: Path, tmp_path: Path) -> None:
    write_exports(warehouse, tmp_path / "exports")
    replace_exports(tmp_path / "exports")
    (row,) = read_csv(tmp_path / "exports/payout_reconciliation_summary.csv")
    assert (row["payout_id"], row["reporting_category"], row["net"]) == ("po_1", "refund", "-12.34")


def test_exports_are_replaced_as_a_whole(warehouse: Path, tmp_path: Path) -> None:
    stale = tmp_path / "exports" / "stale.csv"
    stale.parent.mkdir()
    stale.write_text("old")
    write_exports(warehouse, tmp_path / "exports")
    assert stale.exists(), "what stands is touched only once the new files are whole"
    replace_exports(tmp_path / "exports")
    assert not stale.exists()
    written = {path.suffix for path in (tmp_path / "exports").iterdir()}
    assert written == {".csv", ".json", ".parquet"}
    assert not list(tmp_path.glob(".exports*"))


@given(text=st.text(max_size=20))
def test_no_text_reaches_a_cell_as_a_formula(text: str) -> None:
    with duckdb.connect() as connection:
        (cell,) = connection.execute(
            f"select {csv_cell('t', 'VARCHAR')} from (select ?::varchar as t)", [text]
        ).fetchall()[0]
    answer: Any = cell
    assert answer in {text, "'" + text}
    assert not answer.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\0"))
