"""Checks of this machine: settings, folder, disk, warehouse, what was published, the last run.

Nothing here is written but a nameless file that proves that the folder takes one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from loader.doctor.finding import Finding, ok, problem, warning
from loader.duckdb_files import reading
from loader.failure import file_trouble
from loader.last_run import LastRunError, read_last_run
from loader.run_lock import is_run_at_work
from loader.settings import Settings
from loader.times import ago, in_utc
from loader.warehouse import WAREHOUSE_VERSION

MEGABYTE = 1_000_000

# What a first run of a middling platform takes; below it even a small one may not end.
ROOM_WANTED = 500 * MEGABYTE
ROOM_NEEDED = 50 * MEGABYTE


def check_settings(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Say what the settings come to, and what is odd about them."""
    start = f"from {settings.start_date} on" if settings.start_date else "all history"
    yield ok("Settings", f"{settings.mode.value} mode, {start}, data in {settings.mode_dir}.")
    # A bare day means its end, so today is no future.
    if settings.as_of.date() > now.date():
        yield warning(
            "Settings",
            f"TIEOUT_AS_OF {in_utc(settings.as_of)} lies in the future: ages are counted to then.",
            "Unset TIEOUT_AS_OF unless you mean it.",
        )


def check_folder(settings: Settings) -> Iterator[Finding]:
    """Say whether the data folder takes files and has room for a run."""
    folder = _nearest_existing(settings.mode_dir)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
        free = shutil.disk_usage(folder).free
        warehouse = _size(settings.warehouse_path)
        published = _size(settings.published_path)
    except OSError as error:
        yield problem(
            "Folder",
            f"{folder} takes no files: {error.strerror or error}.",
            "Make it a folder that you may write to and that has room, or choose another "
            "TIEOUT_DATA_DIR.",
        )
        return
    yield ok("Folder", f"{folder} can be written to.")
    yield room(free, warehouse, published)


def room(free: int, warehouse: int, published: int) -> Finding:
    """Judge the free space (all in bytes): a run writes the models and the published files anew."""
    said = f"{_megabytes(free)} free; the warehouse takes {_megabytes(warehouse)}."
    advice = "Free some space, or move TIEOUT_DATA_DIR: a run needs about as much again."
    # The published file, its CSV, JSON and Parquet stand twice until they are replaced.
    if free < max(2 * published, ROOM_NEEDED):
        return problem("Disk", said, advice)
    if free < max(warehouse + 2 * published, ROOM_WANTED):
        return warning("Disk", said, advice)
    return ok("Disk", said)


@dataclass(frozen=True)
class WarehouseChecks:
    """The checks of the warehouse; a platform that is not known is not compared."""

    settings: Settings
    platform_id: str | None
    is_run_at_work: bool

    def run(self) -> Iterator[Finding]:
        """Yield what is found; the file is opened to read, for an instant."""
        path = self.settings.warehouse_path
        if not path.exists():
            yield ok("Warehouse", "none yet; the first run makes it.")
        elif self.is_run_at_work:
            yield ok("Warehouse", "not looked into while a run is at work.")
        else:
            yield self._file(path)
        yield from check_pending(self.settings.mode_dir)

    def _file(self, path: Path) -> Finding:
        try:
            with reading(path) as connection:
                owner = _owner(connection)
        except duckdb.Error as error:
            return _unreadable("Warehouse", path, error)
        if not os.access(path, os.W_OK):
            return problem(
                "Warehouse", f"{path} can't be written to.", "Make it yours, or its folder."
            )
        if _is_read_by_another(path):
            return problem(
                "Warehouse",
                f"another program has {path} open, so a run could not write to it.",
                "Close that program; BI tools should open reconciliation.duckdb instead.",
            )
        return self._owned(path, owner)

    def _owned(self, path: Path, owner: tuple[str, str, int] | None) -> Finding:
        if owner is None:
            return warning(
                "Warehouse", f"{path} belongs to no platform yet; the next run takes it."
            )
        platform_id, mode, version = owner
        if version > WAREHOUSE_VERSION:
            return problem(
                "Warehouse",
                f"{path} was written by a newer Tieout (warehouse version {version}, this one "
                f"knows {WAREHOUSE_VERSION}).",
                "Upgrade Tieout, or use another TIEOUT_DATA_DIR.",
            )
        known = self.platform_id or platform_id
        if (platform_id, mode) != (known, self.settings.mode.value):
            return problem(
                "Warehouse",
                f"{path} holds the {mode} data of platform account {platform_id}, but the key "
                f"opens {self.settings.mode.value} data of {known}.",
                "Use that account's key, or another TIEOUT_DATA_DIR.",
            )
        return ok("Warehouse", f"{path} holds the {mode} data of platform account {platform_id}.")


