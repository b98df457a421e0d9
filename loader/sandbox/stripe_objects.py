"""Renders the ledger as Stripe's JSON (API version 2026-10-28.endive)."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from loader.sandbox.ledger import Account, BalanceTransaction, Fee, Payout
from loader.sandbox.payouts import FAILURE_MESSAGES

API_VERSION = "2026-10-28.endive"

Json = dict[str, Any]

#: Where banks give payouts no trace id (docs.stripe.com/payouts/trace-ids).
_UNTRACED_COUNTRIES = frozenset({"JP"})


def list_object(url: str, data: list[Json], has_more: bool) -> Json:
    """Return a page of a list."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def balance_transaction(row: BalanceTransaction, now: int) -> Json:
    """Return a balance transaction; only its `status` depends on the instant."""
    fee = row.fee
    return {
        "id": row.id,
        "object": "balance_transaction",
        "amount": row.amount,
        "available_on": row.available_on,
        "balance_type": row.balance_type,
        "created": row.created,
        "currency": row.currency,
        "description": row.description,
        "exchange_rate": row.exchange_rate,
        "fee": fee,
        "fee_details": [_fee_detail(line, row.currency) for line in row.fees],
        "net": row.amount - fee,
        "reporting_category": row.reporting_category,
        "source": row.source,
        "status": "available" if row.available_on <= now else "pending",
        "type": row.type,
    }


def _fee_detail(fee: Fee, currency: str) -> Json:
    return {
        "amount": fee.amount,
        "application": fee.application,
        "currency": currency,
        "description": fee.description,
        "type": fee.type,
    }


def payout(sent: Payout, account: Account, now: int) -> Json:
    """Return a payout as it stands at an instant."""
    failed = sent.failed_at is not None and sent.failed_at <= now
    returned = failed or (sent.canceled_at is not None and sent.canceled_at <= now)
    code = sent.failure_code if failed else None
    returning = sent.returning_row.id if returned and sent.returning_row is not None else None
    return {
        "id": sent.id,
        "object": "payout",
        "amount": sent.amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": sent.arrival_date,
        "automatic": sent.automatic,
        "balance_transaction": sent.own_row.id,
        "created": sent.created,
        "currency": sent.currency,
        "description": sent.description,
        "destination": sent.destination,
        "failure_balance_transaction": returning,
        "failure_code": code,
        "failure_message": FAILURE_MESSAGES.get(code) if code is not None else None,
        "livemode": False,
        "metadata": {},
        "method": sent.method,
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": sent.reconciliation_status_at(now),
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": None,
        "status": sent.status_at(now),
        "trace_id": _trace_id(sent, account, now),
        "type": "bank_account",
    }


def _trace_id(sent: Payout, account: Account, now: int) -> Json:
    if account.country in _UNTRACED_COUNTRIES:
        return {"status": "unsupported", "value": None}
    if now < sent.paid_at or sent.canceled_at is not None:
        return {"status": "pending", "value": None}
    return {"status": "supported", "value": sent.id.removeprefix("po_").upper()}


def account(of: Account, now: int) -> Json:
    """Return an account; the platform sees itself as a standard account without `created`."""
    rendered: Json = {
        "id": of.id,
        "object": "account",
        "business_profile": _business_profile(of),
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": _controller(of),
        "country": of.country,
        "default_currency": of.default_currency,
        "details_submitted": True,
        "email": f"books@{_slug(of)}.example",
        "external_accounts": _external_accounts(of),
        "future_requirements": _requirements(),
        "metadata": {},
        "payouts_enabled": True,
        "requirements": _requirements(),
        "settings": _settings(of),
        "tos_acceptance": {"date": of.created, "ip": None, "user_agent": None},
        "type": "standard" if of.is_platform else "express",
    }
    if not of.is_platform:
        rendered["created"] = of.created
    return rendered


def _slug(of: Account) -> str:
    return "-".join(of.name.lower().split())


def _business_profile(of: Account) -> Json:
    return {
        "annual_revenue": None,
        "estimated_worker_count": None,
        "mcc": "5734",
        "minority_owned_business_designation": None,
        "name": of.name,
        "product_description": None,
        "support_address": None,
        "support_email": None,
        "support_phone": None,
        "support_url": None,
        "url": f"https://{_slug(of)}.example",
    }


def _controller(of: Account) -> Json:
    if of.is_platform:
        return {"type": "account"}
    return {
        "fees": {"payer": "application_express"},
        "is_controller": True,
        "losses": {"payments": "application"},
        "requirement_collection": "stripe",
        "stripe_dashboard": {"type": "express"},
        "type": "application",
    }


