"""Bank statements as a dlt source.

    files of `TIEOUT_BANK_DIR` -> arrow -> `bank.statement_files`, `bank.statements`,
    `bank.statement_lines`; the user's own CSV -> `bank.account_mappings`, `bank.match_overrides`

Run by `tieout sync`. All that one run read is one dlt load package. A file counts as read once its
package is completed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.parquet as pq
from dlt.sources import DltResource

from loader.sources.bank_tables import (
    BANK_TABLES,
    BOOLEAN,
    DATE,
    INTEGER,
    STATEMENT_FILES,
    STATEMENT_LINES,
    TEXT,
    BankTable,
)

Row = dict[str, Any]

# How many lines, about, are held in memory at once.
_ROWS_AT_ONCE = 20_000

_DLT_TYPES = {TEXT: "text", INTEGER: "bigint", BOOLEAN: "bool", DATE: "date"}

# dlt stamps its load id on rows given as dicts: by it a file counts as read.
_LOAD_COLUMNS = ("_dlt_load_id", "_dlt_id")

# Said of the source, as for Stripe's (stripe_connect.py): of a resource, it would hold on to rows.
_CONTRACT: Any = {"tables": "evolve", "columns": "freeze", "data_type": "freeze"}


@dlt.source(name="bank", max_table_nesting=0, schema_contract=_CONTRACT)
def bank_statements(
    rows: Mapping[str, Sequence[Row]], lines: Sequence[Path], *, only_adds: bool = False
) -> Iterator[DltResource]:
    """Answer one resource per raw table.

    Args:
        rows: the rows of each table but that of lines, by its name.
        lines: parquet files of statement lines.
        only_adds: add the rows to those that are there, in place of merging them.
    """
    for table in BANK_TABLES:
        if table is STATEMENT_LINES:
            yield _resource(
                table, chain(_batches(lines), [table.schema.empty_table()]), only_adds=only_adds
            )
        elif table is STATEMENT_FILES and rows.get(table.name):
            yield _resource(table, list(rows[table.name]), only_adds=only_adds)
        else:
            found = pa.Table.from_pylist(list(rows.get(table.name, ())), table.schema)
            yield _resource(table, [found], only_adds=only_adds)


def _batches(files: Sequence[Path]) -> Iterator[pa.Table]:
    """Yield the rows of some files, many at a time: dlt takes as long for a few as for many."""
    gathered, count = [], 0
    for file in files:
        with pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(_ROWS_AT_ONCE):
                gathered.append(batch)
                count += batch.num_rows
                if count >= _ROWS_AT_ONCE:
                    yield pa.Table.from_batches(gathered)
                    gathered, count = [], 0
    if gathered:
        yield pa.Table.from_batches(gathered)


def _resource(
    table: BankTable,
    items: Any,  # noqa: ANN401 - arrow or dicts
    *,
    only_adds: bool,
) -> DltResource:
    columns: Any = {
        name: {"name": name, "data_type": _DLT_TYPES[kind], "nullable": name not in table.key}
        for name, kind in table.columns.items()
    }
    if table is STATEMENT_FILES:
        columns |= {n: {"name": n, "data_type": "text", "nullable": True} for n in _LOAD_COLUMNS}
        columns["is_gone"]["hard_delete"] = True
    disposition: Any = {"disposition": "merge", "strategy": "upsert"} if table.key else "replace"
    keys: Any = {"primary_key": table.key} if table.key else {}
    resource: DltResource = dlt.resource(
        items,
        name=table.name,
        write_disposition="append" if only_adds else disposition,
        columns=columns,
        file_format="parquet",
        **keys,
    )
    return resource
