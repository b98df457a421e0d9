"""The private DuckDB file: the format that it is made in, and older ones."""

from __future__ import annotations

from pathlib import Path

import duckdb

from loader.settings import Mode
from loader.warehouse import STORAGE_VERSION, Warehouse

OLDEST_FORMAT = "v1.0.0"


def storage_version(path: Path) -> str:
    with duckdb.connect(str(path), read_only=True) as connection:
        ((tags,),) = connection.execute(
            "select tags from duckdb_databases() where database_name = ?", [path.stem]
        ).fetchall()
    return str(tags["storage_version"])


def test_a_new_warehouse_is_made_in_a_format_that_writes_texts_quickly(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "data" / "warehouse.duckdb")

    with warehouse.connect() as connection:
        connection.execute("create table payouts as select 'po_1' as id")

    assert storage_version(warehouse.path).startswith(STORAGE_VERSION)
    assert storage_version(warehouse.path) > OLDEST_FORMAT


def test_a_warehouse_in_an_older_format_goes_on_in_it(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute("create table payouts as select 'po_1' as id")
    assert storage_version(warehouse.path).startswith(OLDEST_FORMAT)

    assert warehouse.claim("acct_1", Mode.TEST)

    assert storage_version(warehouse.path).startswith(OLDEST_FORMAT)
    with warehouse.connect() as connection:
        assert connection.execute("select id from payouts").fetchall() == [("po_1",)]
