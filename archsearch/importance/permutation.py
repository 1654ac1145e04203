"""Permutation importance: how much worse the predictor is for a net told another net's choice.

Breiman (2001), section 10, on held-out nets; each net is told the choices of many others in turn
(Fisher, Rudin and Dominici 2019, section 3.2). A predictor that knew the truth would err by twice
the variance that is due to the leaf, alone and together with others: half of the squared error
gained, as a share of the variance, is the leaf's total effect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from math import sqrt

import numpy as np

from archsearch.codes import IntArray
from archsearch.correlation import LEVEL, estimate, resampled
from archsearch.importance.nets import Floats, Nets, Question, Shares, stacked
from archsearch.predictor import FOLDS, Predictor
from archsearch.seeds import derive

Told = tuple[int, IntArray]
"""The place of a leaf among those judged, and the nets' codes with others' choices there."""

ROUNDS = 10
"""Other nets whose choice each net is told."""

WIDENED = sqrt(1 + FOLDS / (FOLDS - 1))
"""By how much deviations are underestimated where predictors share most of their training nets:
Nadeau and Bengio (2003), section 3, for cross-validation."""

MOST_ROWS = 20_000
"""Nets with changed choices that are predicted at once, which bounds memory."""

_NO_SPREAD = 1e-9


def permutation(question: Question) -> Shares:
    """Permutation importances of the predictor of ``archsearch.predictor``.

    It is told the choices and nothing else: costs and proxies follow from the choices, and would
    give a shuffled one away. A leaf that switches others on is moved together with them. Shuffling
    stays among the nets that have the leaf. The interval is BCa over the nets that are judged,
    ``WIDENED``; chance is from the same resamples, by the largest deviation of any leaf in units of
    its own standard deviation.
    """
    nets = question.nets
    values = (question.values - question.values.mean()) / question.values.std()
    gained = errors_gained(replace(question, values=values))
    draws = resampled(len(values), derive(question.seed, "permutation"))
    found = [estimate(lambda w, g=g: _share(g, values, w), draws) for g in gained]  # type: ignore[misc]
    spread = np.stack([_share(g, values, draws) for g in gained])
    chance = WIDENED * _chance(np.array([one.value for one in found]), spread)

    def rows() -> Iterator[tuple[float, ...]]:
        for column, g, one, least in zip(nets.judged, gained, found, chance, strict=True):
            inside = _share(g, values, nets.active[:, column].astype(float)[None])
            ends = (one.value + WIDENED * (end - one.value) for end in (one.low, one.high))
            yield one.value, *ends, float(least), float(inside[0])

    return stacked(rows())


def errors_gained(question: Question) -> Floats:
    """Squared error (J, N) that each net gains when it is told others' choice at each leaf."""
    nets, values = question.nets, question.values
    rng = np.random.default_rng(derive(question.seed, "shuffles"))
    model = Predictor(nets.features(), values, derive(question.seed, "predictor"))
    shape = (len(nets.judged), len(values))
    errors, times = np.zeros(shape), np.zeros((shape[0], 1))
    for part in _parts(_shuffled(nets, rng), MOST_ROWS // len(values)):
        leaves, codes = zip(*part, strict=True)
        tables = np.stack([nets.features(each) for each in codes])
        np.add.at(errors, list(leaves), (model.held_out_as(tables) - values) ** 2)
        np.add.at(times, list(leaves), 1)
    return np.asarray(errors / times - (model.held_out - values) ** 2)


def told(nets: Nets, column: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """Codes in which every net that has a leaf is told another's choice, ``ROUNDS`` at most."""
    order = rng.permutation(np.flatnonzero(nets.active[:, column]))
    moved = np.array(nets.moved_with(column))
    for shift in 1 + rng.permutation(len(order) - 1)[:ROUNDS]:
        codes = nets.codes.copy()
        codes[np.ix_(order, moved)] = nets.codes[np.ix_(np.roll(order, shift), moved)]
        yield codes


def _shuffled(nets: Nets, rng: np.random.Generator) -> Iterator[Told]:
    for place, column in enumerate(nets.judged):
        yield from ((place, codes) for codes in told(nets, column, rng))


def _parts(
    stream: Iterator[tuple[int, IntArray]], size: int
) -> Iterator[list[tuple[int, IntArray]]]:
    """Cut a stream into parts: predicting many tables at once takes a tenth of the time."""
    while part := list(islice(stream, max(size, 1))):
        yield part


def _share(gained: Floats, values: Floats, weights: Floats) -> Floats:
    """Half of the mean error gained (B,), as a share of the variance, in each of B samples.

    NaN where all values of a sample are alike; ``values`` have mean 0 and variance 1.
    """
    total = weights.sum(axis=1)
    variance = (weights @ values**2) / total - ((weights @ values) / total) ** 2
    known = variance > _NO_SPREAD
    return np.where(known, weights @ gained / total / (2 * np.where(known, variance, 1)), np.nan)


def _chance(value: Floats, spread: Floats) -> Floats:
    """What each of J leaves must exceed, from the resamples (J, B) of all."""
    spread = spread[:, np.isfinite(spread).all(axis=0)]
    scale = spread.std(axis=1)
    away = (spread - value[:, None]) / np.where(scale > 0, scale, 1)[:, None]
    return np.asarray(scale * np.quantile(away.max(axis=0), LEVEL))
