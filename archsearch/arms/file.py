"""The plain data of an ablation file: short forms written out, the base put inside."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archsearch import published
from archsearch.architecture import Architecture
from archsearch.documents import Document, Misfit, read
from archsearch.errors import nearest
from archsearch.space import architecture_of
from archsearch.store import DATABASE, Store

KIND = "ablation"
"""What ``kind`` says in the file; a study without it is a search."""

_ENDINGS = (".yaml", ".yml", ".json")
_NEEDED = ("name", "base", "factors", "design", "seeds", "data")
_ENDLESS = ("budget", "engine", "notes", "question", "data")
_OF_THE_TABLE = ("seeds", "alpha", "margin")


def is_ablation(data: Any) -> bool:
    """Whether a study's data is that of an ablation."""
    return isinstance(data, Mapping) and data.get("kind") == KIND


def plain_ablation(plain: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write out the short forms of an ablation; a base is looked up from ``folder``.

    Raises:
        Misfit: a key is missing, or there is no such base.
    """
    for key in _NEEDED:
        if key not in plain:
            raise Misfit((), f"the key {key!r} is missing")
    if isinstance(plain["design"], str):
        plain["design"] = {plain["design"]: {}}
    seeds = plain["seeds"]
    if type(seeds) is int:
        plain["seeds"] = {"first": seeds, "most": seeds}
    elif not isinstance(seeds, dict):
        example = "{first: 6, most: 12, adaptive: true}"
        raise Misfit(("seeds",), f"got {seeds!r}; expected a number, or {example}")
    elif "first" in seeds:
        plain["seeds"] = {"most": seeds["first"], **seeds}
    plain["base"] = _base(plain["base"], folder)
    return plain


def base_of(plain: Mapping[str, Any], document: Document | None = None) -> Architecture:
    """The base of an ablation.

    Args:
        plain: the ablation's plain data, with the base inside.
        document: its file, for errors.

    Raises:
        InputError: it is no valid architecture; with its line, where it stands in the file.
    """
    if document is None or not isinstance(document.data["base"], dict):
        return architecture_of(Document("base", plain["base"]))
    lines = {at[1:]: line for at, line in document.lines.items() if at[:1] == ("base",)}
    return architecture_of(Document(document.source, plain["base"], lines))


def _base(given: Any, folder: Path) -> dict[str, Any]:
    if isinstance(given, dict):
        return {"schema": 1, **given}
    if not isinstance(given, str):
        raise Misfit(("base",), f"got {given!r}; expected a net's name, its file, or RUN:TRIAL")
    if given in published.names() or given in published.ALIASES:
        return published.load(given).to_data()
    path = folder / given
    if path.is_file() or path.suffix in _ENDINGS:
        found = architecture_of(read(path))
        return {**found.to_data(), "name": found.name or path.stem}
    run, colon, number = given.rpartition(":")
    if colon and (folder / run / DATABASE).is_file():
        return {**_trial(folder / run, number), "name": given}
    names = [*published.names(), *published.ALIASES]
    raise Misfit(
        ("base",),
        f"{given}: no published net ({nearest(given, names)}), and no file or RUN:TRIAL beside "
        "this file",
    )


def _trial(run: Path, number: str) -> dict[str, Any]:
    with Store.open(run / DATABASE) as store:
        trials = {str(trial.number): trial.architecture for trial in store.trials()}
    if number not in trials:
        raise Misfit(("base",), f"{run} has no trial {number!r}; it has {len(trials)}, from 0")
    return dict(trials[number])


def deciding_ablation(data: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an ablation's plain data that decides its trials.

    Left out is what may change on the way: budget and engine, claims, names and notes. So are
    seeds, alpha and margin, unless seeds are added by what they say.
    """
    adaptive = isinstance(data["seeds"], Mapping) and data["seeds"].get("adaptive", False)
    left = (*_ENDLESS, *(() if adaptive else _OF_THE_TABLE))
    kept = {key: copy.deepcopy(data[key]) for key in data if key not in left}
    kept["data"] = {key: value for key, value in data["data"].items() if key != "path"}
    kept["base"].pop("name", None)
    for factor in kept["factors"].values():
        for level in (factor, *factor.get("levels", {}).values()):
            level.pop("claim", None)
    return kept
