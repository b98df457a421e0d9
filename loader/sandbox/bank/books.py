"""What each bank has booked by a day, from the options alone."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from loader.sandbox.bank.accounts import BANK_ACCOUNTS, BankAccount
from loader.sandbox.bank.formats import Format
from loader.sandbox.bank.lines import BankLine, BankLines
from loader.sandbox.bank.statement import BankEntry, BankStatement
from loader.sandbox.banking_days import day_of
from loader.sandbox.ledger import Account
from loader.sandbox.options import SandboxOptions
from loader.sandbox.scenario.cast import PLATFORM, account_id
from loader.sandbox.scenario.story import tell

#: The story is told so far beyond the as-of day: what banks book then depends on no later day, and
#: so never changes.
_FORESIGHT_DAYS = 40


@dataclass(frozen=True)
class BankBook:
    """One bank account's entries, and the days they are known of."""

    bank: BankAccount
    holder: Account
    since: date
    through: date
    """The last day that statements cover: the one before the as-of day."""
    lines: tuple[BankLine, ...]

    @property
    def covered_through(self) -> date:
        """The last day that the statements speak of: CSV states no period, only entries."""
        if self.bank.format is not Format.CSV:
            return self.through
        return max((line.entry.posted for line in self.lines), default=self.since)

    def statement(self, since: date, through: date) -> BankStatement:
        """Return the statement of a period."""
        entries = [line.entry for line in self.lines]
        before = sum(entry.amount_minor for entry in entries if entry.posted < since)
        return BankStatement(
            number=self.bank.number,
            currency=self.bank.currency,
            since=since,
            through=through,
            opening_minor=self.bank.opening_minor + before,
            entries=[entry for entry in entries if since <= entry.posted <= through],
        )

    @property
    def entries(self) -> list[BankEntry]:
        """All entries, oldest first."""
        return [line.entry for line in self.lines]


def bank_books(options: SandboxOptions) -> list[BankBook]:
    """Return the books of all accounts that have statements; the uniform platform has none."""
    return [] if options.is_uniform else list(_books(options))


def _books(options: SandboxOptions) -> Iterator[BankBook]:
    later = options.as_of + timedelta(days=_FORESIGHT_DAYS)
    ledger = tell(replace(options, as_of=later))
    books = {book.account.id: book for book in ledger.books}
    through = options.last_day - timedelta(days=1)
    for bank in BANK_ACCOUNTS:
        is_platform = bank.actor == PLATFORM.key
        book = ledger.platform if is_platform else books[account_id(options.seed, bank.actor)]
        holder = book.account
        since = max(options.first_day, day_of(holder.created))
        if since > through:
            continue
        payouts = [payout for payout in book.payouts if payout.currency == bank.currency]
        told = BankLines(bank, holder, payouts, options.seed, since)
        yield BankBook(
            bank, holder, since, through, tuple(told.through(through, options.first_day))
        )
