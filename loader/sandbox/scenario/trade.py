"""What moves money on the platform: charges, transfers, refunds and disputes, with both sides.

Which rows appear on which account: docs.stripe.com/connect/charges and /connect/account-balances.
"""

from loader.sandbox.currencies import CURRENCIES
from loader.sandbox.identifiers import tag
from loader.sandbox.ledger import BalanceTransaction, Fee
from loader.sandbox.scenario.stage import Actor, Sale, Stage

_APPLICATION_FEE_RATE = 0.05
_VAT_RATE = 0.2
_DISPUTE_FEE = 1_500
#: Application fees reach the platform shortly after the charge they come from.
_FEE_DELAY_SECONDS = 2


def application_id(stage: Stage) -> str:
    """Return the id of the platform's Connect application."""
    return f"ca_{tag(stage.seed, 'application', length=24)}"


def direct_charge(
    stage: Stage,
    actor: Actor,
    amount: int,
    created: int,
    available_on: int,
    *,
    type_: str = "charge",
) -> Sale:
    """Charge a customer on the connected account; the platform gets an application fee only."""
    currency = CURRENCIES[actor.currency]
    platform_fee = currency.rounded(amount * _APPLICATION_FEE_RATE)
    charge_id = actor.book.ids.next("ch" if type_ == "charge" else "py")
    fees = _processing_fees(actor, amount)
    actor.book.post(
        type_,
        amount,
        actor.currency,
        created,
        available_on=available_on,
        fees=(*fees, _application_fee(stage, platform_fee)),
        source=charge_id,
        description=f"Order {tag(charge_id, length=6)}",
    )
    fee_id = _earn(stage, actor.currency, platform_fee, created, available_on)
    sale = Sale(charge_id, amount, actor.currency, created, platform_fee, fee_id)
    actor.sales.append(sale)
    return sale


def _processing_fees(actor: Actor, amount: int) -> tuple[Fee, ...]:
    fee = CURRENCIES[actor.currency].stripe_fee(amount)
    stripe_fee = Fee(fee, "stripe_fee", "Stripe processing fees")
    if not actor.character.has_vat:
        return (stripe_fee,)
    return (stripe_fee, Fee(round(fee * _VAT_RATE), "tax", "VAT"))


def _application_fee(stage: Stage, amount: int) -> Fee:
    name = f"{stage.platform.book.account.name} application fee"
    return Fee(amount, "application_fee", name, application_id(stage))


def _earn(stage: Stage, currency: str, amount: int, created: int, available_on: int) -> str:
    """Give the platform an application fee; of direct charges, in its default currency."""
    platform = stage.platform.book
    fee_id = platform.ids.next("fee")
    earned = CURRENCIES[currency].in_cents(amount)
    platform.post(
        "application_fee",
        earned,
        "usd",
        created + _FEE_DELAY_SECONDS,
        available_on=available_on,
        source=fee_id,
        description="Application fee",
        exchange_rate=_rate(currency),
    )
    return fee_id


def _rate(currency: str) -> float | None:
    return None if currency == "usd" else CURRENCIES[currency].cents_per_unit


def destination_charge(
    stage: Stage, actor: Actor, amount: int, created: int, available_on: int
) -> Sale:
    """Charge a customer on the platform and pass it on; fees in the account's own currency."""
    platform, book = stage.platform.book, actor.book
    currency = CURRENCIES[actor.currency]
    platform_fee = currency.rounded(amount * _APPLICATION_FEE_RATE)
    charge_id, transfer_id, fee_id = (platform.ids.next(kind) for kind in ("ch", "tr", "fee"))
    stripe_fee = Fee(currency.stripe_fee(amount), "stripe_fee", "Stripe processing fees")
    moves: tuple[tuple[str, int, str, tuple[Fee, ...]], ...] = (
        ("charge", amount, charge_id, (stripe_fee,)),
        ("transfer", -amount, transfer_id, ()),
        ("application_fee", platform_fee, fee_id, ()),
    )
    for type_, moved, source, fees in moves:
        platform.post(
            type_,
            moved,
            actor.currency,
            created,
            available_on=available_on,
            fees=fees,
            source=source,
            description=f"{type_.replace('_', ' ').capitalize()} for {book.account.name}",
        )
    book.post(
        "payment",
        amount,
        actor.currency,
        created,
        available_on=available_on,
        fees=(_application_fee(stage, platform_fee),),
        source=book.ids.next("py"),
        description=f"Order {tag(charge_id, length=6)}",
    )
    sale = Sale(charge_id, amount, actor.currency, created, platform_fee, fee_id, transfer_id)
    actor.sales.append(sale)
    return sale


