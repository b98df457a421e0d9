"""A sync through a connection that breaks ends with the same raw tables as one that does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from loader.sandbox.options import SandboxOptions
from loader.sandbox.process import SandboxProcess
from loader.settings import Mode
from loader.stripe_api.client import StripeAccess
from loader.sync import SyncRequest, SyncResult, sync
from loader.warehouse import Warehouse
from tests.runs import Quiet, rows

CALM = SandboxOptions(first_day=date(2026, 3, 1), as_of=datetime(2026, 4, 10, 12, tzinfo=UTC))
HURT = replace(CALM, fault_rate=0.11)

RAW = {
    "accounts": "*",
    "payouts": "*",
    "payout_transactions": "*",
    "balance_transactions": "*",
    "balances": "account_id, currency, available, pending, connect_reserved",
    "payout_listings": "account_id, id, reconciliation_status_seen, is_whole, row_count, error",
    "account_syncs": "account_id, status, created_from, created_through, payouts_through, rows",
}


def synced(
    folder: Path, options: SandboxOptions
) -> tuple[SyncResult, dict[str, list[tuple[Any, ...]]]]:
    """Sync a platform once; answer what it did and every raw table."""
    warehouse = Warehouse(folder / "warehouse.duckdb")
    with SandboxProcess(options) as sandbox:
        access = StripeAccess(sandbox.api_key, sandbox.base_url)
        result = sync(SyncRequest(access, Mode.TEST, warehouse, folder / "dlt", 0), Quiet())
    tables = {
        table: rows(warehouse.path, f"select {columns} from stripe.{table} order by all")
        for table, columns in RAW.items()
    }
    return result, tables


def test_the_size_of_batches_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, whole = synced(tmp_path / "whole", CALM)
    monkeypatch.setattr("loader.sync.BATCH_ROWS", 700)
    _, pieces = synced(tmp_path / "pieces", CALM)
    assert pieces == whole


def test_faults_and_refusals_leave_no_trace(tmp_path: Path) -> None:
    calm, expected = synced(tmp_path / "calm", CALM)
    hurt, found = synced(tmp_path / "hurt", HURT)
    assert calm.accounts == hurt.accounts
    assert found == expected
    assert hurt.requests.total() > calm.requests.total(), "no request was hurt"
