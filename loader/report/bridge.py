"""The bridge from the sales to the bank: which figures a currency's waterfall is made of.

Each step adds to what stood before it; a total shows what stands then. The last one is what the
bank shows, because the step before it, the difference, is whatever else does not explain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Step:
    """One bar: columns of `fct_account_reconciliation` and the sign with which they count."""

    label: str
    columns: tuple[str, ...] = ()
    sign: int = 1
    shown_if_zero: bool = True
    is_unexplained: bool = False
    """Whether anything but 0 here says that something does not tie out."""

    @property
    def is_total(self) -> bool:
        """Whether it adds nothing and shows what stands at this point."""
        return not self.columns


def _not_at_bank(label: str, place: str, *, shown_if_zero: bool = False) -> Step:
    return Step(label, (f"{place}_amount_minor",), -1, shown_if_zero)


def _unexplained(label: str, column: str, sign: int, *, shown_if_zero: bool) -> Step:
    return Step(label, (column,), sign, shown_if_zero, is_unexplained=True)


BRIDGE = (
    Step("Opening balance", ("opening_amount_minor",), shown_if_zero=False),
    Step("Charges and payments", ("charge_amount_minor",)),
    Step("Refunds", ("refund_amount_minor",)),
    Step("Disputes", ("dispute_amount_minor",)),
    Step("Fees", ("fee_amount_minor",)),
    Step("Transfers and adjustments", ("transfer_amount_minor", "adjustment_amount_minor")),
    Step("Still at Stripe", ("stripe_amount_minor",), -1),
    _unexplained("Not in Stripe's balance", "balance_difference_minor", 1, shown_if_zero=False),
    Step("Payouts sent"),
    _not_at_bank("In transit", "in_transit", shown_if_zero=True),
    _not_at_bank("Overdue", "overdue"),
    _not_at_bank("Ambiguous at the bank", "ambiguous"),
    _not_at_bank("Another amount at the bank", "amount_mismatch"),
    _not_at_bank("Returned by the bank", "returned"),
    _unexplained("Failed and not returned", "return_missing_amount_minor", -1, shown_if_zero=False),
    _not_at_bank("Not expected at the bank", "not_expected"),
    _not_at_bank("No statement covers it", "no_bank_data"),
    _unexplained("Difference", "difference_minor", -1, shown_if_zero=True),
    Step("At the bank"),
)


@dataclass(frozen=True)
class Bar:
    """A step with its figures, in minor units: it leads from `start` to `end`."""

    step: Step
    start: int
    end: int

    @property
    def amount_minor(self) -> int:
        """What the step adds, or what a total stands at."""
        return self.end - self.start

    @property
    def is_wrong(self) -> bool:
        """Whether it shows money that nothing explains."""
        return self.step.is_unexplained and self.amount_minor != 0


def bars(sums: Mapping[str, Any]) -> Sequence[Bar]:
    """Answer the bars that a currency's sums make."""
    found: list[Bar] = []
    standing = 0
    for step in BRIDGE:
        if step.is_total:
            found.append(Bar(step, 0, standing))
            continue
        amount = step.sign * sum(sums[column] or 0 for column in step.columns)
        if amount or step.shown_if_zero:
            found.append(Bar(step, standing, standing + amount))
        standing += amount
    return found
