"""The same entries, written in every format, are read back to the cent and the character."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loader.bank_formats.reading import check_file, profiles_for
from tests.bank_formats import writers
from tests.bank_formats.test_reading import lines_of, written

# What banks print; some formats have signs of their own that no text of theirs may hold.
LETTERS = "ABCXYZabcxyz0123456789 .,-+&<>\"'()äöüÄÉñ"
PLAIN = "ABCXYZabcxyz0123456789 .,-+&()'"


def entries(letters: str) -> st.SearchStrategy[list[writers.Entry]]:
    text = st.text(letters, min_size=1, max_size=200).map(lambda t: " ".join(f"x{t}x".split()))
    amount = st.integers(-10_000_000, 10_000_000).filter(bool)
    day = st.dates(date(2026, 1, 1), date(2026, 1, 31))
    drawn = st.lists(st.tuples(amount, day, text), min_size=1, max_size=12)
    return drawn.map(
        lambda many: [
            writers.Entry(units, posted, f"R{number}", said)
            for number, (units, posted, said) in enumerate(sorted(many, key=lambda one: one[1]))
        ]
    )


@pytest.mark.parametrize(
    ("name", "write", "letters"),
    [
        ("camt", writers.camt, LETTERS),
        ("ofx", writers.ofx, LETTERS),
        ("mt940", writers.mt940, LETTERS),
        ("bai2", writers.bai2, PLAIN),
        ("csv", writers.csv, LETTERS),
    ],
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_written_is_read(
    name: str,
    write: Callable[..., str],
    letters: str,
    data: st.DataObject,
    tmp_path: Path,
) -> None:
    made = data.draw(entries(letters))
    path = written(tmp_path, write(made), profile=writers.PROFILE)
    lines = lines_of(path)
    assert [(line.amount_minor, line.posted_date, line.reference) for line in lines] == [
        (entry.amount_minor, entry.posted, entry.reference) for entry in made
    ]
    for line, entry in zip(lines, made, strict=True):
        # Texts that were cut at a space may lose or gain one; no character of theirs is lost.
        assert entry.text.replace(" ", "") in line.description.replace(" ", "")
    found = check_file(path, profiles_for(path))
    assert (found.format, found.whole) == (name, True)
    assert sum(statement.lines for statement in found.statements) == len(made)


# A running balance, which is all that CSV has, can't tell of the line that it begins with.
@pytest.mark.parametrize("write", [writers.camt, writers.mt940, writers.bai2])
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_an_amount_that_is_changed_by_a_cent_is_noticed(
    write: Callable[..., str], data: st.DataObject, tmp_path: Path
) -> None:
    made = data.draw(entries(PLAIN))
    place = data.draw(st.integers(0, len(made) - 1))
    entry = made[place]
    off = entry.amount_minor + (1 if entry.amount_minor > 0 else -1)
    changed = list(made)
    changed[place] = replace(entry, amount_minor=off)
    path = written(tmp_path, write(changed, made), profile=writers.PROFILE)
    assert not check_file(path, profiles_for(path)).whole
