"""What is out of the ordinary at the banks, and the answer key: they must fit the entries."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from loader.sandbox.bank.books import BankBook, bank_books
from loader.sandbox.bank.lines import Role
from loader.sandbox.bank.truth import BankTruth, TrueBankPayout, bank_truth_of
from loader.sandbox.banking_days import day_of
from loader.sandbox.ledger import Payout
from loader.sandbox.options import SandboxOptions
from loader.sandbox.scenario.cast import account_id
from loader.sandbox.truth import truth_of

from .conftest import AS_OF, BROKEN, STORY

MARKER = re.compile(r"\bstripe\b|1800948598", re.IGNORECASE)

# The default 90 days, with several seeds, begun on each day of the week.
STORIES = [
    SandboxOptions(
        first_day=AS_OF.date() - timedelta(days=90 + shift),
        as_of=AS_OF - timedelta(days=shift),
        seed=seed,
    )
    for shift, seed in enumerate((1, 2, 3, 4, 5, 11, 12))
]


@pytest.fixture(scope="module", params=STORIES, ids=lambda story: f"seed {story.seed}")
def story(request: pytest.FixtureRequest) -> SandboxOptions:
    options: SandboxOptions = request.param
    return options


@pytest.fixture(scope="module")
def truth(story: SandboxOptions) -> BankTruth:
    return bank_truth_of(story)


@pytest.fixture(scope="module")
def books(story: SandboxOptions) -> dict[str, BankBook]:
    return {book.bank.key: book for book in bank_books(story)}


def ledger_payouts(books: dict[str, BankBook]) -> dict[str, Payout]:
    """The payouts that have entries."""
    return {
        payout.id: payout
        for book in books.values()
        for line in book.lines
        for payout in line.payouts
    }


def of_status(truth: BankTruth, status: str) -> Iterator[TrueBankPayout]:
    return (payout for payout in truth.payouts.values() if payout.bank_match_status == status)


def test_everything_out_of_the_ordinary_occurs(truth: BankTruth) -> None:
    payouts = Counter(payout.bank_match_status for payout in truth.payouts.values())
    lines = Counter(line.line_match_status for line in truth.lines.values())
    assert {status: payouts[status] for status in ("ambiguous", "overdue", "returned")} == {
        "ambiguous": 1,
        "overdue": 1,
        "returned": 2,
    }
    assert payouts["matched_batch"] == 3
    assert min(payouts[status] for status in ("in_transit", "not_expected", "no_bank_data")) > 0
    assert payouts["matched"] > 200
    assert (lines["matched_batch"], lines["ambiguous"], lines["returned"]) == (3, 2, 4)
    assert (lines["unmatched_stripe"], lines["unmatched_other"] > 80) == (1, True)
    assert Counter(found.exception_type for found in truth.exceptions) == {
        "missing_in_bank": 1,
        "ambiguous_match": 1,
        "returned_by_bank": 2,
        "missing_in_stripe": 1,
    }


def test_every_payout_and_every_line_is_told(
    story: SandboxOptions, truth: BankTruth, books: dict[str, BankBook]
) -> None:
    assert set(truth.payouts) == set(truth_of(story).payouts)
    assert set(truth.lines) == {
        (book.bank.number, entry.reference) for book in books.values() for entry in book.entries
    }
    for (account, payout_id), payout in truth.payouts.items():
        named = {
            line.reference for line in truth.lines.values() if (account, payout_id) in line.payouts
        }
        assert payout.references == named
        is_found = payout.bank_match_status in {
            "matched",
            "matched_group",
            "matched_batch",
            "ambiguous",
            "returned",
        }
        assert bool(named) == is_found


def test_what_is_matched_adds_up(truth: BankTruth, books: dict[str, BankBook]) -> None:
    payouts = ledger_payouts(books)
    for book in books.values():
        amounts = {entry.reference: entry.amount_minor for entry in book.entries}
        for line in book.lines:
            told = truth.lines[book.bank.number, line.entry.reference]
            if told.line_match_status not in {"matched", "matched_batch"}:
                continue
            members = [payouts[payout_id] for _, payout_id in told.payouts]
            (references,) = {truth.payouts[key].references for key in told.payouts}
            assert sum(amounts[name] for name in references) == sum(p.amount for p in members)
            for payout in members:
                assert 0 <= (line.entry.posted - day_of(payout.arrival_date)).days <= 4


def test_stripes_entries_and_no_others_carry_its_marker(books: dict[str, BankBook]) -> None:
    for book in books.values():
        for line in book.lines:
            said = f"{line.entry.counterparty} {line.entry.text}"
            assert bool(MARKER.search(said)) == (line.role is not Role.OTHER)
            assert ("RETURN" in said) == (line.role is Role.RETURN)


def test_trace_ids_stand_where_the_bank_shows_them(books: dict[str, BankBook]) -> None:
    for book in books.values():
        for line in book.lines:
            said = f"{line.entry.end_to_end_id} {line.entry.text}"
            if line.payouts:
                trace_id = line.payouts[0].id.removeprefix("po_").upper()
                assert (trace_id in said) == book.bank.shows_trace_id
    assert sum(book.bank.shows_trace_id for book in books.values()) == 2


def test_no_other_entry_has_the_amount_of_a_payout_near_it(books: dict[str, BankBook]) -> None:
    decoys = 0
    for book in books.values():
        payouts = {p.id: p for line in book.lines for p in line.payouts}.values()
        for line in book.lines:
            if line.role in {Role.OTHER, Role.UNKNOWN, Role.PART}:
                alike = [
                    payout
                    for payout in payouts
                    if payout.amount == line.entry.amount_minor
                    and abs((day_of(payout.arrival_date) - line.entry.posted).days) <= 30
                ]
                is_decoy = "PINSTRIPE STUDIO" in line.entry.text
                decoys += is_decoy
                assert len(alike) == is_decoy
                assert all(day_of(p.arrival_date) == line.entry.posted for p in alike)
    assert decoys == 2


def test_one_deposit_for_a_split_settlement_and_one_payout_in_two_deposits(
    truth: BankTruth, books: dict[str, BankBook]
) -> None:
    (together,) = [line for book in books.values() for line in book.lines if len(line.payouts) == 2]
    assert together in books["summit-usd"].lines
    one, other = together.payouts
    assert (one.arrival_date, one.destination) == (other.arrival_date, other.destination)
    parts = [line for line in books["harbor-usd"].lines if line.role is Role.PART]
    assert len(parts) == 2
    assert parts[0].entry.posted == parts[1].entry.posted
    assert sum(part.entry.amount_minor for part in parts) == parts[0].payouts[0].amount


def test_a_tie_can_not_be_told(truth: BankTruth, books: dict[str, BankBook]) -> None:
    (payout,) = of_status(truth, "ambiguous")
    first, second = sorted(
        (entry for entry in books["platform-usd"].entries if entry.reference in payout.references),
        key=lambda entry: entry.posted,
    )
    assert first.amount_minor == second.amount_minor
    assert second.posted - first.posted == timedelta(days=1)
    arrival = day_of(ledger_payouts(books)[payout.payout_id].arrival_date)
    assert first.posted - arrival == timedelta(days=1)


def test_a_deposit_that_never_comes_is_overdue_for_long(
    story: SandboxOptions, truth: BankTruth
) -> None:
    (missing,) = of_status(truth, "overdue")
    assert (missing.references, missing.bank_account_id) == (frozenset(), "4021187733")
    weeks_ago = replace(story, as_of=story.as_of - timedelta(days=14))
    same = bank_truth_of(weeks_ago).payouts[missing.account_id, missing.payout_id]
    assert same.bank_match_status == "overdue"


def test_a_payout_that_fails_comes_and_goes(truth: BankTruth, books: dict[str, BankBook]) -> None:
    payouts = ledger_payouts(books)
    accounts = set()
    for returned in of_status(truth, "returned"):
        accounts.add(returned.bank_account_id)
        book = next(b for b in books.values() if b.bank.number == returned.bank_account_id)
        came, went = (e for e in book.entries if e.reference in returned.references)
        assert came.amount_minor == -went.amount_minor > 0
        failed_at = payouts[returned.payout_id].failed_at
        assert failed_at is not None
        assert came.posted < went.posted <= day_of(failed_at)
    assert len(accounts) == 2


def test_no_bank_data_is_said_of_all_others(truth: BankTruth, story: SandboxOptions) -> None:
    platform = next(a for a in truth_of(story).accounts.values() if a.is_platform).account_id
    with_banks = {
        platform,
        *(account_id(story.seed, key) for key in ("harbor", "atelier", "summit")),
    }
    for payout in truth.payouts.values():
        if payout.account_id in with_banks:
            assert payout.bank_match_status != "no_bank_data"
        else:
            assert payout.bank_match_status in {"no_bank_data", "not_expected"}
            assert payout.bank_account_id is None


def test_broken_only_changes_what_stripe_says() -> None:
    whole, broken = bank_truth_of(STORY), bank_truth_of(BROKEN)
    assert broken.lines == whole.lines
    assert broken.exceptions == whole.exceptions
    assert {key: whole.payouts[key] for key in broken.payouts} == broken.payouts


def test_the_key_holds_on_every_day() -> None:
    found: dict[tuple[str, str], str] = {}
    for days in range(0, 100, 8):  # each weekday in turn
        truth = bank_truth_of(replace(STORY, as_of=AS_OF - timedelta(days=90 - days)))
        settled = {"matched_batch", "returned", "ambiguous", "overdue"}
        for key, payout in truth.payouts.items():
            if found.get(key) in settled:
                assert payout.bank_match_status == found[key]
            found[key] = payout.bank_match_status
    assert "amount_mismatch" not in found.values()
