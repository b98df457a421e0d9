"""BI clients on the published file: another DuckDB while it is replaced, and a notebook."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from loader.publish import publish
from loader.run_record import RunRecord
from loader.settings import Settings
from tests.runs import rows

pytestmark = pytest.mark.xdist_group("sandbox_runs")

REPOSITORY = Path(__file__).parents[1]

# It opens the file anew for each question, until it is told to stop, and prints what it read.
READER = """
import duckdb, sys, threading
stopped = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stopped.set()), daemon=True).start()
read = []
while not (stopped.is_set() and read):
    with duckdb.connect(sys.argv[1], read_only=True) as connection:
        found = connection.execute(
            "select count(*), sum(payout_amount_minor) from finance.fct_payout_reconciliation"
        ).fetchone()
        comments = connection.execute(
            "select count(*) from duckdb_columns() where schema_name = 'finance' "
            "and comment is not null"
        ).fetchone()
    read.append((*map(int, found), *comments))
    print("read", flush=True) if len(read) == 1 else None
print(len(read), *sorted(set(read)), sep="|")
"""

NOTEBOOK = """
import json, runpy, sys
app = runpy.run_path(sys.argv.pop(1))["app"]
_, names = app.run()
shown = ("currency", "month", "proof", "rollforward", "in_transit", "exceptions")
print(json.dumps({name: getattr(names[name], "value", names[name]) for name in shown}, default=str))
"""


def beside(name: str, script: str, *arguments: str) -> list[str]:
    """Answer a command that runs a script with the packages that `make test` put beside."""
    packages = REPOSITORY / ".venv" / name
    assert packages.is_dir(), f"run `make test`, which installs {name} beside the environment"
    return ["env", f"PYTHONPATH={packages}", sys.executable, "-c", script, *arguments]


def test_the_next_duckdb_reads_on_while_the_file_is_replaced(
    clean_run: tuple[Settings, RunRecord], tmp_path: Path
) -> None:
    settings, _ = clean_run
    published = tmp_path / "reconciliation.duckdb"
    publish(settings.warehouse_path, published)
    reader = subprocess.Popen(
        beside("duckdb-2", READER, str(published)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout
    assert reader.stdout.readline() == "read\n"
    for _ in range(3):
        publish(settings.warehouse_path, published)
    output, errors = reader.communicate()
    assert errors == ""
    count, *different = output.strip().split("|")
    assert int(count) > 1
    assert len(different) == 1, "a reader saw a file that was half of one and half of another"


def test_the_notebook_shows_what_the_tables_hold(clean_run: tuple[Settings, RunRecord]) -> None:
    published = clean_run[0].published_path
    notebook = REPOSITORY / "docs" / "examples" / "month_end.py"
    outcome = subprocess.run(
        beside("marimo", NOTEBOOK, str(notebook), "--published", str(published)),
        capture_output=True,
        text=True,
        check=True,
    )
    shown = json.loads(outcome.stdout)
    proof = rows(
        published,
        "select sum(payout_count), sum(difference_minor) from finance.fct_account_reconciliation "
        "where currency = ?",
        [shown["currency"]],
    )
    summed = ("payout_count", "difference_minor")
    assert proof == [tuple(sum(row[name] for row in shown["proof"]) for name in summed)]
    closing = rows(
        published,
        "select sum(closing_amount_minor) from finance.fct_balance_rollforward "
        "where currency = ? and strftime(month_end_date, '%Y-%m') = ?",
        [shown["currency"], shown["month"]],
    )
    assert closing == [(sum(row["closing_amount_minor"] for row in shown["rollforward"]),)]
    assert shown["in_transit"]


def test_the_notebook_becomes_a_page(clean_run: tuple[Settings, RunRecord], tmp_path: Path) -> None:
    packages = REPOSITORY / ".venv" / "marimo"
    page = tmp_path / "close.html"
    outcome = subprocess.run(
        [
            *(sys.executable, "-m", "marimo", "export", "html", "docs/examples/month_end.py"),
            *("-o", str(page), "--", "--published", str(clean_run[0].published_path)),
        ],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    assert "Roll-forward of the month" in page.read_text()
    shutil.rmtree(REPOSITORY / "docs" / "examples" / "__marimo__", ignore_errors=True)
