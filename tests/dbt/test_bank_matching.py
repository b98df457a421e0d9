"""What each rule of the bank writes down: decisions, matches, candidates, exceptions, rates.

Each scene has a connected account of its own, or the platform and a currency of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import md5
from pathlib import Path
from typing import Any

import duckdb
import pytest

from loader.sources.bank_tables import (
    ACCOUNT_MAPPINGS,
    MATCH_OVERRIDES,
    STATEMENT_FILES,
    STATEMENT_LINES,
    STATEMENTS,
)
from loader.sources.stripe_tables import (
    ACCOUNT_SYNCS,
    ACCOUNTS,
    BALANCE_TRANSACTIONS,
    BALANCES,
    PAYOUTS,
    RawTable,
    account_row,
    balance_rows,
    object_row,
)
from tests.dbt.bank_cases import FIRST, LAST, Line, day, failure_row, insert, sent
from tests.dbt.stories import march, own_row, sync_row
from tests.dbt.warehouses import Workbench

Object = dict[str, Any]
PLATFORM = "acct_platform"


# What is put into the warehouse


@dataclass(frozen=True)
class File:
    """One statement file of one bank account: a statement for each currency and period."""

    lines: Sequence[Line] = ()
    bank: str = "main"
    periods: Sequence[tuple[date, date]] = ((FIRST, LAST),)
    currencies: Sequence[str] = ("usd",)
    paths: int = 1
    """At how many paths its content lies."""


@dataclass(frozen=True)
class Mapped:
    """One row of `bank_accounts.csv`."""

    bank: str = "main"
    by_account: bool = True
    destination: str | None = None
    currency: str | None = None
    marker: str | None = None


@dataclass(frozen=True)
class ByHand:
    """One row of `match_overrides.csv`; without a payout the line is left alone."""

    payout: str | None
    reference: str
    currency: str = "usd"


@dataclass(frozen=True)
class Scene:
    """What Stripe and the bank say of an account."""

    payouts: Sequence[Object] = ()
    files: Sequence[File] = ()
    mapped: Sequence[Mapped] = (Mapped(),)
    by_hand: Sequence[ByHand] = ()
    failed_on: str | None = None
    is_platform: bool = False


def account_of(name: str, scene: Scene) -> str:
    return PLATFORM if scene.is_platform else f"acct_{name}"


def bank_of(name: str, bank: str) -> str:
    return f"{name}/{bank}"


def line_id(bank_account: str, currency: str, reference: str) -> str:
    """Answer the id of a line that its reference names."""
    text = "|".join(("reference", bank_account, currency, reference))
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def put_scenes(path: Path, scenes: Mapping[str, Scene]) -> None:
    """Write scenes, in their order, into a warehouse that has every raw table and no row."""
    with duckdb.connect(str(path)) as connection:
        _put_stripe(connection, scenes)
        for number, (name, scene) in enumerate(scenes.items()):
            _put_bank(connection, 100 * number, name, scene)


def _put_stripe(connection: duckdb.DuckDBPyConnection, scenes: Mapping[str, Scene]) -> None:
    told: dict[str, list[Object]] = defaultdict(list, {PLATFORM: []})
    ledgers: dict[str, list[Object]] = defaultdict(list)
    for name, scene in scenes.items():
        account = account_of(name, scene)
        told[account] += scene.payouts
        ledgers[account] += _ledger(scene)
    put(connection, PAYOUTS, [object_row(a, p) for a, made in told.items() for p in made])
    put(
        connection,
        BALANCE_TRANSACTIONS,
        [object_row(a, row) for a, ledger in ledgers.items() for row in ledger],
    )
    put(
        connection,
        ACCOUNTS,
        [account_row({"id": a, "country": "US"}, is_platform=a == PLATFORM) for a in told],
    )
    put(connection, BALANCES, [row for a in told for row in _balance(a, ledgers[a])])
    put(connection, ACCOUNT_SYNCS, [sync_row(a, march(12)) for a in told])


def _ledger(scene: Scene) -> list[Object]:
    own = [own_row(p) | {"currency": p["currency"]} for p in scene.payouts]
    back = [
        failure_row(p, scene.failed_on) | {"currency": p["currency"]}
        for p in scene.payouts
        if scene.failed_on and p["failure_balance_transaction"]
    ]
    return own + back


def _balance(account: str, ledger: list[Object]) -> list[Object]:
    held: dict[str, int] = defaultdict(int)
    for row in ledger:
        held[row["currency"]] += row["net"]
    available = [{"currency": currency, "amount": amount} for currency, amount in held.items()]
    return balance_rows(account, {"available": available, "pending": []}, march(12))


def put(connection: duckdb.DuckDBPyConnection, table: RawTable, rows: list[Object]) -> None:
    """Put rows into a raw table of schema `stripe`."""
    if rows:
        connection.register("new_rows", table.arrow(rows))
        connection.execute(f"insert into stripe.{table.name} by name from new_rows")
        connection.unregister("new_rows")


def _put_bank(connection: duckdb.DuckDBPyConnection, first: int, name: str, scene: Scene) -> None:
    account = account_of(name, scene)
    for number, said in enumerate(scene.mapped, start=first):
        row = (number, account if said.by_account else None, said.destination, said.currency)
        insert(connection, ACCOUNT_MAPPINGS, [(*row, bank_of(name, said.bank), said.marker)])
    for number, by in enumerate(scene.by_hand, start=first):
        line = line_id(bank_of(name, "main"), by.currency, by.reference)
        insert(connection, MATCH_OVERRIDES, [(number, account, by.payout, line, None)])
    for number, file in enumerate(scene.files):
        _put_file(connection, f"{name}/{number}", bank_of(name, file.bank), file)


def _put_file(
    connection: duckdb.DuckDBPyConnection, source: str, bank_account: str, file: File
) -> None:
    for copy in range(file.paths):
        path = (f"{source}.{copy}", source, "test", True, None, 1, len(file.lines), 0, None)
        insert(connection, STATEMENT_FILES, [path])
    periods = [(currency, period) for currency in file.currencies for period in file.periods]
    for place, (currency, period) in enumerate(periods, start=1):
        lines = [x for x in file.lines if x.currency == currency and period == file.periods[0]]
        total = sum(x.amount for x in lines if x.is_booked)
        sums = (0, total, total, len(lines))
        statement = (source, place, bank_account, currency, *sums, *period, True, None)
        insert(connection, STATEMENTS, [statement])
    for place, x in enumerate(file.lines, start=1):
        money = (x.currency, x.amount, day(x.posted), None, x.is_booked)
        row = (source, place, bank_account, *money, x.reference, None, None, x.text, None, None)
        insert(connection, STATEMENT_LINES, [row])


# What comes of it


@dataclass
class Outcome:
    """What was decided of a scene. Lines go by their reference, or by their text."""

    payouts: dict[str, tuple[str, str | None, int | None]] = field(default_factory=dict)
    """Status, rule and days outstanding."""
    lines: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Statuses; of lines without a reference, those of all lines of that text."""
    matches: dict[str, set[tuple[str, str, str]]] = field(default_factory=lambda: defaultdict(set))
    """Rule, payout and line of each row, by match."""
    candidates: set[tuple[str, str, str]] = field(default_factory=set)
    """Payout, line and reason."""
    found: set[tuple[str, str | None, str | None]] = field(default_factory=set)
    """Exceptions: type, payout and line."""


