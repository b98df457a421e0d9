"""The arrows between the parts of the loader, and the tree that a newcomer reads."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
LOADER = REPOSITORY / "loader"


def imports_of(module: Path) -> set[str]:
    """Answer the modules that a file imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def modules(part: str) -> list[Path]:
    path = LOADER / part
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def reaches(part: str, targets: tuple[str, ...]) -> list[str]:
    """Answer where a part imports one of the targets."""
    return [
        f"{module.relative_to(REPOSITORY)} imports {name}"
        for module in modules(part)
        for name in sorted(imports_of(module))
        if any(name == target or name.startswith(target + ".") for target in targets)
    ]


# Each step may know the ones before it, never a later one.
STEPS = (
    "settings",
    "bank_folder",
    "stripe_api",
    "bank_formats",
    "duckdb_files",
    "raw_views",
    "histories",
    "loose_ends",
    "raw_data",
    "warehouse",
    "sources",
    "lake_files",
    "lake_tables",
    "lake",
    "destination",
    "sync",
    "bank_sync",
    "build",
    "publish",
    "exports",
    "report",
    "run_record",
)
LATER_STEPS = [
    (step, tuple(f"loader.{later}" for later in (*STEPS[place + 1 :], "job", "console", "cli")))
    for place, step in enumerate(STEPS)
]


@pytest.mark.parametrize(("step", "later"), LATER_STEPS, ids=STEPS)
def test_no_step_knows_a_later_one(step: str, later: tuple[str, ...]) -> None:
    assert reaches(step, later) == []


def test_the_stripe_client_knows_neither_dlt_nor_duckdb() -> None:
    assert reaches("stripe_api", ("dlt", "duckdb", "pyarrow", "loader.sources")) == []


def test_the_sandbox_knows_nothing_of_the_loader() -> None:
    others = tuple(
        f"loader.{path.stem}"
        for path in LOADER.iterdir()
        if path.stem not in {"sandbox", "settings"}
    )
    assert reaches("sandbox", others) == []


def test_only_the_job_and_the_command_line_know_the_sandbox() -> None:
    parts = {path.stem for path in LOADER.iterdir() if path.suffix == ".py" or path.is_dir()}
    knowing = {
        part for part in parts - {"sandbox", "__pycache__"} if reaches(part, ("loader.sandbox",))
    }
    assert knowing == {"cli", "job"}


def test_only_the_settings_read_the_environment() -> None:
    readers = [
        str(module.relative_to(LOADER))
        for module in LOADER.rglob("*.py")
        if re.search(r"os\.getenv|environ\.get|load_dotenv|= os\.environ", module.read_text())
    ]
    assert readers == []


def test_only_the_settings_write_the_environment_but_for_dbts_profile() -> None:
    writers = {m.name for m in LOADER.rglob("*.py") if "os.environ" in m.read_text()}
    assert writers == {"settings.py", "build.py"}


def test_the_lock_file_names_no_registry() -> None:
    for lock in REPOSITORY.glob("requirements*.lock"):
        text = lock.read_text()
        assert "://" not in text
        assert "--index" not in text
        assert "--find-links" not in text


def test_every_locked_package_is_pinned_by_hash() -> None:
    for lock in REPOSITORY.glob("requirements*.lock"):
        pins = [line for line in lock.read_text().splitlines() if "==" in line]
        assert pins
        assert all(line.endswith("\\") for line in pins)
