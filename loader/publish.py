"""Publishes the `finance` tables: the DuckDB file that BI tools open.

It is written beside the one that stands and replaces it in one step, so a reader sees the old or
the new, never a half.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import duckdb

from loader.duckdb_files import SCHEMA, finance_tables, literal, reading

# Any DuckDB client from 1.0 on can open it.
STORAGE_VERSION = "v1.0.0"


class PublishError(Exception):
    """The published file can't be replaced; the message says why and what to do."""


def publish(
    warehouse_path: Path,
    published_path: Path,
    publish_elsewhere: Callable[[Path], object] | None = None,
) -> None:
    """Copy the `finance` tables into a file of their own and put it in place.

    Rows are ordered by all their columns, so the same data gives the same file contents.

    Args:
        warehouse_path: where the tables were built.
        published_path: the file to replace.
        publish_elsewhere: takes the whole new file before it is in place: what fails here, at a
            distance, leaves the published file as it was.

    Raises:
        PublishError: a write-ahead log lies beside the published file: some program is writing to
            it, and DuckDB would replay that log into the new file.
    """
    unfinished = published_path.with_name(f".{published_path.name}.new")
    _refuse_log(published_path)
    try:
        _write(warehouse_path, unfinished)
        if publish_elsewhere is not None:
            publish_elsewhere(unfinished)
        _refuse_log(published_path)
        unfinished.replace(published_path)
    finally:
        # Half a file would take the room that the next run needs.
        _remove_with_log(unfinished)
    _flush(published_path.parent)


def _write(warehouse_path: Path, unfinished: Path) -> None:
    _remove_with_log(unfinished)
    with reading(warehouse_path) as connection:
        location = str(unfinished).replace("'", "''")
        connection.execute(
            f"attach '{location}' as published "
            f"(read_only false, storage_version '{STORAGE_VERSION}')"
        )
        connection.execute(f"create schema published.{SCHEMA}")
        for table in finance_tables(connection):
            _copy_table(connection, table)
        connection.execute("checkpoint published")
        connection.execute("detach published")
    _refuse_log(unfinished)
    _flush(unfinished)


def _copy_table(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    columns = connection.execute(
        "select column_name, data_type, is_nullable, comment from duckdb_columns() "
        "where database_name = current_database() and schema_name = ? and table_name = ? "
        "order by column_index",
        [SCHEMA, table],
    ).fetchall()
    definitions = ", ".join(
        f'"{name}" {kind}{"" if nullable else " not null"}' for name, kind, nullable, _ in columns
    )
    target = f"published.{SCHEMA}.{table}"
    connection.execute(f"create table {target} ({definitions})")
    connection.execute(f"insert into {target} from {SCHEMA}.{table} order by all")
    (description,) = connection.execute(
        "select comment from duckdb_tables() "
        "where database_name = current_database() and schema_name = ? and table_name = ?",
        [SCHEMA, table],
    ).fetchall()[0]
    connection.execute(f"comment on table {target} is {literal(description)}")
    for name, _, _, comment in columns:
        connection.execute(f'comment on column {target}."{name}" is {literal(comment)}')


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def _refuse_log(path: Path) -> None:
    if _log_of(path).exists():
        raise PublishError(
            f"{_log_of(path)} lies beside the file to publish: a program has it open for writing, "
            "or was killed while it wrote. Close that program; if none runs, open the file once "
            "with DuckDB and close it (or delete the .wal), then run again. The last published "
            "file stands."
        )


def _remove_with_log(path: Path) -> None:
    path.unlink(missing_ok=True)
    _log_of(path).unlink(missing_ok=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
