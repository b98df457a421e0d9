"""Writes the transactions of one payout, one account or one month to a file of their own."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args

import duckdb
import xlsxwriter

from loader.duckdb_files import literal, reading
from loader.exports import ITEMIZED, copy_csv
from loader.sources.scope import PLATFORM

# What a worksheet has room for, its header among them
# (https://support.microsoft.com/office/excel-specifications-and-limits).
WORKSHEET_ROWS = 1_048_576

# A worksheet's numbers have 15 digits; longer ones are written as text.
WORKSHEET_DIGITS = 10**15


# What kind of file is written.
Format = Literal["csv", "json", "parquet", "xlsx"]
FORMATS: tuple[Format, ...] = get_args(Format)


class SelectionError(Exception):
    """What was asked for can't be told or does not fit; the message says what to do."""


@dataclass(frozen=True)
class Selection:
    """What is asked for; all that is named must hold. Nothing named is the whole ledger."""

    payout_ids: Sequence[str] = ()
    account_ids: Sequence[str] = ()
    month: str | None = None
    """`YYYY-MM`: by the day on which Stripe moved the balance (UTC), as the roll-forward."""

    @property
    def name(self) -> str:
        """Answer what a file of it is called, without its ending."""
        named = [*self.payout_ids, *self.account_ids, *([self.month] if self.month else [])]
        parts = ["transactions", *named[:3], *(["and_more"] if named[3:] else [])]
        return re.sub(r"[^\w-]", "", "_".join(parts))


def format_of(path: Path | None, asked: Format | None) -> Format:
    """Answer the format that is asked for, else that of the file's name, else csv.

    Raises:
        SelectionError: the two differ, or the path can't be a file.
    """
    if path is None:
        return asked or "csv"
    if path.is_dir() or not path.name:
        raise SelectionError(f"--output {path}: name a file, not a folder.")
    ending = path.suffix.lower().removeprefix(".")
    named: Format | None = next((known for known in FORMATS if known == ending), None)
    if asked and named and asked != named:
        raise SelectionError(f"--output {path} is not named as a {asked} file: choose one of them.")
    return asked or named or "csv"


def write_selection(
    warehouse_path: Path, selection: Selection, file_format: Format, path: Path
) -> int:
    """Write the transactions that are selected; answer how many there are.

    A payout's are those that Stripe lists in it, as `exports/payout_reconciliation_itemized`; else
    all of the ledger, settled or not. Amounts are in major units (`gross`, `fee`, `net`) and in
    minor units.

    Raises:
        SelectionError: the month is none, an account or a payout is unknown, or a worksheet has no
            room for the rows.
        OSError, duckdb.Error: the file can't be written; one that stood there stays.
    """
    bounds = _month_bounds(selection.month)
    unfinished = path.with_name(f".{path.name}.new")
    with reading(warehouse_path) as connection:
        selection = _with_platform(connection, selection)
        _refuse_unknown(connection, "fct_payout_reconciliation", "payout_id", selection.payout_ids)
        _refuse_unknown(connection, "dim_accounts", "account_id", selection.account_ids)
        path.parent.mkdir(parents=True, exist_ok=True)
        connection.execute(_view(selection, bounds))
        (count,) = connection.execute("select count(*) from selected").fetchall()[0]
        try:
            _WRITERS[file_format](connection, unfinished, count)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    return int(count)


def _month_bounds(month: str | None) -> tuple[date, date] | None:
    if month is None:
        return None
    try:
        year, number = (int(part) for part in month.split("-"))
        last = calendar.monthrange(year, number)[1]
        return date(year, number, 1), date(year, number, last)
    except ValueError:
        raise SelectionError(
            f"--month {month}: write it as year and month, such as 2026-09."
        ) from None


def _with_platform(connection: duckdb.DuckDBPyConnection, selection: Selection) -> Selection:
    """Answer the selection with the platform's own id where it is called `platform`."""
    if PLATFORM not in selection.account_ids:
        return selection
    own = connection.execute(
        "select account_id from finance.dim_accounts where is_platform_account"
    ).fetchall()
    others = [name for name in selection.account_ids if name != PLATFORM]
    return replace(selection, account_ids=[*others, *(name for (name,) in own)])


def _refuse_unknown(
    connection: duckdb.DuckDBPyConnection, table: str, column: str, names: Sequence[str]
) -> None:
    known = connection.execute(
        f"select {column} from finance.{table} where {column} = any(?)",  # noqa: S608 - our own names
        [list(names)],
    ).fetchall()
    unknown = sorted(set(names) - {name for (name,) in known})
    if unknown:
        raise SelectionError(
            f"{unknown[0]} is not among what was read. `tieout status --all` shows the accounts; "
            "what is newer than the last run needs `make reconcile` first."
        )


