"""A predictor of accuracy from numbers known before training, with calibrated intervals.

A random forest (Breiman 2001): where proxies are known, the best of five models on NAS-Bench-201 at
50 to 200 training nets, and it needs no scaling (``benchmarks/predictor.py``). Intervals by CV+
(Barber et al. 2021), which hold without any assumption on the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsearch.correlation import Floats, resampled, spearman, whole

FOLDS = 10
TREES = 200
LEVEL = 0.9

LEAST_NETS = 20
"""Fewer trained nets cannot tell a predictor from a baseline."""

_ROUNDS = 3
_CONFIDENCE = 0.95

Folds = NDArray[np.int64]


@dataclass(frozen=True)
class Prediction:
    """Predicted values (N,) with the ends of their intervals (N,)."""

    value: Floats
    low: Floats
    high: Floats


class Predictor:
    """A model for each fold, trained without it.

    Attributes:
        held_out: prediction (N,) of each training net by the model that has not seen it.
    """

    def __init__(self, features: Floats, accuracy: Floats, seed: int, folds: int = FOLDS) -> None:
        """Train on features (N, F), all finite, and accuracies (N,)."""
        features = _in_range(features)
        self._fold = deal_folds(len(accuracy), folds, seed)
        self._accuracy = accuracy
        self._models = [
            _trained(features[self._fold != fold], accuracy[self._fold != fold], seed)
            for fold in range(int(self._fold.max()) + 1)
        ]
        self.held_out = self.held_out_as(features[None])[0]

    def held_out_as(self, features: Floats) -> Floats:
        """Predict the training nets as if they had other features, each by what has not seen it.

        Args:
            features: (C, N, F), C tables of features for the N training nets.

        Returns:
            Predictions (C, N).
        """
        features = _in_range(features)
        found = np.empty(features.shape[:2])
        for fold, model in enumerate(self._models):
            rows = features[:, self._fold == fold]
            flat = rows.reshape(-1, features.shape[2])
            found[:, self._fold == fold] = model.predict(flat).reshape(rows.shape[:2])
        return found

    def predict(self, features: Floats, level: float = LEVEL) -> Prediction:
        """Predict nets (M, F): the mean of the models, and the interval of CV+.

        The interval goes from the floor((1 - level)(N + 1))-th smallest of m_i - r_i to the
        ceil(level (N + 1))-th smallest of m_i + r_i, where m_i is the prediction of the model that
        has not seen training net i, and r_i how far off it was there. It covers at least
        2 level - 1 (less about 1/sqrt(N)) for certain and about ``level`` in practice.
        """
        features = _in_range(features)
        found = np.stack([model.predict(features) for model in self._models])
        away = np.abs(self._accuracy - self.held_out)[:, None]
        places = found[self._fold]
        n = len(away)
        rank = min(ceil(level * (n + 1)), n) - 1
        low = np.sort(places - away, axis=0)[n - 1 - rank]
        high = np.sort(places + away, axis=0)[rank]
        return Prediction(found.mean(axis=0), low, high)


@dataclass(frozen=True)
class Judgement:
    """Whether the predictor orders trained nets better than the best that needs no training.

    Spearman's correlations with the accuracy over ``n`` nets: of the predictor for nets that it
    has not seen, and of the baseline. ``lead`` is their difference, ``least_lead`` what it is at
    least with 95 % confidence (bootstrap over the nets).
    """

    n: int
    predictor: float
    baseline: str
    of_baseline: float
    lead: float
    least_lead: float

    @property
    def beats(self) -> bool:
        """True if the predictor is better beyond doubt."""
        return self.least_lead > 0

    def __str__(self) -> str:
        """Such as ``Spearman 0.81 against 0.70 of synflow (24 nets, lead at least 0.02)``."""
        return (
            f"Spearman {self.predictor:.2f} against {self.of_baseline:.2f} of {self.baseline} "
            f"({self.n} nets, lead at least {self.least_lead:.2f})"
        )

    def to_data(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def judge(
    features: Floats, accuracy: Floats, baselines: Mapping[str, Floats], seed: int
) -> Judgement | None:
    """Judge the predictor by cross-validation on the very nets that it would be trained on.

    A baseline (N,) may order the nets in either direction: the better one on these nets counts,
    which the predictor has to beat. None where nets are too few or all equal.
    """
    if len(accuracy) < LEAST_NETS or np.ptp(accuracy) == 0:
        return None
    rounds = [Predictor(features, accuracy, seed + i).held_out for i in range(_ROUNDS)]
    found = np.mean(rounds, axis=0)
    draws = np.concatenate([whole(len(accuracy)), resampled(len(accuracy), seed)])
    mine = np.nan_to_num(spearman(found, accuracy, draws))
    others = {name: np.nan_to_num(spearman(x, accuracy, draws)) for name, x in baselines.items()}
    best = max(others, key=lambda name: abs(others[name][0]))
    theirs = others[best] * np.sign(others[best][0])
    return Judgement(
        n=len(accuracy),
        predictor=float(mine[0]),
        baseline=best,
        of_baseline=float(theirs[0]),
        lead=float(mine[0] - theirs[0]),
        least_lead=float(np.quantile(mine[1:] - theirs[1:], 1 - _CONFIDENCE)),
    )


def deal_folds(n: int, folds: int, seed: int) -> Folds:
    """Deal N nets to folds at random, as evenly as can be: the fold (N,) of each."""
    order = np.random.default_rng(seed).permutation(n)
    return np.asarray(order % min(folds, n), dtype=np.int64)


def _in_range(features: Floats) -> Floats:
    """Trees hold float32, in which a proxy's 1e40 would be infinite."""
    return np.clip(features, -1e38, 1e38)


def _trained(features: Floats, accuracy: Floats, seed: int) -> Any:
    from sklearn.ensemble import RandomForestRegressor  # a second that most runs do not need

    model = RandomForestRegressor(TREES, max_features=0.5, random_state=seed % 2**32)
    return model.fit(features, accuracy)
