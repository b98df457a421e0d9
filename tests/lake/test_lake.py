"""A lake in place of the DuckDB file: the same raw tables, and many loaders at once."""

from __future__ import annotations

import json
import shutil
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loader.build import BuildError
from loader.lake import LAKE_VERSION, LATEST, Lake
from loader.publish_to_lake import publish_to_lake
from loader.run_record import RunRecord
from loader.settings import Mode, Settings, SettingsError
from loader.sources.shard import Shard
from loader.spark.session import refuse_unreachable
from loader.warehouse import Warehouse
from tests.commands import KEY, finish, start, tieout
from tests.lake.syncing import ON_SPARK, Syncing, raw_rows
from tests.runs import AS_OF, published_tables
from tests.small_stripe import DAY, PLATFORM, SmallStripe
from tests.synced import JANUARY

SHARDS = 4


def test_the_newest_of_each_row_counts(syncing: Syncing) -> None:
    syncing.sync_both()
    syncing.stripe.payouts[PLATFORM][0] |= {"status": "failed", "failure_code": "account_closed"}
    syncing.stripe.add_payout("po_3", JANUARY + 2 * DAY, 20)
    syncing.sync_both()
    assert len(raw_rows(syncing.lake)["payouts"]) == 3


def test_a_list_that_is_read_again_replaces_all_its_rows(syncing: Syncing) -> None:
    syncing.sync_both()
    syncing.stripe.lists["po_1"] = syncing.stripe.lists["po_1"][:2]
    syncing.stripe.lists["po_2"] = []
    syncing.sync_both(full=True)
    listed = {row[1] for row in raw_rows(syncing.lake)["payout_transactions"]}
    assert listed == {"po_1"}


def test_what_a_load_left_that_did_not_end_is_never_read(syncing: Syncing) -> None:
    syncing.sync(syncing.lake)
    before = raw_rows(syncing.lake)
    for files in Path(syncing.lake.url, "stripe/payouts").glob("*/load_id=*"):
        shutil.copytree(files, files.with_name("load_id=9999999999.1"))
    for record in Path(syncing.lake.url, "stripe/_dlt_loads").glob("*.jsonl"):
        loaded = json.loads(record.read_text()) | {"load_id": "9999999998.1", "status": 1}
        record.with_name("stripe__9999999998.1.jsonl").write_text(json.dumps(loaded))
    assert raw_rows(syncing.lake) == before


def test_a_lake_may_lie_wherever_fsspec_finds_it(syncing: Syncing) -> None:
    elsewhere = Lake("memory://lake/of/tests")
    try:
        syncing.sync(elsewhere)
        syncing.sync(syncing.warehouse)
        assert raw_rows(elsewhere) == raw_rows(syncing.warehouse)
        elsewhere.forget()
        assert not elsewhere.exists
    finally:
        fsspec.filesystem("memory").rm("/lake", recursive=True)


def test_another_platforms_or_a_newer_lake_is_refused(syncing: Syncing) -> None:
    syncing.sync(syncing.lake)
    with pytest.raises(SettingsError, match="Nothing was written"):
        syncing.lake.claim("acct_other", Mode.TEST)
    with pytest.raises(SettingsError, match="Nothing was written"):
        syncing.lake.claim(PLATFORM, Mode.LIVE)
    owner = Path(syncing.lake.url, "owner.json")
    newer = json.loads(owner.read_text()) | {"lake_version": LAKE_VERSION + 1}
    owner.write_text(json.dumps(newer))
    with pytest.raises(SettingsError, match="newer Tieout"):
        syncing.lake.claim(PLATFORM, Mode.TEST)


def test_loaders_that_begin_a_lake_at_once_agree_whose_it_is(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as loaders:
        for place in range(100):
            lakes = [Lake(str(tmp_path / str(place)), Shard(n, 4)) for n in range(1, 5)]
            together = threading.Barrier(4)

            def claim(lake: Lake, together: threading.Barrier = together) -> bool:
                together.wait()
                return lake.claim(PLATFORM, Mode.TEST)

            is_new = list(loaders.map(claim, lakes))
            assert any(is_new)
            assert [path.name for path in (tmp_path / str(place)).iterdir()] == ["owner.json"]


@given(st.text(min_size=1), st.integers(1, 50))
def test_every_account_is_in_exactly_one_shard(account_id: str, count: int) -> None:
    holding = [n for n in range(1, count + 1) if Shard(n, count).holds(account_id)]
    assert len(holding) == 1


def test_accounts_spread_over_shards() -> None:
    held = [sum(Shard(n, 4).holds(f"acct_{i}") for i in range(4_000)) for n in range(1, 5)]
    assert min(held) > 900


@pytest.mark.parametrize("text", ["", "1", "0/4", "5/4", "1/0", "a/b", "-1/2", "1/2/3", "1.0/2"])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="shard"):
        Shard.parse(text)


def test_a_shard_that_is_none_is_a_wrong_usage() -> None:
    outcome = tieout("sync", "--shard=5/4")
    assert outcome.returncode == 2
    assert "--shard" in outcome.stderr
    assert "Traceback" not in outcome.stderr


