"""`run.json`: what the last run did, for people and for programs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from loader.duckdb_files import reading

if TYPE_CHECKING:
    from loader.bank_sync import BankResult
    from loader.sync import SyncResult


def _timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass
class RunRecord:
    """One run: when, how long each step took, what it read, what it found, how it ended."""

    mode: str
    as_of: str
    started_at: str = field(default_factory=_timestamp)
    finished_at: str | None = None
    complete_run: dict[str, Any] | None = None
    """The last run that looked at every account and was published: `started_at` by this machine's
    clock, `clock_offset_seconds` of Stripe's, `accounts_failed`. Events since then are new."""
    scope: dict[str, list[str]] | None = None
    """The accounts that alone were read, each with the payouts asked for; none is all."""
    platform_account_id: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    requests_total: int = 0
    requests_refused: dict[str, int] = field(default_factory=dict)
    requests_floor: dict[str, int] = field(default_factory=dict)
    requests_floor_total: int = 0
    clock_offset_seconds: int = 0
    rows_loaded: dict[str, int] = field(default_factory=dict)
    accounts: dict[str, int] = field(default_factory=dict)
    account_errors: dict[str, str] = field(default_factory=dict)
    accounts_failed: list[str] = field(default_factory=list)
    """Of these, the accounts that should be readable."""
    bank_files: int = 0
    bank_files_read: int = 0
    bank_files_not_whole: dict[str, str] = field(default_factory=dict)
    bank_lines_loaded: int = 0
    coverage: dict[str, Any] = field(default_factory=dict)
    payouts_by_status: dict[str, int] = field(default_factory=dict)
    transactions_by_status: dict[str, int] = field(default_factory=dict)
    balances_by_status: dict[str, int] = field(default_factory=dict)
    bank_matches_by_status: dict[str, int] = field(default_factory=dict)
    bank_match_rates: list[dict[str, Any]] = field(default_factory=list)
    bank_coverage: list[dict[str, Any]] = field(default_factory=list)
    exceptions: list[dict[str, Any]] = field(default_factory=list)
    failed_tests: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None
    exit_code: int = 1

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step of the run."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(time.monotonic() - started, 3)

    def note_sync(self, result: SyncResult) -> None:
        """Take what was read of Stripe."""
        self.platform_account_id = result.platform_account_id
        self.requests = dict(sorted(result.requests.items()))
        self.requests_total = result.requests.total()
        self.requests_refused = dict(sorted(result.refused.items()))
        self.requests_floor = dict(sorted(result.requests_floor.items()))
        self.requests_floor_total = result.requests_floor.total()
        self.clock_offset_seconds = result.clock_offset_seconds
        self.rows_loaded = dict(result.rows)
        self.accounts = dict(result.accounts)
        self.account_errors = dict(sorted(result.errors.items()))
        self.accounts_failed = sorted(a for a, s in result.statuses.items() if s == "failed")

    def note_bank(self, result: BankResult) -> None:
        """Take what was read of bank statements."""
        self.bank_files = result.files
        self.bank_files_read = result.files_read
        self.bank_lines_loaded = result.lines_loaded
        self.bank_files_not_whole = dict(sorted(result.not_whole.items()))

    def count_findings(self, published_path: Path) -> None:
        """Take the counts by status and exception, and the coverage, from the published file."""
        with reading(published_path) as connection:
            self.payouts_by_status = dict(connection.execute(_PAYOUTS_BY_STATUS).fetchall())
            self.transactions_by_status = dict(
                connection.execute(_TRANSACTIONS_BY_STATUS).fetchall()
            )
            self.balances_by_status = dict(connection.execute(_BALANCES_BY_STATUS).fetchall())
            self.bank_matches_by_status = dict(connection.execute(_PAYOUTS_AT_BANK).fetchall())
            self.bank_match_rates = _dicts(connection, _MATCH_RATES)
            self.bank_coverage = _dicts(connection, _BANK_COVERAGE)
            self.exceptions = [
                {"exception_type": kind, "severity": severity, "count": count}
                for kind, severity, count in connection.execute(_EXCEPTIONS).fetchall()
            ]
            coverage = connection.execute(_COVERAGE).fetchone() or (None,) * 3
        names = ("synced_from", "synced_through", "accounts_readable")
        self.coverage = {
            name: value.isoformat() + "Z" if isinstance(value, datetime) else value
            for name, value in zip(names, coverage, strict=True)
        }

    @property
    def has_open_error(self) -> bool:
        """Whether an exception of severity `error` is open."""
        return any(found["severity"] == "error" for found in self.exceptions)

    def note_complete_run(self) -> None:
        """Note that this run looked at every account and was published."""
        self.complete_run = {
            "started_at": self.started_at,
            "clock_offset_seconds": self.clock_offset_seconds,
            "accounts_failed": self.accounts_failed,
            "platform_account_id": self.platform_account_id,
        }

    def as_json(self) -> str:
        """Answer the record as JSON."""
        return json.dumps(asdict(self), indent=2)

    def write(self, path: Path) -> None:
        """Put the record in place as `run.json`."""
        self.finished_at = _timestamp()
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.new")
        unfinished.write_text(self.as_json() + "\n", encoding="utf-8")
        unfinished.replace(path)


def _dicts(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    """Answer the rows of a query by the names of its columns."""
    found = connection.execute(query)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


_PAYOUTS_BY_STATUS = """
    select reconciliation_status, count(*)
    from finance.fct_payout_reconciliation
    group by all
    order by all
"""

_TRANSACTIONS_BY_STATUS = """
    select attribution_status, count(*)
    from finance.fct_balance_transactions
    group by all
    order by all
"""

_BALANCES_BY_STATUS = """
    select proof_status, count(*)
    from finance.fct_balance_proof
    group by all
    order by all
"""

_PAYOUTS_AT_BANK = """
    select bank_match_status, count(*)
    from finance.fct_payout_reconciliation
    group by all
    order by all
"""

_MATCH_RATES = """
    select
        currency, due_payout_count, matched_payout_count, match_rate_by_count,
        due_amount_minor, matched_amount_minor, match_rate_by_amount
    from finance.fct_bank_match_rates
    order by currency
"""

_BANK_COVERAGE = """
    select
        bank_account_id, currency,
        cast(min(period_from_date) as varchar) as covered_from,
        cast(max(period_through_date) as varchar) as covered_through
    from finance.fct_bank_statements
    where is_file_whole
    group by all
    order by all
"""

_EXCEPTIONS = """
    select exception_type, severity, count(*)
    from finance.fct_reconciliation_exceptions
    group by all
    order by all
"""

# A null start means all history: the earliest window is the one that counts.
_COVERAGE = """
    select
        case when bool_and(synced_from is not null) then min(synced_from) end,
        max(synced_through),
        count(*)
    from finance.dim_accounts
    where access_status = 'readable'
"""
