"""Which leaves of a space matter, from what a run measured, as a data frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pandas as pd

from archsearch.codes import codes_of
from archsearch.errors import InputError, nearest
from archsearch.importance.fanova import fanova
from archsearch.importance.nets import LEAST_NETS, Method, Nets, Question
from archsearch.importance.ped_anova import ped_anova
from archsearch.importance.permutation import permutation
from archsearch.importance.targets import best_of, on_front, standing
from archsearch.measures import MEASURES
from archsearch.seeds import derive
from archsearch.study import Study
from archsearch.trial import Trial

FRONT = "front"
"""The objective that stands for all of the study's together."""

METHODS: Mapping[str, Method] = MappingProxyType(
    {"fanova": fanova, "ped_anova": ped_anova, "permutation": permutation}
)

MOST_NETS = 1000
"""Of more nets a random part is looked at, so that the answer comes within minutes."""

FOOTNOTE = (
    "Shares of the variance, by fANOVA and PED-ANOVA of the main effect, by permutation of all "
    "that a leaf does, with 95 % bootstrap intervals. *: beyond chance; if nothing mattered for "
    "the objective, with 95 % confidence no leaf would be."
)

COLUMNS = (
    *("leaf", "objective", "method", "importance", "low", "high"),
    *("chance", "where_active", "nets"),
)


def ensure_method(name: str) -> None:
    """Raise InputError if there is no such method."""
    if name not in METHODS:
        raise InputError(f"unknown method {name!r}; {nearest(name, METHODS)}")


def importances(
    study: Study, trials: Sequence[Trial], objectives: Sequence[str] | None = None
) -> pd.DataFrame:
    """Which leaves matter for each objective, by every method.

    A measure is looked at in all trials that have it and did not fail; the front in those that are
    complete, as estimates never enter one. For fANOVA and the permutation the front is how far a
    net stands before or behind it (``targets.standing``), for PED-ANOVA being on it.

    Args:
        study: whose objectives and space they are.
        trials: the trials of its run.
        objectives: names of measures, and ``FRONT``; None for the study's objectives, and the
            front where there are several, without those that too few nets have.

    Returns:
        ``leaf`` (its path), ``objective``, ``method``, ``importance`` with its interval ``low`` to
        ``high``, ``chance``, ``where_active`` (see ``Shares``), ``nets`` (how many have the leaf);
        the most important first. ``attrs["notes"]`` says by objective what was looked at and what
        was left out.

    Raises:
        InputError: an objective is unknown, or too few nets have it, or all have the same.
    """
    own = [objective.measure for objective in study.settings.objectives]
    asked = objectives or [*own, *([FRONT] if len(own) > 1 else [])]
    frames, notes, refusals = [], {}, {}
    for name in dict.fromkeys(asked):
        try:
            question = _question(study, trials, name)
        except InputError as refusal:
            if objectives:
                raise
            refusals[name] = str(refusal)
            continue
        frames.append(_answers(question, name))
        notes[name] = _note(question)
    if not frames:
        raise InputError(next(iter(refusals.values())))
    table = pd.concat(frames, ignore_index=True)
    table.attrs["notes"] = notes | refusals
    return table


def _answers(question: Question, objective: str) -> pd.DataFrame:
    nets = question.nets
    found = []
    for name, method in METHODS.items():
        shares = method(question)
        rows = {
            "leaf": [nets.leaves[column].path for column in nets.judged],
            "objective": objective,
            "method": name,
            "importance": shares.value,
            "low": shares.low,
            "high": shares.high,
            "chance": shares.chance,
            "where_active": shares.where_active,
            "nets": [int(nets.active[:, column].sum()) for column in nets.judged],
        }
        frame = pd.DataFrame(rows, columns=COLUMNS)
        found.append(frame.sort_values("importance", ascending=False, kind="stable"))
    return pd.concat(found, ignore_index=True)


