"""A build that goes on from the last one publishes what a whole one does, whatever changed.

Each comparison is of two builds over the same warehouse: what is kept from run to run is the same.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from loader.build import DbtProject
from tests.dbt.random_ledgers import Ledger, ledgers
from tests.dbt.raw_changes import CHANGES, Change, changes
from tests.dbt.test_properties import build
from tests.dbt.warehouses import AS_OF, Workbench

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
    """Answer all rows of the published tables, and of what they are made of."""
    published = bench.rows(
        "select 'finance.' || table_name from duckdb_tables() where schema_name = 'finance'"
    )
    assert len(published) > 10
    names = [*(name for (name,) in published), *INNER]
    return {name: bench.rows(f"from {name} order by all") for name in names}


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
    steps=st.lists(st.tuples(changes(NAMES[:25]), DAYS), min_size=3, max_size=3),
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


