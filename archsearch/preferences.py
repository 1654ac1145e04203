"""Which choices a front prefers: how often its nets take each, beside how often the space does.

The space is meant as random search would meet it: every leaf drawn uniformly, what breaks a layer's
rule or a limit that is known before training left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import beta, binomtest, fisher_exact

from archsearch.codes import IntArray, active, codes_of, leaves_of
from archsearch.correlation import LEVEL
from archsearch.errors import InputError, nearest
from archsearch.feasible import FeasibleSpace
from archsearch.grammar import Tree
from archsearch.importance.nets import Nets
from archsearch.measures import MEASURES
from archsearch.pareto import non_dominated
from archsearch.seeds import derive
from archsearch.significance.holm import holm
from archsearch.study import Study
from archsearch.trial import Trial

Floats = NDArray[np.float64]

MOST_POINTS = 100_000
"""A space of no more points is counted out, a larger one drawn from."""

DRAWS = 4096
"""Draws of a large space; the share of what all of them have is known to 1.6 points (95 %)."""

COLUMNS = ("leaf", "value", "share", "low", "high", "prior", "p", "nets")


def preferences(
    study: Study, trials: Sequence[Trial], objectives: Sequence[str] | None = None
) -> pd.DataFrame:
    """How often the nets of a front take each choice, beside how often the space does.

    Args:
        study: whose space, limits and objectives they are.
        trials: the trials of its run; the front is of those that are complete.
        objectives: measures of the front; None for the study's.

    Returns:
        A row for each ``value`` of each ``leaf`` that some net of the front has: its ``share``
        among the ``nets`` of the front that have the leaf, with a 95 % Clopper-Pearson interval
        ``low`` to ``high``; ``prior``, its share among the points of the space that have the leaf;
        and ``p`` of the test that the two are equal, corrected over all rows (Holm 1979): the
        exact binomial one, or Fisher's where the prior is drawn. Most surprising first.
        ``attrs["footnote"]`` says how the prior was found.

    Raises:
        InputError: no complete trial has all objectives, or the space has no point in its limits.
    """
    tree = study.space.tree
    nets = _front(study, trials, objectives)
    front = Nets(tree, np.stack([codes_of(tree, trial.choices) for trial in nets]))
    space = space_prior(study)
    rows = [row for column in range(len(front.leaves)) for row in _rows(front, space, column)]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    frame = frame.sort_values("p", kind="stable", ignore_index=True)
    frame["p"] = holm(frame["p"].to_numpy(dtype=float))
    frame.attrs["footnote"] = (
        f"Front of {len(front.codes)} nets; {space}. Intervals: 95 % Clopper-Pearson. p: "
        f"{'binomial' if space.exact else 'Fisher'} test, Holm over {len(frame)} values; it takes "
        "the nets of the front as independent, and relatives are not."
    )
    return frame


@dataclass(frozen=True, eq=False)
class Prior:
    """Points of a space within a study's limits, with their weights (N,), and where from."""

    nets: Nets
    weights: Floats
    exact: bool

    def __str__(self) -> str:
        """How it was found, such as ``the space's shares are exact, of 15,625 points``."""
        number = f"{len(self.weights):,}"
        if self.exact:
            return f"the space's shares are exact, of {number} points"
        return f"the space's shares are of {number} random points"


def space_prior(study: Study) -> Prior:
    """The points that random search meets within a study's limits, or draws of them.

    Raises:
        InputError: there is none.
    """
    tree, space = study.space.tree, FeasibleSpace.of(study)
    rows = every_point(tree, MOST_POINTS)
    if rows is None:
        rng = np.random.default_rng(derive(study.settings.seed, "prior"))
        drawn = np.stack(list(islice(space.rows(rng), DRAWS)))
        return Prior(Nets(tree, drawn), np.ones(DRAWS), exact=False)
    space.ensure()
    rows = rows[space.judge(rows).excess <= 0]
    sizes = np.array([len(leaf.domain.labels) for leaf in leaves_of(tree)], dtype=float)
    weights = np.where(active(tree, rows), 1 / sizes, 1).prod(axis=1)
    return Prior(Nets(tree, rows), weights, exact=True)


def every_point(tree: Tree, most: int) -> IntArray | None:
    """All points of a tree as codes (N, L), rule-breaking ones included; None if more than most."""
    leaves = list(leaves_of(tree))
    rows = np.zeros((1, len(leaves)), dtype=np.int64)
    for column, leaf in enumerate(leaves):
        # A leaf comes behind the leaves that it depends on, so that those are filled in by now.
        here = active(tree, rows)[:, column]
        labels = len(leaf.domain.labels)
        if len(rows) + here.sum() * (labels - 1) > most:
            return None
        several = np.repeat(rows[here], labels, axis=0)
        several[:, column] = np.tile(np.arange(labels), int(here.sum()))
        rows = np.concatenate([rows[~here], several])
    return rows


def shown(frame: pd.DataFrame, top: int) -> pd.DataFrame:
    """The first rows of a table as ``preferences`` gives it, as text."""
    rows = [
        {
            "leaf": row.leaf,
            "value": row.value,
            "on the front": f"{row.share:.2f} ({row.low:.2f} to {row.high:.2f})",
            "in the space": f"{row.prior:.2f}",
            "p": f"{row.p:.3f}",
            "nets": f"{row.nets}",
        }
        for row in frame.head(top).itertuples()
    ]
    return pd.DataFrame(rows, dtype=str)


def _front(study: Study, trials: Sequence[Trial], objectives: Sequence[str] | None) -> list[Trial]:
    own = {o.measure: o.direction for o in study.settings.objectives}
    names = list(objectives or own)
    for name in names:
        if name not in MEASURES:
            raise InputError(f"unknown measure {name!r}; {nearest(name, MEASURES)}")
    complete = [t for t in trials if t.state == "complete" and set(names) <= t.measures.keys()]
    if not complete:
        raise InputError(
            f"no trial is complete with {', '.join(names)}, so there is no front yet; let the run "
            "go on"
        )
    points = np.array([[t.measures[name].value for name in names] for t in complete])
    directions = [own.get(name, MEASURES[name].direction) for name in names]
    marks = non_dominated(points, [direction == "maximize" for direction in directions])
    return [trial for trial, mark in zip(complete, marks, strict=True) if mark]


def _rows(front: Nets, space: Prior, column: int) -> Iterator[tuple[object, ...]]:
    """The rows of one leaf; none where no net of the front has it, or the space has one value."""
    counts = front.members(column).sum(axis=0).astype(int)
    met = space.weights @ space.nets.members(column)
    if not counts.sum() or not met.sum() or (met > 0).sum() < 2:
        return
    path, number = front.leaves[column].path, int(counts.sum())
    for name, count, times in zip(front.names(column), counts.tolist(), met.tolist(), strict=True):
        low, high = clopper_pearson(count, number)
        prior = min(times / float(met.sum()), 1.0)
        if space.exact:
            p = binomtest(count, number, prior).pvalue
        else:
            table = [[count, number - count], [times, met.sum() - times]]
            p = fisher_exact(np.array(table, dtype=int)).pvalue
        yield path, name, count / number, low, high, prior, float(p), number


def clopper_pearson(count: int, number: int, level: float = LEVEL) -> tuple[float, float]:
    """Exact interval of a share, ``count`` of ``number`` (Clopper and Pearson 1934)."""
    tail = (1 - level) / 2
    low = beta.ppf(tail, count, number - count + 1) if count else 0.0
    high = beta.ppf(1 - tail, count + 1, number - count) if count < number else 1.0
    return float(low), float(high)
