"""Small worlds of payouts and statement lines, side by side in one warehouse.

Each case is a connected account of its own, mapped to a bank account of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from loader.sources.bank_tables import ACCOUNT_MAPPINGS, MATCH_OVERRIDES, STATEMENTS, BankTable
from loader.sources.bank_tables import STATEMENT_FILES as FILES
from loader.sources.bank_tables import STATEMENT_LINES as LINES
from loader.sources.batch import Batch
from tests.dbt.stories import Story, own_row, payout
from tests.dbt.warehouses import load_raw

FIRST, LAST = date(2024, 1, 2), date(2024, 3, 11)


def day(text: str) -> date:
    """Answer a day of 2024, written as `02-29`."""
    return date.fromisoformat(f"2024-{text}")


def sent(identifier: str, amount: int, arrival: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    """Answer a manual payout that is due on a day."""
    midnight = datetime.combine(day(arrival), datetime.min.time(), tzinfo=UTC)
    due = int(midnight.timestamp())
    plain = {
        "automatic": False,
        "reconciliation_status": "not_applicable",
        "arrival_date": due,
        "created": due - 2 * 86_400,
        "statement_descriptor": None,
    }
    return payout(identifier, amount, 1, **(plain | fields))


@dataclass(frozen=True)
class Line:
    """One entry of a statement."""

    reference: str | None
    amount: int
    posted: str
    text: str = "STRIPE TRANSFER"
    currency: str = "usd"
    is_booked: bool = True


@dataclass(frozen=True)
class Case:
    """What Stripe and the bank say, and what has to come of it."""

    payouts: Sequence[dict[str, Any]] = ()
    lines: Sequence[Line] = ()
    expected: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """Status and rule, by payout."""
    line_status: dict[str, str] = field(default_factory=dict)
    """By reference."""
    found: frozenset[tuple[str, str | None]] = frozenset()
    """Exceptions: type and payout."""
    periods: Sequence[tuple[date, date]] = ((FIRST, LAST),)
    """Of its statements; none: there are no statements."""
    overrides: Sequence[tuple[str | None, str]] = ()
    """Payout and reference of lines that name themselves."""
    marker: str | None = None
    failed_on: str | None = None


def failure_row(of: dict[str, Any], failed: str) -> dict[str, Any]:
    """Answer the row that gives a failed payout's money back."""
    at = int(datetime.combine(day(failed), datetime.min.time(), tzinfo=UTC).timestamp())
    return own_row(of) | {
        "id": f"back_{of['id']}",
        "amount": of["amount"],
        "net": of["amount"],
        "type": "payout_failure",
        "reporting_category": "payout_reversal",
        "created": at,
        "available_on": at,
    }


def account_of(name: str) -> str:
    return "acct_" + "".join(c if c.isalnum() else "_" for c in name)


def bank_account_of(name: str) -> str:
    return "bank " + name


def load_cases(folder: Path, cases: dict[str, Case]) -> Path:
    """Load cases as a sync and the reading of statements do; answer the DuckDB file."""
    batch = Batch()
    for name, case in cases.items():
        rows = [own_row(item) for item in case.payouts]
        for item in case.payouts:
            if item["failure_balance_transaction"] and case.failed_on:
                rows.append(failure_row(item, case.failed_on))
        Story(list(case.payouts), {}, rows).tell(batch, account_of(name))
    path = load_raw(folder, batch)
    with duckdb.connect(str(path)) as connection:
        for number, (name, case) in enumerate(cases.items(), start=1):
            _tell_bank(connection, number, name, case)
    return path


def _tell_bank(connection: duckdb.DuckDBPyConnection, number: int, name: str, case: Case) -> None:
    if not case.periods:
        return
    bank_account = bank_account_of(name)
    insert(
        connection,
        ACCOUNT_MAPPINGS,
        [(number, account_of(name), None, None, bank_account, case.marker)],
    )
    insert(
        connection,
        MATCH_OVERRIDES,
        [
            (1000 * number + place, account_of(name), payout_id, None, None)
            for place, (payout_id, _) in enumerate(case.overrides)
        ],
    )
    put_source(connection, name, bank_account, case.lines, case.periods)


def put_source(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    bank_account: str,
    lines: Sequence[Line],
    periods: Sequence[tuple[date, date]] = ((FIRST, LAST),),
) -> None:
    """Put a file of one account into the warehouse, a statement for each currency and period."""
    insert(connection, FILES, [(source, source, "test", True, None, 1, len(lines), 0, None)])
    currencies = sorted({line.currency for line in lines} | {"usd"})
    statements = [
        (
            source,
            place,
            bank_account,
            currency,
            None,
            None,
            sum(x.amount for x in lines if x.currency == currency and x.is_booked)
            if period == periods[0]
            else 0,
            sum(x.currency == currency for x in lines) if period == periods[0] else 0,
            *period,
            True,
            None,
        )
        for place, (currency, period) in enumerate(
            [(currency, period) for currency in currencies for period in periods], start=1
        )
    ]
    insert(connection, STATEMENTS, statements)
    insert(
        connection,
        LINES,
        [
            (
                source,
                place,
                bank_account,
                line.currency,
                line.amount,
                day(line.posted),
                None,
                line.is_booked,
                line.reference,
                None,
                None,
                line.text,
                None,
                None,
            )
            for place, line in enumerate(lines, start=1)
        ],
    )


def insert(
    connection: duckdb.DuckDBPyConnection, table: BankTable, rows: Iterable[tuple[Any, ...]]
) -> None:
    """Put rows into a raw table of schema `bank`."""
    columns = ", ".join(table.columns)
    marks = ", ".join("?" for _ in table.columns)
    for row in rows:
        connection.execute(f"insert into bank.{table.name} ({columns}) values ({marks})", list(row))
