"""A plain platform of any size, for benchmarks: every account alike, each made when first read.

Accounts do not touch each other here, so that one can be told without the others.
"""

import random
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from loader.sandbox.banking_days import (
    DAY,
    HOUR,
    after_banking_days,
    days_between,
    is_banking_day,
    midnight,
)
from loader.sandbox.currencies import CURRENCIES
from loader.sandbox.identifiers import tag
from loader.sandbox.ledger import Account, AccountBook, BalanceTransaction, Fee, open_book
from loader.sandbox.options import SandboxOptions
from loader.sandbox.payouts import Settlement, pay_out_automatically
from loader.sandbox.snapshot import AccountView, Snapshot, view_of

_DEFAULT_ACCOUNTS = 10
_DEFAULT_TRANSACTIONS_PER_DAY = 50
#: Rows kept in memory (about 0.5 kB each); accounts read longest ago are told anew when needed.
_ROWS_IN_MEMORY = 2_000_000
_CHARGE_SIZES = 499
_REFUND_EVERY = 25
_PAYOUT_TIME = HOUR + 30 * 60
_OPENS, _OPEN_SECONDS = 3 * HOUR, 20 * HOUR

Charge = tuple[int, tuple[Fee, ...]]


def uniform_snapshot(options: SandboxOptions) -> Snapshot:
    """Return a platform of `options.accounts` accounts, none of them told yet."""
    count = _DEFAULT_ACCOUNTS if options.accounts is None else options.accounts
    accounts = [_account(options, order) for order in range(count + 1)]
    views = _ViewsWhenRead(options, accounts)
    return Snapshot(
        now=options.now,
        platform=view_of(_tell(options, accounts[0]), options.now),
        accounts=accounts[1:],
        connected=views,
    )


class _ViewsWhenRead(Mapping[str, AccountView]):
    def __init__(self, options: SandboxOptions, accounts: list[Account]) -> None:
        self._options = options
        self._accounts = {account.id: account for account in accounts[1:]}
        self._told: OrderedDict[str, AccountView] = OrderedDict()
        self._rows_told = 0

    def __getitem__(self, account_id: str) -> AccountView:
        if account_id not in self._told:
            book = _tell(self._options, self._accounts[account_id])
            self._told[account_id] = view_of(book, self._options.now)
            self._rows_told += len(book.transactions)
            self._forget()
        self._told.move_to_end(account_id)
        return self._told[account_id]

    def _forget(self) -> None:
        while self._rows_told > _ROWS_IN_MEMORY and len(self._told) > 1:
            _, oldest = self._told.popitem(last=False)
            self._rows_told -= len(oldest.book.transactions)

    def __iter__(self) -> Iterator[str]:
        return iter(self._accounts)

    def __len__(self) -> int:
        return len(self._accounts)


def _account(options: SandboxOptions, order: int) -> Account:
    key = _key(order)
    return Account(
        id=f"acct_1{tag(options.seed, key, length=15)}",
        order=order,
        name="Uniform Market" if order == 0 else f"Shop {order:05}",
        country="US",
        default_currency="usd",
        created=midnight(options.first_day),
        destinations={"usd": f"ba_1{tag(options.seed, key, 'usd', length=23)}"},
        is_platform=order == 0,
    )


def _key(order: int) -> str:
    return f"uniform-{order}"


def _tell(options: SandboxOptions, account: Account) -> AccountBook:
    """Tell one account's whole history."""
    book = open_book(options.seed, _key(account.order), account)
    if options.payouts_per_account is None:
        _tell_days(options, book)
    elif not account.is_platform:
        _tell_payouts(options, book, options.payouts_per_account)
    return book


def _tell_days(options: SandboxOptions, book: AccountBook) -> None:
    """Tell of charges all day, and of a payout on each banking day."""
    chance = random.Random(f"{options.seed}/{_key(book.account.order)}")  # noqa: S311 - a story
    menu = [_charge(chance.randrange(500, 20_000)) for _ in range(_CHARGE_SIZES)]
    daily = options.transactions_per_day
    count = _DEFAULT_TRANSACTIONS_PER_DAY if daily is None else daily
    for day in days_between(options.first_day, options.last_day):
        if is_banking_day(day):
            _pay_out(book, day, midnight(after_banking_days(day, 2)))
        book.post_all(_rows_of_day(book, day, menu, count))


def _tell_payouts(options: SandboxOptions, book: AccountBook, payouts: int) -> None:
    """Tell of the rows of one payout on each day; they are paid out two days later, in a day."""
    for number in range(payouts):
        day = options.first_day + timedelta(days=number)
        book.post_all(_rows_of_day(book, day, _MENU, options.rows_per_payout - 1))
        _pay_out(book, day + timedelta(days=2), midnight(day + timedelta(days=3)))


def _pay_out(book: AccountBook, day: date, arrival: int) -> None:
    created = midnight(day) + _PAYOUT_TIME
    settlement = Settlement(
        currency="usd", created=created, arrival_date=arrival, itemized_at=created + 5 * 60
    )
    pay_out_automatically(book, settlement)


def _charge(amount: int) -> Charge:
    fee = CURRENCIES["usd"].stripe_fee(amount)
    return amount, (Fee(fee, "stripe_fee", "Stripe processing fees"),)


#: What is charged where every account is alike; its sum over any few rows is above a refund's.
_MENU = [_charge(2_000 + 17 * number) for number in range(_CHARGE_SIZES)]


def _rows_of_day(
    book: AccountBook, day: date, menu: list[Charge], count: int
) -> Iterator[BalanceTransaction]:
    """Yield a day's rows; built directly, because millions of them may be asked for."""
    opening = midnight(day)
    available_on = opening + 2 * DAY
    first = len(book.transactions)
    for number in range(count):
        created = opening + _OPENS + _OPEN_SECONDS * number // count
        order = first + number
        row_id = book.ids.next("txn")
        amount, fees = menu[order % _CHARGE_SIZES]
        is_refund = number % _REFUND_EVERY == _REFUND_EVERY - 1
        type_ = "refund" if is_refund else "charge"
        yield BalanceTransaction(
            row_id,
            order,
            type_,
            type_,
            -amount if is_refund else amount,
            () if is_refund else fees,
            "usd",
            created,
            created if is_refund else available_on,
            ("re" if is_refund else "ch") + row_id[3:],
            None,
        )
