"""Finds the platform account and every account that is connected to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from loader.sources.scope import PLATFORM, Scope
from loader.sources.stripe_tables import ACCOUNTS, Row, account_row
from loader.stripe_api.client import StripeClient, odd_answers_again
from loader.stripe_api.errors import (
    AccessRevokedError,
    KeyRefusedError,
    NotFoundError,
    StripeReadError,
)
from loader.stripe_api.paging import pages


@dataclass(frozen=True)
class Found:
    """What was found of the accounts that were asked for, by id."""

    rows: dict[str, Row]
    unknown: dict[str, str]
    """Accounts that nothing is known of and that the key does not open, with Stripe's words."""
    failed: dict[str, str]
    """Accounts that nothing is known of and that could not be read, with the reason."""


class PlatformAccounts:
    """The accounts that a key gives access to."""

    def __init__(self, client: StripeClient) -> None:
        self._client = client
        self.floor: Counter[str] = Counter()
        """The fewest requests that give what was read, by endpoint."""

    @odd_answers_again
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

    async def find_named(self, scope: Scope, platform: Row, known: Mapping[str, Row]) -> Found:
        """Answer the accounts of a scope; those that were loaded before are not asked for.

        Raises:
            KeyRefusedError: the key opens nothing.
        """
        found, unknown, failed = dict[str, Row](), dict[str, str](), dict[str, str]()
        for account_id in scope.payouts:
            if account_id in {PLATFORM, platform["id"]}:
                found[platform["id"]] = platform
            elif account_id in known:
                found[account_id] = known[account_id]
            else:
                self.floor["/v1/accounts/{id}"] += 1
                try:
                    found[account_id] = await self._find(account_id)
                except KeyRefusedError:
                    raise
                except (AccessRevokedError, NotFoundError) as refusal:
                    unknown[account_id] = str(refusal)
                except StripeReadError as failure:
                    failed[account_id] = str(failure)
        return Found(found, unknown, failed)

    @odd_answers_again
    async def _find(self, account_id: str) -> Row:
        path = f"/v1/accounts/{quote(account_id, safe='')}"
        row = account_row(await self._client.get(path), is_platform=False)
        ACCOUNTS.check([row])
        return row
