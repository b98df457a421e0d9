"""How findings are shown: one line each, what to do below it."""

from __future__ import annotations

from collections.abc import Iterable

import orjson
from rich.markup import escape

from loader.console import console
from loader.doctor.finding import Finding, Mark

_STYLES = {Mark.OK: "green", Mark.WARNING: "yellow", Mark.PROBLEM: "bold red"}
_WIDTH = max(len(mark) for mark in Mark)


def findings_as_json(findings: Iterable[Finding]) -> tuple[str, bool]:
    """Answer all findings as JSON, and whether one is a problem."""
    found = list(findings)
    as_json = orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()
    return as_json, any(finding.mark is Mark.PROBLEM for finding in found)


def show_findings(findings: Iterable[Finding]) -> bool:
    """Print findings as they come, and the sum of it; answer whether one is a problem."""
    marks = []
    for finding in findings:
        marks.append(finding.mark)
        mark = f"[{_STYLES[finding.mark]}]{finding.mark.value:<{_WIDTH}}[/]"
        _say(f"{mark} [bold]{finding.subject}[/]: {escape(finding.found)}")
        if finding.advice:
            _say(f"{'':<{_WIDTH}} {escape(finding.advice)}")
    problems, warnings = marks.count(Mark.PROBLEM), marks.count(Mark.WARNING)
    if problems or warnings:
        _say(f"Problems: {problems}, warnings: {warnings}.")
    else:
        _say("Nothing stands in the way of a run.")
    return problems > 0


def _say(line: str) -> None:
    # Wrapped by the terminal, not by us: a finding stays one line for whoever searches them.
    console.print(line, soft_wrap=True, highlight=False)
