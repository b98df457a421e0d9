"""Whatever the ledgers and payouts: no row and no cent is lost, and each verdict is the truth."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.dbt.random_ledgers import Ledger, batch_of, ledgers
from tests.dbt.warehouses import Workbench, load_raw

# Each example is a whole platform, through real dlt and dbt: few examples, of many accounts.
PLATFORMS = st.lists(ledgers(), min_size=40, max_size=60)
FEW = settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)

PUBLISHED = (
    "fct_payout_reconciliation",
    "fct_balance_transactions",
    "fct_payout_categories",
    "fct_balance_proof",
    "fct_balance_rollforward",
    "fct_reconciliation_exceptions",
)


def named(platform: list[Ledger]) -> dict[str, Ledger]:
    return {f"acct_{number:02}": ledger for number, ledger in enumerate(platform)}


def build(bench: Workbench, folder: Path, platform: list[Ledger], loads: int, seed: int) -> None:
    """Load a platform in so many packages, its rows in any order, and build the models."""
    pieces = [piece for name, ledger in named(platform).items() for piece in ledger.pieces(name)]
    order = random.Random(seed)  # noqa: S311 - an order, no secret
    order.shuffle(pieces)
    for number in range(loads):
        raw = load_raw(folder, batch_of(pieces[number::loads]))
    bench.put(raw)
    bench.project.run_models()


@FEW
@given(platform=PLATFORMS)
def test_every_verdict_is_the_truth_and_nothing_is_lost(
    bench: Workbench, tmp_path_factory: pytest.TempPathFactory, platform: list[Ledger]
) -> None:
    build(bench, tmp_path_factory.mktemp("platform"), platform, loads=1, seed=0)
    accounts = named(platform)

    verdicts = bench.rows(
        "select account_id, payout_id, reconciliation_status, settlement_status "
        "from finance.fct_payout_reconciliation"
    )
    assert {(a, p): rest for a, p, *rest in verdicts} == {
        (name, payout_id): list(status)
        for name, ledger in accounts.items()
        for payout_id, status in ledger.status.items()
    }

    attributed = bench.rows(
        "select account_id, balance_transaction_id, attribution_status, payout_id "
        "from finance.fct_balance_transactions"
    )
    assert sorted(attributed, key=str) == sorted(
        (
            (name, transaction_id, *attribution)
            for name, ledger in accounts.items()
            for transaction_id, attribution in ledger.attribution.items()
        ),
        key=str,
    )

    sums = bench.rows(
        "select account_id, currency, sum(net_amount_minor)::bigint "
        "from finance.fct_balance_transactions group by all"
    )
    assert sorted(sums) == sorted(
        (name, currency, net)
        for name, ledger in accounts.items()
        for currency, net in ledger.net_by_currency().items()
    )

    assert bench.rows("select distinct proof_status from finance.fct_balance_proof") == [
        ("proven",)
    ]
    # A payout that is still in progress when it has arrived is overdue; here all are.
    wrong = {
        (name, payout_id)
        for name, ledger in accounts.items()
        for payout_id, (status, _) in ledger.status.items()
        if status in {"unreconciled", "in_progress"}
    }
    blamed = bench.rows(
        "select distinct account_id, payout_id from finance.fct_reconciliation_exceptions "
        "where severity = 'error'"
    )
    assert set(blamed) == wrong


@FEW
@given(platform=PLATFORMS, loads=st.integers(2, 5), seed=st.integers(1, 1_000))
def test_the_order_of_rows_and_the_split_of_loads_change_nothing(
    bench: Workbench,
    tmp_path_factory: pytest.TempPathFactory,
    platform: list[Ledger],
    loads: int,
    seed: int,
) -> None:
    tables = []
    for split, order in ((1, 0), (loads, seed)):
        build(bench, tmp_path_factory.mktemp("platform"), platform, loads=split, seed=order)
        tables.append([bench.rows(f"from finance.{table} order by all") for table in PUBLISHED])
    assert tables[0] == tables[1]