def check_pending(folder: Path) -> Iterator[Finding]:
    """Say whether a run was cut short while it loaded: the next one reads that again."""
    # Where dlt keeps what is read and not yet loaded; asking dlt itself takes seconds.
    stages = ("normalize/extracted", "load/normalized")
    waiting = [path for stage in stages for path in (folder / "dlt").glob(f"*/{stage}/*")]
    if waiting:
        yield ok(
            "Warehouse",
            f"a run was cut short while it loaded ({len(waiting)} package not loaded). That does "
            "no harm: the next run reads it again.",
        )


def check_published(settings: Settings, now: datetime) -> Finding:
    """Say whether there is a file for BI tools, how old it is, and whether it can be replaced."""
    path = settings.published_path
    log = path.with_name(path.name + ".wal")
    if not path.exists():
        return ok("Published", "nothing yet; a run publishes at its end.")
    if log.exists():
        return problem(
            "Published",
            f"{log} lies beside the file: a program writes to it, or was killed while it did.",
            "Close that program; if none runs, open the file once with DuckDB and close it.",
        )
    try:
        with reading(path):
            written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except duckdb.Error as error:
        return _unreadable("Published", path, error)
    return ok("Published", f"{path}, written {ago(written, now)} ({in_utc(written)}).")


def check_last_run(folder: Path, now: datetime, *, at_work: bool) -> Iterator[Finding]:
    """Say how the last run ended, and whether one is at work now."""
    if at_work:
        yield ok("Run", f"one is at work in {folder} now.")
    try:
        last = read_last_run(folder)
    except LastRunError as error:
        yield warning("Last run", str(error))
        return
    if last is None:
        yield ok("Last run", "none has ended yet.")
        return
    ended = f"ended {ago(last.finished_at, now)} ({in_utc(last.finished_at)}): {last.outcome}"
    if last.exit_code == 0:
        yield ok("Last run", ended)
    else:
        yield warning("Last run", ended, "`tieout status` says what is open.")


def _unreadable(subject: str, path: Path, error: duckdb.Error) -> Finding:
    """Say why DuckDB can't read one of our files: held, too new, or damaged."""
    advice = "Nothing was changed; mend that before the next run."
    return problem(subject, file_trouble(error) or f"{path} can't be read: {error}", advice)


def runs_now(settings: Settings) -> bool:
    """Tell whether a run is at work; a folder that can't be looked into has none."""
    try:
        return is_run_at_work(settings.mode_dir)
    except OSError:
        return False


def _owner(connection: duckdb.DuckDBPyConnection) -> tuple[str, str, int] | None:
    tables = connection.execute(
        "select count(*) from duckdb_tables() "
        "where schema_name = 'audit' and table_name = 'warehouse_owner'"
    ).fetchone()
    if tables != (1,):
        return None
    row: tuple[str, str, int] | None = connection.execute(
        "select platform_account_id, mode, warehouse_version from audit.warehouse_owner"
    ).fetchone()
    return row


def _is_read_by_another(path: Path) -> bool:
    """Tell whether another process has the file open, by the lock that DuckDB would need."""
    try:
        import fcntl  # noqa: PLC0415 - not on every system; there, a run says it by itself
    except ImportError:
        return False
    with path.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        return False


def _nearest_existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _megabytes(count: int) -> str:
    return f"{count / MEGABYTE:,.0f} MB"
