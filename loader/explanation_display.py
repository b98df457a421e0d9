"""How `tieout explain` tells a story in the terminal, and to programs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import date, datetime

import orjson
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from loader.console import console, printable
from loader.explanation import Explanation, PayoutStory, Row
from loader.wording import money, words

# The largest; all of them are written by `tieout export --payout`.
TRANSACTIONS_SHOWN = 10

_PROOF = {
    "reconciled": "Proven: its transactions add up to it, and each agrees with the ledger.",
    "reconciled_in_group": "Proven together with its siblings: Stripe split one settlement.",
    "not_itemizable": "Made by hand or instantly: Stripe does not say which transactions are in "
    "it. What it took off the balance is proven.",
    "in_progress": "Stripe is still working out which transactions are in it.",
    "unreconciled": "Not proven.",
}

_ATTRIBUTION = {
    "in_two_payouts": "Stripe lists it in more than one payout: an error.",
    "settled": "Settled: exactly one payout's list has it.",
    "payout": "It takes a payout off the balance, or puts one back.",
    "other_balance": "It moves another balance than that of payments, so no payout settles it.",
    "not_attributable": "Available, and all payouts since were made by hand or instantly: Stripe "
    "does not say which of them took it.",
    "unsettled": "In no payout yet.",
}


def explanation_as_json(explanation: Explanation) -> str:
    """Answer the whole story as JSON, amounts in minor units."""
    story = dataclasses.asdict(explanation)
    del story["exponents"]
    return orjson.dumps(story, default=str, option=orjson.OPT_INDENT_2).decode()


def show_explanation(explanation: Explanation) -> None:
    """Print the story."""
    _Teller(explanation.exponents).tell(explanation)


@dataclasses.dataclass(frozen=True)
class _Teller:
    exponents: Mapping[str, int]

    def tell(self, explanation: Explanation) -> None:
        is_exception = explanation.kind == "exception"
        if is_exception:
            self._tell_exceptions([explanation.subject])
        for transaction in explanation.transactions:
            self._tell_transaction(transaction)
        for line in explanation.lines:
            self._tell_line(line)
        for story in explanation.payouts:
            self._tell_payout(story)
        if explanation.exceptions:
            console.print()
            self._tell_exceptions(explanation.exceptions)
        elif not is_exception:
            console.print("\nNo exception about it is open.")

    def _tell_payout(self, story: PayoutStory) -> None:
        payout = story.payout
        console.print()
        _say(
            f"Payout {payout['payout_id']} of {payout['account_name'] or payout['account_id']} "
            f"({payout['account_id']}): {self._money(payout, 'payout_amount_minor')}",
            "bold",
        )
        _say(
            f"Created {_day(payout['created_at'])}, due at the bank "
            f"{_day(payout['expected_arrival_date'])}; "
            f"{'automatic' if payout['is_automatic'] else 'manual'}, {payout['payout_method']}. "
            f"Stripe calls it {payout['payout_status']}; the money: "
            f"{words(payout['settlement_status'])}."
        )
        status = payout["reconciliation_status"]
        reason = payout["unreconciled_reason"]
        _say(
            f"{_PROOF.get(status, status)}" + (f" The reason: {words(reason)}." if reason else ""),
            "red" if status == "unreconciled" else "green" if payout["is_reconciled"] else "yellow",
        )
        self._tell_sums(story)
        self._tell_siblings(story)
        self._tell_own_rows(story)
        self._tell_bank(story)
        self._tell_largest(story)
        self._tell_statements(story)

    def _tell_sums(self, story: PayoutStory) -> None:
        payout = story.payout
        table = Table(box=None, pad_edge=False, show_edge=False, padding=(0, 2))
        table.add_column("Category")
        for name in ("Number", "Gross", "Fees", "Net"):
            table.add_column(name, justify="right")
        for part in story.parts:
            other = "" if part["currency"] == payout["currency"] else f" ({part['currency']})"
            table.add_row(
                escape(words(part["reporting_category"]) + other),
                f"{part['transaction_count']:,}",
                *(self._amount(part, f"{name}_amount_minor") for name in ("gross", "fee", "net")),
            )
        table.add_section()
        table.add_row(
            "Sum",
            f"{payout['transaction_count'] or 0:,}",
            *(self._amount(payout, f"{name}_amount_minor") for name in ("gross", "fee", "net")),
            style="bold",
        )
        table.add_row("Payout", "", "", "", self._amount(payout, "payout_amount_minor"))
        for name, column in (
            ("Difference", "difference_minor"),
            ("Difference of its group", "group_difference_minor"),
        ):
            if payout[column] is not None:
                style = "red" if payout[column] and not payout["is_reconciled"] else None
                table.add_row(name, "", "", "", self._amount(payout, column), style=style)
        if story.parts or payout["difference_minor"] is not None:
            console.print(Padding(table, (1, 0, 0, 2)))

    def _tell_siblings(self, story: PayoutStory) -> None:
        for sibling in story.siblings:
            _say(
                f"  Sibling {sibling['payout_id']}: {self._money(sibling, 'payout_amount_minor')}, "
                f"lists {sibling['transaction_count'] or 0:,} transactions."
            )

    def _tell_own_rows(self, story: PayoutStory) -> None:
        console.print()
        for row in story.own_rows:
            _say(
                f"On the Stripe balance: {self._money(row, 'net_amount_minor')} on "
                f"{_day(row['created_at'])} ({words(row['type'])}, "
                f"{row['balance_transaction_id']})."
            )
        if not story.own_rows:
            _say("On the Stripe balance: no transaction takes it off.", "red")
        returned = story.payout["returned_in_payout_id"]
        if returned:
            _say(f"What came back left again in {returned}.")

    def _tell_bank(self, story: PayoutStory) -> None:
        payout = story.payout
        rule = payout["bank_match_rule"]
        _say(
            f"At the bank: {words(payout['bank_match_status'])}"
            + (f", by {words(rule)}" if rule else "")
            + (
                f", {payout['days_outstanding']} days outstanding"
                if payout["days_outstanding"]
                else ""
            )
            + "."
        )
        for line in story.lines:
            self._tell_line_text(line)
        if story.candidates:
            _say("It could be:")
        for line in story.candidates:
            self._tell_line_text(line)

    def _tell_line_text(self, line: Row) -> None:
        _say(
            f"  {line['posted_date']}  {line['bank_account_id']}  "
            f"{self._money(line, 'amount_minor')}  line {line['bank_statement_line_id']}"
        )
        text = " ".join(filter(None, (line["counterparty"], line["description"])))
        _say_below(text)

    def _tell_largest(self, story: PayoutStory) -> None:
        found = story.transactions
        if not found:
            return
        shown = found[:TRANSACTIONS_SHOWN]
        rest = (
            f" The largest {len(shown)} of {len(found):,}; `tieout export --payout "
            f"{story.payout['payout_id']}` writes all."
            if len(found) > len(shown)
            else ""
        )
        _say(f"\nIts transactions, as the account's ledger has them.{rest}")
        listed = story.payout["transaction_count"] or 0
        if listed != len(found):
            _say(
                f"Stripe lists {listed:,} in it. {abs(listed - len(found)):,} of them can't be "
                "said to be its own: the exceptions below name them.",
                "red",
            )
        table = Table(box=None, pad_edge=False, show_edge=False, padding=(0, 2))
        for name in ("Transaction", "Created", "Category", "Of"):
            table.add_column(name, overflow="fold")
        table.add_column("Net", justify="right")
        for row in shown:
            table.add_row(
                escape(row["balance_transaction_id"]),
                _day(row["created_at"]),
                escape(words(row["reporting_category"])),
                escape(row["source_object_id"] or ""),
                self._amount(row, "net_amount_minor"),
            )
        console.print(Padding(table, (0, 0, 0, 2)))

    def _tell_statements(self, story: PayoutStory) -> None:
        if len(story.statements) <= 1:
            return
        _say("\nWhat was said of it:")
        for said in story.statements:
            _say(
                f"  {said['said_at']:%Y-%m-%d %H:%M} UTC: {words(said['reconciliation_status'])}, "
                f"Stripe: {said['payout_status']}, money: {words(said['settlement_status'])}"
            )

    def _tell_transaction(self, row: Row) -> None:
        console.print()
        _say(
            f"Transaction {row['balance_transaction_id']} of {row['account_id']}: "
            f"{self._money(row, 'net_amount_minor')}",
            "bold",
        )
        _say(
            f"{words(row['reporting_category'])} ({row['type']}) of "
            f"{row['source_object_id'] or 'nothing named'}, created {_day(row['created_at'])}, "
            f"available {_day(row['available_on_date'])}."
        )
        amounts = (self._amount(row, f"{name}_amount_minor") for name in ("gross", "fee", "net"))
        _say("Gross {} less fees {} is net {}.".format(*amounts))
        if row["description"]:
            _say(f"Description: {row['description']}")
        status = row["attribution_status"]
        in_payout = f" It is {row['payout_id']}." if row["payout_id"] else ""
        _say(
            f"{_ATTRIBUTION.get(status, status)}{in_payout}",
            "red" if status == "in_two_payouts" else "green",
        )

    def _tell_line(self, line: Row) -> None:
        console.print()
        _say(
            f"Statement line {line['bank_statement_line_id']}: {self._money(line, 'amount_minor')}",
            "bold",
        )
        _say(
            f"Posted {line['posted_date']} on bank account {line['bank_account_id']}, "
            f"from {line['source_file']}: {words(line['line_match_status'])}."
        )
        text = " ".join(filter(None, (line["counterparty"], line["description"])))
        _say_below(text)

    def _tell_exceptions(self, rows: Sequence[Row]) -> None:
        for row in rows:
            style = "red" if row["severity"] == "error" else "yellow"
            console.print(
                f"[{style}]{escape(row['severity'])}[/] [bold]{escape(row['exception_type'])}[/] "
                f"{escape(row['account_id'])} {escape(row['payout_id'] or '')}",
                soft_wrap=True,
                highlight=False,
            )
            _say(
                f"    {row['days_outstanding']} days, first seen {_day(row['first_seen_at'])}, "
                f"exception {row['exception_id']}"
            )
            _say_below(row["explanation"])

    def _amount(self, row: Row, column: str) -> str:
        return money(row[column], self.exponents.get(row["currency"], 2))

    def _money(self, row: Row, column: str) -> str:
        return f"{self._amount(row, column)} {row['currency'].upper()}"


def _day(moment: datetime | date | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "never"


def _say(text: str, style: str | None = None) -> None:
    console.print(printable(text), style=style, soft_wrap=True, markup=False, highlight=False)


def _say_below(text: str) -> None:
    console.print(Padding(escape(printable(text)), (0, 0, 0, 4)), highlight=False)
