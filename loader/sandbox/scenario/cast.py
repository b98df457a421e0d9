"""Who is on the platform: its own account, and the accounts connected to it.

Each has something of its own to show; turns.py tells what happens to whom.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from loader.sandbox.banking_days import DAY, HOUR, after_banking_days, is_banking_day, midnight
from loader.sandbox.identifiers import tag
from loader.sandbox.ledger import Account

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = range(5)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")


class Flow(StrEnum):
    """How an account's customers pay (docs.stripe.com/connect/charges)."""

    NONE = "none"
    DIRECT = "direct"
    DESTINATION = "destination"
    TRANSFERS = "transfers"
    """The platform charges, and transfers the account its share."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When an account is paid out."""

    interval: str = "daily"
    weekday: int = MONDAY
    """Of weekly payouts."""
    banking_days: int = 1
    """Between a payout's creation and its arrival."""
    on_weekends: bool = False
    is_slow_to_itemize: bool = False
    """Each payout stays `in_progress` until the next one is made, a day later to the second."""

    def pays_out_on(self, day: date) -> bool:
        """Whether an automatic payout is created on a day."""
        if self.interval == "weekly":
            return day.weekday() == self.weekday
        return self.interval == "daily" and (self.on_weekends or is_banking_day(day))

    def arrival(self, day: date) -> int:
        """Return the arrival date of a payout created on a day."""
        return midnight(after_banking_days(day, self.banking_days))


@dataclass(frozen=True, kw_only=True)
class Character:
    """One account, and how it lives. Days count from the platform's first."""

    key: str
    name: str
    country: str
    currency: str
    more_currencies: tuple[str, ...] = ()
    opens_on: int = 0
    flow: Flow = Flow.DIRECT
    charges_a_day: float = 3.0
    bank_debit_share: float = 0.0
    """Share of charges whose money takes a week rather than two days to become available."""
    has_vat: bool = False
    """Stripe adds VAT to its fees."""
    schedule: Schedule = Schedule()
    debits_negative_balances: bool = True
    revoked_on: int | None = None
    leaves_list: bool = False
    """Whether a revoked account is gone from `/v1/accounts` too."""

    def account(self, seed: int, order: int, opening: int) -> Account:
        """Return the Stripe account; `opening` is the epoch of the platform's first day."""
        is_weekly = self.schedule.interval == "weekly"
        revoked_at = _day_epoch(opening, self.revoked_on)
        currencies = (self.currency, *self.more_currencies)
        return Account(
            id=account_id(seed, self.key),
            order=order,
            name=self.name,
            country=self.country,
            default_currency=self.currency,
            created=opening + self.opens_on * DAY + 60 * order,
            destinations={
                code: f"ba_1{tag(seed, self.key, code, length=23)}" for code in currencies
            },
            payout_interval=self.schedule.interval,
            payout_anchor=_WEEKDAYS[self.schedule.weekday] if is_weekly else None,
            debits_negative_balances=self.debits_negative_balances,
            is_platform=self is PLATFORM,
            revoked_at=revoked_at,
            unlisted_at=revoked_at if self.leaves_list else None,
        )


def account_id(seed: int, key: str) -> str:
    """Return the Stripe id of one of the cast."""
    return f"acct_1{tag(seed, key, length=15)}"


def _day_epoch(opening: int, day_number: int | None) -> int | None:
    """Return 11:00 UTC on a day of the story."""
    return None if day_number is None else opening + day_number * DAY + 11 * HOUR


def _weekly(weekday: int, banking_days: int = 2) -> Schedule:
    return Schedule(interval="weekly", weekday=weekday, banking_days=banking_days)


PLATFORM = Character(
    key="platform",
    name="Fairwind Market",
    country="US",
    currency="usd",
    more_currencies=("eur",),
    flow=Flow.NONE,
    debits_negative_balances=False,
)

