"""Writes the CSV of a US bank, newest entry first, and the profile that says how to read it."""

import csv
import io

from loader.sandbox.bank.statement import BankEntry, BankStatement, decimal_amount

_HEADER = (
    "Details",
    "Posting Date",
    "Description",
    "Amount",
    "Type",
    "Balance",
    "Reference Number",
)

_PROFILE = """\
# How this bank writes its CSV.
account: "{number}"
currency: {currency}
date_format: "%m/%d/%Y"
newest_first: true
columns:
  posted_date: Posting Date
  amount: Amount
  description: [Description]
  balance: Balance
  reference: Reference Number
  type: Type
"""


def write_csv(statement: BankStatement) -> str:
    """Return the rows with the balance after each of them."""
    rows, balance = [], statement.opening_minor
    for entry in statement.entries:
        balance += entry.amount_minor
        rows.append(_row(entry, balance))
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([_HEADER, *reversed(rows)])
    return file.getvalue()


def csv_profile(number: str, currency: str) -> str:
    """Return the profile of the account's files, as YAML."""
    return _PROFILE.format(number=number, currency=currency)


def _row(entry: BankEntry, balance: int) -> tuple[str, ...]:
    direction = "CREDIT" if entry.is_credit else "DEBIT"
    return (
        direction,
        f"{entry.posted:%m/%d/%Y}",
        entry.text,
        decimal_amount(entry.amount_minor),
        f"ACH_{direction}",
        decimal_amount(balance),
        entry.reference,
    )