def transfer(stage: Stage, actor: Actor, amount: int, created: int) -> None:
    """Move money from the platform's balance to the connected account's, at once."""
    platform, book = stage.platform.book, actor.book
    transfer_id = platform.ids.next("tr")
    platform.post("transfer", -amount, actor.currency, created, source=transfer_id)
    book.post("payment", amount, actor.currency, created, source=book.ids.next("py"))


def platform_charge(stage: Stage, amount: int, created: int, available_on: int) -> None:
    """Charge a customer on the platform itself, in US dollars."""
    platform = stage.platform.book
    fee = Fee(CURRENCIES["usd"].stripe_fee(amount), "stripe_fee", "Stripe processing fees")
    platform.post(
        "charge",
        amount,
        "usd",
        created,
        available_on=available_on,
        fees=(fee,),
        source=platform.ids.next("ch"),
        description="Marketplace order",
    )


def refund(stage: Stage, actor: Actor, sale: Sale, created: int, *, returns_fee: bool) -> None:
    """Refund a sale in full; the application fee goes back with it, or stays."""
    actor.sales.remove(sale)
    if sale.transfer_id is not None:
        _refund_destination_charge(stage, actor, sale, created)
        return
    fees: tuple[Fee, ...] = ()
    if returns_fee:
        fees = (_application_fee(stage, -sale.application_fee),)
        platform = stage.platform.book
        platform.post(
            "application_fee_refund",
            -CURRENCIES[sale.currency].in_cents(sale.application_fee),
            "usd",
            created,
            source=platform.ids.next("fr"),
            description="Application fee refund",
            exchange_rate=_rate(sale.currency),
        )
    actor.book.post(
        "refund",
        -sale.amount,
        sale.currency,
        created,
        fees=fees,
        source=actor.book.ids.next("re"),
        description=f"REFUND FOR CHARGE (Order {tag(sale.charge_id, length=6)})",
    )


def _refund_destination_charge(stage: Stage, actor: Actor, sale: Sale, created: int) -> None:
    """Refund on the platform, and take the transfer back (`reverse_transfer`)."""
    platform, book = stage.platform.book, actor.book
    order = f"Order {tag(sale.charge_id, length=6)}"
    description = f"REFUND FOR CHARGE ({order})"
    refund_id, reversal_id = platform.ids.next("re"), platform.ids.next("trr")
    for type_, amount, source in (
        ("refund", -sale.amount, refund_id),
        ("transfer_refund", sale.amount, reversal_id),
    ):
        platform.post(type_, amount, sale.currency, created, source=source, description=description)
    book.post(
        "payment_refund",
        -sale.amount,
        sale.currency,
        created,
        source=book.ids.next("pyr"),
        description=f"REFUND FOR PAYMENT ({order})",
    )


def withdraw_disputed(actor: Actor, sale: Sale, created: int) -> BalanceTransaction:
    """Take a disputed charge's money, and Stripe's dispute fee, until the dispute is decided."""
    actor.sales.remove(sale)
    return actor.book.post(
        "adjustment",
        -sale.amount,
        sale.currency,
        created,
        fees=(Fee(_DISPUTE_FEE, "stripe_fee", "Dispute fee"),),
        source=actor.book.ids.next("du"),
        description=f"Chargeback withdrawal for {sale.charge_id}",
        category="dispute",
    )


def reinstate_disputed(actor: Actor, sale: Sale, withdrawal: BalanceTransaction, at: int) -> None:
    """Give a disputed charge's money back once the dispute is won; the fee stays with Stripe."""
    actor.book.post(
        "adjustment",
        sale.amount,
        sale.currency,
        at,
        source=withdrawal.source,
        description=f"Chargeback reversal for {sale.charge_id}",
        category="dispute_reversal",
    )
