"""Every object served, held against the field annotations of the installed stripe package."""

from collections.abc import Iterator
from types import NoneType
from typing import Any, ForwardRef, Literal, Union, get_args, get_origin

import pytest
import stripe as sdk
from stripe._bank_account import BankAccount
from stripe._stripe_object import UntypedStripeObject

from .client import Json, Stripe
from .conftest import ReadAccount

#: Fields Stripe leaves out where they say nothing (`?:` in its own type definitions).
MAY_BE_ABSENT = {
    "Account": {
        "business_profile", "company", "created", "deleted", "future_requirements", "groups",
        "individual", "requirements",
    },
    "Available": {"source_types"},
    "Balance": {
        "connect_reserved", "instant_available", "issuing", "refund_and_dispute_prefunding",
    },
    "BankAccount": {"account", "available_payout_methods", "customer", "deleted", "metadata"},
    "BusinessProfile": {
        "annual_revenue", "estimated_worker_count", "monthly_estimated_revenue",
        "specified_commercial_transactions_act_url",
    },
    "CardPayments": {"statement_descriptor_prefix_kana", "statement_descriptor_prefix_kanji"},
    "Controller": {"fees", "is_controller", "losses", "requirement_collection", "stripe_dashboard"},
    "Data": {"previous_attributes"},
    "Event": {"account", "context"},
    "Payments": {"statement_descriptor_prefix_kana", "statement_descriptor_prefix_kanji"},
    "Schedule": {"monthly_anchor", "monthly_payout_days", "weekly_anchor", "weekly_payout_days"},
    "SepaDebitPayments": {"creditor_id"},
    "Settings": {
        "bacs_debit_payments", "card_issuing", "invoices", "payouts", "paypay_payments",
        "sepa_debit_payments", "treasury",
    },
    "SourceTypes": {"bank_account", "card", "fpx"},
    "TosAcceptance": {"date", "ip", "service_agreement", "user_agent"},
}  # fmt: skip
#: Each capability is there only where it was asked for.
SPARSE = {"Capabilities"}


def problems(value: object, annotation: Any, path: str) -> Iterator[str]:  # noqa: ANN401
    """Yield what does not fit an annotation."""
    origin = get_origin(annotation)
    if origin is Union:
        yield from _union_problems(value, get_args(annotation), path)
    elif origin is Literal:
        if value not in get_args(annotation):
            yield f"{path}: {value!r} is not documented"
    elif origin is list:
        yield from _list_problems(value, get_args(annotation)[0], path)
    elif origin is sdk.ListObject:
        yield from _page_problems(value, path)
    elif isinstance(annotation, type) and issubclass(annotation, sdk.StripeObject):
        yield from object_problems(value, annotation, path)
    elif not _is_plain(value, annotation):
        yield f"{path}: {value!r} is no {annotation}"


def _is_plain(value: object, annotation: Any) -> bool:  # noqa: ANN401
    if isinstance(annotation, ForwardRef):
        return False  # an expandable field is served as the id, which its union allows
    kind = get_origin(annotation) or annotation
    if isinstance(kind, type) and issubclass(kind, UntypedStripeObject):
        return isinstance(value, dict)
    return isinstance(value, kind) and (kind is not int or not isinstance(value, bool))


def _union_problems(value: object, choices: tuple[Any, ...], path: str) -> Iterator[str]:
    literals = [choice for choice in choices if get_origin(choice) is Literal]
    if value is None and NoneType in choices:
        return
    if literals:
        # "Literal or any string" is how the SDK leaves room for the future, not for us.
        choices = tuple(literals)
    found = [list(problems(value, choice, path)) for choice in choices if choice is not NoneType]
    if all(found):
        yield from min(found, key=len)


def _list_problems(value: object, item: Any, path: str) -> Iterator[str]:  # noqa: ANN401
    if not isinstance(value, list):
        yield f"{path}: {value!r} is no list"
        return
    for number, element in enumerate(value):
        yield from problems(element, item, f"{path}[{number}]")


def _page_problems(value: object, path: str) -> Iterator[str]:
    assert isinstance(value, dict)
    assert set(value) == {"object", "data", "has_more", "url"}
    for bank in value["data"]:
        yield from object_problems(bank, BankAccount, f"{path}.data")


def object_problems(value: object, kind: type, path: str) -> Iterator[str]:
    """Yield unknown fields, absent ones, and those of another type."""
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is no object"
        return
    fields = {
        name: annotation
        for name, annotation in kind.__annotations__.items()
        if name != "OBJECT_NAME" and not name.startswith("_")
    }
    for name in value.keys() - fields.keys():
        yield f"{path}.{name}: unknown"
    absent = fields.keys() - value.keys() - MAY_BE_ABSENT.get(kind.__name__, set())
    if kind.__name__ not in SPARSE:
        for name in absent:
            yield f"{path}.{name}: absent"
    for name in value.keys() & fields.keys():
        yield from problems(value[name], fields[name], f"{path}.{name}")


def assert_shapes(objects: list[Json], kind: type) -> None:
    assert objects
    found = {problem for each in objects for problem in object_problems(each, kind, kind.__name__)}
    assert not found


def test_payouts(everything: dict[str, ReadAccount]) -> None:
    assert_shapes([p for account in everything.values() for p in account.payouts], sdk.Payout)


def test_balance_transactions(everything: dict[str, ReadAccount]) -> None:
    rows = [row for account in everything.values() for row in account.rows]
    listed = [
        row for account in everything.values() for rows in account.lists.values() for row in rows
    ]
    assert_shapes(rows + listed, sdk.BalanceTransaction)


def test_accounts(stripe: Stripe, harbor: str) -> None:
    accounts = stripe.all("/v1/accounts")
    assert all("created" in account for account in accounts)
    own = [stripe.read("/v1/account"), stripe.read("/v1/account", account=harbor)]
    assert_shapes(accounts + own, sdk.Account)


def test_balances(stripe: Stripe, everything: dict[str, ReadAccount]) -> None:
    balances = [stripe.read("/v1/balance", account=account) for account in everything]
    assert any("connect_reserved" in balance for balance in balances)
    assert any("issuing" in balance for balance in balances)
    assert_shapes(balances, sdk.Balance)


def test_events(stripe: Stripe, everything: dict[str, ReadAccount]) -> None:
    events = [
        event for account in everything for event in stripe.all("/v1/events", account=account)
    ]
    assert_shapes(events, sdk.Event)
    payouts = [e["data"]["object"] for e in events if e["data"]["object"]["object"] == "payout"]
    assert_shapes(payouts, sdk.Payout)


@pytest.mark.parametrize(
    "spoil",
    [
        {"amount": "1"},
        {"amount": True},
        {"status_of_mind": "calm"},
        {"reconciliation_status": "soon"},
        {"trace_id": {"status": "pending"}},
        {"balance_transaction": {}},
    ],
)
def test_the_check_itself_sees_what_is_wrong(
    everything: dict[str, ReadAccount], harbor: str, spoil: Json
) -> None:
    payout = everything[harbor].payouts[0]
    assert list(object_problems(payout, sdk.Payout, "payout")) == []
    assert list(object_problems(payout | spoil, sdk.Payout, "payout"))
    without = {name: value for name, value in payout.items() if name != "method"}
    assert list(object_problems(without, sdk.Payout, "payout")) == ["payout.method: absent"]
