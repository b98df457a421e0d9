"""The command line as a user meets it: exit codes, sentences, never a stack trace."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import pytest
from filelock import FileLock

from tests.commands import KEY, TIEOUT, tieout
from tests.scripted_stripe import refusal, scripted_stripe
from tests.small_stripe import SmallStripe


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"STRIPE_API_KEY": "pk_test_1"}, "STRIPE_API_KEY"),
        ({"STRIPE_API_BASE": "http://127.0.0.1:9"}, "STRIPE_API_KEY is not"),
        ({"TIEOUT_AS_OF": "soon"}, "TIEOUT_AS_OF"),
    ],
)
def test_wrong_settings_end_with_2(environment: dict[str, str], said: str) -> None:
    outcome = tieout("reconcile", **environment)
    assert outcome.returncode == 2
    assert said in outcome.stderr
    assert not Path("data").exists()


def test_wrong_usage_ends_with_2() -> None:
    assert tieout("reconcile", "--sideways").returncode == 2
    assert tieout("reconcile", "--broken", STRIPE_API_KEY=KEY).returncode == 2


def test_a_refused_key_ends_with_1_and_is_recorded(tmp_path: Path) -> None:
    with scripted_stripe(
        lambda _: refusal(401, "Invalid API Key provided: sk_test_***ret")
    ) as base:
        outcome = tieout("reconcile", STRIPE_API_KEY=KEY, STRIPE_API_BASE=base)
    assert outcome.returncode == 1
    assert "Check STRIPE_API_KEY" in outcome.stderr
    record = json.loads((tmp_path / "data/test/run.json").read_text())
    assert record["exit_code"] == 1
    assert "Check STRIPE_API_KEY" in record["error"]
    assert not (tmp_path / "data/test/reconciliation.duckdb").exists()


def test_a_second_run_says_that_the_folder_is_in_use_and_leaves(tmp_path: Path) -> None:
    (tmp_path / "data/sandbox").mkdir(parents=True)
    with FileLock(tmp_path / "data/sandbox/.lock"):
        outcome = tieout("reconcile")
    assert outcome.returncode == 1
    assert "Another run is at work" in outcome.stderr


@pytest.mark.parametrize("command", ["build", "publish", "export", "docs"])
def test_a_step_without_a_warehouse_says_what_to_do_first(command: str) -> None:
    outcome = tieout(command)
    assert outcome.returncode == 1
    assert "make reconcile" in outcome.stderr


def test_the_steps_can_be_run_one_by_one(tmp_path: Path) -> None:
    small = SmallStripe()
    small.add_payout("po_1", 1_767_225_600, 700, 300)
    small.lists["po_1"].pop()
    with small.served() as base:
        assert tieout("sync", STRIPE_API_KEY=KEY, STRIPE_API_BASE=base).returncode == 0
    assert tieout("build", STRIPE_API_KEY=KEY).returncode == 3
    for command in ("publish", "export", "status"):
        outcome = tieout(command, STRIPE_API_KEY=KEY)
        assert outcome.returncode == 0, outcome.stderr
    assert "acct_platform" in outcome.stdout
    assert (tmp_path / "data/test/exports/fct_payout_reconciliation.csv").exists()
    assert "was not asked" in (tmp_path / "data/test/report.html").read_text()


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """Run a command on a terminal of its own and answer what it shows."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [str(TIEOUT), *arguments],
        env={**os.environ, "TERM": "xterm-256color", **environment},
        stdout=its,
        stderr=its,
    )
    os.close(its)
    shown = b""
    with suppress(OSError):  # the other end is closed
        while part := os.read(ours, 65_536):
            shown += part
    os.close(ours)
    process.wait()
    return shown.decode()


COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7]m")


def test_colours_are_for_terminals_whose_owner_wants_them() -> None:
    assert COLOUR.search(on_a_terminal("doctor", NO_COLOR=""))
    plain = on_a_terminal("doctor", NO_COLOR="1")
    assert "Nothing stands in the way of a run." in plain
    assert not COLOUR.search(plain)
    assert "\x1b" not in tieout("doctor").stdout
    assert "\x1b" not in tieout("--help").stdout


def test_it_says_which_version_it_is() -> None:
    assert tieout("--version").stdout == f"tieout {version('tieout')}\n"


def test_every_command_and_option_explains_itself() -> None:
    commands = (
        "reconcile",
        "sync",
        "build",
        "publish",
        "export",
        "docs",
        "status",
        "explain",
        "doctor",
        "sandbox",
        "serve",
        "bank",
    )
    listed = tieout("--help").stdout
    for command in commands:
        assert command in listed
        assert len(tieout(command, "--help").stdout) > 100
