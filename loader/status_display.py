"""How `tieout status` shows where things stand."""

from __future__ import annotations

import dataclasses

import orjson
from rich.markup import escape
from rich.table import Table

from loader.console import console, printable
from loader.settings import Settings
from loader.status import AccountStatus, Status
from loader.times import ago, in_utc

# A platform of this size is shown whole; of a larger one, those with most to tell.
ACCOUNTS_SHOWN = 30


def status_as_json(status: Status) -> str:
    """Answer the whole picture as JSON; times are UTC."""
    return orjson.dumps(dataclasses.asdict(status), option=orjson.OPT_INDENT_2).decode()


def show_status(status: Status, settings: Settings, *, show_all: bool) -> None:
    """Print the headline, then the accounts."""
    _show_headline(status, settings)
    if status.published_at is None:
        _say(f"Nothing is published in {settings.mode_dir} yet: run `make reconcile`.")
        return
    _say(f"Published: {ago(status.published_at, status.now)} ({in_utc(status.published_at)}).")
    shown = status.accounts if show_all else status.accounts[:ACCOUNTS_SHOWN]
    console.print(_account_table(shown, f"Accounts in {settings.mode.value} mode"))
    for account in shown:
        if account.last_error:
            _say(f"{account.account_id}: {account.last_error}")
    _say(_totals(status.accounts))
    rest = status.accounts[len(shown) :]
    if rest:
        telling = sum(account.has_something_to_tell for account in rest)
        _say(
            f"Not shown: {len(rest):,} more accounts, {telling:,} of them with something open or "
            "not readable. `tieout status --all` shows every one."
        )


def _show_headline(status: Status, settings: Settings) -> None:
    if status.is_run_at_work:
        _say(f"A run is at work in {settings.mode_dir} now.")
    last = status.last_run
    if last is None:
        _say("Last run: none has ended yet.")
        return
    ended = f"{ago(last.finished_at, status.now)} ({in_utc(last.finished_at)})"
    _say(f"Last run: ended {ended}: {last.outcome}")


def _account_table(accounts: list[AccountStatus], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in ("Account", "Name", "Access", "Synced through"):
        table.add_column(name, overflow="fold")
    for name in ("Errors", "Warnings"):
        table.add_column(name, justify="right")
    for account in accounts:
        through = account.synced_through
        table.add_row(
            escape(account.account_id),
            escape(printable(account.name or "")),
            escape(account.access),
            in_utc(through) if through else "",
            f"[red]{account.errors:,}[/]" if account.errors else "0",
            f"[yellow]{account.warnings:,}[/]" if account.warnings else "0",
        )
    return table


def _totals(accounts: list[AccountStatus]) -> str:
    errors = sum(account.errors for account in accounts)
    warnings = sum(account.warnings for account in accounts)
    return f"Open: {errors:,} errors, {warnings:,} warnings, in {len(accounts):,} accounts."


def _say(line: str) -> None:
    console.print(printable(line), soft_wrap=True, markup=False, highlight=False)
