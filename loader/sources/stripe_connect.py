"""Stripe Connect, every account of a platform, as a dlt source.

    Stripe API -> rows of a batch -> arrow -> `stripe.accounts`, `stripe.payouts`,
    `stripe.payout_transactions`, `stripe.payout_listings`, `stripe.balance_transactions`,
    `stripe.balances`, `stripe.account_syncs`

Run by `tieout sync`. One batch is one dlt load package. A list and the record of it
(`payout_listings`) are in the same one; the record of an account (`account_syncs`) is in that of
its last rows or a later one. Both carry dlt's load id, so that a record counts only once its whole
package is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dlt
import pyarrow as pa
from dlt.sources import DltResource

from loader.sources.batch import Batch
from loader.sources.stripe_tables import (
    ACCOUNT_SYNCS,
    BOOLEAN,
    CREATED_STRETCHES,
    INTEGER,
    JSON,
    NUMBER,
    PAYOUT_LISTINGS,
    PAYOUT_TRANSACTIONS,
    RAW_TABLES,
    TEXT,
    RawTable,
)

_DLT_TYPES: dict[Any, str] = {
    TEXT: "text",
    INTEGER: "bigint",
    BOOLEAN: "bool",
    NUMBER: "double",
    JSON: "json",
}

# dlt stamps its load id on rows given as dicts, not on arrow tables; these need it.
_RECORDS_OF_READING = (ACCOUNT_SYNCS, CREATED_STRETCHES, PAYOUT_LISTINGS)
_LOAD_COLUMNS = ("_dlt_load_id", "_dlt_id")

# Said of the source: of a resource, dlt checks it with each table of rows, and an error that it
# catches on the way holds these until Python looks for cycles: of a million rows up to 230 MB.
_CONTRACT: Any = {"tables": "evolve", "columns": "evolve", "data_type": "freeze"}


@dlt.source(name="stripe", max_table_nesting=0, schema_contract=_CONTRACT)
def stripe_connect(
    batch: Batch, *, make_all_tables: bool = True, only_adds: bool = False
) -> Iterator[DltResource]:
    """Answer one resource per raw table, holding the rows of a batch.

    Types are frozen: a value of another type stops the load. New columns are added.

    Args:
        batch: the rows.
        make_all_tables: make tables of which the batch has no row, too. Each table costs dlt a
            twentieth of a second, so this is for the first batch of a run.
        only_adds: add the rows to those that are there, in place of merging them.
    """
    for table in RAW_TABLES:
        rows = batch.take(table)
        if make_all_tables or rows.num_rows:
            yield _resource(table, rows, only_adds=only_adds)


def _resource(table: RawTable, rows: pa.Table, *, only_adds: bool) -> DltResource:
    columns: Any = {name: _column_hint(table, name) for name in table.columns}
    if table in _RECORDS_OF_READING:
        columns |= {n: {"name": n, "data_type": "text", "nullable": True} for n in _LOAD_COLUMNS}
    if table is PAYOUT_TRANSACTIONS:
        # The merge key alone: every row of a payout that is listed again is replaced.
        columns["is_cleared"]["hard_delete"] = True
        keys: Any = {"merge_key": table.key}
        disposition: Any = {"disposition": "merge", "strategy": "delete-insert"}
    else:
        keys = {"primary_key": table.key}
        disposition = {"disposition": "merge", "strategy": "upsert"}
    resource: DltResource = dlt.resource(
        iter([_item(table, rows)]),  # a list would be kept, and the rows with it
        name=table.name,
        write_disposition="append" if only_adds else disposition,
        columns=columns,
        file_format="parquet",
        **keys,
    )
    return resource


def _item(table: RawTable, rows: pa.Table) -> object:
    """Answer what dlt gets: arrow, or dicts where it has to stamp its load id on them."""
    return rows.to_pylist() if table in _RECORDS_OF_READING and rows.num_rows else rows


def _column_hint(table: RawTable, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "data_type": _DLT_TYPES[table.columns[name]],
        # The row that clears a list has its key alone.
        "nullable": name not in table.key
        and (name not in table.required or table is PAYOUT_TRANSACTIONS),
    }
