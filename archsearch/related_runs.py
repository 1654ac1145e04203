"""Runs that can be held against a run, and what their studies differ in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from archsearch.errors import InputError
from archsearch.results import RunResults, open_run
from archsearch.runs import DATABASE
from archsearch.store import Store
from archsearch.study import deciding

_FREE = frozenset({"name", "budget.generation"})
"""What may differ between two runs of one study."""

_TASK = frozenset({"space", "classes", "data"})


class Related(NamedTuple):
    """A run of the same space and images; ``differs`` are the keys in which its study differs."""

    run: RunResults
    differs: frozenset[str]


def related_runs(run: RunResults, compared: Iterable[RunResults] = ()) -> list[Related]:
    """Find what can be held against a run: ``compared``, then the runs beside its folder.

    Runs of other spaces or images are left out, and so is what cannot be read.
    """
    own = run.folder.resolve()
    found = {other.folder.resolve(): other for other in compared}
    found.pop(own, None)
    for database in sorted(own.parent.glob(f"*/{DATABASE}")):
        if database.parent not in {own, *found} and (other := _opened(database, run)):
            found[database.parent] = other
    pairs = [Related(one, _differs(run.study.data, one.study.data)) for one in found.values()]
    return [pair for pair in pairs if not pair.differs & _TASK]


def _opened(database: Path, run: RunResults) -> RunResults | None:
    """A run of the same task; the trials of others, which may be many, are not read."""
    try:
        with Store.open(database) as store:
            study = store.study
        # What has no space is no search: an ablation's runs are kept in the same store.
        if "space" not in study or _differs(run.study.data, study) & _TASK:
            return None
        return open_run(database)
    except InputError:
        return None


def _differs(one: Mapping[str, Any], two: Mapping[str, Any]) -> frozenset[str]:
    first, second = deciding(one), deciding(two)
    keys = {*first, *second} - _FREE
    return frozenset(key for key in keys if first.get(key) != second.get(key))
