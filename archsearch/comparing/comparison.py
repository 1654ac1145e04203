"""What strategies reached, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from archsearch.anytime import Curve, band, hypervolume_over, value_at
from archsearch.attainment import Ahead, ahead, differences, favoured, surfaces
from archsearch.certainty import values
from archsearch.comparing.box import Box, Corners, box_of
from archsearch.comparing.strategies import Strategy, directions_of, ensure_distinct
from archsearch.comparing.volumes import Volumes, difference, volumes_of
from archsearch.pareto import non_dominated
from archsearch.seeds import derive
from archsearch.significance.holm import holm

Over = Literal["trials", "seconds"]


def compare(
    strategies: Sequence[Strategy],
    objectives: Sequence[str] | None = None,
    corners: Corners | None = None,
    seed: int = 0,
) -> Comparison:
    """Compare two or more strategies; the first is what the others are compared with.

    Args:
        strategies: of runs that are finished or go on.
        objectives: names of measures; None for the objectives of the first run.
        corners: of the box in which hypervolumes are measured, see ``box_of``.
        seed: of what is resampled.

    Raises:
        InputError: the runs do not compare, or a corner does not fit.
    """
    ensure_distinct(strategies)
    directions = directions_of(strategies, objectives)
    return Comparison(tuple(strategies), box_of(strategies, directions, corners), seed)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Strategies, the box in which their hypervolumes are measured, and the seed of resampling."""

    strategies: tuple[Strategy, ...]
    box: Box
    seed: int

    @cached_property
    def volumes(self) -> dict[str, Volumes]:
        """Hypervolumes by the name of the strategy."""
        return {s.name: volumes_of(s, self.box, self.seed) for s in self.strategies}

    @property
    def common_trials(self) -> int:
        """How many trials every run has, stopped and failed ones included."""
        return min(len(run.records) for s in self.strategies for run in s.runs)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a strategy.

        Returns:
            ``strategy``, ``runs``; means over the runs of ``trials``, ``complete``, ``seconds`` of
            activity and ``front`` (nets on it). ``hypervolume`` as a share of the box, with
            ``hypervolume_low`` and ``hypervolume_high`` (95 %) and ``interval``, what these come
            from: ``runs`` or ``noise``, see ``Volumes``; ``hypervolume_at`` after
            ``common_trials``. ``difference`` from the first strategy with ``difference_low``,
            ``difference_high`` and ``p``, NaN for the first, and ``p_holm``, which is ``p``
            corrected for the number of strategies that are tested against the first.
        """
        table = pd.DataFrame([self._row(strategy) for strategy in self.strategies])
        tested = table["p"].notna()
        table["p_holm"] = table["p"]
        table.loc[tested, "p_holm"] = holm(table.loc[tested, "p"].to_numpy(float))
        return table

    def curves(self, over: Over = "trials") -> pd.DataFrame:
        """Mean hypervolume over trials or over active seconds, with intervals over runs.

        Returns:
            ``strategy``, ``at``, ``hypervolume``, ``low``, ``high``; see ``anytime.band``.
        """
        found = []
        for strategy in self.strategies:
            grown = band(self._curves(strategy, over), derive(self.seed, "curves", strategy.name))
            grown.insert(0, "strategy", strategy.name)
            found.append(grown)
        return pd.concat(found, ignore_index=True)

    def axes(self, x: str | None = None, y: str | None = None) -> tuple[str, str]:
        """The measures that a figure shows across and upwards.

        Raises:
            InputError: as ``directions_of``.
        """
        usual = (*self.box.names, "params", "macs")
        y = y or next(name for name in usual if name != x)
        x = x or next(name for name in usual if name != y)
        directions_of(self.strategies, [x, y])
        return x, y

    def surfaces(self, x: str, y: str) -> pd.DataFrame:
        """Best, median and worst attainment surface of each strategy in two measures.

        Returns:
            ``strategy``, ``runs``, ``surface`` and both measures, a row a corner.
        """
        maximize, found = self.plane(x, y).maximize, []
        for strategy in self.strategies:
            runs = [values(run, [x, y]) for run in strategy.complete([x, y])]
            for surface, corners in surfaces(runs, maximize).items():
                frame = pd.DataFrame(corners, columns=[x, y])
                frame.insert(0, "strategy", strategy.name)
                frame.insert(1, "runs", len(runs))
                frame.insert(2, "surface", surface)
                found.append(frame)
        return pd.concat(found, ignore_index=True)

    def rectangles(self, first: Strategy, second: Strategy, x: str, y: str) -> pd.DataFrame:
        """Where in two measures one strategy attains more often than another.

        Returns:
            ``X_low``, ``X_high``, ``Y_low``, ``Y_high``, ``difference``: see
            ``attainment.differences``. ``attrs["favoured"]`` has the shares of the box that the
            first and that the second attain more often, weighted by how much more.
        """
        plane = self.plane(x, y)
        runs = [[values(run, [x, y]) for run in s.complete([x, y])] for s in (first, second)]
        found = differences(runs[0], runs[1], plane.reference, plane.maximize)
        columns = [f"{x}_low", f"{x}_high", f"{y}_low", f"{y}_high", "difference"]
        frame = pd.DataFrame(found, columns=columns)
        frame.attrs["favoured"] = favoured(found, plane.reference, plane.ideal)
        return frame

    @cached_property
    def attained(self) -> dict[str, Ahead]:
        """How much of the box each strategy but the first attains more and less often than it.

        In all objectives, by the name of the strategy.
        """
        box, names = self.box, self.box.names
        first, *others = [[values(r, names) for r in s.complete(names)] for s in self.strategies]
        found = {}
        for strategy, runs in zip(self.strategies[1:], others, strict=True):
            seed = derive(self.seed, "places", strategy.name)
            corners = box.reference, box.ideal
            found[strategy.name] = ahead(runs, first, *corners, box.maximize, seed)
        return found

    def plane(self, x: str, y: str) -> Box:
        """The box in two measures, with the corners that it has where these are objectives."""
        whole = box_of(self.strategies, directions_of(self.strategies, [x, y]))
        own = self.box.to_data()
        corners = {
            k: at | {n: own[k][n] for n in at if n in own[k]} for k, at in whole.to_data().items()
        }
        return box_of(self.strategies, whole.directions, corners)

    def to_data(self) -> dict[str, Any]:
        """All of it as JSON; a later comparison can be given the same corners."""
        return {
            "objectives": dict(self.box.directions),
            **self.box.to_data(),
            "box_volume": self.box.volume,
            "seed": self.seed,
            "strategies": {s.name: self._runs(s) for s in self.strategies},
            "attainment": {
                name: {"ahead": found.first, "behind": found.second, "error": found.error}
                for name, found in self.attained.items()
            },
            "table": [
                {key: None if pd.isna(value) else value for key, value in row.items()}
                for row in self.table.to_dict("records")
            ],
        }

    def _runs(self, strategy: Strategy) -> list[dict[str, Any]]:
        return [
            {
                "run": str(run.folder),
                "study": run.study.settings.name,
                "seed": run.study.settings.seed,
                "commit": run.environment.get("commit"),
                "trials": len(run.records),
                "hypervolume": float(volume),
            }
            for run, volume in zip(strategy.runs, self.volumes[strategy.name].of_runs, strict=True)
        ]

    def _row(self, strategy: Strategy) -> dict[str, Any]:
        found = self.volumes[strategy.name]
        low, high = found.interval()
        complete = strategy.complete(self.box.names)
        fronts = [non_dominated(values(run, self.box.names), self.box.maximize) for run in complete]
        after = [
            value_at(curve, [self.common_trials]) for curve in self._curves(strategy, "trials")
        ]
        return {
            "strategy": strategy.name,
            "runs": len(strategy.runs),
            "trials": float(np.mean([len(run.records) for run in strategy.runs])),
            "complete": float(np.mean([len(run) for run in complete])),
            "seconds": float(np.mean([run.elapsed_s for run in strategy.runs])),
            "front": float(np.mean([front.sum() for front in fronts])),
            "hypervolume": found.mean,
            "hypervolume_low": low,
            "hypervolume_high": high,
            "interval": found.source,
            "hypervolume_at": float(np.mean(after)),
        } | self._difference(strategy)

    def _difference(self, strategy: Strategy) -> dict[str, float]:
        if strategy is self.strategies[0]:
            return dict.fromkeys(("difference", "difference_low", "difference_high", "p"), np.nan)
        baseline = self.volumes[self.strategies[0].name]
        found = difference(self.volumes[strategy.name], baseline, self.seed)
        ends = {"difference_low": found.low, "difference_high": found.high}
        return {"difference": found.value, **ends, "p": found.p}

    def _curves(self, strategy: Strategy, over: Over) -> list[Curve]:
        """Growth of each run's hypervolume as a share of the box."""
        curves = []
        for run, complete in zip(strategy.runs, strategy.complete(self.box.names), strict=True):
            # A trial's number counts those before it; when it ended is known since runs store it.
            late = run.elapsed_s
            at = [
                t.number + 1
                if over == "trials"
                else (late if t.finished_s is None else t.finished_s)
                for t in complete
            ]
            curve = hypervolume_over(
                at,
                values(complete, self.box.names),
                self.box.maximize,
                self.box.reference,
                end=len(run.records) if over == "trials" else late,
            )
            curves.append(curve.assign(hypervolume=curve["hypervolume"] / self.box.volume))
        return curves
