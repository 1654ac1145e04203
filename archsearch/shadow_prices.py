"""What a limit costs: how much the front would lose if the limit were tighter.

The shadow price of a constraint is what the objective gains for a little more of what is limited.
What a limit leaves out is never trained, so the price is taken from inside: from the trials that a
tighter limit would have left out as well. It says nothing of what a looser limit would bring: where
the last part of a limit bought much, there may be more behind it, and another run says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import hypot, nan
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from archsearch.certainty import values
from archsearch.measures import MEASURES, Direction
from archsearch.notation import quantity
from archsearch.pareto import hypervolume, non_dominated, reference_point
from archsearch.settings import Limit
from archsearch.spread import spread
from archsearch.trial import Trial

TIGHTER = (0.9, 0.75, 0.5)
"""Shares of a limit at which one looks, beside the whole of it."""


_ROUNDING = 1e-9
"""Hypervolumes that differ by less are the same, summed up in another order."""

_LEAST_SHOWN, _WHOLE = 0.001, 0.01
"""Losses are told in percent, under one of them in tenths, and under a tenth in words."""


def shadow_prices(
    trials: Sequence[Trial],
    directions: Mapping[str, Direction],
    limits: Mapping[str, Limit],
    counts: Mapping[str, int],
    tighter: Sequence[float] = TIGHTER,
) -> pd.DataFrame:
    """What each limit of a study costs, by what a tighter one would have left of the run.

    Args:
        trials: of the run; those that are complete count.
        directions: the objectives; what the best net loses is told of the first.
        limits: by measure.
        counts: what the run's screens counted, with ``over:MEASURE`` for what a limit refused (of
            several limits broken, the one broken by most).
        tighter: shares of the limit, over 0 and under 1; a lower bound is divided by them.

    Returns:
        A row for each limit, bound (``at_most``, ``at_least``) and share, 1 included: ``measure``,
        ``bound``, ``limit`` (at that share), ``share``, ``refused``, ``used`` (how near the front
        comes to the whole limit, as a share of it), ``trials`` left, ``best`` of the first
        objective among them with its trial's ``number``, ``lost`` against the whole limit with
        ``lost_spread``, and ``hypervolume`` of the front left, as a share of the whole one's.
        ``attrs["reference"]`` is where hypervolumes are measured from, by objective.
    """
    complete = [
        t for t in trials if t.state == "complete" and directions.keys() <= t.measures.keys()
    ]
    points = values(complete, list(directions))
    reference = reference_point(points, _maximize(directions)) if complete else None
    rows = [
        row
        for name, limit in limits.items()
        for bound, whole in limit.model_dump(exclude_none=True).items()
        for row in _rows(_Field(complete, directions, reference), name, bound, whole, tighter)
    ]
    frame = pd.DataFrame(rows, columns=[name for name in _COLUMNS if name != "refused"])
    refused = [counts.get(f"over:{name}", 0) for name in frame["measure"]]
    frame.insert(_COLUMNS.index("refused"), "refused", refused)
    if reference is not None:
        frame.attrs["reference"] = dict(zip(directions, reference, strict=True))
    frame.attrs["objective"] = next(iter(directions))
    return frame


_COLUMNS = [
    "measure", "bound", "limit", "share", "refused", "used", "trials", "best", "number", "lost",
    "lost_spread", "hypervolume",
]  # fmt: skip


def readable_prices(prices: pd.DataFrame) -> pd.DataFrame:
    """A table of prices as text, one row a limit and one column a share."""
    objective = prices.attrs["objective"]
    rows = []
    for (measure, bound), group in prices.groupby(["measure", "bound"], sort=False):
        unit = MEASURES[str(measure)].unit
        whole = group[group["share"] == 1].iloc[0]
        row = {
            "limit": f"{measure} {str(bound).replace('_', ' ')} {quantity(whole['limit'], unit)}",
            "refused": f"{whole['refused']:,}",
            "used": f"{whole['used']:.0%}" if np.isfinite(whole["used"]) else "",
        }
        for part in group[group["share"] != 1].to_dict("records"):
            row[f"at {part['share']:.0%}"] = _told(part, MEASURES[objective].unit)
        rows.append(row)
    return pd.DataFrame(rows, dtype=str)


def footnote(prices: pd.DataFrame) -> str:
    """What a table of prices says below."""
    return (
        "refused: screened candidates that were over the limit. used: how near the front comes to "
        f"it. at 90 % and so on: what the best {prices.attrs['objective']} and the front's "
        "hypervolume would lose if the limit were tighter by as much (best kept: it is within the "
        "tighter limit too, and other nets of the front are not); what a looser limit would "
        "bring cannot be seen from this run, as nothing outside of it was trained."
    )


class _Left(NamedTuple):
    """What is left within a limit: trials, the best of them in the first objective, hypervolume."""

    trials: int
    number: int | None
    best: float
    spread: float
    volume: float


class _Field(NamedTuple):
    """Complete trials, by what they are judged, and where their hypervolume is measured from."""

    trials: Sequence[Trial]
    directions: Mapping[str, Direction]
    reference: Sequence[float] | None

    def within(self, name: str, sign: int, limit: float) -> _Left:
        """What a limit leaves: at most ``limit`` where ``sign`` is 1, at least where it is -1."""
        amount = sign * values(self.trials, [name])[:, 0]
        kept = [t for t, a in zip(self.trials, amount, strict=True) if a <= sign * limit]
        if not kept or self.reference is None:
            return _Left(0, None, nan, nan, 0.0)
        points, maximize = values(kept, list(self.directions)), _maximize(self.directions)
        first = points[:, 0] if maximize[0] else -points[:, 0]
        found = kept[int(np.argmax(first))].measures[next(iter(self.directions))]
        number = kept[int(np.argmax(first))].number
        volume = hypervolume(points, self.reference, maximize)
        return _Left(len(kept), number, found.value, spread(found) or 0.0, volume)

    def used(self, name: str, sign: int, limit: float) -> float:
        """How near the front comes to a limit, as a share of it."""
        points = values(self.trials, list(self.directions))
        front = non_dominated(points, _maximize(self.directions))
        amount = values(self.trials, [name])[front, 0]
        amount = amount[np.isfinite(amount)]
        if not len(amount) or not limit:
            return nan
        share = amount.max() / limit if sign > 0 else limit / amount.min()
        return float(share)


def _rows(
    field: _Field, name: str, bound: str, limit: float, tighter: Sequence[float]
) -> list[tuple[Any, ...]]:
    """A row for each share of one limit."""
    sign = 1 if bound == "at_most" else -1
    limits = {s: limit * s if sign > 0 else limit / s for s in (1.0, *tighter)}
    found = {s: field.within(name, sign, at) for s, at in limits.items()}
    used, whole, up = field.used(name, sign, limit), found[1.0], _maximize(field.directions)[0]
    return [
        (
            name,
            bound,
            limits[s],
            s,
            used,
            left.trials,
            left.best,
            left.number,
            *_lost(whole, left, up),
        )
        for s, left in found.items()
    ]


def _lost(whole: _Left, left: _Left, maximize: bool) -> tuple[float, float, float]:
    """What the best loses, with its spread, and the hypervolume left.

    The same net loses nothing, however uncertain its value is.
    """
    volume = left.volume / whole.volume if whole.volume else nan
    if left.number == whole.number:
        return 0.0, 0.0, volume
    lost = (whole.best - left.best) * (1 if maximize else -1)
    return lost, hypot(whole.spread, left.spread), volume


def _maximize(directions: Mapping[str, Direction]) -> list[bool]:
    return [direction == "maximize" for direction in directions.values()]


def _told(part: Mapping[Any, Any], unit: str) -> str:
    """Such as ``0.031 ± 0.004, 12%``: what the best and what the hypervolume lose.

    What would read as zero is said in words, as a loss too small to show is not none.
    """
    if not part["trials"]:
        return "nothing left"
    gone = 1 - part["hypervolume"]
    if part["lost"] == 0:
        return "nothing" if gone <= _ROUNDING else f"best kept, {_share(gone)}"
    lost = quantity(part["lost"], unit, part["lost_spread"])
    digits = any(digit in lost for digit in "123456789")
    return f"{lost if digits else 'too little to show'}, {_share(gone)}"


def _share(part: float) -> str:
    if part < _LEAST_SHOWN:
        return "under 0.1%" if part > _ROUNDING else "0%"
    return f"{part:.1%}" if part < _WHOLE else f"{part:.0%}"
