"""What is out of the ordinary on bank statements, on which account and when.

Each happens once, to the first ordinary payout that arrives on or after its day; days count from
the platform's first. Split settlements that are deposited as one, and failed payouts that go back,
are in the story itself.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from loader.sandbox.banking_days import day_of
from loader.sandbox.ledger import Payout

_WEDNESDAY = 2
_SEARCHED_DAYS = 30
"""Within them no two payouts of one amount are planted, and no other entry has a payout's."""


class Oddity(StrEnum):
    """What may happen to a payout's deposit."""

    DECOY = "decoy"
    """Somebody whose name looks like Stripe's pays the same amount on the day of arrival."""
    TIE = "tie"
    """A second deposit of the same amount comes a day after the first."""
    MISSING = "missing"
    """The deposit never comes."""
    IN_TWO = "in_two"
    """It comes in two entries of one day."""


@dataclass(frozen=True)
class _Place:
    bank_account: str
    oddity: Oddity
    from_day: int


_PLACES = (
    _Place("platform-usd", Oddity.TIE, 15),
    _Place("harbor-usd", Oddity.DECOY, 24),
    _Place("platform-usd", Oddity.DECOY, 30),
    _Place("platform-usd", Oddity.MISSING, 44),
    _Place("harbor-usd", Oddity.IN_TWO, 52),
)

#: Days on which a deposit comes that is none of the platform's.
_UNKNOWN_DEPOSITS = {"platform-eur": 37}


class PayoutAmounts:
    """The amounts of one account's payouts in one currency, and when each arrives."""

    def __init__(self, payouts: Iterable[Payout]) -> None:
        self._arrivals: dict[int, list[date]] = {}
        for payout in payouts:
            self._arrivals.setdefault(abs(payout.amount), []).append(day_of(payout.arrival_date))

    def near(self, amount: int, day: date) -> int:
        """Return how many payouts of an amount, of either sign, arrive around a day."""
        searched = timedelta(days=_SEARCHED_DAYS)
        return sum(
            abs(arrival - day) <= searched for arrival in self._arrivals.get(abs(amount), ())
        )


def oddities_of(
    bank_account: str, payouts: list[Payout], amounts: PayoutAmounts, first_day: date
) -> dict[str, Oddity]:
    """Return which of the payouts (by id, in their order of arrival) something befalls."""
    chosen: dict[str, Oddity] = {}
    primaries = {payout.split_from for payout in payouts}
    ordinary = [p for p in payouts if p.id not in primaries and _is_ordinary(p, amounts)]
    for place in _PLACES:
        if place.bank_account != bank_account:
            continue
        since = first_day + timedelta(days=place.from_day)
        fits = _fits(place.oddity, since)
        payout = next((p for p in ordinary if p.id not in chosen and fits(p)), None)
        if payout is not None:
            chosen[payout.id] = place.oddity
    return chosen


def unknown_deposit_day(bank_account: str, first_day: date) -> date | None:
    """Return the day on which a deposit of Stripe's comes that no payout explains."""
    day = _UNKNOWN_DEPOSITS.get(bank_account)
    return None if day is None else first_day + timedelta(days=day)


def _is_ordinary(payout: Payout, amounts: PayoutAmounts) -> bool:
    return (
        payout.amount > 0
        and payout.method == "standard"
        and payout.failed_at is None
        and payout.canceled_at is None
        and payout.split_from is None
        and amounts.near(payout.amount, day_of(payout.arrival_date)) == 1
    )


def _fits(oddity: Oddity, since: date) -> Callable[[Payout], bool]:
    def fits(payout: Payout) -> bool:
        arrival = day_of(payout.arrival_date)
        # A tie's deposits come on the two days after it, so that neither is the more likely one.
        return arrival >= since and (oddity is not Oddity.TIE or arrival.weekday() <= _WEDNESDAY)

    return fits
