"""The payouts of one account whose lists are to be read."""

from __future__ import annotations

from array import array
from collections.abc import Iterator


class WantedLists:
    """Payouts that wait for their list to be read, in the order in which they were found.

    A platform's survey may run millions of them ahead of the reading: side by side in two buffers
    they take 39 bytes each, as a dict of texts 143.
    """

    def __init__(self) -> None:
        self._ids = bytearray()
        self._created = array("q")

    def __len__(self) -> int:
        """Answer how many there are."""
        return len(self._created)

    def add(self, payout_id: str, created: int) -> None:
        """Add a payout and when it was made (epoch seconds)."""
        self._ids += payout_id.encode() + b"\n"
        self._created.append(created)

    def made_before(self, moment: int) -> int:
        """Answer how many of the payouts were made before a moment (epoch seconds)."""
        return sum(created < moment for created in self._created)

    def taken(self) -> Iterator[tuple[str, int]]:
        """Yield them with when they were made, one that was added twice once; none remain."""
        ids, created = self._ids.decode().split("\n")[:-1], self._created
        self._ids, self._created = bytearray(), array("q")
        yield from dict(zip(ids, created, strict=True)).items()
