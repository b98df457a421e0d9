"""Writes CAMT.053 (ISO 20022), each entry on a line of its own."""

from datetime import date
from xml.sax.saxutils import escape

from loader.sandbox.bank.statement import BankEntry, BankStatement, decimal_amount

_LONGEST_TEXT = 140
"""Of one `Ustrd`, by the standard."""


def write_camt(statement: BankStatement) -> str:
    """Return a document of one statement that names its period."""
    currency = statement.currency.upper()
    period = (
        f"<FrToDt><FrDtTm>{statement.since}T00:00:00</FrDtTm>"
        f"<ToDtTm>{statement.through}T23:59:59</ToDtTm></FrToDt>"
    )
    name = f"{statement.number}-{statement.since:%Y%m}"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>',
        f"<GrpHdr><MsgId>{name}</MsgId><CreDtTm>{statement.through}T23:59:59</CreDtTm></GrpHdr>",
        f"<Stmt><Id>{name}</Id>{period}",
        f"<Acct><Id><IBAN>{statement.number}</IBAN></Id><Ccy>{currency}</Ccy></Acct>",
        _balance("OPBD", statement.opening_minor, currency, statement.since),
        _balance("CLBD", statement.closing_minor, currency, statement.through),
        f"<TxsSummry><TtlNtries><NbOfNtries>{len(statement.entries)}</NbOfNtries></TtlNtries>"
        "</TxsSummry>",
        *(_entry(entry, currency) for entry in statement.entries),
        "</Stmt></BkToCstmrStmt></Document>",
    ]
    return "".join(f"{line}\n" for line in lines)


def _balance(code: str, units: int, currency: str, day: date) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{_amount(units, currency)}"
        f"<Dt><Dt>{day}</Dt></Dt></Bal>"
    )


def _amount(units: int, currency: str) -> str:
    direction = "DBIT" if units < 0 else "CRDT"
    amount = decimal_amount(abs(units))
    return f'<Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd>'


def _entry(entry: BankEntry, currency: str) -> str:
    family = "RCDT" if entry.is_credit else "ICDT"
    return (
        f"<Ntry>{_amount(entry.amount_minor, currency)}<Sts><Cd>BOOK</Cd></Sts>"
        f"<BookgDt><Dt>{entry.posted}</Dt></BookgDt><ValDt><Dt>{entry.posted}</Dt></ValDt>"
        f"<AcctSvcrRef>{escape(entry.reference)}</AcctSvcrRef>"
        f"<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly>"
        f"</Domn></BkTxCd><NtryDtls><TxDtls>{_details(entry)}</TxDtls></NtryDtls></Ntry>"
    )


def _details(entry: BankEntry) -> str:
    end_to_end_id = escape(entry.end_to_end_id or "NOTPROVIDED")
    party = "Dbtr" if entry.is_credit else "Cdtr"
    name = f"<{party}><Pty><Nm>{escape(entry.counterparty)}</Nm></Pty></{party}>"
    texts = (
        entry.text[place : place + _LONGEST_TEXT]
        for place in range(0, len(entry.text), _LONGEST_TEXT)
    )
    unstructured = "".join(f"<Ustrd>{escape(text)}</Ustrd>" for text in texts)
    return (
        f"<Refs><EndToEndId>{end_to_end_id}</EndToEndId></Refs>"
        + (f"<RltdPties>{name}</RltdPties>" if entry.counterparty else "")
        + f"<RmtInf>{unstructured}</RmtInf>"
    )
