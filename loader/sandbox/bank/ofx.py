"""Writes OFX 1.02 (SGML: tags of values have no end)."""

from collections.abc import Iterator
from xml.sax.saxutils import escape

from loader.sandbox.bank.statement import BankEntry, BankStatement, decimal_amount

_LONGEST_NAME = 32
_HEADER = (
    "OFXHEADER:100",
    "DATA:OFXSGML",
    "VERSION:102",
    "SECURITY:NONE",
    "ENCODING:UTF-8",
    "CHARSET:NONE",
    "COMPRESSION:NONE",
    "OLDFILEUID:NONE",
    "NEWFILEUID:NONE",
    "",
)
_SIGNED_ON = "<STATUS><CODE>0<SEVERITY>INFO</STATUS>"


def write_ofx(statement: BankStatement) -> str:
    """Return one statement, which has a closing balance only, as the format will have it."""
    lines = [
        *_HEADER,
        f"<OFX><SIGNONMSGSRSV1><SONRS>{_SIGNED_ON}<DTSERVER>{statement.through:%Y%m%d}235959"
        "<LANGUAGE>ENG</SONRS></SIGNONMSGSRSV1>",
        f"<BANKMSGSRSV1><STMTTRNRS><TRNUID>1{_SIGNED_ON}",
        f"<STMTRS><CURDEF>{statement.currency.upper()}",
        f"<BANKACCTFROM><BANKID>121000248<ACCTID>{statement.number}<ACCTTYPE>CHECKING"
        "</BANKACCTFROM>",
        f"<BANKTRANLIST><DTSTART>{statement.since:%Y%m%d}<DTEND>{statement.through:%Y%m%d}",
        *("".join(_transaction(entry)) for entry in statement.entries),
        "</BANKTRANLIST>",
        f"<LEDGERBAL><BALAMT>{decimal_amount(statement.closing_minor)}"
        f"<DTASOF>{statement.through:%Y%m%d}</LEDGERBAL>",
        "</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>",
    ]
    return "".join(f"{line}\n" for line in lines)


def _transaction(entry: BankEntry) -> Iterator[str]:
    yield f"<STMTTRN><TRNTYPE>{'CREDIT' if entry.is_credit else 'DEBIT'}"
    yield f"<DTPOSTED>{entry.posted:%Y%m%d}120000<TRNAMT>{decimal_amount(entry.amount_minor)}"
    yield f"<FITID>{escape(entry.reference)}"
    if entry.counterparty:
        yield f"<NAME>{escape(entry.counterparty[:_LONGEST_NAME])}"
    yield f"<MEMO>{escape(entry.text)}</STMTTRN>"
