from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from loader.sandbox.state import SandboxState, SandboxStateError, load_or_create

AS_OF = datetime(2026, 4, 1, 23, 30, tzinfo=UTC)


def test_the_first_run_fixes_seed_and_first_day(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "sandbox"
    first = load_or_create(folder, AS_OF, broken=False)
    assert first == SandboxState(seed=1, first_day=date(2026, 1, 1), broken=False)
    later = load_or_create(folder, AS_OF + timedelta(days=40), broken=False)
    assert later == first


def test_another_story_is_told_before_it_is_kept(tmp_path: Path) -> None:
    told: list[str] = []

    def tell() -> None:
        told.append((tmp_path / "sandbox.json").read_text())

    first = load_or_create(tmp_path, AS_OF, broken=False, before_another_story=tell)
    assert told == []
    broken = load_or_create(tmp_path, AS_OF, broken=True, before_another_story=tell)
    assert broken == SandboxState(first.seed, first.first_day, broken=True)
    assert ['"broken": false' in state for state in told] == [True]
    load_or_create(tmp_path, AS_OF, broken=True, before_another_story=tell)
    assert len(told) == 1
    load_or_create(tmp_path, AS_OF, broken=False, before_another_story=tell)
    assert len(told) == 2


def test_the_first_day_is_counted_in_utc(tmp_path: Path) -> None:
    west = datetime.fromisoformat("2026-03-31T23:30:00-05:00")  # April 1st in UTC
    assert load_or_create(tmp_path, west, broken=False).first_day == date(2026, 1, 1)


@pytest.mark.parametrize("content", ["", "[]", '{"seed": 1}', '{"seed": "x", "first_day": "y"}'])
def test_a_damaged_state_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "sandbox.json").write_text(content)
    with pytest.raises(SandboxStateError, match=r"sandbox\.json is not a sandbox's state"):
        load_or_create(tmp_path, AS_OF, broken=False)
