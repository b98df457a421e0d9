"""The command line, `tieout`."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from loader.settings import Mode, Settings, SettingsError, load_settings, silence_telemetry

if TYPE_CHECKING:
    from loader.console import RunDisplay
    from loader.job import Job
    from loader.sources.shard import Shard

app = typer.Typer(
    help="Proves that every Stripe payout of a platform and its connected accounts ties out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

bank = typer.Typer(help="Bank statements.", no_args_is_help=True)
app.add_typer(bank, name="bank")

Anew = Annotated[
    bool, typer.Option("--full", help="Make every table anew, whatever the last build made.")
]
Full = Annotated[
    bool, typer.Option("--full", help="Read everything again, whatever was read before.")
]
Plan = Annotated[
    bool,
    typer.Option("--plan", help="Only say what there is to read and what it costs at least."),
]
Accounts = Annotated[
    list[str],
    typer.Option(
        "--account",
        help="Read this account alone (`platform` is your own); may be given several times.",
        default_factory=list,
        show_default=False,
        metavar="ID",
    ),
]
Payouts = Annotated[
    list[str],
    typer.Option(
        "--payout",
        help="Read the account of this payout alone, and the payout and its list anew.",
        default_factory=list,
        show_default=False,
        metavar="ID",
    ),
]
Wait = Annotated[
    bool, typer.Option("--wait", help="If another run is at work, wait until it ends.")
]
ShardText = Annotated[
    str,
    typer.Option(
        "--shard",
        metavar="K/N",
        help="Only the accounts that fall into part K of N; other processes sync the others.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]
Broken = Annotated[
    bool,
    typer.Option(
        "--broken", help="Plant discrepancies in the sandbox, to see how they are caught."
    ),
]


def _shard(text: str) -> Shard:
    from loader.sources.shard import Shard

    try:
        return Shard.parse(text)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong), param_hint="--shard") from None


def _show_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"tieout {version('tieout')}\n")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Say which version this is."
        ),
    ] = False,
) -> None:
    """Proves that every Stripe payout of a platform and its connected accounts ties out."""


@app.command()
def reconcile(
    *,
    accounts: Accounts,
    payouts: Payouts,
    full: Full = False,
    broken: Broken = False,
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Sync, build, test, publish and export; exit 3 if an error is open."""
    from loader.console import show_mode, show_record, show_summary, silenced

    with silenced(as_json), _job() as (job, display):
        from loader.job import JobOptions

        show_mode(job.settings)
        with display.shown():
            record = job.reconcile(
                JobOptions(
                    full=full,
                    broken=broken,
                    account_ids=accounts,
                    payout_ids=payouts,
                    waits=wait,
                )
            )
        show_summary(record, job.settings)
    if as_json:
        show_record(record)
    raise typer.Exit(record.exit_code)


@app.command()
def sync(
    full: Full = False, broken: Broken = False, plan: Plan = False, shard: ShardText = "1/1"
) -> None:
    """Load what is new from Stripe into the warehouse, and nothing more."""
    from loader.console import console, show_mode, show_price

    part = _shard(shard)
    with _job() as (job, display):
        from loader.job import JobOptions

        options = JobOptions(full=full, broken=broken, shard=part)
        show_mode(job.settings)
        if plan:
            with job.lock(shard=part), display.shown():
                price = job.plan(options)
            show_price(price)
            return
        with job.lock(shard=part), display.shown():
            result = job.sync(options)
            bank_result = job.sync_bank(options) if part.number == 1 else None
        for account_id, error in sorted(result.errors.items()):
            console.print(f"{account_id}: {error}", markup=False)
        console.print(
            f"Loaded {result.rows.total():,} rows with {result.requests.total():,} requests "
            f"(the fewest possible: {result.requests_floor.total():,})."
        )
        if bank_result is None:  # another shard reads them
            return
        for path, reason in sorted(bank_result.not_whole.items()):
            console.print(f"Left out, not whole: {path}: {reason}", markup=False)
        console.print(
            f"Bank statements: {bank_result.files:,} files, {bank_result.files_read:,} of them new "
            f"or changed, {bank_result.lines_loaded:,} lines loaded."
        )


