"""What the predictor is told of a net."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made_trials import made_trial
from small_spaces import space_data, space_of

from archsearch.features import features
from archsearch.study import Study
from archsearch.trial import CurvePoint, Measured, Trial

COSTS = {"params": 1e3, "macs": 1e6, "activations": 10.0, "peak_memory_bytes": 99.0}


def net(number: int, choices: dict[str, Any], **scores: float) -> Trial:
    measures = {name: Measured(name, value, "screen") for name, value in COSTS.items()}
    measures |= {name: Measured(name, value, "score") for name, value in scores.items()}
    return Trial(number, 0, "sampler", choices, f"id{number}", {}, 0, measures=measures)


SPACE = space_of(
    space_data(
        {
            "width": {"choice": [8, 16, 32]},
            "blocks": [
                {
                    "repeat": {"int": [0, 1]},
                    "choice": [{"conv_encoder": {"kernel": {"choice": [3, 7]}}}, {"sdta": {}}],
                }
            ],
        }
    )
)


def test_choices_become_numbers_names_and_absence() -> None:
    """Numbers as they are, each name a column of its own, what is absent below every number."""
    paths = [path for path, _ in SPACE.leaves()]
    width, repeat, layer, kernel = paths
    trials = [
        net(0, {width: 8, repeat: 1, layer: "conv_encoder", kernel: 7}),
        net(1, {width: 32, repeat: 1, layer: "sdta"}),
        net(2, {width: 16, repeat: 0}),
    ]
    found = features(SPACE, trials, proxies=())
    assert found[:, 0].tolist() == [8, 32, 16]
    assert found[:, 1].tolist() == [1, 1, 0]
    assert found[:, 2:4].tolist() == [[1, 0], [0, 1], [0, 0]]
    assert found[0, 4] == 7
    assert (found[1:, 4] < 3).all()
    assert found[0, 5:].tolist() == pytest.approx(np.log1p(list(COSTS.values())))


def test_proxies_follow_in_the_order_asked_for() -> None:
    """Any nets that are encoded apart have the same columns."""
    width, repeat, *_ = [path for path, _ in SPACE.leaves()]
    trials = [net(i, {width: 8, repeat: 0}, naswot=i, synflow=-i) for i in range(3)]
    found = features(SPACE, trials, proxies=("synflow", "naswot"))
    assert found[:, -2:].tolist() == [[0, 0], [-1, 1], [-2, 2]]
    apart = [features(SPACE, [trial], proxies=("synflow", "naswot")) for trial in trials]
    assert (np.concatenate(apart) == found).all()


def test_a_curve_is_known_up_to_an_epoch() -> None:
    """Mean accuracy and loss of the repetitions, and nothing of what comes later."""
    width, repeat, *_ = [path for path, _ in SPACE.leaves()]
    trials = [net(i, {width: 8, repeat: 0}) for i in range(2)]
    curves = {
        i: [
            CurvePoint(r, e, 2.0 - r - i, 0.1 * e + 0.2 * r + i, 1.0)
            for r in (0, 1)
            for e in (1, 2)
        ]
        for i in range(2)
    }
    plain = features(SPACE, trials, proxies=())
    found = features(SPACE, trials, proxies=(), curves=curves, until=1)
    assert (found[:, :-2] == plain).all()
    assert found[:, -2:].ravel().tolist() == pytest.approx([0.2, 1.5, 1.2, 0.5])
    later = features(SPACE, trials, proxies=(), curves=curves, until=2)
    assert (later[:, : found.shape[1]] == found).all()
    assert later.shape[1] == found.shape[1] + 2


def test_members_differ_in_their_features(tiny_study: Study) -> None:
    """Every choice is told: different members of a space have different rows."""
    extra = {name: Measured(name, 1.0, "screen") for name in COSTS}
    trials = []
    for number in range(40):
        one = made_trial(tiny_study, number)
        trials.append(
            Trial(**{**vars(one), "measures": {**extra, "naswot": one.measures["naswot"]}})
        )
    found = features(tiny_study.space, trials, proxies=())
    assert np.isfinite(found).all()
    assert len(np.unique(found, axis=0)) == 40