_DECIDED = (
    "select account_id, payout_id, bank_match_status, bank_match_rule, days_outstanding "
    "from finance.fct_payout_reconciliation"
)
_LINES = (
    "select bank_statement_line_id, bank_account_id, coalesce(bank_reference, description), "
    "line_match_status from finance.fct_bank_statement_lines order by all"
)
_MATCHES = (
    "select account_id, payout_id, bank_statement_line_id, match_id, match_rule "
    "from finance.fct_bank_matches"
)
_CANDIDATES = (
    "select account_id, payout_id, bank_statement_line_id, candidate_reason "
    "from finance.fct_bank_match_candidates"
)
_FOUND = (
    "select account_id, payout_id, bank_statement_line_id, exception_type "
    "from finance.fct_reconciliation_exceptions "
    "where payout_id is not null or bank_statement_line_id is not null"
)


def outcomes(bench: Workbench, scenes: Mapping[str, Scene]) -> dict[str, Outcome]:
    """Read what was decided, by scene."""
    told: dict[str, Outcome] = {name: Outcome() for name in scenes}
    owner = {
        (account_of(name, scene), payout["id"]): name
        for name, scene in scenes.items()
        for payout in scene.payouts
    }
    for account, payout, *decision in bench.rows(_DECIDED):
        told[owner[account, payout]].payouts[payout] = (decision[0], decision[1], decision[2])
    lines: dict[str | None, tuple[str, str]] = {}
    for identifier, bank_account, label, status in bench.rows(_LINES):
        name = bank_account.split("/")[0]
        lines[identifier] = name, label
        told[name].lines[label].append(status)
    for account, payout, line, match, rule in bench.rows(_MATCHES):
        told[owner[account, payout]].matches[match].add((rule, payout, lines[line][1]))
    for account, payout, line, reason in bench.rows(_CANDIDATES):
        told[owner[account, payout]].candidates.add((payout, lines[line][1], reason))
    for account, payout, line, kind in bench.rows(_FOUND):
        name = owner[account, payout] if payout else lines[line][0]
        told[name].found.add((kind, payout, lines[line][1] if line else None))
    return told


# What is expected of it


@dataclass(frozen=True)
class Expected:
    """What has to come of a scene."""

    payouts: Mapping[str, tuple[str, str | None, int | None]] = field(default_factory=dict)
    lines: Mapping[str, str | list[str]] = field(default_factory=dict)
    matches: Sequence[set[tuple[str, str, str]]] = ()
    candidates: frozenset[tuple[str, str, str]] = frozenset()
    found: frozenset[tuple[str, str | None, str | None]] = frozenset()

    def __or__(self, other: Expected) -> Expected:
        return Expected(
            {**self.payouts, **other.payouts},
            {**self.lines, **other.lines},
            [*self.matches, *other.matches],
            self.candidates | other.candidates,
            self.found | other.found,
        )


NOTHING = Expected()


