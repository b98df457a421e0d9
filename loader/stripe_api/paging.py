"""Lists, read page by page to their proven end."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

from loader.stripe_api.client import StripeClient
from loader.stripe_api.errors import UnexpectedAnswerError

# The most Stripe gives at once (https://docs.stripe.com/api/pagination).
PAGE_SIZE = 100


async def pages(
    client: StripeClient,
    path: str,
    params: Mapping[str, Any] | None = None,
    account_id: str | None = None,
) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield the pages of a list, newest first, until Stripe says that there are no more.

    Raises:
        UnexpectedAnswerError: a page without `data` or `has_more`, an object without an id, a page
            that promises more but is empty, or an id that came before: the list is not whole.
    """
    cursor: str | None = None
    # Hashes of 64 bits: a list of a million rows would hold a million strings.
    seen: set[int] = set()
    while True:
        query = {**(params or {}), "limit": PAGE_SIZE}
        if cursor is not None:
            query["starting_after"] = cursor
        answer = await client.get(path, query, account_id)
        rows, has_more = _checked_page(answer, path, account_id)
        ids = [row["id"] for row in rows]
        repeated = next((i for i, n in Counter(ids).items() if n > 1 or hash(i) in seen), None)
        if repeated:
            raise UnexpectedAnswerError(
                f"{path} gave {repeated} twice, so the list is not proven whole. "
                "Run again; if it stays, ask Stripe support.",
                account_id=account_id,
                code="id_received_twice",
            )
        yield rows
        if not has_more:
            return
        seen.update(map(hash, ids))
        cursor = ids[-1]


def _checked_page(
    answer: dict[str, Any], path: str, account_id: str | None
) -> tuple[list[dict[str, Any]], bool]:
    rows, has_more = answer.get("data"), answer.get("has_more")
    whole = (
        isinstance(rows, list)
        and isinstance(has_more, bool)
        and all(isinstance(row, dict) and isinstance(row.get("id"), str) for row in rows)
        and (rows or not has_more)
    )
    if not whole:
        raise UnexpectedAnswerError(
            f"{path} did not answer a page as Stripe documents it (data, has_more, ids). "
            "Check STRIPE_API_BASE; run again.",
            account_id=account_id,
            code="not_a_page",
        )
    return rows or [], bool(has_more)
