"""What is still loose in the warehouse: named by a stored row, and not stored as it is named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import duckdb

from loader.histories import SEARCH_AGAIN_AFTER_SECONDS
from loader.raw_views import make_listed_once, make_views, values_by_account


@dataclass(frozen=True)
class LooseEnds:
    """What the stored rows of one account name and that is not stored as they name it."""

    payouts: frozenset[str] = frozenset()
    """Payouts to read anew: named by a row or a reversal that the stored payout does not know of,
    or completed with no list to show for it."""
    listed_payouts: frozenset[str] = frozenset()
    """Those of them whose list is stored whole."""
    unconfirmed_created: frozenset[int] = frozenset()
    """`created` of listed rows inside the window that the window does not hold."""
    rows_before_window: frozenset[str] = frozenset()
    """Ids of payouts' own and failure rows that are older than the window."""
    unproven: Mapping[str, int] = field(default_factory=dict)
    """What opening and stored rows exceed Stripe's balance by (minor units by currency), where it
    is not what the last search left unexplained, or was left so long ago; 0 where that is explained
    by now."""
    opening: Mapping[str, int] | None = None
    """What the balance held before the rows from a start date on, where nobody has noted it yet."""
    is_opening_certain: bool = True
    """Whether no row is of the very moment at which that balance was read."""

    def without(self, others: LooseEnds, *, may_search: bool) -> LooseEnds:
        """Answer the ends that are not among others; what is unproven only where it may be."""
        return LooseEnds(
            self.payouts - others.payouts,
            self.listed_payouts,
            self.unconfirmed_created - others.unconfirmed_created,
            self.rows_before_window - others.rows_before_window,
            self.unproven if may_search else {},
            self.opening if may_search else None,
            self.is_opening_certain,
        )

    def joined(self, others: LooseEnds) -> LooseEnds:
        """Answer these ends and others."""
        return LooseEnds(
            self.payouts | others.payouts,
            self.listed_payouts | others.listed_payouts,
            self.unconfirmed_created | others.unconfirmed_created,
            self.rows_before_window | others.rows_before_window,
        )

    def __bool__(self) -> bool:
        return bool(
            self.payouts
            or self.unconfirmed_created
            or self.rows_before_window
            or self.unproven
            or self.opening is not None
        )


def find_loose_ends(connection: duckdb.DuckDBPyConnection) -> dict[str, LooseEnds]:
    """Answer, by account, what has to be looked up before anything is called missing."""
    make_views(connection)
    connection.execute(_PAYOUTS_TO_READ_ANEW)
    payouts = values_by_account(connection, "from payouts_to_read_anew")
    listed = values_by_account(connection, _LISTED_AMONG_THEM)
    created = values_by_account(connection, _UNCONFIRMED_ROWS)
    before_window = values_by_account(connection, _ROWS_BEFORE_WINDOW)
    make_listed_once(connection)
    connection.execute(_LEDGERS)
    connection.execute(_DIFFERENCES)
    unproven: defaultdict[str, dict[str, int]] = defaultdict(dict)
    parameters = {"search_again_after": SEARCH_AGAIN_AFTER_SECONDS}
    for account_id, currency, difference in connection.execute(_UNPROVEN, parameters).fetchall():
        unproven[account_id][currency] = difference
    openings: defaultdict[str, dict[str, int]] = defaultdict(dict)
    uncertain = set()
    for account_id, currency, opening, is_uncertain in connection.execute(_OPENINGS).fetchall():
        openings[account_id] |= {currency: opening} if opening else {}
        uncertain |= {account_id} if is_uncertain else set()
    return {
        account_id: LooseEnds(
            payouts[account_id],
            listed[account_id],
            created[account_id],
            before_window[account_id],
            unproven[account_id],
            openings.get(account_id),
            account_id not in uncertain,
        )
        for account_id in sorted({*payouts, *created, *before_window, *unproven, *openings})
    }


_PAYOUTS_TO_READ_ANEW = """
    create or replace temporary table payouts_to_read_anew as
    with

    rows_about_payouts as (
        select account_id, id, type, source
        from stripe.balance_transactions
        where
            type in ('payout', 'payout_failure', 'payout_cancel')
            or source like 'po!_%' escape '!'
        union
        select account_id, id, type, source
        from stripe.payout_transactions
        where
            type in ('payout', 'payout_failure', 'payout_cancel')
            or source like 'po!_%' escape '!'
    ),

    named as (
        select
            account_id,
            source as payout_id,
            case when type in ('payout_failure', 'payout_cancel') then id end as returned_by,
            cast(null as varchar) as reversed_by
        from rows_about_payouts
        where source is not null
        union all
        select account_id, original_payout, null, id
        from stripe.payouts
        where original_payout is not null
    )

    select distinct named.account_id, named.payout_id as id
    from named
    left join stripe.payouts as payouts
        on named.account_id = payouts.account_id and named.payout_id = payouts.id
    where
        payouts.id is null
        or (
            named.returned_by is not null
            and named.returned_by is distinct from payouts.failure_balance_transaction
        )
        or (
            named.reversed_by is not null
            and named.reversed_by is distinct from payouts.reversed_by
        )
    union
    select payouts.account_id, payouts.id
    from stripe.payouts as payouts
    anti join lists_stored using (account_id, id)
    where payouts.reconciliation_status = 'completed'
"""

