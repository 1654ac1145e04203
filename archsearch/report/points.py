"""All trials and the published nets as the page's figure and its tables show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from archsearch import published
from archsearch.measures import MEASURES
from archsearch.notation import UNKNOWN, quantity
from archsearch.report.columns import Column
from archsearch.report.nets import drawn
from archsearch.report.reported import Reported
from archsearch.spread import spread
from archsearch.tables import family
from archsearch.trial import Measured, Trial

MOST_DRAWN = 2_000
"""Nets of a run that can be looked at stage by stage; complete trials come first."""

_ORDER = ("complete", "stopped", "waiting", "failed")


def points(runs: Sequence[Reported], columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Every trial of every run, then the published nets of the spaces that were not tried.

    Returns:
        For each: ``run``, ``number`` (None for a net that was not tried), ``name``, ``published``,
        ``state``, ``family``, ``blocks``, ``front`` (of its study), ``values``, ``spreads`` and
        ``texts`` by column, ``error``, and ``net`` as ``nets.drawn`` gives it.
    """
    found = [point for place, one in enumerate(runs) for point in _trials(place, one, columns)]
    shown = {point["name"] for point in found if point["state"] == "complete"}
    for place, one in enumerate(runs):
        untried = [p for p in _untried(place, one, columns) if p["name"] not in shown]
        shown |= {point["name"] for point in untried}
        found += untried
    return found


def _trials(place: int, one: Reported, columns: Sequence[Column]) -> list[dict[str, Any]]:
    front = set(one.front["number"])
    wanted = sorted(one.run.records, key=lambda trial: _ORDER.index(trial.state))
    whole = {trial.number for trial in wanted[:MOST_DRAWN]}
    return [
        _trial(place, one, trial, columns, whole=trial.number in whole)
        | {"front": trial.number in front}
        for trial in one.run.records
    ]


def _trial(
    place: int, one: Reported, trial: Trial, columns: Sequence[Column], *, whole: bool
) -> dict[str, Any]:
    net = one.run.architecture(trial.number)
    name = one.published_ids.get(trial.architecture_id)
    return {
        "run": place,
        "number": trial.number,
        "name": name or trial.architecture_id,
        "published": name is not None,
        "origin": trial.origin,
        "state": trial.state,
        "stage": trial.stage,
        "generation": trial.generation,
        "family": family(net),
        "blocks": net.blocks_in_short(),
        "error": trial.error,
        "net": drawn(net, one.run.study.settings.classes) if whole else None,
        **_numbers([column.of(place, trial.measures) for column in columns], columns),
    }


def _untried(place: int, one: Reported, columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Published nets of the space that the run did not complete, with what is counted of them."""
    table = one.run.beside_published(one.front)
    rows = table[table["number"].isna()].to_dict("records")
    return [_net(place, one, row, columns) for row in rows]


def _net(
    place: int, one: Reported, row: Mapping[Any, Any], columns: Sequence[Column]
) -> dict[str, Any]:
    net = published.load(str(row["net"]))
    known = {
        name: Measured(name, float(row[name]), MEASURES[name].stage)
        for name in MEASURES
        if name in row and isfinite(row[name])
    }
    return {
        "run": place,
        "number": None,
        "name": row["net"],
        "published": True,
        "origin": "published",
        "state": "not tried",
        "stage": None,
        "generation": None,
        "family": family(net),
        "blocks": net.blocks_in_short(),
        "error": None,
        "front": False,
        "net": drawn(net, one.run.study.settings.classes),
        **_numbers([column.of(place, known) for column in columns], columns),
    }


def _numbers(found: Sequence[Measured | None], columns: Sequence[Column]) -> dict[str, Any]:
    spreads = [None if one is None else spread(one) for one in found]
    return {
        "values": [None if one is None or not isfinite(one.value) else one.value for one in found],
        "spreads": [None if s is None or not isfinite(s) else s for s in spreads],
        "texts": [
            UNKNOWN if one is None else _text(one, column.unit, s)
            for one, column, s in zip(found, columns, spreads, strict=True)
        ],
    }


def _text(one: Measured, unit: str, spread: float | None) -> str:
    """A number as people read it, with the repetitions behind its spread."""
    n = f" (n = {one.n})" if one.n > 1 and spread is not None else ""
    return quantity(one.value, unit, spread) + n
