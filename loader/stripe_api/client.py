"""GET requests to Stripe through the official SDK: authenticated, paced, retried, counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self, cast

import stripe
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry,
    retry_if_exception,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from loader.stripe_api.clock import ServerClock
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
from loader.stripe_api.transport import AnswerHeaders, ForeignAnswerError, Transport

# The SDK's own retries would be neither paced nor counted, and leave out 429: they stay off.
SDK_RETRIES = 0

# With at most 10 s between two: an outage of a minute is survived, refusals for five.
ATTEMPTS = 12
ATTEMPTS_WHEN_REFUSED = 35
BACK_OFF = wait_exponential(multiplier=0.5, max=10) + wait_random(0, 1)

# An answer that is JSON and yet not what Stripe documents may be a fault that passes, as a cut one
# is: whoever looks into answers asks again before believing it.
odd_answers_again = retry(
    retry=retry_if_exception_type(UnexpectedAnswerError),
    wait=wait_random(0, 0.2),
    stop=stop_after_attempt(3),
    reraise=True,
)

# The longest that is quoted of what was answered.
QUOTED_CHARACTERS = 300

# What stands for any one object where requests are counted by endpoint.
_OBJECT_ID = re.compile(r"(?<=/)(po|txn|acct|evt)_\w+")


@dataclass(frozen=True)
class StripeAccess:
    """Where Stripe is and the key that opens it; the key never shows."""

    api_key: str
    api_base: str

    def __repr__(self) -> str:
        return f"StripeAccess(api_base={self.api_base!r})"


@dataclass(frozen=True)
class TimedAnswer:
    """A JSON object and when it was had (`time.monotonic`)."""

    content: dict[str, Any]
    sent_at: float
    """When its request was sent, the last one where it took several."""
    received_at: float


class StripeClient:
    """Reads JSON objects from Stripe, for the platform or for one of its connected accounts.

    Uses `raw_request`: building the SDK's typed objects costs many times the parsing of a page.
    `async with` closes its connections.
    """

    def __init__(self, access: StripeAccess, pacing: Pacing) -> None:
        stripe.enable_telemetry = False
        self._transport = Transport(access.api_base)
        self._sdk = stripe.StripeClient(
            access.api_key,
            base_addresses={"api": access.api_base},
            max_network_retries=SDK_RETRIES,
            http_client=self._transport,
        )
        self._access = access
        self._pacing = pacing
        self.requests: Counter[str] = Counter()
        """Every attempt, by endpoint."""
        self.refused: Counter[str] = Counter()
        """Attempts that Stripe refused for now (HTTP 429, or 400 `rate_limit`), by endpoint."""

    @property
    def clock(self) -> ServerClock:
        """Stripe's clock, as its answers show it."""
        return self._transport.clock

    async def __aenter__(self) -> Self:
        """Open nothing yet: the first request does."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections; a later request would open new ones."""
        await self._transport.close_async()

    async def get(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        account_id: str | None = None,
    ) -> dict[str, Any]:
        """Answer the JSON object at a path; see `get_timed`."""
        return (await self.get_timed(path, params, account_id)).content

    async def get_timed(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        account_id: str | None = None,
    ) -> TimedAnswer:
        """Answer the JSON object at a path, and when it was asked for and had.

        Args:
            path: such as `/v1/payouts`.
            params: query parameters, nested as the SDK takes them (`{"created": {"gte": 1}}`).
            account_id: the connected account to act for (`Stripe-Account`); none is the platform.

        Raises:
            StripeReadError: one of its kinds, when no whole answer could be had.
        """
        endpoint = _OBJECT_ID.sub("{id}", path)
        retrying = AsyncRetrying(
            retry=retry_if_exception(_is_passing), wait=BACK_OFF, stop=_Patience(), reraise=True
        )
        try:
            async for attempt in retrying:
                with attempt:
                    return await self._attempt(endpoint, path, params, account_id)
        except stripe.StripeError as error:
            raise self._translate(error, path, account_id) from error
        raise AssertionError("unreachable: the last attempt answers or raises")

    async def _attempt(
        self, endpoint: str, path: str, params: Mapping[str, Any] | None, account_id: str | None
    ) -> TimedAnswer:
        async with self._pacing.turn(endpoint) as turn:
            self.requests[endpoint] += 1
            try:
                return await self._request(path, params, account_id)
            except stripe.StripeError as error:
                if _is_refusal(error):
                    self.refused[endpoint] += 1
                    turn.refused((error.headers or {}).get("stripe-rate-limited-reason"))
                raise

    async def _request(
        self, path: str, params: Mapping[str, Any] | None, account_id: str | None
    ) -> TimedAnswer:
        answer = await self._sdk.raw_request_async(
            "get", path, **dict(params or {}), stripe_account=account_id
        )
        headers = cast(AnswerHeaders, answer.headers)
        if not isinstance(headers.content, dict):
            raise UnexpectedAnswerError(
                f"{path} answered something that is not a JSON object", account_id=account_id
            )
        return TimedAnswer(headers.content, headers.sent_at, headers.received_at)

    def _translate(
        self, error: stripe.StripeError, path: str, account_id: str | None
    ) -> StripeReadError:
        """Say in one sentence what happened, for which account, and what to do."""
        code = _code(error)
        whose = f"account {account_id}" if account_id else "the platform account"
        # Stripe masks the key in what it says; what else answers there may not.
        said = (error.user_message or str(error)).replace(self._access.api_key, "***")
        said = said[:QUOTED_CHARACTERS]
        kind, advice = _kind_and_advice(error, code)
        if isinstance(error, stripe.APIConnectionError):
            said = f"no answer from {self._access.api_base} ({said})."
        message = f"{path} for {whose}: {said} {advice}".strip()
        # Nor may it say things that a terminal would obey.
        message = "".join(c if c.isprintable() else " " for c in message)
        return kind(message, account_id=account_id, code=code)


