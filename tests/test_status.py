"""`tieout status`: the last run, and what each account has to tell, the worst first."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from filelock import FileLock

from tests.commands import KEY, tieout


def publish(folder: Path, accounts: int) -> None:
    """Publish accounts, of which 1 has warnings, 2 an error, and 3 can't be read."""
    folder.mkdir(parents=True)
    with duckdb.connect(str(folder / "reconciliation.duckdb")) as connection:
        connection.execute(
            "create schema finance;"
            "create table finance.dim_accounts as select "
            "'acct_' || i as account_id, 'Account [' || i || ']' as account_name, "
            "i = 0 as is_platform_account, "
            "if(i = 3, 'failed', 'readable') as access_status, "
            "if(i = 3, '/v1/payouts [bold]refused[/]', null) as access_error, "
            "timestamp '2026-05-20 17:36:00' as synced_through "
            f"from range({accounts}) as numbers(i);"
            "create table finance.fct_reconciliation_exceptions as "
            "select 'acct_2' as account_id, 'error' as severity "
            "union all select 'acct_1', 'warning' from range(7)"
        )


def record_run(folder: Path, exit_code: int, error: str | None = None) -> None:
    ended = (datetime.now(UTC) - timedelta(days=2, hours=1)).isoformat(timespec="seconds")
    record = {"finished_at": ended, "exit_code": exit_code, "error": error}
    (folder / "run.json").write_text(json.dumps(record))


def accounts_shown(output: str) -> list[str]:
    cells = [line.split("│")[1].strip() for line in output.splitlines() if line.startswith("│")]
    return [cell for cell in cells if cell.startswith("acct_")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data/test"


def test_with_nothing_there_it_says_what_to_do(folder: Path) -> None:
    outcome = tieout("status", STRIPE_API_KEY=KEY)
    assert outcome.returncode == 0
    assert "Last run: none has ended yet" in outcome.stdout
    assert "run `make reconcile`" in outcome.stdout
    assert not folder.exists()


def test_a_small_platform_is_shown_whole_the_worst_first(folder: Path) -> None:
    publish(folder, 6)
    record_run(folder, 3)
    outcome = tieout("status", STRIPE_API_KEY=KEY)
    assert outcome.returncode == 0
    assert accounts_shown(outcome.stdout) == [
        "acct_2",
        "acct_1",
        "acct_3",
        "acct_0",
        "acct_4",
        "acct_5",
    ]
    assert "Last run: ended 2 days ago" in outcome.stdout
    assert "it does not all tie out" in outcome.stdout
    assert "2026-05-20 17:36 UTC" in outcome.stdout
    assert "acct_3: /v1/payouts [bold]refused[/]" in outcome.stdout
    assert "Account [2]" in outcome.stdout
    assert "Open: 1 errors, 7 warnings, in 6 accounts." in outcome.stdout
    assert "Not shown" not in outcome.stdout


def test_programs_get_every_account(folder: Path) -> None:
    publish(folder, 40)
    record_run(folder, 3)
    found = json.loads(tieout("status", "--json", STRIPE_API_KEY=KEY).stdout)
    assert len(found["accounts"]) == 40
    assert found["accounts"][0] == {
        "account_id": "acct_2",
        "name": "Account [2]",
        "access": "readable",
        "synced_through": "2026-05-20T17:36:00+00:00",
        "errors": 1,
        "warnings": 0,
        "last_error": None,
    }
    assert found["last_run"]["exit_code"] == 3
    assert found["is_run_at_work"] is False


def test_of_thousands_the_rest_is_counted_unless_asked_for(folder: Path) -> None:
    publish(folder, 3_000)
    brief, whole = (tieout("status", *more, STRIPE_API_KEY=KEY).stdout for more in ([], ["--all"]))
    assert accounts_shown(brief)[:4] == ["acct_2", "acct_1", "acct_3", "acct_0"]
    assert len(accounts_shown(brief)) == 30
    assert "Not shown: 2,970 more accounts, 0 of them" in brief
    assert len(accounts_shown(whole)) == 3_000
    assert "Not shown" not in whole


def test_a_failed_run_and_one_at_work_lead(folder: Path) -> None:
    publish(folder, 1)
    record_run(folder, 1, "No [answer] from Stripe.")
    with FileLock(folder / ".lock"):
        lines = tieout("status", STRIPE_API_KEY=KEY).stdout.splitlines()
    assert "A run is at work" in lines[0]
    assert "it failed. No [answer] from Stripe." in lines[1]
    assert lines[2].startswith("Published: ")


@pytest.mark.parametrize("name", ["reconciliation.duckdb", "run.json"])
def test_a_damaged_file_ends_with_1_and_a_sentence(folder: Path, name: str) -> None:
    folder.mkdir(parents=True)
    (folder / name).write_text("nothing of ours")
    outcome = tieout("status", STRIPE_API_KEY=KEY)
    assert outcome.returncode == 1
    assert name in outcome.stderr