@app.command()
def build(anew: Anew = False) -> None:
    """Build and test the dbt models; exit 3 if a test fails."""
    from loader.console import console

    with _job() as (job, _), job.lock():
        failed = job.build(full=anew)
        for failure in failed:
            console.print(f"Test failed: {failure.name} ({failure.failures} rows)")
        console.print("The models are built; publish them with `tieout publish`.")
    raise typer.Exit(3 if failed else 0)


@app.command()
def publish() -> None:
    """Replace the DuckDB file for BI tools and the report with the models as built."""
    with _job() as (job, _), job.lock():
        job.publish()


@app.command()
def export(
    *,
    payouts: Annotated[
        list[str],
        typer.Option(
            "--payout",
            help="Only the transactions of this payout; may be given several times.",
            default_factory=list,
            show_default=False,
            metavar="ID",
        ),
    ],
    accounts: Annotated[
        list[str],
        typer.Option(
            "--account",
            help="Only the transactions of this account; may be given several times.",
            default_factory=list,
            show_default=False,
            metavar="ID",
        ),
    ],
    month: Annotated[
        str | None,
        typer.Option(
            metavar="YYYY-MM",
            help="Only the transactions of this month (UTC), such as 2026-09.",
        ),
    ] = None,
    file_format: Annotated[
        Literal["csv", "json", "parquet", "xlsx"] | None,
        typer.Option("--format", help="One file of this kind; as --output is named, else csv."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to write that file; else in `selected` in the mode's folder.",
        ),
    ] = None,
) -> None:
    """Write the published tables and the itemised payouts as CSV, JSON and Parquet.

    With any option: only the transactions asked for, as one file, for a spreadsheet or a colleague.
    """
    from loader.console import console

    with _job() as (job, _), job.lock():
        if not (payouts or accounts or month or file_format or output):
            job.export()
            return
        from loader.selection import Selection, SelectionError

        selection = Selection(payouts, accounts, month)
        try:
            path, count = job.export_selection(selection, file_format, output)
        except SelectionError as error:
            raise SettingsError(str(error)) from None
        console.print(f"Wrote {count:,} transactions to {path}", markup=False, soft_wrap=True)


@app.command()
def docs() -> None:
    """Write the dbt docs with lineage as one offline HTML file."""
    from loader.console import console

    with _job() as (job, _), job.lock():
        job.docs()
        console.print(f"Open {job.settings.mode_dir / 'docs.html'} in a browser.")


@app.command()
def serve() -> None:
    """Receive Stripe's events and reconcile the accounts that they are about, until stopped.

    Without a key, the sandbox sends the events of a story that goes on a day in two minutes.
    """
    import asyncio

    from loader.console import show_failure, show_mode
    from loader.webhooks.catch_up import CatchUp
    from loader.webhooks.display import ServeDisplay
    from loader.webhooks.inbox import InboxError
    from loader.webhooks.receiver import WEBHOOK_PATH, Reception
    from loader.webhooks.service import Service, address_of, listen, only_server

    with _job() as (job, _):
        settings = job.settings
        show_mode(settings)
        with (
            only_server(settings.mode_dir),
            listen(settings.webhook_host, settings.webhook_port) as listening,
            job.events_source(address_of(listening) + WEBHOOK_PATH) as source,
        ):
            is_live = settings.mode is Mode.LIVE
            try:
                service = Service(
                    settings,
                    Reception(source.secrets, is_live, settings.webhook_debounce_seconds),
                    CatchUp(source.access, settings.request_rate, is_live=is_live),
                    ServeDisplay(),
                    source.now,
                )
            except InboxError as error:
                show_failure("Failed", str(error))
                raise typer.Exit(1) from None
            asyncio.run(service.serve(listening))


