"""What happens to whom beside everyday trade, and when: each turn comes back after its period.

Days count from the platform's first; within three months everything has happened once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from loader.sandbox.banking_days import DAY, HOUR, midnight
from loader.sandbox.currencies import CURRENCIES
from loader.sandbox.ledger import Payout
from loader.sandbox.payouts import cancel, fail, pay_out_instantly, pay_out_manually
from loader.sandbox.scenario.cast import MONDAY, TUESDAY, WEDNESDAY
from loader.sandbox.scenario.stage import Actor, Sale, Stage
from loader.sandbox.scenario.trade import (
    direct_charge,
    refund,
    reinstate_disputed,
    withdraw_disputed,
)

_WEEK = 7
#: Of a large order, in typical charges.
_LARGE_ORDER = 16
_MANUAL_CANCELED = (2, 7)
"""Of seven manual payouts the third is cancelled."""


@dataclass(frozen=True)
class Rhythm:
    """Days on which something happens: the first, and again after each period."""

    first: int
    period: int
    weekday: int | None = None
    """The next such weekday is taken."""

    def comes_on(self, number: int, day: date) -> bool:
        """Whether a day of the story is one of them."""
        if number < self.first:
            return False
        since = (number - self.first) % self.period
        return (
            since == 0 if self.weekday is None else since < _WEEK and day.weekday() == self.weekday
        )

    def rounds_by(self, number: int) -> int:
        """Return how often it was due by a day of the story."""
        return 0 if number < self.first else (number - self.first) // self.period + 1


@dataclass(frozen=True)
class Failing:
    """A payout that the bank returns after it was called paid."""

    rhythm: Rhythm
    days_after_arrival: int
    days_until_repaired: int
    """Until the bank account is replaced and payouts go on."""
    code: str = "account_closed"
    is_debit: bool = False
    """The bank refuses to be debited: the money owed is taken from the balance instead."""


_FAILING = {
    "atelier": Failing(Rhythm(25, 120), days_after_arrival=4, days_until_repaired=10),
    "harbor": Failing(Rhythm(80, 150), days_after_arrival=3, days_until_repaired=21),
    "fjord": Failing(
        Rhythm(54, 160),
        days_after_arrival=3,
        days_until_repaired=10,
        code="debit_not_authorized",
        is_debit=True,
    ),
}
_SPLIT = {"summit": Rhythm(40, 90)}
_MINIMUM_BALANCE = {"reef": (20, 20_000)}


def minimum_balance(actor: Actor, number: int) -> int:
    """Return what the account keeps back from its payouts on a day of the story."""
    since, amount = _MINIMUM_BALANCE.get(actor.character.key, (0, 0))
    return amount if number >= since else 0


def parts(actor: Actor, number: int) -> int:
    """Return into how many payouts Stripe splits the account's next settlement."""
    rhythm = _SPLIT.get(actor.character.key)
    if rhythm is None or actor.special_payouts >= rhythm.rounds_by(number):
        return 1
    return 2


def after_payout(stage: Stage, actor: Actor, payout: Payout, number: int) -> None:
    """Decide what becomes of an automatic payout just made."""
    if parts(actor, number) > 1:
        actor.special_payouts += 1
    failing = _FAILING.get(actor.character.key)
    if failing is not None and _is_due(failing, actor, payout, number):
        actor.special_payouts += 1
        _return(actor, payout, failing)
    if payout.amount < 0:
        _reserve(stage, actor, payout)


def _is_due(failing: Failing, actor: Actor, payout: Payout, number: int) -> bool:
    is_next = actor.special_payouts < failing.rhythm.rounds_by(number)
    return is_next and failing.is_debit == (payout.amount < 0)


def _return(actor: Actor, payout: Payout, failing: Failing) -> None:
    failed_at = payout.arrival_date + failing.days_after_arrival * DAY + 10 * HOUR + 31 * 60
    fail(actor.book, payout, failed_at, failing.code)
    actor.pauses.append((failed_at, failed_at + failing.days_until_repaired * DAY))


def _reserve(stage: Stage, actor: Actor, payout: Payout) -> None:
    """Set the platform's money aside while a connected account owes (connect/account-balances)."""
    platform = stage.platform.book
    amount = CURRENCIES[actor.currency].in_cents(-payout.amount)
    released_at = payout.arrival_date + 5 * DAY + 6 * HOUR
    for moved, at in ((-amount, payout.created + 600), (amount, released_at)):
        description = f"Reserve for the negative balance of {actor.book.account.id}"
        platform.post(
            "reserve_transaction",
            moved,
            "usd",
            at,
            source=platform.ids.next("rsv"),
            description=description,
        )


def _fund_platform(stage: Stage, actor: Actor, at: int, number: int) -> None:
    """Top up the platform's balance from its bank."""
    book = actor.book
    book.post("topup", 250_000, "usd", at, source=book.ids.next("tu"), description="Top-up")


