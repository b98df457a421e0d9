"""The README can be trusted: its commands run, and it names what there is."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import duckdb
import pytest
import yaml

from loader.cli import app

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text()

PAGES = sorted((REPOSITORY / "docs").glob("*.md"))

# `make test` is what runs this test; `git clone` is how one gets here.
NOT_RUN_HERE = ("make test", "git clone", "cd tieout")


def commands() -> list[str]:
    """Answer the command lines of the README's shell blocks, in order."""
    blocks = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


@pytest.mark.xdist_group("readme")
def test_every_command_of_the_readme_runs(tmp_path: Path) -> None:
    # Empty variables hide what a developer's own .env says.
    example = (REPOSITORY / ".env.example").read_text()
    settings = dict.fromkeys(re.findall(r"^([A-Z_]+)=", example, flags=re.MULTILINE), "")
    environment = {**os.environ, **settings, "TIEOUT_DATA_DIR": str(tmp_path)}
    assert "make reconcile" in commands()
    assert "make test" in commands()
    for command in commands():
        if command.startswith(NOT_RUN_HERE):
            continue
        outcome = subprocess.run(  # noqa: S602 - what a reader would paste into a shell
            command.replace("data/sandbox", str(tmp_path / "sandbox")),
            shell=True,
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        expected = 3 if "--broken" in command else 0
        assert outcome.returncode == expected, command + outcome.stdout + outcome.stderr
    folder = tmp_path / "sandbox"
    for name in ("report.html", "reconciliation.duckdb", "run.json", "exports", "docs.html"):
        assert (folder / name).exists()
    page = (folder / "docs.html").read_text()
    assert not re.search(r"<(script|link)[^>]+(src|href)=\"https?://", page)
    with duckdb.connect(str(folder / "reconciliation.duckdb"), read_only=True) as connection:
        tables = connection.execute("select table_name from duckdb_tables()").fetchall()
        bare = connection.execute(
            "select table_name, column_name from duckdb_columns() "
            "where schema_name = 'finance' and coalesce(comment, '') = ''"
        ).fetchall()
    assert [name for (name,) in tables if f"`{name}`" not in README] == []
    assert bare == []
    assert columns_without_description(folder / "dbt") == []


def columns_without_description(dbt_target: Path) -> list[tuple[str, str]]:
    """Answer the columns of raw tables and models that the dbt docs show without a description."""
    catalog, manifest = (
        json.loads((dbt_target / f"{name}.json").read_text()) for name in ("catalog", "manifest")
    )
    return [
        (name, column)
        for part in ("nodes", "sources")
        for name, shown in catalog[part].items()
        for column in shown["columns"]
        if not manifest[part][name]["columns"].get(column, {}).get("description")
    ]


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in PAGES)]
)
def test_every_link_and_path_of_a_page_leads_somewhere(page: str) -> None:
    text = (REPOSITORY / page).read_text()
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    named = re.findall(r"`((?:loader|tests|docs|dbt_project)/[\w./-]+)`", text)
    missing = [
        *(link for link in links if not (REPOSITORY / page).parent.joinpath(link).exists()),
        *(path for path in named if not (REPOSITORY / path).exists()),
    ]
    assert missing == []


def test_the_example_for_github_actions_runs_what_the_readme_does() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
    steps = yaml.safe_load(example)["jobs"]["reconcile"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == ["make reconcile"]


def test_the_readme_names_every_make_target_and_command() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = re.findall(r"^([a-z]+):.*## ", makefile, flags=re.MULTILINE)
    assert [target for target in targets if f"`make {target}`" not in README] == []
    names = [command.callback.__name__ for command in app.registered_commands if command.callback]
    assert [name for name in names if f"tieout {name}" not in README] == []


def test_the_readme_names_every_setting() -> None:
    example = (REPOSITORY / ".env.example").read_text()
    names = re.findall(r"^([A-Z_]+)=", example, flags=re.MULTILINE)
    assert [name for name in names if f"`{name}`" not in README] == []
