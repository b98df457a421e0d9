"""What charges look like in each currency, in the minor units Stripe uses."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Currency:
    """One settlement currency; amounts are in minor units as Stripe counts them."""

    code: str
    quantum: int
    """Amounts are multiples of it: 100 for ISK, sent with two decimals that are always 00, and 10
    for three-decimal currencies, whose last digit is 0 (docs.stripe.com/currencies)."""
    typical_charge: int
    fee_rate: float
    fee_fixed: int
    cents_per_unit: float
    """US cents that one minor unit is worth."""

    def rounded(self, amount: float) -> int:
        """Return the nearest amount this currency allows."""
        return round(amount / self.quantum) * self.quantum

    def stripe_fee(self, amount: int) -> int:
        """Return what Stripe charges for processing a payment of `amount`."""
        return self.rounded(amount * self.fee_rate + self.fee_fixed)

    def in_cents(self, amount: int) -> int:
        """Return the worth of `amount` in US cents."""
        return round(amount * self.cents_per_unit)


_CURRENCIES = (
    Currency("usd", 1, 4_600, 0.029, 30, 1.0),
    Currency("eur", 1, 3_900, 0.015, 25, 1.08),
    Currency("gbp", 1, 3_400, 0.015, 20, 1.27),
    Currency("cad", 1, 5_200, 0.029, 30, 0.73),
    Currency("aud", 1, 5_800, 0.0175, 30, 0.66),
    Currency("sgd", 1, 6_100, 0.034, 50, 0.74),
    Currency("jpy", 1, 4_800, 0.036, 0, 0.66),
    Currency("kwd", 10, 14_500, 0.029, 100, 0.325),
    Currency("isk", 100, 690_000, 0.029, 3_000, 0.0072),
)

CURRENCIES = {currency.code: currency for currency in _CURRENCIES}