def matched(rule: str, pairs: Mapping[str, str], status: str = "matched") -> Expected:
    """Expect one match; its payouts, and the line of each."""
    return Expected(
        dict.fromkeys(pairs, (status, rule, None)),
        dict.fromkeys(pairs.values(), status),
        [{(rule, payout, line) for payout, line in pairs.items()}],
    )


def split(rule: str, payout: str, *lines: str) -> Expected:
    """Expect one payout in several lines."""
    return Expected(
        {payout: ("matched_batch", rule, None)},
        dict.fromkeys(lines, "matched_batch"),
        [{(rule, payout, line) for line in lines}],
    )


def returned(payout: str, credit: str, debit: str, rule: str = "date_window") -> Expected:
    """Expect money that came and went."""
    return Expected(
        {payout: ("returned", rule, None)},
        {credit: "returned", debit: "returned"},
        [{(rule, payout, credit), ("return", payout, debit)}],
        found=frozenset({("returned_by_bank", payout, debit)}),
    )


def overdue(payout: str, days: int) -> Expected:
    return Expected(
        {payout: ("overdue", None, days)}, found=frozenset({("missing_in_bank", payout, None)})
    )


def ambiguous(payout: str, days: int, reason: str, *lines: str) -> Expected:
    return Expected(
        {payout: ("ambiguous", None, days)},
        dict.fromkeys(lines, "ambiguous"),
        candidates=frozenset((payout, line, reason) for line in lines),
        found=frozenset({("ambiguous_match", payout, None)}),
    )


def mismatched(payout: str, days: int, line: str) -> Expected:
    return Expected(
        {payout: ("amount_mismatch", None, days)},
        {line: "amount_mismatch"},
        candidates=frozenset({(payout, line, "amount_mismatch")}),
        found=frozenset({("amount_mismatch", payout, line)}),
    )


def is_(status: str, *payouts: str) -> Expected:
    """Expect payouts that nobody has to look at."""
    return Expected(dict.fromkeys(payouts, (status, None, None)))


def in_transit(payout: str, days: int) -> Expected:
    return Expected({payout: ("in_transit", None, days)})


def lines_are(status: str, *lines: str) -> Expected:
    return Expected(lines=dict.fromkeys(lines, status))


def unknown(*lines: str) -> Expected:
    """Expect lines that name Stripe and are no payout."""
    return Expected(
        lines=dict.fromkeys(lines, "unmatched_stripe"),
        found=frozenset(("missing_in_stripe", None, line) for line in lines),
    )


# The scenes. 5 February 2024 is a Monday; "today" is 12 March, 36 days later.

DUE = "02-05"
AGE = 36
TRACE = {"trace_id": {"status": "supported", "value": "091000012345678"}}
FAILED = {"status": "failed", "failure_code": "no_account"}


def one(payouts: Sequence[Object], *lines: Line, **more: Any) -> Scene:  # noqa: ANN401
    """Answer a scene of one bank account with one file."""
    return Scene(payouts, [File(lines)], **more)


def abroad(currency: str, payouts: Sequence[Object], *files: File, **more: Any) -> Scene:  # noqa: ANN401
    """Answer a scene of the platform in a currency of its own, nothing mapped."""
    made = [p | {"id": f"{currency}_{p['id']}", "currency": currency} for p in payouts]
    made = [p | {"balance_transaction": f"own_{p['id']}"} for p in made]
    lines = [
        [Line(x.reference, x.amount, x.posted, x.text, currency) for x in f.lines] for f in files
    ]
    put_abroad = [
        File(of_file, f.bank, f.periods, (currency,))
        for f, of_file in zip(files, lines, strict=True)
    ]
    return Scene(made, put_abroad, mapped=(), is_platform=True, **more)


def until(text: str) -> Sequence[tuple[date, date]]:
    return ((FIRST, day(text)),)


def failed(identifier: str, amount: int, arrival: str) -> Object:
    return sent(
        identifier, amount, arrival, **FAILED, failure_balance_transaction=f"back_{identifier}"
    )


