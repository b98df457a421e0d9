"""Single GET requests to Stripe: unpaced, never repeated, and with what went wrong kept.

The sync's client waits out what passes; here the first answer is what is wanted.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import stripe

from loader.stripe_api.client import StripeAccess

TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Answer:
    """What came back for one request."""

    data: Any
    """The JSON of the answer; none if it was a refusal or there was none."""
    error: stripe.StripeError | None
    seconds: float
    clock_offset: timedelta | None
    """The other side's clock less ours; none if it did not tell its time."""

    @property
    def is_from_stripe(self) -> bool:
        """Whether whoever answers there speaks as Stripe does."""
        if self.error is None:
            return isinstance(self.data, dict)
        return self.error.http_status is not None and self.error.error is not None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The objects of a list; none where the answer is something else."""
        rows = self.data.get("data") if isinstance(self.data, dict) else None
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


class StripeProbe:
    """Asks Stripe one thing at a time, over the certificates that a sync trusts."""

    def __init__(self, access: StripeAccess) -> None:
        stripe.enable_telemetry = False
        self.access = access
        self._sdk = stripe.StripeClient(
            access.api_key,
            base_addresses={"api": access.api_base},
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
        )

    def get(self, path: str, account_id: str | None = None, **params: int) -> Answer:
        """Answer what came back, whatever it was; `account_id` is a connected account."""
        asked, started = datetime.now(UTC), time.monotonic()
        data, error = None, None
        headers: Any = None
        try:
            response = self._sdk.raw_request(
                "get", path, stripe_account=account_id, **dict[str, Any](params)
            )
            data, headers = response.data, response.headers
        except stripe.StripeError as failure:
            error, headers = failure, failure.headers
        seconds = time.monotonic() - started
        midway = asked + timedelta(seconds=seconds / 2)
        return Answer(data, error, seconds, _clock_offset(headers, midway))

    def quoted(self, text: str) -> str:
        """Answer what the other side said on one line, without the key."""
        return " ".join(text.split()).replace(self.access.api_key, "***")


def _clock_offset(headers: Any, now: datetime) -> timedelta | None:  # noqa: ANN401 - the SDK's
    told = {str(name).lower(): value for name, value in dict(headers or {}).items()}.get("date")
    try:
        return parsedate_to_datetime(told) - now if told else None
    except (TypeError, ValueError):  # no date, or one without a zone
        return None
