"""What is taken from an event, and what events fold into."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loader.sources.scope import PLATFORM
from loader.webhooks.event import (
    TYPES,
    Event,
    MalformedEventError,
    payouts_by_account,
    read_event,
)
from tests.webhooks.posting import event


@pytest.mark.parametrize("event_type", TYPES)
def test_a_known_type_names_its_account_and_its_payout(event_type: str) -> None:
    found = read_event(event(type=event_type), is_live=False)
    payout_id = "po_1" if event_type.startswith("payout.") else None
    assert found == Event("evt_1", event_type, "acct_1", payout_id, is_live=False)


def test_an_event_without_account_is_the_platforms() -> None:
    content = event()
    del content["account"]
    assert read_event(content, is_live=False).account_id == PLATFORM


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"type": "charge.succeeded"}, "concerns no payout"),
        ({"livemode": True}, "not of test mode"),
        ({"object": "v2.core.event", "data": None, "created": "2026-01-01T00:00:00Z"}, "thin"),
        ({"data": {"object": {}}}, "names no payout"),
        ({"account": "acct_../x"}, "account is no id"),
        ({"account": 7}, "account is no id"),
        ({"data": {"object": {"id": "po_1/../../accounts"}}}, "names no payout"),
    ],
)
def test_what_is_ignored_is_ignored_for_a_reason(more: dict[str, Any], why: str) -> None:
    assert why in str(read_event(event(**more), is_live=False).ignored_because)


def test_a_test_event_is_ignored_in_live_mode() -> None:
    assert "not of live mode" in str(read_event(event(), is_live=True).ignored_because)
    assert read_event(event(livemode=True), is_live=True).ignored_because is None


@pytest.mark.parametrize(
    "content", [[], "evt_1", None, {}, {"id": "evt_1"}, event(id=7), event(id=""), event(type=None)]
)
def test_what_is_no_event_is_said_to_be_none(content: object) -> None:
    with pytest.raises(MalformedEventError):
        read_event(content, is_live=False)


events = st.lists(
    st.builds(
        Event,
        id=st.uuids().map(str),
        type=st.sampled_from(TYPES),
        account_id=st.sampled_from([PLATFORM, "acct_1", "acct_2"]),
        payout_id=st.sampled_from([None, "po_1", "po_2", "po_3"]),
        is_live=st.just(False),
    )
)


@given(found=events, chance=st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(found: list[Event], chance: Any) -> None:  # noqa: ANN401
    work = payouts_by_account(found)
    again = found + found
    chance.shuffle(again)
    assert payouts_by_account(again) == work
    assert set(work) == {one.account_id for one in found}
    for one in found:
        assert one.payout_id is None or one.payout_id in work[one.account_id]