IDENTIFIERS = {
    "a trace id": (
        one([sent("a", 500, DUE, **TRACE)], Line("1", 500, DUE, "ACH TRACE 091000012345678 PPD")),
        matched("trace_id", {"a": "1"}),
    ),
    "a trace id without its zeros, cut by the bank": (
        one([sent("a", 500, DUE, **TRACE)], Line("1", 500, DUE, "REF#: 9100-0012 3456.78")),
        matched("trace_id", {"a": "1"}),
    ),
    "a trace id that is the bank's reference": (
        one([sent("a", 500, DUE, **TRACE)], Line("091000012345678", 500, DUE, "CREDIT")),
        matched("trace_id", {"a": "091000012345678"}),
    ),
    "a trace id of seven digits": (
        one(
            [sent("a", 500, DUE, trace_id={"status": "supported", "value": "0001234567"})],
            Line("1", 500, "02-06", "CREDIT 1234567"),
        ),
        matched("date_window", {"a": "1"}),
    ),
    "a trace id thirty days late": (
        one([sent("a", 500, DUE, **TRACE)], Line("1", 500, "03-06", "TRACE 091000012345678")),
        matched("trace_id", {"a": "1"}),
    ),
    "a trace id too late": (
        one([sent("a", 500, DUE, **TRACE)], Line("1", 500, "03-07", "TRACE 091000012345678")),
        overdue("a", AGE) | lines_are("unmatched_other", "1"),
    ),
    "a trace id picks among equals": (
        one(
            [sent("a", 500, DUE, **TRACE), sent("b", 500, DUE)],
            Line("1", 500, DUE, "CREDIT"),
            Line("2", 500, DUE, "TRACE 091000012345678"),
        ),
        matched("trace_id", {"a": "2"}) | matched("date_window", {"b": "1"}),
    ),
    "a trace id on another amount and a decoy": (
        one(
            [sent("a", 500, DUE, **TRACE)],
            Line("1", 450, DUE, "TRACE 091000012345678"),
            Line("2", 500, DUE, "CREDIT"),
        ),
        mismatched("a", AGE, "1") | lines_are("unmatched_other", "2"),
    ),
    "a trace id on a debit": (
        one([sent("a", 500, DUE, **TRACE)], Line("1", -450, DUE, "TRACE 091000012345678")),
        overdue("a", AGE) | lines_are("unmatched_other", "1"),
    ),
    "a trace id that two payouts have": (
        one(
            [sent("a", 500, DUE, **TRACE), sent("b", 500, DUE, **TRACE)],
            Line("1", 500, DUE, "TRACE 091000012345678"),
            Line("2", 500, DUE, "TRACE 091000012345678"),
        ),
        matched("date_window", {"a": "1", "b": "2"}, "matched_group"),
    ),
    "a descriptor cut to ten characters": (
        one(
            [sent("a", 500, DUE, statement_descriptor="SUPPLYRUN-APRIL")],
            Line("1", 500, "02-20", "CO ENTRY DESCR:SUPPLYRUN- SEC:CCD"),
        ),
        matched("statement_descriptor", {"a": "1"}),
    ),
    "a descriptor of five letters": (
        one(
            [sent("a", 500, DUE, statement_descriptor="RUN 1")],
            Line("1", 500, "02-06", "CREDIT RUN 1"),
        ),
        matched("date_window", {"a": "1"}),
    ),
    "a descriptor on another amount": (
        one(
            [sent("a", 500, DUE, statement_descriptor="INVOICE 1001")],
            Line("1", 450, DUE, "INVOICE 1001"),
        ),
        overdue("a", AGE) | lines_are("unmatched_other", "1"),
    ),
}

AMOUNTS = {
    "equal lines on two bank accounts": (
        abroad(
            "gbp",
            [sent("a", 500, DUE), sent("b", 500, DUE)],
            File([Line("1", 500, DUE)]),
            File([Line("2", 500, DUE)], bank="second"),
        ),
        ambiguous("gbp_a", AGE, "several_candidates", "1", "2")
        | ambiguous("gbp_b", AGE, "several_candidates", "1", "2"),
    ),
    "two payouts for one line": (
        one([sent("a", 500, DUE), sent("b", 500, "02-06")], Line("1", 500, "02-07")),
        ambiguous("a", AGE, "several_candidates", "1")
        | ambiguous("b", AGE - 1, "several_candidates", "1"),
    ),
    "noise beside the marked deposit": (
        one(
            [sent("a", 500, DUE)],
            Line("1", 500, "02-08"),
            Line("2", 500, DUE, "Pinstripe Studio"),
        ),
        matched("date_window", {"a": "1"}) | lines_are("unmatched_other", "2"),
    ),
    "noise in place of a marked deposit": (
        one(
            [sent("a", 500, DUE), sent("b", 700, DUE)],
            Line("1", 500, DUE),
            Line("2", 700, DUE, "Pinstripe Studio"),
        ),
        matched("date_window", {"a": "1"}) | ambiguous("b", AGE, "no_stripe_marker", "2"),
    ),
    "a marker of Stripe's where the account has its own": (
        one(
            [sent("a", 500, DUE), sent("b", 700, DUE)],
            Line("1", 500, DUE, "PSP 1"),
            Line("2", 700, DUE, "STRIPE"),
            mapped=[Mapped(marker="PSP [0-9]")],
        ),
        matched("date_window", {"a": "1"}) | ambiguous("b", AGE, "no_stripe_marker", "2"),
    ),
    "a reversal is a debit of its own": (
        one(
            [
                sent("a", 500, DUE, reversed_by="b"),
                sent("b", -500, "02-08", original_payout="a"),
            ],
            Line("1", 500, DUE),
            Line("2", -500, "02-09"),
        ),
        matched("date_window", {"a": "1"}) | matched("date_window", {"b": "2"}),
    ),
    "yen have no cents": (
        Scene(
            [sent("a", 500, DUE, currency="jpy")],
            [File([Line("1", 500, "02-06", currency="jpy")], currencies=["jpy"])],
        ),
        matched("date_window", {"a": "1"}),
    ),
    "a year begins between payout and line": (
        one([sent("a", 500, "01-01")], Line("1", 500, "01-03")),
        matched("date_window", {"a": "1"}),
    ),
}

