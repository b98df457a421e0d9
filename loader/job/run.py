"""The whole job in order: sync, build, test, export, report, publish, and the record of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

import duckdb
from filelock import Timeout

from loader.bank_sync import BankRequest, BankResult, sync_bank
from loader.build import BuildError, FailedTest
from loader.engine import dbt_project_of, raw_data_of
from loader.exports import replace_exports, write_exports
from loader.failure import told
from loader.job.origin import EventsSource, Origin, at_story_time
from loader.lake import Lake
from loader.last_run import kept_complete_run
from loader.publish import PublishError, publish
from loader.publish_to_lake import publish_to_lake
from loader.report.writing import replace_report, write_report
from loader.run_lock import events_lock, run_lock
from loader.run_record import RunRecord
from loader.sandbox.process import SandboxStartError
from loader.sandbox.state import SandboxStateError
from loader.selection import (
    Format,
    Selection,
    SelectionError,
    format_of,
    write_selection,
)
from loader.settings import Settings, SettingsError
from loader.sources.price import Price
from loader.sources.scope import PLATFORM, Scope
from loader.sources.shard import WHOLE, Shard
from loader.stripe_api.client import StripeAccess
from loader.stripe_api.errors import StripeReadError
from loader.sync import LoadError, SyncProgress, SyncRequest, SyncResult, plan, sync
from loader.warehouse import WarehouseError

OK, FAILED, WRONG_SETTINGS, EXCEPTION_OPEN = 0, 1, 2, 3

# What a run may end with that is not a fault of ours: each carries a sentence for the user.
RUN_ERRORS = (
    StripeReadError,
    LoadError,
    WarehouseError,
    BuildError,
    PublishError,
    SandboxStartError,
    SandboxStateError,
    OSError,  # a full disk, a folder that can't be written
    duckdb.Error,
)


class JobProgress(SyncProgress, Protocol):
    """Hears how a run goes on."""

    def waiting_for_another_run(self) -> None:
        """Another run is at work; this one begins when it ends."""

    def reads_everything(self) -> None:
        """A part was asked for, but nothing whole was ever read here: everything is read."""

    def step_begun(self, step: str) -> None:
        """One of `sync`, `statements`, `build`, `test`, `publish`, `export` begins."""


@dataclass(frozen=True)
class JobOptions:
    """What a user asks of one run."""

    full: bool = False
    """Read everything again, whatever was read before, and make every table anew."""
    broken: bool | None = False
    """Plant discrepancies in the sandbox; none leaves its story as it is."""
    scope: Scope | None = None
    """Sync a part of the platform alone; none is the whole."""
    account_ids: Collection[str] = ()
    """The same by hand: read these accounts alone."""
    payout_ids: Collection[str] = ()
    """The same by hand: read the accounts of these payouts alone, and the payouts anew."""
    waits: bool = False
    """Wait for another run to end, in place of leaving."""
    is_of_events: bool = False
    """Whether events started it: a run by hand then waits for it."""
    shard: Shard = WHOLE
    """Sync the accounts of this part alone; other processes sync the rest."""


class Job:
    """The steps of a run over one mode's folder; each can be run alone."""

    def __init__(self, settings: Settings, progress: JobProgress) -> None:
        self.settings = settings = at_story_time(settings)
        self._progress = progress
        self._raw = raw_data_of(settings)
        self._origin = Origin(settings, self._raw)
        self._dbt = dbt_project_of(settings)

    def reconcile(self, options: JobOptions) -> RunRecord:
        """Run the whole job; answer its record, which is written to `run.json` too.

        Raises:
            one of RUN_ERRORS: the run failed and nothing was published.
            SettingsError: the settings are wrong; nothing was written.
        """
        settings = self.settings
        of_events = events_lock(settings.mode_dir) if options.is_of_events else nullcontext()
        with self.lock(waits=options.waits), of_events:
            options = self._scoped(options)
            record = self._begin_record(options)
            try:
                self._dbt.require()
                with self._step(record, "sync"):
                    synced = self.sync(options)
                    _refuse_unknown(options, synced)
                    record.note_sync(synced)
                with self._step(record, "statements"):
                    record.note_bank(self.sync_bank(options))
                with self._dbt.session():
                    with self._step(record, "build"):
                        self._dbt.run_models(full=options.full)
                    with self._step(record, "test"):
                        failed = self._dbt.run_tests()
                    self._dbt.collect()
                with self._step(record, "export"):
                    write_exports(settings.warehouse_path, self._exports_dir)
                    self._write_report(failed_tests=len(failed))
                with self._step(record, "publish"):
                    self._publish()
                    replace_exports(self._exports_dir)
                    replace_report(self._report_path)
                record.count_findings(settings.published_path)
                record.failed_tests = [
                    {"test": f.name, "failures": f.failures, "stored_in": f.stored_in}
                    for f in failed
                ]
                record.exit_code = EXCEPTION_OPEN if failed or record.has_open_error else OK
                if options.scope is None:
                    self._raw.note_complete_run()
                    record.note_complete_run()
            except RUN_ERRORS as error:
                record.error = told(error)
                raise
            finally:
                if record.platform_account_id or record.error:
                    self._keep(record)
        return record

    def sync(self, options: JobOptions) -> SyncResult:
        """Load what is new from Stripe, or from the bundled sandbox where there is no key."""
        with self._stripe(options) as access:
            return sync(self._sync_request(access, options), self._progress)

    def sync_bank(self, options: JobOptions) -> BankResult:
        """Read what is new in the folder of bank statements."""
        return sync_bank(
            BankRequest(
                folder=self.settings.bank_dir,
                raw=self._raw,
                pipelines_dir=self.settings.mode_dir / "dlt_bank",
                full=options.full,
            )
        )

    def plan(self, options: JobOptions) -> Price:
        """Answer what a sync would have to read at least; nothing is written."""
        with self._stripe(options) as access:
            return plan(self._sync_request(access, options), self._progress)

    def build(self, *, full: bool = False) -> list[FailedTest]:
        """Build the models, then test them; answer the tests that fail."""
        self._need_raw_data()
        self._dbt.require()
        with self._dbt.session():
            self._dbt.run_models(full=full)
            failed = self._dbt.run_tests()
            self._dbt.collect()
        return failed

    def publish(self) -> None:
        """Replace the file for BI tools and the report.

        Raises:
            PublishError: something stands in the way.
            WarehouseError, BuildError: there is no warehouse, or its models are not all built.
        """
        self._refuse_anothers_lake()
        self._need_models()
        self._write_report(failed_tests=None)
        self._publish()
        replace_report(self._report_path)

    def export(self) -> None:
        """Replace the exports.

        Raises:
            WarehouseError, BuildError: there is no warehouse, or its models are not all built.
        """
        self._need_models()
        write_exports(self.settings.warehouse_path, self._exports_dir)
        replace_exports(self._exports_dir)

    def export_selection(
        self, selection: Selection, file_format: Format | None, path: Path | None
    ) -> tuple[Path, int]:
        """Write some transactions to a file of their own; answer which, and how many they are.

        Raises:
            SelectionError: what was asked for can't be told, does not fit, or would replace a file
                of Tieout's own.
            WarehouseError, BuildError: there is no warehouse, or its models are not all built.
        """
        self._need_models()
        kind = format_of(path, file_format)
        selected = self.settings.mode_dir / "selected"
        written = path or selected / f"{selection.name}.{kind}"
        ours = written.resolve().is_relative_to(self.settings.data_dir.resolve())
        if ours and not written.resolve().is_relative_to(selected.resolve()):
            raise SelectionError(
                f"--output {path}: Tieout keeps its own files in {self.settings.data_dir}. Choose "
                f"a place outside of it, or {selected}."
            )
        return written, write_selection(self.settings.warehouse_path, selection, kind, written)

    def docs(self) -> None:
        """Write the dbt docs as one offline HTML file."""
        self._need_warehouse()
        self._dbt.require()
        with self._dbt.session(only_looks=True):
            self._dbt.write_docs(self.settings.mode_dir / "docs.html")

    def _scoped(self, options: JobOptions) -> JobOptions:
        """Answer the options with the part to read, if it is a part: a part needs a whole."""
        scope = options.scope or self.scope_of(options.account_ids, options.payout_ids)
        if scope is not None and not self._raw.holds_complete_run():
            self._progress.reads_everything()
            scope = None
        return replace(options, scope=scope)

    def scope_of(self, account_ids: Collection[str], payout_ids: Collection[str]) -> Scope | None:
        """Answer the part of the platform that these accounts and payouts are; none for none.

        A payout that was never loaded is taken for the one account's that is named with it.

        Raises:
            SettingsError: it can't be told whose a payout is.
            WarehouseError: the warehouse can't be opened.
        """
        payouts: dict[str, set[str]] = {account_id: set() for account_id in account_ids}
        known = self._raw.accounts_of_payouts(payout_ids) if payout_ids else {}
        for payout_id in payout_ids:
            account_id = known.get(payout_id)
            if account_id is None and len(account_ids) == 1:
                (account_id,) = account_ids
            if account_id is None and self._raw.holds_complete_run():
                raise SettingsError(
                    f"--payout {payout_id}: it was never loaded, so whose it is is not known. Name "
                    "its account too: --account acct_… (--account platform for your own)."
                )
            payouts.setdefault(account_id or PLATFORM, set()).add(payout_id)
        if not payouts:
            return None
        return Scope({a: frozenset(of) for a, of in payouts.items()}, lists_anew=True)

    def events_source(self, webhook_url: str) -> AbstractContextManager[EventsSource]:
        """Answer the Stripe whose events come in; the bundled sandbox sends them itself.

        Raises:
            SettingsError: there is a key but no signing secret.
        """
        return self._origin.of_events(webhook_url, alone=lambda: self.lock(waits=True))

    @contextmanager
    def lock(self, *, waits: bool = False, shard: Shard = WHOLE) -> Iterator[None]:
        """Keep other runs out of this mode's folder; wait for a run that events started.

        A lake takes what several shards load at once; a DuckDB file has one writer.

        Raises:
            WarehouseError: another run is at work.
        """
        self.settings.mode_dir.mkdir(parents=True, exist_ok=True)
        progress = self._progress
        try:
            with run_lock(
                self.settings.mode_dir,
                waits=waits,
                on_wait=progress.waiting_for_another_run,
                part="" if shard == WHOLE or not self._raw.only_adds else shard.name,
            ):
                yield
        except Timeout:
            raise WarehouseError(
                f"Another run is at work in {self.settings.mode_dir}. Wait until it ends, then "
                "run again."
            ) from None

    def _begin_record(self, options: JobOptions) -> RunRecord:
        """Begin the record of a run; which run was the last complete one is carried on."""
        return RunRecord(
            mode=self.settings.mode.value,
            as_of=self.settings.as_of.isoformat(),
            scope=options.scope.as_lists() if options.scope else None,
            complete_run=kept_complete_run(self.settings.mode_dir),
        )

    @contextmanager
    def _step(self, record: RunRecord, name: str) -> Iterator[None]:
        self._progress.step_begun(name)
        with record.step(name):
            yield

    def _publish(self) -> None:
        to_lake = None
        if isinstance(self._raw, Lake):
            to_lake = partial(publish_to_lake, lake_url=self._raw.url, as_of=self._dbt.built_as_of)
        publish(self.settings.warehouse_path, self.settings.published_path, to_lake)

    def _keep(self, record: RunRecord) -> None:
        # A full disk takes no record either; why the run failed is said all the same.
        ignored = (OSError,) if record.exit_code == FAILED else ()
        with suppress(*ignored):
            record.write(self.settings.mode_dir / "run.json")

    def _write_report(self, failed_tests: int | None) -> None:
        write_report(
            self.settings.warehouse_path,
            self._report_path,
            mode=self.settings.mode.value,
            failed_tests=failed_tests,
        )

    @property
    def _exports_dir(self) -> Path:
        return self.settings.mode_dir / "exports"

    @property
    def _report_path(self) -> Path:
        return self.settings.mode_dir / "report.html"

    def _need_models(self) -> None:
        self._need_warehouse()
        if not self._dbt.is_built:
            raise BuildError(
                "The last build did not end, so the tables may not fit together. "
                "Run `tieout build` first."
            )

    def _refuse_anothers_lake(self) -> None:
        """Refuse a lake of another mode: a folder may be anyone's, unlike our own DuckDB files."""
        if isinstance(self._raw, Lake):
            self._raw.refuse_another(None, self.settings.mode)

    def _need_raw_data(self) -> None:
        self._refuse_anothers_lake()
        if not self._raw.exists:
            raise WarehouseError("Nothing was read from Stripe yet. Run `make reconcile` first.")

    def _need_warehouse(self) -> None:
        if not self.settings.warehouse_path.exists():
            raise WarehouseError(
                f"There is no warehouse at {self.settings.warehouse_path} yet. Run "
                "`make reconcile` first."
            )

    def _stripe(self, options: JobOptions) -> AbstractContextManager[StripeAccess]:
        return self._origin.stripe(
            broken=options.broken, writes_statements=options.shard.number == 1
        )

    def _sync_request(self, access: StripeAccess, options: JobOptions) -> SyncRequest:
        return SyncRequest(
            access=access,
            mode=self.settings.mode,
            raw=raw_data_of(self.settings, options.shard),
            pipelines_dir=self.settings.mode_dir / _folder("dlt", options.shard),
            requests_per_second=self.settings.request_rate,
            start=self.settings.start_epoch,
            full=options.full,
            scope=options.scope,
            shard=options.shard,
        )


def _folder(name: str, shard: Shard) -> str:
    """Answer the name of a folder that a shard has for itself."""
    return name if shard == WHOLE else f"{name}-{shard.name}"


def _refuse_unknown(options: JobOptions, synced: SyncResult) -> None:
    """Refuse accounts named by hand that nobody knows: most likely a slip of the pen."""
    unknown = sorted(synced.unknown & set(options.account_ids))
    if unknown:
        raise SettingsError(
            f"--account {unknown[0]}: it was never loaded, and Stripe gives no access to it. "
            f"{synced.errors[unknown[0]]}"
        )
