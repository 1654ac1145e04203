"""How surely trials' measures are known."""

from __future__ import annotations

from dataclasses import replace
from math import inf, sqrt

import numpy as np
import pytest
from made_trials import made_trial

from archsearch.certainty import front_probabilities, noise, values
from archsearch.devices.reading import Latency
from archsearch.measures import Direction, latency_measured
from archsearch.membership import repeated_noise
from archsearch.study import Study
from archsearch.trial import Trial

DIRECTIONS: dict[str, Direction] = {"val_accuracy": "maximize", "macs": "minimize"}


def test_values_are_those_measured(tiny_study: Study) -> None:
    """In the order asked for; NaN where a trial has none; no trials are no rows."""
    trials = [made_trial(tiny_study, 0, 0.5, macs=3.0), made_trial(tiny_study, 1, macs=4.0)]
    assert np.array_equal(
        values(trials, ["macs", "val_accuracy"]), [[3.0, 0.5], [4.0, np.nan]], equal_nan=True
    )
    assert values([], ["macs", "val_accuracy"]).shape == (0, 2)


def test_repeated_accuracies_have_moderated_deviations(tiny_study: Study) -> None:
    """Also the one that was trained once."""
    trials = [
        made_trial(tiny_study, 0, 0.5, n=3, sd=0.03),
        made_trial(tiny_study, 1, 0.6, n=2, sd=0.01),
        made_trial(tiny_study, 2, 0.7),
    ]
    expected = repeated_noise(np.array([0.03, 0.01, np.nan]), np.array([3, 2, 1]))
    found = noise(trials, "val_accuracy")
    assert found.error.tolist() == expected.error.tolist()
    assert found.df.tolist() == expected.df.tolist()


def test_single_accuracies_have_their_images_error(tiny_study: Study) -> None:
    """sqrt(p(1-p)/count), known and not estimated; costs that are counted are exact."""
    trials = [made_trial(tiny_study, 0, 0.5), made_trial(tiny_study, 1, 0.8)]
    found = noise(trials, "val_accuracy")
    assert found.error == pytest.approx([0.05, 0.04])
    assert (found.df == inf).all()
    assert noise(trials, "macs").error.tolist() == [0.0, 0.0]


def with_latency(trial: Trial, ms: float, n: int, share: float | None) -> Trial:
    latency = Latency(ms, 0.9 * ms, 1.1 * ms, n, 1, "measured", "board", "MNN", share)
    measured = latency_measured(latency, "latency")
    return replace(trial, measures={**trial.measures, "latency_ms": measured})


def test_a_latency_has_the_error_of_its_median_and_of_its_device(tiny_study: Study) -> None:
    """Both where both are known; the device's alone where nothing was timed."""
    plain = made_trial(tiny_study, 0)
    trials = [
        with_latency(plain, 100.0, 25, None),
        with_latency(plain, 100.0, 25, 0.05),
        with_latency(plain, 100.0, 1, 0.05),
        plain,
    ]
    timed = sqrt(np.pi / 2) * 20 / 2.563 / 5
    assert noise(trials, "latency_ms").error == pytest.approx(
        [timed, np.hypot(timed, 5.0), 5.0, 0.0]
    )


def test_exact_objectives_leave_no_probability(tiny_study: Study) -> None:
    """Where something varies, each trial has one."""
    trials = [made_trial(tiny_study, 0, 0.5, macs=1.0), made_trial(tiny_study, 1, 0.52, macs=2.0)]
    assert front_probabilities(trials, {"macs": "minimize"}, seed=0) is None
    found = front_probabilities(trials, DIRECTIONS, seed=0)
    assert found is not None
    assert found[0] == 1.0
    assert 0.5 < found[1] < 0.8
