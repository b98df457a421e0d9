"""Looks for what makes an account's rows differ from its balance: lately first, then everywhere.

A difference that stays when all was listed is recorded, and looked for again only when it changes,
and not everywhere again for a while.
"""

from __future__ import annotations

from collections.abc import Mapping

from loader.histories import AccountHistory
from loader.sources.account_access import DAY, AccountAccess
from loader.sources.account_transactions import AccountTransactions
from loader.sources.account_window import AccountWindow

# The last days are listed again first, then all.
SEARCHED_FIRST_SECONDS = 7 * DAY

# A search that found nothing is not repeated at full length for a while.
SEARCH_AGAIN_AFTER_SECONDS = 7 * DAY

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
        self._window = window
        self._history = history
        self._transactions = transactions
        self._searches = 0
        self.unexplained = dict(history.unexplained)
        """What the rows exceed the balance by after all was searched (minor units by currency)."""
        self.searched_at = history.searched_at
        """When all was last listed again to find such a difference."""
        self.is_moving: bool | None = None
        """Whether reading balance and rows once more changed them; none if it was not tried."""

    @property
    def is_possible(self) -> bool:
        """Whether a difference is still to be looked into."""
        if self._searches == 0:
            return True
        recently = self._access.now() - SEARCH_AGAIN_AFTER_SECONDS
        was_in_vain = self.searched_at is not None and self.searched_at > recently
        may_go_on = self._transactions.has_listed_all or not was_in_vain
        return self._searches < MOST_SEARCHES and may_go_on

    async def search(self, differences: Mapping[str, int]) -> None:
        """Read the balance again, and rows where they were not looked for yet in this run."""
        is_whole_history = self._window.history_from is None
        if is_whole_history and not any(differences.values()):
            self._note(differences)  # what was unexplained is found or mended: not in vain
            self.searched_at = None
            return
        self._searches += 1
        before = self._transactions.state
        if self._searches == 1:
            await self._transactions.read_balance()
            await self._transactions.list_since(self._access.now() - SEARCHED_FIRST_SECONDS)
            self.is_moving = self._transactions.state != before
        elif not self._transactions.has_listed_all:
            await self._transactions.read_balance()
            await self._transactions.list_all()
            self.is_moving = self._transactions.state != before
        else:
            # From a start date on, the first difference is what the account began with.
            is_baseline = not is_whole_history and not self._history.unexplained
            self.searched_at = self.searched_at if is_baseline else self._access.now()
            self._note(differences)

    def _note(self, differences: Mapping[str, int]) -> None:
        noted = {**self.unexplained, **differences}
        self.unexplained = {currency: amount for currency, amount in noted.items() if amount}
