"""The part of a platform that a small sync reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Names the platform's own account where its id is not known.
PLATFORM = "platform"


@dataclass(frozen=True)
class Scope:
    """Some accounts, each with payouts to read anew."""

    payouts: Mapping[str, frozenset[str]]
    """By account (or `PLATFORM`): the payouts to read anew, whatever their age."""
    lists_anew: bool = False
    """Whether their lists are read anew too, also those that are stored whole."""

    @property
    def all_payouts(self) -> frozenset[str]:
        """The payouts named, of whichever account."""
        return frozenset().union(*self.payouts.values())

    def as_lists(self) -> dict[str, list[str]]:
        """Answer the accounts, each with its payouts in order."""
        return {account_id: sorted(of) for account_id, of in sorted(self.payouts.items())}