@pytest.mark.xdist_group("sandbox_runs")
def test_shards_loaded_at_once_give_the_tables_of_one_run(
    clean_run: tuple[Settings, RunRecord], tmp_path: Path
) -> None:
    """One of them is killed in the middle and run again."""
    settings, _ = clean_run
    parts = [f"--shard={number}/{SHARDS}" for number in range(1, SHARDS + 1)]
    running = [start("sync", part, **ON_SPARK) for part in parts]
    lake = tmp_path / "data/sandbox/lake"
    deadline = time.monotonic() + 60
    while not list(lake.glob("stripe/_dlt_loads/*")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    running[1].kill()
    running[1].wait()
    again = start("sync", parts[1], **ON_SPARK)
    for process in (running[0], *running[2:], again):
        outcome = finish(process)
        assert outcome.returncode == 0, outcome.stderr
    found, whole = raw_rows(Lake(str(lake))), raw_rows(Warehouse(settings.warehouse_path))
    # How a reading was interrupted stands in the stretches that were read before.
    for rows in (found, whole):
        del rows["created_stretches"]
        # An account that had been read before the kill is read twice: each reading is kept, and
        # says what it had to read.
        rows["account_syncs"] = sorted({row[:2] for row in rows["account_syncs"]})
        rows["balances"] = sorted(set(rows["balances"]))
    assert found == whole
    folders = {path.name for path in lake.glob("stripe/account_syncs/*")}
    assert folders <= {f"shard={number}-of-{SHARDS}" for number in range(1, SHARDS + 1)}


@pytest.mark.xdist_group("sandbox_runs")
def test_what_is_published_to_a_lake_is_one_runs_and_the_one_before_stays(
    clean_run: tuple[Settings, RunRecord], tmp_path: Path
) -> None:
    settings, _ = clean_run
    published = tmp_path / "published"
    versions = [publish_to_lake(settings.published_path, str(tmp_path), AS_OF) for _ in range(3)]
    assert {path.name for path in published.iterdir()} == {LATEST, *versions[1:]}
    latest = json.loads((published / LATEST).read_text())
    assert latest["version"] == versions[-1]
    tables = published_tables(settings.published_path)
    assert sorted(latest["tables"]) == sorted(tables)
    for table in tables:
        file = published / versions[-1] / f"{table}.parquet"
        there = duckdb.sql(f"select columns(name -> name != 'read_at') from '{file}'").fetchall()
        assert there == tables[table]


def test_events_are_not_served_on_spark(stripe: SmallStripe) -> None:
    with stripe.served() as base:
        outcome = tieout(
            "serve",
            TIEOUT_ENGINE="spark",
            STRIPE_API_KEY=KEY,
            STRIPE_API_BASE=base,
            STRIPE_WEBHOOK_SECRETS="whsec_1",
        )
    assert outcome.returncode == 2
    assert "TIEOUT_ENGINE=spark" in outcome.stderr


@pytest.mark.parametrize("lake", ["nowhere://lake", "s3://lake"])
def test_a_lake_that_no_library_reaches_is_a_wrong_setting(lake: str) -> None:
    outcome = tieout("sync", **ON_SPARK, TIEOUT_LAKE=lake)
    assert outcome.returncode == 2
    assert f"TIEOUT_LAKE {lake} can't be used" in outcome.stderr


def test_a_lake_that_does_not_say_whose_it_is_is_refused(tmp_path: Path) -> None:
    for content in ("", "[]", "{}"):
        (tmp_path / "owner.json").write_text(content)
        with pytest.raises(SettingsError, match="whose this lake is"):
            Lake(str(tmp_path)).claim(PLATFORM, Mode.TEST)


def test_the_doctor_looks_at_what_spark_needs(syncing: Syncing) -> None:
    lake = {"TIEOUT_ENGINE": "spark", "TIEOUT_LAKE": syncing.lake.url, "PATH": ""}
    syncing.lake.claim("acct_other", Mode.LIVE)
    outcome = tieout("doctor", **lake)
    assert outcome.returncode == 1
    assert "no `java` was found" in outcome.stdout
    assert "acct_other" in outcome.stdout


def test_without_java_a_run_on_spark_says_what_is_missing() -> None:
    outcome = tieout("reconcile", **ON_SPARK, PATH="")
    assert outcome.returncode == 2
    assert "needs Java 17" in outcome.stderr
    assert not Path("data/sandbox/lake").exists()  # nothing was read before it was said


def test_of_several_masters_one_has_to_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as there, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # taken, and not listened on
        answering, silent = (f"127.0.0.1:{s.getsockname()[1]}" for s in (there, nobody))
        for master in (f"spark://{silent},{answering}", f"spark://{answering}", "local[*]", "yarn"):
            refuse_unreachable(master)
        for wrong in (silent, "127.0.0.1:99999"):
            with pytest.raises(BuildError, match=f"no master answers at {wrong}"):
                refuse_unreachable(f"spark://{wrong}")
