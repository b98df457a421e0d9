"""What the report shows, read from the published tables.

Amounts are integers in minor units beside their currency; no figure crosses a currency. Lists that
can be long are cut, the most urgent first, and how many there are in all is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from loader.duckdb_files import reading, rows_of

# So many rows of each list are in the page; the whole lists are in the exports. With these, the
# page of a platform of 10,000 accounts has 3.3 MB and opens in a second.
ACCOUNTS_SHOWN = 200
EXCEPTIONS_SHOWN = 500
PAYOUTS_SHOWN = 200
MONTHS_SHOWN = 1_000
DAYS_SHOWN = 92

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Cut:
    """The first rows of a list, and how many it has in all."""

    rows: Sequence[Row]
    total: int

    @property
    def left_out(self) -> int:
        """How many rows are not shown."""
        return self.total - len(self.rows)


@dataclass(frozen=True)
class Figures:
    """All that the page shows."""

    overview: Row
    """One row: the platform's name, as-of date, coverage, accounts by access, open exceptions."""
    currencies: Sequence[Row]
    """Sums over all accounts, a row for each currency that money moved in."""
    summaries: Sequence[Row]
    """The same for each account and currency: what the page's filters add up."""
    aging: Sequence[Row]
    """Open exceptions by account, currency, type and bucket of age: number and amount."""
    days: Sequence[Row]
    """By account, currency and arrival date: what was expected at the bank and became of it."""
    errors: Cut
    """Open exceptions that must not be closed on: the largest amount by age first."""
    warnings: Cut
    """Those that want a look, in the same order."""
    payouts: Cut
    """Those that are not plainly reconciled, each with its `anchor` in the page."""
    candidates: Mapping[str, Sequence[Row]]
    """By a payout's anchor: the statement lines that could be it."""
    parts: Mapping[str, Sequence[Row]]
    """By a payout's anchor: what it is made of, by reporting category."""
    lines: Mapping[str, Sequence[Row]]
    """By a payout's anchor: the statement lines that it is matched to."""
    months: Cut
    """The roll-forward, the newest months first."""
    accounts: Cut
    names: Sequence[Row]
    """Every account's id and name, for the filter."""
    exponents: Mapping[str, int]
    """By currency: how many decimals it has."""


def read_figures(tables_path: Path) -> Figures:
    """Read what the report shows from a DuckDB file with the published tables.

    Raises:
        duckdb.Error: it is not there, or does not hold them.
    """
    with reading(tables_path) as connection:
        connection.execute(_URGENT_PAYOUTS)
        return Figures(
            overview=_rows(connection, _OVERVIEW)[0],
            currencies=_rows(connection, _CURRENCIES),
            summaries=_rows(connection, "from finance.fct_account_reconciliation order by all"),
            aging=_rows(connection, _AGING),
            days=_rows(connection, _DAYS, days=DAYS_SHOWN, accounts=ACCOUNTS_SHOWN),
            errors=_cut(connection, _EXCEPTIONS.format(severity="error"), EXCEPTIONS_SHOWN),
            warnings=_cut(connection, _EXCEPTIONS.format(severity="warning"), EXCEPTIONS_SHOWN),
            candidates=_by_payout(connection, _CANDIDATES),
            payouts=_cut(connection, "select * from urgent_payouts order by place", PAYOUTS_SHOWN),
            parts=_by_payout(connection, _PARTS),
            lines=_by_payout(connection, _LINES),
            months=_cut(connection, _MONTHS, MONTHS_SHOWN),
            accounts=_cut(connection, _ACCOUNTS, ACCOUNTS_SHOWN),
            names=_rows(connection, _NAMES),
            exponents={
                row["currency"]: row["minor_unit_exponent"]
                for row in _rows(connection, "from finance.dim_currencies")
            },
        )


def _rows(connection: duckdb.DuckDBPyConnection, query: str, **parameters: int) -> list[Row]:
    return list(rows_of(connection, query, parameters))


def _cut(connection: duckdb.DuckDBPyConnection, query: str, shown: int) -> Cut:
    (total,) = connection.execute(f"select count(*) from ({query})").fetchall()[0]  # noqa: S608 - our own query
    return Cut(_rows(connection, f"{query} limit $shown", shown=shown), total)


