"""Every format: the same lines, whatever the encoding; what does not add up is told and why."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from loader.bank_formats.reading import check_file, profiles_for, read_statements
from loader.bank_formats.statement import Statement, StatementLine, UnreadableStatementError
from tests.bank_formats.samples import AMOUNTS, FILES, PROFILE
from tests.commands import tieout

FORMATS = sorted(FILES)


def written(folder: Path, text: str, encoding: str = "utf-8", profile: str = PROFILE) -> Path:
    (folder / "bank.profile.yml").write_text(profile, encoding="utf-8")
    path = folder / "whatever.dat"
    path.write_bytes(text.encode(encoding))
    return path


def lines_of(path: Path) -> list[StatementLine]:
    _, items = read_statements(path, profiles_for(path))
    return [item for item in items if isinstance(item, StatementLine)]


def statement_of(path: Path) -> Statement:
    (statement,) = check_file(path, profiles_for(path)).statements
    return statement


@pytest.mark.parametrize("name", FORMATS)
def test_a_whole_statement_is_read_to_the_cent_and_the_character(name: str, tmp_path: Path) -> None:
    path = written(tmp_path, FILES[name])
    found = check_file(path, profiles_for(path))
    assert (found.format, found.whole) == (name, True)
    (statement,) = found.statements
    assert statement.account.endswith("202051")
    assert (statement.currency, statement.lines, statement.sum_minor) == ("eur", 3, 78450)
    assert statement.closing_minor == 178450
    assert statement.opening_minor == (None if name == "ofx" else 100000)
    lines = lines_of(path)
    assert [line.amount_minor for line in lines] == AMOUNTS
    assert lines[0].reference == "REF1"
    assert "STRIPE" in lines[0].description.upper()
    if name != "bai2":  # whose lines are of the day of their group
        days = [date(2026, 1, 9), date(2026, 1, 12), date(2026, 1, 13)]
        assert [line.posted_date for line in lines] == days
        assert "Ä1" in lines[0].description


@pytest.mark.parametrize("name", ["csv", "mt940", "ofx"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16"])
def test_text_is_read_in_any_encoding(name: str, encoding: str, tmp_path: Path) -> None:
    path = written(tmp_path, FILES[name], encoding)
    assert statement_of(path).whole
    assert "Ä1" in lines_of(path)[0].description


def test_names_that_a_bank_wrapped_are_whole(tmp_path: Path) -> None:
    line = lines_of(written(tmp_path, FILES["mt940"]))[0]
    assert line.counterparty == "Stripe Technology Europe Ltd"
    line = lines_of(written(tmp_path, FILES["camt"]))[0]
    assert (line.counterparty, line.end_to_end_id) == ("Stripe Technology Europe Ltd", "E2E-1")
    line = lines_of(written(tmp_path, FILES["bai2"]))[0]
    assert "ORIG ID:1800948598 DESC DATE:260109, CO ENTRY DESCR:TRANSFER" in line.description


def test_an_mt940_begins_on_the_day_after_its_opening_balance(tmp_path: Path) -> None:
    def first_day(opened: str, entry: str) -> date | None:
        text = (
            f":20:1\n:25:1\n:28C:1/1\n:60F:C{opened}EUR1,00\n"
            f":61:{entry}C1,00NMSCNONREF\n:62F:C260131EUR2,00\n-\n"
        )
        return statement_of(written(tmp_path, text)).period_from

    assert first_day("251231", "260105") == date(2026, 1, 1)
    assert first_day("260101", "260101") == date(2026, 1, 1)  # some banks date it so
    assert first_day("260131", "260131") == date(2026, 1, 31)


@pytest.mark.parametrize(
    ("totals", "whole"),
    [
        (":90D:1EUR2,50\n:90C:2EUR7,00\n", True),
        (":90D:1EUR2,50\n:90C:3EUR7,00\n", False),
        (":90D:1EUR2,51\n:90C:2EUR7,00\n", False),
        (":90D:none\n", False),
    ],
)
def test_an_mt942_is_held_against_its_own_totals(totals: str, whole: bool, tmp_path: Path) -> None:
    text = (
        ":20:1\n:25:1\n:28C:1/1\n:34F:EUR0,\n:13D:2601051200+0100\n"
        ":61:2601050105C3,00NMSCNONREF\n:61:2601050105C4,00NMSCNONREF\n"
        f":61:2601050105D2,50NMSCNONREF\n{totals}-\n"
    )
    statement = statement_of(written(tmp_path, text))
    assert (statement.whole, statement.lines) == (whole, 3)


@pytest.mark.parametrize(("off", "whole"), [("0", True), ("0.01", False), ("nan", False)])
def test_a_camt_is_held_against_its_own_sums(off: str, whole: bool, tmp_path: Path) -> None:
    text = FILES["camt"]
    came = sum(units for units in AMOUNTS if units > 0)
    total = f"<TtlCdtNtries><Sum>{Decimal(came) / 100 + Decimal(off)}</Sum></TtlCdtNtries>"
    path = written(tmp_path, text.replace("<TxsSummry>", f"<TxsSummry>{total}"))
    assert statement_of(path).whole is whole


# What is changed in which format, and what the reason has to name.
FAULTS = {
    ("camt", "a cent off"): ("4.75", "4.76", "closing balance"),
    ("camt", "an impossible date"): ("2026-01-12", "2026-02-30", "entry 2"),
    ("camt", "an impossible amount"): ("20.25<", "20.255<", "entry 2"),
    ("camt", "a batch that does not add up"): (">0.25<", ">0.26<", "entry 2"),
    ("camt", "an entry too few"): ("<NbOfNtries>3", "<NbOfNtries>4", "4 entries"),
    ("camt", "another currency"): ('Ccy="EUR">4.75', 'Ccy="USD">4.75', "entry 3"),
    ("ofx", "an impossible date"): ("20260112", "20261312", "line 13"),
    ("ofx", "an impossible amount"): ("-20.25", "-20.2x", "line 13"),
    ("ofx", "cut short"): ("</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>", "", "cut short"),
    ("mt940", "a cent off"): ("C4,75", "C4,76", "closing balance"),
    ("mt940", "an impossible date"): (":61:260112", ":61:260230", "line 8"),
    ("mt940", "cut short"): (":62F:C260131EUR1784,50\n-}\n", "", "cut short"),
    ("bai2", "a cent off"): ("16,354,475", "16,354,476", "trailer"),
    ("bai2", "an unknown type"): ("16,354", "16,799", "type code 799"),
    ("bai2", "a record too few"): ("\n16,469,2025,,REF2,,Fees/", "", "trailer"),
    ("bai2", "an impossible date"): (",260113,2400", ",261313,2400", "is no date"),
    ("bai2", "cut short"): ("\n99,", "\n88,", "trailer (99)"),
    ("csv", "a cent off"): (";4,75;", ";4,76;", "running balance"),
    ("csv", "an impossible date"): ("12.01.2026", "31.02.2026", "line 4"),
    ("csv", "an amount that is none"): ("-20,25", "-20,2x", "line 4"),
    ("csv", "a row too short"): ("Fees;-20,25;1.779,75;REF2", "Fees", "line 4"),
}


@pytest.mark.parametrize(("name", "fault"), FAULTS, ids=str)
def test_what_does_not_add_up_is_not_whole_and_says_why(
    name: str, fault: str, tmp_path: Path
) -> None:
    old, new, reason = FAULTS[name, fault]
    assert old in FILES[name]
    statement = statement_of(written(tmp_path, FILES[name].replace(old, new)))
    assert not statement.whole
    assert reason in (statement.reason or "")
    missing = {"an entry too few": 0, "a record too few": 1}.get(fault, 0)
    assert statement.lines == 3 - missing


HOSTILE = {
    "entity bomb": '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><Document>&b;</Document>',
    "document type": '<?xml version="1.0"?><!DOCTYPE Document><Document/>',
    "document type of OFX": "<OFX><!DOCTYPE a></OFX>",
    "NUL bytes": "01,1\0,2/",
    "NUL bytes far down": "01,1,2/\n" * 2_000 + "\0",
    "nothing": " \n",
    "some text": "Dear customer,\nplease find enclosed nothing.\n",
    "XML of another kind": "<?xml version='1.0'?><html><body/></html>",
    "half an XML file": FILES["camt"][:900],
    "MT940 without a statement": ":20:A\n:28C:1\n",
    "BAI2 without an account": "01,1,2/\n99,0,0,2/\n",
    "OFX without an account": "<OFX></OFX>",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_statement_is_refused_with_a_reason(kind: str, tmp_path: Path) -> None:
    path = written(tmp_path, HOSTILE[kind])
    with pytest.raises(UnreadableStatementError) as caught:
        check_file(path, profiles_for(path))
    assert str(caught.value)


def test_bai2_may_have_several_records_on_a_line_and_texts_over_several(tmp_path: Path) -> None:
    text = FILES["bai2"].replace("/\n02", "/   02").replace(":1800948598/", ":1800948598\n more/")
    path = written(tmp_path, text)
    assert statement_of(path).whole
    assert "1800948598 more DESC DATE" in lines_of(path)[0].description


def test_ofx_may_leave_elements_empty(tmp_path: Path) -> None:
    text = FILES["ofx"].replace("<CURDEF>EUR", "<CURDEF>").replace(">1784.50", ">")
    text = text.replace("<FITID>REF1", "<FITID>REF1<CURRENCY><CURRATE>1<CURSYM>EUR</CURRENCY>")
    statement = statement_of(written(tmp_path, text))
    assert (statement.whole, statement.currency, statement.closing_minor) == (True, "eur", None)


def test_mt940_may_begin_without_a_date_and_break_texts(tmp_path: Path) -> None:
    text = FILES["mt940"].replace(":60F:C260101", ":60F:C000000")
    cut, short = "Fees of the account in " + "x" * 39, "January"
    text = text.replace("/EREF/NOTPROVIDED/REMI/Fees", f"{cut[:62]}abc\ndef\n{short}")
    path = written(tmp_path, text)
    assert statement_of(path).whole
    assert lines_of(path)[1].description.endswith("abcdef January")


def test_a_running_balance_may_begin_with_the_newest(tmp_path: Path) -> None:
    first, header, *rows = FILES["csv"].splitlines()
    path = written(tmp_path, "\n".join([first, header, *reversed(rows)]))
    assert statement_of(path).whole
    assert statement_of(path).opening_minor == 100000
    path = written(tmp_path, path.read_text(), profile=PROFILE + "newest_first: false\n")
    assert not statement_of(path).whole


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [("1500", "jpy", 1500), ("1.234", "kwd", 1234), ("100", "isk", 10000), ("12.5", "usd", 1250)],
)
def test_amounts_are_in_the_minor_units_that_stripe_uses(
    amount: str, currency: str, units: int, tmp_path: Path
) -> None:
    profile = "account: a\ncurrency: X\ndate_format: '%Y-%m-%d'\n" + (
        "columns: {posted_date: D, amount: A}\n"
    )
    path = written(tmp_path, f"D,A\n2026-01-01,{amount}\n", profile=profile.replace("X", currency))
    assert statement_of(path).sum_minor == units


def test_a_profile_that_says_too_little_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, FILES["csv"], profile="date_format: '%d'\ncolumns: {amount: A}\n")
    with pytest.raises(UnreadableStatementError, match=r"columns\.posted_date"):
        profiles_for(path)


def test_the_command_tells_programs_and_people(tmp_path: Path) -> None:
    path = written(tmp_path, FILES["camt"])
    outcome = tieout("bank", "check", str(path), "--json")
    assert outcome.returncode == 0
    assert json.loads(outcome.stdout) == {
        "format": "camt",
        "whole": True,
        "statements": [
            {
                "account": "DE02120300000000202051",
                "currency": "eur",
                "lines": 3,
                "sum_minor": 78450,
                "opening_minor": 100000,
                "closing_minor": 178450,
                "whole": True,
                "reason": None,
            }
        ],
    }
    written(tmp_path, FILES["camt"].replace("4.75", "4.76"))
    outcome = tieout("bank", "check", str(path))
    assert outcome.returncode == 3
    assert "178451" in outcome.stdout.replace("\n", "")
    for name in ("whatever.dat", "nowhere"):
        path.write_text("nothing")
        outcome = tieout("bank", "check", str(tmp_path / name))
        assert outcome.returncode == 1
        assert "can't be read as a bank statement" in outcome.stderr


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        ('<?xml version="1.0" encoding="no-such-code"?><Document/>', PROFILE),
        (FILES["csv"], PROFILE.replace('delimiter: ";"', 'delimiter: "::"')),
        (FILES["csv"], PROFILE + "since: 2026-13-45\n"),
    ],
    ids=["an unknown encoding", "a delimiter of two characters", "a date that is none"],
)
def test_what_a_reader_stumbles_over_is_told(text: str, profile: str, tmp_path: Path) -> None:
    path = written(tmp_path, text, profile=profile)
    outcome = tieout("bank", "check", str(path))
    assert outcome.returncode == 1
    assert "can't be read" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_what_swifts_grammar_does_not_know_is_told_once(tmp_path: Path) -> None:
    path = written(tmp_path, FILES["mt940"].replace(":61:260112", ":61:nonsense", 1))
    outcome = tieout("bank", "check", str(path))
    assert outcome.returncode == 3
    assert "nonsense" in outcome.stdout
    assert outcome.stderr == ""
