# ruff: noqa: S608 - every name in these queries is our own
"""The raw tables of a lake, as queries: the same words in DuckDB and in Spark."""

from __future__ import annotations

from typing import Any

from loader.sources.bank_tables import BANK_TABLES, DATE, BankTable
from loader.sources.stripe_tables import (
    BOOLEAN,
    INTEGER,
    JSON,
    NUMBER,
    RAW_TABLES,
    TEXT,
    RawTable,
)

# dlt's; both engines take the folders' names for columns.
LAYOUT = "{table_name}/shard={shard}/load_id={load_id}/{file_id}.{ext}"

LakeTable = RawTable | BankTable

DATASETS: dict[str, tuple[LakeTable, ...]] = {"stripe": RAW_TABLES, "bank": BANK_TABLES}

_SQL_TYPES: dict[Any, str] = {
    TEXT: "string",
    JSON: "string",
    INTEGER: "bigint",
    BOOLEAN: "boolean",
    NUMBER: "double",
    DATE: "date",
}

# A row so marked says that what stood under its key is gone.
_MARKS_OF_GONE = ("is_cleared", "is_gone")

# What stands at no path any more is in no table.
_OF_SOURCES = ("statements", "statement_lines")


def sql_columns(table: LakeTable) -> dict[str, str]:
    """Answer a raw table's columns with their types, as DuckDB and Spark both name them."""
    return {name: _SQL_TYPES[kind] for name, kind in table.columns.items()}


def newest_rows(dataset: str, table: LakeTable, loaded: str) -> str:
    """Answer a query for a raw table as the newest load of each key says it is.

    It is the same in DuckDB and in Spark.

    Args:
        dataset: `stripe` or `bank`.
        table: which one.
        loaded: all rows that were ever loaded, each with its `load_id`.
    """
    columns = ", ".join(sql_columns(table))
    is_counted = f"load_id in (select load_id from {dataset}._dlt_loads where status = 0)"
    if not table.key:  # replaced whole with each load
        newest = f"load_id = (select max(load_id) from {dataset}._dlt_loads where status = 0)"
        return f"select {columns} from {loaded} as loaded where {newest}"
    key = ", ".join(table.key)
    conditions = ["newest = 1"]
    conditions += [f"{mark} is not true" for mark in _MARKS_OF_GONE if mark in table.columns]
    if table.name in _OF_SOURCES:
        conditions.append("source_id in (select source_id from bank.statement_files)")
    return (
        f"select {columns}, load_id as _dlt_load_id from (select {columns}, load_id, "
        f"rank() over (partition by {key} order by load_id desc) as newest "
        f"from {loaded} as loaded where {is_counted}) as ranked where {' and '.join(conditions)}"
    )
