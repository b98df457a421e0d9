"""How banks word what they book: Stripe's deposits, their returns, and everybody else's money."""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

_COMPANY = "STRIPE"
_ACH_COMPANY = f"{_COMPANY} ORIG ID:1800948598"
_SEPA_NAME = "Stripe Technology Europe Ltd"


@dataclass(frozen=True)
class Words:
    """What an entry says."""

    text: str
    counterparty: str = ""
    end_to_end_id: str | None = None


class Wording(Protocol):
    """How one bank words its entries; `holder` is who has the account."""

    def stripe(self, holder: str, posted: date, ident: str, trace_id: str | None) -> Words:
        """Return the words of a payout of Stripe's; `ident` is ten characters of the network's."""

    def returned(self, holder: str, posted: date, ident: str, trace_id: str | None) -> Words:
        """Return the words of a payout that goes back."""

    def other(self, holder: str, posted: date, party: str, purpose: str) -> Words:
        """Return the words of money that has nothing to do with Stripe."""


class AchRecord:
    """US: the whole ACH record as one text, and no trace id of Stripe's."""

    def stripe(self, holder: str, posted: date, ident: str, trace_id: str | None) -> Words:
        """See `Wording`."""
        return self._record(
            _ACH_COMPANY, "TRANSFER", f"IND ID:ST-{ident} IND NAME:{holder}", posted
        )

    def returned(self, holder: str, posted: date, ident: str, trace_id: str | None) -> Words:
        """See `Wording`."""
        return self._record(_ACH_COMPANY, "RETURN", f"IND ID:ST-{ident} IND NAME:{holder}", posted)

    def other(self, holder: str, posted: date, party: str, purpose: str) -> Words:
        """See `Wording`."""
        # Every company has its own number; the name makes one up.
        company_id = f"9{sum(place * ord(sign) for place, sign in enumerate(party, 7)) % 10**9:09}"
        company = f"{party.upper()} ORIG ID:{company_id}"
        return self._record(company, purpose, f"IND NAME:{holder}", posted)

    @staticmethod
    def _record(company: str, purpose: str, individual: str, posted: date) -> Words:
        return Words(
            f"ORIG CO NAME:{company} DESC DATE:{posted:%y%m%d} "
            f"CO ENTRY DESCR:{purpose.upper()} SEC:CCD {individual.upper()}"
        )


class AchSummary:
    """US: the payer's name, and what little of the ACH record the bank keeps."""

    def stripe(self, holder: str, posted: date, ident: str, trace_id: str | None) -> Words:
        """See `Wording`."""
        return Words(f"TRANSFER ST-{ident} {holder.upper()}", _COMPANY)

    def returned(self, holder: str, posted: date, ident: str, trace_id: str | None) -> Words:
        """See `Wording`."""
        return Words(f"RETURN ST-{ident} {holder.upper()}", _COMPANY)

    def other(self, holder: str, posted: date, party: str, purpose: str) -> Words:
        """See `Wording`."""
        return Words(f"{purpose.upper()} {holder.upper()}", party.upper())


class SepaFields:
    """Euro: name, text and the payer's own id, each in a field of its own."""

    def stripe(self, holder: str, posted: date, ident: str, trace_id: str | None) -> Words:
        """See `Wording`."""
        return Words("STRIPE PAYOUT", _SEPA_NAME, trace_id)

    def returned(self, holder: str, posted: date, ident: str, trace_id: str | None) -> Words:
        """See `Wording`."""
        return Words("RETURN STRIPE PAYOUT", _SEPA_NAME, trace_id)

    def other(self, holder: str, posted: date, party: str, purpose: str) -> Words:
        """See `Wording`."""
        return Words(purpose, party)


class SepaText:
    """Euro: the payer's own id and the purpose in one text, by code words."""

    def stripe(self, holder: str, posted: date, ident: str, trace_id: str | None) -> Words:
        """See `Wording`."""
        return self._text("STRIPE PAYOUT", _SEPA_NAME, trace_id)

    def returned(self, holder: str, posted: date, ident: str, trace_id: str | None) -> Words:
        """See `Wording`."""
        return self._text("RETURN STRIPE PAYOUT", _SEPA_NAME, trace_id)

    def other(self, holder: str, posted: date, party: str, purpose: str) -> Words:
        """See `Wording`."""
        return self._text(purpose, party, None)

    @staticmethod
    def _text(purpose: str, party: str, trace_id: str | None) -> Words:
        named = f"EREF+{trace_id} " if trace_id else ""
        return Words(f"{named}SVWZ+{purpose}", party)
