"""What a run says to the person who started it."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from loader.duckdb_files import reading
from loader.run_record import RunRecord
from loader.settings import Mode, Settings

if TYPE_CHECKING:
    from loader.sources.price import Price

# Of each kind; the rest stands in the exports.
EXCEPTIONS_SHOWN = 3

# A first sync that takes longer is announced with its price; where nobody sees the progress bar, a
# line is printed now and then.
PRICE_SHOWN_FROM_SECONDS = 30
LINE_EVERY_SECONDS = 60

MINUTE, HOUR = 60, 3600

# Where output goes to a file or a pipe, rich would take 80 columns and cut amounts.
_WIDTH = None if sys.stdout.isatty() else 110

# A bank's text may hold what rich takes for the name of a picture: `:100:`.
console = Console(width=_WIDTH, emoji=False)
error_console = Console(stderr=True, soft_wrap=True, emoji=False)

# What a terminal would act on: all control characters but tab and line feed.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Answer a text from outside without what a terminal would act on."""
    return _CONTROLS.sub("", text)


@contextmanager
def silenced(is_silent: bool) -> Iterator[None]:
    """Print nothing meanwhile, where a program reads what is printed; failures are still told."""
    console.quiet = is_silent
    try:
        yield
    finally:
        console.quiet = False


def show_record(record: RunRecord) -> None:
    """Print a run's record as `run.json` holds it."""
    console.print_json(record.as_json())


_STEPS = {
    "statements": "Reading bank statements ...",
    "build": "Proving every payout ...",
    "test": "Testing that nothing was lost on the way ...",
    "publish": "Publishing ...",
    "export": "Writing the exports and the report ...",
}


class RunDisplay:
    """Shows what came in and what is safe, about how long it will take, then the steps after it."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("Reading Stripe"),
            BarColumn(),
            TextColumn("{task.fields[told]}"),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
            console=console,
            auto_refresh=console.is_terminal,
        )
        self._task = self._progress.add_task("sync", total=None, told="")
        self._accounts = self._accounts_read = self._lists = self._lists_read = 0
        self._rows = self._rows_loaded = 0
        self._told_at = time.monotonic()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the progress for as long as the block runs."""
        with self._progress:
            yield

    def waiting_for_another_run(self) -> None:
        """Say why nothing happens yet."""
        self._progress.console.print("Another run is at work in this folder; waiting for it ...")

    def reads_everything(self) -> None:
        """Say why it takes longer than what was asked for."""
        self._progress.console.print("Nothing whole was ever read here, so everything is.")

    def accounts_found(self, count: int) -> None:
        """Set how many accounts there are to read."""
        self._accounts = count

    def priced(self, price: Price) -> None:
        """Set how many lists there are to read; say what it costs where it takes a while."""
        self._lists = price.lists
        self._progress.update(self._task, total=self._accounts + self._lists)
        if price.seconds >= PRICE_SHOWN_FROM_SECONDS:
            self._progress.console.print(_price_line(price))

    def clock_is_off(self, seconds: float) -> None:
        """Warn: by this machine's time, payouts are called overdue too late or too early."""
        where = "behind" if seconds > 0 else "ahead of"
        self._progress.console.print(
            f"[yellow]This machine's clock is {_duration(abs(seconds))} {where} Stripe's.[/] Set "
            "it, or set TIEOUT_AS_OF: it decides what is overdue."
        )

    def account_read(self, account_id: str, status: str) -> None:
        """Count an account; one that was not readable gets a line of its own."""
        self._accounts_read += 1
        self._progress.advance(self._task)
        if status != "readable":
            self._progress.console.print(f"Account {escape(account_id)}: {status}")
        self._tell()

    def lists_read(self, count: int) -> None:
        """Count payouts' lists."""
        self._lists_read += count
        self._progress.advance(self._task, count)

    def rows_read(self, count: int) -> None:
        """Count rows."""
        self._rows += count
        self._tell()

    def rows_loaded(self, count: int) -> None:
        """Count rows that a killed run would not lose."""
        self._rows_loaded += count
        self._tell()

    def step_begun(self, step: str) -> None:
        """Say what is being done now."""
        if step == "statements":
            self._progress.stop()
        if step in _STEPS:
            console.print(_STEPS[step])

    def _tell(self) -> None:
        lists = f"{self._lists_read:,}/{self._lists:,} payouts, " if self._lists else ""
        told = (
            f"{self._accounts_read:,}/{self._accounts:,} accounts, {lists}"
            f"{self._rows:,} rows, {self._rows_loaded:,} of them safe"
        )
        self._progress.update(self._task, told=told)
        if not console.is_terminal and time.monotonic() - self._told_at > LINE_EVERY_SECONDS:
            self._told_at = time.monotonic()
            left = self._progress.tasks[self._task].time_remaining
            console.print(told + (f", about {_duration(left)} left" if left else ""))


