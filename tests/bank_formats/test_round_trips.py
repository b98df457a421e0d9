"""The same entries, written in every format, are read back to the cent and the character."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loader.bank_formats.reading import check_file, profiles_for
from loader.sandbox.bank.bank_csv import csv_profile
from loader.sandbox.bank.formats import WRITERS, Format
from loader.sandbox.bank.statement import BankEntry, BankStatement
from tests.bank_formats.test_reading import lines_of, written

# What banks print; some formats have signs of their own that no text of theirs may hold.
LETTERS = "ABCXYZabcxyz0123456789 .,-+&<>\"'()äöüÄÉñ"
PLAIN = "ABCXYZabcxyz0123456789 .,-+&()'"
PROFILE = csv_profile("1", "eur")


def entries(letters: str) -> st.SearchStrategy[list[BankEntry]]:
    text = st.text(letters, min_size=1, max_size=200).map(lambda t: " ".join(f"x{t}x".split()))
    amount = st.integers(-10_000_000, 10_000_000).filter(bool)
    day = st.dates(date(2026, 1, 1), date(2026, 1, 31))
    drawn = st.lists(st.tuples(amount, day, text), min_size=1, max_size=12)
    return drawn.map(
        lambda many: [
            # No text has an R: the reference stands in one line of a file only.
            BankEntry(amount_minor=units, posted=posted, reference=f"Q{number:02}", text=said)
            for number, (units, posted, said) in enumerate(sorted(many, key=lambda one: one[1]))
        ]
    )


def statement(made: list[BankEntry]) -> BankStatement:
    return BankStatement(
        number="1",
        currency="eur",
        since=date(2026, 1, 1),
        through=date(2026, 1, 31),
        opening_minor=123_45,
        entries=made,
    )


@pytest.mark.parametrize("format_", Format)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_written_is_read(format_: Format, data: st.DataObject, tmp_path: Path) -> None:
    made = data.draw(entries(PLAIN if format_ is Format.BAI2 else LETTERS))
    path = written(tmp_path, WRITERS[format_](statement(made)), profile=PROFILE)
    lines = sorted(lines_of(path), key=lambda line: line.reference or "")
    assert [(line.amount_minor, line.posted_date, line.reference) for line in lines] == [
        (entry.amount_minor, entry.posted, entry.reference) for entry in made
    ]
    for line, entry in zip(lines, made, strict=True):
        # Texts that were cut at a space may lose or gain one; no character of theirs is lost.
        assert entry.text.replace(" ", "") in line.description.replace(" ", "")
    found = check_file(path, profiles_for(path))
    assert (found.format, found.whole) == (format_.value, True)
    assert sum(one.lines for one in found.statements) == len(made)
    assert found.statements[-1].closing_minor in {statement(made).closing_minor, None}


# A running balance, which is all that CSV has, can't tell of the line that it begins with.
@pytest.mark.parametrize("format_", [Format.CAMT, Format.MT940, Format.BAI2])
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_an_amount_that_is_changed_by_a_cent_is_noticed(
    format_: Format, data: st.DataObject, tmp_path: Path
) -> None:
    made = data.draw(entries(PLAIN))
    place = data.draw(st.integers(0, len(made) - 1))
    entry = made[place]
    off = entry.amount_minor + (1 if entry.amount_minor > 0 else -1)
    changed = list(made)
    changed[place] = replace(entry, amount_minor=off)
    true, other = (WRITERS[format_](statement(each)).splitlines() for each in (made, changed))
    text = "\n".join(
        other_line if entry.reference in line else line
        for line, other_line in zip(true, other, strict=True)
    )
    path = written(tmp_path, text, profile=PROFILE)
    assert not check_file(path, profiles_for(path)).whole
