"""Finds the platform account and every account that is connected to it."""

from __future__ import annotations

from collections import Counter

from loader.sources.stripe_tables import ACCOUNTS, Row, account_row
from loader.stripe_api.client import StripeClient
from loader.stripe_api.paging import pages


class PlatformAccounts:
    """The accounts that a key gives access to."""

    def __init__(self, client: StripeClient) -> None:
        self._client = client
        self.floor: Counter[str] = Counter()
        """The fewest requests that give what was read, by endpoint."""

    async def find_platform(self) -> Row:
        """Answer the account that the key belongs to.

        Raises:
            StripeReadError: it can't be read.
        """
        self.floor["/v1/account"] = 1
        platform = account_row(await self._client.get("/v1/account"), is_platform=True)
        ACCOUNTS.check([platform])
        return platform

    async def find_all(self, platform: Row) -> dict[str, Row]:
        """Answer the platform's and every connected account's row by id, the platform's first.

        Raises:
            StripeReadError: the list of accounts can't be read to its end.
        """
        found = {platform["id"]: platform}
        async for page in pages(self._client, "/v1/accounts"):
            self.floor["/v1/accounts"] += 1
            rows = [account_row(account, is_platform=False) for account in page]
            ACCOUNTS.check(rows)
            for row in rows:
                found.setdefault(row["account_id"], row)
        return found
