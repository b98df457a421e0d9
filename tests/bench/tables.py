"""Looks whether published tables are right: against what was planted, or against another run's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from tests.bench.measuring import BenchError, Installation


def check_measured(installation: Installation) -> None:
    """Build and publish what was synced of a measured platform, and count all that it must hold.

    Each payout is `reconciled` only if its rows add up to it and agree with the ledger, so that
    counts tell the rest.

    Raises:
        BenchError: a table does not hold what the platform has.
    """
    installation.tieout("build").expect(0)
    installation.tieout("publish").expect(0)
    options = installation.platform.options
    payouts = (options.accounts or 0) * (options.payouts_per_account or 0)
    expected = [
        ("accounts", (options.accounts or 0) + 1),
        ("payouts", payouts),
        ("payouts_reconciled", payouts),
        ("transactions", payouts * options.rows_per_payout),
        ("transactions_settled", payouts * (options.rows_per_payout - 1)),
        ("transactions_net", 0),
        ("exceptions", 0),
    ]
    with _reading(installation.published_path) as connection:
        found = connection.sql(_COUNTS)
        counts = list(zip(found.columns, found.fetchall()[0], strict=True))
    if counts != expected:
        raise BenchError(f"the published tables hold {counts}, not {expected}")


def check_same(expected: Path, found: Path) -> None:
    """Compare all published tables of two runs, row by row, every column but the time of reading.

    Raises:
        BenchError: a table is missing, or its rows differ.
    """
    with _reading(expected) as connection:
        connection.execute(f"attach '{found}' as found (read_only)")
        tables = _tables(connection, expected.stem)
        if tables != _tables(connection, "found"):
            raise BenchError(f"{found} has other tables than {expected}")
        for table in tables:
            ours, theirs = f"{expected.stem}.finance.{table}", f"found.finance.{table}"
            for some, others in ((ours, theirs), (theirs, ours)):
                query = f"({_KEPT} from {some} except all {_KEPT} from {others})"
                rows = connection.sql(f"from {query} limit 3").fetchall()
                if rows:
                    (count,) = _one(connection, f"select count(*) from {query}")
                    raise BenchError(f"{count} rows of {some} are not in {others}, such as {rows}")


@contextmanager
def _reading(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(path), read_only=True) as connection:
        yield connection


def _tables(connection: duckdb.DuckDBPyConnection, database: str) -> list[str]:
    found = connection.execute(
        "select table_name from duckdb_tables() "
        "where database_name = ? and schema_name = 'finance' order by 1",
        [database],
    ).fetchall()
    return [name for (name,) in found]


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    return connection.sql(query).fetchall()[0]


_KEPT = "select columns(name -> name != 'read_at')"

_COUNTS = """
    select
        (select count(*) from finance.dim_accounts where access_status = 'readable') as accounts,
        (select count(*) from finance.fct_payout_reconciliation) as payouts,
        (
            select count(*) from finance.fct_payout_reconciliation
            where reconciliation_status = 'reconciled'
        ) as payouts_reconciled,
        (select count(*) from finance.fct_balance_transactions) as transactions,
        (
            select count(*) from finance.fct_balance_transactions
            where attribution_status = 'settled'
        ) as transactions_settled,
        (select sum(net_amount_minor)::bigint from finance.fct_balance_transactions)
            as transactions_net,
        (select count(*) from finance.fct_reconciliation_exceptions) as exceptions
"""
