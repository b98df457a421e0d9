"""What the sandbox was asked: counts and times by endpoint, for tests and benchmarks to read.

It stands outside of Stripe's API, at `/sandbox/requests`: GET reads it, DELETE begins it anew.
Times are the server's, in seconds since 1970. Every question that was answered is remembered, so
that one that is asked again shows.
"""

import time
from dataclasses import asdict, dataclass, field
from typing import Any

PATH = "/sandbox/requests"
_OK, _TOO_MANY = 200, 429


@dataclass
class EndpointRecord:
    """What became of one endpoint's requests."""

    requests: int = 0
    answered: int = 0
    """Answered whole with status 200."""
    refused: int = 0
    """Answered 429."""
    failed: int = 0
    """Any other error, or an answer that did not arrive whole."""
    repeated: int = 0
    """Answered although the same question had been answered before."""
    first_at: float | None = None
    """When the first request came."""
    last_at: float | None = None
    """When the last answer left."""


@dataclass
class RequestRecord:
    """Every endpoint's requests since the sandbox started or the record was begun anew."""

    endpoints: dict[str, EndpointRecord] = field(default_factory=dict)
    _answered: set[int] = field(default_factory=set)

    def came(self, endpoint: str) -> EndpointRecord:
        """Note a request as it comes."""
        of_endpoint = self.endpoints.setdefault(endpoint, EndpointRecord())
        of_endpoint.requests += 1
        if of_endpoint.first_at is None:
            of_endpoint.first_at = time.time()
        return of_endpoint

    def left(self, of_endpoint: EndpointRecord, status: int, question: object) -> None:
        """Note a whole answer as it leaves; `question` tells one question from another."""
        of_endpoint.last_at = time.time()
        if status == _TOO_MANY:
            of_endpoint.refused += 1
        elif status != _OK:
            of_endpoint.failed += 1
        else:
            of_endpoint.answered += 1
            key = hash(question)
            of_endpoint.repeated += key in self._answered
            self._answered.add(key)

    def broke(self, of_endpoint: EndpointRecord) -> None:
        """Note an answer that does not arrive, or not as it should."""
        of_endpoint.last_at = time.time()
        of_endpoint.failed += 1

    def render(self) -> dict[str, Any]:
        """Return the record as JSON: an object for each endpoint."""
        return {name: asdict(one) for name, one in sorted(self.endpoints.items())}