_LISTED_AMONG_THEM = """
    select account_id, id
    from payouts_to_read_anew
    semi join lists_stored using (account_id, id)
"""

_UNCONFIRMED_ROWS = """
    select distinct listed.account_id, listed.created
    from stripe.payout_transactions as listed
    inner join windows_read
        on
            listed.account_id = windows_read.account_id
            and listed.created >= coalesce(windows_read.created_from, listed.created)
    where not exists (
        select 1
        from stripe.balance_transactions as ledger
        where ledger.account_id = listed.account_id and ledger.id = listed.id
    )
"""

_ROWS_BEFORE_WINDOW = """
    with named as (
        select account_id, created, balance_transaction as id from stripe.payouts
        union all
        select account_id, created, failure_balance_transaction from stripe.payouts
    )

    select distinct named.account_id, named.id
    from named
    inner join windows_read
        on named.account_id = windows_read.account_id and named.created < windows_read.created_from
    where
        named.id is not null
        and not exists (
            select 1 from stripe.balance_transactions as ledger
            where ledger.account_id = named.account_id and ledger.id = named.id
        )
        and not exists (
            select 1 from stripe.payout_transactions as listed
            where listed.account_id = named.account_id and listed.id = named.id
        )
"""

# The rows that a balance can hold that was read before them: from the start of the history that
# was read, less those that came later. A row that is dated later than it was read has another
# clock, and nothing follows from its time.
_LEDGERS = """
    create or replace temporary view ledgers as
    with ledger as (
        select account_id, id, currency, net, created, balance_type
        from stripe.balance_transactions
        union all
        from listed_once
        anti join stripe.balance_transactions using (account_id, id)
    )

    select
        ledger.*,
        ledger.created between windows_read.balance_read_at - 2 and windows_read.balance_read_at + 1
            as is_of_that_moment
    from ledger
    inner join windows_read using (account_id)
    where
        coalesce(ledger.balance_type, 'payments') = 'payments'
        and ledger.created >= coalesce(windows_read.history_from, ledger.created)
        and (
            ledger.created <= windows_read.balance_read_at + 1
            or ledger.created > windows_read.finished_at + 1
        )
"""

# What they exceed the balance by, without what it held before a start date. A currency that the
# account held then is asked for, though neither rows nor balance name it any more.
_DIFFERENCES = """
    create or replace temporary table differences as
    with

    sums as (
        select
            account_id,
            currency,
            cast(sum(net) as bigint) as net,
            bool_or(is_of_that_moment) as has_rows_of_that_moment
        from ledgers
        group by account_id, currency
    ),

    balances as (
        select
            windows_read.account_id,
            balances.currency,
            coalesce(balances.available, 0) + coalesce(balances.pending, 0) as amount
        from windows_read
        inner join stripe.balances as balances
            on
                windows_read.account_id = balances.account_id
                and windows_read.balance_read_at = balances.read_at
    ),

    met as (
        select account_id, currency from sums
        union
        select account_id, currency from balances
        union
        select account_id, unnest(json_keys(opening)) from windows_read
    )

    select
        account_id,
        currency,
        coalesce(sums.net, 0) - coalesce(balances.amount, 0) as difference,
        coalesce(sums.has_rows_of_that_moment, false) as has_rows_of_that_moment
    from met
    left join sums using (account_id, currency)
    left join balances using (account_id, currency)
"""

_OPENINGS = """
    select
        windows_read.account_id,
        differences.currency,
        -differences.difference,
        differences.has_rows_of_that_moment
    from windows_read
    left join differences using (account_id)
    where
        windows_read.history_from is not null
        and windows_read.opening is null
        and windows_read.balance_read_at is not null
"""

# Rows of the very moment of the balance may not be in it, so the sum may do without any number of
# them, newest first. A difference that a search has left unexplained is not searched for again for
# a while.
_UNPROVEN = """
    with

    searched as (
        select
            differences.account_id,
            differences.currency,
            differences.difference + coalesce(
                cast(windows_read.opening ->> differences.currency as bigint), 0
            ) as difference,
            windows_read.balance_read_at,
            windows_read.searched_at,
            coalesce(
                cast(windows_read.unexplained ->> differences.currency as bigint), 0
            ) as unexplained
        from differences
        inner join windows_read using (account_id)
        where
            windows_read.balance_read_at is not null
            and (windows_read.history_from is null or windows_read.opening is not null)
    ),

    in_doubt as (
        select * from searched
        where
            difference != unexplained
            or (difference != 0 and searched_at < balance_read_at - $search_again_after)
    ),

    came_after as (
        select
            in_doubt.account_id,
            in_doubt.currency,
            sum(ledgers.net) over (
                partition by in_doubt.account_id, in_doubt.currency
                order by ledgers.created desc, ledgers.id desc
            ) as net
        from in_doubt
        inner join ledgers using (account_id, currency)
        where ledgers.is_of_that_moment
    )

    select in_doubt.account_id, in_doubt.currency, in_doubt.difference
    from in_doubt
    where
        not exists (
            select 1
            from came_after
            where
                came_after.account_id = in_doubt.account_id
                and came_after.currency = in_doubt.currency
                and came_after.net in (
                    in_doubt.difference, in_doubt.difference - in_doubt.unexplained
                )
        )
"""
