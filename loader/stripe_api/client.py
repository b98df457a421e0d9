"""GET requests to Stripe through the official SDK: authenticated, paced, retried, counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import stripe
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    wait_exponential_jitter,
)

from loader.stripe_api.errors import (
    AccessRevokedError,
    KeyRefusedError,
    NotFoundError,
    PermissionMissingError,
    RequestRefusedError,
    StripeReadError,
    UnexpectedAnswerError,
    UnreachableError,
)
from loader.stripe_api.pacing import Pacing

# The SDK's own retries would be neither paced nor counted, and leave out 429: they stay off.
SDK_RETRIES = 0
ATTEMPTS = 6
ATTEMPTS_WHEN_REFUSED = 12

# What stands for any one object where requests are counted by endpoint.
_OBJECT_ID = re.compile(r"(?<=/)(po|txn|acct|evt)_\w+")


@dataclass(frozen=True)
class StripeAccess:
    """Where Stripe is and the key that opens it; the key never shows."""

    api_key: str
    api_base: str

    def __repr__(self) -> str:
        return f"StripeAccess(api_base={self.api_base!r})"


class StripeClient:
    """Reads JSON objects from Stripe, for the platform or for one of its connected accounts.

    Uses `raw_request`: building the SDK's typed objects costs many times the parsing of a page.
    """

    def __init__(self, access: StripeAccess, pacing: Pacing) -> None:
        stripe.enable_telemetry = False
        self._sdk = stripe.StripeClient(
            access.api_key,
            base_addresses={"api": access.api_base},
            max_network_retries=SDK_RETRIES,
        )
        self._access = access
        self._pacing = pacing
        self.requests: Counter[str] = Counter()
        self.clock_offset: float | None = None

    async def get(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        account_id: str | None = None,
    ) -> dict[str, Any]:
        """Answer the JSON object at a path.

        Args:
            path: such as `/v1/payouts`.
            params: query parameters, nested as the SDK takes them (`{"created": {"gte": 1}}`).
            account_id: the connected account to act for (`Stripe-Account`); none is the platform.

        Raises:
            StripeReadError: one of its kinds, when no whole answer could be had.
        """
        endpoint = _OBJECT_ID.sub("{id}", path)
        retrying = AsyncRetrying(
            retry=retry_if_exception(_is_passing),
            wait=wait_exponential_jitter(multiplier=0.5, max=10, jitter=1),
            stop=_is_enough,
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    async with self._pacing.turn(endpoint):
                        self.requests[endpoint] += 1
                        return await self._request(path, params, account_id)
        except stripe.StripeError as error:
            raise self._translate(error, path, account_id) from error
        raise AssertionError("unreachable: the last attempt answers or raises")

    async def _request(
        self, path: str, params: Mapping[str, Any] | None, account_id: str | None
    ) -> dict[str, Any]:
        answer = await self._sdk.raw_request_async(
            "get", path, **dict(params or {}), stripe_account=account_id
        )
        if not isinstance(answer.data, dict):
            raise UnexpectedAnswerError(
                f"{path} answered something that is not a JSON object", account_id=account_id
            )
        return answer.data

    def _translate(
        self, error: stripe.StripeError, path: str, account_id: str | None
    ) -> StripeReadError:
        """Say in one sentence what happened, for which account, and what to do."""
        code = (error.error and error.error.code) or error.code
        whose = f"account {account_id}" if account_id else "the platform account"
        said = error.user_message or str(error)
        kind, advice = _kind_and_advice(error, code)
        if kind is UnreachableError and error.http_status is None:
            said = f"no answer from {self._access.api_base}. Check the network and STRIPE_API_BASE."
        message = f"{path} for {whose}: {said} {advice}".strip()
        # Stripe masks the key in what it says; what else answers there may not.
        message = message.replace(self._access.api_key, "***")
        return kind(message, account_id=account_id, code=code)


def _is_passing(error: BaseException) -> bool:
    """Tell what another attempt may mend: refusals for now, broken connections, cut answers."""
    if isinstance(error, stripe.RateLimitError | stripe.APIConnectionError):
        return True
    return isinstance(error, stripe.APIError) and (
        error.http_status in {HTTPStatus.OK, HTTPStatus.CONFLICT}
        or (error.http_status or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR
    )


def _is_enough(state: RetryCallState) -> bool:
    error = state.outcome.exception() if state.outcome else None
    refused = isinstance(error, stripe.RateLimitError)
    return state.attempt_number >= (ATTEMPTS_WHEN_REFUSED if refused else ATTEMPTS)


def _kind_and_advice(
    error: stripe.StripeError, code: str | None
) -> tuple[type[StripeReadError], str]:
    if code == "resource_missing" or error.http_status == HTTPStatus.NOT_FOUND:
        return NotFoundError, ""
    if code == "account_invalid":
        return AccessRevokedError, "The account is shown as revoked; its data is kept."
    return next(
        (found for sdk_error, found in _KINDS.items() if isinstance(error, sdk_error)),
        (UnreachableError, "Run again: what was already loaded is kept."),
    )


_KINDS: dict[type[stripe.StripeError], tuple[type[StripeReadError], str]] = {
    stripe.AuthenticationError: (KeyRefusedError, "Check STRIPE_API_KEY."),
    stripe.PermissionError: (
        PermissionMissingError,
        "Give the key this read permission, then run again.",
    ),
    stripe.InvalidRequestError: (RequestRefusedError, ""),
    stripe.RateLimitError: (
        UnreachableError,
        "Lower TIEOUT_REQUESTS_PER_SECOND, or run again later.",
    ),
}
