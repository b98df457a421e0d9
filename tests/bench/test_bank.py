"""Generated deposits are what they are said to be, and matches are judged by the truth alone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from loader.bank_formats.reading import check_file, profiles_for
from tests.bank_formats.writers import PROFILE
from tests.bench.bank import WRITERS, judge
from tests.bench.deposits import LAGS, Deposits

SMALL = Deposits(accounts=30, days=120, repeating=0.5)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return SMALL.make(tmp_path_factory.mktemp("deposits"))


@pytest.fixture
def warehouse(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copyfile(made, tmp_path / "warehouse.duckdb"))


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.sql(query).fetchall()


def test_the_same_platform_is_made_again(made: Path, tmp_path: Path) -> None:
    again, other = tmp_path / "again", tmp_path / "other"
    again.mkdir()
    other.mkdir()
    query = "from truth.payouts order by all"
    assert rows(SMALL.make(again), query) == rows(made, query)
    different = Deposits(SMALL.accounts, SMALL.days, SMALL.repeating, seed=2)
    assert rows(different.make(other), query) != rows(made, query)


def test_the_true_deposit_is_of_the_payouts_amount_and_near_its_arrival(made: Path) -> None:
    ((payouts, deposited, equal),) = rows(
        made,
        """
        select count(*), count(amount_minor), count(*) filter (where amount_minor = amount)
        from truth.payouts
        inner join stripe.payouts on payout_id = id
        left join bank.statement_lines using (bank_account_id, bank_reference)
        """,
    )
    assert equal == deposited
    assert 0.98 * payouts < deposited < payouts
    lags = rows(
        made,
        """
        select distinct posted_date - make_date((arrival_date // 86400)::integer)
        from truth.payouts
        inner join stripe.payouts on payout_id = id
        inner join bank.statement_lines using (bank_account_id, bank_reference)
        """,
    )
    assert all(min(LAGS) - 2 <= lag <= max(LAGS) + 2 for (lag,) in lags)


def test_statements_add_up_and_cover_all_their_lines(made: Path) -> None:
    assert rows(
        made,
        """
        select count(*), count(*) filter (
            where closing_minor = opening_minor + total
            and line_count = lines and line_count = different_lines
            and first_day >= period_from and last_day < period_through - 10
        )
        from bank.statements
        inner join (
            select
                source_id, sum(amount_minor) as total, count(*) as lines,
                count(distinct bank_reference) as different_lines,
                min(posted_date) as first_day, max(posted_date) as last_day
            from bank.statement_lines group by source_id
        ) using (source_id)
        """,
    ) == [(SMALL.accounts, SMALL.accounts)]


def test_texts_tell_payouts_of_two_thirds_of_the_accounts(made: Path) -> None:
    told = rows(
        made,
        """
        select
            account_id[-2:]::integer % 3 as kind,
            bool_and(contains(description, trace_id ->> 'value')) filter (where is_payout),
            bool_and(contains(description, 'STRIPE')) filter (where is_payout),
            coalesce(bool_or(contains(description, 'STRIPE')) filter (where not is_payout), false)
        from bank.statement_lines
        inner join bank.account_mappings using (bank_account_id)
        left join (
            select bank_account_id, bank_reference, true as is_true, trace_id
            from truth.payouts
            inner join stripe.payouts on payout_id = id
        ) using (bank_account_id, bank_reference)
        cross join lateral (select coalesce(is_true, false) as is_payout)
        group by kind
        order by kind
        """,
    )
    assert told == [(0, True, False, False), (1, False, True, False), (2, None, False, False)]


MATCHED_BY_THE_TRUTH = (
    "create schema finance",
    """
    create table finance.fct_bank_statement_lines as
    select
        md5(bank_account_id || bank_reference) as bank_statement_line_id,
        bank_account_id, bank_reference
    from bank.statement_lines
    """,
    """
    create table finance.fct_bank_matches as
    select
        md5(payout_id) as match_id, payout_id, account_id, bank_account_id,
        md5(bank_account_id || bank_reference) as bank_statement_line_id
    from truth.payouts
    where bank_reference is not null
    """,
    """
    create table finance.fct_payout_reconciliation as
    select
        account_id, payout_id, bank_statement_line_id,
        case when match_id is null then 'overdue' else 'matched' end as bank_match_status
    from truth.payouts
    left join finance.fct_bank_matches using (account_id, payout_id)
    """,
)


def judged(warehouse: Path, *changes: str) -> dict[str, int]:
    with duckdb.connect(str(warehouse)) as connection:
        for statement in (*MATCHED_BY_THE_TRUTH, *changes):
            connection.execute(statement)
    return judge(warehouse)


def test_matches_as_the_truth_has_them_are_all_right(warehouse: Path) -> None:
    counts = judged(warehouse)
    assert counts["matched_right"] == counts["matched"] == counts["deposited"]
    assert counts["deposited_matched"] == counts["deposited"]
    never = ("matched_wrong", "unequal", "payouts_lost", "payouts_taken_twice", "lines_taken_twice")
    assert [counts[name] for name in never] == [0] * len(never)


# Two payouts of one account, the first and the last: their amounts differ.
TWO = """
    create table two as
    select account_id, payout_id, bank_statement_line_id
    from finance.fct_payout_reconciliation
    where bank_statement_line_id is not null
    order by account_id, payout_id
    limit 2
"""

IN_ONE_MATCH = (
    TWO,
    "update finance.fct_bank_matches set match_id = 'both' where payout_id in "
    "(select payout_id from two)",
    "update finance.fct_payout_reconciliation set bank_match_status = 'matched_group' "
    "where payout_id in (select payout_id from two)",
)


def swapped(table: str) -> str:
    return f"""
        update {table} set bank_statement_line_id = (
            select max(bank_statement_line_id) from two where two.payout_id != {table}.payout_id
        )
        where payout_id in (select payout_id from two)
    """


def test_a_match_with_another_line_is_wrong(warehouse: Path) -> None:
    tables = ("finance.fct_bank_matches", "finance.fct_payout_reconciliation")
    counts = judged(warehouse, TWO, *map(swapped, tables))
    assert (counts["matched_wrong"], counts["unequal"]) == (2, 2)


def test_a_group_holds_the_true_line_and_pairs_equal_amounts(warehouse: Path) -> None:
    counts = judged(warehouse, *IN_ONE_MATCH)
    told = ("matched_group", "group_holds_true", "group_equal", "unequal")
    assert [counts[name] for name in told] == [2, 2, 2, 0]
    swap = swapped("finance.fct_payout_reconciliation")
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(swap)
    counts = judge(warehouse)
    assert [counts[name] for name in told] == [2, 2, 0, 2]


def test_what_is_taken_twice_is_counted(warehouse: Path) -> None:
    counts = judged(
        warehouse,
        TWO,
        "insert into finance.fct_bank_matches by name select 'second' as match_id, payout_id, "
        "account_id, bank_statement_line_id from two limit 1",
    )
    assert (counts["payouts_taken_twice"], counts["lines_taken_twice"]) == (1, 1)


@pytest.mark.parametrize("name", WRITERS)
def test_written_statements_are_whole(name: str, tmp_path: Path) -> None:
    (tmp_path / "bank.profile.yml").write_text(PROFILE, encoding="utf-8")
    path = tmp_path / "statement.txt"
    path.write_text("".join(WRITERS[name](1_000)), encoding="utf-8")
    check = check_file(path, profiles_for(path))
    assert (check.format, check.whole) == (name, True)
    assert sum(statement.lines for statement in check.statements) == 1_000
