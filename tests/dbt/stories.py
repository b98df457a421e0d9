"""What Stripe tells of a small account: two automatic payouts, a failed manual one, an open charge.

Every account has the same ids, so that a join or sum that forgets the account shows at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from loader.sources.batch import Batch
from loader.sources.stripe_tables import (
    ACCOUNT_SYNCS,
    ACCOUNTS,
    BALANCE_TRANSACTIONS,
    BALANCES,
    PAYOUT_LISTINGS,
    PAYOUT_TRANSACTIONS,
    PAYOUTS,
    account_row,
    balance_rows,
    object_row,
)

# Where Stripe's accounting group has another name than the type.
CATEGORIES = {"payout_failure": "payout_reversal", "adjustment": "other_adjustment"}


def march(day: int, hour: int = 0) -> int:
    """Answer an instant of March 2024 (UTC) in epoch seconds."""
    return int(datetime(2024, 3, day, hour, tzinfo=UTC).timestamp())


def transaction(identifier: str, amount: int, day: int, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    fee = fields.pop("fee", 0)
    kind = fields.pop("type", "charge")
    return {
        "id": identifier,
        "object": "balance_transaction",
        "amount": amount,
        "available_on": march(day + 2),
        "balance_type": "payments",
        "created": march(day, 10),
        "currency": "usd",
        "description": None,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [{"amount": fee, "currency": "usd", "type": "stripe_fee"}] if fee else [],
        "net": amount - fee,
        "reporting_category": CATEGORIES.get(kind, kind),
        "source": f"ch_{identifier}",
        "status": "available",
        "type": kind,
    } | fields


def payout(identifier: str, amount: int, day: int, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "id": identifier,
        "object": "payout",
        "amount": amount,
        "arrival_date": march(day + 2),
        "automatic": True,
        "balance_transaction": f"own_{identifier}",
        "created": march(day, 1),
        "currency": "usd",
        "destination": "ba_1",
        "failure_balance_transaction": None,
        "failure_code": None,
        "method": "standard",
        "reconciliation_status": "completed",
        "source_type": "card",
        "status": "paid",
        "type": "bank_account",
    } | fields


def own_row(of: dict[str, Any]) -> dict[str, Any]:
    return transaction(
        of["balance_transaction"],
        -of["amount"],
        1,
        type="payout",
        created=of["created"],
        available_on=of["arrival_date"],
        source=of["id"],
    )


@dataclass(frozen=True)
class Story:
    """The objects of one account."""

    payouts: list[dict[str, Any]]
    lists: dict[str, list[dict[str, Any]]]
    """Each completed payout's transactions, own rows that Stripe lists with them included."""
    unlisted: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, batch: Batch, account_id: str) -> None:
        """Put what a sync reads of the account into a batch."""
        batch.add(ACCOUNTS, [account_row({"id": account_id, "country": "US"}, is_platform=False)])
        batch.add(PAYOUTS, [object_row(account_id, item) for item in self.payouts])
        for payout_id, listed in self.lists.items():
            rows = [object_row(account_id, item) | {"payout_id": payout_id} for item in listed]
            batch.add(PAYOUT_TRANSACTIONS, rows)
            batch.add(PAYOUT_LISTINGS, [listing_row(account_id, payout_id, len(listed))])
        ledger = {item["id"]: object_row(account_id, item) for item in self._transactions()}
        batch.add(BALANCE_TRANSACTIONS, list(ledger.values()))
        amount = {"amount": sum(row["net"] for row in ledger.values()), "currency": "usd"}
        batch.add(
            BALANCES, balance_rows(account_id, {"available": [amount], "pending": []}, march(12))
        )
        through = max(row["created"] for row in ledger.values())
        batch.add(ACCOUNT_SYNCS, [sync_row(account_id, through)])

    def _transactions(self) -> Iterator[dict[str, Any]]:
        for listed in self.lists.values():
            yield from listed
        yield from self.unlisted


def listing_row(account_id: str, payout_id: str, row_count: int) -> dict[str, Any]:
    """Answer the record that a payout's list was read to its end."""
    return {
        "account_id": account_id,
        "id": payout_id,
        "listed_at": march(12),
        "reconciliation_status_seen": "completed",
        "is_whole": True,
        "row_count": row_count,
        "error": None,
    }


def sync_row(account_id: str, through: int) -> dict[str, Any]:
    """Answer the record that an account was read to its end, all of its history."""
    return {
        "account_id": account_id,
        "run_id": "run",
        "run_number": 1,
        "status": "readable",
        "error": None,
        "history_from": None,
        "created_from": None,
        "created_through": through,
        "transactions_listed_at": march(12),
        "balance_read_at": march(12),
        "finished_at": march(12),
    }


def _failed_manual_payout() -> dict[str, Any]:
    return payout(
        "po_f",
        100,
        2,
        automatic=False,
        reconciliation_status="not_applicable",
        status="failed",
        failure_balance_transaction="txn_back",
        failure_code="no_account",
    )


def plain_story() -> Story:
    """Two payouts that tie alone."""
    first, second = payout("po_1", 770, 4), payout("po_2", 776, 8)
    failed = _failed_manual_payout()
    return Story(
        payouts=[first, second, failed],
        lists={
            "po_1": [
                own_row(first),
                transaction("txn_charge", 1000, 1, fee=30),
                transaction("txn_refund", -200, 1, type="refund"),
                transaction("txn_zero", 0, 1, type="adjustment"),
            ],
            "po_2": [
                own_row(second),
                transaction("txn_late", 500, 5, fee=15),
                transaction("txn_later", 300, 5, fee=9),
            ],
        },
        unlisted=[
            own_row(failed),
            transaction("txn_back", 100, 9, type="payout_failure", source="po_f"),
            transaction("txn_open", 50, 10),
        ],
    )


def split_story() -> Story:
    """One settlement that Stripe split: the primary lists all of it, its sibling's own row too."""
    primary, sibling = payout("po_1", 500, 4), payout("po_1b", 270, 4)
    return Story(
        payouts=[primary, sibling],
        lists={
            "po_1": [
                own_row(primary),
                own_row(sibling),
                transaction("txn_charge", 1000, 1, fee=30),
                transaction("txn_refund", -200, 1, type="refund"),
            ],
            "po_1b": [own_row(sibling)],
        },
    )


def swept_story() -> Story:
    """A manual payout whose own row the next automatic payout's list holds."""
    manual = payout("po_m", 200, 3, automatic=False, reconciliation_status="not_applicable")
    automatic = payout("po_1", 770, 4)
    return Story(
        payouts=[manual, automatic],
        lists={
            "po_1": [
                own_row(automatic),
                own_row(manual),
                transaction("txn_charge", 1000, 1, fee=30),
            ],
        },
    )
