"""Extrapolated learning curves: against a second computation, and how often they are right."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from archsearch.curves import LEAST_FINISHED, extrapolated

TABLE = Path(__file__).parents[1] / "../shared/data/bench/nasbench201.csv.gz"


def drawn(rng: np.random.Generator, count: int, points: int, noise: float = 0.3) -> np.ndarray:
    """Curves that keep the model: each logit is a line of the one before, with normal noise."""
    first = rng.normal(-0.5, 1.0, size=(count, 1))
    steps = np.cumsum(rng.normal(0.8, noise, size=(count, points)), axis=1)
    return expit(np.hstack([first, first + steps]))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.sampled_from([10, 30]))
def test_the_interval_is_that_of_least_squares(seed: int, points: int, count: int) -> None:
    """Student's t about the line, by its textbook form with the inverse of X'X."""
    from scipy.stats import t

    rng = np.random.default_rng(seed)
    curves, asked = drawn(rng, count, points), drawn(rng, 4, points)
    found = extrapolated(curves[:, :-1], curves[:, -1], asked[:, :-1], level=0.9)
    x = np.column_stack([np.ones(count), logit(curves[:, :-1])])
    new = np.column_stack([np.ones(4), logit(asked[:, :-1])])
    line, rest, *_ = np.linalg.lstsq(x, logit(curves[:, -1]), rcond=None)
    freedom = count - points - 1
    spread = np.sqrt(rest[0] / freedom * (1 + np.diag(new @ np.linalg.inv(x.T @ x) @ new.T)))
    assert found is not None
    assert found.value == pytest.approx(expit(new @ line), abs=1e-6)
    assert found.high == pytest.approx(expit(new @ line + t.ppf(0.9, freedom) * spread), abs=1e-6)
    assert found.low == pytest.approx(expit(new @ line - t.ppf(0.9, freedom) * spread), abs=1e-6)


def test_bounds_hold_as_often_as_they_say() -> None:
    """Over 4,000 curves of the model, from 8 finished ones: 95 % within each bound."""
    rng = np.random.default_rng(0)
    below, above = [], []
    for _ in range(400):
        curves, asked = drawn(rng, LEAST_FINISHED, 1), drawn(rng, 10, 1)
        found = extrapolated(curves[:, :-1], curves[:, -1], asked[:, :-1])
        assert found is not None
        below.append(asked[:, -1] <= found.high)
        above.append(asked[:, -1] >= found.low)
    assert np.mean(below) == pytest.approx(0.95, abs=0.012)
    assert np.mean(above) == pytest.approx(0.95, abs=0.012)


def test_real_nets_end_below_their_upper_bound() -> None:
    """NAS-Bench-201, 12 epochs to 200, from 12 finished nets: 92 to 98 % of 20,000."""
    if not TABLE.exists():
        pytest.skip(f"{TABLE} is not here")
    with gzip.open(TABLE, "rt", newline="") as file:
        rows = [(r["c100_test_e12"], r["c100_test"]) for r in csv.DictReader(file)]
    table = np.array(rows, dtype=float) / 100
    rng = np.random.default_rng(0)
    held = []
    for _ in range(200):
        chosen = table[rng.choice(len(table), 112, replace=False)]
        found = extrapolated(chosen[:12, :1], chosen[:12, 1], chosen[12:, :1])
        assert found is not None
        held.append(chosen[12:, 1] <= found.high)
    assert 0.92 <= np.mean(held) <= 0.98


@pytest.mark.parametrize(("count", "points"), [(7, 1), (8, 4), (0, 1)])
def test_too_few_finished_curves_say_nothing(count: int, points: int) -> None:
    """Eight at least, and four more than the line has coefficients."""
    rng = np.random.default_rng(0)
    curves = drawn(rng, max(count, 1), points)[:count]
    assert extrapolated(curves[:, :-1], curves[:, -1], drawn(rng, 2, points)[:, :-1]) is None


def test_curves_without_difference_are_no_trouble() -> None:
    """Equal accuracies, 0 and 1 among them, give finite bounds."""
    for value in (0.0, 0.5, 1.0):
        curves = np.full((9, 3), value)
        found = extrapolated(curves[:, :2], curves[:, 2], np.array([[value, value], [0.2, 0.3]]))
        assert found is not None
        assert np.isfinite([found.value, found.low, found.high]).all()
        assert found.value[0] == pytest.approx(value, abs=2e-3)
