"""Scenarios of bank statements: how well and how fast they are matched, and how fast read.

The floor of matching is one plain join of payouts with deposits of their amount, which takes every
deposit that fits and so doubles what is paid out in fixed amounts. Matching is timed by itself,
once all models stand: in a whole build others run beside it. The floor of reading a file is Python
going through its lines.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path

import duckdb

from tests.bank_formats.writers import OPENING, PROFILE, Entry, decimal
from tests.bench.building import ALONE, Built, build_in_steps
from tests.bench.deposits import Deposits
from tests.bench.figures import REPOSITORY, Figure
from tests.bench.loads import Say
from tests.bench.measuring import BenchError, run

TWO_YEARS = Deposits(accounts=1_000, days=730)
HARD = Deposits(accounts=100, days=730, repeating=0.95)

FEW_LINES, MANY_LINES = 100_000, 1_000_000

_MATCHING_MODELS = "models/intermediate/bank_matching/"
# All that leads to one decision for each payout and each line, as dbt's selectors name it.
_DECIDING = " ".join(
    f"path:{_MATCHING_MODELS},+{last}"
    for last in ("int_payouts_decided_at_bank", "int_bank_lines_decided")
)
_TIMES_BUILT_ALONE = 3
_DAYS_OF_A_STATEMENT = 250
_FIRST_DAY = date(2026, 1, 1)


# Matching.


@dataclass(frozen=True)
class PlainJoin:
    """What one plain join takes, and how many of its pairs are right."""

    seconds: float
    precision: float


def matching(folder: Path, say: Say) -> Iterator[Figure]:
    """Deposits of two years matched with payouts: seconds, precision, recall; a hard case too."""
    for name, deposits, goal in (("two years", TWO_YEARS, "≤ 5 s"), ("hard", HARD, "")):
        place = folder / name.replace(" ", "-")
        place.mkdir()
        yield from match(name, deposits, place, say, goal)


def match(
    name: str, deposits: Deposits, folder: Path, say: Say, seconds_goal: str = ""
) -> Iterator[Figure]:
    """Make a platform's payouts and deposits, build the models, and judge the matches."""
    say(f"{name}: making payouts and deposits")
    _make(deposits, folder)
    plain = _plain_join(folder)
    say(f"{name}: building")
    steps = ("run_models", *[ALONE + _DECIDING] * _TIMES_BUILT_ALONE)
    within, *alone = build_in_steps(folder, deposits.as_of, steps, {})
    yield from _cost(name, within, alone, plain, seconds_goal)
    say(f"{name}: judging the matches")
    counts = judge(folder / "warehouse.duckdb")
    yield from _quality(name, counts, plain)
    _check(counts)


def _make(deposits: Deposits, folder: Path) -> None:
    sizes = (deposits.accounts, deposits.days, deposits.repeating, deposits.seed)
    command = [sys.executable, "-m", "tests.bench.deposits", str(folder), *map(str, sizes)]
    made = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if made.returncode:
        raise BenchError(f"the raw tables can't be made: {made.stderr[-3_000:]}")


def _plain_join(folder: Path) -> PlainJoin:
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        began = time.monotonic()
        connection.execute(_PAIRED)
        seconds = time.monotonic() - began
        pairs, right = connection.sql(_PAIRED_RIGHT).fetchall()[0]
    return PlainJoin(seconds, right / pairs)


def judge(path: Path) -> dict[str, int]:
    """Hold the matches of a warehouse against the truth; answer counts by name."""
    with duckdb.connect(str(path), read_only=True) as connection:
        for statement in _JUDGED:
            connection.execute(statement)
        counts = connection.sql(_COUNTS)
        return dict(zip(counts.columns, counts.fetchall()[0], strict=True))


