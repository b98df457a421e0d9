"""What holds of matching whatever Stripe and the bank say.

Many random worlds stand side by side in one warehouse, each four times: as drawn, with its lines in
another order, with its lines in overlapping files, and with one deposit less.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.dbt.bank_cases import (
    Case,
    Line,
    account_of,
    bank_account_of,
    day,
    load_cases,
    put_source,
    sent,
)
from tests.dbt.warehouses import Workbench

# Few amounts and few days: ties are the rule.
AMOUNTS = (300, 500, 500, 500, 800, 1_300, -500, -300)
DAYS = [f"02-{number:02}" for number in range(1, 26)]
TEXTS = ("STRIPE TRANSFER", "STRIPE TRANSFER", "STRIPE TRANSFER", "CUSTOMER")
BEFORE, AFTER = timedelta(days=3), timedelta(days=10)


@dataclass(frozen=True)
class World:
    """One account's payouts and the lines of its bank account."""

    payouts: tuple[tuple[int, str, str | None], ...]
    """Amount, arrival and trace id."""
    lines: tuple[tuple[int, str, str], ...]
    """Amount, day and text."""


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw payouts, most of them with their deposit, and some noise."""
    payouts, lines = [], []
    for number in range(draw(st.integers(1, 7))):
        amount, place = draw(st.sampled_from(AMOUNTS)), draw(st.integers(0, len(DAYS) - 1))
        trace = f"TRACE{number:05}" if draw(st.integers(0, 4)) == 0 else None
        payouts.append((amount, DAYS[place], trace))
        if draw(st.integers(0, 5)):
            posted = DAYS[min(place + draw(st.integers(0, 4)), len(DAYS) - 1)]
            text = draw(st.sampled_from(TEXTS))
            lines.append((amount, posted, f"{text} {trace or ''}".strip()))
    for _ in range(draw(st.integers(0, 2))):
        noise = (draw(st.sampled_from(AMOUNTS)), draw(st.sampled_from(DAYS)))
        lines.append((*noise, draw(st.sampled_from(TEXTS))))
    return World(tuple(payouts), tuple(lines))


def case_of(world: World, lines: Sequence[Line]) -> Case:
    payouts = [
        sent(
            f"po_{number}",
            amount,
            arrival,
            trace_id={"status": "supported", "value": trace} if trace else None,
        )
        for number, (amount, arrival, trace) in enumerate(world.payouts)
    ]
    return Case(payouts, lines)


def lines_of(world: World) -> list[Line]:
    return [
        Line(f"R{number}", amount, posted, text)
        for number, (amount, posted, text) in enumerate(world.lines)
    ]


def cases_of(drawn: Sequence[World]) -> dict[str, Case]:
    cases: dict[str, Case] = {}
    for number, world in enumerate(drawn):
        lines = lines_of(world)
        shuffled = list(lines)
        random.Random(number).shuffle(shuffled)  # noqa: S311 - an order, no secret
        cases[f"{number} drawn"] = case_of(world, lines)
        cases[f"{number} shuffled"] = case_of(world, shuffled)
        cases[f"{number} split"] = case_of(world, lines[: len(lines) * 2 // 3])
        cases[f"{number} less"] = case_of(world, lines[1:])
    return cases


def load(folder: Path, drawn: Sequence[World]) -> Path:
    path = load_cases(folder, cases_of(drawn))
    with duckdb.connect(str(path)) as connection:
        for number, world in enumerate(drawn):
            name, lines = f"{number} split", lines_of(world)
            overlapping = lines[len(lines) // 3 :]
            put_source(connection, f"{name} again", bank_account_of(name), overlapping)
        connection.execute(
            "update stripe.accounts set is_platform_account = true where id = ?",
            [account_of("0 drawn")],
        )
    return path


class Outcome:
    """What was decided in each copy of each world."""

    def __init__(self, bench: Workbench) -> None:
        self.payouts: dict[str, dict[str, tuple[str, str | None]]] = defaultdict(dict)
        for account, payout, *decision in bench.rows(
            "select account_id, payout_id, bank_match_status, bank_match_rule "
            "from finance.fct_payout_reconciliation"
        ):
            self.payouts[account][payout] = (decision[0], decision[1])
        self.lines: dict[str, Counter[tuple[Any, ...]]] = defaultdict(Counter)
        for account, *line in bench.rows(
            "select bank_account_id, posted_date, amount_minor, line_match_status "
            "from finance.fct_bank_statement_lines"
        ):
            self.lines[account][tuple(line)] += 1
        self.matches = bench.rows(
            "select matches.account_id, matches.payout_id, matches.bank_statement_line_id, "
            "matches.match_id, matches.match_rule, matches.bank_account_id, "
            "matches.posted_date, payouts.expected_arrival_date, matches.payout_amount_minor, "
            "matches.line_amount_minor from finance.fct_bank_matches as matches "
            "inner join finance.fct_payout_reconciliation as payouts using (account_id, payout_id)"
        )


def decided(bench: Workbench, folder: Path, drawn: Sequence[World]) -> Outcome:
    bench.put(load(folder, drawn))
    bench.project.run_models()
    assert bench.project.run_tests() == []
    return Outcome(bench)


def most_pairs(payouts: Sequence[str], lines: Sequence[str]) -> int:
    """Answer how many payouts of one amount can have a line each at best (augmenting paths)."""
    owner: dict[int, int] = {}

    def find(payout: int, tried: set[int]) -> bool:
        arrival = day(payouts[payout])
        for place, posted in enumerate(lines):
            if place in tried or not arrival - BEFORE <= day(posted) <= arrival + AFTER:
                continue
            tried.add(place)
            if place not in owner or find(owner[place], tried):
                owner[place] = payout
                return True
        return False

    return sum(find(payout, set()) for payout in range(len(payouts)))


def assert_matches_are_sound(outcome: Outcome, drawn: Sequence[World]) -> None:
    accounts = {account_of(name): bank_account_of(name) for name in cases_of(drawn)}
    of_line: dict[str, set[str]] = defaultdict(set)
    of_payout: dict[tuple[str, str], set[str]] = defaultdict(set)
    for (
        account,
        payout,
        line,
        match,
        rule,
        bank,
        posted,
        arrival,
        amount,
        line_amount,
    ) in outcome.matches:
        of_line[line].add(match)
        of_payout[account, payout].add(match)
        assert bank == accounts[account]
        assert amount * line_amount > 0
        if rule in ("date_window", "same_day", "trace_id"):
            assert amount == line_amount
        if rule != "trace_id":
            assert arrival - BEFORE <= posted <= arrival + AFTER
    assert all(len(matches) == 1 for matches in (*of_line.values(), *of_payout.values()))


def assert_copies_agree(outcome: Outcome, number: int) -> None:
    drawn = f"{number} drawn"
    for other in (f"{number} shuffled", f"{number} split"):
        assert outcome.payouts[account_of(other)] == outcome.payouts[account_of(drawn)]
        assert outcome.lines[bank_account_of(other)] == outcome.lines[bank_account_of(drawn)]


def assert_a_deposit_less_makes_no_match_of_another_amount(
    outcome: Outcome, number: int, world: World
) -> None:
    if not world.lines:
        return
    gone = world.lines[0][0]
    before = outcome.payouts[account_of(f"{number} drawn")]
    after = outcome.payouts[account_of(f"{number} less")]
    for place, (amount, _, _) in enumerate(world.payouts):
        status, rule = after[f"po_{place}"]
        is_by_amount = rule in ("date_window", "same_day", "trace_id")
        if amount != gone and status.startswith("matched") and is_by_amount:
            assert before[f"po_{place}"][0] != "in_transit"
            assert before[f"po_{place}"] == (status, rule) or has_other_marks(world)


def has_other_marks(world: World) -> bool:
    """Tell whether the line that is gone may have been what spoke of Stripe on the account."""
    return "STRIPE" in world.lines[0][2]


def assert_no_more_is_matched_than_can_be(outcome: Outcome, number: int, world: World) -> None:
    found = outcome.payouts[account_of(f"{number} drawn")]
    for amount in {amount for amount, _, _ in world.payouts}:
        places = [p for p, payout in enumerate(world.payouts) if payout[0] == amount]
        lines = [posted for units, posted, _ in world.lines if units == amount]
        best = most_pairs([world.payouts[place][1] for place in places], lines)
        rules = [found[f"po_{place}"][1] for place in places]
        assert sum(rule in ("date_window", "same_day") for rule in rules) <= best
        named = {text for units, _, text in world.lines if units == amount}
        if len(places) == len(lines) == 1 == best and all("STRIPE" in text for text in named):
            assert found[f"po_{places[0]}"][0] == "matched"


@settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(drawn=st.lists(worlds(), min_size=25, max_size=30))
def test_matching_holds_whatever_is_drawn(
    bench: Workbench, tmp_path_factory: pytest.TempPathFactory, drawn: list[World]
) -> None:
    outcome = decided(bench, tmp_path_factory.mktemp("worlds"), drawn)
    assert_matches_are_sound(outcome, drawn)
    for number, world in enumerate(drawn):
        payouts = outcome.payouts[account_of(f"{number} drawn")]
        assert len(payouts) == len(world.payouts)
        assert outcome.lines[bank_account_of(f"{number} drawn")].total() == len(world.lines)
        assert_copies_agree(outcome, number)
        assert_a_deposit_less_makes_no_match_of_another_amount(outcome, number, world)
        assert_no_more_is_matched_than_can_be(outcome, number, world)
