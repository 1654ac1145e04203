"""What papers and READMEs state about nets, beside what is counted here.

Every row has its source. What was not found is missing (NaN), never filled in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from archsearch import published
from archsearch.architecture import Architecture
from archsearch.cost import count
from archsearch.errors import InputError, nearest
from archsearch.notation import engineering

Line = Mapping[str, Any]

_TEXT: Any = {"resolution": "string", "notes": "string", "latency_device": "string"}
_CLASSIFICATION = ("ImageNet-1K", "ImageNet-22K")


def published_table(net: str | None = None) -> pd.DataFrame:
    """Every published number, one row for each time that a source states some.

    Args:
        net: rows of this published net alone.

    Returns:
        ``net`` (its name here, missing where the net is not one of ours), ``family``, ``variant``
        (as the source says), ``recipe`` (how it was trained, where not as in its paper),
        ``dataset``, ``resolution``, ``top1`` (%), ``params_m``, ``gmacs``, ``latency_ms``,
        ``latency_device``, ``source`` and ``notes`` as stated; behind them ``counted_params_m``
        and ``counted_gmacs``, counted with 1000 classes at the stated resolution, or at the net's
        own where none is stated. They are missing for detection, segmentation and transfer, whose
        nets have other heads.

    Raises:
        InputError: no net has this name.
    """
    frame = _numbers()
    if net is not None:
        name = _known(net)
        frame = frame[frame["net"] == name].reset_index(drop=True)
    return frame.copy()


def published_summary() -> pd.DataFrame:
    """One row of ``published_table`` for each published net, sorted by counted params.

    Of the rows about classification at the net's own resolution and with the paper's own training,
    the most complete is taken, an official one first. A net of which nothing was found has a row
    with its counts alone.
    """
    frame = _numbers()
    rows = [_main_row(frame[frame["net"] == name], name) for name in published.names()]
    return pd.DataFrame(rows).sort_values("counted_params_m", ignore_index=True)


def published_ablations() -> pd.DataFrame:
    """The papers' ablations, one row a setting, with ``status`` and ``source``.

    ``delta_top1`` is a number where one was stated; what was said in words is in ``finding``.
    """
    frame = _read("ablations.csv")
    stated = pd.to_numeric(frame["delta_top1"], errors="coerce")
    words = frame["delta_top1"].where(stated.isna())
    frame["delta_top1"] = stated
    frame.insert(list(frame.columns).index("delta_top1") + 1, "finding", words)
    return frame


def discrepancies(net: str) -> Mapping[str, str]:
    """Why a net's stated ``params`` or ``macs`` are not the counted ones, where they are not."""
    frame = _read("discrepancies.csv")
    rows = frame[frame["net"] == _known(net)]
    return dict(zip(rows["quantity"], rows["explanation"], strict=True))


def standing(architecture: Architecture) -> dict[str, str]:
    """Where a net stands among the published ones, by label, as people read it.

    For a published net also what its source states. Counted with 1000 classes.
    """
    frame = published_summary()
    own = frame[[published.load(net).id == architecture.id for net in frame["net"]]]
    others = frame.drop(own.index)
    params, macs, *_ = count(architecture)
    said = {
        "by params": _between(others, "counted_params_m", params / 1e6, 1e6),
        "by MACs": _between(others, "counted_gmacs", macs / 1e9, 1e9),
    }
    if own.empty:
        return said
    row = own.iloc[0]
    return {"published": _stated(row), **said, **_by_top1(frame, row)}


def _between(others: pd.DataFrame, column: str, value: float, unit: float) -> str:
    ordered = others.sort_values(column)
    below, above = ordered[ordered[column] < value], ordered[ordered[column] >= value]
    told = [
        f"{side} {row['net']} ({engineering(row[column] * unit)})"
        for side, rows, index in (("above", below, -1), ("below", above, 0))
        if len(rows)
        for row in [rows.iloc[index]]
    ]
    return f"{len(below) + 1} of {len(ordered) + 1} from the smallest: " + ", ".join(told)


def _by_top1(frame: pd.DataFrame, row: pd.Series) -> dict[str, str]:
    """Place among the nets with a stated top-1; equal numbers share the better place."""
    if np.isnan(row["top1"]):
        return {}
    better = int((frame["top1"] > row["top1"]).sum())
    return {"by top-1": f"{better + 1} of {int(frame['top1'].notna().sum())} from the best"}


def _stated(row: pd.Series) -> str:
    stated = [
        f"{label} {row[column]:g}{unit}" if not np.isnan(row[column]) else f"{label} not found"
        for label, column, unit in (
            ("top-1", "top1", " %"),
            ("params", "params_m", " M"),
            ("MACs", "gmacs", " G"),
        )
    ]
    source = f" ({row['source']})" if isinstance(row["source"], str) else ""
    return ", ".join(stated) + source


def _known(net: str) -> str:
    name = published.ALIASES.get(net, net)
    if name not in published.names():
        known = nearest(net, [*published.names(), *published.ALIASES])
        raise InputError(f"unknown net {net!r}; {known}")
    return name


@cache
def _numbers() -> pd.DataFrame:
    """The whole table. It is read once; callers get copies."""
    frame = _read("published.csv")
    variants = _read("variants.csv").astype(object).where(lambda f: f.notna(), None)
    by_variant: defaultdict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in _lines(variants):
        by_variant[line["family"], line["variant"]].append(line)
    found = [_net_of(row, by_variant[row["family"], row["variant"]]) for row in _lines(frame)]
    frame.insert(0, "net", [net for net, _ in found])
    frame.insert(3, "recipe", [recipe for _, recipe in found])
    costs = [_counted(row) for row in _lines(frame)]
    frame["counted_params_m"] = [params for params, _ in costs]
    frame["counted_gmacs"] = [macs for _, macs in costs]
    return frame


def _net_of(row: Line, variants: Sequence[Line]) -> tuple[str | None, str | None]:
    """Our net that a row is about, and its recipe: the first line of variants.csv that fits."""
    for line in variants:
        fits = line["resolution"] in (None, row["resolution"])
        if fits and (line["note"] is None or line["note"] in str(row["notes"])):
            return line["net"], line["recipe"]
    return None, None


def _counted(row: Line) -> tuple[float, float]:
    """Params in millions and MACs in billions."""
    net, resolution = row["net"], str(row["resolution"])
    if net not in published.names() or row["dataset"] not in _CLASSIFICATION:
        return np.nan, np.nan
    architecture = published.load(str(net))
    params, macs, *_ = count(
        architecture.at(int(resolution)) if resolution.isdigit() else architecture
    )
    return params / 1e6, macs / 1e9


def _main_row(rows: pd.DataFrame, name: str) -> pd.Series:
    net = published.load(name)
    own = rows[
        rows["dataset"].isin(_CLASSIFICATION)
        & (rows["resolution"] == str(net.resolution))
        & rows["recipe"].isna()
    ]
    if own.empty:
        params, macs, *_ = count(net)
        alone = {"counted_params_m": params / 1e6, "counted_gmacs": macs / 1e9}
        return pd.Series({"net": name, **alone}, index=rows.columns)
    known = own[["top1", "params_m", "gmacs"]].notna().sum(axis=1)
    official = own["source"].str.startswith("official README")
    order = pd.DataFrame({"known": known, "official": official}).sort_values(
        ["known", "official"], ascending=False, kind="stable"
    )
    best: pd.Series = own.loc[order.index[0]]
    return best


def _read(name: str) -> pd.DataFrame:
    with (files(published) / name).open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=_TEXT)


def _lines(frame: pd.DataFrame) -> list[Line]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
