"""A sync of some accounts alone: what it asks of Stripe, and what it leaves as it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from loader.job import Job
from loader.settings import SettingsError
from loader.sources.scope import PLATFORM as THE_PLATFORM
from loader.sources.scope import Scope
from loader.warehouse import Warehouse
from tests.commands import KEY, tieout
from tests.first_run import GROUP, FirstRun, environment_for, small_platform
from tests.runs import Quiet, rows, settings_for
from tests.small_stripe import DAY, PLATFORM, SmallStripe
from tests.synced import JANUARY, Synced

CONNECTED = ["acct_1", "acct_2", "acct_3"]


def scope(lists_anew: bool = False, **payouts: set[str]) -> Scope:
    return Scope({a: frozenset(of) for a, of in payouts.items()}, lists_anew=lists_anew)


def accounts_asked(stripe: SmallStripe) -> set[str | None]:
    """The accounts that were acted for; none is the platform."""
    return {request.account for request in stripe.asked if request.path != "/v1/account"}


@pytest.fixture
def platform(stripe: SmallStripe, synced: Synced) -> SmallStripe:
    """A platform with three accounts, synced once."""
    stripe.connected = list(CONNECTED)
    stripe.add_payout("po_1", JANUARY, 700, 300)
    synced.sync()
    return stripe


def test_it_asks_for_the_accounts_named_and_for_nobody_else(
    platform: SmallStripe, synced: Synced
) -> None:
    result = synced.sync(scope=scope(acct_2=set()))
    assert accounts_asked(platform) == {"acct_2"}
    assert result.statuses == {"acct_2": "readable"}
    assert result.requests.total() == 4  # whose key it is, payouts, transactions, balance
    assert result.requests == result.requests_floor


def test_the_other_accounts_stay_as_they_were(platform: SmallStripe, synced: Synced) -> None:
    synced.sync(scope=scope(acct_2=set()))
    last = rows(
        synced.path,
        "select account_id, max(run_number), bool_and(status = 'readable') "
        "from stripe.account_syncs group by 1 order by 1",
    )
    assert last == [
        ("acct_1", 1, True),
        ("acct_2", 2, True),
        ("acct_3", 1, True),
        (PLATFORM, 1, True),
    ]


def test_what_is_new_of_it_is_read(platform: SmallStripe, synced: Synced) -> None:
    platform.add_payout("po_2", JANUARY + DAY, 5)
    synced.sync(scope=scope(acct_1=set()))
    assert synced.ids("payouts") == {"po_1"}
    synced.sync(scope=scope(platform=set()))
    assert synced.ids("payouts") == {"po_1", "po_2"}
    assert synced.lists_asked == ["po_2"]


def test_a_whole_sync_goes_on_where_a_small_one_ended(
    platform: SmallStripe, synced: Synced
) -> None:
    platform.add_payout("po_2", JANUARY + DAY, 5)
    synced.sync(scope=scope(platform=set()))
    synced.sync()
    assert synced.lists_asked == []
    assert accounts_asked(platform) == {None, *CONNECTED}


def test_a_payout_that_is_named_is_read_anew_whatever_its_age(
    platform: SmallStripe, synced: Synced
) -> None:
    for day in range(2, 160):
        platform.add_payout(f"po_{day}", JANUARY + day * DAY, 5)
    synced.sync()
    platform.payouts[PLATFORM][0]["status"] = "failed"
    synced.sync()
    assert synced.one("select status from stripe.payouts where id = 'po_1'") == ("paid",)
    synced.sync(scope=scope(platform={"po_1"}))
    assert synced.one("select status from stripe.payouts where id = 'po_1'") == ("failed",)
    assert synced.lists_asked == []


def test_its_list_is_read_anew_on_wish(platform: SmallStripe, synced: Synced) -> None:
    platform.add_transaction("txn_late", JANUARY - DAY, 9)
    platform.lists["po_1"].append("txn_late")
    synced.sync(scope=scope(platform={"po_1"}))
    assert "txn_late" not in synced.ids("payout_transactions")
    synced.sync(scope=scope(True, platform={"po_1"}))
    assert synced.lists_asked == ["po_1"]
    assert "txn_late" in synced.ids("payout_transactions")


def test_an_account_that_was_never_loaded_is_looked_up(
    platform: SmallStripe, synced: Synced
) -> None:
    platform.connected.append("acct_new")
    result = synced.sync(scope=scope(acct_new=set()))
    assert result.requests["/v1/accounts/{id}"] == 1
    assert "acct_new" in synced.ids("accounts")
    assert accounts_asked(platform) == {None, "acct_new"}


def test_an_account_that_is_gone_before_it_was_ever_loaded_is_told(
    platform: SmallStripe, synced: Synced
) -> None:
    result = synced.sync(scope=scope(acct_gone=set(), acct_1=set()))
    assert result.statuses == {"acct_gone": "revoked", "acct_1": "readable"}
    assert "acct_gone" in result.errors["acct_gone"]
    assert "acct_gone" not in synced.ids("accounts")


def test_a_payout_leads_to_its_account(tmp_path: Path) -> None:
    stripe = SmallStripe()
    stripe.add_payout("po_1", JANUARY, 700, 300)
    with stripe.served() as base:
        environment = {"STRIPE_API_KEY": KEY, "STRIPE_API_BASE": base}
        assert tieout("sync", **environment).returncode == 0
        settings = settings_for(
            tmp_path / "data",
            datetime(2026, 2, 1, tzinfo=UTC),
            stripe_api_key=KEY,
            stripe_api_base=base,
        )
        job = Job(settings, Quiet())
        assert job.scope_of([], []) is None
        assert job.scope_of(["acct_1"], []) == Scope({"acct_1": frozenset()}, lists_anew=True)
        found = job.scope_of([], ["po_1"])
        assert found == Scope({PLATFORM: frozenset({"po_1"})}, lists_anew=True)
        new = job.scope_of([THE_PLATFORM], ["po_new"])
        assert new == Scope({THE_PLATFORM: frozenset({"po_new"})}, lists_anew=True)
        Warehouse(settings.warehouse_path).note_complete_run()
        with pytest.raises(SettingsError, match="--payout po_new"):
            job.scope_of(["acct_1", "acct_2"], ["po_new"])
        slip = tieout("reconcile", "--account", "acct_typo", **environment)
    assert slip.returncode == 2
    assert "--account acct_typo: it was never loaded" in slip.stderr


@pytest.mark.xdist_group(GROUP)
def test_a_part_is_read_where_the_whole_was(tmp_path: Path, first_run: FirstRun) -> None:
    folder = first_run.copied(tmp_path / "data")
    stripe = small_platform()
    with stripe.served() as base:
        settings = environment_for(base, tmp_path / "data")
        outcome = tieout("reconcile", "--account", "acct_quiet", **settings)
    assert outcome.returncode == 0
    assert "Read alone: acct_quiet" in outcome.stdout
    assert accounts_asked(stripe) == {"acct_quiet"}
    record = json.loads((folder / "run.json").read_text())
    assert record["complete_run"]["started_at"] < record["started_at"]


@pytest.mark.xdist_group(GROUP)
def test_where_nothing_whole_was_read_everything_is(tmp_path: Path) -> None:
    stripe = small_platform()
    with stripe.served() as base:
        settings = environment_for(base, tmp_path / "data")
        outcome = tieout("reconcile", "--account", "acct_quiet", **settings)
    assert outcome.returncode == 0
    assert "so everything is" in outcome.stdout
    assert accounts_asked(stripe) == {None, "acct_quiet"}
