"""Lists, read page by page to their proven end."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

from loader.stripe_api.client import StripeClient, odd_answers_again
from loader.stripe_api.errors import (
    NotFoundError,
    RequestRefusedError,
    StripeReadError,
    UnexpectedAnswerError,
)

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
        UnexpectedAnswerError: see `Pager.next_page`; the list is not whole.
    """
    pager = Pager(client, path, params, account_id)
    while pager.has_more:
        yield await pager.next_page()


class Pager:
    """Follows a list from page to page by Stripe's cursor, the id of the last object."""

    def __init__(
        self,
        client: StripeClient,
        path: str,
        params: Mapping[str, Any] | None = None,
        account_id: str | None = None,
    ) -> None:
        self._client = client
        self._path = path
        self._account_id = account_id
        self._cursor: str | None = None
        self._seen: set[int] = set()
        self.params: Mapping[str, Any] = params or {}
        """The filter; it may be narrowed on the way."""
        self.has_more = True
        """Whether Stripe said that there is another page."""

    @odd_answers_again
    async def next_page(self) -> list[dict[str, Any]]:
        """Answer the next page.

        Raises:
            UnexpectedAnswerError: a page without `data` or `has_more`, an object without an id, a
                page that promises more but is empty, an id that came before, or a cursor that
                Stripe gave and does not take; each time.
        """
        query = {**self.params, "limit": PAGE_SIZE}
        if self._cursor is not None:
            query["starting_after"] = self._cursor
        try:
            answer = await self._client.get(self._path, query, self._account_id)
        except (NotFoundError, RequestRefusedError) as refusal:
            if self._cursor is None:
                raise
            raise self._lost(refusal) from refusal
        rows, has_more = _checked_page(answer, self._path, self._account_id)
        hashes = [hash(row["id"]) for row in rows]
        if len(set(hashes)) < len(hashes) or not self._seen.isdisjoint(hashes):
            raise self._repetition(rows)
        self._seen.update(hashes)
        self._cursor = rows[-1]["id"] if rows else None
        self.has_more = has_more
        return rows

    def forget_ids(self) -> None:
        """No longer watch for the ids that came before: what they stand for is done with."""
        self._seen.clear()

    def _lost(self, refusal: StripeReadError) -> UnexpectedAnswerError:
        return UnexpectedAnswerError(
            f"{refusal} It was asked for what comes after {self._cursor}, which it had listed "
            "itself. Run again: the list is then read from its start.",
            account_id=self._account_id,
            code="cursor_refused",
        )

    def _repetition(self, rows: list[dict[str, Any]]) -> UnexpectedAnswerError:
        ids = Counter(row["id"] for row in rows)
        repeated = next(i for i, times in ids.items() if times > 1 or hash(i) in self._seen)
        return UnexpectedAnswerError(
            f"{self._path} gave {repeated} twice, so the list is not proven whole. "
            "Run again; if it stays, ask Stripe support.",
            account_id=self._account_id,
            code="id_received_twice",
        )


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
