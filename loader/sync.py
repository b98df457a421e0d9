"""Syncs every account of a platform into the warehouse: what to read this time, in batches.

Each batch is a dlt load package. A record that something was read goes into the batch of its
last rows or a later one, and packages are loaded in order: a kill loses work, never truth.
"""

from __future__ import annotations

import asyncio
import gc
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import dlt
import pyarrow as pa
from dlt.pipeline.exceptions import PipelineStepFailed

from loader.destination import destination_of
from loader.loose_ends import LooseEnds
from loader.raw_data import RawData
from loader.settings import Mode
from loader.sources.account_access import Reading
from loader.sources.account_reader import AccountReader
from loader.sources.batch import Batch, Rows
from loader.sources.platform_accounts import PlatformAccounts
from loader.sources.price import Price, price_of
from loader.sources.scope import Scope
from loader.sources.shard import WHOLE, Shard
from loader.sources.stripe_connect import stripe_connect
from loader.sources.stripe_tables import (
    ACCOUNT_SYNCS,
    ACCOUNTS,
    PAYOUT_LISTINGS,
    RAW_TABLES,
    RawTable,
    Row,
)
from loader.stripe_api.client import StripeAccess, StripeClient
from loader.stripe_api.errors import (
    AccessRevokedError,
    KeyRefusedError,
    StripeReadError,
    gravest_of_group,
)
from loader.stripe_api.pacing import Pacing

# Rows from which on a batch is loaded: what was not loaded is what a kill costs, and loading takes
# some time whatever the size. Reading goes on meanwhile, until the next one is full.
BATCH_ROWS = 20_000

# A batch is loaded after so long in any case: at Stripe's pace, small lists fill one slowly.
BATCH_SECONDS = 20

# Objects that come to be, less those that go, between two looks for cycles; Python's default, 700,
# is less than a page.
ALLOCATIONS_BETWEEN_COLLECTIONS = 50_000

# The survey runs ahead of the reading; each has enough to keep its endpoint busy.
SURVEYS_AT_ONCE = 20
ACCOUNTS_AT_ONCE = 50


# Beyond this a wrong clock is told: what is "today" decides what is overdue.
CLOCK_TOLERANCE_SECONDS = 300


class LoadError(Exception):
    """Rows that were read could not be written to the warehouse."""


class SyncProgress(Protocol):
    """Hears how a sync goes on."""

    def accounts_found(self, count: int) -> None:
        """So many accounts will be read."""

    def priced(self, price: Price) -> None:
        """Every account's payouts are known, and with them the least that is still to be asked."""

    def clock_is_off(self, seconds: float) -> None:
        """Stripe's clock is so much ahead of this machine's (behind, if negative)."""

    def account_read(self, account_id: str, status: str) -> None:
        """One account is done."""

    def lists_read(self, count: int) -> None:
        """So many more payouts' lists came in."""

    def rows_read(self, count: int) -> None:
        """So many more rows came in."""

    def rows_loaded(self, count: int) -> None:
        """So many more rows are in the warehouse: a run that is killed now need not repeat them."""


@dataclass(frozen=True)
class SyncRequest:
    """What to sync, from where, into which warehouse."""

    access: StripeAccess
    mode: Mode
    raw: RawData
    pipelines_dir: Path
    requests_per_second: float
    start: int | None = None
    full: bool = False
    """Read everything again, whatever was read before."""
    scope: Scope | None = None
    """Read a part of the platform alone; none is the whole."""
    shard: Shard = WHOLE
    """Read the accounts of this part alone, with its share of the requests; others read the rest
    meanwhile."""