def show_price(price: Price) -> None:
    """Say what a sync would read and what it costs at least."""
    never = f", {price.accounts_never_read:,} of them never read before"
    console.print(f"Accounts to read: {price.accounts:,}{never}.")
    console.print(f"Payouts whose transactions are to be listed: {price.lists:,}.")
    for endpoint, count in sorted(price.requests.items()):
        console.print(f"  at least {count:,} requests to {endpoint}", highlight=False)
    console.print(_price_line(price))


def _price_line(price: Price) -> str:
    pace = f", {_duration(price.seconds)} at Stripe's limits" if price.seconds else ""
    line = (
        f"To be asked of Stripe: at least {price.requests.total():,} requests{pace}. Lists of more "
        "than 100 transactions and transactions in no payout yet take more. TIEOUT_START_DATE "
        "bounds it."
    )
    if price.lists_before_start:
        line += (
            f" Of the payouts to be listed, {price.lists_before_start:,} are of before it: an "
            "earlier run had found them when it was broken off. To leave them out, move the "
            "warehouse's folder away and run again."
        )
    return line


def _duration(seconds: float) -> str:
    """Answer a length of time as people say it."""
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} seconds"
    if seconds < 2 * HOUR:
        return f"{seconds / MINUTE:.0f} minutes"
    return f"{seconds / HOUR:.1f} hours"


def show_failure(kind: str, said: str) -> None:
    """Say on stderr what went wrong; text from outside is shown as it stands."""
    error_console.print(f"[bold red]{kind}:[/] {escape(printable(said))}", highlight=False)


def show_mode(settings: Settings) -> None:
    """Say which Stripe is read; loudly where it is only the sandbox."""
    if settings.mode is Mode.SANDBOX:
        console.rule("[bold yellow]SANDBOX: made-up data, not your Stripe account")
        console.print(
            "No STRIPE_API_KEY is set, so this runs on the bundled sandbox. "
            "To reconcile your own platform, put your key into .env (see .env.example)."
        )
    else:
        console.print(
            f"Reading Stripe in {settings.mode.value} mode from {settings.stripe_api_base}"
        )


def show_summary(record: RunRecord, settings: Settings) -> None:
    """Print what ties out, what does not, and where to look."""
    with reading(settings.published_path) as connection:
        payouts = connection.execute(_BY_CURRENCY).fetchall()
        exceptions = connection.execute(_LARGEST_EXCEPTIONS, [EXCEPTIONS_SHOWN]).fetchall()
    console.print()
    console.print(_payout_table(payouts))
    if record.scope:
        console.print(
            f"Read alone: {', '.join(record.scope)}. The rest is as it was.", markup=False
        )
    console.print(_accounts_line(record))
    _show_bank(record, settings)
    if exceptions:
        _show_exceptions(exceptions, sum(found["count"] for found in record.exceptions))
    for failed in record.failed_tests:
        console.print(f"[red]Test failed:[/] {failed['test']} ({failed['failures']} rows)")
    console.print()
    _show_files(settings.mode_dir)
    console.print(_verdict(record))


def _payout_table(rows: list[tuple[Any, ...]]) -> Table:
    table = Table(title="Payouts by currency", title_justify="left")
    table.add_column("")
    for name in ("Payouts", "Proven", "Manual", "In progress", "Not proven", "Amount proven"):
        table.add_column(name, justify="right", no_wrap=name == "Amount proven")
    table.add_column("Largest difference", justify="right", no_wrap=True)
    for currency, *counts, exponent, proven, difference in rows:
        amounts = (f"{amount:,.{exponent}f}" for amount in (proven, difference))
        table.add_row(escape(currency), *map(str, counts), *amounts)
    return table


