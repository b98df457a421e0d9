"""Reads the bank's statement files into the warehouse: what is new, each file whole or not at all.

A file that was read before and has not changed is not read again. The lines of a file that does
not add up stay out; why is kept with the file.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.parquet as pq
from dlt.pipeline.exceptions import PipelineStepFailed

from loader.bank_folder import read_mappings, read_overrides, source_id_of, statement_files
from loader.bank_formats.reading import profile_paths_for, profiles_for, read_statements
from loader.bank_formats.statement import Statement, StatementLine, UnreadableStatementError
from loader.sources.bank_statements import bank_statements
from loader.sources.bank_tables import (
    ACCOUNT_MAPPINGS,
    MATCH_OVERRIDES,
    STATEMENT_FILES,
    STATEMENT_LINES,
    STATEMENTS,
)
from loader.sync import LoadError
from loader.warehouse import MEMORY_LIMIT, Warehouse

Row = dict[str, Any]

# Lines held in memory at once.
_LINES_IN_CHUNK = 20_000

# How a source of another feed is marked; its rows are never ours to touch.
OTHER_FEED = "feed"


@dataclass
class BankResult:
    """What lies in the folder: files, and those that are not whole, with the reason."""

    files: int = 0
    files_read: int = 0
    """Those that were new or had changed."""
    lines_loaded: int = 0
    not_whole: dict[str, str] = field(default_factory=dict)
    """Why, by path."""


@dataclass(frozen=True)
class BankRequest:
    """Which folder to read into which warehouse."""

    folder: Path
    warehouse: Warehouse
    pipelines_dir: Path
    full: bool = False
    """Read every file again, and forget files that no longer lie in the folder."""


def sync_bank(request: BankRequest) -> BankResult:
    """Read what is new in the folder of bank statements.

    Raises:
        SettingsError: one of the user's own CSVs in the folder can't be used.
        LoadError: what was read can't be written.
        OSError: the folder can't be read, or there is no room.
    """
    shutil.rmtree(request.pipelines_dir, ignore_errors=True)
    spool = request.pipelines_dir / "spool"
    spool.mkdir(parents=True)
    try:
        return _Reading(request, spool).run()
    finally:
        shutil.rmtree(request.pipelines_dir, ignore_errors=True)


class _Reading:
    """One pass over the folder."""

    def __init__(self, request: BankRequest, spool: Path) -> None:
        self._request = request
        self._spool = spool
        self._stored = request.warehouse.statement_files()
        self._known = {} if request.full or self._stored is None else self._stored
        self._loaded_sources = {file.source_id for file in self._known.values()}
        self._files: list[Row] = []
        self._statements: list[Row] = []
        self._lines: list[Path] = []
        self._result = BankResult()

    def run(self) -> BankResult:
        folder = self._request.folder
        mappings, overrides = read_mappings(folder), read_overrides(folder)
        for path in statement_files(folder):
            self._take(path)
        if self._request.full:
            self._forget_gone()
        rows = {
            STATEMENT_FILES.name: self._files,
            STATEMENTS.name: self._statements,
            ACCOUNT_MAPPINGS.name: mappings,
            MATCH_OVERRIDES.name: overrides,
        }
        if self._stored is None or self._files or not self._are_stored(rows):
            self._load(rows)
            self._request.warehouse.drop_statement_sources(self._replaced_sources())
        return self._result

    def _replaced_sources(self) -> set[str]:
        """Answer what stood at the paths that were read anew, or that are gone for good."""
        stored = self._stored or {}
        paths = {row["path"] for row in self._files}
        return {file.source_id for path, file in stored.items() if path in paths}

    def _take(self, path: Path) -> None:
        """Read a file, unless what stands there was read before."""
        name = path.relative_to(self._request.folder).as_posix()
        self._result.files += 1
        try:
            source_id = source_id_of(path, profile_paths_for(path))
        except PermissionError:
            source_id = f"not permitted: {name}"
        known = self._known.get(name)
        if known is None or known.source_id != source_id:
            reason = self._read(path, name, source_id)
        else:
            reason = known.reason
        if reason is not None:
            self._result.not_whole[name] = reason

    def _read(self, path: Path, name: str, source_id: str) -> str | None:
        """Read a file to its end; answer why it is not whole, if it is not."""
        file_format, reason = None, None
        statements: list[Statement] = []
        spooled = _SpooledLines(self._spool / f"{len(self._files)}.parquet", source_id)
        try:
            file_format, items = _opened(path)
            for item in items:
                if isinstance(item, Statement):
                    statements.append(item)
                else:
                    spooled.add(item)
        except UnreadableStatementError as error:
            reason = str(error)
        except PermissionError:
            reason = "this user may not read it"
        spooled.close()
        reason = reason or next((s.reason for s in statements if s.reason is not None), None)
        self._result.files_read += 1
        if source_id not in self._loaded_sources:
            self._loaded_sources.add(source_id)
            self._statements += [
                _statement_row(source_id, number, statement)
                for number, statement in enumerate(statements, start=1)
            ]
            if reason is None and spooled.count:
                self._lines.append(spooled.path)
                self._result.lines_loaded += spooled.count
        self._files.append(
            {
                "path": name,
                "source_id": source_id,
                "format": file_format,
                "is_whole": reason is None,
                "reason": reason,
                "statement_count": len(statements),
                "line_count": sum(statement.lines for statement in statements),
                "byte_count": path.stat().st_size,
            }
        )
        return reason

    def _forget_gone(self) -> None:
        here = {row["path"] for row in self._files}
        for path, file in (self._stored or {}).items():
            if path not in here and file.format != OTHER_FEED:
                self._files.append({"path": path, "source_id": file.source_id, "is_gone": True})

    def _are_stored(self, rows: dict[str, list[Row]]) -> bool:
        """Tell whether what the user said is what the warehouse holds."""
        return all(
            Counter(self._request.warehouse.rows_of(f"bank.{table.name}", list(table.columns)))
            == Counter(tuple(row[name] for name in table.columns) for row in rows[table.name])
            for table in (ACCOUNT_MAPPINGS, MATCH_OVERRIDES)
        )

    def _load(self, rows: dict[str, list[Row]]) -> None:
        pipeline = dlt.pipeline(
            "bank_statements",
            pipelines_dir=str(self._request.pipelines_dir / "dlt"),
            destination=dlt.destinations.duckdb(
                {
                    "database": str(self._request.warehouse.path),
                    "global_config": {"memory_limit": MEMORY_LIMIT},
                }
            ),
            dataset_name="bank",
        )
        try:
            pipeline.run(bank_statements(rows, self._lines))
        except (PipelineStepFailed, pa.ArrowException) as failure:
            reason = failure.exception if isinstance(failure, PipelineStepFailed) else failure
            raise LoadError(
                f"The bank statements could not be written to the warehouse: {reason}. Run again."
            ) from failure


def _opened(path: Path) -> tuple[str, Iterator[StatementLine | Statement]]:
    """Recognise a file; a CSV profile that is wrong matters only to a CSV."""
    try:
        profiles, broken = profiles_for(path), None
    except UnreadableStatementError as error:
        profiles, broken = [], error
    try:
        return read_statements(path, profiles)
    except UnreadableStatementError as error:
        raise broken or error from None


class _SpooledLines:
    """The lines of one file, on disk until it is known to be whole."""

    def __init__(self, path: Path, source_id: str) -> None:
        self.path = path
        self.count = 0
        self._source_id = source_id
        self._chunk: list[Row] = []
        self._writer: pq.ParquetWriter | None = None

    def add(self, line: StatementLine) -> None:
        """Add a line."""
        self.count += 1
        self._chunk.append(_line_row(self._source_id, self.count, line))
        if len(self._chunk) >= _LINES_IN_CHUNK:
            self._press()

    def close(self) -> None:
        """Write what is left."""
        self._press()
        if self._writer is not None:
            self._writer.close()

    def _press(self) -> None:
        if not self._chunk:
            return
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, STATEMENT_LINES.schema)
        self._writer.write_table(pa.Table.from_pylist(self._chunk, STATEMENT_LINES.schema))
        self._chunk = []


def _line_row(source_id: str, number: int, line: StatementLine) -> Row:
    return {
        "source_id": source_id,
        "line_number": number,
        "bank_account_id": line.account,
        "currency": line.currency,
        "amount_minor": line.amount_minor,
        "posted_date": line.posted_date,
        "value_date": line.value_date,
        "is_booked": line.is_booked,
        "bank_reference": line.reference,
        "end_to_end_id": line.end_to_end_id,
        "counterparty": line.counterparty,
        "description": line.description,
        "type_code": line.type_code,
        "source_line": line.source_line,
    }


def _statement_row(source_id: str, number: int, statement: Statement) -> Row:
    return {
        "source_id": source_id,
        "statement_number": number,
        "bank_account_id": statement.account or None,
        "currency": statement.currency or None,
        "opening_minor": statement.opening_minor,
        "closing_minor": statement.closing_minor,
        "sum_minor": statement.sum_minor,
        "line_count": statement.lines,
        "period_from": statement.period_from,
        "period_through": statement.period_through,
        "is_whole": statement.whole,
        "reason": statement.reason,
    }
