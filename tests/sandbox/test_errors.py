import base64
import time
from datetime import timedelta

import httpx
import pytest

from loader.sandbox.http_faults import HUNG_SECONDS
from loader.sandbox.options import PERMISSIONS, SandboxOptions
from loader.sandbox.process import SandboxProcess, SandboxStartError
from loader.sandbox.scenario.cast import account_id

from .client import Stripe
from .conftest import AS_OF, FIRST_DAY, STORY, ReadAccount, served

RESTRICTED_KEY = "rk_test_sandbox"


def error_of(answer: httpx.Response) -> dict[str, str]:
    error: dict[str, str] = answer.json()["error"]
    return error


def test_wrong_and_missing_keys(stripe: Stripe) -> None:
    wrong = stripe.get("/v1/account", key="sk_test_somebodyelses")
    assert wrong.status_code == 401
    assert error_of(wrong)["message"] == "Invalid API Key provided: sk_test_***lses"
    assert error_of(wrong)["type"] == "invalid_request_error"
    live = stripe.get("/v1/account", key="sk_live_sandbox")
    assert live.status_code == 401
    missing = stripe.http.get("/v1/account")
    assert missing.status_code == 401
    assert "did not provide an API key" in error_of(missing)["message"]


def test_basic_authentication(stripe: Stripe) -> None:
    assert stripe.http.get("/v1/account", auth=(stripe.key, "")).status_code == 200
    nonsense = base64.b64encode(b"\xff").decode()
    answer = stripe.http.get("/v1/account", headers={"Authorization": f"Basic {nonsense}"})
    assert answer.status_code == 401


@pytest.mark.parametrize("key", ["bygone", "sierra", "unknown"])
def test_accounts_without_access(stripe: Stripe, key: str) -> None:
    account = account_id(STORY.seed, key)
    for path in ("/v1/payouts", "/v1/balance", "/v1/balance_transactions", "/v1/events"):
        answer = stripe.get(path, account=account)
        assert answer.status_code == 403
        assert error_of(answer) == {
            "type": "invalid_request_error",
            "code": "account_invalid",
            "doc_url": "https://stripe.com/docs/error-codes/account-invalid",
            "message": f"The provided key 'sk_test_***dbox' does not have access to account "
            f"'{account}' (or that account does not exist). "
            "Application access may have been revoked.",
        }


def test_one_revoked_account_is_still_listed(stripe: Stripe) -> None:
    listed = {account["id"] for account in stripe.all("/v1/accounts")}
    assert account_id(STORY.seed, "sierra") in listed
    assert account_id(STORY.seed, "bygone") not in listed
    assert stripe.read("/v1/account")["id"] not in listed


def test_a_connected_account_is_no_platform(stripe: Stripe, harbor: str) -> None:
    assert stripe.read("/v1/accounts", account=harbor)["data"] == []
    assert stripe.read("/v1/account", account=harbor)["id"] == harbor
    assert stripe.read(f"/v1/accounts/{harbor}")["id"] == harbor
    assert stripe.read(f"/v1/accounts/{harbor}", account=harbor)["id"] == harbor
    platform = stripe.read("/v1/account")["id"]
    assert stripe.get(f"/v1/accounts/{platform}", account=harbor).status_code == 403


def test_payouts_that_cannot_be_itemized(
    stripe: Stripe, everything: dict[str, ReadAccount]
) -> None:
    by_hand = [
        (account.id, payout)
        for account in everything.values()
        for payout in account.payouts
        if not payout["automatic"]
    ]
    assert {payout["method"] for _, payout in by_hand} == {"standard", "instant"}
    for account, payout in by_hand:
        answer = stripe.get(
            "/v1/balance_transactions", account=account, params={"payout": payout["id"]}
        )
        assert answer.status_code == 400
        assert error_of(answer) == {
            "type": "invalid_request_error",
            "message": "Balance transaction history can only be filtered on automatic transfers, "
            "not manual.",
        }


@pytest.mark.parametrize(
    ("path", "status", "message", "param"),
    [
        ("/v1/payouts/po_nope", 404, "No such payout: 'po_nope'", "payout"),
        (
            "/v1/balance_transactions/txn_nope",
            404,
            "No such balance transaction: 'txn_nope'",
            "id",
        ),
        ("/v1/events/evt_nope", 404, "No such event: 'evt_nope'", "id"),
        ("/v1/balance_transactions?payout=po_nope", 400, "No such payout: 'po_nope'", "payout"),
        (
            "/v1/payouts?starting_after=po_nope",
            400,
            "No such payout: 'po_nope'",
            "starting_after",
        ),
    ],
)
def test_unknown_ids(stripe: Stripe, path: str, status: int, message: str, param: str) -> None:
    answer = stripe.get(path)
    assert answer.status_code == status
    error = error_of(answer)
    assert (error["code"], error["message"], error["param"]) == ("resource_missing", message, param)


def test_ids_of_another_account_are_unknown(
    stripe: Stripe, everything: dict[str, ReadAccount], harbor: str
) -> None:
    payout = everything[harbor].payouts[0]["id"]
    row = everything[harbor].rows[0]["id"]
    assert stripe.get(f"/v1/payouts/{payout}").status_code == 404
    assert stripe.get("/v1/balance_transactions", params={"payout": payout}).status_code == 400
    cursor = {"starting_after": row}
    assert stripe.get("/v1/balance_transactions", params=cursor).status_code == 400


