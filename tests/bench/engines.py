"""The scenario that holds DuckDB and Spark against each other over the same raw rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from loader.lake import Lake
from loader.lake_tables import DATASETS, sql_columns
from loader.settings import Mode, SettingsError
from loader.spark.installed import require_spark
from tests.bench.building import Built, build_in_steps
from tests.bench.figures import Figure
from tests.bench.ledgers import Ledgers
from tests.bench.loads import Say
from tests.bench.measuring import BenchError
from tests.bench.models import TEN_MILLION, make_raw_tables

_STEPS = ("run_models", "run_tests")
_LOAD = "1.0"


def engines(folder: Path, say: Say) -> Iterator[Figure]:
    """DuckDB and Spark (`local[*]`) at 10 million transactions: time, memory, equal tables."""
    try:
        require_spark()
    except SettingsError as missing:
        say(f"not run: {missing}")
        return
    yield from compare(TEN_MILLION, folder, say, driver_memory="8g")


def compare(ledgers: Ledgers, folder: Path, say: Say, driver_memory: str) -> Iterator[Figure]:
    """Build and test the same ledgers with both engines, and compare what they publish."""
    size = f"{ledgers.transactions / 1e6:.2f} million"
    on_duckdb, on_spark = folder / "duckdb", folder / "spark"
    on_duckdb.mkdir()
    on_spark.mkdir()
    say(f"{size}: making the raw tables")
    make_raw_tables(ledgers, on_duckdb)
    raw_bytes = _write_lake(on_duckdb / "warehouse.duckdb", on_spark / "lake")
    per_transaction = raw_bytes / ledgers.transactions
    yield Figure("engines", f"{size}: raw rows in the lake, a transaction", per_transaction, "B")

    say(f"{size}: DuckDB")
    built = build_in_steps(on_duckdb, ledgers.as_of, _STEPS, {})
    floors = [step.seconds for step in built]
    yield from _figures(f"{size}, DuckDB", ledgers, built, (None, None))
    say(f"{size}: Spark")
    settings = {
        "TIEOUT_ENGINE": "spark",
        "TIEOUT_LAKE": str(on_spark / "lake"),
        "PYSPARK_SUBMIT_ARGS": f"--driver-memory {driver_memory} pyspark-shell",
    }
    built = build_in_steps(on_spark, ledgers.as_of, (*_STEPS, "collect"), settings)
    yield from _figures(f"{size}, Spark", ledgers, built, floors)
    say(f"{size}: comparing")
    compared = _compare(on_duckdb / "warehouse.duckdb", on_spark / "warehouse.duckdb")
    yield Figure("engines", f"{size}: published tables that are equal row by row", compared)


def _figures(
    name: str, ledgers: Ledgers, built: list[Built], floors: Sequence[float | None]
) -> Iterator[Figure]:
    models, tests = built
    yield Figure("engines", f"{name}, models ({models.slowest()})", models.seconds, "s", floors[0])
    rate = ledgers.transactions / models.seconds
    yield Figure("engines", f"{name}, models: transactions", rate, "/s")
    yield Figure("engines", f"{name}, tests ({tests.slowest()})", tests.seconds, "s", floors[1])
    yield Figure("engines", f"{name}: peak memory", tests.peak_megabytes, "MB")


def _write_lake(warehouse: Path, lake: Path) -> int:
    """Write the raw tables of a warehouse as one load of a lake; answer the bytes."""
    Lake(str(lake)).claim("acct_platform", Mode.SANDBOX)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for dataset, tables in DATASETS.items():
            for table in tables:
                load = lake / dataset / table.name / "shard=1-of-1" / f"load_id={_LOAD}"
                load.mkdir(parents=True)
                columns = ", ".join(sql_columns(table))
                connection.execute(
                    f"copy (select {columns} from {dataset}.{table.name}) "
                    f"to '{load}/rows.parquet' (format parquet)"
                )
            loads = lake / dataset / "_dlt_loads"
            loads.mkdir(parents=True)
            record = {"load_id": _LOAD, "status": 0, "inserted_at": "2026-01-01T00:00:00+00:00"}
            (loads / f"{dataset}__{_LOAD}.jsonl").write_text(json.dumps(record) + "\n")
    return sum(file.stat().st_size for file in lake.rglob("*.parquet"))


def _compare(one: Path, other: Path) -> int:
    """Answer how many published tables there are, which hold the same in both files.

    Raises:
        BenchError: they do not, or other tables.
    """
    held, held_by_other = _contents(one), _contents(other)
    different = sorted(set(held.items()) ^ set(held_by_other.items()))
    if different:
        raise BenchError(f"the engines publish different rows: {different}")
    return len(held)


def _contents(path: Path) -> dict[str, tuple[int, int]]:
    """Answer how many rows each published table holds, and a sum over all that stands in them."""
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        names = connection.sql(
            "select table_name from duckdb_tables() where schema_name = 'finance'"
        ).fetchall()
        return {
            name: connection.sql(
                f"select count(*), coalesce(sum(hash(rows)), 0) from finance.{name} as rows"
            ).fetchall()[0]
            for (name,) in names
        }
