"""What earlier runs read of each account: where this run goes on.

Asked of the raw tables alone.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb

from loader.raw_views import has_raw_tables, make_listed_once, make_views, values_by_account

# As far back as a payout's list may come up again without being wanted (account_payouts.py).
LISTED_KEPT_SECONDS = 31 * 86_400

# A difference from the balance that a search left unexplained is looked for again after so long.
SEARCH_AGAIN_AFTER_SECONDS = 7 * 86_400

TRACE_ID_SECONDS = 15 * 86_400

# Of an account whose reading was begun: what its lists are compared with.
LISTED_IDS_RECALLED = 100_000


@dataclass(frozen=True)
class Stretch:
    """A stretch of `created` in epoch seconds, both ends included; none is open."""

    low: int | None
    high: int | None

    def query(self) -> dict[str, Any]:
        """Answer the filter as Stripe takes it."""
        bounds = {"gte": self.low, "lte": self.high}
        created = {name: bound for name, bound in bounds.items() if bound is not None}
        return {"created": created} if created else {}


@dataclass(frozen=True)
class AccountHistory:
    """What earlier runs read of one account (epoch seconds, UTC)."""

    is_whole: bool = False
    """Whether the account was ever read to the end, from where it is now asked for; if not, it was
    begun, and the rest is what is in store."""
    history_from: int | None = None
    """Start of the history that was read; none is the beginning."""
    created_from: int | None = None
    """Start of the stretch, up to now, that was wholly listed by `created`."""
    created_through: int | None = None
    """The newest transaction read by `created`; none if there was none."""
    payouts_through: int | None = None
    """The newest payout read."""
    payouts_open_from: int | None = None
    """The oldest of its last month that may still change; none if there is none."""
    unexplained: Mapping[str, int] = field(default_factory=dict)
    """What the rows exceed Stripe's balance by after everything was searched, by currency."""
    searched_at: int | None = None
    """When everything was last listed again to find such a difference."""
    opening: Mapping[str, int] | None = None
    """What the balance held before the rows from a start date on, by currency; none if that is
    not known (yet)."""
    opening_read_at: int | None = None
    """When the balance was read that told so."""
    listed_payouts: frozenset[str] = frozenset()
    """Payouts whose list is stored whole, less those that the last build could not reconcile; of
    an account that is whole only recent ones."""
    open_payouts: frozenset[str] = frozenset()
    """Payouts whose stored state Stripe may still change."""
    unlisted_payouts: Mapping[str, int] = field(default_factory=dict)
    """Begun: completed payouts whose list is not stored, with their `created`."""
    not_itemised: Mapping[str, tuple[int, str | None]] = field(default_factory=dict)
    """Begun: payouts that are not completed, with `created` and their own row's id."""
    stretches_read: tuple[Stretch, ...] = ()
    """Begun: what was listed by `created`."""
    listed_ids: frozenset[str] = frozenset()
    """Begun: ids of the newest rows of stored lists."""
    listed_sums: Mapping[str, int] = field(default_factory=dict)
    """Begun: what the rows of stored lists add up to, by currency."""

    @property
    def baseline(self) -> AccountHistory:
        """What stays true when everything is read again: what the account held before."""
        return AccountHistory(
            history_from=self.history_from,
            opening=self.opening,
            opening_read_at=self.opening_read_at,
        )


