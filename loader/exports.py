"""Writes the `finance` tables and the itemised payouts as CSV, JSON and Parquet files."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from loader.duckdb_files import SCHEMA, finance_tables, literal, reading

# What spreadsheets take for a formula when a cell starts with it (OWASP, CSV injection).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")


def write_exports(warehouse_path: Path, exports_dir: Path) -> None:
    """Write each `finance` table as CSV, JSON and Parquet, and the itemised payouts.

    In CSV, amounts in major units have the decimals of their currency, and text that a
    spreadsheet would take for a formula is led by an apostrophe. JSON and Parquet hold the values
    unchanged. The files wait beside the standing ones until `replace_exports` puts them in place.

    Raises:
        OSError, duckdb.Error: they can't be written; the standing ones are untouched.
    """
    unfinished = _unfinished(exports_dir)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        _write(warehouse_path, unfinished)
    except BaseException:
        # Half of the files would take the room that the next run needs.
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _write(warehouse_path: Path, unfinished: Path) -> None:
    with reading(warehouse_path) as connection:
        for table in finance_tables(connection):
            _export(connection, f"from {SCHEMA}.{table}", unfinished / table)
        _export(connection, ITEMIZED, unfinished / "payout_reconciliation_itemized")
        _export(connection, _SUMMARY, unfinished / "payout_reconciliation_summary")


def replace_exports(exports_dir: Path) -> None:
    """Put what `write_exports` wrote in the place of the standing exports."""
    old = exports_dir.with_name(f".{exports_dir.name}.old")
    if exports_dir.exists():
        shutil.rmtree(old, ignore_errors=True)
        exports_dir.rename(old)
    _unfinished(exports_dir).rename(exports_dir)
    shutil.rmtree(old, ignore_errors=True)


def _unfinished(exports_dir: Path) -> Path:
    return exports_dir.with_name(f".{exports_dir.name}.new")


def _columns(connection: duckdb.DuckDBPyConnection, relation: str) -> list[tuple[str, str]]:
    return [
        (name, kind) for name, kind, *_ in connection.execute(f"describe {relation}").fetchall()
    ]


def _export(connection: duckdb.DuckDBPyConnection, query: str, stem: Path) -> None:
    connection.execute(f"create or replace temporary view exported as {query}")
    _copy(connection, "from exported order by all", stem.with_suffix(".json"), "json, array true")
    _copy(connection, "from exported order by all", stem.with_suffix(".parquet"), "parquet")
    copy_csv(connection, "exported", stem.with_suffix(".csv"))


def copy_csv(connection: duckdb.DuckDBPyConnection, view: str, path: Path) -> None:
    """Write a view as CSV: amounts with their currency's decimals, no formulas, ordered rows."""
    columns = _columns(connection, view)
    cells = ", ".join(csv_cell(*column) for column in columns)
    rows = _WITH_DECIMALS.format(view=view) if "currency" in dict(columns) else view
    _copy(
        connection,
        f"select {cells} from {rows} order by all",  # noqa: S608 - our own column names
        path,
        "csv, header true, timestampformat '%Y-%m-%dT%H:%M:%SZ'",
    )


def _copy(connection: duckdb.DuckDBPyConnection, query: str, path: Path, options: str) -> None:
    connection.execute(f"copy ({query}) to {literal(str(path))} (format {options})")


_WITH_DECIMALS = """
    (
        select {view}.*, currencies.minor_unit_exponent as decimals
        from {view}
        left join finance.dim_currencies as currencies on {view}.currency = currencies.currency
    )
"""


def csv_cell(name: str, kind: str) -> str:
    """Answer the SQL of one CSV cell."""
    if kind == "VARCHAR":
        starts = ", ".join(f"chr({ord(start)})" for start in _FORMULA_STARTS)
        return (
            f"case when left({name}, 1) in ({starts}) then '''' || {name} else {name} end as {name}"
        )
    if kind.startswith("DECIMAL(24"):
        return (
            f"case decimals when 0 then cast(cast({name} as decimal(24, 0)) as varchar) "
            f"when 2 then cast(cast({name} as decimal(24, 2)) as varchar) "
            f"else cast({name} as varchar) end as {name}"
        )
    return name


# Named for Stripe's own reports of the same content
# (https://docs.stripe.com/reports/report-types/payout-reconciliation).
ITEMIZED = """
    select
        payouts.account_id,
        payouts.account_name,
        payouts.payout_id,
        payouts.expected_arrival_date,
        payouts.payout_status,
        payouts.reconciliation_status,
        listed.balance_transaction_id,
        ledger.created_at,
        ledger.available_on_date,
        listed.type,
        listed.reporting_category,
        ledger.source_object_id,
        ledger.description,
        listed.currency,
        cast(listed.gross_amount_minor * currencies.major_per_minor as decimal(24, 3)) as gross,
        cast(listed.fee_amount_minor * currencies.major_per_minor as decimal(24, 3)) as fee,
        cast(listed.net_amount_minor * currencies.major_per_minor as decimal(24, 3)) as net,
        listed.gross_amount_minor,
        listed.fee_amount_minor,
        listed.net_amount_minor
    from intermediate.int_payout_transactions_checked as listed
    inner join finance.fct_payout_reconciliation as payouts
        on listed.account_id = payouts.account_id and listed.payout_id = payouts.payout_id
    inner join finance.fct_balance_transactions as ledger
        on
            listed.account_id = ledger.account_id
            and listed.balance_transaction_id = ledger.balance_transaction_id
    inner join finance.dim_currencies as currencies on listed.currency = currencies.currency
    where not listed.is_left_out
"""

_SUMMARY = """
    select
        payouts.account_id,
        payouts.account_name,
        payouts.payout_id,
        payouts.expected_arrival_date,
        payouts.payout_status,
        payouts.reconciliation_status,
        categories.reporting_category,
        categories.currency,
        categories.transaction_count,
        cast(categories.gross_amount_minor * currencies.major_per_minor as decimal(24, 3)) as gross,
        cast(categories.fee_amount_minor * currencies.major_per_minor as decimal(24, 3)) as fee,
        cast(categories.net_amount_minor * currencies.major_per_minor as decimal(24, 3)) as net
    from finance.fct_payout_categories as categories
    inner join finance.fct_payout_reconciliation as payouts
        on categories.account_id = payouts.account_id and categories.payout_id = payouts.payout_id
    inner join finance.dim_currencies as currencies on categories.currency = currencies.currency
"""
