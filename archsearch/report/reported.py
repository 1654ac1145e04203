"""A run as a report needs it: what was opened, and what else its database holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from archsearch import published
from archsearch.results import RunResults
from archsearch.runs import DATABASE
from archsearch.store import Store
from archsearch.trial import CurvePoint


@dataclass(frozen=True, eq=False)
class Reported:
    """A run of a report.

    Attributes:
        run: the run.
        name: what it is called in the report, different for each.
        curves: learning curves by trial number.
        sampler_s: seconds of proposing, all generations.
        created: when it was begun, ISO 8601 in UTC.
    """

    run: RunResults
    name: str
    curves: Mapping[int, Sequence[CurvePoint]]
    sampler_s: float
    created: str

    @cached_property
    def front(self) -> pd.DataFrame:
        """The front in the study's objectives, as ``RunResults.pareto`` gives it."""
        return self.run.pareto()

    @cached_property
    def published_ids(self) -> Mapping[str, str]:
        """Names of the published nets by architecture id."""
        return {published.load(name).id: name for name in published.names()}


def reported(runs: Sequence[RunResults]) -> list[Reported]:
    """Gather runs for a report; of equal names each gets the folder's behind it."""
    names = [run.study.settings.name for run in runs]
    return [
        _gathered(run, name if names.count(name) == 1 else f"{name} ({run.folder})")
        for run, name in zip(runs, names, strict=True)
    ]


def _gathered(run: RunResults, name: str) -> Reported:
    with Store.open(run.folder / DATABASE) as store:
        known = {trial.number for trial in run.records}
        # A run that goes on may have begun trials since it was opened.
        curves = {number: curve for number, curve in store.curves().items() if number in known}
        sampler_s = sum(generation.sampler_s for generation in store.generations())
        return Reported(run, name, curves, sampler_s, store.created)
