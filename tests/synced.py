"""A warehouse that is synced again and again from one small platform."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import duckdb

from loader.settings import Mode
from loader.sources.price import Price
from loader.stripe_api.client import StripeAccess
from loader.sync import SyncRequest, SyncResult, plan, sync
from loader.warehouse import Warehouse
from tests.runs import Quiet, rows
from tests.small_stripe import SmallStripe

JANUARY = 1_767_225_600  # 2026-01-01 00:00 UTC

LEDGER = """
    select id, currency, amount, fee, net, created from stripe.balance_transactions
    union
    select id, currency, amount, fee, net, created from stripe.payout_transactions
    order by all
"""


class Synced:
    """One warehouse and the platform that it is loaded from."""

    def __init__(self, stripe: SmallStripe, folder: Path, base: str) -> None:
        self.stripe = stripe
        self.path = folder / "warehouse.duckdb"
        self._folder = folder
        self._base = base

    def plan(self, mode: Mode = Mode.TEST, **options: Any) -> Price:  # noqa: ANN401
        """Ask what a sync would read."""
        return plan(self.request(mode, **options), Quiet())

    def sync(self, mode: Mode = Mode.TEST, **options: Any) -> SyncResult:  # noqa: ANN401
        """Sync anew; what is asked of Stripe is counted from here on."""
        self.stripe.asked.clear()
        return sync(self.request(mode, **options), Quiet())

    def request(self, mode: Mode = Mode.TEST, **options: Any) -> SyncRequest:  # noqa: ANN401
        """Answer what a sync would be asked to do."""
        access = StripeAccess("sk_test_1", self._base)
        warehouse, pipelines = Warehouse(self.path), self._folder / "dlt"
        return SyncRequest(access, mode, warehouse, pipelines, 0, **options)

    def ids(self, table: str, column: str = "id") -> set[str]:
        """Answer the ids of a raw table."""
        return {name for (name,) in rows(self.path, f"select {column} from stripe.{table}")}

    def one(self, query: str) -> tuple[Any, ...]:
        """Answer the one row of a query."""
        (row,) = rows(self.path, query)
        return row

    def change(self, statement: str) -> None:
        """Change a raw table behind the loader's back."""
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(statement)

    def ledger(self) -> list[tuple[Any, ...]]:
        """Answer every transaction, wherever it was read."""
        return rows(self.path, LEDGER)

    def unexplained(self) -> str:
        """Answer the difference from the balance that the last reading left, as JSON text."""
        query = "select max_by(coalesce(unexplained, ''), run_number) from stripe.account_syncs"
        return str(self.one(query)[0])

    def moving(self) -> str:
        """Answer what the last reading says of money that moved meanwhile, as JSON text."""
        query = "select max_by(coalesce(moving, ''), run_number) from stripe.account_syncs"
        return str(self.one(query)[0])

    def opening(self) -> str:
        """Answer what the balance held before the rows, as the last reading says, as JSON text."""
        query = "select max_by(coalesce(opening, ''), run_number) from stripe.account_syncs"
        return str(self.one(query)[0])

    @staticmethod
    def now() -> int:
        """Answer the time by the clock of both sides."""
        return int(time.time())

    @property
    def lists_asked(self) -> list[str]:
        """The payouts whose lists were asked for."""
        asked = self.stripe.questions("/v1/balance_transactions")
        return [query["payout"] for query in asked if "payout" in query]
