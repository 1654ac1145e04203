"""A run for other people's tools: one format a file, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from archsearch.exports.runs.csv import CSV
from archsearch.exports.runs.format import PlaceFormat, TableFormat
from archsearch.exports.runs.latex import LATEX
from archsearch.exports.runs.markdown import MARKDOWN
from archsearch.exports.runs.optuna import OPTUNA
from archsearch.exports.runs.parquet import PARQUET
from archsearch.results import RunResults
from archsearch.runs import DATABASE
from archsearch.store import Store
from archsearch.trackers import TRACKERS, add_trials, opened

TABLE_FORMATS: Mapping[str, TableFormat] = MappingProxyType(
    {"csv": CSV, "parquet": PARQUET, "latex": LATEX, "markdown": MARKDOWN}
)


def _told(kind: str) -> Callable[[RunResults, str], str]:
    """Tell a finished run to a tracker."""

    def add(results: RunResults, place: str) -> str:
        tracker = opened(f"{kind}:{place}", results.study.settings.name, results.study.identity)
        try:
            with Store.open(results.folder / DATABASE) as store:
                known = len(tracker.known)
                added = add_trials(store, results.records, tracker)
        finally:
            tracker.close()
        return f"{place}: {added} trials added to {known}"

    return add


PLACE_FORMATS: Mapping[str, PlaceFormat] = MappingProxyType(
    {
        "optuna": OPTUNA,
        **{
            name: PlaceFormat(kind.place, _told(name), kind.meaning)
            for name, kind in TRACKERS.items()
        },
    }
)
