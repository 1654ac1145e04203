"""The table of an ablation: which part earns its keep, and how surely that is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from archsearch.ablation import cells
from archsearch.ablation.reader import Ablation
from archsearch.ablation.telling import Wanting, notes_of, seeds_wanted
from archsearch.arms.arm import Arm
from archsearch.arms.claims import Claim
from archsearch.notation import UNKNOWN
from archsearch.significance.effects import decompose
from archsearch.significance.paired import judge
from archsearch.significance.sequential import Looks
from archsearch.significance.verdicts import Effects, Verdict, Verdicts

_FACTORIAL = ("full_factorial", "fractional_factorial")
_COSTS = {"params": "params", "macs": "MACs", "latency_ms": "latency (ms)"}


@dataclass(frozen=True, eq=False)
class Table:
    """A table as text and as data; two of one store are equal to the byte.

    Attributes:
        name: of the ablation.
        question: what it asks, or None.
        arms: texts, a row an arm.
        legend: what was done to the base, by arm.
        effects: texts, a row a term of a factorial design; None for other designs.
        notes: sentences below.
        numbers: the data frames behind it, in full: ``arms``, ``seeds`` and, of a factorial
            design, ``effects``.
        verdicts: what the tests said, from which all of it was written.
        wanted: how many seeds the differences seen would need, by arm.
    """

    name: str
    question: str | None
    arms: pd.DataFrame
    legend: Mapping[str, str]
    effects: pd.DataFrame | None
    notes: tuple[str, ...]
    numbers: Mapping[str, pd.DataFrame]
    verdicts: Verdicts
    wanted: Wanting

    @property
    def title(self) -> str:
        """The question, or what the table shows."""
        return self.question or f"Ablation {self.name}"


def table_of(ablation: Ablation) -> Table:
    """Judge an ablation's arms and write its table, as far as it has come."""
    settings = ablation.settings
    verdicts = judge(
        ablation.frame,
        ablation.base,
        alpha=settings.alpha,
        margin=settings.margin,
        references=ablation.references,
        looks=Looks(settings.seeds.first, settings.seeds.most) if settings.seeds.adaptive else None,
    )
    effects = None
    if settings.design_name in _FACTORIAL:
        effects = decompose(ablation.frame, ablation.levels, alpha=settings.alpha)
    numbers = {"arms": _numbers(ablation, verdicts), "seeds": _seeds(ablation)}
    if effects is not None:
        numbers["effects"] = _effect_numbers(effects)
    wanted = {row.arm: seeds_wanted(ablation, row, verdicts) for row in verdicts}
    return Table(
        name=settings.name,
        question=settings.question,
        arms=_arms(ablation, verdicts),
        legend={arm.name: arm.changes for arm in ablation.arms if arm.changes},
        effects=None if effects is None else _effects(effects),
        notes=notes_of(ablation, verdicts, effects, wanted),
        numbers=numbers,
        verdicts=verdicts,
        wanted=wanted,
    )


def _arms(ablation: Ablation, verdicts: Verdicts) -> pd.DataFrame:
    """The rows that people read; a column in which nothing stands is left out."""
    judged = {row.arm: row for row in verdicts}
    several = set(ablation.references.values()) > {ablation.base}
    rows = []
    for arm in ablation.arms:
        row = {"arm": arm.name, **_accuracy(ablation, arm.name)}
        if several:
            row["against"] = ablation.references.get(arm.name, "")
        row |= {"n": str(ablation.frame[arm.name].count()), **_judged(judged.get(arm.name))}
        row |= _costs(ablation, arm)
        rows.append({**row, "paper": cells.paper(arm.claim)})
    frame = pd.DataFrame(rows, dtype=str)
    return frame.loc[:, [bool(frame[name].any()) for name in frame.columns]]


def _accuracy(ablation: Ablation, arm: str) -> dict[str, str]:
    """Mean and spread, and every seed that failed."""
    found = ablation.frame[arm].dropna()
    failed = sum(name == arm for name, _ in ablation.failed)
    told = cells.percent(float(found.mean()), float(found.std(ddof=1))) if len(found) else ""
    parts = [told, f"{failed} failed" if failed else ""]
    return {"accuracy (%)": ", ".join(filter(None, parts)) or UNKNOWN}


