"""Nets of small spaces with values that a test chooses, and decompositions found by enumeration."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from small_spaces import space_data, space_of

from archsearch.codes import draw_codes
from archsearch.grammar import Tree
from archsearch.importance.nets import Nets, Question
from archsearch.importance.targets import best_of
from archsearch.preferences import every_point

Floats = NDArray[np.float64]
Function = Callable[[Nets], Floats]


def _stage(widths: list[int], *blocks: dict[str, object]) -> dict[str, object]:
    return {"width": {"choice": widths}, "downsample": "conv", "blocks": list(blocks)}


BOX = space_of(space_data(*(_stage([8, 16, 24, 32, 40, 48, 56, 64]) for _ in range(4)))).tree
"""Four leaves of eight numbers each, all of which every point has."""

CONDITIONAL = space_of(
    space_data(
        _stage(
            [8, 16, 24],
            {
                "repeat": {"choice": [1, 2]},
                "choice": [
                    {"gnconv": {"order": {"choice": [1, 2, 3]}}},
                    {"sdta": {"heads": {"choice": [2, 4]}, "splits": {"choice": [1, 2, 3]}}},
                ],
            },
        ),
        _stage([8, 16, 32, 64]),
    )
).tree
"""A choice of two layers with leaves of their own, among leaves that every point has."""

WIDTH, LAYER = "stages.0.width", "stages.0.blocks.0.layer"
ORDER, HEADS = "stages.0.blocks.0.gnconv.order", "stages.0.blocks.0.sdta.heads"
SPLITS, OTHER = "stages.0.blocks.0.sdta.splits", "stages.1.width"


def column(nets: Nets, path: str) -> int:
    """Where a leaf stands."""
    return [leaf.path for leaf in nets.leaves].index(path)


def code(nets: Nets, path: str) -> Floats:
    """What each net chose at a leaf (N,), as a number from 0; 0 where it has none."""
    at = column(nets, path)
    return np.where(nets.active[:, at], nets.codes[:, at], 0).astype(float)


def drawn(tree: Tree, number: int, seed: int = 0) -> Nets:
    """Random nets."""
    return Nets(tree, draw_codes(tree, np.random.default_rng(seed), number))


def asked(nets: Nets, values: Floats, seed: int = 0) -> Question:
    """The question which leaves matter for high values."""
    return Question(nets, values, best_of(values, maximize=True), seed)


def main_effects(tree: Tree, function: Function) -> dict[str, tuple[float, float]]:
    """Shares of a function's variance over all points of a space, leaf by leaf.

    Found from the definition by enumeration: the variance of the conditional mean among the points
    that have the leaf, as a share of the variance of all points and of these.
    """
    rows = every_point(tree, 1_000_000)
    assert rows is not None
    nets = Nets(tree, rows)
    labels = np.array([len(leaf.domain.labels) for leaf in nets.leaves])
    weights = np.where(nets.active, 1 / labels, 1).prod(axis=1)
    values = function(nets)
    whole = _variance(values, weights)
    found = {}
    for at, leaf in enumerate(nets.leaves):
        here = nets.active[:, at]
        w, y, chosen = weights[here], values[here], rows[here, at]
        means = [np.average(y[chosen == k], weights=w[chosen == k]) for k in np.unique(chosen)]
        mass = np.array([w[chosen == k].sum() for k in np.unique(chosen)])
        effect = _variance(np.array(means), mass)
        found[leaf.path] = (effect * w.sum() / whole, effect / max(_variance(y, w), 1e-12))
    return found


def _variance(values: Floats, weights: Floats) -> float:
    mean = np.average(values, weights=weights)
    return float(np.average((values - mean) ** 2, weights=weights))


def additive(nets: Nets) -> Floats:
    """Of the box: three leaves matter, the last does not."""
    first, second, third = (code(nets, f"stages.{stage}.width") for stage in range(3))
    return 2 * first + (second - 3.5) ** 2 + 5.0 * (third > 5)


def ishigami(nets: Nets) -> Floats:
    """Ishigami and Homma (1990) on a grid of the box: the third leaf acts by interaction alone."""
    x = [-np.pi + 2 * np.pi * (code(nets, f"stages.{s}.width") + 0.5) / 8 for s in range(3)]
    found: Floats = np.sin(x[0]) + 7 * np.sin(x[1]) ** 2 + 0.1 * x[2] ** 4 * np.sin(x[0])
    return found


def conditional(nets: Nets) -> Floats:
    """The layer matters, and one leaf inside one of the two layers; and a width that all have."""
    inside = 3 * code(nets, HEADS)
    return 2 * code(nets, LAYER) + inside + 0.7 * code(nets, OTHER)
