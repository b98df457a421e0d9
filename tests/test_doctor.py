"""`tieout doctor`: what it finds, over real HTTP and in real files, and that it changes nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import dlt
import duckdb
import pytest
from filelock import FileLock

from loader.doctor.examination import examine
from loader.doctor.finding import Mark
from loader.doctor.local_checks import MEGABYTE, room
from loader.sandbox.options import PERMISSIONS, RESTRICTED_KEY, SandboxOptions
from loader.sandbox.process import SandboxProcess
from loader.settings import Mode, load_settings
from loader.warehouse import Warehouse
from tests.commands import KEY, tieout
from tests.other_process import holding
from tests.scripted_stripe import Answer, Request, refusal, scripted_stripe
from tests.small_stripe import PLATFORM, SmallStripe

CONNECTED = "acct_connected"
READS = {"/v1/account", "/v1/accounts", "/v1/payouts", "/v1/balance_transactions", "/v1/balance"}

# As Stripe itself says it.
LACKING = (
    "The provided key 'rk_test_***' does not have the required permissions for this endpoint on "
    "account '{account}'. Having the '{permission}' permission would allow this request to "
    "continue."
)


def doctor(small: SmallStripe | None = None, **environment: str) -> tuple[int, list[str]]:
    """Run the doctor against a small platform; answer its exit code and its lines."""
    with (small or SmallStripe()).served() as base:
        settings = {"STRIPE_API_KEY": KEY, "STRIPE_API_BASE": base, **environment}
        outcome = tieout("doctor", **settings)
    assert outcome.stderr == ""
    return outcome.returncode, outcome.stdout.splitlines()


def lines_about(lines: list[str], subject: str, mark: str) -> list[str]:
    return [line for line in lines if line.startswith(mark) and f" {subject}: " in line]


def warehouse_of(folder: Path, platform_id: str = PLATFORM, mode: Mode = Mode.TEST) -> Path:
    path = folder / "data/test/warehouse.duckdb"
    Warehouse(path).claim(platform_id, mode)
    return path


def test_without_a_key_it_says_sandbox_and_makes_nothing(tmp_path: Path) -> None:
    outcome = tieout("doctor")
    assert outcome.returncode == 0
    assert "bundled sandbox" in outcome.stdout
    assert "Nothing stands in the way" in outcome.stdout
    assert not (tmp_path / "data").exists()


def test_programs_get_every_finding() -> None:
    outcome = tieout("doctor", "--json")
    assert outcome.returncode == 0
    found = json.loads(outcome.stdout)
    assert {finding["mark"] for finding in found} <= {"ok", "warning"}
    assert "bundled sandbox" in " ".join(finding["found"] for finding in found)


def test_all_well_sends_a_few_get_requests_and_changes_no_file(tmp_path: Path) -> None:
    warehouse = warehouse_of(tmp_path)
    held = warehouse.read_bytes()
    small = SmallStripe(connected=[CONNECTED])
    code, lines = doctor(small)
    assert code == 0
    assert not [line for line in lines if line.startswith("problem")]
    assert {request.path for request in small.asked} == READS
    assert len(small.asked) < 15
    assert len(lines_about(lines, "Permissions", "ok")) == 8
    assert f"platform account {PLATFORM}" in lines_about(lines, "Key", "ok")[0]
    assert warehouse.read_bytes() == held
    assert [path.name for path in warehouse.parent.iterdir()] == [warehouse.name]


def test_where_events_are_received_they_must_be_readable() -> None:
    day = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)
    options = SandboxOptions(
        first_day=day.date() - timedelta(days=2),
        as_of=day,
        accounts=2,
        transactions_per_day=1,
        restricted_key_permissions=tuple(p for p in PERMISSIONS if "event" not in p),
    )
    with SandboxProcess(options) as sandbox:
        access = {"STRIPE_API_KEY": RESTRICTED_KEY, "STRIPE_API_BASE": sandbox.base_url}
        polling = tieout("doctor", **access)
        serving = tieout("doctor", STRIPE_WEBHOOK_SECRETS="whsec_1", **access)
    assert lines_about(polling.stdout.splitlines(), "Permissions", "problem") == []
    assert serving.returncode == 1
    assert len(lines_about(serving.stdout.splitlines(), "Permissions", "problem")) == 2
    assert 'Read for "Events", column Connect permissions.' in serving.stdout


def test_a_key_without_permissions_names_each_as_stripe_and_the_dashboard_do() -> None:
    day = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)
    options = SandboxOptions(
        first_day=day.date() - timedelta(days=2),
        as_of=day,
        accounts=2,
        transactions_per_day=1,
        restricted_key_permissions=tuple(p for p in PERMISSIONS if "balance" not in p),
    )
    with SandboxProcess(options) as sandbox:
        outcome = tieout("doctor", STRIPE_API_KEY=RESTRICTED_KEY, STRIPE_API_BASE=sandbox.base_url)
    assert outcome.returncode == 1
    problems = lines_about(outcome.stdout.splitlines(), "Permissions", "problem")
    assert len(problems) == 4
    assert all(p in outcome.stdout for p in PERMISSIONS if "balance" in p)
    assert 'Read for "Balance Transaction Sources", column permissions.' in outcome.stdout
    assert 'Read for "Balance", column Connect permissions.' in outcome.stdout
    assert "rak_payout_read" not in outcome.stdout


def refusing(
    *, connected: str | None, path: str, permission: str
) -> Callable[[Request], Answer | None]:
    def answer(request: Request) -> Answer | None:
        if (request.account, request.path) != (connected, path):
            return None
        said = LACKING.format(account=connected or PLATFORM, permission=permission)
        return refusal(403, said, code="more_permissions_required")

    return answer


def test_a_permission_may_lack_for_connected_accounts_alone() -> None:
    small = SmallStripe(connected=[CONNECTED])
    small.answer = refusing(connected=CONNECTED, path="/v1/payouts", permission="rak_payout_read")
    code, lines = doctor(small)
    assert code == 1
    (said,) = lines_about(lines, "Permissions", "problem")
    assert "rak_payout_read" in said
    assert CONNECTED in said
    assert 'Read for "Payouts", column Connect permissions' in lines[lines.index(said) + 1]


@pytest.mark.parametrize("path", sorted(READS))
def test_every_endpoint_that_a_sync_reads_is_tried(path: str) -> None:
    small = SmallStripe(connected=[CONNECTED])
    small.answer = refusing(connected=None, path=path, permission="rak_new_thing_read")
    code, lines = doctor(small)
    assert code == 1
    assert "rak_new_thing_read" in lines_about(lines, "Permissions", "problem")[0]
    assert lines_about(lines, "Last run", "ok")


def test_a_revoked_account_is_passed_over() -> None:
    small = SmallStripe(connected=["acct_revoked", CONNECTED])
    small.answer = lambda request: (
        refusal(403, "no access", code="account_invalid")
        if request.account == "acct_revoked"
        else None
    )
    code, lines = doctor(small)
    assert code == 0
    assert any(CONNECTED in line for line in lines_about(lines, "Permissions", "ok"))


def test_a_refused_key_is_a_problem_and_the_rest_goes_on() -> None:
    small = SmallStripe(answer=lambda _: refusal(401, f"Invalid API Key provided: {KEY}"))
    code, lines = doctor(small)
    assert code == 1
    assert "Invalid API Key provided: ***" in lines_about(lines, "Key", "problem")[0]
    assert lines_about(lines, "Permissions", "warning")
    assert lines_about(lines, "Folder", "ok")
    assert lines_about(lines, "Warehouse", "ok")


def test_a_stripe_that_is_busy_is_not_taken_for_a_wrong_key() -> None:
    code, lines = doctor(SmallStripe(answer=lambda _: refusal(429, "Slow down")))
    assert code == 1
    assert "not tried. Stripe says: Slow down" in lines_about(lines, "Key", "problem")[0]


@pytest.mark.parametrize(
    ("scheme", "address", "said"),
    [
        ("http", "127.0.0.1:9", "nothing listens there"),
        ("http", "no.such.host.invalid", "can't be resolved"),
        ("https", None, "TLS failed"),
    ],
)
def test_an_unreachable_stripe_is_a_problem_and_the_rest_goes_on(
    scheme: str, address: str | None, said: str
) -> None:
    with SmallStripe().served() as plain:
        base = f"{scheme}://{address or plain.removeprefix('http://')}"
        outcome = tieout("doctor", STRIPE_API_KEY=KEY, STRIPE_API_BASE=base)
    lines = outcome.stdout.splitlines()
    assert outcome.returncode == 1
    assert said in lines_about(lines, "Stripe", "problem")[0]
    assert lines_about(lines, "Warehouse", "ok")


def test_a_stripe_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loader.doctor.stripe_probe.TIMEOUT_SECONDS", 0.05)

    def sleep(_: Request) -> Answer:
        time.sleep(0.5)
        return Answer({})

    with scripted_stripe(sleep) as base:
        settings = load_settings(stripe_api_key=KEY, stripe_api_base=base)
        found = [f for f in examine(settings) if f.subject == "Stripe"]
    assert "no answer within" in found[0].found


@pytest.mark.parametrize("answer", [Answer(b"<html>hello", 404), Answer(b"[]"), Answer(b"hello")])
def test_what_is_not_stripe_is_not_taken_for_it(answer: Answer) -> None:
    code, lines = doctor(SmallStripe(answer=lambda _: answer))
    assert code == 1
    assert "not as Stripe does" in lines_about(lines, "Stripe", "problem")[0]


@pytest.mark.parametrize(
    ("minutes", "said"), [(180, "3 hours behind"), (-180, "ahead of"), (2, None)]
)
def test_a_wrong_clock_is_a_warning(minutes: int, said: str | None) -> None:
    told = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes, seconds=30), usegmt=True)
    account = Answer({"id": PLATFORM, "object": "account"}, headers={"Date": told})
    small = SmallStripe(answer=lambda request: account if request.path == "/v1/account" else None)
    code, lines = doctor(small)
    assert code == 0
    if said is None:
        assert lines_about(lines, "Clock", "ok")
    else:
        assert said in lines_about(lines, "Clock", "warning")[0]


def test_a_live_key_that_goes_elsewhere_is_said() -> None:
    code, lines = doctor(STRIPE_API_KEY="sk_live_51secret")
    assert code == 0
    assert "the live key is sent to http://127.0.0.1" in lines_about(lines, "Address", "warning")[0]
    assert "restricted key" in lines[lines.index(lines_about(lines, "Key", "warning")[0]) + 1]
    assert "sk_live_51secret" not in "\n".join(lines)


def test_wrong_settings_end_with_2() -> None:
    outcome = tieout("doctor", TIEOUT_AS_OF="soon")
    assert outcome.returncode == 2
    assert "TIEOUT_AS_OF" in outcome.stderr


def test_an_as_of_in_the_future_is_a_warning_and_today_is_none() -> None:
    assert lines_about(doctor(TIEOUT_AS_OF="2999-01-01")[1], "Settings", "warning")
    today = datetime.now(UTC).date().isoformat()
    assert not lines_about(doctor(TIEOUT_AS_OF=today)[1], "Settings", "warning")


def test_a_folder_that_is_a_file_is_a_problem_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    code, lines = doctor()
    assert code == 1
    assert "takes no files" in lines_about(lines, "Folder", "problem")[0]
    assert lines_about(lines, "Last run", "ok")


@pytest.mark.parametrize(
    ("free", "warehouse", "published", "mark"),
    [
        (100_000, 1_000, 50, Mark.OK),
        (900, 100, 10, Mark.OK),
        (900, 1_000, 10, Mark.WARNING),
        (100, 10, 1, Mark.WARNING),
        (900, 5_000, 500, Mark.PROBLEM),
        (10, 0, 0, Mark.PROBLEM),
    ],
)
def test_the_disk_needs_room_for_a_run(
    free: int, warehouse: int, published: int, mark: Mark
) -> None:
    sizes = (size * MEGABYTE for size in (free, warehouse, published))
    assert room(*sizes).mark is mark


def test_a_warehouse_of_another_platform_is_a_problem(tmp_path: Path) -> None:
    warehouse_of(tmp_path, "acct_other")
    code, lines = doctor()
    assert code == 1
    (said,) = lines_about(lines, "Warehouse", "problem")
    assert "acct_other" in said
    assert PLATFORM in said


def test_a_warehouse_of_another_mode_is_a_problem_though_stripe_is_away(tmp_path: Path) -> None:
    warehouse_of(tmp_path, mode=Mode.LIVE)
    outcome = tieout("doctor", STRIPE_API_KEY=KEY, STRIPE_API_BASE="http://127.0.0.1:9")
    assert "holds the live data" in outcome.stdout


def test_a_newer_warehouse_is_a_problem(tmp_path: Path) -> None:
    with duckdb.connect(str(warehouse_of(tmp_path))) as connection:
        connection.execute("update audit.warehouse_owner set warehouse_version = 99")
    code, lines = doctor()
    assert code == 1
    assert "newer Tieout (warehouse version 99" in lines_about(lines, "Warehouse", "problem")[0]


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[20] ^= 255
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["warehouse.duckdb", "reconciliation.duckdb"])
def test_a_damaged_file_is_a_problem_and_the_rest_goes_on(tmp_path: Path, name: str) -> None:
    folder = warehouse_of(tmp_path).parent
    (folder / "reconciliation.duckdb").write_bytes((folder / "warehouse.duckdb").read_bytes())
    damage(folder / name)
    code, lines = doctor()
    assert code == 1
    subject = "Warehouse" if name == "warehouse.duckdb" else "Published"
    assert "is damaged" in lines_about(lines, subject, "problem")[0]
    assert lines_about(lines, "Last run", "ok")
    (folder / name).write_text("not a database")
    assert "is damaged" in lines_about(doctor()[1], subject, "problem")[0]


@pytest.mark.parametrize(("access", "said"), [("write", "PID {}"), ("read", "another program has")])
def test_a_warehouse_that_another_program_holds_is_a_problem(
    tmp_path: Path, access: str, said: str
) -> None:
    path = warehouse_of(tmp_path)
    with holding(path, access) as holder:
        code, lines = doctor()
    assert code == 1
    assert said.format(holder) in lines_about(lines, "Warehouse", "problem")[0]
    assert doctor()[0] == 0


def test_a_log_beside_the_published_file_is_a_problem(tmp_path: Path) -> None:
    path = warehouse_of(tmp_path).with_name("reconciliation.duckdb")
    with duckdb.connect(str(path)):
        pass
    path.with_name(path.name + ".wal").write_bytes(b"")
    code, lines = doctor()
    assert code == 1
    assert ".wal lies beside" in lines_about(lines, "Published", "problem")[0]


def test_a_run_at_work_is_said_and_left_alone(tmp_path: Path) -> None:
    path = warehouse_of(tmp_path)
    with FileLock(path.with_name(".lock")), holding(path, "write"):
        code, lines = doctor()
    assert code == 0
    assert "one is at work" in lines_about(lines, "Run", "ok")[0]


def test_a_package_of_a_run_that_was_cut_short_is_said_and_harmless(tmp_path: Path) -> None:
    path = warehouse_of(tmp_path)
    pipeline = dlt.pipeline(
        "stripe_connect",
        pipelines_dir=str(path.parent / "dlt"),
        destination=dlt.destinations.duckdb(str(path)),
        dataset_name="stripe",
    )
    for begin in (pipeline.extract, lambda *_, **__: pipeline.normalize()):
        begin([{"id": 1}], table_name="things")
        code, lines = doctor()
        assert code == 0
        assert "1 package not loaded" in lines_about(lines, "Warehouse", "ok")[-1]
    pipeline.load()
    assert "not loaded" not in "\n".join(doctor()[1])


@pytest.mark.parametrize(
    ("record", "mark", "said"),
    [
        ({"exit_code": 0, "error": None}, "ok", "everything that is due ties out"),
        ({"exit_code": 1, "error": "[b]No[/b] network"}, "warning", "it failed. [b]No[/b] network"),
        ({"exit_code": 1, "error": None}, "warning", "it was interrupted"),
        ({"exit_code": 3, "error": None}, "warning", "it does not all tie out"),
        ({}, "warning", "can't be read"),
    ],
)
def test_how_the_last_run_ended_is_said(
    tmp_path: Path, record: dict[str, object], mark: str, said: str
) -> None:
    ended = (datetime.now(UTC) - timedelta(hours=5)).isoformat()
    path = tmp_path / "data/test/run.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"finished_at": ended, **record}))
    code, lines = doctor()
    assert code == 0
    (line,) = lines_about(lines, "Last run", mark)
    assert said in line
    assert "5 hours ago" in line or not record