@dataclass
class SyncResult:
    """What a sync did: accounts by status, rows loaded by raw table, requests by endpoint."""

    platform_account_id: str
    run_id: str
    statuses: dict[str, str] = field(default_factory=dict)
    """By account: `readable`, `revoked` or `failed`."""
    errors: dict[str, str] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    """Accounts of the scope that were never loaded and that the key gives no access to."""
    rows: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    """Those that Stripe refused for now (HTTP 429)."""
    clock_offset_seconds: int = 0
    """Stripe's clock less this machine's."""
    requests_floor: Counter[str] = field(default_factory=Counter)
    """The fewest requests that could give the same."""

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
    # What was imported stays, and rows hold no cycles: not looking through them again and again
    # saves a fifth of the time.
    gc.freeze()
    gc.set_threshold(ALLOCATIONS_BETWEEN_COLLECTIONS)
    return asyncio.run(_run(request, progress))


def plan(request: SyncRequest, progress: SyncProgress) -> Price:
    """Ask what a sync would have to read; write nothing.

    Raises:
        StripeReadError: the platform account itself or the list of accounts can't be read.
        SettingsError: the warehouse belongs to another platform or mode.
        WarehouseError: the warehouse can't be opened.
    """
    return asyncio.run(_plan(request, progress))


async def _run(request: SyncRequest, progress: SyncProgress) -> SyncResult:
    async with StripeClient(request.access, _pacing(request)) as client:
        return await _Sync(request, progress, client).run()


async def _plan(request: SyncRequest, progress: SyncProgress) -> Price:
    async with StripeClient(request.access, _pacing(request)) as client:
        return await _Sync(request, progress, client).plan()


def _pacing(request: SyncRequest) -> Pacing:
    return Pacing(request.requests_per_second, shares=request.shard.count)