def _accounts_line(record: RunRecord) -> str:
    return (
        f"Accounts: {_counts(record.accounts)}.\n"
        f"Transactions: {_counts(record.transactions_by_status)}.\n"
        f"Balances against Stripe's: {_counts(record.balances_by_status)}.\n"
        f"Requests to Stripe: {record.requests_total:,} "
        f"(the fewest possible: {record.requests_floor_total:,})."
    )


def _show_bank(record: RunRecord, settings: Settings) -> None:
    """Say what was found at the bank, of what could be found, and which files were left out."""
    for path, reason in record.bank_files_not_whole.items():
        console.print(f"[yellow]Left out, not whole:[/] {escape(printable(f'{path}: {reason}'))}")
    if not record.bank_coverage:
        console.print(
            f"At the bank: no statements (put them into {escape(str(settings.bank_dir))}).",
            soft_wrap=True,
        )
        return
    for rate in record.bank_match_rates:
        console.print(
            f"At the bank, {escape(rate['currency'].upper())}: {rate['matched_payout_count']:,} of "
            f"{rate['due_payout_count']:,} payouts due and covered by statements "
            f"({_share(rate['match_rate_by_count'])} by number, "
            f"{_share(rate['match_rate_by_amount'])} by amount)."
        )
    without = record.bank_matches_by_status.get("no_bank_data", 0)
    console.print(f"Payouts that no statement covers: {without:,}.")


def _share(rate: float) -> str:
    """Answer a share in percent; 100 % is said of all alone."""
    return "100 %" if rate == 1 else f"{min(rate * 100, 99.9):.1f} %"


def _counts(by_status: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in sorted(by_status.items())) or "none"


def _show_exceptions(rows: list[tuple[str, ...]], total: int) -> None:
    console.print(f"\n[bold]Open exceptions: {total}[/]")
    for severity, kind, account_id, payout_id, explanation in rows:
        style = "red" if severity == "error" else "yellow"
        where = escape(f"{account_id} {payout_id or ''}")
        console.print(f"[{style}]{severity}[/] [bold]{kind}[/] {where}")
        console.print(Padding(escape(printable(explanation)), (0, 0, 0, 4)))
    if total > len(rows):
        file = "exports/fct_reconciliation_exceptions.csv"
        console.print(f"... and {total - len(rows)} more; all are in {file}.")


def _show_files(folder: Path) -> None:
    shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    console.print(f"To read: {shown / 'report.html'}", soft_wrap=True)
    console.print(
        f"For BI tools: {shown / 'reconciliation.duckdb'} (schema finance)", soft_wrap=True
    )
    console.print(f"For spreadsheets: {shown / 'exports'}", soft_wrap=True)


def _verdict(record: RunRecord) -> str:
    if record.has_open_error or record.failed_tests:
        return "[bold red]It does not all tie out: see the exceptions above.[/]"
    return "[bold green]Everything that is due ties out.[/]"


# Differences of several payouts could cancel out, so the largest is shown, never their sum.
_BY_CURRENCY = """
    select
        upper(payouts.currency),
        count(*),
        count(*) filter (where payouts.is_reconciled),
        count(*) filter (where payouts.reconciliation_status = 'not_itemizable'),
        count(*) filter (where payouts.reconciliation_status = 'in_progress'),
        count(*) filter (where payouts.reconciliation_status = 'unreconciled'),
        any_value(currencies.minor_unit_exponent),
        coalesce(sum(payouts.payout_amount) filter (where payouts.is_reconciled), 0),
        coalesce(
            max(abs(payouts.difference_minor * currencies.major_per_minor)) filter (
                where payouts.reconciliation_status = 'unreconciled'
            ), 0
        )
    from finance.fct_payout_reconciliation as payouts
    inner join finance.dim_currencies as currencies using (currency)
    group by payouts.currency
    order by payouts.currency
"""

_LARGEST_EXCEPTIONS = """
    select severity, exception_type, account_id, payout_id, explanation
    from finance.fct_reconciliation_exceptions
    qualify row_number() over (
        partition by severity, exception_type order by abs(amount_minor) desc, exception_id
    ) <= ?
    order by severity, exception_type, account_id, payout_id, exception_id
"""
