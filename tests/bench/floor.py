"""The floor: a loader made by hand that fetches, parses and writes Parquet, and nothing more.

    python -m tests.bench.floor base_url key folder in_flight backfill|nothing-new

`backfill` reads every account's payouts and the list of each; `nothing-new` reads the first page of
payouts and of transactions of each account, the least that shows that nothing is new.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

Row = dict[str, Any]

ACCOUNTS_AT_ONCE = 50
ROWS_AT_ONCE = 10_000
_LARGEST_HEAD = 1 << 16

_TEXT = ("id", "balance_type", "currency", "description", "source", "status", "type")
_INTEGERS = ("amount", "available_on", "created", "fee", "net")
SCHEMA = pa.schema(
    [
        ("account_id", pa.string()),
        ("payout_id", pa.string()),
        *((name, pa.string()) for name in (*_TEXT, "reporting_category", "fee_details")),
        *((name, pa.int64()) for name in _INTEGERS),
        ("exchange_rate", pa.float64()),
    ]
)


class Connections:
    """As many connections as requests may be in flight; each is kept and used again."""

    def __init__(self, base_url: str, key: str, in_flight: int) -> None:
        self._address = urlsplit(base_url)
        self._key = key
        self._free: asyncio.LifoQueue[tuple[asyncio.StreamReader, asyncio.StreamWriter] | None]
        self._free = asyncio.LifoQueue()
        for _ in range(in_flight):
            self._free.put_nowait(None)

    async def get(self, path: str, account_id: str, **query: str) -> dict[str, Any]:
        """Answer the JSON object at a path."""
        connection = await self._free.get()
        reader, writer = connection or await asyncio.open_connection(
            self._address.hostname, self._address.port, limit=_LARGEST_HEAD
        )
        account = f"Stripe-Account: {account_id}\r\n" if account_id else ""
        writer.write(
            f"GET {path}?{urlencode({'limit': 100, **query})} HTTP/1.1\r\n"
            f"Host: {self._address.netloc}\r\nAuthorization: Bearer {self._key}\r\n"
            f"{account}\r\n".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(head.decode())
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        self._free.put_nowait((reader, writer))
        found: dict[str, Any] = orjson.loads(body)
        return found

    async def pages(self, path: str, account_id: str, **query: str) -> AsyncIterator[list[Row]]:
        """Yield every page of a list."""
        while True:
            page = await self.get(path, account_id, **query)
            yield page["data"]
            if not page["has_more"]:
                return
            query["starting_after"] = page["data"][-1]["id"]


class Floor:
    """Reads a platform's accounts and writes what they list."""

    def __init__(self, connections: Connections, writer: pq.ParquetWriter) -> None:
        self._connections = connections
        self._writer = writer
        self._rows: list[Row] = []
        self._accounts_at_once = asyncio.Semaphore(ACCOUNTS_AT_ONCE)

    async def backfill(self) -> None:
        """Read every payout's list."""
        async with asyncio.TaskGroup() as tasks:
            async for page in self._connections.pages("/v1/accounts", ""):
                for account in page:
                    tasks.create_task(self._read(account["id"]))
        self.flush()

    async def nothing_new(self) -> None:
        """Look whether an account has anything new."""
        async with asyncio.TaskGroup() as tasks:
            async for page in self._connections.pages("/v1/accounts", ""):
                for account in page:
                    tasks.create_task(self._look(account["id"]))

    async def _read(self, account_id: str) -> None:
        async with self._accounts_at_once, asyncio.TaskGroup() as tasks:
            async for page in self._connections.pages("/v1/payouts", account_id):
                for payout in page:
                    tasks.create_task(self._read_list(account_id, payout["id"]))

    async def _read_list(self, account_id: str, payout_id: str) -> None:
        path = "/v1/balance_transactions"
        async for page in self._connections.pages(path, account_id, payout=payout_id):
            for row in page:
                row["account_id"], row["payout_id"] = account_id, payout_id
                row["fee_details"] = orjson.dumps(row["fee_details"]).decode()
            self._rows += page
        if len(self._rows) >= ROWS_AT_ONCE:
            self.flush()

    async def _look(self, account_id: str) -> None:
        async with self._accounts_at_once:
            await self._connections.get("/v1/payouts", account_id)
            await self._connections.get("/v1/balance_transactions", account_id)

    def flush(self) -> None:
        """Write the rows gathered so far."""
        rows, self._rows = self._rows, []
        columns = {name: [row[name] for row in rows] for name in SCHEMA.names}
        self._writer.write_table(pa.table(columns, schema=SCHEMA))


async def main(base_url: str, key: str, folder: str, in_flight: str, what: str) -> None:
    """Load a platform."""
    with pq.ParquetWriter(Path(folder) / "floor.parquet", SCHEMA) as writer:
        floor = Floor(Connections(base_url, key, int(in_flight)), writer)
        await (floor.backfill() if what == "backfill" else floor.nothing_new())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