_CONNECTED = (
    Character(
        key="harbor",
        name="Harbor Books",
        country="US",
        currency="usd",
        charges_a_day=9,
    ),
    Character(
        key="courier",
        name="Courier Guild",
        country="US",
        currency="usd",
        flow=Flow.TRANSFERS,
        charges_a_day=5,
        schedule=_weekly(MONDAY),
    ),
    Character(
        key="atelier",
        name="Atelier Lumiere",
        country="FR",
        currency="eur",
        charges_a_day=5,
        bank_debit_share=0.2,
        has_vat=True,
        schedule=Schedule(banking_days=4),
    ),
    Character(
        key="brew",
        name="Northern Brew",
        country="GB",
        currency="gbp",
        charges_a_day=2,
        schedule=_weekly(THURSDAY),
    ),
    Character(
        key="kyoto",
        name="Kyoto Ceramics",
        country="JP",
        currency="jpy",
        schedule=_weekly(FRIDAY, banking_days=4),
    ),
    Character(
        key="souk",
        name="Souk Spices",
        country="KW",
        currency="kwd",
        charges_a_day=2,
        schedule=_weekly(WEDNESDAY),
    ),
    Character(
        key="fjord",
        name="Fjord Wool",
        country="IS",
        currency="isk",
        charges_a_day=2,
        schedule=_weekly(TUESDAY),
    ),
    Character(
        key="maple",
        name="Maple Instruments",
        country="CA",
        currency="cad",
        schedule=Schedule(interval="manual"),
    ),
    Character(
        key="orchid",
        name="Orchid Studio",
        country="SG",
        currency="sgd",
        charges_a_day=4,
        schedule=_weekly(FRIDAY),
    ),
    Character(
        key="reef",
        name="Reef Surf",
        country="AU",
        currency="aud",
        schedule=_weekly(WEDNESDAY),
    ),
    Character(
        key="summit",
        name="Summit Outdoor",
        country="US",
        currency="usd",
        flow=Flow.DESTINATION,
        schedule=_weekly(TUESDAY),
    ),
    Character(
        key="tulip",
        name="Tulip Cycles",
        country="NL",
        currency="eur",
        flow=Flow.DESTINATION,
        schedule=Schedule(banking_days=2, on_weekends=True, is_slow_to_itemize=True),
    ),
    Character(
        key="bygone",
        name="Bygone Vinyl",
        country="US",
        currency="usd",
        charges_a_day=2,
        revoked_on=20,
        leaves_list=True,
    ),
    Character(
        key="sierra",
        name="Sierra Olives",
        country="ES",
        currency="eur",
        charges_a_day=2,
        schedule=_weekly(MONDAY),
        revoked_on=84,
    ),
    Character(
        key="quiet",
        name="Quiet Harp",
        country="IE",
        currency="eur",
        flow=Flow.NONE,
    ),
    Character(
        key="clover",
        name="Clover Gardens",
        country="DE",
        currency="eur",
        opens_on=45,
        has_vat=True,
        schedule=_weekly(THURSDAY),
    ),
    Character(
        key="dahlia",
        name="Dahlia Prints",
        country="US",
        currency="usd",
        opens_on=76,
    ),
)

_NEWCOMERS_FROM, _NEWCOMERS_EVERY = 120, 60
_NEWCOMER_NAMES = ("Juniper Tea", "Larch Toys", "Poppy Cakes", "Cedar Frames", "Willow Shoes")


def connected_by(day_number: int) -> Iterator[Character]:
    """Yield the accounts open by a day of the story; after the cast, one more every two months."""
    yield from (character for character in _CONNECTED if character.opens_on <= day_number)
    for number, opens_on in enumerate(range(_NEWCOMERS_FROM, day_number + 1, _NEWCOMERS_EVERY)):
        yield Character(
            key=f"newcomer-{number}",
            name=f"{_NEWCOMER_NAMES[number % len(_NEWCOMER_NAMES)]} {number + 1}",
            country="US",
            currency="usd",
            opens_on=opens_on,
            charges_a_day=2,
            schedule=_weekly(number % 5),
        )