def read_histories(
    connection: duckdb.DuckDBPyConnection,
    start: int | None = None,
    named_payouts: Collection[str] = (),
) -> dict[str, AccountHistory]:
    """Answer what was read before, by account.

    Args:
        connection: to the warehouse.
        start: where the history that is asked for begins (epoch seconds); none is all of it.
        named_payouts: payouts that will be read again though they are old.
    """
    if not has_raw_tables(connection):
        return {}
    make_views(connection)
    connection.execute(_WINDOWS_GOING_ON, {"start": start})
    listed = values_by_account(
        connection,
        _LISTED_PAYOUTS,
        kept_seconds=LISTED_KEPT_SECONDS,
        named_payouts=list(named_payouts),
    )
    open_payouts = values_by_account(connection, _OPEN_PAYOUTS)
    whole = {
        account_id: AccountHistory(
            is_whole=True,
            history_from=history_from,
            created_from=created_from,
            created_through=created_through,
            payouts_through=payouts_through,
            payouts_open_from=payouts_open_from,
            unexplained=json.loads(unexplained or "{}"),
            searched_at=searched_at,
            opening=json.loads(opening) if opening else None,
            opening_read_at=opening_read_at,
            listed_payouts=listed[account_id],
            open_payouts=open_payouts[account_id],
        )
        for (
            account_id,
            history_from,
            created_from,
            created_through,
            payouts_through,
            payouts_open_from,
            unexplained,
            searched_at,
            opening,
            opening_read_at,
        ) in connection.execute(
            _WHOLE,
            {"kept_seconds": LISTED_KEPT_SECONDS, "trace_id_seconds": TRACE_ID_SECONDS},
        ).fetchall()
    }
    return whole | _begun(connection, listed, open_payouts)


def _begun(
    connection: duckdb.DuckDBPyConnection,
    listed: Mapping[str, frozenset[str]],
    open_payouts: Mapping[str, frozenset[str]],
) -> dict[str, AccountHistory]:
    """Answer the accounts that were not wholly read from where their history is asked for.

    Either their reading was broken off, or they were read from a later moment on. What is stored of
    their lists counts in any case; only where payouts were listed to the end is there more.
    """
    connection.execute(_STRETCHES_BEGUN)
    connection.execute(_ACCOUNTS_BEGUN)
    begun = connection.execute("from accounts_begun").fetchall()
    if not begun:
        return {}
    make_listed_once(connection)
    unlisted = _pairs(connection, _UNLISTED_PAYOUTS)
    not_itemised = _pairs(connection, _NOT_ITEMISED)
    stretches = _pairs(connection, _STRETCHES_READ)
    ids = values_by_account(connection, _LISTED_IDS, ids_recalled=LISTED_IDS_RECALLED)
    sums = _pairs(connection, _LISTED_SUMS)
    return {
        account_id: AccountHistory(
            history_from=history_from,
            payouts_through=payouts_through,
            listed_payouts=listed[account_id],
            open_payouts=open_payouts[account_id],
            unlisted_payouts=dict(unlisted[account_id]),
            not_itemised={name: (created, row) for name, created, row in not_itemised[account_id]},
            stretches_read=tuple(Stretch(*ends) for ends in stretches[account_id]),
            listed_ids=ids[account_id],
            listed_sums=dict(sums[account_id]),
        )
        for account_id, history_from, payouts_through in begun
    }


def _pairs(
    connection: duckdb.DuckDBPyConnection, query: str
) -> defaultdict[str, list[tuple[Any, ...]]]:
    """Answer the other columns of a query as one list for each value of the first."""
    gathered: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for account_id, *others in connection.execute(query).fetchall():
        gathered[account_id].append(tuple(others))
    return gathered


# A window that begins after the start that is now asked for has to be read from there on.
_WINDOWS_GOING_ON = """
    create or replace temporary table windows_going_on as
    from windows_read
    where history_from is null or history_from <= $start
"""

# A trace id arrives up to 10 days after the payout did (https://docs.stripe.com/payouts/trace-ids).
_WHOLE = """
    with open_payouts as (
        select payouts.account_id, min(payouts.created) as open_from
        from stripe.payouts as payouts
        inner join windows_going_on as windows using (account_id)
        where
            payouts.created >= windows.payouts_through - $kept_seconds
            and (
                payouts.status not in ('paid', 'failed', 'canceled')
                or payouts.reconciliation_status not in ('completed', 'not_applicable')
                or (
                    (payouts.trace_id ->> 'value') is null
                    and (payouts.trace_id ->> 'status') in ('pending', 'supported')
                    and payouts.arrival_date
                    >= windows.payouts_through - $trace_id_seconds
                )
            )
        group by payouts.account_id
    )

    select
        account_id, history_from, created_from, created_through, payouts_through,
        open_payouts.open_from, unexplained, searched_at, opening, opening_read_at
    from windows_going_on
    left join open_payouts using (account_id)
"""

