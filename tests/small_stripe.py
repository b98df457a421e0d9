"""A platform small enough to write down in a test, served over real HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.scripted_stripe import Answer, Request, page, refusal, scripted_stripe

PLATFORM = "acct_platform"
DAY = 86_400

Object = dict[str, Any]


@dataclass
class SmallStripe:
    """Objects by account, and what was asked. `answer` may be set to get in the way first."""

    platform_id: str = PLATFORM
    connected: list[str] = field(default_factory=list)
    payouts: dict[str, list[Object]] = field(default_factory=dict)
    transactions: dict[str, list[Object]] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    """By payout, the ids of the transactions it lists."""
    events: dict[str, list[Object]] = field(default_factory=dict)
    answer: Callable[[Request], Answer | None] = lambda _: None
    asked: list[Request] = field(default_factory=list)
    page_size: int = 100
    beyond_transactions: int = 0
    """What the balance states beyond the transactions, in minor units of usd."""
    other_balances: Object = field(default_factory=dict)

    def add_payout(self, payout_id: str, created: int, *nets: int, **more: Any) -> Object:  # noqa: ANN401
        """Add a completed payout of the platform with one charge for each net amount."""
        amount = sum(nets)
        own = self.add_transaction(
            f"txn_{payout_id}", created, -amount, type="payout", source=payout_id
        )
        parts = [
            self.add_transaction(f"txn_{payout_id}_{place}", created - DAY + place, net)
            for place, net in enumerate(nets)
        ]
        self.lists[payout_id] = [row["id"] for row in (own, *parts)]
        payout = {
            "id": payout_id,
            "object": "payout",
            "amount": amount,
            "arrival_date": created + 2 * DAY,
            "automatic": True,
            "balance_transaction": own["id"],
            "created": created,
            "currency": "usd",
            "destination": "ba_1",
            "failure_balance_transaction": None,
            "metadata": {},
            "method": "standard",
            "reconciliation_status": "completed",
            "source_type": "card",
            "status": "paid",
            "trace_id": {"status": "supported", "value": f"trace {payout_id}"},
            "type": "bank_account",
            **more,
        }
        self.payouts.setdefault(PLATFORM, []).append(payout)
        return payout

    def add_transaction(self, name: str, created: int, net: int, **more: Any) -> Object:  # noqa: ANN401
        """Add a balance transaction of the platform."""
        row = {
            "id": name,
            "object": "balance_transaction",
            "amount": net,
            "available_on": created,
            "created": created,
            "currency": "usd",
            "fee": 0,
            "fee_details": [],
            "net": net,
            "reporting_category": more.get("type", "charge"),
            "source": f"ch_{name}",
            "status": "available",
            "type": "charge",
            **more,
        }
        self.transactions.setdefault(PLATFORM, []).append(row)
        return row

    def balance(self, account_id: str) -> Object:
        """Answer what the account's transactions add up to, and what is kept back from that."""
        sums = Counter({"usd": self.beyond_transactions})
        for row in self.transactions.get(account_id, []):
            if row.get("balance_type", "payments") == "payments":
                sums[row["currency"]] += row["net"]
        available = [{"amount": sum_, "currency": currency} for currency, sum_ in sums.items()]
        return {"object": "balance", "available": available, "pending": [], **self.other_balances}

    def questions(self, path: str) -> list[dict[str, str]]:
        """Answer the queries that were asked of a path."""
        return [request.query for request in self.asked if request.path == path]

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve the platform; answer its base address."""
        with scripted_stripe(self._respond) as base:
            yield base

    def _respond(self, request: Request) -> Answer:
        self.asked.append(request)
        return self.answer(request) or self.answer_plainly(request)

    def answer_plainly(self, request: Request) -> Answer:
        """Answer what is asked for."""
        account = request.account or self.platform_id
        _, _, kind, *name = request.path.split("/")
        if kind == "account":
            return Answer({"id": self.platform_id, "object": "account"})
        if kind == "accounts" and name:
            return self._account(name[0])
        if kind == "accounts":
            return page(*({"id": name, "object": "account"} for name in self.connected))
        if kind == "balance":
            return Answer(self.balance(account))
        shelf = {
            "events": self.events,
            "payouts": self.payouts,
            "balance_transactions": self.transactions,
        }[kind]
        objects = shelf.get(account, [])
        if name:
            found = [item for item in objects if item["id"] == name[0]]
            missing = refusal(404, f"No such object: '{name[0]}'", code="resource_missing")
            return Answer(found[0]) if found else missing
        return self._page(self._filtered(objects, request.query), request.query)

    def _account(self, account_id: str) -> Answer:
        if account_id in self.connected:
            return Answer({"id": account_id, "object": "account"})
        said = f"The provided key does not have access to account '{account_id}'."
        return refusal(403, said, code="account_invalid")

    def _page(self, found: list[Object], query: dict[str, str]) -> Answer:
        ids = [item["id"] for item in found]
        first = ids.index(query["starting_after"]) + 1 if "starting_after" in query else 0
        last = first + self.page_size
        return page(*found[first:last], has_more=len(found) > last)

    def _filtered(self, objects: list[Object], query: dict[str, str]) -> list[Object]:
        first = int(query.get("created[gte]", 0))
        last = int(query.get("created[lte]", 2**40))
        members = self.lists.get(query["payout"], []) if "payout" in query else None
        found = [
            item
            for item in objects
            if first <= item["created"] <= last and (members is None or item["id"] in members)
        ]
        return sorted(found, key=lambda item: (-item["created"], item["id"]))
