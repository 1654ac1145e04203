"""A comparison as people read it: table, notes, figure."""

from __future__ import annotations

from collections.abc import Iterator
from math import comb, isfinite

import pandas as pd

from archsearch.attainment import PLACES
from archsearch.comparing.comparison import Comparison
from archsearch.comparing.strategies import differing
from archsearch.notation import duration

_PLANE = 2
"""Objectives in which attainment is exact, and which a figure shows."""

_SURE = 5
"""With fewer runs the interval of a mean over runs is too narrow."""


def readable(found: Comparison) -> pd.DataFrame:
    """The table as text."""
    table = found.table
    columns = {
        "strategy": table["strategy"],
        "runs": table["runs"].map(str),
        "trials": table["trials"].map("{:,.4g}".format),
        "complete": table["complete"].map("{:,.4g}".format),
        "time": table["seconds"].map(duration),
        "front": table["front"].map("{:.3g}".format),
        "hypervolume": _with_interval(table, "hypervolume"),
        "from the first": _with_interval(table, "difference", "+"),
        "p": _written(table["p"]),
    }
    if table["p"].notna().sum() > 1:
        columns["p (Holm)"] = _written(table["p_holm"])
    if table["trials"].nunique() > 1:
        columns[f"at {found.common_trials} trials"] = table["hypervolume_at"].map("{:.3f}".format)
    return pd.DataFrame(columns, dtype=str)


def notes(found: Comparison, x: str, y: str) -> list[str]:
    """What a reader must know beside the table, a line each."""
    return [
        f"hypervolume of {', '.join(found.box.names)}, as a share of the box: {found.box}",
        *_attained(found, x, y),
        *_intervals(found),
        *_studies(found),
    ]


def _with_interval(table: pd.DataFrame, name: str, sign: str = "") -> list[str]:
    rows = zip(table[name], table[f"{name}_low"], table[f"{name}_high"], strict=True)
    return [_estimate(value, low, high, sign) for value, low, high in rows]


def _written(p: pd.Series[float]) -> list[str]:
    return [f"{value:.2g}" if isfinite(value) else "" for value in p]


def _estimate(value: float, low: float, high: float, sign: str) -> str:
    if not isfinite(value):
        return ""
    number = f"{value:{sign}.3f}"
    return f"{number} ({low:{sign}.3f} to {high:{sign}.3f})" if isfinite(low) else number


def _attained(found: Comparison, x: str, y: str) -> Iterator[str]:
    """Of all objectives, and where these are not the figure's two, of the figure's plane."""
    names, first = found.box.names, found.strategies[0]
    for name, ahead in found.attained.items():
        error = f" ± {ahead.error:.1%}" if ahead.error else ""
        yield (
            f"attainment of {', '.join(names)}: {name} is ahead of {first.name} in "
            f"{ahead.first:.1%}{error} of the box and behind in {ahead.second:.1%}{error}, "
            "weighted by the share of runs"
        )
    if len(names) > _PLANE:
        yield f"±: standard error, as these shares are means over {PLACES:,} places of the box"
    if set(names) == {x, y}:
        return
    for other in found.strategies[1:]:
        more, less = found.rectangles(other, first, x, y).attrs["favoured"]
        yield (
            f"attainment of {y} and {x} alone, as in the figure: {other.name} is ahead of "
            f"{first.name} in {more:.1%} of their plane and behind in {less:.1%}; what a strategy "
            "does in other objectives is not seen there"
        )


def _intervals(found: Comparison) -> Iterator[str]:
    sources = set(found.table["interval"])
    if "runs" in sources:
        yield "intervals of several runs: 95 %, bootstrap over the runs"
    if "noise" in sources:
        yield (
            "intervals of a single run: 95 %, its measurements drawn again by their errors; "
            "another run of the strategy can lie outside. A front of noisy values looks better "
            "than it is, so that a hypervolume can lie above its interval"
        )
    few = [s.name for s in found.strategies if 1 < len(s.runs) < _SURE]
    if few:
        yield f"fewer than {_SURE} runs ({', '.join(few)}): their intervals are too narrow"
    yield from _smallest_p(found)


def _smallest_p(found: Comparison) -> Iterator[str]:
    """What an exact test can say at the best."""
    first, *others = [len(strategy.runs) for strategy in found.strategies]
    least = [_least_p(first, n) for n in others if min(n, first) > 1]
    if not least:
        return
    yield f"p: permutation of the runs, two-sided; it cannot be under {min(least):.2g}"
    if len(least) > 1:
        yield (
            f"p (Holm): corrected for the {len(least)} strategies that are tested against "
            f"{found.strategies[0].name} (Holm 1979); the smallest cannot be under "
            f"{min(1.0, len(least) * min(least)):.2g}"
        )


def _least_p(first: int, second: int) -> float:
    """Both extreme splits count where the sides are equal."""
    return (2 if first == second else 1) / comb(first + second, first)


def _studies(found: Comparison) -> Iterator[str]:
    for strategy in found.strategies:
        if unequal := differing(strategy.runs):
            yield f"the runs of {strategy.name} are no repeats, they differ in {', '.join(unequal)}"
    unequal = differing([strategy.runs[0] for strategy in found.strategies])
    yield f"the studies differ in {', '.join(unequal)}" if unequal else "the studies are the same"
    code = {run.environment.get("commit") for s in found.strategies for run in s.runs}
    if len(code) > 1:
        yield f"the runs are of {len(code)} versions of the code ({', '.join(map(str, code))})"