class _Sync:
    def __init__(self, request: SyncRequest, progress: SyncProgress, client: StripeClient) -> None:
        self._request = request
        self._progress = progress
        self._client = client
        self._accounts = PlatformAccounts(self._client)
        self._loader: _BatchLoader | None = None
        self._reading = Reading(
            uuid.uuid4().hex, 1, request.start, request.full, scope=request.scope
        )
        self._readers: dict[str, AccountReader] = {}
        self._surveyed: asyncio.Queue[AccountReader | None] = asyncio.Queue()

    async def run(self) -> SyncResult:
        platform = await self._begin()
        self._claim_warehouse(platform)
        with self._request.raw.kept_open():
            return await self._read_platform(platform)

    def _claim_warehouse(self, platform: Row) -> None:
        raw = self._request.raw
        raw.claim(platform["id"], self._request.mode)
        raw.refuse_earlier({table.name: table.columns.keys() for table in RAW_TABLES})

    async def _read_platform(self, platform: Row) -> SyncResult:
        raw = self._request.raw
        self._reading = replace(self._reading, run_number=raw.next_run_number())
        self._loader = _BatchLoader(self._request, self._progress)
        known = self._of_shard(raw.known_accounts())
        accounts = await self._find_accounts(platform, known)
        await self._loader.add((ACCOUNTS, [row for row in accounts.values() if "id" in row]))
        self._loader.make_tables()  # while the first answers are on their way
        self._make_readers(accounts)
        await self._read_accounts()
        if self._request.scope is None:
            await self._record_vanished(known.keys() - accounts.keys())
        await self._load()
        await self._tie_loose_ends()
        self._result.rows = self._loader.rows
        self._result.requests = self._client.requests
        self._result.refused = self._client.refused
        floors = (reader.floor for reader in self._readers.values())
        self._result.requests_floor = sum(floors, self._accounts.floor)
        return self._result

    async def _find_accounts(self, platform: Row, known: dict[str, Row]) -> dict[str, Row]:
        """Answer the accounts to read; those that a small sync knows already have no `id`."""
        if self._request.scope is None:
            return self._of_shard(await self._accounts.find_all(platform))
        found = await self._accounts.find_named(self._request.scope, platform, known)
        self._result.unknown = set(found.unknown)
        self._result.statuses |= dict.fromkeys(found.unknown, "revoked")
        self._result.statuses |= dict.fromkeys(found.failed, "failed")
        self._result.errors |= found.unknown | found.failed
        return found.rows

    def _of_shard(self, accounts: dict[str, Row]) -> dict[str, Row]:
        return {name: row for name, row in accounts.items() if self._request.shard.holds(name)}

    async def plan(self) -> Price:
        platform = await self._begin()
        if self._request.raw.exists:
            self._claim_warehouse(platform)
        self._make_readers(self._of_shard(await self._accounts.find_all(platform)))
        with gravest_of_group():
            await self._survey()
        return self._price()

    async def _keep(self, *parts: tuple[RawTable, Sequence[Row] | Rows]) -> None:
        """Put rows that belong together into one batch; a plan keeps nothing."""
        if self._loader is not None:
            await self._loader.add(*parts)

    async def _load(self) -> None:
        if self._loader is not None:
            await self._loader.load()

    async def _begin(self) -> Row:
        platform = await self._accounts.find_platform()
        self._result = SyncResult(platform["id"], self._reading.run_id)
        offset = self._client.clock.seconds_ahead
        self._result.clock_offset_seconds = round(offset)
        if abs(offset) > CLOCK_TOLERANCE_SECONDS:
            self._progress.clock_is_off(offset)
        return platform

    def _make_readers(self, accounts: dict[str, Row]) -> None:
        raw, scope = self._request.raw, self._request.scope
        named = scope.all_payouts if scope else ()
        histories = raw.histories(self._request.start, named) if raw.exists else {}
        if self._request.full:
            histories = {name: history.baseline for name, history in histories.items()}
        self._readers = {
            account_id: AccountReader(
                self._client, self._reading, account, histories.get(account_id), self._keep
            )
            for account_id, account in accounts.items()
        }
        self._progress.accounts_found(len(self._readers))

    async def _read_accounts(self) -> None:
        """Survey the accounts, and read them as they come out of it.

        The survey runs ahead, so that the price is known early and no endpoint waits for another.
        """
        with gravest_of_group():
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._survey_ahead())
                for _ in range(ACCOUNTS_AT_ONCE):
                    tasks.create_task(self._read_surveyed())

    async def _survey_ahead(self) -> None:
        await self._survey()
        self._progress.priced(self._price())
        for _ in range(ACCOUNTS_AT_ONCE):
            self._surveyed.put_nowait(None)

    async def _survey(self) -> None:
        """Read every account's payouts, after which it can be read."""
        waiting = iter(self._readers.values())

        async def survey() -> None:
            for reader in waiting:
                status = await self._attempt(reader, reader.survey())
                if status == "readable":
                    self._surveyed.put_nowait(reader)
                else:
                    self._progress.account_read(reader.account_id, status)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(SURVEYS_AT_ONCE):
                tasks.create_task(survey())

    def _price(self) -> Price:
        readable = [r for r in self._readers.values() if r.account_id not in self._result.errors]
        return price_of(readable, self._request.requests_per_second / self._request.shard.count)

    async def _read_surveyed(self) -> None:
        while reader := await self._surveyed.get():
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
            await self._keep((ACCOUNT_SYNCS, [reader.record(status, error)]))
        return status

    async def _record_vanished(self, account_ids: set[str]) -> None:
        """Record accounts that were loaded once and that Stripe lists no more."""
        for account_id in sorted(account_ids):
            gone = {
                "account_id": account_id,
                "run_id": self._reading.run_id,
                "run_number": self._reading.run_number,
                "status": "revoked",
                "error": "Stripe no longer lists this account as connected to the platform.",
            }
            self._result.statuses[account_id] = "revoked"
            await self._keep((ACCOUNT_SYNCS, [gone]))

    async def _tie_loose_ends(self) -> None:
        """Look up what stored rows name, until nothing is named that was not looked up."""
        tied: dict[str, LooseEnds] = {}
        while ends := self._new_loose_ends(tied):
            with gravest_of_group():
                async with asyncio.TaskGroup() as tasks:
                    for account_id, found in ends.items():
                        reader = self._readers[account_id]
                        tasks.create_task(self._attempt(reader, reader.tie_loose_ends(found)))
            await self._load()
            tied |= {a: found.joined(tied.get(a, LooseEnds())) for a, found in ends.items()}

    def _new_loose_ends(self, tied: dict[str, LooseEnds]) -> dict[str, LooseEnds]:
        """Answer the loose ends of readable accounts that were not looked up yet."""
        new = {
            account_id: found.without(
                tied.get(account_id, LooseEnds()),
                may_search=self._readers[account_id].can_search,
            )
            for account_id, found in self._request.raw.loose_ends().items()
            if self._result.statuses.get(account_id) == "readable"
        }
        return {account_id: found for account_id, found in new.items() if found}


