"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsearch.notation import duration, engineering, quantity, tick

SCALES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1_332_456, "1.33 M"),
        (258_400_000, "258 M"),
        (1_300_000, "1.30 M"),
        (999_999, "1.00 M"),
        (999.4, "999"),
        (950, "950"),
        (12.34, "12.3"),
        (0.00123, "0.00123"),
        (0, "0"),
        (-2500, "-2.50 k"),
        (2e18, "2000 P"),
        (math.nan, "-"),
        (math.inf, "-"),
    ],
)
def test_a_number_has_three_digits_and_a_prefix(value: float, text: str) -> None:
    """Three significant digits, rounding that can move to the next prefix, no number as "-"."""
    assert engineering(value) == text


@given(st.floats(min_value=1e-6, max_value=9e17) | st.floats(min_value=-9e17, max_value=-1e-6))
def test_the_text_of_a_number_is_the_number(value: float) -> None:
    """Read back, the text is off by at most half of its third digit."""
    number, _, prefix = engineering(value).partition(" ")
    assert float(number) * SCALES[prefix] == pytest.approx(value, rel=5.01e-3)
    assert len(number.lstrip("-0.").replace(".", "")) == 3


@pytest.mark.parametrize(
    ("value", "text"), [(1.3e6, "1.3 M"), (2e8, "200 M"), (0.75, "0.75"), (0, "0"), (100, "100")]
)
def test_a_tick_has_no_trailing_zeros(value: float, text: str) -> None:
    """Zeros before the point stay."""
    assert tick(value) == text


def test_an_accuracy_is_written_with_its_spread() -> None:
    """Fractions have three decimals; an unknown spread is left out."""
    assert quantity(0.9342, "fraction", 0.0057) == "0.934 ± 0.006"
    assert quantity(0.9342, "fraction", math.nan) == "0.934"
    assert quantity(0.9342, "fraction") == "0.934"
    assert quantity(math.nan, "fraction", 0.1) == "-"
    assert quantity(12.34, "ms", 0.5) == "12.3 ± 0.500"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (42, "42 s"), (59.6, "1 min 0 s"), (185, "3 min 5 s"), (4320, "1 h 12 min")],
)
def test_a_time_has_two_units(seconds: float, text: str) -> None:
    """The largest two."""
    assert duration(seconds) == text