def _bill(stage: Stage, actor: Actor, at: int, number: int) -> None:
    """Charge Stripe's own monthly fees."""
    actor.book.post("stripe_fee", -1_850, "usd", at, description="Connect: active accounts")


def _sell_in_large(stage: Stage, actor: Actor, at: int, number: int) -> None:
    """Sell what will be returned when little else is on the balance."""
    for minute in (0, 7):
        direct_charge(stage, actor, _large_amount(actor), at + minute * 60, at + 2 * DAY)


def _large_amount(actor: Actor) -> int:
    return CURRENCIES[actor.currency].typical_charge * _LARGE_ORDER


def _take_back_in_large(stage: Stage, actor: Actor, at: int, number: int) -> None:
    """Refund the large orders, which leaves the account owing."""
    large = [sale for sale in actor.sales if sale.amount == _large_amount(actor)]
    for minute, sale in enumerate(large):
        refund(stage, actor, sale, at + minute * 60, returns_fee=False)


def _lose_dispute(stage: Stage, actor: Actor, at: int, number: int) -> None:
    withdraw_disputed(actor, _sale_to_dispute(actor), at)


def _win_dispute(stage: Stage, actor: Actor, at: int, number: int) -> None:
    sale = _sale_to_dispute(actor)
    withdrawal = withdraw_disputed(actor, sale, at)
    reinstate_disputed(actor, sale, withdrawal, at + 22 * DAY)


def _sale_to_dispute(actor: Actor) -> Sale:
    return actor.sales[len(actor.sales) // 2]


def _pay_manually(stage: Stage, actor: Actor, at: int, number: int) -> None:
    """Send most of what is available, in round numbers; now and then think better of it."""
    amount = actor.book.spendable(actor.currency, at) * 4 // 5 // 1_000 * 1_000
    if amount <= 0:
        return
    payout = pay_out_manually(actor.book, amount, actor.currency, at)
    turn, of = _MANUAL_CANCELED
    if payout.order % of == turn:
        cancel(actor.book, payout, at + 5 * HOUR)


def _pay_instantly(stage: Stage, actor: Actor, at: int, number: int) -> None:
    """Send part of what is available; every second time, of what is still pending too."""
    book = actor.book
    amount = book.spendable(actor.currency, at) * 3 // 5
    pending = [
        row
        for row in book.unswept(actor.currency, created_by=at)
        if row.available_on > at and row.net > 0
    ]
    advances = [(row.available_on, row.net) for row in pending[:2]]
    if len(book.payouts) % 2 == 0:
        advances = []
    amount += sum(advanced for _, advanced in advances)
    if amount > 0:
        pay_out_instantly(book, amount, actor.currency, at, advances)


def _fund_cards(stage: Stage, actor: Actor, at: int, number: int) -> None:
    """Put money aside for the account's own cards: another balance, never paid out."""
    book = actor.book
    book.post(
        "topup",
        40_000,
        actor.currency,
        at,
        source=book.ids.next("tu"),
        description="Issuing top-up",
        balance_type="issuing",
    )


def _use_card(stage: Stage, actor: Actor, at: int, number: int) -> None:
    book = actor.book
    book.post(
        "issuing_transaction",
        -2_300 - number,
        actor.currency,
        at,
        source=book.ids.next("ipi"),
        description="Office supplies",
        balance_type="issuing",
    )


Turn = Callable[[Stage, Actor, int, int], None]

_TURNS: tuple[tuple[str, Rhythm, int, Turn], ...] = (
    # whom, when, the hour (UTC), what
    ("platform", Rhythm(0, 45), 2, _fund_platform),
    ("platform", Rhythm(6, 30), 3, _bill),
    ("harbor", Rhythm(9, 30), 3, _bill),
    ("harbor", Rhythm(20, 70), 9, _lose_dispute),
    ("harbor", Rhythm(33, 80), 9, _win_dispute),
    ("brew", Rhythm(14, 140), 12, _sell_in_large),
    ("brew", Rhythm(40, 140, WEDNESDAY), 16, _take_back_in_large),
    ("fjord", Rhythm(30, 160), 12, _sell_in_large),
    ("fjord", Rhythm(54, 160, MONDAY), 16, _take_back_in_large),
    ("maple", Rhythm(8, 9), 15, _pay_manually),
    ("orchid", Rhythm(12, 14, TUESDAY), 14, _pay_instantly),
    ("summit", Rhythm(10, 60), 13, _fund_cards),
    ("summit", Rhythm(12, 9), 18, _use_card),
)


def take_turns(stage: Stage, day: date) -> None:
    """Let happen what is due on a day."""
    number = stage.day_number(day)
    for key, rhythm, hour, turn in _TURNS:
        actor = stage.platform if key == "platform" else stage.connected[key]
        if rhythm.comes_on(number, day):
            turn(stage, actor, midnight(day) + hour * HOUR, number)
