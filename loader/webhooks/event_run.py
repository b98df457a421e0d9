"""`python -m loader.webhooks.event_run [as_of]`: one run of the job that events asked for.

Takes the accounts as JSON on stdin, each with its payouts (`{"acct_1": ["po_1"]}`; `null` is
everything), and answers with the run's record on stdout, in one line.
"""

from __future__ import annotations

import json
import sys

from loader.settings import Settings, SettingsError, load_settings, silence_telemetry


def main(arguments: list[str]) -> int:
    """Run the job; answer its exit code."""
    asked = json.loads(sys.stdin.read())
    silence_telemetry()
    try:
        overrides = {"as_of": arguments[0]} if arguments else {}
        return _run(load_settings(**overrides), asked)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2


def _run(settings: Settings, asked: dict[str, list[str]] | None) -> int:
    from loader.console import RunDisplay, silenced
    from loader.failure import told
    from loader.job import FAILED, RUN_ERRORS, Job, JobOptions
    from loader.run_lock import events_lock
    from loader.sources.scope import Scope

    scope = None if asked is None else Scope({a: frozenset(of) for a, of in asked.items()})
    settings.mode_dir.mkdir(parents=True, exist_ok=True)
    try:
        with silenced(True), events_lock(settings.mode_dir):
            record = Job(settings, RunDisplay()).reconcile(JobOptions(scope=scope, waits=True))
    except RUN_ERRORS as error:
        print(told(error), file=sys.stderr)
        return FAILED
    print(json.dumps(json.loads(record.as_json())), flush=True)
    return record.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
