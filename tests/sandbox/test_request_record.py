"""The sandbox says what it was asked."""

import time
from typing import Any

import httpx

from loader.sandbox.request_record import PATH, RequestRecord

from .conftest import served
from .test_errors import options


def test_requests_are_counted_by_endpoint_with_their_times() -> None:
    started = time.time()
    with served(options(requests_per_second=2)) as stripe:
        assert stripe.http.get(PATH).json() == {}
        for _ in range(4):
            stripe.get("/v1/balance")
        stripe.get("/v1/payouts/po_unknown")
        stripe.get("/v1/nothing")
        stripe.read("/v1/balance_transactions", limit=1)
        stripe.read("/v1/balance_transactions", limit=2)
        record = stripe.http.get(PATH).json()
        assert stripe.http.delete(PATH).json() == {}
    balance = record["/v1/balance"]
    assert (balance["requests"], balance["answered"], balance["repeated"]) == (4, 2, 1)
    assert balance["refused"] == 2
    assert started <= balance["first_at"] <= balance["last_at"] <= time.time()
    assert record["/v1/payouts/{id}"]["failed"] == record["unknown"]["failed"] == 1
    assert record["/v1/balance_transactions"]["answered"] == 2
    assert record["/v1/balance_transactions"]["repeated"] == 0


def test_answers_that_do_not_arrive_are_failures() -> None:
    with served(options(fault_rate=1.0)) as stripe:
        for _ in range(20):
            try:
                stripe.get("/v1/balance")
            except httpx.TransportError:
                continue
        balance: dict[str, Any] = stripe.http.get(PATH).json()["/v1/balance"]
    assert balance["answered"] == balance["repeated"] == 0
    assert balance["refused"] + balance["failed"] == balance["requests"] == 20


def test_one_question_of_two_accounts_is_two_questions() -> None:
    record = RequestRecord()
    for account in ("acct_1", "acct_2", "acct_1"):
        record.left(record.came("/v1/balance"), 200, (account, "/v1/balance", ""))
    assert record.render()["/v1/balance"]["repeated"] == 1
