"""What a sandbox is made from: the same options always give the same ledger, to the byte."""

from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta

#: The unrestricted key every sandbox knows.
SECRET_KEY = "sk_test_sandbox"  # noqa: S105 - opens nothing but this sandbox
#: The signing secret of its webhook endpoint.
WEBHOOK_SECRET = "whsec_sandbox"  # noqa: S105 - signs made-up events alone
#: The restricted key; what it may read is an option.
RESTRICTED_KEY = "rk_test_sandbox"

#: Read permissions of a restricted key (docs.stripe.com/keys#limit-access).
PERMISSIONS = (
    "rak_balance_read",
    "rak_balance_transaction_source_read",
    "rak_connected_account_read",
    "rak_event_read",
    "rak_payout_read",
)


_FEWEST_ROWS = 2
#: From a payout's transactions to the day on which nothing about it changes any more.
_DAYS_TO_SETTLE = 5


@dataclass(frozen=True, kw_only=True)
class SandboxOptions:
    """All that shapes one sandbox.

    `as_of` is the sandbox's unmoving "now": what was created later does not exist yet. With
    `accounts`, `transactions_per_day` or `payouts_per_account` set, a plain uniform platform takes
    the story's place.
    """

    first_day: date
    """The day on which the platform opens (UTC)."""
    as_of: datetime
    """The instant at which everything is looked at; aware, UTC."""
    seed: int = 1
    broken: bool = False
    """Plant discrepancies (faults.py)."""
    accounts: int | None = None
    """Connected accounts of the uniform platform."""
    transactions_per_day: int | None = None
    """Balance transactions of each connected account of the uniform platform, every day."""
    payouts_per_account: int | None = None
    """In place of daily transactions: automatic payouts of each connected account of the uniform
    platform, one a day from its opening on, each of a list of exactly `rows_per_payout` rows."""
    rows_per_payout: int = 100
    """Rows of each of these payouts' lists, the payout's own row included."""
    latency_ms: int = 0
    """Waited before each answer."""
    requests_per_second: float | None = None
    """Above it an endpoint answers 429; Stripe's own default is 25 for each endpoint."""
    fault_rate: float = 0.0
    """Share of requests that get no answer, an error or a spoilt body (http_faults.py)."""
    restricted_key_permissions: tuple[str, ...] = PERMISSIONS
    """What `rk_test_sandbox` may read."""

    def __post_init__(self) -> None:
        if self.as_of.tzinfo is None:
            message = "as_of needs a time zone"
            raise ValueError(message)
        if self.as_of.astimezone(UTC).date() < self.first_day:
            message = f"as_of {self.as_of:%Y-%m-%d} lies before the first day {self.first_day}"
            raise ValueError(message)
        unknown = set(self.restricted_key_permissions) - set(PERMISSIONS)
        if unknown:
            message = f"unknown permissions: {', '.join(sorted(unknown))}"
            raise ValueError(message)
        if self.rows_per_payout < _FEWEST_ROWS:
            message = f"a payout's list holds its own row and one more: not {self.rows_per_payout}"
            raise ValueError(message)

    @classmethod
    def sized(
        cls, *, as_of: datetime, accounts: int, days: int, transactions_per_day: int, seed: int = 1
    ) -> "SandboxOptions":
        """Return a uniform platform of `accounts` by `days` by `transactions_per_day` rows."""
        return cls(
            first_day=as_of.astimezone(UTC).date() - timedelta(days=days),
            as_of=as_of,
            seed=seed,
            accounts=accounts,
            transactions_per_day=transactions_per_day,
        )

    @classmethod
    def measured(
        cls,
        *,
        as_of: datetime,
        accounts: int,
        payouts_per_account: int,
        rows_per_payout: int,
        seed: int = 1,
    ) -> "SandboxOptions":
        """Return a uniform platform of payouts that are all paid, with lists of an exact length."""
        history = timedelta(days=payouts_per_account + _DAYS_TO_SETTLE)
        return cls(
            first_day=as_of.astimezone(UTC).date() - history,
            as_of=as_of,
            seed=seed,
            accounts=accounts,
            payouts_per_account=payouts_per_account,
            rows_per_payout=rows_per_payout,
        )

    @property
    def now(self) -> int:
        """`as_of` as a UTC epoch."""
        return int(self.as_of.timestamp())

    @property
    def last_day(self) -> date:
        """The UTC day of `as_of`."""
        return self.as_of.astimezone(UTC).date()

    @property
    def is_uniform(self) -> bool:
        """Whether size parameters replace the story."""
        sizes = (self.accounts, self.transactions_per_day, self.payouts_per_account)
        return any(size is not None for size in sizes)

    def to_arguments(self) -> list[str]:
        """Return the command line that makes this sandbox (`python -m loader.sandbox …`)."""
        arguments: list[str] = []
        for field in fields(self):
            value = getattr(self, field.name)
            flag = "--" + field.name.replace("_", "-")
            if value is True:
                arguments.append(flag)
            elif isinstance(value, tuple):
                arguments += [flag, ",".join(value)]
            elif isinstance(value, date):  # datetime too
                arguments += [flag, value.isoformat()]
            elif value is not None and value is not False:
                arguments += [flag, str(value)]
        return arguments


@dataclass(frozen=True)
class Delivery:
    """Where a sandbox sends its events, and how fast its clock goes."""

    url: str
    secret: str = WEBHOOK_SECRET
    speed: float = 1.0
    """Seconds of the story in each second."""

    def to_arguments(self) -> list[str]:
        """Return the command line of it."""
        return [
            *("--deliver-to", self.url),
            *("--webhook-secret", self.secret),
            *("--speed", str(self.speed)),
        ]
