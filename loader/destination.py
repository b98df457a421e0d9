"""Where dlt loads to: the warehouse's DuckDB file, or a lake of parquet."""

from __future__ import annotations

from typing import Any

import dlt

from loader.lake import Lake
from loader.lake_tables import LAYOUT
from loader.raw_data import DUCKDB_SETTINGS, RawData
from loader.warehouse import Warehouse


def destination_of(raw: RawData) -> Any:  # noqa: ANN401 - dlt's own type is generic
    """Answer the dlt destination whose tables `raw` answers questions of."""
    if isinstance(raw, Lake):
        return dlt.destinations.filesystem(
            bucket_url=raw.url, layout=LAYOUT, extra_placeholders={"shard": raw.shard.name}
        )
    assert isinstance(raw, Warehouse)  # noqa: S101 - for the type checker: there are two kinds
    return dlt.destinations.duckdb(
        {"database": str(raw.path), "global_config": dict(DUCKDB_SETTINGS)}
    )
