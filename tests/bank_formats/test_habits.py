"""What banks write beside the letter of their format: read as meant, or told, never misread."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from loader.bank_formats.reading import check_file, profiles_for, read_statements
from loader.bank_formats.statement import Statement, StatementLine, UnreadableStatementError


def statements_of(path: Path) -> list[Statement]:
    return check_file(path, profiles_for(path)).statements


def put(folder: Path, text: str) -> Path:
    path = folder / "statement"
    path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return path


def lines_of(path: Path) -> list[StatementLine]:
    _, items = read_statements(path, profiles_for(path))
    return [item for item in items if isinstance(item, StatementLine)]


def mt940(
    entry: str, closing: str = "990,00", account: str = ":25:DE1", opened: str = "1000,00"
) -> str:
    return (
        f":20:S\n{account}\n:28C:1/1\n:60F:C250101EUR{opened}\n{entry}\n"
        f":62F:C250131EUR{closing}\n-\n"
    )


@pytest.mark.parametrize(
    ("opening", "amount", "closing"),
    [
        ("1000.10", "10.20", "1010.30"),
        ("1.000,10", "10,20", "1.010,30"),
        ("1,000.10", "10.20", "1,010.30"),
        ("000000001000.10", "000000000010.20", "000000001010.30"),
    ],
)
def test_an_mt940_may_write_its_amounts_with_other_marks(
    opening: str, amount: str, closing: str, tmp_path: Path
) -> None:
    path = put(tmp_path, mt940(f":61:250102C{amount}NTRFNONREF", closing, opened=opening))
    (statement,) = statements_of(path)
    assert statement.whole
    found = (statement.opening_minor, statement.sum_minor, statement.closing_minor)
    assert found == (100010, 1020, 101030)


def test_an_amount_that_may_be_thousands_or_decimals_is_not_taken(tmp_path: Path) -> None:
    path = put(tmp_path, mt940(":61:250102C10,00NTRFNONREF", "1.010", opened="1.000"))
    (statement,) = statements_of(path)
    assert "may be thousands as well as decimals" in (statement.reason or "")
    assert statement.lines == 1


@pytest.mark.parametrize(
    ("entry", "reference", "description"),
    [
        (":61:2501020102D10,00NTRFNONREF\n:86:first\n:86:second", None, "NONREF first second"),
        (":61:2501020102D10,00NTRFNONREF\n:NS:01A\n02B", None, "NONREF 01A 02B"),
        (
            ":61:2501020102D10,00NIDBNL08ABNA9999999999\na name\nmore\n:86:text",
            None,
            "NL08ABNA9999999999 a name more text",
        ),
        (":61:2501020102D10,00NTRFNONREF//B1\nsupplement", "B1", "NONREF supplement"),
        (
            ":61:2501020102D10,00NTRFA-REFERENCE-OF-MORE//B1",
            "B1",
            "A-REFERENCE-OF-MORE",
        ),
        (":61:2501020102231740DN000000000010,00N767NONREF//B1", "B1", "NONREF"),
    ],
)
def test_an_entry_of_mt940_keeps_all_that_is_said_of_it(
    entry: str, reference: str | None, description: str, tmp_path: Path
) -> None:
    path = put(tmp_path, mt940(entry))
    (line,) = lines_of(path)
    assert (line.amount_minor, line.reference, line.description) == (-1000, reference, description)
    assert statements_of(path)[0].whole


@pytest.mark.parametrize("account", [":25P:DE1\nBICCODE", ":25:DE1\n:NS:22John\n23Doe"])
def test_the_account_of_an_mt940_is_its_number_alone(account: str, tmp_path: Path) -> None:
    path = put(tmp_path, mt940(":61:250102D10,00NTRFNONREF", account=account))
    assert [statement.account for statement in statements_of(path)] == ["DE1"]


def test_an_entry_that_is_expected_is_pending(tmp_path: Path) -> None:
    path = put(tmp_path, mt940(":61:2501290130ED10,00NTRFNONREF", closing="1000,00"))
    assert [line.is_booked for line in lines_of(path)] == [False]
    assert statements_of(path)[0].whole


@pytest.mark.parametrize(("floor", "whole"), [("EURD1000,", True), ("EUR0,", False)])
def test_totals_of_an_mt942_hold_where_every_entry_is_listed(
    floor: str, whole: bool, tmp_path: Path
) -> None:
    text = f":20:S\n:25:1\n:28C:1\n:34F:{floor}\n:61:250129D5000,NTRFNONREF\n:90D:3EUR5100,\n-\n"
    assert [statement.whole for statement in statements_of(put(tmp_path, text))] == [whole]


OFX_ENTRY = "<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20250102<TRNAMT>{amount}<FITID>{name}<NAME>{name}"
OFX_HEADER = "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\n\n"


def ofx(entries: str, account: str = "42") -> str:
    return (
        "<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>USD"
        f"<BANKACCTFROM><ACCTID>{account}</BANKACCTFROM><BANKTRANLIST>{entries}</BANKTRANLIST>"
        "<LEDGERBAL><BALAMT>100.00<DTASOF>20250131</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1>"
        "</OFX>\n"
    )


ONE, TWO = OFX_ENTRY.format(amount="1.00", name="A"), OFX_ENTRY.format(amount="2.00", name="B")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (OFX_HEADER + ofx(ONE + TWO), [("42", 2, 300)]),
        (OFX_HEADER + ofx(ONE + TWO + "</STMTTRN>"), [("42", 2, 300)]),
        (OFX_HEADER + ofx(ONE) + OFX_HEADER + ofx(TWO, "43"), [("42", 1, 100), ("43", 1, 200)]),
        (OFX_HEADER + ofx(f"<!-- {ONE} --></BANKTRANLIST>{TWO}"), [("42", 1, 200)]),
        ("<?xml version='1.0'?>\n" + ofx(ONE), [("42", 1, 100)]),
        (
            "<?xml version='1.0'?><!-- a, b; c -->\n<?OFX OFXHEADER='200'?>" + ofx(ONE),
            [("42", 1, 100)],
        ),
        ("DATA:OFXSGML\nENCODING:UTF-8\n" + ofx(ONE), [("42", 1, 100)]),
    ],
)
def test_an_ofx_loses_no_entry_and_takes_none_that_is_none(
    text: str, found: list[tuple[str, int, int]], tmp_path: Path
) -> None:
    statements = statements_of(put(tmp_path, text))
    assert [(each.account, each.lines, each.sum_minor) for each in statements] == found
    assert {(each.whole, each.closing_minor) for each in statements} == {(True, 10_000)}


def test_an_ofx_may_write_texts_as_cdata(tmp_path: Path) -> None:
    entry = ONE.replace("<NAME>A", "<NAME><![CDATA[A & B < C]]></NAME>")
    (line,) = lines_of(put(tmp_path, OFX_HEADER + ofx(entry)))
    assert line.counterparty == "A & B < C"


@pytest.mark.parametrize("begun", ["<!-- ", "<![CDATA["])
def test_a_comment_without_an_end_is_refused(begun: str, tmp_path: Path) -> None:
    path = put(tmp_path, OFX_HEADER + ofx(f"{ONE}{begun}{TWO}"))
    with pytest.raises(UnreadableStatementError):
        statements_of(path)


def bai2(entries: str, total: int, records: int) -> str:
    return (
        "01,A,B,250131,0500,1,,,2/\n02,A,B,1,250131,,USD,2/\n03,42,USD,010,1000,,/\n"
        f"{entries}49,{total},{records}/\n98,{total},1,{records + 2}/\n"
        f"99,{total},1,{records + 4}/\n"
    )


@pytest.mark.parametrize(
    ("text", "sums"),
    [
        (bai2("16,142,500,,,,TEXT/\n", 1500, 3) * 2, [500, 500]),
        (bai2("16,721,500,,,,INTEREST/\n16,760,300,,,,LOAN/\n", 1800, 4), [200]),
        (bai2("16,142,500,D/\n88,1,0,500,REF,,TEXT/\n", 1500, 4), [500]),
        (bai2("16,142/\n88,500,,REF,,TEXT/\n", 1500, 4), [500]),
    ],
)
def test_bai2_goes_on_in_more_files_and_records(text: str, sums: list[int], tmp_path: Path) -> None:
    statements = statements_of(put(tmp_path, text))
    assert [(each.sum_minor, each.reason) for each in statements] == [(each, None) for each in sums]


def test_bai2_has_no_decimals(tmp_path: Path) -> None:
    (statement,) = statements_of(put(tmp_path, bai2("16,142,5.00,,,,TEXT/\n", 1500, 3)))
    assert statement.faults[0] == "line 4: '5.00' is no amount in minor units"


def camt(entry: str, closing: str, before: str = '<?xml version="1.0"?>') -> str:
    balance = (
        '<Bal><Tp><CdOrPrtry><Cd>{}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{}</Amt>'
        "<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2025-01-31</Dt></Dt></Bal>"
    )
    return (
        f"{before}<Document><BkToCstmrStmt><GrpHdr><CreDtTm>2025-01-31T19:00:00</CreDtTm></GrpHdr>"
        "<Stmt><Acct><Id><IBAN>DE1</IBAN></Id><Ccy>EUR</Ccy></Acct>"
        + balance.format("OPBD", "0.00")
        + balance.format("CLBD", closing)
        + f"<Ntry>{entry}</Ntry></Stmt></BkToCstmrStmt></Document>"
    )


def camt_entry(status: str, day: str, details: str = "") -> str:
    booked = f"<BookgDt><Dt>{day}</Dt></BookgDt>" if day else ""
    return (
        f'<Amt Ccy="EUR">19.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>{status}</Sts>{booked}{details}'
    )


DETAIL = '<TxDtls><Amt Ccy="EUR">10.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>{}</TxDtls>'
CHARGED = f"<NtryDtls>{DETAIL.format('')}{DETAIL.format('<Chrgs/>')}</NtryDtls>"
IN_PART = f"<NtryDtls><Btch><NbOfTxs>9</NbOfTxs></Btch>{DETAIL.format('') * 2}</NtryDtls>"
NOT_ALL = f"<NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch>{DETAIL.format('') * 2}</NtryDtls>"


@pytest.mark.parametrize(
    ("entry", "closing", "whole"),
    [
        (camt_entry("PDNG", ""), "0.00", True),
        (camt_entry("BOOK", ""), "19.00", False),
        (camt_entry("BOOK", "2025-01-30", CHARGED), "19.00", True),
        (camt_entry("BOOK", "2025-01-30", IN_PART), "19.00", True),
        (camt_entry("BOOK", "2025-01-30", NOT_ALL), "19.00", False),
    ],
)
def test_a_camt_is_held_against_what_it_shows(
    entry: str, closing: str, whole: bool, tmp_path: Path
) -> None:
    (statement,) = statements_of(put(tmp_path, camt(entry, closing)))
    assert (statement.lines, statement.whole) == (1, whole), statement.reason


def test_a_camt_may_lie_in_an_envelope_without_a_declaration(tmp_path: Path) -> None:
    text = camt(camt_entry("BOOK", "2025-01-30"), "19.00", "<BusMsgEnvlp>") + "</BusMsgEnvlp>"
    assert [statement.whole for statement in statements_of(put(tmp_path, text))] == [True]


PROFILE = """
account: "1"
currency: usd
date_format: "%Y-%m-%d"
thousands_mark: ","
columns: {posted_date: Day, description: [Text], balance: Balance, AMOUNTS}
"""


@pytest.mark.parametrize(
    ("columns", "rows", "found"),
    [
        (
            "amount: Amount",
            'Day,Text,Amount,Balance\n2025-01-01,Beginning balance,,"1,000.00"\n'
            '2025-01-02,Stripe,5.00,"1,005.00"\n',
            (1, 500, 100_000, True),
        ),
        (
            "amount: Amount",
            'Day,Text,Amount,Balance\n2025-01-02,Stripe,5.00,"1,005.00"\n'
            '2025-01-03,Lost,,"1,009.00"\n',
            (1, 500, 100_000, False),
        ),
        (
            "credit: In, debit: Out",
            "Day,Text,In,Out,Balance\n2025-01-02,Stripe,5.00,0.00,15.00\n"
            "2025-01-03,Fee,0.00,2.00,13.00\n",
            (2, 300, 1_000, True),
        ),
        (
            "amount: Amount",
            'Day,Text,Amount,Balance\n2025-01-02,Stripe,$5.00,"$1,005.00"\n'
            '2025-01-03,Fee,-$1.00,"$1,004.00"\n',
            (2, 400, 100_000, True),
        ),
    ],
)
def test_a_csv_is_read_as_its_bank_means_it(
    columns: str, rows: str, found: tuple[int, int, int, bool], tmp_path: Path
) -> None:
    (tmp_path / "bank.profile.yml").write_text(
        PROFILE.replace("AMOUNTS", columns), encoding="utf-8"
    )
    (statement,) = statements_of(put(tmp_path, rows))
    told = (statement.lines, statement.sum_minor, statement.opening_minor, statement.whole)
    assert told == found, statement.reason


def test_what_a_csv_gives_no_balance_to_may_be_pending(tmp_path: Path) -> None:
    rows = (
        "Day,Text,Amount,Balance\n2025-01-03,Stripe,7.00, \n2025-01-02,Fee,-2.00,13.00\n"
        "2025-01-02,Stripe,5.00,15.00\n"
    )
    profile = PROFILE.replace("AMOUNTS", "amount: Amount")
    for said, whole, booked in (("", False, 1_000), ("pending_without_balance: true", True, 300)):
        (tmp_path / "bank.profile.yml").write_text(f"{profile}{said}\n", encoding="utf-8")
        (statement,) = statements_of(put(tmp_path, rows))
        assert (statement.lines, statement.sum_minor, statement.whole) == (3, booked, whole)


def test_a_csv_may_have_no_header(tmp_path: Path) -> None:
    header = "header: [Day, Amount, Sign, Text]\n"
    profile = PROFILE.replace("balance: Balance, AMOUNTS", "amount: Amount") + header
    (tmp_path / "bank.profile.yml").write_text(profile, encoding="utf-8")
    rows = '"2025-01-02","5.00","*","STRIPE TRANSFER"\n"2025-01-03","-1.00","*","FEE"\n'
    (statement,) = statements_of(put(tmp_path, rows))
    assert (statement.lines, statement.sum_minor, statement.reason) == (2, 400, None)
    for other in ('"2025-01-02","5.00","*"\n', '"02.01.2025","5.00","*","STRIPE"\n'):
        with pytest.raises(UnreadableStatementError, match="no CSV that a profile describes"):
            statements_of(put(tmp_path, other))


def test_an_archive_is_to_be_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "statements.zip"
    path.write_bytes(b"PK\x03\x04\x14\x00")
    with pytest.raises(UnreadableStatementError, match="unpack it"):
        statements_of(path)
