"""A lake and a DuckDB file that are synced from one small platform, to be compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loader.lake import Lake
from loader.raw_data import RawData
from loader.settings import Mode
from loader.sources.stripe_tables import RAW_TABLES
from loader.stripe_api.client import StripeAccess
from loader.sync import SyncRequest, sync
from loader.warehouse import Warehouse
from tests.runs import AS_OF, Quiet
from tests.small_stripe import SmallStripe

# What differs from one reading to the next, whatever is read.
OF_THE_READING = {
    *("run_id", "started_at", "finished_at", "listed_at", "read_at", "transactions_listed_at"),
    *("balance_read_at", "searched_at", "opening_read_at", "pages", "run_number"),
}
ON_SPARK = {"TIEOUT_ENGINE": "spark", "TIEOUT_AS_OF": AS_OF.isoformat()}


def raw_rows(raw: RawData) -> dict[str, list[tuple[Any, ...]]]:
    """Answer the rows of every raw table, without what is of the reading alone."""
    found = {}
    with raw.connect() as connection:
        for table in RAW_TABLES:
            hidden = OF_THE_READING | ({"id"} if table.name == "balances" else set())
            columns = ", ".join(name for name in table.columns if name not in hidden)
            query = f"select {columns} from stripe.{table.name} order by all"
            found[table.name] = connection.execute(query).fetchall()
    return found


class Syncing:
    """A small Stripe, and a lake and a warehouse that are synced from it."""

    def __init__(self, stripe: SmallStripe, base: str, folder: Path) -> None:
        self.stripe, self._base, self._folder = stripe, base, folder
        self.lake = Lake(str(folder / "lake"))
        self.warehouse = Warehouse(folder / "warehouse.duckdb")

    def sync(self, raw: RawData, **options: Any) -> None:  # noqa: ANN401
        access, pipelines = StripeAccess("sk_test_1", self._base), self._folder / "dlt"
        sync(SyncRequest(access, Mode.TEST, raw, pipelines, 0, **options), Quiet())

    def sync_both(self, **options: Any) -> None:  # noqa: ANN401
        for raw in (self.warehouse, self.lake):
            self.sync(raw, **options)
        assert raw_rows(self.lake) == raw_rows(self.warehouse)
