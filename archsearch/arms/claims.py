"""What a paper claims of a change: a row of the packaged ``ablations.csv``."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict

from archsearch import published
from archsearch.errors import nearest

NOT_FOUND = "not found"
"""Said of a change of which no source states a number."""

_KEYS = ("paper", "study", "base_model", "setting")


class Claim(BaseModel):
    """A row of ``ablations.csv``, each cell as it stands there; empty where nothing was found."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    paper: str
    study: str
    base_model: str
    setting: str
    top1: str
    delta_top1: str
    params_m: str
    gmacs: str
    latency_ms: str
    latency_device: str
    status: str
    source: str
    notes: str


def stated(given: Any) -> Claim | str | None:
    """The one row that ``{study: ..., setting: ...}`` names.

    ``paper`` and ``base_model`` may stand beside them, where two rows have the same setting.

    Raises:
        ValueError: no row is meant, or several.
    """
    if given is None or isinstance(given, Claim):
        return given
    if given == NOT_FOUND:
        return NOT_FOUND
    if not isinstance(given, dict) or not {"study", "setting"} <= given.keys() <= {*_KEYS}:
        raise ValueError(
            f"got {given!r}; expected {{study: ..., setting: ...}} of a row of ablations.csv "
            f"(paper and base_model may be added), or {NOT_FOUND}"
        )
    found = list(rows())
    for key in _KEYS:
        if key in given:
            valid = {getattr(row, key) for row in found}
            found = [row for row in found if getattr(row, key) == given[key]]
            if not found:
                known = nearest(str(given[key]), valid)
                raise ValueError(f"no row of ablations.csv has {key} {given[key]!r}; {known}")
    if len(found) > 1:
        models = ", ".join(sorted(row.base_model for row in found))
        raise ValueError(f"{len(found)} rows have this setting; add base_model: ({models})")
    return found[0]


@cache
def rows() -> tuple[Claim, ...]:
    """Every row of the file."""
    with (files(published) / "ablations.csv").open(encoding="utf-8") as file:
        return tuple(Claim(**row) for row in csv.DictReader(file))