SUMS = {
    "a batch": (
        one([sent("a", 500, DUE), sent("b", 300, DUE)], Line("1", 800, "02-08")),
        matched("batch_deposit", {"a": "1", "b": "1"}, "matched_batch"),
    ),
    "a batch of debits": (
        one([sent("a", -500, DUE), sent("b", -300, DUE)], Line("1", -800, "02-08")),
        matched("batch_deposit", {"a": "1", "b": "1"}, "matched_batch"),
    ),
    "no batch of two days": (
        one([sent("a", 500, DUE), sent("b", 300, "02-06")], Line("1", 800, "02-08")),
        overdue("a", AGE) | overdue("b", AGE - 1) | unknown("1"),
    ),
    "no batch of two destinations": (
        one(
            [sent("a", 500, DUE), sent("b", 300, DUE, destination="ba_2")],
            Line("1", 800, "02-08"),
        ),
        overdue("a", AGE) | overdue("b", AGE) | unknown("1"),
    ),
    "a batch whose line bears a trace id": (
        one(
            [sent("a", 500, DUE, **TRACE), sent("b", 300, DUE)],
            Line("1", 800, DUE, "TRACE 091000012345678"),
        ),
        matched("batch_deposit", {"a": "1", "b": "1"}, "matched_batch"),
    ),
    "a batch that two lines fit": (
        one(
            [sent("a", 500, DUE), sent("b", 300, DUE)],
            Line("1", 800, "02-06"),
            Line("2", 800, "02-07"),
        ),
        ambiguous("a", AGE, "several_sums", "1", "2")
        | ambiguous("b", AGE, "several_sums", "1", "2"),
    ),
    "a split": (
        one([sent("a", 800, DUE)], Line("1", 500, "02-06"), Line("2", 300, "02-06")),
        split("split_deposit", "a", "1", "2"),
    ),
    "no split over two days": (
        one([sent("a", 800, DUE)], Line("1", 500, "02-06"), Line("2", 300, "02-07")),
        overdue("a", AGE) | unknown("1", "2"),
    ),
    "a split that two payouts fit": (
        one(
            [sent("a", 800, DUE), sent("b", 800, "02-06")],
            Line("1", 500, "02-06"),
            Line("2", 300, "02-06"),
        ),
        ambiguous("a", AGE, "several_sums", "1", "2")
        | ambiguous("b", AGE - 1, "several_sums", "1", "2"),
    ),
}

RETURNS = {
    "came and went": (
        one(
            [failed("a", 500, DUE)],
            Line("1", 500, DUE),
            Line("2", -500, "02-08", "RETURN"),
            failed_on="02-08",
        ),
        returned("a", "1", "2"),
    ),
    "came by trace id and went": (
        one(
            [failed("a", 500, DUE) | TRACE],
            Line("1", 500, DUE, "TRACE 091000012345678"),
            Line("2", -500, "02-08", "RETURN"),
            failed_on="02-08",
        ),
        returned("a", "1", "2", "trace_id"),
    ),
    "came and stayed": (
        one([failed("a", 500, DUE)], Line("1", 500, DUE), failed_on="02-08"),
        matched("date_window", {"a": "1"})
        | Expected(found=frozenset({("return_missing", "a", "1")})),
    ),
    "came and went, long after what may have gone twice": (
        one(
            [failed("a", 500, "01-09"), failed("b", 500, DUE), failed("c", 500, "02-06")],
            Line("1", 500, "01-09"),
            Line("2", -500, "01-11", "RETURN"),
            Line("3", -500, "01-12", "RETURN"),
            Line("4", 500, DUE),
            Line("5", 500, "02-06"),
            Line("6", -500, "02-08", "RETURN"),
            Line("7", -500, "02-08", "RETURN"),
        ),
        matched("date_window", {"a": "1"})
        | lines_are("unmatched_other", "2", "3")
        | returned("b", "4", "6")
        | returned("c", "5", "7")
        | Expected(
            found=frozenset(
                {
                    ("return_missing", "a", "1"),
                    *(("failed_payout_not_returned", payout, None) for payout in "abc"),
                }
            )
        ),
    ),
    "left fifteen days after the failure": (
        one(
            [failed("a", 500, DUE)],
            Line("1", 500, DUE),
            Line("2", -500, "02-23", "RETURN"),
            failed_on="02-08",
        ),
        returned("a", "1", "2"),
    ),
    "left too late": (
        one(
            [failed("a", 500, DUE)],
            Line("1", 500, DUE),
            Line("2", -500, "02-24", "RETURN"),
            failed_on="02-08",
        ),
        matched("date_window", {"a": "1"})
        | lines_are("unmatched_other", "2")
        | Expected(found=frozenset({("return_missing", "a", "1")})),
    ),
    "a debit before the deposit takes nothing away": (
        one(
            [failed("a", 500, DUE)],
            Line("1", 500, DUE),
            Line("2", -500, "02-04", "RENT"),
            failed_on="02-08",
        ),
        matched("date_window", {"a": "1"})
        | lines_are("unmatched_other", "2")
        | Expected(found=frozenset({("return_missing", "a", "1")})),
    ),
    "the deposit is the paid one's": (
        one(
            [failed("a", 500, DUE), sent("b", 500, DUE)],
            Line("1", 500, DUE),
            failed_on="02-08",
        ),
        is_("not_expected", "a") | matched("date_window", {"b": "1"}),
    ),
    "a debit that is a payout of its own": (
        one(
            [failed("a", 500, DUE), sent("b", -500, "02-08")],
            Line("1", 500, DUE),
            Line("2", -500, "02-08"),
            failed_on="02-08",
        ),
        matched("date_window", {"a": "1"})
        | matched("date_window", {"b": "2"})
        | Expected(found=frozenset({("return_missing", "a", "1")})),
    ),
    "never at the bank": (
        one(
            [
                failed("a", 500, DUE),
                sent("b", 500, DUE, status="canceled", failure_balance_transaction="back_b"),
                sent("c", 0, DUE),
                sent("d", 500, DUE, type="card", method="instant"),
            ],
            Line("1", 900, DUE, "CREDIT"),
            failed_on="02-08",
        ),
        is_("not_expected", "a", "b", "c", "d") | lines_are("unmatched_other", "1"),
    ),
}

