"""A build that goes on from the last one publishes what a whole one does, whatever changed.

Each comparison is of two builds over the same warehouse: what is kept from run to run is the same.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from loader.build import BuildError, DbtProject
from loader.sources.batch import Batch
from tests.dbt import test_planted_faults as planted_faults
from tests.dbt.random_ledgers import Ledger, ledgers
from tests.dbt.raw_changes import CHANGES, Change, changes
from tests.dbt.stories import plain_story
from tests.dbt.test_properties import build
from tests.dbt.warehouses import AS_OF, Workbench, load_raw

ACCOUNTS = 60
NAMES = [f"acct_{number:02}" for number in range(ACCOUNTS)]
PLATFORMS = st.lists(ledgers(), min_size=ACCOUNTS, max_size=ACCOUNTS)
DAYS = st.integers(-6, 6)
SETTINGS = settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)

INNER = (
    "intermediate.int_balance_transactions_attributed",
    "intermediate.int_payouts_summed",
    "intermediate.int_payout_transactions_checked",
)


def project_on(bench: Workbench, day: int = 0) -> DbtProject:
    """Answer the project as of some days after the usual one."""
    return DbtProject(bench.path, bench.target_dir, AS_OF + timedelta(days=day))


def contents(bench: Workbench) -> dict[str, list[tuple[object, ...]]]:
    """Answer all rows of the published tables, and of what they are made of; not which build."""
    published = bench.rows(
        "select 'finance.' || table_name from duckdb_tables() where schema_name = 'finance'"
    )
    assert len(published) > 10
    names = [*(name for (name,) in published), *INNER]
    columns = "columns(name -> name != 'build_id')"
    return {name: bench.rows(f"select {columns} from {name} order by all") for name in names}


def is_partial(bench: Workbench) -> bool:
    (answer,) = bench.rows("select is_partial from intermediate.int_builds_scoped")
    return bool(answer[0])


def assert_builds_alike(bench: Workbench, day: int = 0, *, partial: bool = True) -> None:
    """Build what stands on the bench in both ways, and go on with the faster one's result."""
    before = bench.path.with_name("before.duckdb")
    shutil.copyfile(bench.path, before)
    project_on(bench, day).run_models(full=True)
    whole = contents(bench)
    assert not is_partial(bench)
    bench.put(before)
    project_on(bench, day).run_models()
    assert is_partial(bench) == partial, bench.rows("from intermediate.int_builds_scoped")
    changed = contents(bench)
    assert changed.keys() == whole.keys()
    for table, rows in whole.items():
        assert changed[table] == rows, table


def apply(bench: Workbench, planned: Iterable[Change]) -> None:
    bench.change(statement for change in planned for statement in change.statements)


@SETTINGS
@given(
    platform=PLATFORMS,
    steps=st.lists(st.tuples(changes(NAMES[:25]), DAYS), min_size=2, max_size=2),
)
def test_a_partial_build_is_a_whole_one(
    bench: Workbench,
    tmp_path_factory: pytest.TempPathFactory,
    platform: list[Ledger],
    steps: list[tuple[list[Change], int]],
) -> None:
    build(bench, tmp_path_factory.mktemp("platform"), platform, loads=1, seed=0)
    for planned, day in steps:
        apply(bench, planned)
        assert_builds_alike(bench, day)


@pytest.mark.usefixtures("stories")
def test_every_kind_of_change_makes_the_same_of_it(bench: Workbench) -> None:
    """Each kind on an account of its own, all of which are alike."""
    assert len(CHANGES) < ACCOUNTS
    apply(bench, [Change(kind, NAMES[n], NAMES[-1], n) for n, kind in enumerate(CHANGES)])
    assert_builds_alike(bench)


