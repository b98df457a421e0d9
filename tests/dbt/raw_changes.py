"""Random changes of a warehouse's raw tables: what syncs bring, and what nobody should ever do."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

LISTS, LEDGER = "stripe.payout_transactions", "stripe.balance_transactions"


def _changed(table: str, change: str) -> str:
    return f"update {table} set {change} where rowid = {_any_of(table)}"


def _any_of(table: str, where: str = "true") -> str:
    """Ask for a row of the account, picked by the number of the change."""
    return (
        f"(select rowid from {table} where account_id = '{{account}}' and {where} "
        f"order by hash(rowid + {{number}}) limit 1)"
    )


def _deleted(table: str) -> str:
    return f"delete from {table} where rowid = {_any_of(table)}"


def _copied(table: str, replaced: str) -> str:
    return (
        f"insert into {table} by name select * replace ({replaced}) from {table} "
        f"where rowid = {_any_of(table)}"
    )


def _one(column: str, table: str, otherwise: str = "null") -> str:
    """Ask for a value of a column of the account, picked by the number of the change."""
    return (
        f"coalesce((select {column} from {table} where account_id = '{{account}}' "
        f"and {column} is not null order by hash(rowid + {{number}} + 1) limit 1), {otherwise})"
    )


_UNLISTED = f"""
    select * from {LEDGER} as ledger
    where
        account_id = '{{account}}'
        and not exists (
            select 1 from {LISTS} as listed
            where listed.account_id = ledger.account_id and listed.id = ledger.id
        )
