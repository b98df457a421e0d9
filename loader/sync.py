"""Syncs every account of a platform into the warehouse: what to read this time, in batches.

Each batch is a dlt load package. A record that something was read goes into the batch of its
last rows or a later one, and packages are loaded in order: a kill loses work, never truth.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import dlt
import pyarrow as pa
from dlt.pipeline.exceptions import PipelineStepFailed

from loader.settings import Mode
from loader.sources.account_reader import AccountReader, Reading
from loader.sources.stripe_connect import Batch, stripe_connect
from loader.sources.stripe_tables import ACCOUNT_SYNCS, ACCOUNTS, RawTable, Row, account_row
from loader.stripe_api.client import StripeAccess, StripeClient
from loader.stripe_api.errors import AccessRevokedError, KeyRefusedError, StripeReadError
from loader.stripe_api.pacing import Pacing
from loader.stripe_api.paging import pages
from loader.warehouse import LooseEnds, Warehouse

# Rows in memory before a batch is loaded: some 60 MB as Python objects.
BATCH_ROWS = 50_000

ACCOUNTS_AT_ONCE = 12


class LoadError(Exception):
    """Rows that were read could not be written to the warehouse."""


class SyncProgress(Protocol):
    """Hears how a sync goes on."""

    def accounts_found(self, count: int) -> None:
        """So many accounts will be read."""

    def account_read(self, account_id: str, status: str) -> None:
        """One account is done."""

    def rows_read(self, count: int) -> None:
        """So many more rows came in."""


@dataclass(frozen=True)
class SyncRequest:
    """What to sync, from where, into which warehouse."""

    access: StripeAccess
    mode: Mode
    warehouse: Warehouse
    pipelines_dir: Path
    requests_per_second: float
    start: int | None = None
    full: bool = False
    """Read everything again, whatever was read before."""


@dataclass
class SyncResult:
    """What a sync did: accounts by status, rows loaded by raw table, requests by endpoint."""

    platform_account_id: str
    run_id: str
    statuses: dict[str, str] = field(default_factory=dict)
    """By account: `readable`, `revoked` or `failed`."""
    errors: dict[str, str] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)

    @property
    def accounts(self) -> Counter[str]:
        """How many accounts have each status."""
        return Counter(self.statuses.values())


def sync(request: SyncRequest, progress: SyncProgress) -> SyncResult:
    """Load what is new of the platform and of every connected account.

    Raises:
        StripeReadError: the platform account itself or the list of accounts can't be read.
        SettingsError: the warehouse belongs to another platform or mode.
        WarehouseError: the warehouse can't be opened.
        LoadError: what was read can't be written.
    """
    return asyncio.run(_Sync(request, progress).run())


class _Sync:
    def __init__(self, request: SyncRequest, progress: SyncProgress) -> None:
        self._request = request
        self._progress = progress
        self._client = StripeClient(request.access, Pacing(request.requests_per_second))
        self._loader = _BatchLoader(request, progress)
        self._reading = Reading(run_id=uuid.uuid4().hex, start=request.start)
        self._accounts_at_once = asyncio.Semaphore(ACCOUNTS_AT_ONCE)

    async def run(self) -> SyncResult:
        platform = await self._client.get("/v1/account")
        self._result = SyncResult(platform["id"], self._reading.run_id)
        if self._request.warehouse.claim(platform["id"], self._request.mode):
            self._loader.forget_pending()
        await self._loader.finish_pending()
        known = self._request.warehouse.known_accounts()
        accounts = await self._find_accounts(platform)
        readers = self._readers(accounts, platform["id"])
        self._progress.accounts_found(len(readers))
        await asyncio.gather(*(self._read(reader) for reader in readers))
        await self._record_vanished(known - accounts.keys())
        await self._loader.load()
        await self._tie_loose_ends({reader.account_id: reader for reader in readers})
        self._result.rows = self._loader.rows
        self._result.requests = self._client.requests
        return self._result

    async def _find_accounts(self, platform: dict[str, Any]) -> dict[str, Row]:
        found = {platform["id"]: account_row(platform, is_platform=True)}
        async for page in pages(self._client, "/v1/accounts"):
            for account in page:
                found.setdefault(account["id"], account_row(account, is_platform=False))
        ACCOUNTS.check(list(found.values()))
        await self._loader.add((ACCOUNTS, list(found.values())))
        return found

    def _readers(self, accounts: dict[str, Row], platform_id: str) -> list[AccountReader]:
        histories = {} if self._request.full else self._request.warehouse.histories()
        return [
            AccountReader(
                self._client,
                self._reading,
                account_id,
                histories.get(account_id),
                self._loader.add,
                is_platform=account_id == platform_id,
            )
            for account_id in accounts
        ]

    async def _read(self, reader: AccountReader) -> None:
        async with self._accounts_at_once:
            status = await self._attempt(reader, reader.read())
        self._progress.account_read(reader.account_id, status)

    async def _attempt(self, reader: AccountReader, reading: Coroutine[Any, Any, None]) -> str:
        """Read something of an account; one that can't be read is recorded, the others go on."""
        status, error = "readable", None
        try:
            await reading
        except KeyRefusedError:
            raise
        except AccessRevokedError as refusal:
            status, error = "revoked", str(refusal)
        except StripeReadError as failure:
            status, error = "failed", str(failure)
        self._result.statuses[reader.account_id] = status
        if error is not None:
            self._result.errors[reader.account_id] = error
            await self._loader.add((ACCOUNT_SYNCS, [reader.record(status, error)]))
        return status

    async def _record_vanished(self, account_ids: set[str]) -> None:
        """Record accounts that were loaded once and that Stripe lists no more."""
        for account_id in sorted(account_ids):
            gone = {
                "account_id": account_id,
                "run_id": self._reading.run_id,
                "status": "revoked",
                "error": "Stripe no longer lists this account as connected to the platform.",
            }
            self._result.statuses[account_id] = "revoked"
            await self._loader.add((ACCOUNT_SYNCS, [gone]))

    async def _tie_loose_ends(self, readers: dict[str, AccountReader]) -> None:
        """Look up what stored rows name, until nothing is named that was not looked up."""
        tied: dict[str, LooseEnds] = {}
        while True:
            ends = {
                account_id: found
                for account_id, found in self._request.warehouse.loose_ends().items()
                if self._result.statuses.get(account_id) == "readable"
                and found.without(tied.get(account_id, LooseEnds()))
            }
            if not ends:
                return
            for account_id, found in ends.items():
                reader = readers[account_id]
                new = found.without(tied.get(account_id, LooseEnds()))
                await self._attempt(reader, reader.tie_loose_ends(new))
            await self._loader.load()
            tied |= ends


