"""From when on an account's history is read in this run, given what earlier runs read."""

from __future__ import annotations

from loader.histories import AccountHistory


class AccountWindow:
    """Where one account's reading goes on, or begins (epoch seconds, UTC)."""

    def __init__(self, history: AccountHistory, start: int | None) -> None:
        """Take what was read before, and `TIEOUT_START_DATE` (none is all history)."""
        self._history = history
        self._start = start
        self._begins_earlier = _begins_before(start, history)
        self.goes_on = history.is_whole
        """Whether an earlier run read the account to the end, from where it is now asked for."""

    @property
    def history_from(self) -> int | None:
        """Start of the history that is wholly read once this reading is done."""
        return self._history.history_from if self.goes_on else self._start

    @property
    def keeps_baseline(self) -> bool:
        """Whether what the account held before that history, if it is known, is known still."""
        return self.history_from == self._history.history_from

    def since(self, through: int | None, overlap: int) -> int | None:
        """Answer the `created` from which to list: what was read before, less an overlap.

        Of an account that was read to the end, a start that was moved later leaves no gap: reading
        goes on where it ended.
        """
        if through is None or self._begins_earlier:
            return self.history_from
        return max(through - overlap, self.history_from or 0)


def _begins_before(start: int | None, history: AccountHistory) -> bool:
    """Tell whether the history now asked for begins before the one that was read."""
    if history.history_from is None:
        return False
    return start is None or start < history.history_from
