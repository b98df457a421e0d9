from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

import httpx
import pytest

from loader.sandbox.options import SandboxOptions
from loader.sandbox.process import SandboxProcess
from loader.sandbox.scenario.cast import account_id
from loader.sandbox.truth import Truth, truth_of

from .client import Json, Stripe

FIRST_DAY = date(2026, 1, 1)
AS_OF = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)
STORY = SandboxOptions(first_day=FIRST_DAY, as_of=AS_OF)
BROKEN = SandboxOptions(first_day=FIRST_DAY, as_of=AS_OF, broken=True)


@contextmanager
def served(options: SandboxOptions) -> Iterator[Stripe]:
    with (
        SandboxProcess(options) as process,
        httpx.Client(base_url=process.base_url, timeout=30) as http,
    ):
        yield Stripe(http, process.api_key)


@pytest.fixture(scope="session")
def stripe() -> Iterator[Stripe]:
    """The default story, served."""
    with served(STORY) as client:
        yield client


@pytest.fixture(scope="session")
def broken_stripe() -> Iterator[Stripe]:
    with served(BROKEN) as client:
        yield client


@pytest.fixture(scope="session")
def truth() -> Truth:
    return truth_of(STORY)


@dataclass
class ReadAccount:
    """Everything one account shows."""

    id: str
    payouts: list[Json]
    rows: list[Json]
    lists: dict[str, list[Json]]

    def payout(self, payout_id: str) -> Json:
        return next(payout for payout in self.payouts if payout["id"] == payout_id)


def read_account(stripe: Stripe, account: str) -> ReadAccount:
    payouts = stripe.all("/v1/payouts", account=account)
    return ReadAccount(
        account,
        payouts,
        stripe.all("/v1/balance_transactions", account=account),
        {
            payout["id"]: stripe.all(
                "/v1/balance_transactions", account=account, payout=payout["id"]
            )
            for payout in payouts
            if payout["automatic"]
        },
    )


@pytest.fixture(scope="session")
def everything(stripe: Stripe, truth: Truth) -> dict[str, ReadAccount]:
    """Every account that can be read, by id."""
    return {
        account.account_id: read_account(stripe, account.account_id)
        for account in truth.accounts.values()
        if account.access_status == "readable"
    }


@pytest.fixture
def harbor() -> str:
    """A busy account with direct charges and daily payouts."""
    return account_id(STORY.seed, "harbor")
