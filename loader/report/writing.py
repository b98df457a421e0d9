"""Writes the report: one HTML file that needs nothing else, offline."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from loader.report.bridge import BRIDGE, bars
from loader.report.figures import Figures, Row, read_figures
from loader.wording import money, words

PAGE = Path(__file__).parent / "page"

# A script's numbers are exact up to here.
EXACT_IN_SCRIPTS = 2**53

_STATES = ("proven", "not_itemizable", "in_progress", "unreconciled", "in_transit", "overdue")

# What the filters add up, in the order in which the page holds it.
_ADDED_UP = sorted(
    {column for step in BRIDGE for column in step.columns}
    | {f"{state}_{what}" for state in _STATES for what in ("payout_count", "amount_minor")}
    | {"payout_count", "due_payout_count", "matched_payout_count", "unreconciled_difference_minor"}
    | {"open_error_count", "open_warning_count"}
    | {"balance_count", "proven_balance_count", "unproven_balance_count"}
)


def write_report(
    tables_path: Path, report_path: Path, *, mode: str, failed_tests: int | None
) -> None:
    """Write the report of the published tables; it waits until `replace_report` puts it in place.

    Args:
        tables_path: a DuckDB file with the published tables, schema `finance`.
        report_path: where the report stands.
        mode: `sandbox`, `test` or `live`; the page says which.
        failed_tests: how many dbt tests failed on these tables; none if that is not known.

    Raises:
        OSError, duckdb.Error: it can't be written or read; the standing report is untouched.
    """
    page = render(read_figures(tables_path), mode=mode, failed_tests=failed_tests)
    unfinished = _unfinished(report_path)
    try:
        unfinished.write_text(page, encoding="utf-8")
    except BaseException:
        # Half a file would take the room that the next run needs.
        unfinished.unlink(missing_ok=True)
        raise


def replace_report(report_path: Path) -> None:
    """Put what `write_report` wrote in the place of the standing report."""
    _unfinished(report_path).replace(report_path)


def _unfinished(report_path: Path) -> Path:
    return report_path.with_name(f".{report_path.name}.new")


def render(figures: Figures, *, mode: str, failed_tests: int | None) -> str:
    """Answer the page; all text from outside is escaped in it."""
    environment = Environment(
        loader=FileSystemLoader(PAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["money"] = lambda minor, currency: money(
        minor, figures.exponents.get(currency, 2)
    )
    environment.filters["words"] = words
    script = _file("report.js")
    libraries = [_file(f"vendor/{name}") for name in ("d3.min.js", "plot.umd.min.js")]
    return environment.get_template("report.html.jinja").render(
        figures=figures,
        overview=figures.overview,
        anchors={
            (row["account_id"], row["payout_id"]): row["anchor"] for row in figures.payouts.rows
        },
        bars={row["currency"]: bars(row) for row in figures.currencies},
        data=_data(figures),
        mode=mode,
        failed_tests=failed_tests,
        style=Markup(_file("report.css")),  # noqa: S704 - our own file
        scripts=[Markup(text) for text in (*libraries, script)],  # noqa: S704 - our own files
        script_hashes=[_hash(text) for text in (*libraries, script)],
    )


def _file(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """Answer a script's name in the page's security policy: others don't run."""
    digest = hashlib.sha256(script.encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode()


def _data(figures: Figures) -> Mapping[str, Any]:
    """Answer what the script of the page adds up and draws; amounts in minor units."""
    places = {row["account_id"]: place for place, row in enumerate(figures.names)}
    return {
        "exponents": {row["currency"]: row["exponent"] for row in figures.currencies},
        "accounts": [[row["account_id"], row["account_name"]] for row in figures.names],
        "figures": _ADDED_UP,
        "sums": [
            [places[row["account_id"]], row["currency"], *_added_up(row)]
            for row in figures.summaries
        ],
        "bridge": [
            [step.label, step.columns, step.sign, step.shown_if_zero, step.is_unexplained]
            for step in BRIDGE
        ],
        "aging": _columns(
            figures.aging,
            places,
            ("exception_type", "aging_bucket", "exception_count", "amount_minor"),
        ),
        "days": _columns(
            [{**row, "day": row["day"].isoformat()} for row in figures.days],
            places,
            ("day", "banked_minor", "in_transit_minor", "open_minor"),
        ),
    }


def _added_up(row: Row) -> list[int | str]:
    """Answer what the filters add up of an account in a currency."""
    status = row["balance_proof_status"]
    balance = {
        "balance_count": int(status is not None),
        "proven_balance_count": int(status == "proven"),
        "unproven_balance_count": int(status not in {"proven", None}),
    }
    return [_exact({**row, **balance}[name] or 0) for name in _ADDED_UP]


def _columns(
    rows: Sequence[Row], places: Mapping[str, int], names: Sequence[str]
) -> list[list[Any]]:
    return [
        [places.get(row["account_id"], -1), row["currency"], *(_exact(row[name]) for name in names)]
        for row in rows
    ]


def _exact(value: Any) -> Any:  # noqa: ANN401 - whatever a column holds
    """Answer an integer that a script's numbers can't hold exactly as text."""
    is_large = isinstance(value, int) and abs(value) >= EXACT_IN_SCRIPTS
    return str(value) if is_large else value
