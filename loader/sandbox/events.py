"""What `/v1/events` tells of an account: the last 30 days of its payouts, and its connection."""

from collections.abc import Iterator
from dataclasses import dataclass

from loader.sandbox import stripe_objects
from loader.sandbox.banking_days import DAY
from loader.sandbox.identifiers import tag
from loader.sandbox.ledger import Account, Payout
from loader.sandbox.snapshot import AccountView
from loader.sandbox.stripe_objects import Json

#: How long Stripe keeps events (docs.stripe.com/api/events/list).
RETENTION_SECONDS = 30 * DAY


@dataclass(frozen=True)
class Event:
    """One thing that happened: an account's payout, or its connection, changed state."""

    id: str
    order: int
    type: str
    created: int
    account: Account
    payout: Payout | None = None
    previous: Json | None = None
    delivered: bool = True
    """Whether every webhook took it; where there is none, all did."""

    def render(self) -> Json:
        """Return the event with its object as it stood then."""
        return stripe_objects.event(
            event_id=self.id,
            event_type=self.type,
            created=self.created,
            account_id=None if self.account.is_platform else self.account.id,
            subject=self._subject(),
            previous=self.previous,
        )

    def _subject(self) -> Json:
        if self.payout is not None:
            return stripe_objects.payout(self.payout, self.account, self.created)
        if self.type.startswith("account.application."):
            name = "Tieout sandbox"
            return {"id": f"ca_{tag(name, length=24)}", "name": name, "object": "application"}
        return stripe_objects.account(self.account, self.created)


def events_of(view: AccountView) -> list[Event]:
    """Return an account's events of the last 30 days."""
    since = view.now - RETENTION_SECONDS
    moments = [*_of_account(view.account)]
    for payout in view.payouts.values():
        moments += _of_payout(payout)
    return [
        _event(view.account, moment) for moment in moments if since <= moment.created <= view.now
    ]


@dataclass(frozen=True)
class _Moment:
    created: int
    rank: int
    """Settles ties: what comes first within one second."""
    type: str
    payout: Payout | None = None
    previous: Json | None = None


def _event(account: Account, moment: _Moment) -> Event:
    subject = account.id if moment.payout is None else moment.payout.id
    return Event(
        id=f"evt_1{tag(account.id, subject, moment.type, moment.created, length=23)}",
        order=_order(moment),
        type=moment.type,
        created=moment.created,
        account=account,
        payout=moment.payout,
        previous=moment.previous,
    )


def _order(moment: _Moment) -> int:
    """Return a place that does not depend on which events are still kept."""
    return moment.rank * 1_000_000 + (0 if moment.payout is None else moment.payout.order)


def _of_account(account: Account) -> Iterator[_Moment]:
    if account.is_platform:
        return
    yield _Moment(account.created, 0, "account.application.authorized")
    yield _Moment(account.created + 60, 0, "account.updated", previous={"payouts_enabled": False})
    if account.revoked_at is not None:
        yield _Moment(account.revoked_at, 0, "account.application.deauthorized")


def _of_payout(payout: Payout) -> Iterator[_Moment]:
    yield _Moment(payout.created, 0, "payout.created", payout)
    if payout.itemized_at is not None:
        at = payout.itemized_at
        yield _Moment(at, 1, "payout.reconciliation_completed", payout)
        previous = {"reconciliation_status": "in_progress"}
        yield _Moment(at, 2, "payout.updated", payout, previous)
    if payout.canceled_at is not None:
        yield _Moment(payout.canceled_at, 1, "payout.canceled", payout)
        return
    yield _Moment(payout.in_transit_at, 3, "payout.updated", payout, {"status": "pending"})
    yield _Moment(payout.paid_at, 4, "payout.paid", payout)
    if payout.failed_at is not None:
        yield _Moment(payout.failed_at, 5, "payout.failed", payout)
