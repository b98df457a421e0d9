"""Writes the same entries in every format, as banks do.

`told` are the entries that balances and control totals speak of, where they are others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from xml.sax.saxutils import escape

OPENING = 123_45


@dataclass(frozen=True)
class Entry:
    """One entry of an account in euro."""

    amount_minor: int
    posted: date
    reference: str
    text: str


def closing(entries: list[Entry]) -> int:
    return OPENING + sum(entry.amount_minor for entry in entries)


def decimal(units: int, mark: str = ".") -> str:
    sign = "-" if units < 0 else ""
    return f"{sign}{abs(units) // 100}{mark}{abs(units) % 100:02}"


def camt(entries: list[Entry], told: list[Entry] | None = None) -> str:
    def signed(units: int) -> str:
        direction = "DBIT" if units < 0 else "CRDT"
        return f'<Amt Ccy="EUR">{decimal(abs(units))}</Amt><CdtDbtInd>{direction}</CdtDbtInd>'

    def balance(code: str, units: int) -> str:
        kind = f"<Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        return f"<Bal>{kind}{signed(units)}<Dt><Dt>2026-01-31</Dt></Dt></Bal>"

    written = "".join(
        f"<Ntry>{signed(entry.amount_minor)}<Sts><Cd>BOOK</Cd></Sts>"
        f"<BookgDt><Dt>{entry.posted}</Dt></BookgDt><AcctSvcrRef>{entry.reference}</AcctSvcrRef>"
        f"<NtryDtls><TxDtls><RmtInf><Ustrd>{escape(entry.text)}</Ustrd></RmtInf></TxDtls></NtryDtls>"
        "</Ntry>"
        for entry in entries
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><Stmt>'
        "<Acct><Id><Othr><Id>1</Id></Othr></Id><Ccy>EUR</Ccy></Acct>"
        f"{balance('OPBD', OPENING)}{balance('CLBD', closing(told or entries))}"
        f"<TxsSummry><TtlNtries><NbOfNtries>{len(entries)}</NbOfNtries></TtlNtries></TxsSummry>"
        f"{written}</Stmt></BkToCstmrStmt></Document>"
    )


def ofx(entries: list[Entry], told: list[Entry] | None = None) -> str:
    written = "".join(
        f"<STMTTRN><TRNTYPE>OTHER<DTPOSTED>{entry.posted:%Y%m%d}<TRNAMT>"
        f"{decimal(entry.amount_minor)}<FITID>{entry.reference}<MEMO>{escape(entry.text)}</STMTTRN>\n"
        for entry in entries
    )
    return (
        "OFXHEADER:100\nDATA:OFXSGML\n\n<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>EUR"
        f"<BANKACCTFROM><ACCTID>1</BANKACCTFROM><BANKTRANLIST>{written}</BANKTRANLIST>"
        f"<LEDGERBAL><BALAMT>{decimal(closing(told or entries))}<DTASOF>20260131</LEDGERBAL>"
        "</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"
    )


def mt940(entries: list[Entry], told: list[Entry] | None = None) -> str:
    def mark(units: int) -> str:
        return "D" if units < 0 else "C"

    def balance(tag: str, units: int) -> str:
        return f":{tag}:{mark(units)}260131EUR{decimal(abs(units), ',')}\n"

    def wrapped(text: str) -> str:
        pieces = (text[place : place + 27] for place in range(0, len(text), 27))
        return "\n".join(f"?2{number}{piece}" for number, piece in enumerate(pieces))

    written = "".join(
        f":61:{entry.posted:%y%m%d}{entry.posted:%m%d}{mark(entry.amount_minor)}"
        f"{decimal(abs(entry.amount_minor), ',')}NMSCNONREF//{entry.reference}\n"
        f":86:166?00BOOKING\n{wrapped(entry.text)}\n"
        for entry in entries
    )
    return (
        ":20:START\n:25:1\n:28C:1/1\n"
        f"{balance('60F', OPENING)}{written}{balance('62F', closing(told or entries))}-\n"
    )


def bai2(entries: list[Entry], told: list[Entry] | None = None) -> str:
    """Write each day of entries as a group of its own: BAI2 has no other date."""
    lines, total, groups = ["01,BANK,US,260131,0500,1,,,2/"], 0, 0
    running = OPENING
    for day in sorted({entry.posted for entry in entries}):
        of_day = [entry for entry in entries if entry.posted == day]
        amounts = [entry.amount_minor for entry in told or entries if entry.posted == day]
        end = running + sum(amounts)
        control = running + end + sum(map(abs, amounts))
        lines += [f"02,US,BANK,1,{day:%y%m%d},2400,EUR,2/", f"03,1,EUR,010,{running},,/"]
        lines += [f"88,015,{end},,/"]
        for entry in of_day:
            code = 455 if entry.amount_minor < 0 else 165
            lines += [f"16,{code},{abs(entry.amount_minor)},Z,{entry.reference},,/"]
            lines += [f"88,{entry.text}"]
        lines += [f"49,{control},{3 + 2 * len(of_day)}/"]
        lines += [f"98,{control},1,{5 + 2 * len(of_day)}/"]
        running, total, groups = end, total + control, groups + 1
    return "\n".join([*lines, f"99,{total},{groups},{len(lines) + 1}/"]) + "\n"


def csv(entries: list[Entry], told: list[Entry] | None = None) -> str:
    rows, running = ["Day,Amount,Balance,Ref,Text"], OPENING
    for entry, said in zip(entries, told or entries, strict=True):
        running += said.amount_minor
        text = entry.text.replace('"', '""')
        amounts = f"{decimal(entry.amount_minor)},{decimal(running)}"
        rows.append(f'{entry.posted:%d/%m/%Y},{amounts},{entry.reference},"{text}"')
    return "\n".join(rows) + "\n"


PROFILE = """
account: "1"
currency: EUR
date_format: "%d/%m/%Y"
columns: {posted_date: Day, amount: Amount, balance: Balance, reference: Ref, description: [Text]}
"""