class _BatchLoader:
    """Gathers rows of all accounts and loads them as dlt packages, one after another.

    What a killed run left in dlt's folder is thrown away and read again, a batch at most: dlt can't
    tell whether a job that it had begun was done, and would copy its rows twice.
    """

    def __init__(self, request: SyncRequest, progress: SyncProgress) -> None:
        shutil.rmtree(request.pipelines_dir, ignore_errors=True)
        self._raw = request.raw
        self._progress = progress
        self._batch = Batch()
        self._batch_began: float | None = None
        self._loading: asyncio.Task[None] | None = None
        self._has_made_tables = self._raw.only_adds  # each load makes what it needs
        self.rows: Counter[str] = Counter()
        self._pipeline = dlt.pipeline(
            "stripe_connect",
            pipelines_dir=str(request.pipelines_dir),
            destination=destination_of(request.raw),
            dataset_name="stripe",
        )

    async def add(self, *parts: tuple[RawTable, Sequence[Row] | Rows]) -> None:
        """Put rows that belong together into one batch; a full batch is loaded.

        Raises:
            LoadError: an earlier batch could not be loaded.
        """
        if self._batch_began is None:
            self._batch_began = time.monotonic()
        for table, rows in parts:
            self._batch.add(table, rows)
            self._progress.rows_read(len(rows))
            if table is PAYOUT_LISTINGS:
                self._progress.lists_read(len(rows))
        self._load_if_due()
        while self._loading is not None and len(self._batch) >= BATCH_ROWS:
            await asyncio.shield(self._loading)
            self._load_if_due()

    def _load_if_due(self) -> None:
        if self._loading is None or self._loading.done():
            self._raise_failure()
            began = self._batch_began
            is_old = began is not None and time.monotonic() - began >= BATCH_SECONDS
            if is_old or len(self._batch) >= BATCH_ROWS:
                self._begin_load()

    def make_tables(self) -> None:
        """Load what there is, however little, unless that is being done: it makes the tables."""
        if self._loading is None and not self._has_made_tables:
            self._begin_load()

    def _begin_load(self) -> None:
        """Load the batch while the next one is gathered; none may be loading."""
        batch, self._batch, self._batch_began = self._batch, Batch(), None
        self._loading = asyncio.create_task(self._load_apart(batch))

    async def load(self) -> None:
        """Load all that was gathered.

        A caller may be cancelled, the loading is not: two at a time would lose one.
        """
        while self._loading is not None or len(self._batch):
            if self._loading is None:
                self._begin_load()
            elif self._loading.done():
                self._raise_failure()
            else:
                await asyncio.shield(self._loading)

    def _raise_failure(self) -> None:
        """Tell whoever comes next that a load failed: nothing may be loaded after it."""
        if self._loading is not None:
            self._loading.result()
            self._loading = None

    async def _load_apart(self, batch: Batch) -> None:
        await asyncio.to_thread(self._load, batch)
        self._has_made_tables = True
        self._progress.rows_loaded(len(batch))

    def _load(self, batch: Batch) -> None:
        try:
            source = stripe_connect(
                batch, make_all_tables=not self._has_made_tables, only_adds=self._raw.only_adds
            )
            self._pipeline.run(source)
            self._raw.tidy()
            self.rows.update(batch.counts())
        except (PipelineStepFailed, pa.ArrowException, ValueError) as failure:
            reason = failure.exception if isinstance(failure, PipelineStepFailed) else failure
            raise LoadError(
                f"What was read could not be written to the warehouse: {reason}. "
                "Run again: what was already loaded is kept."
            ) from failure