@pytest.mark.parametrize(
    ("path", "code", "param"),
    [
        ("/v1/payouts?nope=1", "parameter_unknown", "nope"),
        ("/v1/payouts?payout=po_1", "parameter_unknown", "payout"),
        ("/v1/balance?limit=1", "parameter_unknown", "limit"),
        ("/v1/balance_transactions?status=available", "parameter_unknown", "status"),
        ("/v1/balance_transactions?created[nope]=1", "parameter_unknown", "created[nope]"),
        ("/v1/payouts?limit=0", "parameter_invalid_integer", "limit"),
        ("/v1/payouts?limit=101", "parameter_invalid_integer", "limit"),
        ("/v1/payouts?limit=ten", "parameter_invalid_integer", "limit"),
        ("/v1/payouts?created[gte]=soon", "parameter_invalid_integer", "created[gte]"),
        ("/v1/events?type=a&types[]=b", "parameters_exclusive", "types"),
        (
            "/v1/payouts?starting_after=a&ending_before=b",
            "parameters_exclusive",
            "ending_before",
        ),
    ],
)
def test_refused_parameters(stripe: Stripe, path: str, code: str, param: str) -> None:
    answer = stripe.get(path)
    assert answer.status_code == 400
    error = error_of(answer)
    assert (error["code"], error["param"]) == (code, param)
    assert error["type"] == "invalid_request_error"


def test_messages_of_refused_limits(stripe: Stripe) -> None:
    assert error_of(stripe.get("/v1/payouts?limit=101"))["message"] == (
        "This value must be less than or equal to 100 (it currently is '101')."
    )
    assert error_of(stripe.get("/v1/payouts?nope=1"))["message"] == (
        "Received unknown parameter: nope"
    )


def test_other_refusals(stripe: Stripe) -> None:
    for params in (
        {"expand[]": "data.nope"},
        {"delivery_success": "perhaps"},
        {"types[]": ["payout.paid"] * 21},
    ):
        assert stripe.get("/v1/events", params=params).status_code == 400
    for path in ("/v1/charges", "/v1/payouts/", "/v2/payouts", "/", "/v1/payouts/po_1/cancel"):
        answer = stripe.get(path)
        assert answer.status_code == 404
        assert error_of(answer)["message"].startswith(f"Unrecognized request URL (GET: {path})")
    posted = stripe.http.post("/v1/payouts", headers={"Authorization": f"Bearer {stripe.key}"})
    assert posted.status_code == 404
    assert "(POST: /v1/payouts)" in error_of(posted)["message"]


def test_answers_carry_stripes_headers(stripe: Stripe, harbor: str) -> None:
    answer = stripe.get("/v1/balance", account=harbor)
    assert answer.headers["request-id"].startswith("req_")
    assert answer.headers["date"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["stripe-account"] == harbor


def options(**changes: object) -> SandboxOptions:
    return SandboxOptions(first_day=FIRST_DAY, as_of=AS_OF, **changes)  # type: ignore[arg-type]


def test_a_restricted_key_reads_what_it_may(harbor: str) -> None:
    allowed = tuple(name for name in PERMISSIONS if name != "rak_payout_read")
    with served(options(restricted_key_permissions=allowed)) as stripe:
        assert stripe.get("/v1/balance", key=RESTRICTED_KEY).status_code == 200
        assert stripe.get("/v1/payouts", account=harbor).status_code == 200
        answer = stripe.get("/v1/payouts", key=RESTRICTED_KEY, account=harbor)
    assert answer.status_code == 403
    error = error_of(answer)
    assert error["code"] == "more_permissions_required"
    assert error["message"].startswith(
        "Permission denied. The provided key 'rk_test_***dbox' does not have the required "
        f"permissions for this endpoint on account '{harbor}'."
    )


def test_too_many_requests_are_refused_by_endpoint() -> None:
    with served(options(requests_per_second=5)) as stripe:
        answers = [stripe.get("/v1/balance") for _ in range(12)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused
        assert [answer.status_code for answer in answers[:4]] == [200] * 4
        assert stripe.get("/v1/payouts").status_code == 200
        time.sleep(0.5)
        assert stripe.get("/v1/balance").status_code == 200
    assert error_of(refused[0])["code"] == "rate_limit"
    assert refused[0].headers["stripe-rate-limited-reason"] == "endpoint-rate"
    assert "retry-after" not in refused[0].headers


def test_a_faulty_wire_fails_in_every_way() -> None:
    seen: set[object] = set()
    waited = 0.0
    with served(options(fault_rate=0.6)) as stripe:
        for _ in range(60):
            started = time.monotonic()
            try:
                answer = stripe.get("/v1/balance")
            except httpx.TransportError:
                seen.add("dropped")
            else:
                seen.add(_kind(answer))
            waited = max(waited, time.monotonic() - started)
    assert seen == {
        "dropped",
        "not json",
        "cut",
        "of another shape",
        (200, None),
        (500, None),
        (503, None),
        (429, None),
        (429, "true"),
    }
    assert waited >= HUNG_SECONDS, "no answer hung"


def _kind(answer: httpx.Response) -> object:
    try:
        content = answer.json()
    except ValueError:
        assert answer.status_code == 200
        return "cut" if answer.text.startswith("{") else "not json"
    if content.get("object") == "list":
        return "of another shape"
    return answer.status_code, answer.headers.get("stripe-should-retry")


def test_latency_is_waited() -> None:
    with served(options(latency_ms=80)) as stripe:
        started = time.monotonic()
        stripe.get("/v1/balance")
        assert time.monotonic() - started >= 0.08


def test_a_server_that_cannot_start_says_why() -> None:
    impossible = options()
    object.__setattr__(impossible, "as_of", AS_OF - timedelta(days=400))
    with (
        pytest.raises(SandboxStartError, match="lies before the first day"),
        SandboxProcess(impossible),
    ):
        pass
