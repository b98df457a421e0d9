"""A disk that takes no more: a sentence, exit code 1, nothing lost; the next run ends the job.

A limit on the size of files stands for it: the same writes fail, at the same places, for real.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
from pathlib import Path

import pytest

from tests.commands import KEY, TIEOUT, tieout
from tests.first_run import GROUP, FirstRun, environment_for, small_platform
from tests.runs import published_tables
from tests.small_stripe import DAY, SmallStripe
from tests.synced import JANUARY

pytestmark = pytest.mark.xdist_group(GROUP)


def limited(size: int, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command that can't write beyond a size into any file."""
    outcome = subprocess.run(
        [str(TIEOUT), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )
    assert "Traceback" not in outcome.stdout + outcome.stderr
    assert KEY not in outcome.stdout + outcome.stderr
    return outcome


def grown_platform() -> SmallStripe:
    """Answer the platform of the first run, with payouts that came since."""
    small = small_platform()
    for number in range(2, 21):
        small.add_payout(f"po_{number}", JANUARY + number * DAY, *range(100, 150))
    return small


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, first_run: FirstRun) -> Path:
    """What a second run publishes that nothing hindered."""
    data = tmp_path_factory.mktemp("undisturbed") / "data"
    folder = first_run.copied(data)
    with grown_platform().served() as base:
        outcome = tieout("reconcile", **environment_for(base, data))
    assert outcome.returncode == 0, outcome.stderr
    return folder / "reconciliation.duckdb"


def assert_told(outcome: subprocess.CompletedProcess[str]) -> None:
    assert outcome.returncode == 1, outcome.stdout
    assert "could not be written: File too large. Free some space, then run again" in outcome.stderr


def test_a_run_on_a_full_disk_says_so_and_the_next_one_ends_the_job(
    tmp_path: Path, first_run: FirstRun, undisturbed: Path
) -> None:
    """It meets the limit in the rows that it read, and once more in what dbt writes."""
    folder = first_run.copied(tmp_path / "data")
    published = (folder / "reconciliation.duckdb").read_bytes()
    with grown_platform().served() as base:
        settings = environment_for(base, tmp_path / "data")
        for size in (2_000, 600_000):
            assert_told(limited(size, "reconcile", **settings))
            assert (folder / "reconciliation.duckdb").read_bytes() == published
            record = json.loads((folder / "run.json").read_text())
            assert "Traceback" not in (record["error"] or "")
        outcome = tieout("reconcile", **settings)
        assert outcome.returncode == 0, outcome.stderr
    assert published_tables(folder / "reconciliation.duckdb") == published_tables(undisturbed)


def test_a_first_run_on_a_full_disk_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    with small_platform().served() as base:
        settings = environment_for(base, tmp_path / "data")
        assert_told(limited(2_000, "reconcile", **settings))
        assert not (tmp_path / "data/test/reconciliation.duckdb").exists()
        outcome = tieout("reconcile", **settings)
        assert outcome.returncode == 0, outcome.stderr


@pytest.mark.parametrize("command", ["publish", "export", "build", "docs"])
def test_a_step_on_a_full_disk_leaves_what_was_published(
    tmp_path: Path, first_run: FirstRun, command: str
) -> None:
    folder = first_run.copied(tmp_path / "data")
    before = files_of(folder)
    assert_told(limited(1_000, command, STRIPE_API_KEY=KEY))
    after = files_of(folder)
    standing = [name for name in before if name.startswith(("exports", "reconciliation"))]
    assert {name: after[name] for name in standing} == {name: before[name] for name in standing}
    # Nothing half-written stays and takes room.
    assert not [name for name in after if name.startswith((".exports", ".reconciliation"))]


@pytest.mark.parametrize("command", ["status", "doctor"])
def test_output_that_a_full_disk_does_not_take_ends_with_1(tmp_path: Path, command: str) -> None:
    with (tmp_path / "output").open("w") as output:
        outcome = subprocess.run(
            [str(TIEOUT), command],
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)),
        )
    assert outcome.returncode == 1
    assert "Traceback" not in outcome.stderr
    assert "could not be written" in outcome.stderr


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
