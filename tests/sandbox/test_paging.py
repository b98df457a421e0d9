import pytest

from .client import Stripe
from .conftest import ReadAccount

LISTS = ("/v1/accounts", "/v1/payouts", "/v1/balance_transactions", "/v1/events")


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", [1, 7, 100])
def test_pages_together_are_the_whole_list(stripe: Stripe, path: str, limit: int) -> None:
    whole = [item["id"] for item in stripe.all(path)]
    if limit == 1:
        first = stripe.read(path, limit=1)
        assert [item["id"] for item in first["data"]] == whole[:1]
        return
    pages = list(stripe.pages(path, limit=limit))
    assert [item["id"] for page in pages for item in page] == whole
    assert len(set(whole)) == len(whole)
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1]


@pytest.mark.parametrize("path", LISTS)
def test_ending_before_mirrors_starting_after(stripe: Stripe, path: str) -> None:
    whole = [item["id"] for item in stripe.all(path)]
    middle = len(whole) // 2
    page = stripe.read(path, limit=5, ending_before=whole[middle])
    assert [item["id"] for item in page["data"]] == whole[max(0, middle - 5) : middle]
    assert page["has_more"] is (middle > 5)
    top = stripe.read(path, limit=5, ending_before=whole[0])
    assert top["data"] == []
    assert top["has_more"] is False


@pytest.mark.parametrize("path", LISTS)
def test_newest_come_first_and_pages_name_their_url(stripe: Stripe, path: str) -> None:
    page = stripe.read(path, limit=100)
    created = [item["created"] for item in page["data"]]
    assert created == sorted(created, reverse=True)
    assert page["object"] == "list"
    assert page["url"] == path
    assert len(stripe.read(path)["data"]) == min(10, len(created))


def test_equal_seconds_keep_their_order_across_pages(everything: dict[str, ReadAccount]) -> None:
    ties = [
        (account.id, newer["id"])
        for account in everything.values()
        for newer, older in zip(account.rows, account.rows[1:], strict=False)
        if newer["created"] == older["created"]
    ]
    assert len(ties) > 100


def test_lists_of_exactly_one_and_two_pages_end_there(
    stripe: Stripe, everything: dict[str, ReadAccount]
) -> None:
    lists = {
        len(rows): (account.id, payout_id)
        for account in everything.values()
        for payout_id, rows in account.lists.items()
    }
    for size, pages in ((99, 1), (100, 1), (200, 2)):
        account, payout = lists[size]
        read = list(stripe.pages("/v1/balance_transactions", account=account, payout=payout))
        assert [len(page) for page in read] == [min(size, 100)] * pages
    assert any(size > 200 for size in lists)
    assert any(100 < size < 200 for size in lists)
