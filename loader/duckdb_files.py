"""Reading DuckDB files: in UTC, read-only, closed when done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

# The schema of the published tables.
SCHEMA = "finance"


@contextmanager
def reading(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB file read-only, in UTC."""
    connection = duckdb.connect(str(path), read_only=True)
    try:
        connection.execute("set TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


def finance_tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Answer the names of the tables to publish."""
    rows = connection.execute(
        "select table_name from duckdb_tables() "
        "where database_name = current_database() and schema_name = ? order by table_name",
        [SCHEMA],
    )
    return [name for (name,) in rows.fetchall()]


def rows_of(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    parameters: Sequence[object] | Mapping[str, object] = (),
) -> list[dict[str, Any]]:
    """Answer the rows of a query, each by the names of its columns."""
    found = connection.execute(query, parameters or None)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def literal(text: str | None) -> str:
    """Answer a text as SQL writes it."""
    return "null" if text is None else "'" + text.replace("'", "''") + "'"
