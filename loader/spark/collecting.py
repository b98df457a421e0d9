# ruff: noqa: S608 - every name in these queries is dbt's or our own, every text quoted
"""Brings the tables that Spark built into the DuckDB file, typed and described as by dbt there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from loader.duckdb_files import SCHEMA, literal
from loader.lake_files import is_local, lake_files


def collect(
    models: Iterable[Any], built: Mapping[str, Mapping[str, Sequence[str]]], path: Path
) -> None:
    """Replace the file with one that holds the published tables, and the others as they are.

    Args:
        models: dbt's models of the published tables.
        built: the parquet files of each table, by schema and name: published ones, and those that
            go with them.
        path: the DuckDB file.
    """
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.unlink(missing_ok=True)
    with duckdb.connect(str(unfinished)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for schema in built:
            connection.execute(f"create schema {schema}")
        for model in models:
            _collect_model(connection, model, built[SCHEMA][model.alias])
        for schema, tables in built.items():
            for name, files in tables.items():
                if schema != SCHEMA and files:
                    rows = _rows(connection, files)
                    connection.execute(f'create table {schema}."{name}" as {rows}')
    unfinished.replace(path)


def _collect_model(connection: duckdb.DuckDBPyConnection, model: Any, files: Sequence[str]) -> None:  # noqa: ANN401 - dbt's
    columns = list(model.columns.values())
    definitions = ", ".join(
        f"{column.name} {column.data_type}" + (" not null" if _is_never_null(column) else "")
        for column in columns
    )
    table = f"{SCHEMA}.{model.alias}"
    connection.execute(f"create table {table} ({definitions})")
    if files:
        names = ", ".join(column.name for column in columns)
        rows = _rows(connection, files)
        connection.execute(f"insert into {table} by name select {names} from ({rows})")
    connection.execute(f"comment on table {table} is {literal(model.description)}")
    for column in columns:
        comment = literal(column.description)
        connection.execute(f"comment on column {table}.{column.name} is {comment}")


def _is_never_null(column: Any) -> bool:  # noqa: ANN401 - dbt's
    return any(constraint.type == "not_null" for constraint in column.constraints)


def _rows(connection: duckdb.DuckDBPyConnection, files: Sequence[str]) -> str:
    lake = lake_files(files[0])
    if not is_local(lake):
        connection.register_filesystem(lake)
    return f"select * from read_parquet([{', '.join(map(literal, files))}])"
