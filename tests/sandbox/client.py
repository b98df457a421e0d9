"""A plain Stripe client for the tests: no retries, nothing hidden."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

Json = dict[str, Any]


@dataclass
class Stripe:
    """Asks a sandbox over HTTP."""

    http: httpx.Client
    key: str

    def get(
        self,
        path: str,
        *,
        account: str | None = None,
        key: str | None = None,
        params: Json | None = None,
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key if key is None else key}"}
        if account is not None:
            headers["Stripe-Account"] = account
        return self.http.get(path, params=params, headers=headers)

    def read(self, path: str, *, account: str | None = None, **params: Any) -> Json:  # noqa: ANN401
        answer = self.get(path, account=account, params=params)
        assert answer.status_code == 200, answer.text
        content: Json = answer.json()
        return content

    def pages(
        self,
        path: str,
        *,
        account: str | None = None,
        limit: int = 100,
        **params: Any,  # noqa: ANN401
    ) -> Iterator[list[Json]]:
        cursor: Json = {}
        while True:
            page = self.read(path, account=account, limit=limit, **params, **cursor)
            yield page["data"]
            if not page["has_more"]:
                return
            cursor = {"starting_after": page["data"][-1]["id"]}

    def all(
        self,
        path: str,
        *,
        account: str | None = None,
        limit: int = 100,
        **params: Any,  # noqa: ANN401
    ) -> list[Json]:
        return [
            item
            for page in self.pages(path, account=account, limit=limit, **params)
            for item in page
        ]
