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

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import dlt
from dlt.sources import DltResource

from loader.sources.stripe_tables import (
    ACCOUNT_SYNCS,
    BOOLEAN,
    INTEGER,
    JSON,
    NUMBER,
    PAYOUT_LISTINGS,
    PAYOUT_TRANSACTIONS,
    RAW_TABLES,
    TEXT,
    RawTable,
    Row,
)

_DLT_TYPES: dict[Any, str] = {
    TEXT: "text",
    INTEGER: "bigint",
    BOOLEAN: "bool",
    NUMBER: "double",
    JSON: "json",
}

# dlt stamps its load id on rows given as dicts, not on arrow tables; these two need it.
_RECORDS_OF_READING = (ACCOUNT_SYNCS, PAYOUT_LISTINGS)
_LOAD_COLUMNS = ("_dlt_load_id", "_dlt_id")


class Batch:
    """Rows gathered for one load package, by raw table."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Row]] = defaultdict(list)

    def add(self, table: RawTable, rows: Iterable[Row]) -> None:
        """Add rows to a table of the batch."""
        self._rows[table.name].extend(rows)

    def rows(self, table: RawTable) -> list[Row]:
        """Answer the rows of a table, each key once: the one added last."""
        if table is PAYOUT_TRANSACTIONS:
            return self._rows[table.name]
        return list({tuple(r[k] for k in table.key): r for r in self._rows[table.name]}.values())

    def counts(self) -> dict[str, int]:
        """Answer how many rows each raw table gets."""
        return {table.name: len(self.rows(table)) for table in RAW_TABLES}

    def __len__(self) -> int:
        return sum(len(rows) for rows in self._rows.values())


@dlt.source(name="stripe", max_table_nesting=0)
def stripe_connect(batch: Batch) -> Iterator[DltResource]:
    """Answer one resource per raw table, holding the rows of a batch.

    Every table is made even when the batch has no row of it. Types are frozen: a value of another
    type stops the load. New columns are added.
    """
    for table in RAW_TABLES:
        yield _resource(table, batch.rows(table))


def _resource(table: RawTable, rows: list[Row]) -> DltResource:
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
        [_item(table, rows)],
        name=table.name,
        write_disposition=disposition,
        columns=columns,
        file_format="parquet",
        schema_contract={"tables": "evolve", "columns": "evolve", "data_type": "freeze"},
        **keys,
    )
    return resource


def _item(table: RawTable, rows: list[Row]) -> object:
    """Answer what dlt gets: arrow, or dicts where it has to stamp its load id on them."""
    arrow = table.arrow(rows)
    return arrow.to_pylist() if table in _RECORDS_OF_READING and rows else arrow


def _column_hint(table: RawTable, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "data_type": _DLT_TYPES[table.columns[name]],
        # The row that clears a list has its key alone.
        "nullable": name not in table.key
        and (name not in table.required or table is PAYOUT_TRANSACTIONS),
    }
