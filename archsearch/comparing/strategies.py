"""Strategies: runs that repeat each other, and in what the studies of runs differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archsearch.devices.source import one_source
from archsearch.errors import InputError, nearest
from archsearch.measures import LATENCY, MEASURES, Direction
from archsearch.results import RunResults, open_search
from archsearch.runs import DATABASE
from archsearch.tables import latencies_of
from archsearch.trial import Trial

_NOT_COMPARED = ("name", "seed", "notes", "engine", "schema")
"""Keys of a study that do not make it another strategy."""

_LONG = 40
"""Values with more characters are not written out where they differ."""


@dataclass(frozen=True)
class Strategy:
    """Runs that repeat each other with other seeds, or one run."""

    name: str
    runs: tuple[RunResults, ...]

    def complete(self, names: Sequence[str]) -> list[list[Trial]]:
        """The complete trials of each run that have all measures called ``names``."""
        return [
            [t for t in r.records if t.state == "complete" and set(names) <= t.measures.keys()]
            for r in self.runs
        ]


def strategy_of(text: str) -> Strategy:
    """Read ``[NAME=]PATH[,PATH...]``, where each path is a run or a folder of runs.

    Without a name it has the first folder's.

    Raises:
        InputError: a path is neither.
    """
    name, equals, paths = text.partition("=")
    if not equals or "/" in name or Path(text).exists():
        name, paths = "", text
    folders = [Path(path) for path in paths.split(",")]
    runs = tuple(run for folder in folders for run in _runs(folder))
    return Strategy(name or folders[0].resolve().name, runs)


def _runs(folder: Path) -> list[RunResults]:
    """The run in a folder, or those in the folders in it."""
    if folder.is_dir() and not (folder / DATABASE).exists():
        found = sorted(folder.glob(f"*/{DATABASE}"))
        if found:
            return [open_search(database) for database in found]
    return [open_search(folder)]


def ensure_distinct(strategies: Sequence[Strategy]) -> None:
    """Refuse a comparison with fewer than two strategies, or with one name or run twice.

    Raises:
        InputError: says which.
    """
    if len(strategies) < 2:
        raise InputError(
            f"a comparison needs two runs or strategies at least; got {len(strategies)}"
        )
    names = [strategy.name for strategy in strategies]
    folders = [run.folder.resolve() for strategy in strategies for run in strategy.runs]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise InputError(f"two strategies are called {name!r}; name one of them: NAME=RUN")
    for place, folder in enumerate(folders):
        if folder in folders[:place]:
            raise InputError(f"{folder} was given twice; give each run once")


def directions_of(
    strategies: Sequence[Strategy], names: Sequence[str] | None
) -> dict[str, Direction]:
    """What the runs are compared by: ``names``, or the objectives of the first run.

    Raises:
        InputError: a measure is unknown, stands twice, was not measured in some run, or is to be
            maximised in one and minimised in another.
    """
    own = [
        {o.measure: o.direction for o in run.study.settings.objectives} for run in _all(strategies)
    ]
    chosen = list(names) if names is not None else list(own[0])
    for place, name in enumerate(chosen):
        if name not in MEASURES:
            raise InputError(f"unknown measure {name!r}; {nearest(name, MEASURES)}")
        if name in chosen[:place]:
            raise InputError(f"the measure {name!r} was given twice; give it once")
        asked = {objectives[name] for objectives in own if name in objectives}
        if len(asked) > 1:
            raise InputError(f"{name} is maximized in one run and minimized in another")
    ensure_comparable(strategies, chosen)
    default = {name: MEASURES[name].direction for name in chosen}
    return {name: next((o[name] for o in own if name in o), default[name]) for name in chosen}


def ensure_comparable(strategies: Sequence[Strategy], names: Sequence[str]) -> None:
    """Refuse measures that some run lacks, or that do not mean the same in all of them.

    Raises:
        InputError: says what is missing or different, and where.
    """
    for run in _all(strategies):
        complete = [trial for trial in run.records if trial.state == "complete"]
        for name in names:
            if not any(name in trial.measures for trial in complete):
                raise InputError(
                    f"{run.folder}: {name} was measured in none of its {len(complete)} complete "
                    "trials; choose measures that all runs have by --objectives A,B"
                )
    if LATENCY in names:
        one_source(
            {
                strategy.name: latencies_of(
                    t.measures for run in strategy.runs for t in run.records
                )
                for strategy in strategies
            }
        )
    images = {run.environment.get("images"): run.folder for run in _all(strategies)}
    trained = [name for name in names if MEASURES[name].stage == "train"]
    if trained and len(images) > 1:
        told = "; ".join(f"{folder}: {found}" for found, folder in images.items())
        raise InputError(
            f"{trained[0]} is of different images ({told}), so it does not compare; give runs on "
            "the same images, or choose other measures by --objectives A,B"
        )


def differing(runs: Sequence[RunResults]) -> list[str]:
    """In what the studies of runs differ, such as ``budget.trials (64, 128)``; seeds apart."""
    studies = [_compared(run) for run in runs]
    paths = dict.fromkeys(path for study in studies for path in study)
    found = []
    for path in paths:
        values = [*dict.fromkeys(str(study.get(path, "-")) for study in studies)]
        if len(values) > 1:
            short = all(len(value) <= _LONG for value in values)
            found.append(f"{path} ({', '.join(values)})" if short else path)
    return found


def _all(strategies: Sequence[Strategy]) -> list[RunResults]:
    return [run for strategy in strategies for run in strategy.runs]


def _compared(run: RunResults) -> dict[str, Any]:
    """A study's leaves by their paths; the space as a whole."""
    data = dict(run.study.data)
    ((sampler, options),) = data.pop("sampler").items()
    own = dict(_leaves("sampler", options)) if options else {}
    rest = {key: value for key, value in data.items() if key not in (*_NOT_COMPARED, "space")}
    return {"sampler": sampler} | own | dict(_leaves("", rest)) | {"space": str(data["space"])}


def _leaves(path: str, data: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(data, Mapping) or not data:
        yield path, data
        return
    for key, value in data.items():
        yield from _leaves(f"{path}.{key}" if path else str(key), value)