COVERAGE = {
    "no statements": (Scene([sent("a", 500, DUE)]), is_("no_bank_data", "a")),
    "grace over yesterday": (one([sent("a", 500, "03-04")]), overdue("a", 8)),
    "grace over today": (
        Scene([sent("a", 500, "03-05")], [File(periods=until("03-20"))]),
        in_transit("a", 7),
    ),
    "covered through a grace with a holiday": (
        Scene([sent("a", 500, "02-14")], [File(periods=until("02-22"))]),
        overdue("a", 27),
    ),
    "a holiday is in the grace": (
        Scene([sent("a", 500, "02-14")], [File(periods=until("02-21"))]),
        in_transit("a", 27),
    ),
    "a holiday of another currency": (
        Scene(
            [sent("a", 500, "02-14", currency="eur")],
            [File(periods=until("02-21"), currencies=["eur"])],
        ),
        overdue("a", 27),
    ),
    "covered from the arrival": (
        Scene([sent("a", 500, DUE)], [File(periods=[(day(DUE), day("02-12"))])]),
        overdue("a", AGE),
    ),
    "covered from the day after": (
        Scene([sent("a", 500, DUE)], [File(periods=[(day("02-06"), day("02-12"))])]),
        in_transit("a", AGE),
    ),
    "one business day not covered": (
        Scene(
            [sent("a", 500, DUE)],
            [File(periods=[(FIRST, day("02-06")), (day("02-08"), LAST)])],
        ),
        in_transit("a", AGE),
    ),
    "files of several days, weekends between": (
        Scene(
            [sent("a", 500, DUE)],
            [File(periods=[(FIRST, day("02-09"))]), File(periods=[(day("02-12"), LAST)])],
        ),
        overdue("a", AGE),
    ),
    "the window lies before the statements": (
        Scene([sent("a", 500, DUE)], [File(periods=[(day("02-16"), LAST)])]),
        is_("no_bank_data", "a"),
    ),
    "the window touches the statements": (
        Scene([sent("a", 500, DUE)], [File(periods=[(day("02-15"), LAST)])]),
        in_transit("a", AGE),
    ),
    "an account that Stripe does not pay to is not waited for": (
        abroad(
            "cad",
            [sent("a", 500, DUE), sent("b", 700, DUE)],
            File([Line("1", 700, DUE)]),
            File([Line("2", 100, "02-02", "INTEREST")], "second", until("02-02")),
        ),
        overdue("cad_a", AGE)
        | matched("date_window", {"cad_b": "1"})
        | lines_are("unmatched_other", "2"),
    ),
    "the slowest account that Stripe pays to is waited for": (
        abroad(
            "aud",
            [sent("a", 500, DUE), sent("b", 700, DUE), sent("c", 100, "02-02")],
            File([Line("1", 700, DUE)]),
            File([Line("2", 100, "02-02")], "second", until("02-02")),
        ),
        in_transit("aud_a", AGE)
        | matched("date_window", {"aud_b": "1"})
        | matched("date_window", {"aud_c": "2"}),
    ),
}

MAPPINGS = {
    "the platform needs no mapping": (
        abroad("usd", [sent("a", 500, DUE)], File([Line("1", 500, DUE)])),
        matched("date_window", {"usd_a": "1"}),
    ),
    "a connected account does": (
        Scene([sent("a", 500, DUE)], mapped=()),
        is_("no_bank_data", "a"),
    ),
    "a destination counts more than the account": (
        Scene(
            [sent("a", 500, DUE), sent("b", 500, DUE, destination="ba_special")],
            [File([Line("1", 500, DUE)]), File([Line("2", 500, DUE)], "second")],
            mapped=[Mapped(), Mapped("second", by_account=False, destination="ba_special")],
        ),
        matched("date_window", {"a": "1"}) | matched("date_window", {"b": "2"}),
    ),
    "a currency counts more than none": (
        Scene(
            [sent("a", 500, DUE), sent("b", 500, DUE, currency="eur")],
            [
                File(
                    [Line("1", 500, DUE), Line("2", 500, DUE, currency="eur")],
                    currencies=["usd", "eur"],
                ),
                File([Line("3", 500, DUE, currency="eur")], "second", currencies=["eur"]),
            ],
            mapped=[Mapped(), Mapped("second", currency="eur")],
        ),
        matched("date_window", {"a": "1"}) | matched("date_window", {"b": "3"}) | unknown("2"),
    ),
    "a line lies with the account that is mapped": (
        one([], Line("1", 500, DUE)),
        unknown("1"),
    ),
}

