"""A part of a platform's accounts: those whose id's hash falls into it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Shard:
    """The `number`th of `count` parts, counted from 1; each account is in exactly one of them."""

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise ValueError(
                f"shard {self.number}/{self.count}: the first number is from 1 to the second"
            )

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read `k/n`.

        Raises:
            ValueError: it is not of that form, or k is not from 1 to n.
        """
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip(), re.ASCII)
        if found is None:
            raise ValueError(f"shard {text!r}: not of the form k/n, such as 1/4")
        return cls(int(found[1]), int(found[2]))

    def holds(self, account_id: str) -> bool:
        """Tell whether an account is in this part: the same on every machine."""
        digest = hashlib.sha256(account_id.encode()).digest()
        return int.from_bytes(digest[:8]) % self.count == self.number - 1

    @property
    def name(self) -> str:
        """How files and folders are named after it."""
        return f"{self.number}-of-{self.count}"


WHOLE = Shard(1, 1)
"""The one part that is everything."""