"""

# What each does to an account; `{number}` picks its rows. Each is a list of statements.
CHANGES: dict[str, tuple[str, ...]] = {
    # What a sync brings
    "a list grows by what was open": (
        f"insert into {LISTS} by name select unlisted.*, "
        f"{_one('id', 'stripe.payouts')} as payout_id from ({_UNLISTED}) as unlisted "
        "where account_id in (select account_id from stripe.payouts) limit 2",
    ),
    "a new payout lists what was open": (
        "insert into stripe.payouts by name select * replace ('po_new_{number}' as id, "
        "'txn_own_{number}' as balance_transaction, created + 86400 as created, "
        "arrival_date + 86400 as arrival_date) from stripe.payouts "
        f"where rowid = {_any_of('stripe.payouts')}",
        "insert into stripe.payout_listings by name select * replace ('po_new_{number}' as id) "
        f"from stripe.payout_listings where rowid = {_any_of('stripe.payout_listings')}",
        f"insert into {LISTS} by name select unlisted.*, 'po_new_{{number}}' as payout_id "
        f"from ({_UNLISTED}) as unlisted",
    ),
    "a new row": (_copied(LEDGER, "'txn_new_{number}' as id, created + 3600 as created"),),
    "a late row": (_copied(LEDGER, "'txn_late_{number}' as id, created - 864000 as created"),),
    "a list's row comes by created": (
        f"insert into {LEDGER} by name select * exclude (payout_id, is_cleared) from {LISTS} "
        f"as listed where rowid = {_any_of(LISTS)} and id not in "
        f"(select id from {LEDGER} as ledger where ledger.account_id = listed.account_id)",
    ),
    "a payout fails": (_changed("stripe.payouts", "status = 'failed'"),),
    "a payout completes": (
        _changed("stripe.payouts", "reconciliation_status = 'completed', status = 'paid'"),
    ),
    "a payout is manual after all": (
        _changed("stripe.payouts", "automatic = false, reconciliation_status = 'not_applicable'"),
    ),
    "every payout is manual": (
        "update stripe.payouts set reconciliation_status = 'not_applicable' "
        "where account_id = '{account}'",
    ),
    "a list is read again": (
        _changed("stripe.payout_listings", "listed_at = listed_at + 86400, row_count = 1"),
    ),
    "the account is read again": (
        "update stripe.account_syncs set transactions_listed_at = transactions_listed_at + 172800, "
        "created_from = 1709500000 where account_id = '{account}'",
    ),
    # What should never be
    "a list's net": (_changed(LISTS, "net = net + 1"),),
    "a ledger's net": (_changed(LEDGER, "net = net + 1"),),
    "a list's amounts": (_changed(LISTS, "amount = amount + 5, net = net + 5"),),
    "a list's currency": (_changed(LISTS, "currency = 'eur'"),),
    "a list's category": (_changed(LISTS, "reporting_category = 'fee'"),),
    "a ledger's category": (_changed(LEDGER, "reporting_category = 'fee', type = 'odd'"),),
    "a ledger's balance": (_changed(LEDGER, "balance_type = 'issuing'"),),
    "a ledger's text": (_changed(LEDGER, "description = 'x{number}', exchange_rate = 1.5"),),
    "a ledger's fee details": (_changed(LEDGER, "fee_details = '[{{\"amount\": 7}}]'"),),
    "a ledger's source": (_changed(LEDGER, f"source = {_one('id', 'stripe.payouts')}"),),
    "a ledger's day": (_changed(LEDGER, "created = created - 172800"),),
    "a list's day": (_changed(LISTS, "created = created + 172800"),),
    "a ledger's availability": (_changed(LEDGER, "available_on = available_on + 345600"),),
    "a list's row lost": (_deleted(LISTS),),
    "a ledger's row lost": (_deleted(LEDGER),),
    "a list's row doubled": (_copied(LISTS, "net as net"),),
    "a ledger's row doubled": (_copied(LEDGER, "net as net"),),
    "a ledger's row doubled and changed": (_copied(LEDGER, "net + 1 as net"),),
    "a list's row in another list": (
        _changed(LISTS, f"payout_id = {_one('id', 'stripe.payouts', 'payout_id')}"),
    ),
    "a list's row in two lists": (
        _copied(LISTS, f"{_one('id', 'stripe.payouts', 'payout_id')} as payout_id"),
    ),
    "a list's row on another account": (_changed(LISTS, "account_id = '{other}'"),),
    "a ledger's row on another account": (_changed(LEDGER, "account_id = '{other}'"),),
    "a list's row of another id": (_changed(LISTS, f"id = {_one('id', LEDGER, 'id')}"),),
    "a ledger's row of another id": (_changed(LEDGER, f"id = {_one('id', LISTS, 'id')}"),),
    "a list lost": (
        f"delete from {LISTS} where account_id = '{{account}}' "
        f"and payout_id = {_one('payout_id', LISTS)}",
    ),
    "an own row's id": (_changed("stripe.payouts", f"balance_transaction = {_one('id', LISTS)}"),),
    "an own row unnamed": (_changed("stripe.payouts", "balance_transaction = null"),),
    "a payout on another day": (
        _changed("stripe.payouts", f"created = {_one('created', 'stripe.payouts')}"),
    ),
    "a payout to arrive with another": (
        _changed(
            "stripe.payouts",
            f"created = {_one('created', 'stripe.payouts')}, "
            f"arrival_date = {_one('arrival_date', 'stripe.payouts')}",
        ),
    ),
    "a payout's currency": (_changed("stripe.payouts", "currency = 'eur'"),),
    "a payout lost": (_deleted("stripe.payouts"),),
    "a payout doubled": (_copied("stripe.payouts", "'pending' as status"),),
    "an account lost": tuple(
        f"delete from stripe.{table} where account_id = '{{account}}'"
        for table in ("payouts", "payout_transactions", "balance_transactions", "accounts")
    ),
}


@dataclass(frozen=True)
class Change:
    """One thing done to one account."""

    kind: str
    account: str
    other: str
    number: int

    @property
    def statements(self) -> list[str]:
        return [
            statement.format(account=self.account, other=self.other, number=self.number)
            for statement in CHANGES[self.kind]
        ]


def changes(accounts: list[str]) -> st.SearchStrategy[list[Change]]:
    """Draw changes of some accounts; the others stay as they are."""
    one = st.builds(
        Change,
        st.sampled_from(list(CHANGES)),
        st.sampled_from(accounts),
        st.sampled_from(accounts),
        st.integers(1, 1_000_000),
    )
    return st.lists(one, min_size=5, max_size=25)
