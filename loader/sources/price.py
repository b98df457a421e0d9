"""What a sync will cost at least, in requests and time, before it makes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from loader.sources.account_reader import AccountReader
from loader.stripe_api.pacing import ENDPOINT_REQUESTS_PER_SECOND


@dataclass(frozen=True)
class Price:
    """The least that remains to be asked once every account's payouts are known.

    A list of more than 100 rows takes further requests, and so do transactions that no payout's
    list covers: how many there are only Stripe knows.
    """

    accounts: int = 0
    accounts_never_read: int = 0
    lists: int = 0
    """Payouts whose transactions are to be listed."""
    lists_before_start: int = 0
    """Those of them made before the start date, found by a run that was broken off."""
    requests: Counter[str] = field(default_factory=Counter)
    """By endpoint, at least."""
    requests_per_second: float = 0
    """The pace for all endpoints together; 0 is none."""

    @property
    def seconds(self) -> float:
        """The least time at this pace; 0 where there is none."""
        if not self.requests_per_second:
            return 0
        one_endpoint = min(self.requests_per_second, ENDPOINT_REQUESTS_PER_SECOND)
        busiest = max(self.requests.values(), default=0)
        return max(busiest / one_endpoint, self.requests.total() / self.requests_per_second)


def price_of(readers: Iterable[AccountReader], requests_per_second: float) -> Price:
    """Answer what it takes at least to read the accounts that were surveyed."""
    surveyed = list(readers)
    lists = sum(reader.lists_wanted for reader in surveyed)
    return Price(
        accounts=len(surveyed),
        accounts_never_read=sum(not reader.was_read_before for reader in surveyed),
        lists=lists,
        lists_before_start=sum(reader.lists_before_start for reader in surveyed),
        requests=Counter(
            {"/v1/balance_transactions": lists + len(surveyed), "/v1/balance": len(surveyed)}
        ),
        requests_per_second=requests_per_second,
    )
