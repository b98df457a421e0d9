"""What is known of an account's ledger while it is read for the first time.

Two questions decide how far back the listing by `created` must go: does this page hold anything
that no payout's list covers, and do all rows known by now add up to the balance that Stripe states?
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

# Payouts are read newest first, and so are transactions: what matters is among the newest.
# What lies beyond is taken for not covered, which costs requests but loses nothing.
IDS_KEPT = 100_000

# Rows of the second in which the balance was read may be in it or not.
SAME_MOMENT_SECONDS = 1


class KnownRows:
    """The rows of one account that this run has seen, each counted once."""

    def __init__(self) -> None:
        self._is_listed: dict[str, bool] = {}
        self._ledger: Counter[str] = Counter()
        self._newest: list[tuple[int, str, int]] = []
        self._newest_since: int | None = None
        self.is_of_use = True
        """Whether rows are still gathered; if not, nothing is known to be covered or proven."""

    def give_up(self) -> None:
        """Gather no more and forget what is known: all is listed by `created` then."""
        self.is_of_use = False
        self._is_listed.clear()
        self._newest.clear()

    def recall(self, ids: Iterable[str], sums: Mapping[str, int]) -> None:
        """Take over what earlier, interrupted runs listed: ids, and minor units by currency."""
        self._is_listed.update(dict.fromkeys(ids, True))
        self._ledger.update(sums)

    def add_listed(self, rows: Sequence[Row]) -> None:
        """Add the rows of a payout's list that was read to its end; one too long ends it all."""
        if len(rows) > IDS_KEPT:
            self.give_up()
        self._add(rows, is_listed=True)

    def add_created(self, rows: Sequence[Row]) -> None:
        """Add rows that the listing by `created` gave."""
        self._add(rows, is_listed=False)

    def covers(self, rows: Sequence[Row]) -> bool:
        """Tell whether every row is in a payout's list."""
        return all(self._is_listed.get(row["id"], False) for row in rows)

    @property
    def listed_count(self) -> int:
        """How many rows payouts' lists hold, up to `IDS_KEPT`."""
        return sum(self._is_listed.values())

    @property
    def has_listed(self) -> bool:
        """Whether any payout's list is known."""
        return any(self._is_listed.values())

    def knows(self, transaction_id: str | None) -> bool:
        """Tell whether a payout's list holds a transaction."""
        return transaction_id is not None and self._is_listed.get(transaction_id, False)

    def balance_was_read(self, at: int) -> None:
        """Note when the balance was read (Stripe's clock): rows from then on may not be in it."""
        self._newest_since = at - SAME_MOMENT_SECONDS

    def prove(self, balance: Mapping[str, int]) -> bool:
        """Tell whether all rows known add up to a balance (minor units by currency).

        Rows that came in after the balance was read are the newest ones; the sum may do without
        any number of them, newest first.
        """
        currencies = {*balance, *self._ledger}
        return self.is_of_use and all(
            self._is_explained(currency, self._ledger[currency] - balance.get(currency, 0))
            for currency in currencies
        )

    def _is_explained(self, currency: str, difference: int) -> bool:
        came_after = sorted((row for row in self._newest if row[1] == currency), reverse=True)
        for _, _, net in came_after:
            if difference == 0:
                return True
            difference -= net
        return difference == 0

    def _add(self, rows: Sequence[Row], *, is_listed: bool) -> None:
        if not self.is_of_use:
            return
        for row in rows:
            if row["id"] in self._is_listed:
                self._is_listed[row["id"]] |= is_listed
                continue
            if len(self._is_listed) < IDS_KEPT:
                self._is_listed[row["id"]] = is_listed
            if is_of_payments_balance(row):
                self._ledger[row["currency"]] += row["net"]
                self._note_newest(row)

    def _note_newest(self, row: Row) -> None:
        if self._newest_since is not None and row["created"] >= self._newest_since:
            self._newest.append((row["created"], row["currency"], row["net"]))


def is_of_payments_balance(row: Row) -> bool:
    """Tell whether a transaction moves the balance that payouts are made of."""
    return row.get("balance_type") in {None, "payments"}
