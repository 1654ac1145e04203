"""fANOVA: the share of a forest's variance over the space that a leaf's main effect makes.

After Hutter, Hoos and Leyton-Brown (2014), "An Efficient Approach for Assessing Hyperparameter
Importance", ICML 2014, equations 1 to 6. Their trees are integrated in closed form over a box of
independent leaves; a space whose leaves depend on choices is no box, so the trees are integrated
over points drawn from it. A leaf's main effect is taken among the points that have the leaf, all
else averaged out, the other conditional leaves included.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsearch.correlation import LEVEL, resampled
from archsearch.importance.nets import Floats, Nets, Question, Shares
from archsearch.seeds import derive

DRAWS = 4096
"""Points of the space over which trees are averaged."""

TREES = 200
"""Trees of the forest, each grown on a bootstrap sample of the nets of its own."""

SHUFFLINGS = 19
"""Forests grown on shuffled values: beyond the highest of 19, p is 1/20 at most."""

SHUFFLED_TREES = 80
"""Trees of each of those; fewer make chance vary more, which errs on the safe side."""


def fanova(question: Question) -> Shares:
    """Importances by fANOVA, of a random forest.

    The interval is of the bootstrap: it goes over the trees, each of its own sample, and so is
    wider than that of their mean. Chance is the largest share that any leaf has in forests grown on
    shuffled values.
    """
    seed = derive(question.seed, "fanova")
    rng = np.random.default_rng(seed)
    space = _Space(question.nets, question.nets.draw(rng, DRAWS))
    features = question.nets.features().astype(np.float32)
    samples = resampled(len(features), seed, TREES)

    def shares(values: Floats, trees: int) -> tuple[Floats, Floats]:
        grown = [_grown(features, values, sample, rng) for sample in samples[:trees]]
        predicted = np.stack([tree.predict(space.features, check_input=False) for tree in grown])
        return space.shares(predicted.astype(np.float32))

    found, inside = shares(question.values, TREES)
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    shuffled = [rng.permutation(question.values) for _ in range(SHUFFLINGS)]
    chance = max(shares(each, SHUFFLED_TREES)[0].mean(axis=0).max() for each in shuffled)
    value = found.mean(axis=0)
    return Shares(value, low, high, np.full_like(value, chance), inside.mean(axis=0))


class _Space:
    """Points of a space, over which trees are averaged label by label.

    Attributes:
        features: of the points, as those of the nets.
    """

    def __init__(self, nets: Nets, drawn: Nets) -> None:
        self.features = nets.features(drawn.codes).astype(np.float32)
        members = [nets.members(column, drawn) for column in nets.judged]
        self._begins = np.cumsum([0, *(each.shape[1] for each in members[:-1])])
        self._members = np.concatenate(members, axis=1).astype(np.float32)
        self._active = drawn.active[:, list(nets.judged)].astype(np.float32)
        self._times = self._members.sum(axis=0, dtype=float)
        self._met = np.add.reduceat((self._times > 0).astype(float), self._begins)

    def shares(self, predicted: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Each leaf's share of the variance of trees, whose predictions are (T, M).

        Returns:
            Shares (T, J) of a tree's variance over the whole space, and over the points that have
            the leaf.
        """
        centred = predicted - predicted.mean(axis=1, keepdims=True)
        scale = centred.std(axis=1, keepdims=True)
        values = centred / np.where(scale > 0, scale, 1)
        sums = (values @ self._members).astype(float)
        number = np.add.reduceat(self._times, self._begins)
        square_of_mean = np.add.reduceat(sums, self._begins, axis=1) ** 2 / np.maximum(number, 1)
        total = (values**2 @ self._active).astype(float) - square_of_mean
        squares = sums**2 / np.maximum(self._times, 1)
        between = np.add.reduceat(squares, self._begins, axis=1) - square_of_mean
        # Means of finite samples differ without any effect: what is left within labels says how
        # much, which makes the estimate unbiased.
        degrees = self._met - 1
        within = (total - between) / np.maximum(number - self._met, 1)
        between = np.maximum(between - degrees * within, 0)
        inside = np.where(total > 1e-9, between / np.where(total > 1e-9, total, 1), 0)
        return between / predicted.shape[1], inside


def _grown(
    features: NDArray[np.float32], values: Floats, sample: Floats, rng: np.random.Generator
) -> Any:
    """A tree grown on a bootstrap sample, given as how often it holds each net (N,)."""
    from sklearn.tree import DecisionTreeRegressor  # a second that most commands do not need

    held = sample > 0
    tree = DecisionTreeRegressor(random_state=int(rng.integers(2**31)))
    # Checking what it is given costs more than growing it.
    return tree.fit(features[held], values[held], sample_weight=sample[held], check_input=False)