class _BatchLoader:
    """Gathers rows of all accounts and loads them as dlt packages, one after another."""

    def __init__(self, request: SyncRequest, progress: SyncProgress) -> None:
        self._progress = progress
        self._batch = Batch()
        self._loading = asyncio.Lock()
        self.rows: Counter[str] = Counter()
        self._pipeline = dlt.pipeline(
            "stripe_connect",
            pipelines_dir=str(request.pipelines_dir),
            destination=dlt.destinations.duckdb(str(request.warehouse.path)),
            dataset_name="stripe",
        )

    def forget_pending(self) -> None:
        """Drop what was read for a warehouse that is no more: this one is new."""
        self._pipeline.abort_packages()

    async def finish_pending(self) -> None:
        """Load the package that a killed run left behind, before anything new is read."""
        if self._pipeline.has_pending_data:
            await asyncio.to_thread(self._finish_pending)

    def _finish_pending(self) -> None:
        try:
            self._pipeline.normalize()
            self._pipeline.load()
        except PipelineStepFailed as failure:
            raise LoadError(
                f"What an earlier run read can't be written: {failure.exception}. Mend that and "
                f"run again; or delete {self._pipeline.working_dir}, and it is read again."
            ) from failure

    async def add(self, *parts: tuple[RawTable, Sequence[Row]]) -> None:
        """Put rows that belong together into one batch; a full batch is loaded."""
        for table, rows in parts:
            self._batch.add(table, rows)
            self._progress.rows_read(len(rows))
        if len(self._batch) >= BATCH_ROWS:
            await self.load(at_least=BATCH_ROWS)

    async def load(self, at_least: int = 1) -> None:
        """Load the batch if it holds enough; a later batch waits for an earlier one.

        A caller may be cancelled, the loading is not: two at a time would lose one.
        """
        await asyncio.shield(asyncio.create_task(self._load_when_due(at_least)))

    async def _load_when_due(self, at_least: int) -> None:
        async with self._loading:
            if len(self._batch) < at_least:
                return
            batch, self._batch = self._batch, Batch()
            await asyncio.to_thread(self._load, batch)
            self.rows.update(batch.counts())

    def _load(self, batch: Batch) -> None:
        try:
            source = stripe_connect(batch)
            self._pipeline.run(source)
        except (PipelineStepFailed, pa.ArrowException, ValueError) as failure:
            reason = failure.exception if isinstance(failure, PipelineStepFailed) else failure
            raise LoadError(
                f"What was read could not be written to the warehouse: {reason}. "
                "Run again: what was already loaded is kept."
            ) from failure
