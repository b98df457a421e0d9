"""How the SDK's requests reach Stripe: through aiohttp, their JSON parsed once by orjson.

Of a page of 100 rows the SDK's own clients cost 3 to 8 times the CPU: httpx is slow, opens a
connection per request from 20 in flight on, and the SDK parses into `OrderedDict`s.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import orjson
import stripe

from loader.stripe_api.clock import ServerClock
from loader.stripe_api.pacing import REQUESTS_IN_FLIGHT

# Seconds; a page of Stripe's takes at most a few, and a hung connection is better tried anew.
TIMEOUT = aiohttp.ClientTimeout(total=120, connect=10, sock_read=60)

# What no answer can end in.
FAULTS = (aiohttp.ClientError, TimeoutError, OSError)

# What the SDK is given to parse in place of a body that is parsed already.
NOTHING = b"{}"


class AnswerHeaders(dict[str, str]):
    """Headers by their name in lower case, and beside them the content they came with."""

    content: object = None
    sent_at: float = 0.0
    """When the request was sent (`time.monotonic`)."""
    received_at: float = 0.0
    """When the answer began to come (`time.monotonic`)."""


class ForeignAnswerError(stripe.APIError):
    """An answer that Stripe would not give: cut, or from something on the way to it."""


class Transport(stripe.HTTPClient):
    """The SDK's requests over kept connections, as many as may be in flight."""

    name = "aiohttp"

    def __init__(self, api_base: str) -> None:
        super().__init__()
        self.clock = ServerClock()
        self._proxy_url = proxy_for(api_base)
        self._session: aiohttp.ClientSession | None = None

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Answer the body, status and headers; the content of a good answer is in the headers."""
        session = self._session or self._open()
        sent = time.monotonic()
        try:
            async with session.request(
                method,
                url,
                headers=headers,
                data=post_data,
                proxy=self._proxy_url,
                # A key goes to the address it was meant for only.
                allow_redirects=False,
            ) as response:
                status = response.status
                answered = AnswerHeaders({k.lower(): v for k, v in response.headers.items()})
                answered.sent_at, answered.received_at = sent, time.monotonic()
                self.clock.heard(answered.get("date"), sent, answered.received_at)
                body = await response.read()
        except FAULTS as error:
            raise _unanswered(error) from error
        answered.content = _content(body, status, answered)
        return (NOTHING if _is_good(status) else body), status, answered

    async def close_async(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        """Open a session; the certificates trusted are the SDK's."""
        trusted = ssl.create_default_context(cafile=stripe.ca_bundle_path)
        connector = aiohttp.TCPConnector(limit=REQUESTS_IN_FLIGHT, ssl=trusted)
        # Cookies would make one reader's requests depend on another's.
        jar = aiohttp.DummyCookieJar()
        self._session = aiohttp.ClientSession(
            connector=connector, cookie_jar=jar, timeout=TIMEOUT, middlewares=(_once,)
        )
        return self._session


def proxy_for(address: str) -> str | None:
    """Answer the proxy that the environment names for an address; none for this machine.

    aiohttp's own reading of the environment also takes keys from `.netrc`, in place of Stripe's.
    """
    parts = urlsplit(address)
    host = parts.hostname or ""
    if _is_this_machine(host) or proxy_bypass(host):
        return None
    proxy = getproxies().get(parts.scheme)
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _is_good(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


async def _once(
    request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Send a request once: aiohttp's own second attempt is neither paced nor counted."""
    try:
        return await send(request)
    except FAULTS as error:
        raise _unanswered(error) from error


def _unanswered(error: Exception) -> stripe.APIConnectionError:
    return stripe.APIConnectionError(  # type: ignore[no-untyped-call]
        f"{type(error).__name__}: {error}".removesuffix(": "),
        should_retry=not isinstance(error, aiohttp.ClientConnectorCertificateError),
    )


def _content(body: bytes, status: int, headers: AnswerHeaders) -> object:
    """Answer the JSON of a body, which holds an `error` unless the status is good."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        content = None
    error = content.get("error") if isinstance(content, dict) else None
    if isinstance(error, dict) if not _is_good(status) else content is not None:
        return content
    raise ForeignAnswerError(
        f"HTTP {status} with a body of {len(body)} bytes that is not Stripe's.",
        http_status=status,
        headers=headers,
    )
