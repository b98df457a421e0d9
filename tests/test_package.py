"""The package as it is installed elsewhere: a wheel with the dbt project and the report inside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.commands import KEY
from tests.runs import rows
from tests.small_stripe import SmallStripe

# One worker's: each would build a wheel of its own.
pytestmark = pytest.mark.xdist_group("package")

REPOSITORY = Path(__file__).parents[1]

WATCHED = """
import ipaddress, sys

def watch(event, details):
    if event == "socket.connect" and isinstance(details[1], tuple):
        if not ipaddress.ip_address(details[1][0]).is_loopback:
            sys.stderr.write(f"REACHED OUT: {details[1]}\\n")
    if event == "socket.getaddrinfo" and details[0] not in (None, "127.0.0.1", "localhost"):
        sys.stderr.write(f"LOOKED UP: {details[0]}\\n")

sys.addaudithook(watch)
from loader.cli import main
sys.argv = ["tieout", "reconcile"]
main()
"""


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", *arguments, "--quiet", "--no-deps"]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another environment with the wheel in it; what it needs is borrowed from this one."""
    folder = tmp_path_factory.mktemp("elsewhere")
    # Of a copy: building leaves folders beside what is built, and other tests look there.
    source = folder / "source"
    left_out = shutil.ignore_patterns("target", "logs", "__pycache__")
    for part in ("loader", "dbt_project"):
        shutil.copytree(REPOSITORY / part, source / part, ignore=left_out)
    for part in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / part, source)
    pip("wheel", "--no-build-isolation", "--wheel-dir", str(folder), str(source))
    (wheel,) = folder.glob("tieout-*.whl")
    venv.create(folder / "venv")
    python = folder / "venv" / "bin" / "python"
    pip("--python", str(python), "install", str(wheel))
    return folder / "venv" / "bin"


def borrowed(**environment: str) -> dict[str, str]:
    return {**os.environ, **environment, "PYTHONPATH": sysconfig.get_paths()["purelib"]}


def test_a_run_of_the_wheel_publishes_and_reaches_out_to_nothing_but_its_stripe(
    elsewhere: Path, tmp_path: Path
) -> None:
    """No telemetry of dlt, dbt or stripe, and no look for a newer version."""
    small = SmallStripe()
    small.add_payout("po_1", 1_767_225_600, 700, 300)
    with small.served() as base:
        outcome = subprocess.run(
            [str(elsewhere / "python"), "-c", WATCHED],
            env=borrowed(STRIPE_API_KEY=KEY, STRIPE_API_BASE=base),
            capture_output=True,
            text=True,
            check=False,
        )
    assert outcome.returncode == 0, outcome.stderr
    assert "REACHED OUT" not in outcome.stderr
    assert "LOOKED UP" not in outcome.stderr
    published = tmp_path / "data" / "test" / "reconciliation.duckdb"
    payouts = rows(
        published, "select payout_id, is_reconciled from finance.fct_payout_reconciliation"
    )
    assert payouts == [("po_1", True)]
    assert "do the payouts tie out?" in (published.parent / "report.html").read_text()
    telemetry = {"x-stripe-client-telemetry"}
    assert not any(telemetry & request.headers.keys() for request in small.asked)


def test_its_command_is_its_own(elsewhere: Path) -> None:
    where = "import loader, loader.build; print(loader.__file__, loader.build.DBT_PROJECT)"
    said = subprocess.run(
        [str(elsewhere / "python"), "-c", where],
        env=borrowed(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert all(Path(path).is_relative_to(elsewhere.parent) for path in said)
    version = subprocess.run(
        [str(elsewhere / "tieout"), "--version"],
        env=borrowed(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert version.startswith("tieout ")
