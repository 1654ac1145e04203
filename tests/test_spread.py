"""The spread of a measured number."""

from __future__ import annotations

import numpy as np
import pytest

from archsearch.spread import spread
from archsearch.trial import Measured


def test_repetitions_give_their_own_standard_deviation() -> None:
    """Images are not asked where seeds were repeated."""
    assert spread(Measured("val_accuracy", 0.9, "train", n=3, sd=0.02, count=100)) == 0.02


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.93, 1.0])
def test_one_accuracy_has_the_binomial_standard_error(p: float) -> None:
    """Equal to the standard deviation of the mean of ``count`` draws with that share of ones."""
    ones = round(400 * p)
    draws = np.repeat([1.0, 0.0], [ones, 400 - ones])
    found = spread(Measured("val_accuracy", ones / 400, "train", count=400))
    assert found == pytest.approx(draws.std() / np.sqrt(400))


def test_a_counted_number_has_no_spread() -> None:
    """Params are exact."""
    assert spread(Measured("params", 1e6, "screen")) is None