def _external_accounts(of: Account) -> Json:
    banks = [
        {
            "id": bank_id,
            "object": "bank_account",
            "account": of.id,
            "account_holder_name": of.name,
            "account_holder_type": "company",
            "account_type": None,
            "available_payout_methods": ["standard"],
            "bank_name": "STRIPE TEST BANK",
            "country": of.country,
            "currency": currency,
            "default_for_currency": True,
            "fingerprint": bank_id[-16:],
            "future_requirements": _bank_requirements(),
            "last4": "6789",
            "metadata": {},
            "requirements": _bank_requirements(),
            "routing_number": "110000000",
            "status": "new",
        }
        for currency, bank_id in of.destinations.items()
    ]
    return list_object(f"/v1/accounts/{of.id}/external_accounts", banks, has_more=False)


def _bank_requirements() -> Json:
    return {"currently_due": [], "errors": [], "past_due": [], "pending_verification": []}


def _requirements() -> Json:
    return {
        "alternatives": [],
        "current_deadline": None,
        "currently_due": [],
        "disabled_reason": None,
        "errors": [],
        "eventually_due": [],
        "past_due": [],
        "pending_verification": [],
    }


def _settings(of: Account) -> Json:
    schedule: Json = {"delay_days": of.delay_days, "interval": of.payout_interval}
    if of.payout_anchor is not None:
        schedule |= {
            "weekly_anchor": of.payout_anchor,
            "weekly_payout_days": [of.payout_anchor],
        }
    descriptor = of.name.upper()[:22]
    return {
        "bacs_debit_payments": {"display_name": None, "service_user_number": None},
        "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
        "card_issuing": {"tos_acceptance": {"date": None, "ip": None, "user_agent": None}},
        "card_payments": {
            "decline_on": {"avs_failure": False, "cvc_failure": False},
            "statement_descriptor_prefix": None,
            "statement_descriptor_prefix_kana": None,
            "statement_descriptor_prefix_kanji": None,
        },
        "dashboard": {"display_name": of.name, "timezone": "Etc/UTC"},
        "invoices": {"default_account_tax_ids": None, "hosted_payment_method_save": "offer"},
        "payments": {
            "statement_descriptor": descriptor,
            "statement_descriptor_kana": None,
            "statement_descriptor_kanji": None,
        },
        "payouts": {
            "debit_negative_balances": of.debits_negative_balances,
            "schedule": schedule,
            "statement_descriptor": None,
        },
        "sepa_debit_payments": {},
    }


def balance(of: Account, rows: Iterable[BalanceTransaction], now: int) -> Json:
    """Return an account's balance: the sum of its rows' nets, split by whether they are available.

    Rows of other balances (`balance_type`) stay out of `available` and `pending`.
    """
    available = dict.fromkeys(of.destinations, 0)
    pending = dict.fromkeys(of.destinations, 0)
    reserved: dict[str, int] = defaultdict(int)
    other: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        if row.balance_type != "payments":
            other[row.balance_type][row.currency] += row.net
            continue
        side, opposite = (available, pending) if row.available_on <= now else (pending, available)
        side[row.currency] = side.get(row.currency, 0) + row.net
        opposite.setdefault(row.currency, 0)
        if row.type == "reserve_transaction":
            reserved[row.currency] -= row.net
    rendered: Json = {
        "object": "balance",
        "available": _funds(available),
        "livemode": False,
        "pending": _funds(pending),
    }
    if of.is_platform:
        reserved.setdefault(of.default_currency, 0)
        rendered["connect_reserved"] = _funds(reserved)
    if "issuing" in other:
        held = other["issuing"].items()
        rendered["issuing"] = {
            "available": [{"amount": amount, "currency": currency} for currency, amount in held]
        }
    return rendered


def _funds(amounts: dict[str, int]) -> list[Json]:
    return [
        {"amount": amount, "currency": currency, "source_types": {"card": amount}}
        for currency, amount in sorted(amounts.items())
    ]


def event(
    *,
    event_id: str,
    event_type: str,
    created: int,
    account_id: str | None,
    subject: Json,
    previous: Json | None,
) -> Json:
    """Return an event; `account_id` only for those of connected accounts."""
    data: Json = {"object": subject}
    if previous is not None:
        data["previous_attributes"] = previous
    rendered: Json = {
        "id": event_id,
        "object": "event",
        "api_version": API_VERSION,
        "created": created,
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": None, "idempotency_key": None},
        "type": event_type,
    }
    if account_id is not None:
        rendered["account"] = account_id
    return rendered