def _view(selection: Selection, bounds: tuple[date, date] | None) -> str:
    conditions = ["true"]
    for column, names in (
        ("payout_id", selection.payout_ids),
        ("account_id", selection.account_ids),
    ):
        if names:
            conditions.append(f"{column} in ({', '.join(map(literal, names))})")
    if bounds:
        first, last = bounds
        conditions.append(f"cast(created_at as date) between date '{first}' and date '{last}'")
    rows = ITEMIZED if selection.payout_ids else _LEDGER
    return (
        f"create temporary view selected as select * from ({rows}) where {' and '.join(conditions)}"  # noqa: S608 - our own query; names are quoted
    )


def _write_csv(connection: duckdb.DuckDBPyConnection, path: Path, _: int) -> None:
    copy_csv(connection, "selected", path)


def _write_json(connection: duckdb.DuckDBPyConnection, path: Path, _: int) -> None:
    connection.execute(
        f"copy (from selected order by all) to {literal(str(path))} (format json, array true)"
    )


def _write_parquet(connection: duckdb.DuckDBPyConnection, path: Path, _: int) -> None:
    connection.execute(
        f"copy (from selected order by all) to {literal(str(path))} (format parquet)"
    )


def _write_xlsx(connection: duckdb.DuckDBPyConnection, path: Path, count: int) -> None:
    if count >= WORKSHEET_ROWS:
        raise SelectionError(
            f"{count:,} transactions are more than a worksheet's {WORKSHEET_ROWS - 1:,} rows. "
            "Choose an account or a month, or --format csv or parquet."
        )
    # Text stays text: nothing in it becomes a formula or a link.
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(path), options) as workbook:
        bold = workbook.add_format({"bold": True})
        for title, query in (
            ("Transactions", "select * from selected order by all"),
            ("Categories", _CATEGORIES),
        ):
            _write_sheet(workbook, workbook.add_worksheet(title), connection.execute(query), bold)


def _write_sheet(
    workbook: xlsxwriter.Workbook,
    sheet: xlsxwriter.worksheet.Worksheet,
    found: duckdb.DuckDBPyConnection,
    bold: xlsxwriter.format.Format,
) -> None:
    names = [column[0] for column in found.description or ()]
    formats = {
        "date": workbook.add_format({"num_format": "yyyy-mm-dd"}),
        "datetime": workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        "Decimal": workbook.add_format({"num_format": "#,##0.00#"}),
    }
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(names) - 1, 20)
    sheet.write_row(0, 0, names, bold)
    place = 0
    while batch := found.fetchmany(10_000):
        for row in batch:
            place += 1
            for column, value in enumerate(row):
                sheet.write(place, column, _cell(value), formats.get(type(value).__name__))
    sheet.autofilter(0, 0, place, len(names) - 1)


def _cell(value: Any) -> Any:  # noqa: ANN401 - whatever a column holds
    """Answer what a worksheet can hold exactly."""
    if isinstance(value, int) and abs(value) >= WORKSHEET_DIGITS:
        return str(value)
    return value


_Writer = Callable[[duckdb.DuckDBPyConnection, Path, int], None]

_WRITERS: dict[Format, _Writer] = {
    "csv": _write_csv,
    "json": _write_json,
    "parquet": _write_parquet,
    "xlsx": _write_xlsx,
}

# The same columns as of a payout's list, of every transaction.
_LEDGER = """
    select
        ledger.account_id,
        accounts.account_name,
        ledger.payout_id,
        payouts.expected_arrival_date,
        ledger.payout_status,
        payouts.reconciliation_status,
        ledger.balance_transaction_id,
        ledger.created_at,
        ledger.available_on_date,
        ledger.type,
        ledger.reporting_category,
        ledger.attribution_status,
        ledger.balance_type,
        ledger.source_object_id,
        ledger.description,
        ledger.currency,
        cast(ledger.gross_amount_minor * currencies.major_per_minor as decimal(24, 3)) as gross,
        cast(ledger.fee_amount_minor * currencies.major_per_minor as decimal(24, 3)) as fee,
        cast(ledger.net_amount_minor * currencies.major_per_minor as decimal(24, 3)) as net,
        ledger.gross_amount_minor,
        ledger.fee_amount_minor,
        ledger.net_amount_minor
    from finance.fct_balance_transactions as ledger
    left join finance.dim_accounts as accounts on ledger.account_id = accounts.account_id
    left join finance.fct_payout_reconciliation as payouts
        on ledger.account_id = payouts.account_id and ledger.payout_id = payouts.payout_id
    inner join finance.dim_currencies as currencies on ledger.currency = currencies.currency
"""

_CATEGORIES = """
    select
        account_id,
        payout_id,
        currency,
        reporting_category,
        count(*) as transaction_count,
        sum(gross) as gross,
        sum(fee) as fee,
        sum(net) as net
    from selected
    group by all
    order by all
"""
