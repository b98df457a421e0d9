"""The story, day by day: payouts at night, then trade, then what is out of the ordinary."""

import random
from datetime import date, timedelta

from loader.sandbox.banking_days import (
    DAY,
    HOUR,
    after_banking_days,
    days_between,
    midnight,
)
from loader.sandbox.currencies import CURRENCIES
from loader.sandbox.ledger import Ledger
from loader.sandbox.options import SandboxOptions
from loader.sandbox.payouts import Settlement, pay_out_automatically
from loader.sandbox.scenario.cast import Flow
from loader.sandbox.scenario.stage import Actor, Stage
from loader.sandbox.scenario.trade import (
    destination_charge,
    direct_charge,
    platform_charge,
    refund,
    transfer,
)
from loader.sandbox.scenario.turns import after_payout, minimum_balance, parts, take_turns

#: Stripe makes automatic payouts at about this time of the day (UTC).
_PAYOUT_TIME = HOUR + 30 * 60
#: Trade begins after the night's payouts are made.
_OPENS, _CLOSES = 2 * HOUR + 10 * 60, 23 * HOUR + 50 * 60
_REFUND_SHARE = 0.05
_SMALLEST_CHARGE, _LARGEST_CHARGE = 0.2, 4.0

#: Transfers in the first whole weeks to the account paid by transfers. With the payout's own row
#: its lists then hold exactly 99, 100 and 200 rows, and more than one and two pages.
_TRANSFERS_OF_WEEK = (98, 99, 199, 109, 231)
_COMMON_WEEK = (55, 85)


def tell(options: SandboxOptions) -> Ledger:
    """Return the books of the whole story up to and including the as-of day."""
    stage = Stage(options)
    for day in days_between(options.first_day, options.last_day):
        for actor in (stage.platform, *stage.on_stage(day)):
            settle(stage, actor, day)
        for actor in stage.on_stage(day):
            trade(stage, actor, day)
        take_turns(stage, day)
    return stage.ledger()


def settle(stage: Stage, actor: Actor, day: date) -> None:
    """Make the automatic payouts of one account's night."""
    schedule = actor.character.schedule
    chance = stage.chance(actor, day, "payouts")
    created = midnight(day) + _PAYOUT_TIME
    if not schedule.is_slow_to_itemize:
        created += chance.randrange(20 * 60)
    if not schedule.pays_out_on(day) or actor.is_paused(created):
        return
    number = stage.day_number(day)
    for currency in actor.book.account.destinations:
        takes = DAY if schedule.is_slow_to_itemize else chance.randrange(3 * 60, 9 * 60)
        settlement = Settlement(
            currency=currency,
            created=created,
            arrival_date=schedule.arrival(day),
            itemized_at=created + takes,
            minimum_balance=minimum_balance(actor, number),
            parts=parts(actor, number),
        )
        payout = pay_out_automatically(actor.book, settlement)
        if payout is not None:
            after_payout(stage, actor, payout, number)


def trade(stage: Stage, actor: Actor, day: date) -> None:
    """Do one account's business of a day."""
    flow = actor.character.flow
    chance = stage.chance(actor, day, "trade")
    if flow is Flow.TRANSFERS:
        _transfer_shares(stage, actor, day, chance)
    elif flow is not Flow.NONE:
        _sell(stage, actor, day, chance)


def _sell(stage: Stage, actor: Actor, day: date, chance: random.Random) -> None:
    mean = actor.character.charges_a_day
    count = max(1, round(mean * chance.uniform(0.5, 1.5)))
    for created in _times(day, count, chance):
        _sell_once(stage, actor, day, created, chance)
        if len(actor.sales) > 1 and chance.random() < _REFUND_SHARE:
            sale = chance.choice(list(actor.sales)[:-1])
            returns_fee = chance.random() < 0.5  # noqa: PLR2004 - a coin
            refund(stage, actor, sale, created + 60, returns_fee=returns_fee)


def _sell_once(stage: Stage, actor: Actor, day: date, created: int, chance: random.Random) -> None:
    amount = _amount(actor.currency, chance)
    available_on = midnight(day) + 2 * DAY
    if actor.character.flow is Flow.DESTINATION:
        destination_charge(stage, actor, amount, created, available_on)
    elif chance.random() < actor.character.bank_debit_share:
        # The money of a bank debit is late: cards charged days after it are paid out before it.
        late = midnight(after_banking_days(day, 6))
        direct_charge(stage, actor, amount, created, late, type_="payment")
    else:
        direct_charge(stage, actor, amount, created, available_on)


def _amount(currency: str, chance: random.Random) -> int:
    factor = min(max(chance.lognormvariate(-0.2, 0.6), _SMALLEST_CHARGE), _LARGEST_CHARGE)
    return CURRENCIES[currency].rounded(CURRENCIES[currency].typical_charge * factor)


def _times(day: date, count: int, chance: random.Random) -> list[int]:
    opening = midnight(day)
    return sorted(opening + chance.randrange(_OPENS, _CLOSES) for _ in range(count))


def _transfer_shares(stage: Stage, actor: Actor, day: date, chance: random.Random) -> None:
    """Share out what the marketplace took, in so many transfers as the week has."""
    week_total = _transfers_of_week(stage, actor, day)
    count = week_total // 7 + (day.weekday() < week_total % 7)
    shares = [chance.randrange(400, 2_400) for _ in range(count)]
    for created, share in zip(_times(day, count, chance), shares, strict=True):
        transfer(stage, actor, share, created)
    orders = max(1, count // 8)
    taken = sum(shares) * 6 // 5 // orders + 100
    for created in _times(day, orders, chance):
        platform_charge(stage, taken, created, midnight(day) + 2 * DAY)


def _transfers_of_week(stage: Stage, actor: Actor, day: date) -> int:
    monday = day - timedelta(days=day.weekday())
    first_monday = stage.first_day + timedelta(days=-stage.first_day.weekday() % 7)
    week = (monday - first_monday).days // 7
    if 0 <= week < len(_TRANSFERS_OF_WEEK):
        return _TRANSFERS_OF_WEEK[week]
    return stage.chance(actor, monday, "week").randint(*_COMMON_WEEK)
