"""Reads what is new of one account, in an order that matters, and records what was read.

Payouts, then the lists of the completed ones, then the balance, then transactions by `created`.
What the rows then name and nobody has read is a loose end, tied at the end of the sync.
"""

from __future__ import annotations

import json
from collections import Counter

from loader.histories import AccountHistory
from loader.loose_ends import LooseEnds
from loader.sources.account_access import AccountAccess, Keep, Reading
from loader.sources.account_payouts import AccountPayouts
from loader.sources.account_transactions import AccountTransactions
from loader.sources.account_window import AccountWindow
from loader.sources.balance_search import BalanceSearch
from loader.sources.known_rows import KnownRows
from loader.sources.stripe_tables import ACCOUNT_SYNCS, BALANCE_TRANSACTIONS, Row
from loader.stripe_api.client import StripeClient
from loader.stripe_api.errors import gravest_of_group


class AccountReader:
    """One account in one run: reads, hands rows over to be kept, and says what was covered."""

    def __init__(
        self,
        client: StripeClient,
        reading: Reading,
        account: Row,
        history: AccountHistory | None,
        keep: Keep,
    ) -> None:
        """Take what is known.

        Args:
            account: its row in the raw table `accounts`.
            history: what earlier runs read; none for an account read for the first time.
            keep: takes rows of raw tables; returns once they are in a batch.
        """
        history = history or AccountHistory()
        self.account_id: str = account["account_id"]
        self._access = AccountAccess(client, reading, account, keep)
        self._window = AccountWindow(history, reading.start)
        self._known = KnownRows()
        self._known.recall(history.listed_ids, history.listed_sums)
        if self._window.goes_on or reading.full:
            self._known.give_up()
        self._payouts = AccountPayouts(
            self._access, self._window, history, self._known, account.get("created")
        )
        self._transactions = AccountTransactions(
            self._access, self._window, history, self._payouts, self._known
        )
        self._search = BalanceSearch(self._access, self._window, history, self._transactions)
        self._started_at = self._access.now()

    async def survey(self) -> None:
        """Read the payouts that are new or may have changed; what else there is to read follows.

        Raises:
            StripeReadError: the account could not be read to the end; what was read is kept.
        """
        await self._payouts.survey()

    async def read(self) -> None:
        """Read everything else that is new, and the record of having read it.

        Raises:
            StripeReadError: the account could not be read to the end; what was read is kept.
        """
        with gravest_of_group():
            await self._payouts.read_lists()
            await self._transactions.read_balance()
            await self._transactions.read()
        await self._access.keep((ACCOUNT_SYNCS, [self.record("readable")]))
        # Thousands of accounts are read in one run: what only the reading needed is let go.
        self._known.give_up()
        self._payouts.forget()

    async def tie_loose_ends(self, ends: LooseEnds) -> None:
        """Look up what stored rows name and what is not stored as they name it.

        What the lists read for it name is looked up in the next round, until there is none.

        Raises:
            StripeReadError: the account could not be read to the end.
        """
        with gravest_of_group():
            self._payouts.has_listed(ends.listed_payouts)
            for payout_id in sorted(ends.payouts):
                await self._payouts.read(payout_id)
            await self._payouts.read_lists()
            await self._transactions.list_days_of(ends.unconfirmed_created)
            for transaction_id in sorted(ends.rows_before_window):
                row = await self._access.retrieve("/v1/balance_transactions", transaction_id)
                if row is not None:
                    await self._access.keep((BALANCE_TRANSACTIONS, [row]))
            if ends.opening is not None:
                await self._search.note_opening(ends.opening, is_certain=ends.is_opening_certain)
            elif ends.unproven:
                await self._search.search(ends.unproven)
        await self._access.keep((ACCOUNT_SYNCS, [self.record("readable")]))

    @property
    def was_read_before(self) -> bool:
        """Whether an earlier run read the account to the end."""
        return self._window.goes_on

    @property
    def can_search(self) -> bool:
        """Whether a difference between rows and balance is still to be looked into."""
        return self._search.is_possible

    @property
    def lists_wanted(self) -> int:
        """How many payouts' lists are to be read."""
        return len(self._payouts.lists_wanted)

    @property
    def lists_before_start(self) -> int:
        """How many of them an earlier run had found before it was asked to start so late."""
        return self._payouts.lists_wanted.made_before(self._window.history_from or 0)

    @property
    def floor(self) -> Counter[str]:
        """The fewest requests that give what was read, by endpoint."""
        return self._access.floor

    def record(self, status: str, error: str | None = None) -> Row:
        """Answer the row of `account_syncs` for this reading."""
        search = self._search
        return {
            "account_id": self.account_id,
            "run_id": self._access.reading.run_id,
            "run_number": self._access.reading.run_number,
            "status": status,
            "error": error,
            "started_at": self._started_at,
            "finished_at": self._access.now(),
            "transactions_listed_at": self._transactions.listed_at,
            "balance_read_at": self._transactions.balance_read_at,
            "history_from": self._window.history_from,
            "created_from": self._transactions.created_from,
            "created_through": self._transactions.created_through,
            "payouts_through": self._payouts.through,
            "unexplained": json.dumps(search.unexplained) if search.unexplained else None,
            "searched_at": search.searched_at,
            "moving": json.dumps(search.moving) if search.moving else None,
            "opening": None if search.opening is None else json.dumps(search.opening),
            "opening_read_at": search.opening_read_at,
            "pages": self._access.pages,
            "rows": self._access.rows,
        }