@pytest.fixture(scope="module")
def built(bench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Answer a warehouse of many accounts with the same story, and what was built of it."""
    batch = Batch()
    for number in range(2 * ACCOUNTS):
        plain_story().tell(batch, f"acct_{number:02}")
    bench.put(load_raw(tmp_path_factory.mktemp("stories"), batch))
    bench.project.run_models()
    folder = tmp_path_factory.mktemp("built")
    shutil.copytree(bench.folder, folder, dirs_exist_ok=True)
    return folder


@pytest.fixture
def stories(bench: Workbench, built: Path) -> None:
    """Lay that on the bench."""
    shutil.rmtree(bench.folder)
    shutil.copytree(built, bench.folder)


def test_a_fault_is_caught_by_the_build_that_meets_it(
    bench: Workbench, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Planted after a clean build, each fault trips its tests and is told as its exception."""
    faults = planted_faults.FAULTS
    batch = Batch()
    names = [planted_faults.account_of(name) for name in faults]
    for name in (*names, *NAMES):
        plain_story().tell(batch, name)
    bench.put(load_raw(tmp_path_factory.mktemp("faults"), batch))
    bench.project.run_models()
    planted_faults.plant(bench, faults)
    bench.project.run_models()
    assert is_partial(bench)
    met = planted_faults.outcome(bench, bench.project.run_tests())
    for name, fault in faults.items():
        account_id = planted_faults.account_of(name)
        assert met.failing.get(account_id, set()) == fault.failing, name
        assert met.found.get(account_id, set()) == fault.found, name
        status = (met.status[account_id, "po_1"], met.status[account_id, "po_2"])
        assert status == fault.status, name


AMOUNT_OFF = (
    "update stripe.balance_transactions set net = net + 1 "
    "where account_id = 'acct_00' and id = 'txn_charge'"
)
AMOUNT_RIGHT = AMOUNT_OFF.replace("+ 1", "- 1")


@pytest.mark.usefixtures("stories")
def test_a_build_that_broke_off_between_two_tables_is_followed_by_a_whole_one(
    bench: Workbench,
) -> None:
    """Also where the raw rows are by then what they were before it: what was built is not."""
    bench.change([AMOUNT_OFF])
    bench.project.invoke("run", "--select", "+int_balance_transactions_attributed")
    bench.change([AMOUNT_RIGHT])
    assert_builds_alike(bench, partial=False)


@pytest.mark.usefixtures("stories")
def test_a_ledger_that_could_not_be_published_is_made_anew(bench: Workbench) -> None:
    bench.change([AMOUNT_OFF, "alter table finance.fct_balance_transactions drop net_amount"])
    with pytest.raises(BuildError, match="fct_balance_transactions"):
        bench.project.run_models()
    assert not is_partial_next(bench)


@pytest.mark.usefixtures("stories")
def test_a_model_that_fails_elsewhere_spoils_nothing(bench: Workbench) -> None:
    """The ledger was changed, and fits the raw rows; the rest is made of it in the next run."""
    proven = bench.rows("from intermediate.int_payouts_proven_alone order by all")
    bench.change([AMOUNT_OFF, "alter table stripe.payout_listings rename to away"])
    with pytest.raises(BuildError):
        bench.project.run_models()
    # A table is replaced whole or stays.
    assert bench.rows("from intermediate.int_payouts_proven_alone order by all") == proven
    bench.change(["alter table stripe.away rename to payout_listings"])
    assert_builds_alike(bench)


@pytest.mark.parametrize(
    "since",
    [
        "update audit.fingerprints_kept set models_version = 'older'",
        "drop table audit.fingerprints_kept",
        "drop table finance.fct_balance_transactions",
    ],
)
@pytest.mark.usefixtures("stories")
def test_what_other_models_built_or_nobody_vouches_for_is_made_anew(
    bench: Workbench, since: str
) -> None:
    bench.change([since])
    assert not is_partial_next(bench)


@pytest.mark.usefixtures("stories")
def test_dbt_by_hand_makes_all_anew_and_so_does_the_run_after_it(bench: Workbench) -> None:
    """By hand nobody says which models these are."""
    bench.change([AMOUNT_OFF])
    bench.dbt("run", "--select", "int_balance_transactions_attributed")
    assert bench.rows("select count(*) from audit.fingerprints_kept") == [(0,)]
    bench.dbt("run")
    assert not is_partial(bench)
    assert not is_partial_next(bench)
    assert is_partial_next(bench)


def is_partial_next(bench: Workbench) -> bool:
    bench.project.run_models()
    return is_partial(bench)


@pytest.mark.parametrize("seconds", [5])
@pytest.mark.usefixtures("stories")
def test_a_killed_build_leads_to_the_right_next_one(bench: Workbench, seconds: float) -> None:
    """Wherever the kill strikes; where that is depends on the machine."""
    bench.change([AMOUNT_OFF])
    command = (
        "from datetime import datetime; from pathlib import Path; "
        "from loader.build import DbtProject; "
        f"DbtProject(Path({str(bench.path)!r}), Path({str(bench.target_dir)!r}), "
        f"datetime.fromisoformat({AS_OF.isoformat()!r})).run_models()"
    )
    process = subprocess.Popen([sys.executable, "-c", command])
    time.sleep(seconds)
    process.kill()
    process.wait()
    bench.change([AMOUNT_RIGHT])
    project_on(bench).run_models()
    built = contents(bench)
    project_on(bench).run_models(full=True)
    assert contents(bench) == built
