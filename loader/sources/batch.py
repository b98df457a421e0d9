"""The rows of one load package, gathered as they come in and held as arrow.

Arrow takes about a tenth of the memory of the objects that were parsed from Stripe's answers.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from loader.sources.stripe_tables import PAYOUT_TRANSACTIONS, RAW_TABLES, RawTable, Row

# Building a chunk has a fixed price for each column; from here on it no longer matters.
ROWS_IN_CHUNK = 1_000


class Rows:
    """Rows of one raw table."""

    def __init__(self, table: RawTable) -> None:
        self._table = table
        self._loose: list[Row] = []
        self._chunks: list[pa.Table] = []
        self._chunk_rows = 0

    def add(self, rows: Sequence[Row]) -> None:
        """Add rows that were checked."""
        self._loose.extend(rows)
        if len(self._loose) >= ROWS_IN_CHUNK:
            self._press()

    def join(self, others: Rows) -> None:
        """Add the rows of others."""
        self.add(others._loose)
        self._chunks.extend(others._chunks)
        self._chunk_rows += others._chunk_rows

    def take(self) -> pa.Table:
        """Answer all rows, those added last at the end; from then on they are only counted."""
        self._press()
        chunks, self._chunks = self._chunks, []
        return pa.concat_tables(
            [self._table.arrow([]), *chunks], promote_options="permissive"
        ).combine_chunks()

    def __len__(self) -> int:
        return self._chunk_rows + len(self._loose)

    def _press(self) -> None:
        if self._loose:
            self._chunks.append(self._table.arrow(self._loose))
            self._chunk_rows += len(self._loose)
            self._loose = []


class Batch:
    """Rows of every raw table, for one load package."""

    def __init__(self) -> None:
        self._rows = {table.name: Rows(table) for table in RAW_TABLES}

    def add(self, table: RawTable, rows: Sequence[Row] | Rows) -> None:
        """Add rows to a table of the batch."""
        if isinstance(rows, Rows):
            self._rows[table.name].join(rows)
        else:
            self._rows[table.name].add(rows)

    def take(self, table: RawTable) -> pa.Table:
        """Answer the rows of a table, each key once: the one added last.

        From then on they are only counted: dlt keeps what it was given of a batch for a while.

        A payout's list is replaced as a whole: what Stripe repeats in it stays to be seen.
        """
        rows = self._rows[table.name].take()
        return rows if table is PAYOUT_TRANSACTIONS else _last_of_each_key(rows, table.key)

    def counts(self) -> dict[str, int]:
        """Answer how many rows each raw table was given."""
        return {name: len(rows) for name, rows in self._rows.items()}

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))


def _last_of_each_key(rows: pa.Table, key: tuple[str, ...]) -> pa.Table:
    places = pa.array(range(rows.num_rows), pa.int64())
    last = (
        rows.select(list(key))
        .append_column("place", places)
        .group_by(list(key))
        .aggregate([("place", "max")])
        .column("place_max")
    )
    return rows if len(last) == rows.num_rows else rows.take(last.take(pc.sort_indices(last)))
