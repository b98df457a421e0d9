"""Temporary views over the raw tables: which rows count as read to the end, whoever asks.

A record counts only once dlt has completed its whole load package.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import duckdb


def make_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the temporary views `windows_read` and `lists_stored`, and what they stand on."""
    connection.execute(_LOADS_COMPLETED)
    connection.execute(_WINDOWS_READ)
    connection.execute(
        "create or replace temporary table payouts_to_list_again "
        "(account_id varchar, payout_id varchar)"
    )
    if has_table(connection, "finance", "fct_payout_reconciliation"):
        connection.execute(_UNRECONCILED)
    if has_table(connection, "finance", "fct_reconciliation_exceptions"):
        connection.execute(_WITH_A_ROW_THAT_DIFFERS)
    connection.execute(_LISTS_STORED)


def make_listed_once(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the temporary view `listed_once`: the rows of all lists, one of several lists once."""
    connection.execute(_LISTED_TWICE)
    connection.execute(_LISTED_ONCE)


def has_raw_tables(connection: duckdb.DuckDBPyConnection) -> bool:
    """Tell whether anything was ever loaded."""
    return all(has_table(connection, "stripe", name) for name in _RAW_TABLES_ASKED)


_RAW_TABLES_ASKED = (
    "_dlt_loads",
    "accounts",
    "account_syncs",
    "payouts",
    "payout_listings",
    "created_stretches",
)


def has_table(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    """Tell whether a table, or a view that stands for one, was made."""
    found = connection.execute(
        "select count(*) from information_schema.tables where table_schema = ? and table_name = ?",
        [schema, table],
    ).fetchone()
    return found == (1,)


def values_by_account(
    connection: duckdb.DuckDBPyConnection, query: str, **parameters: object
) -> defaultdict[str, frozenset[Any]]:
    """Answer the second column of a query as one set for each value of the first."""
    gathered: defaultdict[str, set[Any]] = defaultdict(set)
    for account_id, item in connection.execute(query, parameters or None).fetchall():
        gathered[account_id].add(item)
    return defaultdict(frozenset, {a: frozenset(items) for a, items in gathered.items()})


_LOADS_COMPLETED = """
    create or replace temporary view loads_completed as
    select load_id from stripe._dlt_loads where status = 0
"""

# The last whole reading tells the whole window: each one goes on where the one before it ended.
_WINDOWS_READ = """
    create or replace temporary view windows_read as
    select
        account_id, history_from, created_from, created_through, payouts_through,
        balance_read_at, finished_at, unexplained, searched_at, opening, opening_read_at,
        _dlt_load_id as load_id
    from stripe.account_syncs
    where status = 'readable' and _dlt_load_id in (from loads_completed)
    qualify row_number() over (partition by account_id order by run_number desc) = 1
"""

# A payout that could not be reconciled, or has a row that differs, is listed again: Stripe may have
# mended its list since.
_LISTS_STORED = """
    create or replace temporary view lists_stored as
    select account_id, id
    from stripe.payout_listings
    where
        is_whole
        and _dlt_load_id in (from loads_completed)
        and (account_id, id) not in (from payouts_to_list_again)
"""

# The verdict of the last build, where there was one.
_UNRECONCILED = """
    insert into payouts_to_list_again
    select account_id, payout_id
    from finance.fct_payout_reconciliation
    where reconciliation_status = 'unreconciled'
"""

# Proven by its amounts, and yet one of its rows is not as the account's transactions tell it.
_WITH_A_ROW_THAT_DIFFERS = """
    insert into payouts_to_list_again
    select account_id, payout_id
    from finance.fct_reconciliation_exceptions
    where exception_type = 'component_differs' and payout_id is not null
"""

# The rows of several lists, once. Which these are is told by a hash first: keeping the ids of all
# rows, with what is added up of them, takes 125 bytes a row, and four times as long.
_LISTED_TWICE = """
    create or replace temporary table listed_twice as
    select distinct on (account_id, id) account_id, id, currency, net, created, balance_type
    from stripe.payout_transactions
    where hash(account_id, id) in (
        select hash(account_id, id) as row_hash
        from stripe.payout_transactions
        group by row_hash
        having count(*) > 1
    )
"""

_LISTED_ONCE = """
    create or replace temporary view listed_once as
    select account_id, id, currency, net, created, balance_type
    from stripe.payout_transactions
    anti join listed_twice using (account_id, id)
    union all
    from listed_twice
"""
