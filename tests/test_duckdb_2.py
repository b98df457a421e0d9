"""The whole job on the next DuckDB: its files stay readable by the one that is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb

from tests.runs import rows

NEXT_DUCKDB = Path(__file__).parents[1] / ".venv" / "duckdb-2"

RECONCILE = """
import duckdb, sys
assert duckdb.__version__.startswith("2."), duckdb.__version__
from loader.cli import main
sys.argv = ["tieout", "reconcile"]
main()
"""


def test_the_whole_job_runs_on_duckdb_2(tmp_path: Path) -> None:
    assert NEXT_DUCKDB.is_dir(), "run `make test`, which installs DuckDB 2 beside the environment"
    outcome = subprocess.run(
        [sys.executable, "-c", RECONCILE],
        env={
            **os.environ,
            "PYTHONPATH": str(NEXT_DUCKDB),
            "TIEOUT_DATA_DIR": str(tmp_path),
            "TIEOUT_AS_OF": "2026-05-20",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert duckdb.__version__.startswith("1.5")
    published = tmp_path / "sandbox" / "reconciliation.duckdb"
    counted = rows(
        published,
        "select count(*) from finance.fct_payout_reconciliation where is_reconciled",
    )
    assert counted[0][0] > 100
