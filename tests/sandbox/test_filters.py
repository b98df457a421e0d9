from collections.abc import Callable
from itertools import pairwise

import pytest

from .client import Json, Stripe
from .conftest import ReadAccount

PATHS = ("/v1/payouts", "/v1/balance_transactions", "/v1/events")


def ids(items: list[Json]) -> list[str]:
    return [item["id"] for item in items]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("bound", "holds"),
    [
        ("[gt]", lambda created, at: created > at),
        ("[gte]", lambda created, at: created >= at),
        ("[lt]", lambda created, at: created < at),
        ("[lte]", lambda created, at: created <= at),
        ("", lambda created, at: created == at),
    ],
)
def test_created_bounds(
    stripe: Stripe, harbor: str, path: str, bound: str, holds: Callable[[int, int], bool]
) -> None:
    whole = stripe.all(path, account=harbor)
    at = whole[len(whole) // 3]["created"]
    found = stripe.all(path, account=harbor, **{f"created{bound}": at})
    assert ids(found) == ids([item for item in whole if holds(item["created"], at)])
    assert found


def test_windows_next_to_each_other_hold_each_row_once(
    stripe: Stripe, everything: dict[str, ReadAccount], harbor: str
) -> None:
    rows = everything[harbor].rows
    edges = [rows[-1]["created"], rows[500]["created"], rows[100]["created"], 2**33]
    found: list[str] = []
    for start, end in pairwise(edges):
        bounds = {"created[gte]": start, "created[lt]": end}
        found = [
            *ids(stripe.all("/v1/balance_transactions", account=harbor, **bounds)),
            *found,
        ]
    assert found == ids(rows)


def test_payout_filters(stripe: Stripe, everything: dict[str, ReadAccount]) -> None:
    account = next(account for account in everything.values() if len(account.payouts) > 100)
    payout = account.payouts[50]

    def found(params: Json) -> list[str]:
        return ids(stripe.all("/v1/payouts", account=account.id, **params))

    def expected(name: str, value: object) -> list[str]:
        return ids([other for other in account.payouts if other[name] == value])

    for name in ("arrival_date", "destination", "status"):
        assert found({name: payout[name]}) == expected(name, payout[name])
    assert found({"arrival_date[gt]": payout["arrival_date"]}) == ids(
        [other for other in account.payouts if other["arrival_date"] > payout["arrival_date"]]
    )
    assert found({"status": "nonsense"}) == []


def test_row_filters(stripe: Stripe, everything: dict[str, ReadAccount], harbor: str) -> None:
    rows = everything[harbor].rows
    source = rows[200]["source"]
    for name, value in (("type", "refund"), ("currency", "usd"), ("source", source)):
        params: Json = {name: value}
        found = stripe.all("/v1/balance_transactions", account=harbor, **params)
        assert ids(found) == ids([row for row in rows if row[name] == value])
        assert found
    for name in ("type", "currency", "source"):
        params = {name: "nope"}
        assert stripe.all("/v1/balance_transactions", account=harbor, **params) == []


def test_filters_join_within_a_payout(
    stripe: Stripe, everything: dict[str, ReadAccount], harbor: str
) -> None:
    account = everything[harbor]
    payout_id, rows = max(account.lists.items(), key=lambda item: len(item[1]))
    found = stripe.all(
        "/v1/balance_transactions", account=harbor, payout=payout_id, type="charge", limit=3
    )
    assert ids(found) == ids([row for row in rows if row["type"] == "charge"])


def test_event_filters(stripe: Stripe, harbor: str) -> None:
    whole = stripe.all("/v1/events", account=harbor)

    def found(params: Json) -> list[str]:
        return ids(stripe.all("/v1/events", account=harbor, **params))

    assert found({"type": "payout.*"}) == ids([e for e in whole if e["type"].startswith("payout.")])
    assert found({"type": "payout.paid"}) == ids([e for e in whole if e["type"] == "payout.paid"])
    several = ["payout.paid", "payout.failed"]
    wanted = ids([event for event in whole if event["type"] in several])
    assert found({"types[]": several}) == wanted
    assert found({"types[0]": several[0], "types[1]": several[1]}) == wanted
    assert found({"delivery_success": "true"}) == ids(whole)
    assert found({"delivery_success": "false"}) == []
    assert found({"delivery_success": "false", "type": "payout.*"}) == []


def test_expanding_a_payouts_rows(stripe: Stripe, harbor: str) -> None:
    page = stripe.read(
        "/v1/payouts", account=harbor, **{"expand[]": "data.balance_transaction", "limit": 1}
    )
    own_row = page["data"][0]["balance_transaction"]
    assert own_row["source"] == page["data"][0]["id"]
    one = stripe.read(
        f"/v1/payouts/{page['data'][0]['id']}",
        account=harbor,
        **{"expand[0]": "balance_transaction"},
    )
    assert one["balance_transaction"] == own_row
