"""What moves on a bank account beside Stripe's payouts: customers, fees, rent, wages."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from loader.sandbox.banking_days import is_banking_day, next_banking_day


@dataclass(frozen=True, kw_only=True)
class Habit:
    """Somebody who pays or is paid now and then."""

    party: str
    purpose: str
    smallest: int
    """Minor units; what goes out is negative, and the smallest the farthest below zero."""
    largest: int
    day_of_month: int | None = None
    """On it, or on the first banking day after it; none: on any banking day."""
    share: float = 0.0
    """Of the banking days, where it has no day of its own."""

    def comes_on(self, day: date, chance: random.Random) -> bool:
        """Whether it is there on a day."""
        if self.day_of_month is None:
            return is_banking_day(day) and chance.random() < self.share
        return day == next_banking_day(day.replace(day=self.day_of_month))


@dataclass(frozen=True)
class Noise:
    """One such movement."""

    party: str
    purpose: str
    amount: int


def noise_of(
    habits: tuple[Habit, ...],
    day: date,
    chance: random.Random,
    is_free: Callable[[int], bool],
) -> Iterator[Noise]:
    """Yield a day's movements, none of an amount that a payout has."""
    for habit in habits:
        if habit.comes_on(day, chance):
            amount = free_amount(habit.smallest, habit.largest, chance, is_free)
            yield Noise(habit.party, habit.purpose, amount)


def free_amount(
    smallest: int, largest: int, chance: random.Random, is_free: Callable[[int], bool]
) -> int:
    """Return an amount in between that no payout has."""
    while True:
        amount = chance.randint(smallest, largest)
        if amount != 0 and is_free(amount):
            return amount
