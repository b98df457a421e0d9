"""From an account's payouts to what its bank books: a function of the ledger, day by day."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import partial

from loader.sandbox import stripe_objects
from loader.sandbox.bank.accounts import BankAccount
from loader.sandbox.bank.noise import free_amount, noise_of
from loader.sandbox.bank.oddities import Oddity, PayoutAmounts, oddities_of, unknown_deposit_day
from loader.sandbox.bank.statement import BankEntry
from loader.sandbox.bank.wording import Words
from loader.sandbox.banking_days import (
    DAY,
    after_banking_days,
    day_of,
    days_between,
    is_banking_day,
    midnight,
    next_banking_day,
)
from loader.sandbox.identifiers import tag
from loader.sandbox.ledger import Account, Payout

#: Banking days from a payout's arrival date to its entry, and how common each is.
_LAGS, _LAG_WEIGHTS = (0, 1, 2), (6, 3, 1)
_DECOY = ("Pinstripe Studio", "Invoice")
_UNKNOWN_DEPOSIT = (50_000, 90_000)
_CARD = "card_"


class Role(StrEnum):
    """Why an entry is there."""

    DEPOSIT = "deposit"
    """Of one payout, or of several at once."""
    PART = "part"
    """One of two entries of one payout."""
    SECOND = "second"
    """It looks like the deposit of a payout that has its own already."""
    RETURN = "return"
    """A failed payout goes back."""
    UNKNOWN = "unknown"
    """A deposit of Stripe's that no payout explains."""
    OTHER = "other"
    """Not Stripe's."""


@dataclass(frozen=True)
class BankLine:
    """An entry, and what only its maker knows of it."""

    entry: BankEntry
    role: Role
    payouts: tuple[Payout, ...] = ()
    """Whose it is; of a second deposit, whose it may be taken for."""


def is_bank_transfer(payout: Payout) -> bool:
    """Whether a payout is for a bank account, and of any money."""
    return payout.amount != 0 and not payout.destination.startswith(_CARD)


def _reaches_bank(payout: Payout) -> bool:
    """Whether a payout ever moves money on a bank account, if only to return."""
    is_sent = is_bank_transfer(payout) and payout.canceled_at is None
    return is_sent and (payout.failed_at is None or payout.failed_at > payout.arrival_date)