def _by_payout(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, list[Row]]:
    """Answer rows by their payout's anchor in the page: ids are each account's own."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in _rows(connection, query, payouts=PAYOUTS_SHOWN):
        found[row["anchor"]].append(row)
    return dict(found)


_OVERVIEW = """
    select
        (select max(account_name) from finance.dim_accounts where is_platform_account)
            as platform_name,
        (select max(as_of_date) from finance.fct_account_reconciliation) as as_of_date,
        (select min(synced_from) from finance.dim_accounts) as synced_from,
        (select max(synced_through) from finance.dim_accounts) as synced_through,
        (select min(read_at) from finance.fct_balance_proof where proof_status != 'not_readable')
            as read_from_at,
        (select max(read_at) from finance.fct_balance_proof) as read_through_at,
        (
            select count(*) from finance.fct_balance_proof where proof_status != 'proven'
        ) as unproven_balance_count,
        (select count(*) from finance.dim_accounts where access_status = 'readable')
            as readable_count,
        (select count(*) from finance.dim_accounts where access_status = 'revoked')
            as revoked_count,
        (select count(*) from finance.dim_accounts where access_status = 'failed') as failed_count,
        (
            select count(*) from (
                select account_id
                from finance.fct_payout_reconciliation
                group by account_id
                having max(bank_match_status not in ('no_bank_data', 'not_expected')) = false
            )
        ) as accounts_without_bank_count,
        (select min(period_from_date) from finance.fct_bank_statements where is_whole)
            as bank_from_date,
        (select max(period_through_date) from finance.fct_bank_statements where is_whole)
            as bank_through_date,
        (select count(distinct source_file) from finance.fct_bank_statements) as bank_file_count,
        (
            select count(distinct source_file) from finance.fct_bank_statements
            where not is_file_whole
        ) as bank_file_left_out_count,
        (select count(*) from finance.fct_reconciliation_exceptions where severity = 'error')
            as error_count,
        (select count(*) from finance.fct_reconciliation_exceptions where severity = 'warning')
            as warning_count
"""

# Whatever the table adds up, by currency.
_CURRENCIES = """
    with sums as (
        select
            currency,
            count(*) filter (where balance_proof_status = 'proven') as proven_balance_count,
            count(*) filter (where balance_proof_status != 'proven') as unproven_balance_count,
            count(balance_proof_status) as balance_count,
            cast(sum(columns('(amount|difference)_minor$')) as bigint),
            cast(sum(columns('(payout|error|warning)_count$')) as bigint)
        from finance.fct_account_reconciliation
        group by currency
    )

    select sums.*, currencies.minor_unit_exponent as exponent
    from sums
    inner join finance.dim_currencies as currencies using (currency)
    order by sums.currency
"""

_AGING = """
    select
        account_id,
        currency,
        exception_type,
        aging_bucket,
        count(*) as exception_count,
        cast(coalesce(sum(abs(amount_minor)), 0) as bigint) as amount_minor
    from finance.fct_reconciliation_exceptions
    where currency is not null
    group by all
    order by all
"""

# Of the accounts with most payouts by name, of the others together.
_DAYS = """
    with covered as (
        select *
        from finance.fct_payout_reconciliation
        where bank_match_status not in ('no_bank_data', 'not_expected')
    ),

    as_of as (
        select max(as_of_date) as as_of_date from finance.fct_account_reconciliation
    ),

    named as (
        select account_id
        from covered
        group by account_id
        order by count(*) desc, account_id
        limit $accounts
    )

    select
        named.account_id,
        covered.currency,
        covered.expected_arrival_date as day,
        cast(coalesce(sum(covered.payout_amount_minor) filter (
            where covered.bank_match_status like 'matched%'
        ), 0) as bigint) as banked_minor,
        cast(coalesce(sum(covered.payout_amount_minor) filter (
            where covered.bank_match_status = 'in_transit'
        ), 0) as bigint) as in_transit_minor,
        cast(coalesce(sum(covered.payout_amount_minor) filter (
            where covered.bank_match_status in (
                'overdue', 'ambiguous', 'amount_mismatch', 'returned'
            )
        ), 0) as bigint) as open_minor
    from covered
    inner join as_of on covered.expected_arrival_date > as_of.as_of_date - cast($days as integer)
    left join named using (account_id)
    group by all
    order by all
"""

# An exception without an amount (an account that could not be read) may hide any amount, so it
# stands first. Amounts in major units are compared across currencies only to sort.
_EXCEPTIONS = """
    select
        exceptions.*,
        accounts.account_name,
        exceptions.amount is null as has_no_amount,
        abs(exceptions.amount) * greatest(exceptions.days_outstanding, 1) as urgency
    from finance.fct_reconciliation_exceptions as exceptions
    left join finance.dim_accounts as accounts using (account_id)
    where exceptions.severity = '{severity}'
    order by has_no_amount desc, urgency desc, exception_id