def _judged(row: Verdict | None) -> dict[str, str]:
    if row is None:
        return dict.fromkeys(("difference (points)", "95 % interval", "p", "", "d"), "")
    return {
        "n": f"{row.n}{'*' * bool(row.missing)}",
        "difference (points)": cells.points(row.difference),
        "95 % interval": cells.points_between(row.low, row.high),
        "p": cells.probability(row.p_corrected),
        "": row.mark,
        "d": cells.effect_size(row.effect),
    }


def _costs(ablation: Ablation, arm: Arm) -> dict[str, str]:
    reference = ablation.references.get(arm.name)
    shown = {}
    for name, title in _COSTS.items():
        if name in ablation.costs:
            other = None if reference is None else float(ablation.costs[name][reference])
            shown[title] = cells.cost(float(ablation.costs[name][arm.name]), other)
    return shown


def _effects(effects: Effects) -> pd.DataFrame:
    rows = []
    for row in effects:
        told = {
            "term": row.term,
            "aliases": ", ".join(row.aliases),
            "degrees": str(row.degrees),
            "variance (%)": _share(row.share),
            "by noise (%)": _share(row.expected),
            "effect (points)": "" if row.effect is None else cells.points(row.effect),
            "95 % interval": "" if row.effect is None else cells.points_between(row.low, row.high),
            "p": "" if row.p is None else cells.probability(row.p_corrected),
            "": "◆" if row.significant else "",
        }
        rows.append(told)
    frame = pd.DataFrame(rows, dtype=str)
    return frame.loc[:, [bool(frame[name].any()) for name in frame.columns]]


def _share(share: float) -> str:
    return f"{100 * share:.1f}" if np.isfinite(share) else UNKNOWN


def _numbers(ablation: Ablation, verdicts: Verdicts) -> pd.DataFrame:
    """Every number of an arm in full; accuracies as fractions."""
    judged = {row.arm: row for row in verdicts}
    rows = [_row(ablation, arm, judged.get(arm.name)) for arm in ablation.arms]
    return pd.DataFrame(rows).astype({"n": "Int64"})


def _row(ablation: Ablation, arm: Arm, row: Verdict | None) -> dict[str, object]:
    found = ablation.frame[arm.name].dropna()
    claim = arm.claim
    told: dict[str, object] = {
        "arm": arm.name,
        "changes": arm.changes,
        "net": arm.architecture.id,
        **{f"factor_{factor}": level for factor, level in arm.levels.items()},
        "seeds": len(found),
        "failed": sum(name == arm.name for name, _ in ablation.failed),
        "mean": float(found.mean()),
        "sd": float(found.std(ddof=1)),
    }
    fields = [name for name in Verdict.__dataclass_fields__ if name not in ("arm", "mean", "sd")]
    for name in fields:
        value = None if row is None else getattr(row, name)
        told[name] = " ".join(map(str, value)) if isinstance(value, tuple) else value
    told |= {str(name): ablation.costs[name][arm.name] for name in ablation.costs}
    stated = claim if isinstance(claim, Claim) else None
    told["paper"] = claim if isinstance(claim, str) else stated and stated.delta_top1
    told["paper_source"] = stated and stated.source
    return told


def _seeds(ablation: Ablation) -> pd.DataFrame:
    """One row a training: its accuracy, or why it failed."""
    rows = []
    for seed in ablation.frame.index:
        for arm in ablation.arms:
            accuracy = float(ablation.frame[arm.name][seed])
            failed = ablation.failed.get((arm.name, int(seed)), "")
            if np.isfinite(accuracy) or failed:
                rows.append({"seed": seed, "arm": arm.name, "accuracy": accuracy, "failed": failed})
    return pd.DataFrame(rows, columns=["seed", "arm", "accuracy", "failed"])


def _effect_numbers(effects: Effects) -> pd.DataFrame:
    frame = pd.DataFrame([vars(row) for row in effects])
    return frame.assign(aliases=[", ".join(row.aliases) for row in effects])