def _question(study: Study, trials: Sequence[Trial], name: str) -> Question:
    """What is asked of an objective: the nets that have it, their values, and the best of them."""
    seed = derive(study.settings.seed, "importance", name)
    front = name == FRONT
    directions = {o.measure: o.direction for o in study.settings.objectives}
    if not front:
        _ensure_measured(trials, name)
        directions = {name: directions.get(name, MEASURES[name].direction)}
    state = {"complete"} if front else {"complete", "stopped", "waiting"}
    having = [t for t in trials if t.state in state and directions.keys() <= t.measures.keys()]
    points = np.array([[t.measures[each].value for each in directions] for t in having])
    known = np.isfinite(points).all(axis=1) if having else np.zeros(0, dtype=bool)
    having, points = [t for t, keep in zip(having, known, strict=True) if keep], points[known]
    if len(having) < LEAST_NETS:
        raise InputError(
            f"{name}: {len(having)} nets of this run have it; importance needs {LEAST_NETS} at "
            "least; let the run go on"
        )
    maximize = [direction == "maximize" for direction in directions.values()]
    tree = study.space.tree
    question = Question(
        nets=Nets(tree, np.stack([codes_of(tree, trial.choices) for trial in having])),
        values=standing(points, maximize) if front else points[:, 0],
        best=on_front(points, maximize) if front else best_of(points[:, 0], maximize[0]),
        seed=seed,
    )
    return _ensure_answerable(_thinned(question), name)


def _ensure_measured(trials: Sequence[Trial], name: str) -> None:
    measured = {each for trial in trials for each in trial.measures if each in MEASURES}
    if name not in measured:
        known = sorted({FRONT, *measured})
        raise InputError(f"{name}: was not measured in this run; {nearest(name, known)}")


def _ensure_answerable(question: Question, name: str) -> Question:
    if np.ptp(question.values) == 0:
        raise InputError(f"{name}: all nets have the same; nothing can matter for it")
    if not question.nets.judged:
        raise InputError(
            f"{name}: no leaf was chosen in two ways among {LEAST_NETS} nets that have it; "
            "let the run go on"
        )
    return question


def _thinned(question: Question) -> Question:
    number = len(question.values)
    if number <= MOST_NETS:
        return question
    kept = np.random.default_rng(question.seed).permutation(number)[:MOST_NETS]
    kept.sort()
    return replace(
        question,
        nets=Nets(question.nets.tree, question.nets.codes[kept]),
        values=question.values[kept],
        best=question.best[kept],
    )


def _note(question: Question) -> str:
    nets = question.nets
    left = len(nets.leaves) - len(nets.judged)
    said = f"{len(nets.codes)} nets, {int(question.best.sum())} of them the best"
    if left:
        said += (
            f"; {left} of {len(nets.leaves)} leaves are not judged, as fewer than {LEAST_NETS} "
            "nets have them or all chose alike"
        )
    return said


def shown(frame: pd.DataFrame, top: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """An importance table as text, one for each objective, the most important leaves first.

    A star marks what is beyond chance. Leaves with more stars come first, then those with the lower
    mean rank over the methods.

    Args:
        frame: as ``importances`` gives it.
        top: how many leaves to show at most.
    """
    for objective in frame["objective"].unique():
        here = frame[frame["objective"] == objective]
        ranks = here.groupby("method")["importance"].rank(ascending=False)
        stars = (here["importance"] > here["chance"]).astype(float)
        order = (ranks - len(here) * stars).groupby(here["leaf"], sort=False).mean()
        leaves = order.sort_values(kind="stable").index[:top]
        cells = here.assign(text=[_cell(row) for row in here.itertuples()])
        table = cells.pivot(index="leaf", columns="method", values="text")
        rows = table.loc[leaves, [*METHODS]].reset_index()
        rows["nets"] = here.groupby("leaf")["nets"].first().loc[leaves].astype(str).to_numpy()
        rows.columns.name = None
        yield str(objective), rows


def _cell(row: object) -> str:
    value, low, high, chance = (
        float(getattr(row, name)) for name in ("importance", "low", "high", "chance")
    )
    mark = " *" if value > chance else "  "
    return f"{_said(value)} ({_said(low)} to {_said(high)}){mark}"


def _said(share: float) -> str:
    """Two decimals; what rounds to zero has no sign."""
    return f"{round(share, 2) + 0.0:.2f}"
