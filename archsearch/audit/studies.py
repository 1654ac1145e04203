"""The studies that an audit runs: derived from the audited one, worked on like any other."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from archsearch import published
from archsearch.documents import Document
from archsearch.errors import InputError
from archsearch.proxies import PROXIES
from archsearch.screen import Screen
from archsearch.settings import Settings
from archsearch.space import NotAMember
from archsearch.study import Study, study_of

SCREENED = 2_000
"""Random members that are counted, so that the kept ones cover the range of costs."""

LEAST_NETS = 10


def audit_study(
    study: Study, nets: int, epochs: float, seeds: int, minutes: float | None = None
) -> Study:
    """The study that trains a sample of a study's space for ``epochs``, scored by every proxy.

    The sample is all published nets within the space and its limits, then members spread evenly
    over log params and log MACs (``screen.start_candidates``), ``nets`` in all. Everything else
    is the study's own: limits, images, recipe, seed. ``minutes`` bound the run, None does not.

    Raises:
        InputError: ``nets`` are too few, or ``epochs`` are no more than the study's own.
    """
    begin = published_members(study)
    if nets < max(LEAST_NETS, len(begin)):
        raise InputError(
            f"an audit of {nets} nets says nothing; give --nets {max(LEAST_NETS, len(begin))} "
            f"at least ({len(begin)} published nets are members of {study.space.name})"
        )
    own = study.settings.training.epochs
    if epochs <= own:
        raise InputError(
            f"an audit of {epochs:g} epochs cannot judge a recipe of {own:g}; "
            f"give --epochs {4 * own:g}, or more than {own:g}"
        )
    data = _derived(study, f"{study.settings.name}_audit", epochs, seeds)
    score = data["cascade"].get("score") or {}
    kept = {key: value for key, value in score.items() if key not in ("proxies", "ensemble")}
    data["cascade"]["score"] = kept | {"proxies": list(PROXIES)}
    others = nets - len(begin)
    screened = max(SCREENED, study.settings.start.screen, others)
    data["start"] = {"nets": begin, "screen": screened, "keep": others}
    data["budget"] = {"trials": nets, "generation": nets, "minutes": minutes}
    return _read(data)


def short_study(study: Study, audit: Study, epochs: float, seeds: int) -> Study:
    """The study that trains an audit's nets by a shorter recipe, its own schedule and all."""
    name = f"{audit.settings.name}_{epochs:g}_epochs"
    data = _derived(study, name, epochs, seeds)
    data["cascade"].pop("score", None)
    data["objectives"] = [{"maximize": "val_accuracy"}]
    data |= {key: copy.deepcopy(audit.data[key]) for key in ("start", "budget")}
    return _read(data)


def published_members(study: Study) -> list[str]:
    """Names of the published nets that are members of the space and within the study's limits."""
    screen = Screen(study)
    return [name for name in published.names() if _accepted(study, screen, name)]


def _accepted(study: Study, screen: Screen, name: str) -> bool:
    try:
        return screen.accept(study.space.encode(published.load(name)))
    except NotAMember:
        return False


def _derived(study: Study, name: str, epochs: float, seeds: int) -> dict[str, Any]:
    """A study's plain data with another training, which every trial reaches."""
    data = copy.deepcopy(dict(study.data))
    data["name"] = name
    data["sampler"] = {"random": {}}  # asked only where the space has fewer members than wanted
    data["cascade"] = {**data["cascade"], "train": {"promote": 1.0}}
    data["training"] = {
        **data.get("training", {}),
        "epochs": epochs,
        "seeds": seeds,
        "evaluate_every": 1,
        "time_limit_s": _time_limit(study.settings, epochs),
    }
    return data


def _time_limit(settings: Settings, epochs: float) -> float | None:
    own = settings.training.time_limit_s
    return None if own is None else own * max(1.0, epochs / settings.training.epochs)


def _read(data: dict[str, Any]) -> Study:
    return study_of(Document(str(data["name"]), data), Path())
