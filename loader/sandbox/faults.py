"""`--broken`: discrepancies planted in what the API shows, each on an account of its own.

A fault knows what it did, so it also says what a reconciliation must find. To add one, write a
function that changes a view and returns its `Planted`, and name it in `FAULTS`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from loader.sandbox.banking_days import DAY
from loader.sandbox.identifiers import tag
from loader.sandbox.ledger import BalanceTransaction, Fee, Payout
from loader.sandbox.planting import (
    OFF_BY,
    PLACE,
    Planted,
    does_not_sum,
    finding,
    is_overtaken,
    key_of,
    settled_payouts,
    some_payout,
    some_row,
    unreconciled,
)
from loader.sandbox.scenario.cast import account_id
from loader.sandbox.snapshot import AccountView, Snapshot

#: A list must have more than a page of this size for an id to repeat on the next page.
_PAGE = 100


Plant = Callable[[AccountView], Planted | None]


@dataclass(frozen=True)
class Fault:
    """A named fault, and the member of the cast it befalls."""

    name: str
    actor: str
    plant: Plant


def plant_faults(snapshot: Snapshot, seed: int) -> tuple[Planted, ...]:
    """Change the snapshot; a fault whose place does not exist yet (an early as-of) is left out."""
    planted = []
    for fault in FAULTS:
        view = snapshot.view(account_id(seed, fault.actor))
        done = None if view is None else fault.plant(view)
        if done is not None:
            planted.append(done)
    return tuple(planted)


def lose_row(view: AccountView) -> Planted | None:
    """Leave a row out of its payout's list; the listing by `created` still has it."""
    payout = some_payout(view)
    if payout is None:
        return None
    row = some_row(payout)
    view.lists[payout.id].remove(row)
    expected = [finding(view, "components_do_not_sum", payout)]
    if is_overtaken(view, row):
        expected.append(
            finding(view, "unsettled_too_long", row=row, severity="warning", is_consequence=True)
        )
    return Planted(
        fault="lose_row",
        expected=tuple(expected),
        reconciliation_status=unreconciled(view, payout),
        attribution={key_of(view, row): ("unsettled", None)},
    )


def list_row_twice(view: AccountView) -> Planted | None:
    """Put a row into a second payout's list too."""
    payouts = settled_payouts(view)[PLACE : PLACE + 2]
    if len(payouts) < 2:  # noqa: PLR2004 - it takes two
        return None
    first, second = payouts
    row = some_row(first)
    view.lists[second.id].append(row)
    return Planted(
        fault="list_row_twice",
        expected=(
            finding(view, "transaction_in_two_payouts", row=row),
            does_not_sum(view, second),
        ),
        reconciliation_status=unreconciled(view, first, second),
        attribution={key_of(view, row): ("in_two_payouts", None)},
    )


def lose_own_row(view: AccountView) -> Planted | None:
    """Show a payout's own row nowhere."""
    payout = some_payout(view)
    if payout is None:
        return None
    view.lists[payout.id].remove(payout.own_row)
    del view.transactions[payout.own_row.id]
    return Planted(
        fault="lose_own_row",
        expected=(finding(view, "missing_payout_row", payout),),
        reconciliation_status=unreconciled(view, payout),
        rows_gone=frozenset({key_of(view, payout.own_row)}),
    )


def misstate_own_row(view: AccountView) -> Planted | None:
    """Give a payout's own row another amount than the payout's."""
    payout = some_payout(view)
    if payout is None:
        return None
    wrong = replace(payout.own_row, amount=payout.own_row.amount + OFF_BY)
    _replace_everywhere(view, payout, wrong)
    return Planted(
        fault="misstate_own_row",
        expected=(finding(view, "payout_row_mismatch", payout),),
        reconciliation_status=unreconciled(view, payout),
    )


def _replace_everywhere(view: AccountView, payout: Payout, row: BalanceTransaction) -> None:
    view.transactions[row.id] = row
    _replace_in_list(view, payout, row)


def _replace_in_list(view: AccountView, payout: Payout, row: BalanceTransaction) -> None:
    rows = view.lists[payout.id]
    view.lists[payout.id] = [row if kept.id == row.id else kept for kept in rows]


def contradict_ledger(view: AccountView) -> Planted | None:
    """List a row with another fee and net than the listing by `created` gives it."""
    payout = some_payout(view)
    if payout is None:
        return None
    row = some_row(payout)
    copy = replace(row, fees=(*row.fees, Fee(OFF_BY, "stripe_fee", "Stripe processing fees")))
    _replace_in_list(view, payout, copy)
    return Planted(
        fault="contradict_ledger",
        expected=(
            finding(view, "component_differs", payout, row),
            does_not_sum(view, payout),
        ),
        reconciliation_status=unreconciled(view, payout),
    )


