import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from loader.sandbox import __main__ as command
from loader.sandbox.options import PERMISSIONS, SandboxOptions
from loader.sandbox.process import SandboxProcess

from .conftest import AS_OF, FIRST_DAY, STORY


def test_it_starts_answers_and_stops() -> None:
    started = time.monotonic()
    with SandboxProcess(STORY) as process:
        assert time.monotonic() - started < 5
        url = process.base_url
        assert url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{url}/v1/balance", auth=(process.api_key, "")).status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/v1/balance")
    with pytest.raises(RuntimeError, match="not running"):
        _ = process.base_url


def test_it_dies_with_its_parent() -> None:
    parent = (
        "import json, sys\n"
        "from loader.sandbox.options import SandboxOptions\n"
        "from loader.sandbox.process import SandboxProcess\n"
        "from datetime import date, datetime, timezone\n"
        "options = SandboxOptions(first_day=date(2026, 1, 1),\n"
        "    as_of=datetime(2026, 1, 5, tzinfo=timezone.utc))\n"
        "process = SandboxProcess(options).__enter__()\n"
        "print(json.dumps(process.base_url), flush=True)\n"
        "import os; os._exit(1)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", parent], capture_output=True, text=True, check=False, timeout=30
    )
    url = json.loads(ended.stdout)
    for _ in range(100):
        try:
            httpx.get(f"{url}/v1/balance", timeout=1)
        except httpx.TransportError:
            return
        time.sleep(0.05)
    pytest.fail("the sandbox outlived its parent")


def test_options_survive_the_command_line() -> None:
    options = SandboxOptions(
        first_day=FIRST_DAY,
        as_of=AS_OF + timedelta(microseconds=5),
        seed=7,
        broken=True,
        accounts=3,
        transactions_per_day=4,
        payouts_per_account=5,
        rows_per_payout=6,
        latency_ms=5,
        requests_per_second=2.5,
        fault_rate=0.25,
        restricted_key_permissions=PERMISSIONS[:2],
    )
    for each in (options, STORY):
        parsed = command.options_from(each.to_arguments())
        assert parsed == each


def test_dates_mean_their_last_second_and_zones_are_heeded() -> None:
    arguments = ["--first-day", "2026-01-01", "--as-of"]
    day = command.options_from([*arguments, "2026-03-01"])
    assert day.as_of == datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)
    zoned = command.options_from([*arguments, "2026-03-01T02:00:00+05:00"])
    assert zoned.as_of == datetime(2026, 2, 28, 21, tzinfo=UTC)
    sized = command.options_from(["--as-of", "2026-03-01", "--days", "10", "--accounts", "2"])
    assert str(sized.first_day) == "2026-02-19"


@pytest.mark.parametrize(
    "changes",
    [
        {"as_of": datetime(2026, 5, 1)},
        {"as_of": datetime(2025, 12, 31, tzinfo=UTC)},
        {"restricted_key_permissions": ("rak_everything",)},
        {"rows_per_payout": 1},
    ],
)
def test_impossible_options(changes: dict[str, object]) -> None:
    everything: dict[str, object] = {"first_day": FIRST_DAY, "as_of": AS_OF, **changes}
    with pytest.raises(
        ValueError, match=r"time zone|before the first day|unknown permissions|own row"
    ):
        SandboxOptions(**everything)  # type: ignore[arg-type]
