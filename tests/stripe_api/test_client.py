from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from loader.stripe_api import errors
from loader.stripe_api.client import StripeAccess, StripeClient
from loader.stripe_api.pacing import Pacing
from loader.stripe_api.paging import pages
from tests.scripted_stripe import Answer, Request, Script, page, refusal, scripted_stripe

KEY = "sk_test_51AbCdSecret"


def client(base: str) -> StripeClient:
    return StripeClient(StripeAccess(KEY, base), Pacing(0))


def get(script: Script, path: str = "/v1/payouts", **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
    async def ask(base: str) -> dict[str, Any]:
        return await client(base).get(path, **arguments)

    with scripted_stripe(script) as base:
        return asyncio.run(ask(base))


def list_all(script: Script) -> list[list[str]]:
    async def ask(base: str) -> list[list[str]]:
        return [[row["id"] for row in rows] async for rows in pages(client(base), "/v1/payouts")]

    with scripted_stripe(script) as base:
        return asyncio.run(ask(base))


def test_a_request_names_its_account_and_nests_its_filters() -> None:
    seen: list[Request] = []

    def script(request: Request) -> Answer:
        seen.append(request)
        return Answer({"object": "list"})

    get(script, params={"created": {"gte": 7}, "limit": 100}, account_id="acct_1")
    get(script)
    assert seen[0].query == {"created[gte]": "7", "limit": "100"}
    assert seen[0].headers["authorization"] == f"Bearer {KEY}"
    assert [request.account for request in seen] == ["acct_1", None]


@pytest.mark.parametrize(
    ("answer", "kind", "advice"),
    [
        (
            refusal(401, f"Invalid API Key provided: {KEY}"),
            errors.KeyRefusedError,
            "STRIPE_API_KEY",
        ),
        (
            refusal(403, "no access", code="account_invalid"),
            errors.AccessRevokedError,
            "revoked",
        ),
        (
            refusal(403, "Permission denied", code="more_permissions_required"),
            errors.PermissionMissingError,
            "permission",
        ),
        (refusal(404, "No such payout", code="resource_missing"), errors.NotFoundError, "No such"),
        (refusal(400, "No such payout", code="resource_missing"), errors.NotFoundError, "No such"),
        (refusal(400, "unknown parameter"), errors.RequestRefusedError, "unknown parameter"),
    ],
)
def test_a_refusal_says_which_account_what_and_what_to_do(
    answer: Answer, kind: type[errors.StripeReadError], advice: str
) -> None:
    with pytest.raises(kind, match=advice) as refused:
        get(lambda _: answer, account_id="acct_9")
    assert refused.value.account_id == "acct_9"
    assert "acct_9" in str(refused.value)
    assert "/v1/payouts" in str(refused.value)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    "hurt",
    [
        Answer({"error": {"code": "rate_limit", "message": "slow"}}, 429),
        Answer({"error": {"message": "oops"}}, 500),
        Answer(b'{"object": "list", "data": [', 200),
    ],
    ids=["429", "500", "cut JSON"],
)
def test_what_passes_by_itself_is_tried_again(hurt: Answer) -> None:
    answers = itertools.chain([hurt], itertools.repeat(Answer({"object": "list"})))
    assert get(lambda _: next(answers)) == {"object": "list"}


def test_an_address_where_nobody_answers_is_named() -> None:
    with (
        pytest.MonkeyPatch.context() as patch,
        pytest.raises(errors.UnreachableError, match=r"no answer from http://127\.0\.0\.1:9"),
    ):
        patch.setattr("loader.stripe_api.client.ATTEMPTS", 1)
        asyncio.run(client("http://127.0.0.1:9").get("/v1/account"))


def test_requests_are_counted_by_endpoint() -> None:
    async def ask(base: str) -> StripeClient:
        asking = client(base)
        await asyncio.gather(
            asking.get("/v1/payouts"),
            asking.get("/v1/payouts/po_1"),
            asking.get("/v1/payouts/po_2"),
        )
        return asking

    with scripted_stripe(lambda _: Answer({"object": "list"})) as base:
        assert asyncio.run(ask(base)).requests == {"/v1/payouts": 1, "/v1/payouts/{id}": 2}


