"""Reads CAMT.053 statements, CAMT.052 reports and CAMT.054 notices (ISO 20022).

One line per entry (`Ntry`), read as it streams by. Booked entries count; pending ones are kept and
marked. A batch entry's details must add up to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import Element, ParseError, iterparse

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from loader.bank_formats.amounts import currency_of, minor_units
from loader.bank_formats.statement import Statement, StatementLine, UnreadableStatementError

_STATEMENTS = frozenset({"Stmt", "Rpt", "Ntfctn"})
_OPENINGS = ("OPBD", "PRCD")
_CLOSINGS = ("CLBD",)
_INTERMEDIATE = "ITBD"


def read_camt(path: Path) -> Iterator[StatementLine | Statement]:
    """Yield each statement's lines, then the statement.

    Raises:
        UnreadableStatementError: it is no well-formed XML, or holds what no statement needs.
    """
    try:
        with path.open("rb") as file:
            _refuse_document_type(file)
            file.seek(0)
            yield from _read(file)
    except DefusedXmlException:
        raise UnreadableStatementError(
            "it declares a document type or entities, which no bank statement needs"
        ) from None
    except ParseError as error:
        raise UnreadableStatementError(f"it is no well-formed XML: {error}") from None


def _refuse_document_type(file: IO[bytes]) -> None:
    """Read up to the first element, before which a document type and its entities would stand.

    What follows is read by Python's own parser, which is three times as fast.
    """
    next(defusedxml.ElementTree.iterparse(file, events=("start",), forbid_dtd=True), None)


def _read(file: IO[bytes]) -> Iterator[StatementLine | Statement]:
    reading: _Reading | None = None
    made_on: date | None = None
    found = 0
    for event, element in iterparse(file, events=("start", "end")):  # noqa: S314 - see above
        if reading is None:
            if event == "end" and _local(element) == "GrpHdr":
                made_on = _made_on(element)
            is_begun = event == "start" and _local(element) in _STATEMENTS
            reading = _Reading(element, made_on) if is_begun else None
        elif event == "end":
            element.tag = _local(element)  # each version of the format has a namespace of its own
            taken = reading.take(element)
            if taken is not None:
                yield taken
            if isinstance(taken, Statement):
                reading, found = None, found + 1
    if not found:
        raise UnreadableStatementError("it is XML without a statement, report or notice of CAMT")


def _made_on(header: Element) -> date | None:
    """Answer the day on which a message was made, of its header."""
    for part in header:
        part.tag = _local(part)
    return _date_or_none(header, "CreDtTm")


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


class _Reading:
    """One statement while it is read."""

    def __init__(self, element: Element, made_on: date | None) -> None:
        self._element = element
        self._made_on = made_on
        self._statement = Statement(account="", currency="")
        self._pending = 0
        self._counted = {"TtlCdtNtries": (0, 0), "TtlDbtNtries": (0, 0)}
        self._balances: dict[str, list[tuple[date | None, int]]] = {}

    def take(self, element: Element) -> StatementLine | Statement | None:
        """Take an element at its end; answer the line or the statement that it is."""
        if element is self._element:
            statement = self._closed()
            element.clear()
            return statement
        if element.tag == "Bal":
            self._take_balance(element)
        elif element.tag == "Ntry":
            line = self._take_entry(element)
            self._element.remove(element)  # what was read is let go
            return line
        return None

    def _take_entry(self, element: Element) -> StatementLine | None:
        statement = self._identified(element)
        number = statement.lines + 1
        try:
            line = _line(statement, element, self._made_on)
        except ValueError as error:
            statement.add_unreadable(f"entry {number}: {error}")
            return None
        self._pending += not line.is_booked
        side = "TtlCdtNtries" if line.amount_minor > 0 else "TtlDbtNtries"
        count, units = self._counted[side]
        self._counted[side] = (count + 1, units + abs(line.amount_minor))
        fault = _batch_fault(element, line)
        if fault is not None:
            statement.faults.append(f"entry {number}: {fault}")
        return statement.add(line)

    def _take_balance(self, element: Element) -> None:
        statement = self._identified(element)
        code = _text(element, "Tp/CdOrPrtry/Cd") or ""
        try:
            amount = _amount(element, statement.currency)
            day = _date(element, "Dt")
        except ValueError as error:
            statement.faults.append(f"balance {code}: {error}")
            return
        self._balances.setdefault(code, []).append((day, amount))

    def _closed(self) -> Statement:
        statement = self._identified(self._element)
        self._set_balances()
        self._set_period()
        stated = _text(self._element, "TxsSummry/TtlNtries/NbOfNtries")
        if stated is not None and stated.strip().isdigit():
            booked = statement.lines - self._pending
            if int(stated) not in (statement.lines, booked):
                statement.faults.append(
                    f"it says that it has {int(stated)} entries, and holds {statement.lines}"
                )
        for side, counted in self._counted.items():
            self._hold_total(side, counted)
        return statement

    def _hold_total(self, side: str, counted: tuple[int, int]) -> None:
        """Hold the credits or the debits against what the file says of them.

        Whether pending entries are among them no bank says: where there are some, it is left.
        """
        stated = _text(self._element, f"TxsSummry/{side}/Sum")
        if stated is None or self._pending:
            return
        try:
            units = minor_units(stated, self._statement.currency)
        except ValueError as error:
            self._statement.faults.append(f"{side}: {error}")
            return
        if units != counted[1]:
            self._statement.faults.append(
                f"{side}: it says that they add up to {units}, and they make {counted[1]} (minor "
                "units)"
            )

    def _identified(self, with_amount: Element) -> Statement:
        """Answer the statement, its account and currency filled as soon as they are known."""
        statement = self._statement
        if not statement.account:
            statement.account = (
                _text(self._element, "Acct/Id/IBAN")
                or _text(self._element, "Acct/Id/Othr/Id")
                or ""
            )
        if not statement.currency:
            amount = with_amount.find("Amt")
            code = _text(self._element, "Acct/Ccy") or (
                amount.get("Ccy") if amount is not None else None
            )
            try:
                statement.currency = currency_of(code) if code else ""
            except ValueError as error:
                statement.faults.append(str(error))
        return statement

    def _set_balances(self) -> None:
        intermediate = self._balances.get(_INTERMEDIATE, [])
        openings = [b for code in _OPENINGS for b in self._balances.get(code, [])]
        closings = [b for code in _CLOSINGS for b in self._balances.get(code, [])]
        if intermediate and (openings or len(intermediate) > 1):
            closings = closings or [intermediate[-1]]
        if intermediate and (closings != [intermediate[0]]):
            openings = openings or [intermediate[0]]
        if openings:
            self._statement.opening_minor = openings[0][1]
        if closings:
            self._statement.closing_minor = closings[-1][1]
            self._statement.period_through = closings[-1][0]

    def _set_period(self) -> None:
        period = self._element.find("FrToDt")
        if period is not None:
            self._statement.period_from = _date_or_none(period, "FrDtTm", "FrDt")
            self._statement.period_through = _date_or_none(period, "ToDtTm", "ToDt")


def _line(statement: Statement, element: Element, made_on: date | None) -> StatementLine:
    status = _text(element, "Sts/Cd") or _text(element, "Sts") or "BOOK"
    is_booked = status.strip().upper() == "BOOK"
    value_date = _date(element, "ValDt")
    posted = _date(element, "BookgDt") or value_date
    # What is pending need not have a day yet: it is of the day on which it was told.
    posted = posted or (None if is_booked else made_on)
    if posted is None:
        raise ValueError("it has no booking date")
    details = element.findall("NtryDtls/TxDtls")
    # What only one of several details says is no property of the whole entry.
    alone = details[0] if len(details) == 1 else None
    is_credit = _text(element, "CdtDbtInd") == "CRDT"
    return StatementLine(
        account=statement.account,
        currency=statement.currency,
        amount_minor=_amount(element, statement.currency),
        posted_date=posted,
        value_date=value_date,
        is_booked=is_booked,
        reference=_text(element, "AcctSvcrRef") or _first(alone, "Refs/AcctSvcrRef"),
        end_to_end_id=_meaning(_first(alone, "Refs/EndToEndId")),
        counterparty=_counterparty(alone, is_credit=is_credit),
        description=_description(element, details),
        type_code=_type_code(element),
    )


def _amount(element: Element, currency: str) -> int:
    amount = element.find("Amt")
    if amount is None or amount.text is None:
        raise ValueError("it has no amount")
    code = amount.get("Ccy")
    if code and currency and currency_of(code) != currency:
        raise ValueError(f"it is in {code}, and the account in {currency.upper()}")
    if amount.text.strip().startswith("-"):
        raise ValueError(f"the amount {amount.text.strip()[:40]} is negative")
    units = minor_units(amount.text, currency)
    direction = _text(element, "CdtDbtInd")
    if direction not in {"CRDT", "DBIT"}:
        raise ValueError(f"it is neither credit nor debit but {direction!r}")
    return units if direction == "CRDT" else -units


def _batch_fault(element: Element, line: StatementLine) -> str | None:
    """Tell whether the details of a batch, each with its amount, add up to the entry."""
    if element.find(".//Chrgs") is not None or _shows_a_part(element):
        return None
    details = element.findall("NtryDtls/TxDtls")
    amounts = []
    for detail in details:
        amount = detail.find("Amt")
        if amount is None:
            amount = detail.find("AmtDtls/TxAmt/Amt")
        if amount is None or (amount.get("Ccy") or "").lower() != line.currency:
            return None
        try:
            units = minor_units(amount.text or "", line.currency)
        except ValueError as error:
            return str(error)
        direction = _text(detail, "CdtDbtInd") or _text(element, "CdtDbtInd")
        amounts.append(units if direction == "CRDT" else -units)
    if len(amounts) > 1 and sum(amounts) != line.amount_minor:
        return f"its {len(amounts)} details add up to {sum(amounts)}, not to {line.amount_minor}"
    return None


def _shows_a_part(element: Element) -> bool:
    """Tell whether a batch says that it has other details than are shown."""
    stated = [_text(batch, "NbOfTxs") for batch in element.findall("NtryDtls/Btch")]
    counts = [int(text) for text in stated if text and text.isdigit()]
    return bool(counts) and sum(counts) != len(element.findall("NtryDtls/TxDtls"))


def _counterparty(detail: Element | None, *, is_credit: bool) -> str | None:
    for party in ("Dbtr", "UltmtDbtr") if is_credit else ("Cdtr", "UltmtCdtr"):
        name = _first(detail, f"RltdPties/{party}/Nm") or _first(
            detail, f"RltdPties/{party}/Pty/Nm"
        )
        if name:
            return name
    return None


# What may name the payer or what was paid, wherever in the details it stands.
_TELLING = frozenset(
    {"Ustrd", "Ref", "AddtlRmtInf", "EndToEndId", "TxId", "InstrId", "Nm", "AddtlTxInf"}
)


def _description(element: Element, details: list[Element]) -> str:
    texts = [_text(element, "AddtlNtryInf"), _text(element, "NtryRef")]
    for detail in details:
        texts += [_meaning(part.text) for part in detail.iter() if part.tag in _TELLING]
    kept = dict.fromkeys(" ".join(text.split()) for text in texts if text)
    return " ".join(text for text in kept if text)


def _type_code(element: Element) -> str | None:
    domain = [_text(element, f"BkTxCd/Domn/{part}") for part in ("Cd", "Fmly/Cd", "Fmly/SubFmlyCd")]
    return "-".join(part for part in domain if part) or _text(element, "BkTxCd/Prtry/Cd")


def _meaning(text: str | None) -> str | None:
    return None if text is None or text.strip().upper() == "NOTPROVIDED" else text.strip() or None


def _date(element: Element, path: str) -> date | None:
    found = element.find(path)
    if found is None:
        return None
    text = _text(found, "Dt") or _text(found, "DtTm") or (found.text or "").strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise ValueError(f"'{text.strip()[:40]}' is no date") from None


def _date_or_none(element: Element, *names: str) -> date | None:
    for name in names:
        try:
            found = _date(element, name)
        except ValueError:
            continue
        if found is not None:
            return found
    return None


def _text(element: Element, path: str) -> str | None:
    return (element.findtext(path) or "").strip() or None


def _first(element: Element | None, path: str) -> str | None:
    return None if element is None else _text(element, path)