HANDS = {
    "by hand against a rule": (
        one(
            [sent("a", 500, DUE)],
            Line("1", 500, DUE),
            Line("2", 480, "03-01"),
            by_hand=[ByHand("a", "2")],
        ),
        matched("manual", {"a": "2"}) | unknown("1"),
    ),
    "by hand, came and went": (
        one(
            [failed("a", 500, DUE)],
            Line("1", 500, DUE),
            Line("2", -500, "02-08", "RETURN"),
            failed_on="02-08",
            by_hand=[ByHand("a", "1")],
        ),
        returned("a", "1", "2", "manual"),
    ),
    "by hand against a late trace id": (
        one(
            [sent("a", 500, DUE, **TRACE)],
            Line("1", 500, DUE, "TRACE 091000012345678"),
            Line("2", 500, DUE, "CREDIT"),
            by_hand=[ByHand("a", "2")],
        ),
        matched("manual", {"a": "2"}) | lines_are("unmatched_other", "1"),
    ),
    "by hand between equals": (
        one(
            [sent("a", 500, DUE), sent("b", 500, DUE)],
            Line("1", 500, "02-06"),
            by_hand=[ByHand("b", "1")],
        ),
        overdue("a", AGE) | matched("manual", {"b": "1"}),
    ),
    "by hand, two payouts in a line": (
        one(
            [sent("a", 500, DUE), sent("b", 300, "02-06")],
            Line("1", 800, "02-08"),
            by_hand=[ByHand("a", "1"), ByHand("b", "1")],
        ),
        matched("manual", {"a": "1", "b": "1"}, "matched_batch"),
    ),
    "by hand, a payout in two lines": (
        one(
            [sent("a", 800, DUE)],
            Line("1", 500, "02-06"),
            Line("2", 300, "02-08"),
            by_hand=[ByHand("a", "1"), ByHand("a", "2")],
        ),
        split("manual", "a", "1", "2"),
    ),
    "a line left alone": (
        one([sent("a", 500, DUE)], Line("1", 500, DUE), by_hand=[ByHand(None, "1")]),
        overdue("a", AGE) | lines_are("ignored", "1"),
    ),
    "by hand across currencies": (
        Scene(
            [sent("a", 500, DUE)],
            [File([Line("1", 500, DUE, currency="eur")], currencies=["eur", "usd"])],
            by_hand=[ByHand("a", "1", "eur")],
        ),
        overdue("a", AGE) | unknown("1"),
    ),
    "by hand against the direction": (
        one([sent("a", 500, DUE)], Line("1", -500, DUE), by_hand=[ByHand("a", "1")]),
        overdue("a", AGE) | unknown("1"),
    ),
    "a pending line": (
        one([sent("a", 500, DUE)], Line(None, 500, DUE, "WAITING", is_booked=False)),
        overdue("a", AGE) | lines_are("pending", "WAITING"),
    ),
}

OVERLAPS = {
    "one line in two files": (
        Scene(
            [sent("a", 500, DUE)],
            [File([Line("1", 500, DUE, "STRIPE")]), File([Line("1", 500, DUE, "Stripe Inc")])],
        ),
        matched("date_window", {"a": "1"}),
    ),
    "a file at two paths": (
        Scene([sent("a", 500, DUE)], [File([Line(None, 500, DUE, "STRIPE")], paths=2)]),
        matched("date_window", {"a": "STRIPE"}),
    ),
    "two alike lines of one file": (
        one([], Line(None, 500, DUE, "ALIKE"), Line(None, 500, DUE, "ALIKE")),
        Expected(lines={"ALIKE": ["unmatched_other", "unmatched_other"]}),
    ),
    "two alike lines, in two files": (
        Scene(
            files=[File([Line(None, 500, DUE, "ALIKE"), Line(None, 500, DUE, "ALIKE")])] * 2,
        ),
        Expected(lines={"ALIKE": ["unmatched_other", "unmatched_other"]}),
    ),
    "a reference used for two amounts": (
        one([], Line("NONREF", 500, DUE, "A"), Line("NONREF", 700, DUE, "B")),
        Expected(lines={"NONREF": ["unmatched_other", "unmatched_other"]}),
    ),
    "a reference used for two days, in two files": (
        Scene(files=[File([Line("R", 500, DUE, "A")]), File([Line("R", 500, "02-06", "A")])]),
        Expected(lines={"R": ["unmatched_other", "unmatched_other"]}),
    ),
    "a pending line that was booked": (
        Scene(
            [sent("a", 500, DUE)],
            [
                File([Line("1", 500, "02-04", "STRIPE", is_booked=False)]),
                File([Line("1", 500, DUE, "STRIPE")]),
            ],
        ),
        matched("date_window", {"a": "1"}),
    ),
}

JUDGED: dict[str, tuple[Scene, Expected]] = {
    **IDENTIFIERS,
    **AMOUNTS,
    **SUMS,
    **RETURNS,
    **COVERAGE,
    **MAPPINGS,
    **HANDS,
    **OVERLAPS,
}

SAME_DAY = "equal payouts and equal lines of one day"
MISSING_BETWEEN = "a deposit missing between equal payouts"
RATED = "payouts of every kind, in francs"

