from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loader.report.bridge import BRIDGE, bars

AMOUNTS = st.integers(-(10**15), 10**15)
COLUMNS = sorted({column for step in BRIDGE for column in step.columns})


@given(st.fixed_dictionaries(dict.fromkeys(COLUMNS, AMOUNTS)))
def test_every_bar_begins_where_the_last_one_ended(sums: dict[str, int]) -> None:
    standing = 0
    for bar in bars(sums):
        assert (bar.start, bar.end) == (0, standing) if bar.step.is_total else True
        assert bar.start in (0, standing)
        standing = bar.end


@given(st.fixed_dictionaries(dict.fromkeys(COLUMNS, AMOUNTS)), AMOUNTS)
def test_it_ends_at_what_the_bank_shows(sums: dict[str, int], banked: int) -> None:
    """The difference is what nothing else explains, whatever the figures are."""
    without = {**sums, "difference_minor": 0}
    sums = {**sums, "difference_minor": bars(without)[-1].amount_minor - banked}
    assert bars(sums)[-1].amount_minor == banked


def test_the_difference_is_shown_even_if_there_is_none() -> None:
    labels = [bar.step.label for bar in bars(dict.fromkeys(COLUMNS, 0))]
    assert "Difference" in labels
    assert "Overdue" not in labels