def test_a_list_is_read_page_by_page_to_its_end() -> None:
    def script(request: Request) -> Answer:
        after = int(request.query.get("starting_after", "po_0").removeprefix("po_"))
        assert request.query["limit"] == "100"
        return page(*({"id": f"po_{after + n}"} for n in (1, 2)), has_more=after < 4)

    assert list_all(script) == [["po_1", "po_2"], ["po_3", "po_4"], ["po_5", "po_6"]]


NO_PAGES: list[dict[str, Any]] = [
    {"object": "list", "data": []},
    {"object": "list", "data": [], "has_more": True},
    {"object": "list", "data": None, "has_more": False},
    {"object": "list", "data": [{"object": "payout"}], "has_more": False},
    {"object": "list", "data": [{"id": "po_1"}], "has_more": "false"},
    {"unexpected": True},
]


@pytest.mark.parametrize("body", NO_PAGES)
def test_an_answer_that_is_no_page_is_asked_for_again_and_refused(body: dict[str, Any]) -> None:
    asked: list[Request] = []

    def script(request: Request) -> Answer:
        asked.append(request)
        return Answer(body)

    with pytest.raises(errors.UnexpectedAnswerError, match="did not answer a page"):
        list_all(script)
    assert len(asked) == 3


@pytest.mark.parametrize("body", NO_PAGES)
def test_an_answer_that_is_no_page_for_once_harms_nothing(body: dict[str, Any]) -> None:
    good = page({"id": "po_1"})
    answers = itertools.chain([Answer(body), Answer(body)], itertools.repeat(good))
    assert list_all(lambda _: next(answers)) == [["po_1"]]


def test_a_page_that_comes_again_for_once_harms_nothing() -> None:
    first, second = page({"id": "po_2"}, {"id": "po_1"}, has_more=True), page({"id": "po_0"})
    answers = iter([first, first, second])
    cursors: list[str | None] = []

    def script(request: Request) -> Answer:
        cursors.append(request.query.get("starting_after"))
        return next(answers)

    assert list_all(script) == [["po_2", "po_1"], ["po_0"]]
    assert cursors == [None, "po_1", "po_1"]


def test_a_cursor_that_is_refused_for_once_harms_nothing() -> None:
    first, second = page({"id": "po_2"}, {"id": "po_1"}, has_more=True), page({"id": "po_0"})
    refused = refusal(400, "No such payout: 'po_1'", code="resource_missing")
    answers = iter([first, refused, refused, second])
    assert list_all(lambda _: next(answers)) == [["po_2", "po_1"], ["po_0"]]


def test_a_cursor_that_is_refused_ends_the_list_with_a_way_out() -> None:
    first = page({"id": "po_2"}, {"id": "po_1"}, has_more=True)
    refused = refusal(400, "Invalid starting_after")
    answers = itertools.chain([first], itertools.repeat(refused))
    with pytest.raises(errors.UnexpectedAnswerError, match=r"after po_1,.* Run again") as error:
        list_all(lambda _: next(answers))
    assert error.value.code == "cursor_refused"


def test_an_answer_that_is_no_object_is_refused() -> None:
    with pytest.raises(errors.StripeReadError):
        get(lambda _: Answer([1, 2]))


@pytest.mark.parametrize("second", [["po_2", "po_1"], ["po_3", "po_3"]])
def test_a_list_that_repeats_an_id_is_not_whole(second: list[str]) -> None:
    def script(request: Request) -> Answer:
        if "starting_after" in request.query:
            return page(*({"id": name} for name in second))
        return page({"id": "po_1"}, {"id": "po_0"}, has_more=True)

    with pytest.raises(errors.UnexpectedAnswerError, match="twice"):
        list_all(script)


@pytest.mark.parametrize("before", range(280, 300, 5))
def test_a_key_that_an_answer_echoes_is_cut_out_wherever_it_stands(before: int) -> None:
    with pytest.raises(errors.StripeReadError) as caught:
        get(lambda _: refusal(400, "x" * before + KEY))
    assert "sk_test" not in str(caught.value)


def test_what_a_terminal_would_obey_is_taken_out_of_an_error() -> None:
    with pytest.raises(errors.StripeReadError) as raised:
        get(lambda _: refusal(400, "clear \x1b[2J the screen\r\n"))
    assert "clear  [2J the screen" in str(raised.value)
    assert str(raised.value).isprintable()
