"""What others left in a lake, what was cut short, and where it may lie: nothing is misread."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from loader.lake import Lake
from loader.lake_files import lake_files, reaching
from loader.publish_to_lake import publish_to_lake
from loader.sandbox.state import load_or_create
from loader.settings import Engine, Mode, SettingsError
from loader.spark.collecting import collect
from loader.spark.session import SparkLake
from loader.warehouse import WarehouseError
from tests.commands import tieout
from tests.lake.syncing import ON_SPARK, Syncing, raw_rows
from tests.runs import AS_OF, rows, settings_for
from tests.small_stripe import PLATFORM

UNRECONCILED = (
    "create schema if not exists finance; create table finance.fct_payout_reconciliation as "
    f"select '{PLATFORM}' as account_id, 'po_1' as payout_id, "
    "'unreconciled' as reconciliation_status"
)
WITH_A_ROW_THAT_DIFFERS = (
    "create schema if not exists finance; create table finance.fct_reconciliation_exceptions as "
    f"select '{PLATFORM}' as account_id, 'po_1' as payout_id, "
    "'component_differs' as exception_type"
)


def test_a_file_that_was_cut_short_is_no_part_of_the_lake(syncing: Syncing) -> None:
    syncing.sync(syncing.lake)
    before = raw_rows(syncing.lake)
    lake = Path(syncing.lake.url)
    for number, left in enumerate((b"", b"PAR1", b"half a file")):
        for folder in list(lake.glob("stripe/*/shard=*")):
            unfinished = folder / f"load_id=100000000{number}.1"
            unfinished.mkdir()
            (unfinished / "1.parquet").write_bytes(left)
        record = lake / f"stripe/_dlt_loads/stripe__100000000{number}.1.jsonl"
        record.write_text(
            json.dumps({"load_id": f"100000000{number}.1", "status": 0})[: 9 * number]
        )
    assert raw_rows(syncing.lake) == before
    syncing.sync(syncing.lake, full=True)
    assert raw_rows(syncing.lake)["payout_transactions"] == before["payout_transactions"]


def test_a_column_that_no_file_has_yet_is_null(syncing: Syncing) -> None:
    syncing.sync(syncing.lake)
    for file in Path(syncing.lake.url).glob("stripe/account_syncs/*/*/*.parquet"):
        query = f"select * exclude (opening_read_at) from '{file}'"
        duckdb.sql(f"copy ({query}) to '{file}.new' (format parquet)")
        Path(f"{file}.new").replace(file)
    with syncing.lake.connect() as connection:
        query = "select distinct opening_read_at from stripe.account_syncs"
        assert connection.execute(query).fetchall() == [(None,)]
    syncing.sync(syncing.lake)


@pytest.mark.parametrize("judged", [UNRECONCILED, WITH_A_ROW_THAT_DIFFERS])
def test_a_list_that_did_not_add_up_is_read_again(
    syncing: Syncing, tmp_path: Path, judged: str
) -> None:
    whole = syncing.stripe.lists["po_1"]
    syncing.stripe.lists["po_1"] = whole[:2]
    syncing.sync_both()
    published = tmp_path / "published.duckdb"
    for path in (published, syncing.warehouse.path):
        with duckdb.connect(str(path)) as connection:
            connection.execute(judged)
    publish_to_lake(published, syncing.lake.url, AS_OF)
    syncing.stripe.lists["po_1"] = whole
    syncing.sync_both()
    listed = {row[2] for row in raw_rows(syncing.lake)["payout_transactions"]}
    assert set(whole) <= listed


def test_a_folder_may_be_named_like_a_pattern(syncing: Syncing, tmp_path: Path) -> None:
    odd = Lake(str(tmp_path / "la[1]ke*?"))
    for raw in (odd, syncing.warehouse):
        syncing.sync(raw)
    assert raw_rows(odd) == raw_rows(syncing.warehouse)
    syncing.sync(odd)
    assert len(raw_rows(odd)["payouts"]) == 2


def test_a_clock_that_is_behind_what_was_loaded_is_refused(syncing: Syncing) -> None:
    syncing.sync(syncing.lake)
    for record in list(Path(syncing.lake.url, "stripe/_dlt_loads").glob("*.jsonl")):
        ahead = f"{time.time() + 3_600}"
        record.with_name(f"stripe__{ahead}.jsonl").write_text(record.read_text())
        record.with_name("stripe__copy of it.jsonl").write_text("")
    with pytest.raises(WarehouseError, match=r"3[56]\d\d seconds ahead"):
        syncing.sync(syncing.lake)


class Remembering(MemoryFileSystem):  # type: ignore[misc]  # fsspec is untyped
    """A file system that remembers what it listed, as those of object stores do."""

    protocol = "remembering"

    def ls(self, path: str, detail: bool = True, **options: Any) -> Any:  # noqa: ANN401
        path = self._strip_protocol(path)
        if path not in self.dircache:
            self.dircache[path] = super().ls(path, detail=True, **options)
            if path not in self.dircache:  # it was told not to remember
                return super().ls(path, detail=detail, **options)
        found = self.dircache[path]
        return found if detail else [entry["name"] for entry in found]


def test_what_others_wrote_since_is_seen() -> None:
    fsspec.register_implementation("remembering", Remembering, clobber=True)
    files = lake_files("remembering://lake")
    writing = fsspec.filesystem("memory")
    try:
        for name in ("1", "2"):
            writing.pipe_file(f"/lake/{name}.jsonl", b"{}")
            assert f"/lake/{name}.jsonl" in files.ls("/lake", detail=False)
    finally:
        writing.rm("/lake", recursive=True)


def test_what_spark_built_is_collected_from_wherever_the_lake_lies(tmp_path: Path) -> None:
    files = fsspec.filesystem("memory")
    duckdb.sql(f"copy (select 1 as one) to '{tmp_path}/part.parquet'")
    files.put_file(f"{tmp_path}/part.parquet", "/lake/built/intermediate.db/made/part.parquet")
    try:
        built = SparkLake("memory://lake", "local[1]").built("intermediate")
        collect([], {"intermediate": built}, tmp_path / "spark.duckdb")
    finally:
        files.rm("/lake", recursive=True)
    assert rows(tmp_path / "spark.duckdb", "from intermediate.made") == [(1,)]


@pytest.mark.parametrize("command", [("sync", "--broken"), ("build",), ("publish",)])
def test_the_sandbox_leaves_anothers_lake_alone(command: tuple[str, ...], tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    Lake(str(lake)).claim("acct_other", Mode.LIVE)
    (lake / "stripe").mkdir()
    load_or_create(tmp_path / "data/sandbox", AS_OF, broken=False)
    outcome = tieout(*command, **ON_SPARK, TIEOUT_LAKE="lake")
    assert outcome.returncode == 2
    assert "holds the live data of platform account acct_other" in outcome.stderr
    assert {path.name for path in lake.iterdir()} == {"owner.json", "stripe"}


def test_a_folder_is_the_same_wherever_it_is_asked_for(tmp_path: Path) -> None:
    places = {"here": tmp_path / "here", "~/here": Path.home() / "here", "s3://b/x": "s3://b/x"}
    for said, meant in places.items():
        assert settings_for(tmp_path, AS_OF, lake_set=said).lake == str(meant)


def test_spark_leaves_the_file_that_duckdb_loads_into_alone(tmp_path: Path) -> None:
    files = {settings_for(tmp_path, AS_OF, engine=engine).warehouse_path.name for engine in Engine}
    assert files == {"warehouse.duckdb", "spark.duckdb"}


class OddError(Exception):
    """What only its own library knows."""


def test_why_a_lake_is_out_of_reach_is_told_without_its_password() -> None:
    with pytest.raises(SettingsError, match="no credentials") as told, reaching("x://me:word@h/l"):
        raise OddError("no credentials")
    assert "x://h/l" in str(told.value)
    assert "word" not in str(told.value)
