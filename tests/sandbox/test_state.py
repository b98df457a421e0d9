from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from loader.sandbox.state import SandboxState, SandboxStateError, load_or_create

AS_OF = datetime(2026, 4, 1, 23, 30, tzinfo=UTC)


def test_the_first_run_fixes_seed_and_first_day(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "sandbox"
    first = load_or_create(folder, AS_OF, broken=False)
    assert first.state == SandboxState(seed=1, first_day=date(2026, 1, 1), broken=False)
    assert first.broken_changed is False
    later = load_or_create(folder, AS_OF + timedelta(days=40), broken=False)
    assert later == first


def test_changing_broken_is_told_and_kept(tmp_path: Path) -> None:
    first = load_or_create(tmp_path, AS_OF, broken=False)
    broken = load_or_create(tmp_path, AS_OF + timedelta(days=1), broken=True)
    assert broken.broken_changed is True
    assert broken.state == SandboxState(first.state.seed, first.state.first_day, broken=True)
    assert load_or_create(tmp_path, AS_OF, broken=True).broken_changed is False
    assert load_or_create(tmp_path, AS_OF, broken=False).broken_changed is True


def test_the_first_day_is_counted_in_utc(tmp_path: Path) -> None:
    west = datetime.fromisoformat("2026-03-31T23:30:00-05:00")  # April 1st in UTC
    assert load_or_create(tmp_path, west, broken=False).state.first_day == date(2026, 1, 1)


@pytest.mark.parametrize("content", ["", "[]", '{"seed": 1}', '{"seed": "x", "first_day": "y"}'])
def test_a_damaged_state_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "sandbox.json").write_text(content)
    with pytest.raises(SandboxStateError, match=r"sandbox\.json is not a sandbox's state"):
        load_or_create(tmp_path, AS_OF, broken=False)