_LISTED_PAYOUTS = """
    select lists_stored.account_id, lists_stored.id
    from lists_stored
    inner join stripe.payouts as payouts using (account_id, id)
    left join windows_going_on as windows using (account_id)
    where
        payouts.created >= coalesce(windows.payouts_through - $kept_seconds, payouts.created)
        or list_contains($named_payouts, payouts.id)
"""

_OPEN_PAYOUTS = """
    select account_id, id
    from stripe.payouts
    where
        status not in ('paid', 'failed', 'canceled')
        or reconciliation_status not in ('completed', 'not_applicable')
"""

# Loads are numbered by time. What was read for an earlier, whole reading may have changed since.
_STRETCHES_BEGUN = """
    create or replace temporary view stretches_begun as
    select stretches.account_id, raw_table, stretches.created_from, stretches.created_through
    from stripe.created_stretches as stretches
    left join windows_read using (account_id)
    where
        stretches._dlt_load_id in (from loads_completed)
        and stretches._dlt_load_id > coalesce(windows_read.load_id, '')
"""

# A start that was moved later before the first reading ended leaves a gap, and what lies before it
# counts for nothing.
_ACCOUNTS_BEGUN = """
    create or replace temporary table accounts_begun as
    with

    stretches as (
        select
            account_id,
            coalesce(created_from, 0) as low,
            coalesce(created_through, -1) as high,
            min(low) over (
                partition by account_id
                order by high desc
                rows between unbounded preceding and 1 preceding
            ) as low_of_later_ones
        from stretches_begun
        where raw_table = 'payouts'
    ),

    after_the_last_gap as (
        select account_id, low, high
        from stretches
        qualify not bool_or(coalesce(high < low_of_later_ones - 1, false)) over (
            partition by account_id order by high desc rows unbounded preceding
        )
    ),

    listed as (
        select
            account_id,
            nullif(min(low), 0) as history_from,
            nullif(max(high), -1) as payouts_through
        from after_the_last_gap
        group by account_id
    )

    from listed
    anti join windows_going_on using (account_id)
    union all
    select account_id, history_from, payouts_through
    from windows_read
    anti join windows_going_on using (account_id)
    anti join listed using (account_id)
"""

_UNLISTED_PAYOUTS = """
    select payouts.account_id, payouts.id, payouts.created
    from stripe.payouts as payouts
    semi join accounts_begun using (account_id)
    anti join lists_stored using (account_id, id)
    where payouts.reconciliation_status = 'completed'
"""

_NOT_ITEMISED = """
    select payouts.account_id, payouts.id, payouts.created, payouts.balance_transaction
    from stripe.payouts as payouts
    semi join accounts_begun using (account_id)
    where payouts.reconciliation_status is distinct from 'completed'
"""

_STRETCHES_READ = """
    select account_id, created_from, created_through
    from stretches_begun
    semi join accounts_begun using (account_id)
    where raw_table = 'balance_transactions'
"""

_LISTED_IDS = """
    select account_id, id
    from stripe.payout_transactions
    semi join accounts_begun using (account_id)
    qualify row_number() over (partition by account_id order by created desc)
    <= $ids_recalled
"""

_LISTED_SUMS = """
    select account_id, currency, cast(sum(net) as bigint)
    from listed_once
    semi join accounts_begun using (account_id)
    where coalesce(balance_type, 'payments') = 'payments'
    group by account_id, currency
"""
