"""What is known of a ledger while it is read: what lists cover, and what the balance proves."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from loader.sources import known_rows
from loader.sources.known_rows import KnownRows

BALANCE_READ_AT = 1_000


def row(name: str, net: int, created: int = 1, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"id": name, "net": net, "created": created, "currency": "usd", **more}


nets = st.lists(st.integers(-(10**12), 10**12), max_size=30)


@given(listed=nets, unlisted=nets, wrong=st.integers(1, 10**12))
def test_rows_prove_the_balance_that_is_their_sum_and_no_other(
    listed: list[int], unlisted: list[int], wrong: int
) -> None:
    known = KnownRows()
    known.balance_was_read(BALANCE_READ_AT)
    known.add_listed([row(f"l{place}", net) for place, net in enumerate(listed)])
    known.add_created([row(f"u{place}", net) for place, net in enumerate(unlisted)])
    total = sum(listed) + sum(unlisted)
    assert known.prove({"usd": total})
    assert not known.prove({"usd": total + wrong})
    assert not known.prove({"usd": total, "eur": wrong})


@given(copies=st.integers(1, 4), net=st.integers(1, 100))
def test_a_row_met_again_counts_once(copies: int, net: int) -> None:
    known = KnownRows()
    for _ in range(copies):
        known.add_listed([row("txn_1", net)])
        known.add_created([row("txn_1", net)])
    assert known.prove({"usd": net})


@given(before=st.integers(-100, 100), after=st.lists(st.integers(1, 10**6), max_size=8))
def test_what_came_in_after_the_balance_was_read_may_be_missing_from_it(
    before: int, after: list[int]
) -> None:
    known = KnownRows()
    known.balance_was_read(BALANCE_READ_AT)
    known.add_created([row("txn_before", before)])
    rows = [row(f"txn_{n}", net, BALANCE_READ_AT + n) for n, net in enumerate(after)]
    known.add_created(rows)
    for seen in range(len(after) + 1):
        assert known.prove({"usd": before + sum(after[:seen])})


def test_old_rows_are_never_left_out_of_the_sum() -> None:
    known = KnownRows()
    known.balance_was_read(BALANCE_READ_AT)
    known.add_created([row("txn_1", 5, BALANCE_READ_AT - 2)])
    assert not known.prove({"usd": 0})


def test_rows_of_another_balance_do_not_count() -> None:
    known = KnownRows()
    known.add_created([row("txn_1", 5, balance_type="issuing"), row("txn_2", 7, balance_type=None)])
    assert known.prove({"usd": 7})


def test_only_rows_of_lists_are_covered() -> None:
    known = KnownRows()
    known.add_listed([row("txn_1", 1)])
    known.add_created([row("txn_1", 1), row("txn_2", 1)])
    assert known.covers([row("txn_1", 1)])
    assert not known.covers([row("txn_1", 1), row("txn_2", 1)])
    assert known.knows("txn_1")
    assert not known.knows("txn_2")
    assert not known.knows(None)


def test_what_no_longer_fits_into_memory_counts_as_not_covered(monkeypatch: Any) -> None:  # noqa: ANN401
    monkeypatch.setattr(known_rows, "IDS_KEPT", 2)
    known = KnownRows()
    known.add_listed([row(f"txn_{n}", 1) for n in range(2)])
    known.add_listed([row("txn_2", 1)])
    assert known.prove({"usd": 3})
    assert not known.covers([row("txn_2", 1)])


def test_a_list_too_long_to_compare_with_leaves_nothing_known(monkeypatch: Any) -> None:  # noqa: ANN401
    monkeypatch.setattr(known_rows, "IDS_KEPT", 2)
    known = KnownRows()
    known.add_listed([row(f"txn_{n}", 1) for n in range(3)])
    assert not known.prove({"usd": 3})
    assert not known.has_listed
    assert not known.covers([row("txn_0", 1)])


def test_an_interrupted_reading_is_taken_up_with_what_it_listed() -> None:
    known = KnownRows()
    known.recall(["txn_1"], {"usd": 9})
    known.add_created([row("txn_1", 4), row("txn_2", 5)])
    assert known.has_listed
    assert known.prove({"usd": 14})