class _Patience:
    """Stops a request after so many faults, or so many more refusals."""

    def __init__(self) -> None:
        self._faults_left = ATTEMPTS
        self._refusals_left = ATTEMPTS_WHEN_REFUSED

    def __call__(self, state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        if _is_refusal(error):
            self._refusals_left -= 1
        else:
            self._faults_left -= 1
        return self._faults_left <= 0 or self._refusals_left <= 0


def _is_refusal(error: BaseException | None) -> bool:
    """Tell whether Stripe answers nothing for now, but may soon."""
    return isinstance(error, stripe.RateLimitError) or (
        isinstance(error, ForeignAnswerError) and error.http_status == HTTPStatus.TOO_MANY_REQUESTS
    )


def _is_passing(error: BaseException) -> bool:
    """Tell what another attempt may mend: refusals for now, broken connections, cut answers.

    `Stripe-Should-Retry: false` on a 5xx is about requests that change something: the same key
    would bring the same answer again. A read has no such key, so it is tried again.
    """
    if isinstance(error, stripe.APIConnectionError):
        return bool(error.should_retry)
    if not isinstance(error, stripe.StripeError) or _is_refusal(error):
        return _is_refusal(error)
    status = error.http_status or 0
    asked_for = (error.headers or {}).get("stripe-should-retry") == "true"
    cut = isinstance(error, ForeignAnswerError) and status == HTTPStatus.OK
    return asked_for or cut or status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR


_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT}


def _code(error: stripe.StripeError) -> str | None:
    """Answer Stripe's code of an error, which the SDK gives for some kinds only."""
    body = error.json_body
    told = body.get("error") if isinstance(body, dict) else None
    code = told.get("code") if isinstance(told, dict) else None
    return code if isinstance(code, str) else None


def _kind_and_advice(
    error: stripe.StripeError, code: str | None
) -> tuple[type[StripeReadError], str]:
    not_found = error.http_status == HTTPStatus.NOT_FOUND
    if code == "resource_missing" or (not_found and not isinstance(error, ForeignAnswerError)):
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
    stripe.APIConnectionError: (
        UnreachableError,
        "Check the network, its proxy and STRIPE_API_BASE; what was already loaded is kept.",
    ),
    ForeignAnswerError: (
        UnreachableError,
        "Check STRIPE_API_BASE and what is between here and Stripe, or run again later.",
    ),
    stripe.RateLimitError: (
        UnreachableError,
        "Lower TIEOUT_REQUESTS_PER_SECOND, or run again later.",
    ),
}
