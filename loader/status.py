"""Where things stand, by the published file and the record of the last run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import duckdb

from loader.duckdb_files import reading
from loader.failure import told
from loader.last_run import LastRun, LastRunError, read_last_run
from loader.run_lock import is_run_at_work
from loader.settings import Settings


class StatusError(Exception):
    """What is published or recorded can't be read; the message says why."""


@dataclass(frozen=True)
class AccountStatus:
    """How far one account is read, and how much of it is open."""

    account_id: str
    name: str | None
    access: str
    synced_through: datetime | None
    """The newest transaction read."""
    errors: int
    warnings: int
    last_error: str | None

    @property
    def has_something_to_tell(self) -> bool:
        """Whether something is open, or the account could not be read."""
        return bool(self.errors or self.warnings) or self.access != "readable"


@dataclass(frozen=True)
class Status:
    """The whole picture at one moment."""

    now: datetime
    is_run_at_work: bool
    last_run: LastRun | None
    published_at: datetime | None
    """When the published file was written; none if there is none."""
    accounts: list[AccountStatus]
    """Those with something to tell first, the worst before."""


def read_status(settings: Settings) -> Status:
    """Answer where things stand in the settings' folder.

    Raises:
        StatusError: the published file or `run.json` can't be read.
    """
    try:
        return _read_status(settings)
    except LastRunError as error:
        raise StatusError(str(error)) from None
    except (OSError, duckdb.Error) as error:
        raise StatusError(f"{told(error)} `tieout doctor` says more.") from None


def _read_status(settings: Settings) -> Status:
    published_at, accounts = None, []
    if settings.published_path.exists():
        published_at = datetime.fromtimestamp(settings.published_path.stat().st_mtime, UTC)
        with reading(settings.published_path) as connection:
            accounts = [_account(row) for row in connection.execute(_ACCOUNTS).fetchall()]
    return Status(
        now=datetime.now(UTC),
        is_run_at_work=is_run_at_work(settings.mode_dir),
        last_run=read_last_run(settings.mode_dir),
        published_at=published_at,
        accounts=accounts,
    )


def _account(row: tuple[Any, ...]) -> AccountStatus:
    account = AccountStatus(*row)
    if account.synced_through is None:
        return account
    # DuckDB keeps UTC without saying so.
    return replace(account, synced_through=account.synced_through.replace(tzinfo=UTC))


_ACCOUNTS = """
    with open_items as (
        select
            account_id,
            count(*) filter (where severity = 'error') as errors,
            count(*) filter (where severity <> 'error') as warnings
        from finance.fct_reconciliation_exceptions
        group by account_id
    )

    select
        accounts.account_id,
        accounts.account_name,
        accounts.access_status,
        accounts.synced_through,
        coalesce(open_items.errors, 0) as errors,
        coalesce(open_items.warnings, 0) as warnings,
        accounts.access_error
    from finance.dim_accounts as accounts
    left join open_items on accounts.account_id = open_items.account_id
    order by
        errors desc,
        warnings desc,
        accounts.access_status <> 'readable' desc,
        accounts.is_platform_account desc,
        accounts.account_id
"""
