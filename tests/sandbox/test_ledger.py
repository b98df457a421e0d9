"""Properties of the books, whatever is posted to them."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from loader.sandbox.banking_days import DAY
from loader.sandbox.identifiers import IdSequence, tag
from loader.sandbox.ledger import Account, AccountBook, Fee, open_book
from loader.sandbox.payouts import (
    Settlement,
    fail,
    pay_out_automatically,
    pay_out_instantly,
    pay_out_manually,
)
from loader.sandbox.snapshot import Series, Window


@dataclass(frozen=True)
class Posting:
    amount: int
    fee: int
    waits: int
    kind: str


POSTINGS = st.builds(
    Posting,
    amount=st.integers(-5_000, 20_000).filter(bool),
    fee=st.integers(-50, 400),
    waits=st.integers(0, 9),
    kind=st.sampled_from(("row", "row", "row", "instant", "manual", "failing")),
)
DAYS = st.lists(st.lists(POSTINGS, max_size=6), min_size=1, max_size=15)
frugal = settings(max_examples=40, deadline=None)


def book(*, debits: bool = True) -> AccountBook:
    account = Account(
        id="acct_1",
        order=1,
        name="Test",
        country="US",
        default_currency="usd",
        created=0,
        destinations={"usd": "ba_1"},
        debits_negative_balances=debits,
    )
    return open_book(1, "test", account)


def live(days: list[list[Posting]], *, debits: bool = True, minimum: int = 0) -> AccountBook:
    """Run a short life: a payout each night, then what the day brings."""
    told = book(debits=debits)
    for number, postings in enumerate(days):
        night = number * DAY + 5_400
        payout = pay_out_automatically(
            told,
            Settlement(
                currency="usd",
                created=night,
                arrival_date=(number + 2) * DAY,
                itemized_at=night + 300,
                minimum_balance=minimum,
                parts=1 + number % 5 // 4,
            ),
        )
        for hour, posting in enumerate(postings, start=3):
            at = number * DAY + hour * 3_600
            if posting.kind == "failing" and payout is not None and payout.failed_at is None:
                fail(told, payout, payout.arrival_date + DAY, "no_account")
            elif posting.kind == "instant" and posting.amount > 0:
                pay_out_instantly(told, posting.amount, "usd", at, [(at + DAY, 17)])
            elif posting.kind == "manual" and posting.amount > 0:
                pay_out_manually(told, posting.amount, "usd", at)
            else:
                told.post(
                    "charge",
                    posting.amount,
                    "usd",
                    at,
                    available_on=at + posting.waits * DAY,
                    fees=(Fee(posting.fee, "stripe_fee", "fee"),),
                )
    return told


@frugal
@given(DAYS, st.booleans(), st.integers(0, 3_000))
def test_each_settlement_sums_to_its_payouts(
    days: list[list[Posting]], debits: bool, minimum: int
) -> None:
    told = live(days, debits=debits, minimum=minimum)
    for payout in told.payouts:
        if not payout.automatic or payout.split_from is not None:
            continue
        parts = [payout, *(p for p in told.payouts if p.split_from == payout.id)]
        assert sum(row.net for row in payout.rows) == sum(part.amount for part in parts)
        assert payout.rows
        if not debits:
            assert all(part.amount > 0 for part in parts)


@frugal
@given(DAYS, st.integers(0, 3_000))
def test_money_is_neither_made_nor_lost(days: list[list[Posting]], minimum: int) -> None:
    told = live(days, minimum=minimum)
    last = 100 * DAY
    unswept = sum(row.net for row in told.unswept("usd", created_by=last))
    assert sum(row.net for row in told.transactions) == unswept
    assert sum(len(payout.rows) for payout in told.payouts) == sum(
        row.paid_out_in is not None for row in told.transactions
    )


@frugal
@given(DAYS)
def test_no_row_is_in_two_payouts_nor_paid_out_before_its_time(days: list[list[Posting]]) -> None:
    told = live(days)
    swept = [row.id for payout in told.payouts for row in payout.rows]
    assert len(set(swept)) == len(swept)
    for payout in told.payouts:
        assert payout.own_row not in payout.rows
        for row in payout.rows:
            assert row.created < payout.created
            assert row.available_on <= max(payout.arrival_date, payout.created)


@frugal
@given(DAYS, st.integers(1, 14))
def test_a_longer_story_begins_with_the_shorter(days: list[list[Posting]], cut: int) -> None:
    short, long = live(days[:cut]), live(days)
    assert [row.id for row in short.transactions] == [
        row.id for row in long.transactions[: len(short.transactions)]
    ]
    assert [payout.id for payout in short.payouts] == [
        payout.id for payout in long.payouts[: len(short.payouts)]
    ]
    for before, after in zip(short.payouts, long.payouts, strict=False):
        assert [row.id for row in before.rows] == [row.id for row in after.rows]


@dataclass(frozen=True)
class Thing:
    id: str
    created: int
    order: int


THINGS = st.lists(st.integers(0, 12), max_size=40).map(
    lambda times: [Thing(f"t_{n}", created, n) for n, created in enumerate(times)]
)


@given(THINGS, st.integers(1, 7), st.one_of(st.none(), st.integers(0, 12)))
def test_pages_join_without_gap_or_repeat(
    things: list[Thing], limit: int, created_to: int | None
) -> None:
    series = Series(things)
    wanted = [t for t in series.items if created_to is None or t.created <= created_to]
    found: list[Thing] = []
    cursor, has_more = None, True
    while has_more:
        window = Window(limit=limit, created_to=created_to, after=cursor)
        page, has_more = series.page(window, None)
        found += page
        cursor = page[-1] if page else None
    assert found == wanted
    for number, thing in enumerate(series.items):
        page, more = series.page(Window(limit=limit, before=thing), None)
        assert page == series.items[max(0, number - limit) : number]
        assert more is (number > limit)


@given(st.lists(st.sampled_from(("txn", "po", "ch")), min_size=2, max_size=200))
def test_ids_never_repeat(prefixes: list[str]) -> None:
    ids = IdSequence(tag("owner"))
    stems = [ids.next(prefix).partition("_")[2] for prefix in prefixes]
    assert len(set(stems)) == len(stems)
    assert {len(stem) for stem in stems} == {17}