"""

_URGENT_PAYOUTS = """
    create temporary table urgent_payouts as
    with exceptions as (
        select
            account_id,
            payout_id,
            max(severity = 'error') as has_error,
            list(
                {'severity': severity, 'exception_type': exception_type, 'explanation': explanation}
                order by severity, exception_type, exception_id
            ) as exceptions
        from finance.fct_reconciliation_exceptions
        where payout_id is not null
        group by account_id, payout_id
    )

    select
        payouts.*,
        coalesce(exceptions.exceptions, []) as exceptions,
        -- An id that two accounts have leads to neither alone.
        payouts.payout_id || case
            when count(*) over (partition by payouts.payout_id) > 1
                then '-' || payouts.account_id
            else ''
        end as anchor,
        row_number() over (
            order by
                coalesce(payouts.reconciliation_status = 'unreconciled', false)
                or coalesce(exceptions.has_error, false) desc,
                exceptions.exceptions is not null desc,
                payouts.reconciliation_status != 'not_itemizable' desc,
                abs(payouts.payout_amount) desc,
                payouts.account_id,
                payouts.payout_id
        ) as place
    from finance.fct_payout_reconciliation as payouts
    left join exceptions using (account_id, payout_id)
    where
        payouts.is_reconciled is distinct from true
        or exceptions.exceptions is not null
        or payouts.bank_match_status in ('overdue', 'ambiguous', 'amount_mismatch', 'returned')
"""

_PARTS = """
    select urgent_payouts.anchor, categories.*
    from finance.fct_payout_categories as categories
    inner join urgent_payouts using (account_id, payout_id)
    where urgent_payouts.place <= $payouts
    order by categories.payout_id, categories.currency, categories.reporting_category
"""

_LINES = """
    select
        urgent_payouts.anchor,
        matches.match_rule,
        matches.decided_by,
        lines.*
    from finance.fct_bank_matches as matches
    inner join urgent_payouts using (account_id, payout_id)
    inner join finance.fct_bank_statement_lines as lines
        on matches.bank_statement_line_id = lines.bank_statement_line_id
    where urgent_payouts.place <= $payouts
    order by matches.payout_id, lines.posted_date, lines.bank_statement_line_id
"""

_CANDIDATES = """
    select urgent_payouts.anchor, candidates.*
    from finance.fct_bank_match_candidates as candidates
    inner join urgent_payouts using (account_id, payout_id)
    where urgent_payouts.place <= $payouts
    order by candidates.payout_id, candidates.posted_date, candidates.bank_statement_line_id
"""

_MONTHS = """
    select
        months.*,
        accounts.account_name,
        months.opening_amount_minor + months.charge_amount_minor + months.refund_amount_minor
        + months.dispute_amount_minor + months.fee_amount_minor + months.transfer_amount_minor
        + months.adjustment_amount_minor - months.payout_amount_minor
        + months.returned_payout_amount_minor + months.prior_period_minor
        - months.closing_amount_minor as zero_minor
    from finance.fct_balance_rollforward as months
    left join finance.dim_accounts as accounts using (account_id)
    order by months.month_start_date desc, months.currency, accounts.account_name, months.account_id
"""

# What is open first, then those with most payouts.
_ACCOUNTS = """
    with sums as (
        select
            account_id,
            string_agg(upper(currency), ', ' order by currency) as currencies,
            sum(payout_count) as payout_count,
            sum(proven_payout_count) as proven_payout_count,
            sum(unreconciled_payout_count) as unreconciled_payout_count,
            count(*) filter (where balance_proof_status = 'proven') as proven_balance_count,
            count(balance_proof_status) as balance_count
        from finance.fct_account_reconciliation
        group by account_id
    ),

    exceptions as (
        select
            account_id,
            count(*) filter (where severity = 'error') as error_count,
            count(*) filter (where severity = 'warning') as warning_count
        from finance.fct_reconciliation_exceptions
        group by account_id
    )

    select
        accounts.*,
        sums.currencies,
        coalesce(sums.payout_count, 0) as payout_count,
        coalesce(sums.proven_payout_count, 0) as proven_payout_count,
        coalesce(sums.unreconciled_payout_count, 0) as unreconciled_payout_count,
        coalesce(sums.proven_balance_count, 0) as proven_balance_count,
        coalesce(sums.balance_count, 0) as balance_count,
        coalesce(exceptions.error_count, 0) as error_count,
        coalesce(exceptions.warning_count, 0) as warning_count
    from finance.dim_accounts as accounts
    left join sums using (account_id)
    left join exceptions using (account_id)
    order by
        error_count desc, warning_count desc, accounts.is_platform_account desc,
        payout_count desc, accounts.account_name, accounts.account_id
"""

_NAMES = """
    select account_id, account_name from finance.dim_accounts
    union
    select account_id, any_value(account_name)
    from finance.fct_account_reconciliation
    where account_id not in (select account_id from finance.dim_accounts)
    group by account_id
    order by account_id
"""
