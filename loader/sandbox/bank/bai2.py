"""Writes BAI2: one group for each day, days without entries included, and all control totals."""

import textwrap
from collections.abc import Iterable, Sequence
from datetime import timedelta

from loader.sandbox.bank.statement import BankEntry, BankStatement
from loader.sandbox.banking_days import days_between

_BANK, _CUSTOMER = "121000248", "FAIRWIND"
_ACH_CREDIT, _ACH_DEBIT = 165, 455
_TEXT_WIDTH = 76


def write_bai2(statement: BankStatement) -> str:
    """Return a file of one group for each day; amounts are in minor units, without a mark."""
    made_on = statement.through + timedelta(days=1)
    records = [f"01,{_BANK},{_CUSTOMER},{made_on:%y%m%d},0500,1,80,,2/"]
    total, groups, balance = 0, 0, statement.opening_minor
    for day in days_between(statement.since, statement.through):
        entries = statement.entries_of(day)
        account, control = _account(statement, balance, entries)
        records += [
            f"02,{_CUSTOMER},{_BANK},1,{day:%y%m%d},2400,{statement.currency.upper()},2/",
            *account,
            f"98,{control},1,{len(account) + 2}/",
        ]
        balance += sum(entry.amount_minor for entry in entries)
        total, groups = total + control, groups + 1
    records.append(f"99,{total},{groups},{len(records) + 1}/")
    return "".join(f"{record}\n" for record in records)


def _account(
    statement: BankStatement, opening: int, entries: Sequence[BankEntry]
) -> tuple[list[str], int]:
    """Return the records of one day of the account, and what their amounts add up to."""
    received = [entry.amount_minor for entry in entries if entry.is_credit]
    paid = [-entry.amount_minor for entry in entries if not entry.is_credit]
    closing = opening + sum(received) - sum(paid)
    records = [
        f"03,{statement.number},{statement.currency.upper()},010,{opening},,,015,{closing},,/",
        f"88,100,{sum(received)},{len(received)},,400,{sum(paid)},{len(paid)},/",
        *(record for entry in entries for record in _transaction(entry)),
    ]
    # The amounts stand once in the totals by direction, and once in their own records.
    control = opening + closing + 2 * (sum(received) + sum(paid))
    return [*records, f"49,{control},{len(records) + 1}/"], control


def _transaction(entry: BankEntry) -> Iterable[str]:
    code = _ACH_CREDIT if entry.is_credit else _ACH_DEBIT
    yield f"16,{code},{abs(entry.amount_minor)},Z,{entry.reference},,/"
    for text in textwrap.wrap(entry.text, _TEXT_WIDTH, break_on_hyphens=False):
        yield f"88,{text}"
