"""Whatever passes by itself is survived; what does not ends in one sentence."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tenacity import RetryCallState, wait_fixed

from loader.stripe_api.client import (
    ATTEMPTS,
    ATTEMPTS_WHEN_REFUSED,
    BACK_OFF,
    StripeAccess,
    StripeClient,
)
from loader.stripe_api.errors import RequestRefusedError, StripeReadError, UnreachableError
from loader.stripe_api.pacing import REQUESTS_IN_FLIGHT, Pacing, Turn
from loader.stripe_api.transport import proxy_for
from tests.stripe_api.raw_server import RawServer, Reply, raw_server, reply

KEY = "sk_test_51AbCdSecret"
GOOD = reply({"object": "list", "data": []})


@pytest.fixture(autouse=True)
def _short_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loader.stripe_api.client.BACK_OFF", wait_fixed(0.01))


def then_good(*replies: Reply) -> Iterator[Reply]:
    return itertools.chain(replies, itertools.repeat(GOOD))


def get(base: str, path: str = "/v1/payouts", times: int = 1) -> StripeClient:
    """Ask for a path so many times at once; answer the client, closed."""

    async def ask() -> StripeClient:
        async with StripeClient(StripeAccess(KEY, base), Pacing(0)) as client:
            answers = await asyncio.gather(*(client.get(path) for _ in range(times)))
            assert answers == [{"object": "list", "data": []}] * times
        return client

    return asyncio.run(ask())


def error(**content: str) -> dict[str, Any]:
    return {"error": {"type": "invalid_request_error", "message": "no", **content}}


HTML = b"<html><body>Bad gateway</body></html>"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

REFUSALS = {
    "of the endpoint's rate": reply(
        error(code="rate_limit"), 429, Stripe_Rate_Limited_Reason="endpoint-rate"
    ),
    "of concurrency": reply(
        error(code="rate_limit"), 429, Stripe_Rate_Limited_Reason="global-concurrency"
    ),
    "for a lock": reply(error(code="lock_timeout"), 429, Stripe_Should_Retry="true"),
    "as of old": reply(error(code="rate_limit"), 400),
    "by a proxy": reply(HTML, 429),
}
FAULTS = {
    "500": reply(error(), 500),
    "500 not to be retried": reply(error(), 500, Stripe_Should_Retry="false"),
    "500 of another shape": reply({"error": "oops"}, 500),
    "500 with a list": reply([], 500),
    "502 of a proxy": reply(HTML, 502),
    "503 without a body": reply(b"", 503),
    "504 of a proxy": reply(HTML, 504),
    "408 of a proxy": reply(HTML, 408),
    "409": reply(error(), 409),
    "400 to be retried": reply(error(), 400, Stripe_Should_Retry="true"),
    "HTML instead": reply(HTML),
    "nothing instead": reply(b""),
    "cut JSON": reply(b'{"object": "list", "data": ['),
    "no UTF-8": reply(b'{"object": "\xff"}'),
    "no gzip": reply(b'{"object": "list"}', Content_Encoding="gzip"),
    "dropped before an answer": Reply(b"", closes=True),
    "dropped in the headers": Reply(b"HTTP/1.1 200 OK\r\nContent-", closes=True),
    "dropped in the body": Reply(GOOD.sent[:-5], closes=True),
    "dropped in a chunk": Reply(CHUNKED + b"400\r\n{", closes=True),
    "dropped between chunks": Reply(CHUNKED + b"1\r\n{\r\n", closes=True),
    "no HTTP": Reply(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", closes=True),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_that_passes_is_tried_again(kind: str) -> None:
    with raw_server(then_good(FAULTS[kind], FAULTS[kind], FAULTS[kind])) as server:
        client = get(server.base)
    assert len(server.requests) == 4
    assert client.requests == {"/v1/payouts": 4}
    assert not client.refused


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_for_now_is_tried_again_and_counted(kind: str) -> None:
    with raw_server(then_good(REFUSALS[kind], REFUSALS[kind])) as server:
        client = get(server.base)
    assert client.refused == {"/v1/payouts": 2}
    assert client.requests == {"/v1/payouts": 3}


def test_the_pacing_hears_why_stripe_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str | None] = []
    monkeypatch.setattr(Turn, "refused", lambda _, reason: heard.append(reason))
    with raw_server(then_good(*REFUSALS.values())) as server:
        get(server.base)
    assert heard == ["endpoint-rate", "global-concurrency", None, None, None]


def test_a_server_that_is_away_for_a_while_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loader.stripe_api.client.BACK_OFF", wait_fixed(0.1))
    with socket.socket() as placeholder:
        placeholder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        placeholder.bind(("127.0.0.1", 0))
        port = placeholder.getsockname()[1]

    def come_back() -> None:
        time.sleep(0.3)
        with raw_server(then_good(), port=port):
            done.wait(30)

    done = threading.Event()
    thread = threading.Thread(target=come_back)
    thread.start()
    try:
        assert get(f"http://127.0.0.1:{port}").requests.total() > 1
    finally:
        done.set()
        thread.join()


def test_a_connection_that_hangs_is_tried_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    timeout = aiohttp.ClientTimeout(sock_read=0.2)
    monkeypatch.setattr("loader.stripe_api.transport.TIMEOUT", timeout)
    with raw_server(then_good(replace(GOOD, after_seconds=30))) as server:
        assert get(server.base).requests.total() == 2


def test_an_outage_of_a_minute_is_survived_and_refusals_for_longer() -> None:
    state = RetryCallState(retry_object=None, fn=None, args=(), kwargs={})  # type: ignore[arg-type]
    waits = []
    for state.attempt_number in range(1, ATTEMPTS_WHEN_REFUSED):
        waits.append(BACK_OFF(state))
    assert sum(waits[: ATTEMPTS - 1]) >= 75
    assert sum(waits) >= 300


@pytest.mark.parametrize(
    ("hurt", "attempts"),
    [(FAULTS["500"], ATTEMPTS), (REFUSALS["for a lock"], ATTEMPTS_WHEN_REFUSED)],
    ids=["fault", "refusal"],
)
def test_what_does_not_pass_ends_in_a_sentence(hurt: Reply, attempts: int) -> None:
    with (
        raw_server(itertools.repeat(hurt)) as server,
        pytest.raises(UnreachableError, match="/v1/payouts for the platform account: no "),
    ):
        get(server.base)
    assert len(server.requests) == attempts


def test_faults_do_not_use_up_the_patience_for_refusals() -> None:
    mixed = [REFUSALS["for a lock"], FAULTS["500"]] * (ATTEMPTS - 1)
    with raw_server(then_good(*mixed)) as server:
        assert get(server.base).requests.total() == len(mixed) + 1


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (reply(HTML, 403), UnreachableError, "HTTP 403 .* not Stripe's.*STRIPE_API_BASE"),
        (reply(HTML, 404), UnreachableError, "HTTP 404 .* not Stripe's"),
        (reply(b"", 302, Location="/elsewhere"), UnreachableError, "HTTP 302 .* not Stripe's"),
        (reply(error(), 400), RequestRefusedError, "no"),
        (reply(error(message="x" * 9000), 400), RequestRefusedError, "x{300}$"),
    ],
    ids=["403 of a proxy", "404 of a proxy", "redirection", "400", "a long message"],
)
def test_what_no_attempt_mends_ends_at_once(
    answer: Reply, kind: type[StripeReadError], said: str
) -> None:
    with raw_server(iter([answer])) as server, pytest.raises(kind, match=said):
        get(server.base)
    assert len(server.requests) == 1


def test_a_body_that_is_not_stripes_is_not_quoted() -> None:
    secret = reply(f"<html>{KEY} and a customer's name</html>".encode(), 403)
    with raw_server(iter([secret])) as server, pytest.raises(UnreachableError) as failed:
        get(server.base)
    assert "customer" not in str(failed.value)


def test_connections_are_kept_and_closed(caplog: pytest.LogCaptureFixture) -> None:
    gc.collect()  # what other tests left open
    caplog.clear()
    with raw_server(then_good()) as server:
        get(server.base, times=300)
    gc.collect()
    assert server.connections <= REQUESTS_IN_FLIGHT
    assert len(server.requests) == 300
    assert not caplog.records


def test_a_key_is_sent_to_nobody_without_the_right_certificate(tmp_path: Path) -> None:
    (tmp_path / "pair.pem").write_text(SELF_SIGNED)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "pair.pem")
    with (
        raw_server(then_good(), tls=tls) as server,
        pytest.raises(UnreachableError, match=r"no answer from .*certificate verify failed"),
    ):
        get(server.base.replace("http://127.0.0.1", "https://localhost"))
    assert server.requests == []


def proxied(monkeypatch: pytest.MonkeyPatch, user: str = "") -> RawServer:
    """Ask a host that does not exist, through a proxy."""
    for name in ("no_proxy", "NO_PROXY", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with raw_server(then_good()) as server:
        monkeypatch.setenv("http_proxy", server.base.replace("://", f"://{user}"))
        get("http://stripe.invalid")
    return server


def test_the_environments_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    (request,) = proxied(monkeypatch).requests
    assert request.startswith("GET http://stripe.invalid/v1/payouts ")
    assert f"Authorization: Bearer {KEY}" in request
    assert "Proxy-Authorization" not in request


def test_a_proxy_may_ask_for_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    (request,) = proxied(monkeypatch, "me:secret@").requests
    assert f"\nAuthorization: Bearer {KEY}" in request
    assert "Proxy-Authorization: Basic bWU6c2VjcmV0" in request


@pytest.mark.parametrize(
    ("address", "proxy"),
    [
        ("https://api.stripe.com", "http://proxy:3128"),
        ("https://internal.example", None),
        ("http://127.0.0.1:4242", None),
        ("http://localhost:4242", None),
        ("http://[::1]:4242", None),
        ("http://api.stripe.com", None),
    ],
)
def test_no_proxy_is_used_where_none_may_be(
    monkeypatch: pytest.MonkeyPatch, address: str, proxy: str | None
) -> None:
    for name in ("NO_PROXY", "http_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "internal.example")
    monkeypatch.setenv("https_proxy", "proxy:3128")
    assert proxy_for(address) == proxy


def test_a_password_file_does_not_replace_the_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login me password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (request,) = proxied(monkeypatch).requests
    assert f"\nAuthorization: Bearer {KEY}" in request


@pytest.mark.parametrize("ahead", [-7200, -3, 0, 90])
def test_the_clock_of_stripe_is_known(ahead: int) -> None:
    def dated() -> Iterator[Reply]:
        while True:
            content = json.loads(GOOD.sent.split(b"\r\n\r\n")[1])
            yield reply(content, Date=formatdate(time.time() + ahead, usegmt=True))

    with raw_server(dated()) as server:
        client = get(server.base, times=5)
    assert client.clock.seconds_ahead == pytest.approx(ahead, abs=1)


@pytest.mark.parametrize("date", [None, "yesterday", ""])
def test_an_unknown_clock_is_taken_to_be_ours(date: str | None) -> None:
    content = {"object": "list", "data": []}
    answer = GOOD if date is None else reply(content, Date=date)
    with raw_server(itertools.repeat(answer)) as server:
        assert get(server.base).clock.seconds_ahead == pytest.approx(0, abs=1)


SELF_SIGNED = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXsYjWfXq0CXds++v
Lrw/Tz0aleHPtXV4tt5pyKg+Ff6hRANCAATsJtq7kSR+c/EW71P6HyKk++GqhafC
0HwYL8v/lTfzyhpBv7UFQn4RRRE12iLGcmMAh386YQTI3TDIMOwvZGkA
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBlTCCATugAwIBAgIUf7/iHvhq79NIIPC7fxk+xNpS1hkwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzE1NTYwM1oYDzIxMjYxMDMw
MTU1NjAzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATsJtq7kSR+c/EW71P6HyKk++GqhafC0HwYL8v/lTfzyhpBv7UFQn4R
RRE12iLGcmMAh386YQTI3TDIMOwvZGkAo2kwZzAdBgNVHQ4EFgQUmqe/H7qnyUXs
Dx9c7T4w1pCquI4wHwYDVR0jBBgwFoAUmqe/H7qnyUXsDx9c7T4w1pCquI4wDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
SAAwRQIgZlg9PEq0wyN3WDQEeIBr8/gI92PBYipK9nJt+BW7k+ECIQCl5HHyCQpv
i0Q30W57UdwDgL2LiX8aRDxD0X+y3Zh2fg==
-----END CERTIFICATE-----
"""