@app.command()
def status(
    show_all: Annotated[bool, typer.Option("--all", help="Show every account.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how the last run ended, how far each account is synced, and what it has open."""
    from loader.status import StatusError, read_status
    from loader.status_display import show_status, status_as_json

    settings = _settings()
    try:
        found = read_status(settings)
        if as_json:
            sys.stdout.write(status_as_json(found) + "\n")
        else:
            show_status(found, settings, show_all=show_all)
    except StatusError as error:
        sys.stderr.write(f"Failed: {error}\n")
        raise typer.Exit(1) from None


@app.command()
def explain(
    identifier: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="A payout (po_…), balance transaction (txn_…), statement line or exception.",
        ),
    ],
    account: Annotated[
        str | None,
        typer.Option(
            "--account",
            metavar="ID",
            help="Whose it is, where several accounts have that id.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell the story of one payout, from its transactions to the bank line, with its sums.

    Reads the published file and changes nothing; a transaction, a line or an exception leads to its
    payout.
    """
    from loader.explanation import ExplanationError
    from loader.explanation import explain as explanation_of
    from loader.explanation_display import explanation_as_json, show_explanation

    settings = _settings()
    try:
        explanation = explanation_of(settings.published_path, identifier, account)
    except ExplanationError as error:
        sys.stderr.write(f"Failed: {error}\n")
        raise typer.Exit(1) from None
    if as_json:
        sys.stdout.write(explanation_as_json(explanation) + "\n")
    else:
        show_explanation(explanation)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check settings, key, permissions, clock, disk and files; exit 1 if something is wrong.

    Sends a few GET requests to Stripe and changes nothing. Warnings leave the exit code 0; wrong
    settings make it 2.
    """
    settings = _settings()
    from loader.doctor.display import findings_as_json, show_findings
    from loader.doctor.examination import examine

    if as_json:
        found, is_problem = findings_as_json(examine(settings))
        sys.stdout.write(found + "\n")
    else:
        is_problem = show_findings(examine(settings))
    raise typer.Exit(1 if is_problem else 0)


@bank.command("check")
def check_statement(
    file: Annotated[Path, typer.Argument(help="A bank's CSV, OFX, CAMT, MT940 or BAI2 file.")],
    as_json: AsJson = False,
) -> None:
    """Show what a bank statement holds and whether it adds up.

    Exit 0: it is whole. Exit 3: it does not add up. Exit 1: it can't be read.
    """
    from loader.bank_formats.display import show_check, show_unreadable
    from loader.bank_formats.reading import check_file, profiles_for
    from loader.bank_formats.statement import UnreadableStatementError

    try:
        found = check_file(file, profiles_for(file))
    except (UnreadableStatementError, OSError) as error:
        show_unreadable(file, error, as_json=as_json)
        raise typer.Exit(1) from None
    show_check(file, found, as_json=as_json)
    raise typer.Exit(0 if found.whole else 3)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def sandbox(context: typer.Context) -> None:
    """Run the local Stripe by itself, to try requests on; `--help` lists its options."""
    from loader.sandbox.__main__ import main as run_sandbox

    raise typer.Exit(run_sandbox(context.args))


@contextmanager
def _job() -> Iterator[tuple[Job, RunDisplay]]:
    """Set a job up; turn what a user can mend into a sentence and an exit code."""
    settings = _settings()
    silence_telemetry()
    from loader.console import RunDisplay, show_failure
    from loader.failure import told
    from loader.job import FAILED, RUN_ERRORS, WRONG_SETTINGS, Job

    display = RunDisplay()
    try:
        yield Job(settings, display), display
    except SettingsError as error:
        show_failure("Settings", str(error))
        raise typer.Exit(WRONG_SETTINGS) from None
    except RUN_ERRORS as error:
        show_failure("Failed", told(error))
        raise typer.Exit(FAILED) from None


def _settings() -> Settings:
    try:
        return load_settings()
    except SettingsError as error:
        sys.stderr.write(f"Settings: {error}\n")
        raise typer.Exit(2) from None


def main() -> None:
    """Run the command line."""
    # What the steps import stays: looking through it for garbage takes 0.4 s of their start.
    gc.set_threshold(100_000)
    try:
        app()
    except OSError as error:  # the output itself can't be written: a full disk takes it
        from loader.failure import told

        sys.stderr.write(f"Failed: {told(error)}\n")
        sys.exit(1)