TOLD_APART = {
    SAME_DAY: one(
        [sent("a", 500, DUE), sent("b", 500, DUE)],
        Line("1", 500, "02-06"),
        Line("2", 500, "02-06"),
    ),
    MISSING_BETWEEN: one(
        [sent("a", 500, DUE), sent("b", 500, "02-06"), sent("c", 500, "02-07")],
        Line("1", 500, DUE),
        Line("3", 500, "02-07"),
    ),
    RATED: abroad(
        "chf",
        [
            sent("found", 1_000, DUE),
            sent("debit", -500, DUE),
            sent("overdue", 300, DUE),
            sent("undecided", 200, DUE),
            sent("named", 600, DUE, **TRACE),
            sent("canceled", 7_000, DUE, status="canceled"),
            sent("on its way", 8_000, "03-11"),
            sent("before", 9_000, "01-01") | {"arrival_date": march(1) - 200 * 86_400},
        ],
        File(
            [
                Line("1", 1_000, DUE),
                Line("2", -500, DUE),
                Line("3", 200, "02-06"),
                Line("4", 200, "02-07"),
                Line("5", 601, DUE, "TRACE 091000012345678"),
            ]
        ),
    ),
}

EVERY_SCENE = {name: scene for name, (scene, _) in JUDGED.items()} | TOLD_APART


@pytest.fixture(scope="module")
def told(bench: Workbench, empty_raw: Path) -> dict[str, Outcome]:
    bench.put(empty_raw)
    put_scenes(bench.path, EVERY_SCENE)
    bench.project.run_models()
    of_matching = ("path:models/intermediate/bank_matching", "assert_matched_money_is_equal")
    tests = bench.project.invoke("test", "--select", *of_matching)
    assert [test.node.name for test in tests if test.status != "pass"] == []
    return outcomes(bench, EVERY_SCENE)


@pytest.mark.parametrize("name", JUDGED)
def test_each_payout_has_the_decision_rule_and_age(told: dict[str, Outcome], name: str) -> None:
    assert told[name].payouts == JUDGED[name][1].payouts


@pytest.mark.parametrize("name", JUDGED)
def test_each_line_has_its_decision(told: dict[str, Outcome], name: str) -> None:
    expected = JUDGED[name][1].lines
    assert dict(told[name].lines) == {
        line: [status] if isinstance(status, str) else status for line, status in expected.items()
    }


@pytest.mark.parametrize("name", JUDGED)
def test_matches_hold_these_payouts_and_lines_and_no_others(
    told: dict[str, Outcome], name: str
) -> None:
    assert sorted(map(sorted, told[name].matches.values())) == sorted(
        map(sorted, JUDGED[name][1].matches)
    )


@pytest.mark.parametrize("name", JUDGED)
def test_undecided_payouts_have_these_candidates(told: dict[str, Outcome], name: str) -> None:
    assert told[name].candidates == JUDGED[name][1].candidates


@pytest.mark.parametrize("name", JUDGED)
def test_exceptions_name_the_payout_and_line_that_are_open(
    told: dict[str, Outcome], name: str
) -> None:
    assert told[name].found == JUDGED[name][1].found


def test_equals_of_one_day_are_one_match_of_two_pairs(told: dict[str, Outcome]) -> None:
    outcome = told[SAME_DAY]
    (pairs,) = outcome.matches.values()
    assert {payout for _, payout, _ in pairs} == {"a", "b"}
    assert {line for _, _, line in pairs} == {"1", "2"}
    assert len(pairs) == 2
    assert set(outcome.payouts.values()) == {("matched_group", "date_window", None)}


def test_a_missing_deposit_shifts_no_other(told: dict[str, Outcome]) -> None:
    outcome = told[MISSING_BETWEEN]
    pairs = {pair for match in outcome.matches.values() for pair in match}
    assert pairs == {("same_day", "a", "1"), ("same_day", "c", "3")}
    assert outcome.payouts["b"] == ("overdue", None, AGE - 1)


def test_a_line_of_nobody_is_told_to_the_account_that_is_mapped(
    told: dict[str, Outcome], bench: Workbench
) -> None:
    name = "a line lies with the account that is mapped"
    assert told[name].found == {("missing_in_stripe", None, "1")}
    assert bench.rows(
        "select account_id, currency, amount_minor from finance.fct_reconciliation_exceptions "
        f"where bank_statement_line_id = '{line_id(bank_of(name, 'main'), 'usd', '1')}'"
    ) == [(f"acct_{name}", "usd", 500)]


def test_rates_count_what_is_due_and_covered(told: dict[str, Outcome], bench: Workbench) -> None:
    assert {status for status, _, _ in told[RATED].payouts.values()} == {
        "matched",
        "overdue",
        "ambiguous",
        "amount_mismatch",
        "not_expected",
        "in_transit",
        "no_bank_data",
    }
    assert bench.rows(
        "select due_payout_count, matched_payout_count, match_rate_by_count, due_amount_minor, "
        "matched_amount_minor, due_amount::string, round(match_rate_by_amount, 6) "
        "from finance.fct_bank_match_rates where currency = 'chf'"
    ) == [(5, 2, 0.4, 2_600, 1_500, "26.000", 0.576923)]
