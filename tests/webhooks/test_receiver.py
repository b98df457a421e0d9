"""The receiver over real HTTP: what is taken in, what is refused, and how."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from loader.webhooks.inbox import Inbox
from loader.webhooks.receiver import LARGEST_BODY_BYTES, WEBHOOK_PATH, Receiver, Reception
from tests.webhooks.posting import SECRET, event, post, send, served, signature

SECOND = "whsec_second"


@dataclass
class Receiving:
    url: str
    inbox: Inbox
    told: dict[str, Any] = field(default_factory=lambda: {"ready": False})

    def stored(self) -> list[tuple[str, str]]:
        """Ids and statuses."""
        counts = self.inbox.counts()
        waiting = [(one.event.id, "waiting") for one in self.inbox.waiting()]
        return waiting + [("", "ignored")] * counts["ignored"]


@pytest.fixture
def receiving(tmp_path: Path) -> Iterator[Receiving]:
    inbox = Inbox(tmp_path / "events.sqlite")
    found = Receiving("", inbox)
    reception = Reception((SECRET, SECOND), is_live=False, debounce_seconds=60)
    with served(Receiver(reception, inbox, lambda: found.told).app()) as url:
        found.url = url
        yield found
    inbox.close()


def test_a_signed_event_is_stored_before_it_is_answered(receiving: Receiving) -> None:
    assert post(receiving.url, event()) == (200, {"received": True, "ignored": None})
    assert receiving.stored() == [("evt_1", "waiting")]
    (waiting,) = receiving.inbox.waiting()
    assert (waiting.event.account_id, waiting.event.payout_id) == ("acct_1", "po_1")


def test_each_secret_of_a_rotation_opens(receiving: Receiving) -> None:
    body = json.dumps(event())
    assert post(receiving.url, body, signature(body, SECOND))[0] == 200
    both = signature(body, "whsec_old") + "," + signature(body).partition(",")[2]
    assert post(receiving.url, body, both)[0] == 200


def test_a_replayed_event_is_taken_once(receiving: Receiving) -> None:
    for _ in range(3):
        assert post(receiving.url, event())[0] == 200
    assert receiving.stored() == [("evt_1", "waiting")]


BODY = json.dumps(event())
HEAD = f"POST {WEBHOOK_PATH} HTTP/1.1\r\nHost: x\r\n".encode()


def connection_to(url: str) -> socket.socket:
    """Open a connection on which a test says what it likes."""
    address = urlsplit(url)
    return socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=30)


@pytest.mark.parametrize(
    ("body", "signed"),
    [
        (BODY.replace("po_1", "po_2"), signature(BODY)),
        (BODY + " ", signature(BODY)),
        (BODY, signature(BODY, "whsec_wrong")),
        (BODY, signature(BODY, age=301)),
        (BODY, signature(BODY).replace("t=", "t=1")),
        (BODY, ""),
        (BODY, "nonsense"),
        (BODY, "t=1,v0=ab"),
        ("[]", signature("[]")),
        ("{", signature("{")),
        ('{"id": 1}', signature('{"id": 1}')),
    ],
    ids=[
        "one byte changed",
        "one byte more",
        "another secret",
        "too old",
        "another time",
        "no signature",
        "no header of Stripe's",
        "another scheme",
        "no event",
        "no JSON",
        "no id",
    ],
)
def test_what_is_forged_or_no_event_is_refused(
    receiving: Receiving, body: str, signed: str
) -> None:
    status, said = post(receiving.url, body, signed)
    assert status == 400
    assert said["error"]
    assert receiving.stored() == []
    assert SECRET not in said["error"]


def test_bytes_that_are_no_text_are_refused(receiving: Receiving) -> None:
    headers = {"Stripe-Signature": signature("x")}
    assert send(receiving.url + WEBHOOK_PATH, b"\xff\xfe", headers)[0] == 400


def test_a_header_that_is_no_ascii_is_refused(receiving: Receiving) -> None:
    with connection_to(receiving.url) as connection:
        signed = "Stripe-Signature: t=1,v1=é\r\n".encode()
        connection.sendall(HEAD + signed + b"Content-Length: 2\r\n\r\n{}")
        assert b" 400 " in connection.recv(1000)


def test_an_event_of_just_the_right_age_is_taken(receiving: Receiving) -> None:
    assert post(receiving.url, BODY, signature(BODY, age=295))[0] == 200


@pytest.mark.parametrize(
    "more", [{"livemode": True}, {"type": "charge.succeeded"}, {"object": "v2.core.event"}]
)
def test_what_does_not_concern_us_is_recorded_and_ignored(
    receiving: Receiving, more: dict[str, Any]
) -> None:
    status, said = post(receiving.url, event(**more))
    assert status == 200
    assert said["ignored"]
    assert receiving.stored() == [("", "ignored")]


def test_a_body_that_is_too_large_is_refused(receiving: Receiving) -> None:
    for times in (1, 10):
        large = event(filler="x" * times * LARGEST_BODY_BYTES)
        assert post(receiving.url, large)[0] == 413
    assert receiving.stored() == []


def test_a_body_that_does_not_say_how_large_it_is_is_cut_off(receiving: Receiving) -> None:
    with connection_to(receiving.url) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        part = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        for _ in range(LARGEST_BODY_BYTES // 0x10000 + 1):
            connection.sendall(part)
        assert b" 413 " in connection.recv(1000)


def test_a_sender_that_goes_away_harms_nobody(receiving: Receiving) -> None:
    for _ in range(5):
        with connection_to(receiving.url) as connection:
            connection.sendall(HEAD + b"Content-Length: 99\r\n\r\n{")
    assert post(receiving.url, event())[0] == 200


def test_only_the_documented_doors_are_open(receiving: Receiving) -> None:
    assert send(receiving.url + WEBHOOK_PATH)[0] == 405
    assert send(receiving.url + "/")[0] == 404
    assert send(receiving.url + "/warehouse.duckdb")[0] == 404


def test_ready_waits_for_the_catch_up_and_health_does_not(receiving: Receiving) -> None:
    assert send(receiving.url + "/health") == (200, {"ready": False})
    assert send(receiving.url + "/ready")[0] == 503
    receiving.told["ready"] = True
    assert send(receiving.url + "/ready") == (200, {"ready": True})


def test_what_can_not_be_stored_is_not_said_to_be_received(receiving: Receiving) -> None:
    receiving.inbox.close()
    status, said = post(receiving.url, event())
    assert status == 503
    assert "could not be stored" in said["error"]


def test_a_burst_is_stored_whole_and_once(receiving: Receiving) -> None:
    sent = [event(f"evt_{n % 300}") for n in range(600)]
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda one: post(receiving.url, one)[0], sent))
    assert statuses == [200] * 600
    assert len(receiving.stored()) == 300
    assert threading.active_count() < 60
