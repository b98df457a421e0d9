"""Where the story is told: every account's books, and the randomness of each day."""

import random
from collections import deque
from dataclasses import dataclass, field
from datetime import date, timedelta

from loader.sandbox.banking_days import midnight
from loader.sandbox.ledger import AccountBook, Ledger, open_book
from loader.sandbox.options import SandboxOptions
from loader.sandbox.scenario.cast import PLATFORM, Character, connected_by

#: Sales that can still be refunded or disputed.
_REMEMBERED_SALES = 80


@dataclass(frozen=True)
class Sale:
    """A charge that may be refunded or disputed later."""

    charge_id: str
    amount: int
    currency: str
    created: int
    application_fee: int = 0
    application_fee_id: str | None = None
    transfer_id: str | None = None


@dataclass
class Actor:
    """An account on the stage."""

    character: Character
    book: AccountBook
    sales: deque[Sale] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_SALES))
    pauses: list[tuple[int, int]] = field(default_factory=list)
    """From when to when its bank account is closed, so that Stripe makes no payouts."""
    special_payouts: int = 0
    """How often a payout of its own kind (split, failed) has been made."""

    @property
    def currency(self) -> str:
        """The currency it trades in."""
        return self.character.currency

    def is_paused(self, at: int) -> bool:
        """Whether Stripe makes no payouts at an instant."""
        return any(since <= at < until for since, until in self.pauses)


class Stage:
    """The platform, the accounts connected to it, and one day after the other."""

    def __init__(self, options: SandboxOptions) -> None:
        self.seed = options.seed
        self.first_day = options.first_day
        self.opening = midnight(options.first_day)
        self.platform = self._enter(PLATFORM, 0)
        cast = connected_by((options.last_day - options.first_day).days)
        self.connected = {
            character.key: self._enter(character, order)
            for order, character in enumerate(cast, start=1)
        }

    def _enter(self, character: Character, order: int) -> Actor:
        account = character.account(self.seed, order, self.opening)
        return Actor(character, open_book(self.seed, character.key, account))

    def day(self, day_number: int) -> date:
        """Return the date of a day of the story."""
        return self.first_day + timedelta(days=day_number)

    def day_number(self, day: date) -> int:
        """Return how many days into the story a date lies."""
        return (day - self.first_day).days

    def chance(self, actor: Actor, day: date, purpose: str) -> random.Random:
        """Return the randomness of one account on one day: no other day can shift it."""
        name = f"{self.seed}/{actor.character.key}/{day}/{purpose}"
        return random.Random(name)  # noqa: S311 - a story, not a secret

    def on_stage(self, day: date) -> list[Actor]:
        """Return the connected accounts open on a day that have not cut the platform off."""
        number = self.day_number(day)
        return [
            actor
            for actor in self.connected.values()
            if actor.character.opens_on <= number
            and (actor.character.revoked_on is None or number < actor.character.revoked_on)
        ]

    def ledger(self) -> Ledger:
        """Return all books."""
        return Ledger(self.platform.book, [actor.book for actor in self.connected.values()])
