"""The whole job over real HTTP, dlt, dbt and DuckDB, against the truth of the sandbox's books."""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from loader.build import DbtProject
from loader.engine import raw_data_of
from loader.job.origin import Origin
from loader.publish import publish
from loader.run_record import RunRecord
from loader.sandbox.options import SandboxOptions
from loader.sandbox.state import load_or_create
from loader.sandbox.truth import Truth, truth_of
from loader.settings import Settings
from tests.runs import AS_OF, copy_of, published_tables, reconcile, rows, settings_for

pytestmark = pytest.mark.xdist_group("sandbox_runs")


def truth_in(settings: Settings) -> Truth:
    """Answer what is true of the sandbox that these settings run on."""
    state = json.loads((settings.mode_dir / "sandbox.json").read_text())
    return truth_of(
        SandboxOptions(
            first_day=date.fromisoformat(state["first_day"]),
            as_of=settings.as_of,
            seed=state["seed"],
            broken=state["broken"],
        )
    )


def assert_published_is_true(settings: Settings, truth: Truth) -> None:
    """Compare every payout, transaction and account with the sandbox's own books."""
    published = settings.published_path
    payouts = rows(
        published,
        "select account_id, payout_id, payout_amount_minor, currency, payout_status, "
        "reconciliation_status, settlement_status, returned_in_payout_id "
        "from finance.fct_payout_reconciliation",
    )
    assert {row[:2]: row[2:] for row in payouts} == {
        key: (
            payout.amount,
            payout.currency,
            payout.status,
            payout.reconciliation_status,
            payout.settlement_status,
            payout.returned_in_payout_id,
        )
        for key, payout in truth.payouts.items()
    }
    transactions = rows(
        published,
        "select account_id, balance_transaction_id, attribution_status, payout_id "
        "from finance.fct_balance_transactions",
    )
    assert {row[:2]: row[2:] for row in transactions if row[:2] not in truth.undetermined} == {
        key: (transaction.attribution_status, transaction.payout_id)
        for key, transaction in truth.transactions.items()
        if key not in truth.undetermined
    }
    accounts = dict(rows(published, _ACCOUNTS))
    assert accounts == {
        account.account_id: account.access_status
        for account in truth.accounts.values()
        if account.is_listed or account.is_platform
    }


def test_every_payout_transaction_and_account_is_as_the_books_say(
    clean_run: tuple[Settings, RunRecord],
) -> None:
    settings, _ = clean_run
    assert_published_is_true(settings, truth_in(settings))


def test_the_default_story_ties_out(clean_run: tuple[Settings, RunRecord]) -> None:
    settings, record = clean_run
    assert (record.exit_code, record.failed_tests) == (0, [])
    assert not [found for found in record.exceptions if found["severity"] == "error"]
    unproven = rows(
        settings.published_path,
        "from finance.fct_payout_reconciliation where not is_reconciled or difference_minor != 0 "
        "and reconciliation_status != 'reconciled_in_group'",
    )
    assert unproven == []


def test_every_ledger_is_the_balance_that_stripe_states_in_every_month(
    clean_run: tuple[Settings, RunRecord],
) -> None:
    settings, _ = clean_run
    proofs = rows(
        settings.published_path,
        "select distinct proof_status, proof_basis, difference_minor "
        "from finance.fct_balance_proof",
    )
    assert proofs == [("proven", "full_history", 0)]
    months = rows(
        settings.published_path,
        "select distinct closing_status, prior_period_minor from finance.fct_balance_rollforward",
    )
    assert months == [("tied", 0)]


def test_the_run_is_recorded(clean_run: tuple[Settings, RunRecord]) -> None:
    settings, record = clean_run
    written = json.loads((settings.mode_dir / "run.json").read_text())
    assert written["exit_code"] == 0
    assert written["requests_total"] == sum(written["requests"].values()) > 0
    assert set(written["seconds"]) == {
        "sync",
        "statements",
        "build",
        "test",
        "publish",
        "export",
    }
    assert written["payouts_by_status"]["reconciled"] > 0
    assert written["balances_by_status"].keys() == {"proven"}
    assert written["coverage"]["synced_from"] is None
    assert written["platform_account_id"] == record.platform_account_id


def test_a_second_run_publishes_the_same_tables(
    clean_run: tuple[Settings, RunRecord], tmp_path: Path
) -> None:
    settings, first = copy_of(clean_run, tmp_path)
    before = published_tables(settings.published_path)
    second = reconcile(settings)
    assert published_tables(settings.published_path) == before
    assert second.bank_files_read == 0
    accounts = rows(
        settings.published_path,
        "select count(*) from finance.dim_accounts where access_status = 'readable'",
    )[0][0]
    assert second.requests_total < first.requests_total / 5
    assert second.rows_loaded["payout_transactions"] == 0
    assert second.requests["/v1/balance"] == accounts


def test_reading_everything_again_finds_no_difference(
    clean_run: tuple[Settings, RunRecord], tmp_path: Path
) -> None:
    settings, first = copy_of(clean_run, tmp_path)
    before = published_tables(settings.published_path)
    record = reconcile(settings, full=True)
    assert record.rows_loaded["payout_transactions"] == first.rows_loaded["payout_transactions"]
    assert published_tables(settings.published_path) == before