def list_unknown_row(view: AccountView) -> Planted | None:
    """List a row that the account's ledger does not have, and its balance neither."""
    payout = some_payout(view)
    if payout is None:
        return None
    row = some_row(payout)
    del view.transactions[row.id]
    view.ghosts.add(row.id)
    return Planted(
        fault="list_unknown_row",
        expected=(finding(view, "orphan_payout_transaction", payout, row),),
        reconciliation_status=unreconciled(view, payout),
    )


def list_other_currency(view: AccountView) -> Planted | None:
    """List a row of another currency; eaten up by its fee, so that every sum still holds."""
    payout = some_payout(view)
    others = [code for code in view.account.destinations if payout and code != payout.currency]
    if payout is None or not others:
        return None
    model = some_row(payout)
    row = replace(
        model,
        id=f"txn_1{tag(model.id, 'other currency', length=16)}",
        created=model.created + 1,
        amount=OFF_BY,
        fees=(Fee(OFF_BY, "stripe_fee", "Stripe processing fees"),),
        currency=others[0],
        exchange_rate=None,
        source=None,
    )
    view.transactions[row.id] = row
    view.lists[payout.id].append(row)
    return Planted(
        fault="list_other_currency",
        expected=(finding(view, "currency_mismatch", payout, row),),
        reconciliation_status=unreconciled(view, payout),
        attribution={key_of(view, row): ("settled", payout.id)},
    )


def lose_returning_row(view: AccountView) -> Planted | None:
    """Call a payout failed without ever giving its money back."""
    payout = some_payout(view)
    if payout is None or payout.paid_at + 3 * DAY > view.now:
        return None
    view.payouts[payout.id] = replace(
        payout, failed_at=payout.paid_at + 2 * DAY, failure_code="no_account"
    )
    return Planted(
        fault="lose_returning_row",
        expected=(finding(view, "failed_payout_not_returned", payout),),
        settlement_status={key_of(view, payout): "failed_return_missing"},
    )


def never_itemize(view: AccountView) -> Planted | None:
    """Leave the payout that arrived last `in_progress`; the next as-of may find it itemised."""
    payouts = settled_payouts(view)
    if not payouts:
        return None
    payout = payouts[-1]
    view.payouts[payout.id] = replace(payout, itemized_at=view.now + DAY)
    return Planted(
        fault="never_itemize",
        expected=(finding(view, "overdue_itemization", payout),),
        reconciliation_status={key_of(view, payout): "in_progress"},
        attribution={key_of(view, row): ("unsettled", None) for row in payout.rows},
    )


def invent_category(view: AccountView) -> Planted | None:
    """Give a row a type and category that Stripe does not document."""
    charges = [row for row in view.transactions.values() if row.type == "charge"]
    if len(charges) <= PLACE:
        return None
    row = replace(charges[PLACE], type="loyalty_rebate", reporting_category="loyalty_rebate")
    view.transactions[row.id] = row
    for payout in view.payouts.values():
        if payout.id in view.lists:
            _replace_in_list(view, payout, row)
    return Planted(
        fault="invent_category",
        expected=(finding(view, "unknown_category", row=row, severity="warning"),),
    )


def repeat_ids(view: AccountView) -> Planted | None:
    """Begin each further page of a payout's list with the row that ended the last."""
    payouts = settled_payouts(view, rows=_PAGE + 1)
    if not payouts:
        return None
    payout = payouts[0]
    view.lists_repeating_ids.add(payout.id)
    return Planted(
        fault="repeat_ids",
        expected=(finding(view, "itemization_incomplete", payout),),
        reconciliation_status=unreconciled(view, payout),
        undetermined=frozenset(key_of(view, row) for row in payout.rows),
    )


def deny_access(view: AccountView) -> Planted | None:
    """Answer 403 to everything on the account, for want of a permission."""
    view.is_denied = True
    return Planted(fault="deny_access", expected=(finding(view, "account_unreadable"),))


FAULTS = (
    Fault("lose_row", "harbor", lose_row),
    Fault("list_row_twice", "atelier", list_row_twice),
    Fault("lose_own_row", "kyoto", lose_own_row),
    Fault("misstate_own_row", "fjord", misstate_own_row),
    Fault("contradict_ledger", "reef", contradict_ledger),
    Fault("list_unknown_row", "orchid", list_unknown_row),
    Fault("list_other_currency", "platform", list_other_currency),
    Fault("lose_returning_row", "brew", lose_returning_row),
    Fault("never_itemize", "summit", never_itemize),
    Fault("invent_category", "maple", invent_category),
    Fault("repeat_ids", "courier", repeat_ids),
    Fault("deny_access", "souk", deny_access),
)