class BankLines:
    """All that one bank books on one account; `payouts` reach beyond the days that are asked for.

    They have to: what is booked on a day must not be mistaken for a payout of the weeks after it.
    """

    def __init__(
        self, bank: BankAccount, holder: Account, payouts: list[Payout], seed: int, since: date
    ) -> None:
        self._bank = bank
        self._holder = holder
        self._seed = seed
        self._since = since
        self._payouts = sorted(payouts, key=lambda payout: (payout.arrival_date, payout.order))
        self._amounts = PayoutAmounts(payouts)

    def through(self, last_day: date, first_day: date) -> list[BankLine]:
        """Return the lines up to a day; `first_day` is the platform's."""
        lines = [
            *self._stripe_lines(first_day),
            *self._unknown_lines(first_day),
            *self._other_lines(last_day),
        ]
        covered = [line for line in lines if self._since <= line.entry.posted <= last_day]
        return sorted(covered, key=lambda line: (line.entry.posted, line.entry.reference))

    def _stripe_lines(self, first_day: date) -> Iterator[BankLine]:
        oddities = oddities_of(self._bank.key, self._payouts, self._amounts, first_day)
        for batch in self._batches():
            if len(batch) > 1:
                yield self._deposit(batch, self._posting_day(batch[0]))
            elif batch[0].failed_at is not None:
                yield from self._returned(batch[0])
            else:
                yield from self._ordinary(batch[0], oddities.get(batch[0].id))

    def _batches(self) -> list[list[Payout]]:
        """Return the payouts, those that Stripe split from one settlement together."""
        batches: dict[str, list[Payout]] = {}
        for payout in self._payouts:
            if _reaches_bank(payout):
                batches.setdefault(payout.split_from or payout.id, []).append(payout)
        return list(batches.values())

    def _ordinary(self, payout: Payout, oddity: Oddity | None) -> Iterator[BankLine]:
        match oddity:
            case Oddity.MISSING:
                return
            case Oddity.IN_TWO:
                yield from self._in_two(payout)
            case Oddity.TIE:
                posted = after_banking_days(day_of(payout.arrival_date), 1)
                yield self._deposit([payout], posted)
                after = posted + timedelta(days=1)
                words = self._stripe_words(payout, after, "second")
                yield self._line(payout.amount, after, words, Role.SECOND, payout)
            case _:
                yield self._deposit([payout], self._posting_day(payout))
                if oddity is Oddity.DECOY:
                    yield self._other(_DECOY, payout.amount, day_of(payout.arrival_date), "decoy")

    def _deposit(self, payouts: list[Payout], posted: date) -> BankLine:
        amount = sum(payout.amount for payout in payouts)
        # Nothing that stands for several payouts can carry the trace id of one.
        words = self._stripe_words(payouts[0], posted, "deposit", has_trace_id=len(payouts) == 1)
        return self._line(amount, posted, words, Role.DEPOSIT, *payouts)

    def _returned(self, payout: Payout) -> Iterator[BankLine]:
        """Yield a deposit and its return, the day before Stripe hears of it where it can be."""
        posted = next_banking_day(day_of(payout.arrival_date))
        assert payout.failed_at is not None  # noqa: S101 - what it was chosen for
        failed = day_of(payout.failed_at)
        back = next(
            (
                day
                for day in (failed - timedelta(days=n) for n in range(1, (failed - posted).days))
                if is_banking_day(day)
            ),
            next_banking_day(failed),
        )
        yield self._deposit([payout], posted)
        words = self._bank.wording.returned(
            self._holder.name,
            back,
            self._ident(payout.id),
            self._trace_id(payout, back),
        )
        yield self._line(-payout.amount, back, words, Role.RETURN, payout)

    def _in_two(self, payout: Payout) -> Iterator[BankLine]:
        posted = self._posting_day(payout)
        chance = self._chance(payout.id, "parts")
        part = free_amount(
            payout.amount // 4,
            payout.amount // 2 - 1,
            chance,
            lambda units: (
                self._is_free(units, day=posted)
                and self._is_free(payout.amount - units, day=posted)
            ),
        )
        for number, amount in enumerate((part, payout.amount - part)):
            # Nor can what is a part of a payout carry the trace id of the whole.
            words = self._stripe_words(payout, posted, f"part {number}", has_trace_id=False)
            yield self._line(amount, posted, words, Role.PART, payout)

    def _unknown_lines(self, first_day: date) -> Iterator[BankLine]:
        day = unknown_deposit_day(self._bank.key, first_day)
        if day is None:
            return
        posted = next_banking_day(day)
        chance = self._chance("unknown deposit")
        amount = free_amount(*_UNKNOWN_DEPOSIT, chance, partial(self._is_free, day=posted))
        name = f"{self._seed}/{self._bank.key}/unknown deposit"
        trace_id = tag(name, length=17).upper() if self._bank.shows_trace_id else None
        words = self._bank.wording.stripe(self._holder.name, posted, self._ident(name), trace_id)
        yield self._line(amount, posted, words, Role.UNKNOWN)

    def _other_lines(self, last_day: date) -> Iterator[BankLine]:
        for day in days_between(self._since, last_day):
            chance = self._chance(day, "noise")
            is_free = partial(self._is_free, day=day)
            moved = noise_of(self._bank.habits, day, chance, is_free)
            for number, noise in enumerate(moved):
                said = (noise.party, noise.purpose)
                yield self._other(said, noise.amount, day, f"noise {number}")

    def _other(self, said: tuple[str, str], amount: int, posted: date, what: str) -> BankLine:
        words = self._bank.wording.other(self._holder.name, posted, *said)
        return self._line(amount, posted, words, Role.OTHER, what=what)

    def _line(
        self, amount: int, posted: date, words: Words, role: Role, *payouts: Payout, what: str = ""
    ) -> BankLine:
        owner = payouts[0].id if payouts else ""
        # The amount tells the parts of a payout from each other.
        name = tag(self._seed, self._bank.key, posted, role, owner, amount, what, length=10)
        entry = BankEntry(
            amount_minor=amount,
            posted=posted,
            reference=f"{posted:%y%m%d}{name.upper()}",
            text=words.text,
            counterparty=words.counterparty,
            end_to_end_id=words.end_to_end_id,
        )
        return BankLine(entry, role, payouts)

    def _stripe_words(
        self, payout: Payout, posted: date, what: str, *, has_trace_id: bool = True
    ) -> Words:
        trace_id = self._trace_id(payout, posted) if has_trace_id else None
        ident = self._ident(f"{payout.id}/{what}")
        return self._bank.wording.stripe(self._holder.name, posted, ident, trace_id)

    def _trace_id(self, payout: Payout, posted: date) -> str | None:
        """Return what Stripe names as the payout's trace id once the day is over."""
        if not self._bank.shows_trace_id:
            return None
        shown = stripe_objects.payout(payout, self._holder, midnight(posted) + DAY)
        value = shown["trace_id"]["value"]
        return None if value is None else str(value)

    @staticmethod
    def _ident(name: str) -> str:
        return tag(name, length=10).upper()

    def _posting_day(self, payout: Payout) -> date:
        (lag,) = self._chance(payout.id, "posting").choices(_LAGS, _LAG_WEIGHTS)
        return after_banking_days(next_banking_day(day_of(payout.arrival_date)), lag)

    def _is_free(self, amount: int, *, day: date) -> bool:
        return self._amounts.near(amount, day) == 0

    def _chance(self, *names: object) -> random.Random:
        """Return the randomness of one thing: nothing else can shift it."""
        name = "/".join(map(str, (self._seed, self._bank.key, *names)))
        return random.Random(name)  # noqa: S311 - a story, not a secret
