"""What `tieout serve` prints: one line for each thing it does, with the time (UTC)."""

from __future__ import annotations

import time

from loader.console import console
from loader.webhooks.receiver import WEBHOOK_PATH
from loader.webhooks.worker import RunOutcome

_ENDINGS = {0: "everything that is due ties out", 3: "it does not all tie out"}


class ServeDisplay:
    """Says what a server does. No event, key or body is ever printed."""

    def listening(self, url: str) -> None:
        """Say where."""
        _say(f"Listening for Stripe's events at {url}{WEBHOOK_PATH}; {url}/ready says how it is.")

    def catching_up(self, what: str) -> None:
        """Say what is looked for."""
        _say(f"Looking for what was missed: {what} ...")

    def caught_up(self, events: int) -> None:
        """Say how much it was."""
        _say(f"Caught up: {_many(events, 'new event')}." if events else "Nothing was missed.")

    def catch_up_failed(self, reason: str, retry_in_seconds: float) -> None:
        """Say why."""
        _say(f"What was missed can't be read: {reason} Next try in {retry_in_seconds:,.0f} s.")

    def run_begins(self, events: int, accounts: int) -> None:
        """Say for what."""
        if accounts:
            _say(f"{_many(events, 'event')} of {_many(accounts, 'account')}: reconciling ...")
        else:
            _say("Reconciling every account ...")

    def run_ended(self, outcome: RunOutcome) -> None:
        """Say how."""
        _say(
            f"Published after {outcome.seconds:.0f} s and {outcome.requests:,} requests: "
            f"{_ENDINGS[outcome.exit_code]}."
        )

    def run_failed(self, reason: str, given_up: int) -> None:
        """Say why, and what happens to the events."""
        after = f"{_many(given_up, 'event')} given up, see /ready." if given_up else "Trying later."
        _say(f"Not done: {reason} {after}")

    def waiting_for_another_run(self) -> None:
        """Say why it takes longer."""
        _say("Another run is at work in this folder; waiting for it ...")

    def stopping(self, run_is_going_on: bool) -> None:
        """Say goodbye."""
        _say("Stopping, after the run that is going on ..." if run_is_going_on else "Stopped.")


def _many(count: int, of: str) -> str:
    return f"{count:,} {of}{'' if count == 1 else 's'}"


def _say(text: str) -> None:
    console.print(f"{time.strftime('%H:%M:%S', time.gmtime())} {text}", markup=False)