def _cost(
    name: str, within: Built, alone: Sequence[Built], plain: PlainJoin, goal: str
) -> Iterator[Figure]:
    alone = sorted(alone, key=Built.wall_seconds)
    typical = alone[len(alone) // 2]
    yield Figure(
        "matching",
        f"{name}, built alone ({typical.slowest()})",
        typical.wall_seconds(),
        "s",
        plain.seconds,
        goal,
    )
    yield Figure("matching", f"{name}: all models", within.seconds, "s", plain.seconds)
    of_them = sum(node.seconds for node in within.within(_MATCHING_MODELS).nodes)
    yield Figure("matching", f"{name}: of them those of matching, summed", of_them, "s")
    yield Figure("matching", f"{name}: peak memory", within.peak_megabytes, "MB")


def _quality(name: str, counts: dict[str, int], plain: PlainJoin) -> Iterator[Figure]:
    for what in ("payouts", "deposits", "matched", "matched_wrong", "matched_group"):
        yield Figure("matching", f"{name}: {what.replace('_', ', ')}", counts[what])
    join = f"a plain join's: {plain.precision * 100:.1f} %"
    for what, part, whole, goal in (
        (f"precision of matched ({join})", "matched_right", "matched", "≥ 99.99 %"),
        ("matched_group of equal money", "group_equal", "matched_group", "100 %"),
        ("matched_group that holds the true deposit", "group_holds_true", "matched_group", ""),
        ("recall", "deposited_matched", "deposited", "≥ 99 %"),
    ):
        share = counts[part] / counts[whole] * 100 if counts[whole] else 0.0
        yield Figure("matching", f"{name}: {what}", share, "%", 100.0, goal, is_rate=True)
    ambiguous = counts["ambiguous"] / counts["payouts"] * 100
    yield Figure("matching", f"{name}: ambiguous", ambiguous, "%")


def _check(counts: dict[str, int]) -> None:
    """See that nothing is there which no guess excuses."""
    for what in ("payouts_lost", "payouts_taken_twice", "lines_taken_twice", "unequal"):
        if counts[what]:
            raise BenchError(f"the matches can't be: {what.replace('_', ' ')}: {counts[what]}")


_PAIRED = """
    create temp table pairs as
    select payouts.account_id, payouts.id as payout_id, bank_reference
    from stripe.payouts
    inner join bank.account_mappings as mappings
        on payouts.account_id = mappings.account_id
        and payouts.destination = mappings.destination_id
        and payouts.currency = mappings.currency
    inner join bank.statement_lines as lines
        on mappings.bank_account_id = lines.bank_account_id
        and payouts.currency = lines.currency
        and payouts.amount = lines.amount_minor
        and lines.posted_date - make_date((payouts.arrival_date // 86400)::integer)
            between -3 and 10
"""

_PAIRED_RIGHT = """
    select count(*), count(*) filter (where pairs.bank_reference = true_payouts.bank_reference)
    from pairs
    inner join truth.payouts as true_payouts using (account_id, payout_id)
"""

# A line is known by what the bank calls it: its id is the models' own.
_JUDGED = (
    """
    create temp table lines as
    select bank_statement_line_id, bank_account_id, bank_reference, raw.amount_minor
    from finance.fct_bank_statement_lines
    inner join bank.statement_lines as raw using (bank_account_id, bank_reference)
    """,
    """
    create temp table matches as
    with

    of_payouts as (
        select match_id, sum(amount) as amount
        from (select distinct match_id, account_id, payout_id from finance.fct_bank_matches)
        inner join (select account_id, id as payout_id, amount from stripe.payouts)
            using (account_id, payout_id)
        group by match_id
    ),

    of_lines as (
        select match_id, sum(amount_minor) as amount
        from (select distinct match_id, bank_statement_line_id from finance.fct_bank_matches)
        inner join lines using (bank_statement_line_id)
        group by match_id
    )

    select match_id, coalesce(of_payouts.amount = of_lines.amount, false) as is_equal
    from of_payouts
    full join of_lines using (match_id)
    """,
    """
    create temp table members as
    select match_id, account_id, payout_id, list(bank_account_id || bank_reference) as taken
    from (select distinct match_id, account_id, payout_id from finance.fct_bank_matches)
    inner join (
        select distinct match_id, lines.bank_account_id, lines.bank_reference
        from finance.fct_bank_matches
        inner join lines using (bank_statement_line_id)
    ) using (match_id)
    group by all
    """,
    """
    create temp table judged as
    select
        account_id,
        payout_id,
        coalesce(bank_match_status, 'none') as found_status,
        found_status in ('matched', 'matched_group', 'matched_batch') as is_matched,
        true_payouts.bank_reference is not null as is_deposited,
        coalesce(
            lines.bank_account_id = true_payouts.bank_account_id
            and lines.bank_reference = true_payouts.bank_reference,
            false
        ) as is_right,
        coalesce(
            list_contains(taken, true_payouts.bank_account_id || true_payouts.bank_reference), false
        ) as holds_true,
        coalesce(matches.is_equal, false)
            and (
                found_status = 'matched_batch'
                or coalesce(lines.amount_minor, payouts.amount) = payouts.amount
            ) as is_equal
    from truth.payouts as true_payouts
    inner join (select account_id, id as payout_id, amount from stripe.payouts) as payouts
        using (account_id, payout_id)
    inner join (
        select account_id, payout_id, bank_match_status, bank_statement_line_id
        from finance.fct_payout_reconciliation
    ) using (account_id, payout_id)
    left join lines using (bank_statement_line_id)
    left join members using (account_id, payout_id)
    left join matches using (match_id)
    """,
)

_COUNTS = """
    select
        count(*) as payouts,
        (select count(*) from bank.statement_lines) as deposits,
        count(*) filter (where found_status = 'matched') as matched,
        count(*) filter (where found_status = 'matched' and is_right) as matched_right,
        matched - matched_right as matched_wrong,
        count(*) filter (where found_status = 'matched_group') as matched_group,
        count(*) filter (where found_status = 'matched_group' and is_equal) as group_equal,
        count(*) filter (where found_status = 'matched_group' and holds_true) as group_holds_true,
        count(*) filter (where is_deposited) as deposited,
        count(*) filter (where is_deposited and is_matched) as deposited_matched,
        count(*) filter (where found_status = 'ambiguous') as ambiguous,
        count(*) filter (where is_matched and not is_equal) as unequal,
        (select count(*) from truth.payouts) - count(distinct (account_id, payout_id))
            as payouts_lost,
        count(*) - count(distinct (account_id, payout_id)) as payouts_taken_twice,
        (
            select count(*) from (
                select bank_statement_line_id from finance.fct_bank_matches
                where bank_statement_line_id is not null
                group by 1 having count(distinct match_id) > 1
            )
        ) as lines_taken_twice
    from judged
"""


# Reading statement files.


def statements(folder: Path, say: Say) -> Iterator[Figure]:
    """Statements of 100,000 and 1,000,000 lines in every format: lines a second, and memory."""
    yield from read_statements(folder, say, (FEW_LINES, MANY_LINES))


def read_statements(folder: Path, say: Say, sizes: tuple[int, int]) -> Iterator[Figure]:
    """Write a small and a large statement in every format, and read them."""
    (folder / "bank.profile.yml").write_text(PROFILE, encoding="utf-8")
    for name, write in WRITERS.items():
        peaks = []
        for lines in sizes:
            say(f"{name}, {lines:,} lines")
            path = folder / f"statement.{name}"
            with path.open("w", encoding="utf-8") as file:
                file.writelines(write(lines))
            read = _read(path, name, lines)
            path.unlink()
            peaks.append(read.peak_megabytes)
            rates = (lines / read.seconds, lines / read.plain_seconds)
            what = f"{name}, {lines:,} lines: lines a second"
            yield Figure("statements", what, rates[0], "", rates[1], is_rate=True)
        what = f"{name}: peak memory, beside that of {sizes[0]:,} lines"
        yield Figure("statements", what, peaks[1], "MB", peaks[0], "ratio ≤ 1.1")


@dataclass(frozen=True)
class Read:
    """What reading a statement took, in a process of its own."""

    seconds: float
    peak_megabytes: float
    plain_seconds: float
    """How long Python takes to go through the file's lines."""


def _read(path: Path, name: str, lines: int) -> Read:
    done = run(None, path.parent, ("-c", _READING, str(path))).expect(0)
    found = json.loads(done.output.splitlines()[-1])
    if (found["format"], found["lines"], found["whole"]) != (name, lines, True):
        raise BenchError(f"{lines:,} lines of {name} were read as {found}")
    return Read(found["seconds"], found["peak_bytes"] / 1e6, found["plain_seconds"])


# It tells its peak itself: on Linux, what a process used counts from before it became Python, and
# a reader holds less than the process that starts it.
_READING = """
import json, resource, sys, time
from pathlib import Path
from loader.bank_formats.reading import check_file, profiles_for

def peak_bytes():
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = Path("/proc/self/status").read_text().partition("VmHWM:")[2]
    return int(told.split()[0]) * 1024

path = Path(sys.argv[1])
began = time.perf_counter()
with path.open(encoding="utf-8") as file:
    for line in file:
        pass
plain_seconds = time.perf_counter() - began
began = time.perf_counter()
check = check_file(path, profiles_for(path))
print(json.dumps({
    "format": check.format,
    "lines": sum(statement.lines for statement in check.statements),
    "whole": check.whole,
    "seconds": time.perf_counter() - began,
    "plain_seconds": plain_seconds,
    "peak_bytes": peak_bytes(),
}))
"""


def _entries(lines: int) -> Iterator[Entry]:
    """Yield entries by day: nine deposits, then a payment."""
    for number in range(lines):
        amount = 500 + number * 7919 % 1_000_000
        yield Entry(
            amount_minor=-amount if number % 10 == 9 else amount,
            posted=_FIRST_DAY + timedelta(days=number * _DAYS_OF_A_STATEMENT // lines),
            reference=f"R{number:09}",
            text=f"STRIPE TRANSFER ST-{number * 104_729 % 10**9:09} ORDER {number}",
        )


def _closing(lines: int) -> int:
    return OPENING + sum(entry.amount_minor for entry in _entries(lines))


def _bai2(lines: int) -> Iterator[str]:
    """Yield a file with a group for each day: BAI2 has no other date."""
    yield "01,BANK,US,260131,0500,1,,,2/\n"
    running, total, groups, records = OPENING, 0, 0, 1
    for day, entries in groupby(_entries(lines), key=lambda entry: entry.posted):
        of_day = list(entries)
        end = running + sum(entry.amount_minor for entry in of_day)
        control = running + end + sum(abs(entry.amount_minor) for entry in of_day)
        yield f"02,US,BANK,1,{day:%y%m%d},2400,EUR,2/\n03,1,EUR,010,{running},,/\n88,015,{end},,/\n"
        yield from map(_bai2_entry, of_day)
        count = 3 + 2 * len(of_day)
        yield f"49,{control},{count}/\n98,{control},1,{count + 2}/\n"
        running, total = end, total + control
        groups, records = groups + 1, records + count + 2
    yield f"99,{total},{groups},{records + 1}/\n"


def _bai2_entry(entry: Entry) -> str:
    code = 455 if entry.amount_minor < 0 else 165
    return f"16,{code},{abs(entry.amount_minor)},Z,{entry.reference},,/\n88,{entry.text}\n"


def _camt(lines: int) -> Iterator[str]:
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><Stmt>'
        "<Acct><Id><Othr><Id>1</Id></Othr></Id><Ccy>EUR</Ccy></Acct>\n"
    )
    for code, units in (("OPBD", OPENING), ("CLBD", _closing(lines))):
        kind = f"<Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        yield f"<Bal>{kind}{_camt_amount(units)}<Dt><Dt>2026-12-31</Dt></Dt></Bal>\n"
    yield f"<TxsSummry><TtlNtries><NbOfNtries>{lines}</NbOfNtries></TtlNtries></TxsSummry>\n"
    yield from map(_camt_entry, _entries(lines))
    yield "</Stmt></BkToCstmrStmt></Document>\n"


def _camt_entry(entry: Entry) -> str:
    return (
        f"<Ntry>{_camt_amount(entry.amount_minor)}<Sts><Cd>BOOK</Cd></Sts>"
        f"<BookgDt><Dt>{entry.posted}</Dt></BookgDt><AcctSvcrRef>{entry.reference}</AcctSvcrRef>"
        f"<NtryDtls><TxDtls><RmtInf><Ustrd>{entry.text}</Ustrd></RmtInf></TxDtls></NtryDtls>"
        "</Ntry>\n"
    )


def _camt_amount(units: int) -> str:
    direction = "DBIT" if units < 0 else "CRDT"
    return f'<Amt Ccy="EUR">{decimal(abs(units))}</Amt><CdtDbtInd>{direction}</CdtDbtInd>'


def _csv(lines: int) -> Iterator[str]:
    yield "Day,Amount,Balance,Ref,Text\n"
    running = OPENING
    for entry in _entries(lines):
        running += entry.amount_minor
        amounts = f"{decimal(entry.amount_minor)},{decimal(running)}"
        yield f'{entry.posted:%d/%m/%Y},{amounts},{entry.reference},"{entry.text}"\n'


def _mt940(lines: int) -> Iterator[str]:
    yield f":20:START\n:25:1\n:28C:1/1\n{_mt940_balance('60F', OPENING)}"
    yield from map(_mt940_entry, _entries(lines))
    yield f"{_mt940_balance('62F', _closing(lines))}-\n"


def _mt940_entry(entry: Entry) -> str:
    return (
        f":61:{entry.posted:%y%m%d%m%d}{_mt940_amount(entry.amount_minor, '')}"
        f"NMSCNONREF//{entry.reference}\n:86:{entry.text}\n"
    )


def _mt940_balance(tag: str, units: int) -> str:
    return f":{tag}:{_mt940_amount(units, '261231EUR')}\n"


def _mt940_amount(units: int, between: str) -> str:
    return f"{'D' if units < 0 else 'C'}{between}{decimal(abs(units), ',')}"


def _ofx(lines: int) -> Iterator[str]:
    yield (
        "OFXHEADER:100\nDATA:OFXSGML\n\n<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>EUR"
        "<BANKACCTFROM><ACCTID>1</BANKACCTFROM><BANKTRANLIST>\n"
    )
    yield from map(_ofx_entry, _entries(lines))
    yield (
        f"</BANKTRANLIST><LEDGERBAL><BALAMT>{decimal(_closing(lines))}<DTASOF>20261231</LEDGERBAL>"
        "</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>\n"
    )


def _ofx_entry(entry: Entry) -> str:
    return (
        f"<STMTTRN><TRNTYPE>OTHER<DTPOSTED>{entry.posted:%Y%m%d}<TRNAMT>"
        f"{decimal(entry.amount_minor)}<FITID>{entry.reference}<MEMO>{entry.text}</STMTTRN>\n"
    )


WRITERS: dict[str, Callable[[int], Iterable[str]]] = {
    "bai2": _bai2,
    "camt": _camt,
    "csv": _csv,
    "mt940": _mt940,
    "ofx": _ofx,
}
