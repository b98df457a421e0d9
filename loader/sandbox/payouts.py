"""How payouts leave an account: automatic, manual and instant, and how their money comes back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from loader.sandbox.banking_days import HOUR, day_of, midnight, next_banking_day
from loader.sandbox.ledger import AccountBook, BalanceTransaction, Payout

FAILURE_MESSAGES = {
    "account_closed": "The bank account has been closed.",
    "debit_not_authorized": "Debit transactions are not approved on your bank account.",
    "no_account": "The bank account details on file are probably incorrect.",
}


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """When an automatic payout is made, arrives and can be itemised, and how much stays behind."""

    currency: str
    created: int
    arrival_date: int
    itemized_at: int
    minimum_balance: int = 0
    parts: int = 1
    """Payouts that one settlement is split into, as Stripe does above a size limit."""


def pay_out_automatically(book: AccountBook, settlement: Settlement) -> Payout | None:
    """Send all that is due; None where nothing is, or where the account owes and is not debited."""
    when = settlement
    rows = book.due(when.currency, when.created, when.arrival_date)
    total = sum(row.net for row in rows)
    if total == 0 or (total < 0 and not book.account.debits_negative_balances):
        return None
    held = min(when.minimum_balance, total - 1) if total > 1 else 0
    part = (total - held) * 2 // (3 * when.parts)
    siblings = when.parts - 1 if part != 0 else 0
    payout = _new_automatic(book, when, total - held - part * siblings)
    if held > 0:
        rows.append(_hold(book, payout, held))
    book.sweep(payout, rows)
    for _ in range(siblings):
        _new_automatic(book, when, part).split_from = payout.id
    return payout


def _new_automatic(book: AccountBook, when: Settlement, amount: int) -> Payout:
    return _new_payout(
        book,
        amount=amount,
        currency=when.currency,
        created=when.created,
        arrival_date=when.arrival_date,
        itemized_at=when.itemized_at,
    )


def _hold(book: AccountBook, payout: Payout, held: int) -> BalanceTransaction:
    """Withhold a minimum balance from a payout, and return it to the balance at once.

    See docs.stripe.com/payouts/minimum-balances-for-automatic-payouts: the hold is in this
    payout, its release in the next.
    """
    hold = book.post(
        "payout_minimum_balance_hold", -held, payout.currency, payout.created - 1, source=payout.id
    )
    book.post(
        "payout_minimum_balance_release", held, payout.currency, payout.created, source=payout.id
    )
    return hold


def pay_out_manually(book: AccountBook, amount: int, currency: str, created: int) -> Payout:
    """Send an amount the account chose; no one can say which rows it is made of."""
    arrival = midnight_after(created, days=2)
    return _new_payout(
        book,
        amount=amount,
        currency=currency,
        created=created,
        arrival_date=arrival,
        automatic=False,
        description=None,
    )


def pay_out_instantly(
    book: AccountBook,
    amount: int,
    currency: str,
    created: int,
    advances: Sequence[tuple[int, int]] = (),
) -> Payout:
    """Send an amount within minutes; `advances` are (available_on, amount) of pending money used.

    An advance is taken out of pending money and put into the available balance
    (docs.stripe.com/payouts/instant-payouts-advance-funding).
    """
    payout_id = book.ids.next("po")
    for available_on, advanced in advances:
        book.post(
            "advance_funding",
            -advanced,
            currency,
            created - 1,
            available_on=available_on,
            source=payout_id,
            description=f"Deducting pending funds for {payout_id}",
        )
    if advances:
        book.post(
            "advance",
            sum(advanced for _, advanced in advances),
            currency,
            created - 1,
            source=payout_id,
            description=f"Adding available funds for {payout_id}",
        )
    return _new_payout(
        book,
        payout_id=payout_id,
        amount=amount,
        currency=currency,
        created=created,
        arrival_date=midnight_after(created, days=0),
        automatic=False,
        method="instant",
        description=None,
        paid_at=created + HOUR // 2,
    )


def _new_payout(
    book: AccountBook,
    *,
    amount: int,
    currency: str,
    created: int,
    arrival_date: int,
    payout_id: str | None = None,
    automatic: bool = True,
    method: str = "standard",
    description: str | None = "STRIPE PAYOUT",
    itemized_at: int | None = None,
    paid_at: int | None = None,
) -> Payout:
    payout_id = payout_id or book.ids.next("po")
    own_row = book.post(
        "payout",
        -amount,
        currency,
        created,
        available_on=arrival_date,
        source=payout_id,
        description=description,
    )
    if automatic:
        book.keep_out_of_sweeps(own_row)
    arrives = arrival_date + 5 * HOUR if paid_at is None else paid_at
    payout = Payout(
        id=payout_id,
        order=len(book.payouts),
        amount=amount,
        currency=currency,
        created=created,
        arrival_date=arrival_date,
        destination=book.account.destinations[currency],
        own_row=own_row,
        automatic=automatic,
        method=method,
        description=description,
        itemized_at=itemized_at,
        in_transit_at=min(created + 8 * HOUR, arrives - 60),
        paid_at=arrives,
    )
    book.payouts.append(payout)
    return payout


def fail(book: AccountBook, payout: Payout, failed_at: int, code: str) -> None:
    """Let the bank return a payout, days after it was called paid: the money is in the balance."""
    payout.failed_at = failed_at
    payout.failure_code = code
    payout.returning_row = _give_back(book, payout, "payout_failure", failed_at)


def cancel(book: AccountBook, payout: Payout, canceled_at: int) -> None:
    """Cancel a manual payout that is still pending."""
    payout.canceled_at = canceled_at
    payout.returning_row = _give_back(book, payout, "payout_cancel", canceled_at)


def _give_back(book: AccountBook, payout: Payout, type_: str, at: int) -> BalanceTransaction:
    name = payout.description or "STRIPE PAYOUT"
    return book.post(
        type_,
        payout.amount,
        payout.currency,
        at,
        source=payout.id,
        description=f"REFUND FOR PAYOUT ({name})",
    )


def midnight_after(epoch: int, *, days: int) -> int:
    """Return the UTC midnight that begins the day `days` after an instant's, weekends skipped."""
    if days == 0:
        return midnight(day_of(epoch))
    return midnight(next_banking_day(day_of(epoch) + timedelta(days=days)))