def test_the_order_of_raw_rows_does_not_matter(
    clean_run: tuple[Settings, RunRecord], tmp_path: Path
) -> None:
    settings, _ = clean_run
    shuffled = tmp_path / "warehouse.duckdb"
    shutil.copyfile(settings.warehouse_path, shuffled)
    with duckdb.connect(str(shuffled)) as connection:
        tables = connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'stripe'"
        ).fetchall()
        for (table,) in tables:
            connection.execute(
                f"create temp table shuffled as from stripe.{table} order by random()"
            )
            connection.execute(f"delete from stripe.{table}")
            connection.execute(f"insert into stripe.{table} from shuffled")
            connection.execute("drop table shuffled")
    DbtProject(shuffled, tmp_path / "dbt", AS_OF).run_models()
    publish(shuffled, tmp_path / "reconciliation.duckdb")
    assert published_tables(tmp_path / "reconciliation.duckdb") == published_tables(
        settings.published_path
    )


def test_planted_discrepancies_are_each_named_and_nothing_else(
    broken_run: tuple[Settings, RunRecord],
) -> None:
    settings, record = broken_run
    assert record.exit_code == 3
    found = rows(settings.published_path, _FOUND)
    truth = truth_in(settings)
    assert truth.planted
    for planted in truth.exceptions:
        assert any(
            kind == planted.exception_type
            and account_id == planted.account_id
            and planted.payout_id in {None, payout_id}
            and planted.balance_transaction_id in {None, transaction_id}
            for kind, account_id, payout_id, transaction_id, _ in found
        ), planted
    errors = {(kind, account) for kind, account, _, _, severity in found if severity == "error"}
    assert errors == {
        (planted.exception_type, planted.account_id)
        for planted in truth.exceptions
        if planted.severity == "error"
    }


def test_broken_runs_publish_the_same_tables_again(
    broken_run: tuple[Settings, RunRecord], tmp_path: Path
) -> None:
    """An old list that does not tie is read again, and found wrong again, in the next run."""
    settings, _ = copy_of(broken_run, tmp_path)
    before = published_tables(settings.published_path)
    assert reconcile(settings, broken=True).exit_code == 3
    assert published_tables(settings.published_path) == before


def test_another_story_leaves_the_users_own_statements(
    clean_run: tuple[Settings, RunRecord], tmp_path: Path
) -> None:
    settings, _ = copy_of(clean_run, tmp_path)
    own = settings.bank_dir / "gulf.csv"
    own.write_text("Date,Amount\n")
    told = next(settings.bank_dir.glob("platform-*"))
    load_or_create(
        settings.mode_dir,
        AS_OF,
        broken=True,
        before_another_story=Origin(settings, raw_data_of(settings)).forget_sandbox,
    )
    assert own.exists()
    assert not told.exists()
    assert not settings.warehouse_path.exists()


_FOUND = (
    "select exception_type, account_id, payout_id, balance_transaction_id, severity "
    "from finance.fct_reconciliation_exceptions"
)


def test_no_innocent_payout_is_blamed(broken_run: tuple[Settings, RunRecord]) -> None:
    settings, _ = broken_run
    assert_published_is_true(settings, truth_in(settings))


def test_a_platform_ages_as_days_pass(tmp_path: Path) -> None:
    """Completions, late failures, new and revoked accounts are picked up between runs."""
    first_day = (AS_OF - timedelta(days=90)).date()
    load_or_create(settings_for(tmp_path, AS_OF).mode_dir, AS_OF, broken=False)
    seen: set[str] = set()
    statuses: list[dict[str, str]] = []
    for days in (19, 32, 34, 90):
        settings = settings_for(tmp_path, AS_OF - timedelta(days=90 - days))
        assert reconcile(settings).exit_code == 0, first_day + timedelta(days=days)
        truth = truth_in(settings)
        published = dict(rows(settings.published_path, _SETTLEMENTS))
        expected = {key[1]: payout.settlement_status for key, payout in truth.payouts.items()}
        assert {name: published.get(name) for name in expected} == expected
        accounts = dict(rows(settings.published_path, _ACCOUNTS))
        readable = {a.account_id for a in truth.accounts.values() if a.access_status == "readable"}
        assert {name for name, status in accounts.items() if status == "readable"} == readable
        assert {accounts[name] for name in seen - readable} <= {"revoked"}
        seen |= set(accounts)
        statuses.append(published)
    assert seen - readable, "no account was revoked between the runs"
    assert {
        ("expected", "paid"),
        ("paid", "failed_in_balance"),
        ("failed_in_balance", "failed_repaid"),
    } <= {(earlier[n], later[n]) for earlier, later in pairwise(statuses) for n in earlier}


_SETTLEMENTS = "select payout_id, settlement_status from finance.fct_payout_reconciliation"
_ACCOUNTS = "select account_id, access_status from finance.dim_accounts"
