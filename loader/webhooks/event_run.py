"""`python -m loader.webhooks.event_run`: one run of the job that events asked for.

Takes as JSON on stdin the mode, the accounts with their payouts (`{"acct_1": ["po_1"]}`; `null` is
everything) and perhaps the as-of moment; answers with the run's record on stdout, in one line.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from loader.settings import Settings, SettingsError, load_settings, silence_telemetry


def main() -> int:
    """Run the job; answer its exit code."""
    asked = json.loads(sys.stdin.read())
    silence_telemetry()
    try:
        settings = load_settings(**({"as_of": asked["as_of"]} if asked["as_of"] else {}))
        if settings.mode != asked["mode"]:
            raise SettingsError(
                f"STRIPE_API_KEY is of {settings.mode} mode now, the events are of "
                f"{asked['mode']} mode: restart the server."
            )
        return _run(settings, asked["payouts"])
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2


def _run(settings: Settings, payouts: dict[str, Any] | None) -> int:
    from loader.console import RunDisplay, silenced
    from loader.failure import told
    from loader.job import FAILED, RUN_ERRORS, Job, JobOptions
    from loader.sources.scope import Scope

    scope = None if payouts is None else Scope({a: frozenset(of) for a, of in payouts.items()})
    options = JobOptions(scope=scope, broken=None, waits=True, is_of_events=True)
    try:
        with silenced(True):
            record = Job(settings, RunDisplay()).reconcile(options)
    except RUN_ERRORS as error:
        print(told(error), file=sys.stderr)
        return FAILED
    print(json.dumps(json.loads(record.as_json())), flush=True)
    return record.exit_code


if __name__ == "__main__":
    sys.exit(main())
