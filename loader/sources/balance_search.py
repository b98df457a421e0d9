"""Looks for what makes an account's rows differ from its balance: lately first, then everywhere.

A difference that stays when all was listed is recorded, and looked for again when it changes or has
stayed for a while.
"""

from __future__ import annotations

from collections.abc import Mapping

from loader.histories import SEARCH_AGAIN_AFTER_SECONDS, AccountHistory
from loader.sources.account_access import DAY, AccountAccess
from loader.sources.account_transactions import AccountTransactions
from loader.sources.account_window import AccountWindow

# The last days are listed again first, then all.
SEARCHED_FIRST_SECONDS = 7 * DAY

# Searches for one difference: lately, everywhere, and the record of having found nothing.
MOST_SEARCHES = 3


class BalanceSearch:
    """The search for one account's differences in one run."""

    def __init__(
        self,
        access: AccountAccess,
        window: AccountWindow,
        history: AccountHistory,
        transactions: AccountTransactions,
    ) -> None:
        self._access = access
        self._transactions = transactions
        self._searches = 0
        self._before: Mapping[str, int] = {}
        self._balance_before: Mapping[str, int] = {}
        self.unexplained = dict(history.unexplained)
        """What the rows exceed the balance by after all was searched (minor units by currency)."""
        self.searched_at = history.searched_at
        """When all was last listed again to find such a difference."""
        self.opening = history.opening if window.keeps_baseline else None
        """What the balance held before the rows from a start date on; none until that is known."""
        self.opening_read_at = history.opening_read_at if window.keeps_baseline else None
        """When the balance was read that told so."""
        self.moving: dict[str, int] = {}
        """What the rows exceed the balance by in the currencies in which money moved while it was
        looked into: reading once more changed the difference, or brought what had been missing."""

    @property
    def is_possible(self) -> bool:
        """Whether a difference is still to be looked into."""
        return self._searches < MOST_SEARCHES

    async def search(self, differences: Mapping[str, int]) -> None:
        """Read the balance again, and rows where they were not looked for yet in this run."""
        if not any(differences.values()):
            self._note(differences)  # what was unexplained is found or mended: not in vain
            self.searched_at = None
            return
        self._searches += 1
        if self._searches > 1:
            self._note_movement(differences)
        self._before, self._balance_before = dict(differences), self._transactions.balance
        if self._searches == 1:
            await self._transactions.read_balance()
            await self._transactions.list_since(self._access.now() - SEARCHED_FIRST_SECONDS)
        elif self._transactions.has_listed_all:
            self._searches = MOST_SEARCHES
            self.searched_at = self._access.now()
            self._note(differences)
        elif self._was_in_vain_lately:
            self._searches = MOST_SEARCHES
        else:
            await self._transactions.read_balance()
            await self._transactions.list_all()

    async def note_opening(self, opening: Mapping[str, int], *, is_certain: bool) -> None:
        """Note what the balance held more than the rows from the start date on.

        Where a row is of the very moment of the balance, or the answer took so long that any may
        be, nobody knows whether it is in it: both are read again.
        """
        self._searches += 1
        if is_certain and self._transactions.is_balances_moment_known:
            self.opening = dict(opening)
            self.opening_read_at = self._transactions.balance_read_at
        else:
            await self._transactions.read_balance()
            await self._transactions.list_newest()

    @property
    def _was_in_vain_lately(self) -> bool:
        recently = self._access.now() - SEARCH_AGAIN_AFTER_SECONDS
        return self.searched_at is not None and self.searched_at > recently

    def _note(self, differences: Mapping[str, int]) -> None:
        noted = {**self.unexplained, **differences}
        self.unexplained = {currency: amount for currency, amount in noted.items() if amount}

    def _note_movement(self, differences: Mapping[str, int]) -> None:
        balance = self._transactions.balance
        self.moving = {}
        for currency, difference in differences.items():
            before = self._before.get(currency, self.unexplained.get(currency, 0))
            in_balance = balance.get(currency, 0) - self._balance_before.get(currency, 0)
            in_rows = in_balance + difference - before
            if difference != before or before in (in_balance, -in_rows):
                self.moving[currency] = difference
