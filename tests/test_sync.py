"""What a sync reads, keeps and reads again, against a platform written down in each test."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from loader.settings import Mode, SettingsError
from loader.sources.batch import Batch
from loader.sources.stripe_connect import stripe_connect
from loader.sources.stripe_tables import ACCOUNTS, BALANCE_TRANSACTIONS, object_row
from loader.stripe_api.client import StripeAccess
from loader.stripe_api.errors import KeyRefusedError, UnexpectedAnswerError
from loader.sync import LoadError, SyncRequest, _BatchLoader, sync
from loader.warehouse import Warehouse, WarehouseError
from tests.runs import Quiet, rows
from tests.scripted_stripe import Answer, Request, page, refusal
from tests.small_stripe import DAY, PLATFORM, SmallStripe
from tests.synced import JANUARY, LEDGER, Synced


def test_a_completed_list_is_read_once(stripe: SmallStripe, synced: Synced) -> None:
    stripe.add_payout("po_1", JANUARY, 700, 300)
    synced.sync()
    assert synced.lists_asked == ["po_1"]
    assert synced.ids("payout_transactions") == {"txn_po_1", "txn_po_1_0", "txn_po_1_1"}
    synced.sync()
    assert synced.lists_asked == []


def test_a_list_is_read_only_once_stripe_says_completed(
    stripe: SmallStripe, synced: Synced
) -> None:
    payout = stripe.add_payout("po_1", JANUARY, 700, reconciliation_status="in_progress")
    synced.sync()
    assert synced.lists_asked == []
    payout["reconciliation_status"] = "completed"
    synced.sync()
    assert synced.lists_asked == ["po_1"]


def test_manual_payouts_are_never_asked_for_a_list(stripe: SmallStripe, synced: Synced) -> None:
    stripe.add_payout("po_1", JANUARY, 7, automatic=False, reconciliation_status="not_applicable")
    synced.sync()
    assert synced.lists_asked == []
    assert synced.ids("payouts") == {"po_1"}


def test_a_list_that_is_not_whole_is_not_stored_and_is_read_again(
    stripe: SmallStripe, synced: Synced
) -> None:
    stripe.add_payout("po_1", JANUARY, 700)
    stripe.add_payout("po_2", JANUARY, 300)

    def repeat(request: Request) -> Answer | None:
        if request.query.get("payout") != "po_1":
            return None
        return page(stripe.transactions[PLATFORM][0], has_more=True)

    stripe.answer = repeat
    synced.sync()
    assert synced.ids("payout_transactions", "payout_id") == {"po_2"}
    told = synced.one("select is_whole, error from stripe.payout_listings where id = 'po_1'")
    assert told[0] is False
    assert "twice" in told[1]
    stripe.answer = lambda _: None
    synced.sync()
    assert synced.lists_asked == ["po_1"]
    assert synced.ids("payout_transactions", "payout_id") == {"po_1", "po_2"}


def test_a_refused_list_is_recorded_with_its_reason(stripe: SmallStripe, synced: Synced) -> None:
    stripe.add_payout("po_1", JANUARY, 700)
    reason = "Balance transaction history can only be filtered on automatic transfers, not manual."
    stripe.answer = lambda request: refusal(400, reason) if "payout" in request.query else None
    assert synced.sync().accounts == {"readable": 1}
    assert reason in synced.one("select error from stripe.payout_listings")[0]


def test_an_account_that_cannot_be_read_is_recorded_and_the_others_go_on(
    stripe: SmallStripe, synced: Synced
) -> None:
    stripe.connected = ["acct_denied", "acct_revoked", "acct_fine"]
    answers = {
        "acct_denied": refusal(403, "Permission denied", code="more_permissions_required"),
        "acct_revoked": refusal(403, "no access", code="account_invalid"),
    }
    stripe.answer = lambda request: answers.get(request.account or "")
    result = synced.sync()
    assert result.accounts == {"readable": 2, "failed": 1, "revoked": 1}
    found = dict(rows(synced.path, "select account_id, status from stripe.account_syncs"))
    assert found == {
        PLATFORM: "readable",
        "acct_fine": "readable",
        "acct_denied": "failed",
        "acct_revoked": "revoked",
    }
    assert "permission" in result.errors["acct_denied"]


def test_an_odd_value_fails_its_account_and_loses_nothing_of_the_others(
    stripe: SmallStripe, synced: Synced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loader.sync.BATCH_ROWS", 3)
    stripe.connected = ["acct_odd"]
    stripe.add_payout("po_1", JANUARY, 700, 300)
    odd = stripe.add_transaction("txn_odd", JANUARY, 1) | {"amount": "12.50"}
    stripe.transactions["acct_odd"] = [odd]
    result = synced.sync()
    assert result.statuses == {PLATFORM: "readable", "acct_odd": "failed"}
    assert "txn_odd of account acct_odd has amount = '12.50'" in result.errors["acct_odd"]
    assert synced.ids("balance_transactions") == {
        "txn_po_1",
        "txn_po_1_0",
        "txn_po_1_1",
        "txn_odd",
    }


@pytest.mark.parametrize("created", ["yesterday", None, 2**63])
def test_an_odd_time_fails_its_account_with_a_sentence(
    stripe: SmallStripe, synced: Synced, created: object
) -> None:
    plain = stripe.add_payout("po_1", JANUARY, 700)

    def odd(request: Request) -> Answer | None:
        shelves = {
            ("acct_payout", "/v1/payouts"): plain,
            ("acct_row", "/v1/balance_transactions"): stripe.transactions[PLATFORM][0],
        }
        found = shelves.get((request.account or "", request.path))
        return page(found | {"created": created}) if found else None

    stripe.connected = ["acct_payout", "acct_row"]
    stripe.answer = odd
    result = synced.sync()
    assert result.accounts == {"readable": 1, "failed": 2}
    assert all("has created = " in error for error in result.errors.values())


def test_a_list_and_the_record_of_it_are_loaded_together(
    stripe: SmallStripe, synced: Synced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loader.sync.BATCH_ROWS", 1)
    stripe.add_payout("po_1", JANUARY, 700)
    loaded: list[dict[str, int]] = []
    monkeypatch.setattr("loader.sync._BatchLoader._load", lambda _, b: loaded.append(b.counts()))
    with pytest.raises(duckdb.CatalogException):
        synced.sync()  # nothing was written, so there is nothing to look loose ends up in
    together = [batch for batch in loaded if batch["payout_listings"]]
    assert [batch["payout_transactions"] for batch in together] == [2]


def test_a_load_that_fails_ends_the_sync_with_a_sentence(
    stripe: SmallStripe, synced: Synced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loader.sync.BATCH_ROWS", 1)
    for number in range(5):
        stripe.add_payout(f"po_{number}", JANUARY + number, 100)

    def fail(*_: object) -> None:
        raise LoadError("the disk is full")

    monkeypatch.setattr("loader.sync._BatchLoader._load", fail)
    with pytest.raises(LoadError, match="the disk is full"):
        synced.sync()


def test_nothing_is_loaded_after_a_load_that_failed(
    synced: Synced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loader.sync.BATCH_ROWS", 1)
    loads: list[int] = []

    def fail(_: object, batch: Batch) -> None:
        loads.append(len(batch))
        raise LoadError("the disk is full")

    monkeypatch.setattr("loader.sync._BatchLoader._load", fail)

    async def add_on_and_on() -> list[type[LoadError]]:
        loader, failures = _BatchLoader(synced.request(), Quiet()), []
        for number in range(3):
            try:
                await loader.add((ACCOUNTS, [{"account_id": f"acct_{number}", "id": "acct"}]))
                await asyncio.sleep(0.1)  # the load that this began ends
            except LoadError as failure:
                failures.append(type(failure))
        return failures

    assert asyncio.run(add_on_and_on()) == [LoadError, LoadError]
    assert loads == [1]


def old_payout_fails_late(stripe: SmallStripe, synced: Synced) -> None:
    """Sync three payouts; then the first fails, which its page is too old to tell."""
    for place in (1, 2, 3):
        stripe.add_payout(f"po_{place}", JANUARY + place * 40 * DAY, 100 * place)
    synced.sync()
    stripe.page_size = 1
    fail_late(stripe, "po_1", JANUARY + 125 * DAY)


def test_an_answer_of_another_shape_for_once_changes_nothing(
    stripe: SmallStripe, synced: Synced
) -> None:
    stripe.connected = ["acct_1"]
    old_payout_fails_late(stripe, synced)
    met: set[str] = set()

    def odd(request: Request) -> Answer | None:
        if request.path in met:
            return None
        met.add(request.path)
        return Answer({"object": "list", "url": "/v1/nothing"})

    stripe.answer = odd
    assert synced.sync().accounts == {"readable": 2}
    assert met == {
        "/v1/account",
        "/v1/accounts",
        "/v1/balance",
        "/v1/balance_transactions",
        "/v1/payouts",
        "/v1/payouts/po_1",
    }
    assert synced.one("select status from stripe.payouts where id = 'po_1'") == ("failed",)
    assert "txn_back" in {row[0] for row in rows(synced.path, LEDGER)}


def test_another_object_than_the_one_asked_for_is_not_taken_for_it(
    stripe: SmallStripe, synced: Synced
) -> None:
    old_payout_fails_late(stripe, synced)
    (payout,) = (p for p in stripe.payouts[PLATFORM] if p["id"] == "po_1")

    def odd(request: Request) -> Answer | None:
        return Answer(payout | {"id": "po_9"}) if request.path == "/v1/payouts/po_1" else None

    stripe.answer = odd
    assert (
        "po_1 of account acct_platform answered something else" in (synced.sync().errors[PLATFORM])
    )
    assert "po_9" not in synced.ids("payouts")


def test_an_account_that_is_no_longer_listed_stays_as_revoked(
    stripe: SmallStripe, synced: Synced
) -> None:
    stripe.connected = ["acct_1"]
    synced.sync()
    stripe.connected = []
    assert synced.sync().accounts == {"readable": 1, "revoked": 1}
    assert synced.ids("accounts") == {PLATFORM, "acct_1"}


def test_a_refused_key_ends_the_sync(stripe: SmallStripe, synced: Synced) -> None:
    stripe.answer = lambda _: refusal(401, "Invalid API Key provided: sk_test_*1")
    with pytest.raises(KeyRefusedError, match="STRIPE_API_KEY"):
        synced.sync()


def fail_late(stripe: SmallStripe, payout_id: str, when: int) -> None:
    """Make an old payout fail: its money comes back, and the payout says so."""
    (payout,) = (p for p in stripe.payouts[PLATFORM] if p["id"] == payout_id)
    returned = stripe.add_transaction(
        "txn_back", when, payout["amount"], type="payout_failure", source=payout_id
    )
    payout |= {"status": "failed", "failure_balance_transaction": returned["id"]}


# Stripe does not promise the prefix.
@pytest.mark.parametrize("payout_id", ["po_old", "tr_oldstyle"])
def test_an_old_payout_is_read_anew_when_a_row_is_about_it(
    stripe: SmallStripe, synced: Synced, payout_id: str
) -> None:
    stripe.add_payout(payout_id, JANUARY, 500)
    stripe.add_payout("po_new", JANUARY + 200 * DAY, 300)
    synced.sync()
    fail_late(stripe, payout_id, JANUARY + 201 * DAY)
    synced.sync()
    assert synced.one(f"select status from stripe.payouts where id = '{payout_id}'") == ("failed",)
    synced.sync()
    assert stripe.questions(f"/v1/payouts/{payout_id}") == []


def test_a_late_failure_is_found_even_after_its_first_look_up_failed(
    stripe: SmallStripe, synced: Synced
) -> None:
    stripe.add_payout("po_old", JANUARY, 500)
    stripe.add_payout("po_new", JANUARY + 200 * DAY, 300)
    synced.sync()
    fail_late(stripe, "po_old", JANUARY + 201 * DAY)
    denied = refusal(403, "Permission denied", code="more_permissions_required")
    stripe.answer = lambda request: denied if request.path == "/v1/payouts/po_old" else None
    assert synced.sync().accounts == {"failed": 1}
    stripe.answer = lambda _: None
    assert synced.sync().accounts == {"readable": 1}
    assert synced.one("select status from stripe.payouts where id = 'po_old'") == ("failed",)


def test_a_reversed_payout_is_read_anew_whatever_its_age(
    stripe: SmallStripe, synced: Synced
) -> None:
    original = stripe.add_payout("po_old", JANUARY, 500)
    synced.sync()
    stripe.add_payout("po_reversal", JANUARY + 80 * DAY, -500, original_payout="po_old")
    original["reversed_by"] = "po_reversal"
    synced.sync()
    assert synced.one("select reversed_by from stripe.payouts where id = 'po_old'") == (
        "po_reversal",
    )


def test_an_account_that_is_lost_during_the_last_look_ups_leaves_the_others(
    stripe: SmallStripe, synced: Synced
) -> None:
    stripe.connected = ["acct_1"]
    stripe.payouts["acct_1"] = [
        stripe.add_payout("po_1", JANUARY, 500) | {"original_payout": "po_0"}
    ]
    gone = refusal(403, "no access", code="account_invalid")
    stripe.answer = lambda request: gone if request.path == "/v1/payouts/po_0" else None
    assert synced.sync().accounts == {"readable": 1, "revoked": 1}


def test_a_payout_that_was_open_is_read_again_whatever_its_age(
    stripe: SmallStripe, synced: Synced
) -> None:
    old = stripe.add_payout(
        "po_old", JANUARY, 500, status="pending", reconciliation_status="in_progress"
    )
    stripe.add_payout("po_new", JANUARY + 200 * DAY, 300)
    synced.sync()
    old |= {"status": "paid", "reconciliation_status": "completed"}
    synced.sync()
    assert synced.one("select status from stripe.payouts where id = 'po_old'") == ("paid",)
    assert synced.lists_asked == ["po_old"]


def test_a_trace_id_that_comes_days_after_the_payout_is_read(
    stripe: SmallStripe, synced: Synced
) -> None:
    waits = {"status": "pending", "value": None}
    payout = stripe.add_payout("po_old", JANUARY, 100, trace_id=waits)
    for day in (3, 6, 9):
        stripe.add_payout(f"po_{day}", JANUARY + day * DAY, 100)
    stripe.page_size = 1
    synced.sync()
    payout["trace_id"] = {"status": "supported", "value": "0000-9100"}
    synced.sync()
    query = "select trace_id ->> 'value' from stripe.payouts where id = 'po_old'"
    assert synced.one(query) == ("0000-9100",)
    assert synced.lists_asked == []
    synced.sync()
    assert len(stripe.questions("/v1/payouts")) == 2


def test_what_was_read_is_listed_with_an_overlap_only(stripe: SmallStripe, synced: Synced) -> None:
    stripe.add_transaction("txn_1", JANUARY, 100)
    stripe.add_transaction("txn_2", JANUARY + 90 * DAY, 100)
    synced.sync()
    stripe.add_transaction("txn_late", JANUARY + 90 * DAY - 3600, 100)
    synced.sync()
    assert synced.ids("balance_transactions") == {"txn_1", "txn_2", "txn_late"}
    assert len(stripe.questions("/v1/balance_transactions")) == 1


def test_a_busy_account_is_read_again_for_a_day_and_no_further(
    stripe: SmallStripe, synced: Synced
) -> None:
    for hour in range(24 * 10):
        stripe.add_transaction(f"txn_{hour:03}", JANUARY + hour * 3600, 100)
    stripe.page_size = 10
    synced.sync()
    synced.sync()
    assert len(stripe.questions("/v1/balance_transactions")) == 1
    newest = JANUARY + (24 * 10 - 1) * 3600
    stripe.add_transaction("txn_new", newest + 60, 100)
    synced.sync()
    # 26 rows of the last day stand on three pages.
    queries = stripe.questions("/v1/balance_transactions")
    assert len(queries) == 3
    first, *others = (int(query["created[gte]"]) for query in queries)
    assert first == newest - 30 * DAY
    assert set(others) == {newest - DAY}


def test_a_listed_row_that_appeared_late_is_looked_up_before_it_is_an_orphan(
    stripe: SmallStripe, synced: Synced
) -> None:
    stripe.add_transaction("txn_first", JANUARY, 1)
    stripe.add_transaction("txn_last", JANUARY + 60 * DAY, 1)
    synced.sync()
    stripe.add_transaction("txn_late", JANUARY + 20 * DAY, 40)
    stripe.add_payout("po_1", JANUARY + 61 * DAY, 60)
    stripe.lists["po_1"].append("txn_late")
    synced.sync()
    assert "txn_late" in synced.ids("balance_transactions")


def test_a_list_that_could_not_be_read_is_read_again_whatever_its_age(
    stripe: SmallStripe, synced: Synced
) -> None:
    stripe.add_payout("po_old", JANUARY, 500)
    stripe.add_payout("po_new", JANUARY + 200 * DAY, 300)
    broken = refusal(400, "not now")
    stripe.answer = lambda request: broken if request.query.get("payout") == "po_old" else None
    synced.sync()
    stripe.answer = lambda _: None
    synced.sync()
    assert synced.lists_asked == ["po_old"]
    assert synced.one("select is_whole from stripe.payout_listings where id = 'po_old'") == (True,)


def test_a_start_that_is_moved_later_leaves_no_gap(stripe: SmallStripe, synced: Synced) -> None:
    stripe.add_transaction("txn_1", JANUARY, 100)
    synced.sync()
    stripe.add_transaction("txn_2", JANUARY + 40 * DAY, 100)
    stripe.add_transaction("txn_3", JANUARY + 90 * DAY, 100)
    synced.sync(start=JANUARY + 80 * DAY)
    synced.sync()
    assert synced.ids("balance_transactions") == {"txn_1", "txn_2", "txn_3"}


def test_a_start_date_bounds_what_is_read_but_not_what_a_payout_lists(
    stripe: SmallStripe, synced: Synced
) -> None:
    start = JANUARY + 30 * DAY
    stripe.add_payout("po_before", JANUARY, 100)
    stripe.add_transaction("txn_before", start - 5 * DAY, 50)
    stripe.add_payout("po_after", start + DAY // 2, 200)
    synced.sync(start=start)
    assert synced.ids("payouts") == {"po_after"}
    assert synced.ids("payout_transactions") == {"txn_po_after", "txn_po_after_0"}
    assert synced.ids("balance_transactions") == {"txn_po_after"}
    synced.sync(start=start - 10 * DAY)
    assert synced.ids("balance_transactions") == {"txn_po_after", "txn_before", "txn_po_after_0"}
    synced.sync()
    assert "po_before" in synced.ids("payouts")


def test_a_payout_older_than_the_start_is_read_with_its_own_row(
    stripe: SmallStripe, synced: Synced
) -> None:
    manual = {"automatic": False, "reconciliation_status": "not_applicable"}
    stripe.add_payout(
        "po_old", JANUARY, 100, status="failed", failure_balance_transaction="txn_back", **manual
    )
    stripe.add_transaction(
        "txn_back", JANUARY + 40 * DAY, 100, type="payout_failure", source="po_old"
    )
    synced.sync(start=JANUARY + 30 * DAY)
    assert synced.ids("payouts") == {"po_old"}
    assert synced.ids("balance_transactions") == {"txn_back", "txn_po_old"}


@contextmanager
def unchanged(path: Path) -> Iterator[None]:
    before = path.read_bytes()
    yield
    assert path.read_bytes() == before


def test_accounts_that_take_long_to_list_are_loaded_once(
    stripe: SmallStripe, synced: Synced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loader.sync.BATCH_SECONDS", 0)
    stripe.add_payout("po_1", JANUARY, 5)
    for _ in range(2):
        assert synced.sync().accounts == {"readable": 1}
    assert synced.ids("accounts") == {PLATFORM}


@pytest.mark.parametrize("answer", [{"object": "account"}, {"object": "account", "id": 5}])
def test_a_platform_without_a_proper_id_claims_no_warehouse(
    stripe: SmallStripe, synced: Synced, answer: dict[str, Any]
) -> None:
    stripe.answer = lambda r: Answer(answer) if r.path == "/v1/account" else None
    with pytest.raises(UnexpectedAnswerError, match="not what Stripe documents"):
        synced.sync()
    assert not synced.path.exists()


def test_an_interrupted_reading_of_an_account_without_payouts_goes_on_where_it_was(
    stripe: SmallStripe, synced: Synced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loader.sync.BATCH_ROWS", 500)
    stripe.page_size = 10
    for number in range(6_000):
        stripe.add_transaction(f"txn_{number:05}", JANUARY + number * 3_600, 1)
    pages = 0

    def lost(request: Request) -> Answer | None:
        nonlocal pages
        pages += request.path == "/v1/balance_transactions"
        return refusal(401, "Expired key") if pages > 500 else None

    stripe.answer = lost
    with pytest.raises(KeyRefusedError):
        synced.sync()
    stripe.answer = lambda _: None
    synced.sync()
    assert len(stripe.questions("/v1/balance_transactions")) < 500
    assert len(synced.ids("balance_transactions")) == 6_000


def test_another_platform_is_refused_before_anything_is_written(
    stripe: SmallStripe, synced: Synced
) -> None:
    synced.sync()
    stripe.platform_id = "acct_other"
    with unchanged(synced.path), pytest.raises(SettingsError, match=f"{PLATFORM}.*acct_other"):
        synced.sync()


def test_another_mode_is_refused_before_anything_is_written(synced: Synced) -> None:
    synced.sync()
    with unchanged(synced.path), pytest.raises(SettingsError, match="holds the test data"):
        synced.sync(mode=Mode.LIVE)


def test_a_warehouse_of_an_earlier_version_is_refused_with_a_way_out(synced: Synced) -> None:
    synced.sync()
    with duckdb.connect(str(synced.path)) as connection:
        connection.execute("alter table stripe.account_syncs drop column opening")
    with pytest.raises(WarehouseError, match=r"account_syncs has no opening\. Move the folder"):
        synced.sync()


def test_a_package_that_a_killed_run_left_is_read_again(
    stripe: SmallStripe, synced: Synced, tmp_path: Path
) -> None:
    stripe.add_transaction("txn_1", JANUARY, 100)
    synced.sync()
    left = Batch()
    orphaned = stripe.add_transaction("txn_2", JANUARY + DAY, 100)
    left.add(BALANCE_TRANSACTIONS, [object_row(PLATFORM, orphaned)])
    pipeline = dlt.pipeline(
        "stripe_connect",
        pipelines_dir=str(tmp_path / "dlt"),
        destination=dlt.destinations.duckdb(str(synced.path)),
        dataset_name="stripe",
    )
    pipeline.extract(stripe_connect(left))
    stripe.add_transaction("txn_3", JANUARY + 2 * DAY, 100)
    synced.sync()
    assert synced.ids("balance_transactions") == {"txn_1", "txn_2", "txn_3"}


class Clock(Quiet):
    """Progress that hears of a wrong clock."""

    def __init__(self) -> None:
        self.off: list[float] = []

    def clock_is_off(self, seconds: float) -> None:
        """Keep it."""
        self.off.append(seconds)


@pytest.mark.parametrize("hours", [-2, 0, 2])
def test_a_clock_that_is_off_is_told_and_stripes_is_used(
    stripe: SmallStripe, tmp_path: Path, hours: int
) -> None:
    stripe.add_payout("po_1", JANUARY, 700)
    told = formatdate(time.time() + hours * 3600, usegmt=True)
    plain = stripe.answer_plainly

    def answer(request: Request) -> Answer:
        found = plain(request)
        return Answer(found.body, found.status, {"Date": told})

    stripe.answer = answer
    clock = Clock()
    with stripe.served() as base:
        access = StripeAccess("sk_test_1", base)
        warehouse = Warehouse(tmp_path / "warehouse.duckdb")
        result = sync(SyncRequest(access, Mode.TEST, warehouse, tmp_path / "dlt", 0), clock)
    assert result.clock_offset_seconds == pytest.approx(hours * 3600, abs=5)
    assert bool(clock.off) == (hours != 0)
    (listed_at,) = rows(warehouse.path, "select listed_at from stripe.payout_listings")[0]
    assert listed_at == pytest.approx(time.time() + hours * 3600, abs=60)
