"""The predictor of accuracy: its intervals cover, and it is judged before it is believed."""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from archsearch import predictor
from archsearch.predictor import LEAST_NETS, Judgement, Predictor, deal_folds, judge

Floats = NDArray[np.float64]


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forests that grow in milliseconds; what is promised holds for any model."""
    monkeypatch.setattr(predictor, "TREES", 15)


def made(n: int, seed: int, noise: float = 0.3) -> tuple[Floats, Floats]:
    """Features of which two decide the accuracy, with noise and without."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(n, 4))
    return x, np.sin(3 * x[:, 0]) + x[:, 1] ** 2 + noise * rng.normal(size=n)


def test_intervals_cover_what_was_held_out() -> None:
    """90 % intervals hold 85 to 95 % of nets that no model has seen, over several draws."""
    inside = []
    for seed in range(8):
        x, y = made(260, seed)
        found = Predictor(x[:60], y[:60], seed, folds=5).predict(x[60:])
        inside.append((found.low <= y[60:]) & (y[60:] <= found.high))
        assert (found.low < found.value).all()
        assert (found.value < found.high).all()
    assert 0.85 <= np.mean(inside) <= 0.95


def test_intervals_are_those_of_cv_plus() -> None:
    """Equal to the definition (Barber et al. 2021, section 3), net by net."""
    x, y = made(30, 0)
    model = Predictor(x[:23], y[:23], 0, folds=4)
    found = model.predict(x[23:], level=0.8)
    fold = deal_folds(23, 4, 0)
    for net in range(7):
        means = [model._models[fold[i]].predict(x[23 + net : 24 + net])[0] for i in range(23)]
        away = [abs(y[i] - model.held_out[i]) for i in range(23)]
        k = ceil(0.8 * 24)
        assert found.high[net] == sorted(m + r for m, r in zip(means, away, strict=True))[k - 1]
        assert found.low[net] == sorted((m - r for m, r in zip(means, away, strict=True)),
                                        reverse=True)[k - 1]  # fmt: skip


def test_held_out_predictions_have_not_seen_their_net() -> None:
    """Another accuracy of one net changes the predictions of others and not its own."""
    x, y = made(24, 1)
    other = y.copy()
    other[5] += 10
    before, after = Predictor(x, y, 0).held_out, Predictor(x, other, 0).held_out
    fold = deal_folds(24, predictor.FOLDS, 0)
    same = fold == fold[5]
    assert (before[same] == after[same]).all()
    assert (before[~same] != after[~same]).any()


@pytest.mark.parametrize(("n", "folds"), [(7, 10), (10, 10), (23, 10), (100, 10)])
def test_folds_are_even(n: int, folds: int) -> None:
    """Every net is in one fold, and folds differ by one net at most."""
    sizes = np.bincount(deal_folds(n, folds, 3))
    assert sizes.sum() == n
    assert sizes.max() - sizes.min() <= 1
    assert len(sizes) == min(n, folds)


def test_equal_seeds_predict_equally() -> None:
    """All chance descends from the seed."""
    x, y = made(30, 2)
    assert (Predictor(x, y, 5).held_out == Predictor(x, y, 5).held_out).all()
    assert (Predictor(x, y, 5).held_out != Predictor(x, y, 6).held_out).any()


def test_what_is_learnt_beats_a_blind_baseline() -> None:
    """The judgement names the best baseline and how far the predictor is ahead."""
    x, y = made(60, 3, noise=0.05)
    rng = np.random.default_rng(0)
    baselines = {"chance": rng.normal(size=60), "weak": -(y + 2 * rng.normal(size=60))}
    found = judge(x, y, baselines, 0)
    assert found is not None
    assert found.beats
    assert found.baseline == "weak"
    assert found.of_baseline == pytest.approx(-spearmanr(baselines["weak"], y).statistic)
    assert found.lead == pytest.approx(found.predictor - found.of_baseline)
    assert 0 < found.least_lead < found.lead
    assert "of weak (60 nets, lead at least" in str(found)


def test_a_baseline_that_knows_the_accuracy_is_not_beaten() -> None:
    """In whichever direction it orders the nets."""
    x, y = made(40, 4)
    for sign in (1, -1):
        found = judge(x, y, {"oracle": sign * y}, 0)
        assert found is not None
        assert not found.beats
        assert found.of_baseline == pytest.approx(1)


def test_a_lead_that_may_be_chance_is_no_lead() -> None:
    """The lower end of the interval decides."""
    assert not Judgement(30, 0.8, "params", 0.7, 0.1, -0.01).beats
    assert Judgement(30, 0.8, "params", 0.7, 0.1, 0.01).beats


def test_noise_is_not_learnt() -> None:
    """Features that say nothing do not beat a baseline that says little, in any of six draws."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(30, 5)), rng.normal(size=30)
        found = judge(x, y, {"weak": y + 3 * rng.normal(size=30)}, seed)
        assert found is not None
        assert not found.beats


def test_few_nets_are_not_judged() -> None:
    """Nor nets that do not differ."""
    x, y = made(LEAST_NETS, 5)
    assert isinstance(judge(x, y, {"a": y}, 0), Judgement)
    assert judge(x[:-1], y[:-1], {"a": y[:-1]}, 0) is None
    assert judge(x, np.ones(LEAST_NETS), {"a": y}, 0) is None


def test_a_constant_baseline_is_worth_nothing() -> None:
    """It has no order, which is a correlation of zero and no NaN."""
    x, y = made(30, 6, noise=0.05)
    found = judge(x, y, {"constant": np.ones(30)}, 0)
    assert found is not None
    assert found.of_baseline == 0
    assert found.beats


def test_any_finite_proxy_can_be_learnt_from() -> None:
    """Also one beyond the range of float32, which the trees hold."""
    x, y = made(30, 7)
    x[:, 3] = 1e200 * y
    assert spearmanr(Predictor(x, y, 0).held_out, y).statistic > 0.3
    assert np.isfinite(Predictor(x, y, 0).predict(x).high).all()
