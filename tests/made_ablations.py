"""Ablations made by hand: accuracies that somebody chose, arms that are real nets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from archsearch.ablation.reader import Ablation
from archsearch.arms.file import base_of, plain_ablation
from archsearch.arms.plan import plan_of
from archsearch.arms.settings import AblationSettings
from archsearch.cost import count
from archsearch.records import check

BASE: Mapping[str, Any] = {
    "input": {"resolution": 16},
    "stem": {"patch": {"size": 2}},
    "stages": [{"width": 8, "blocks": [{"conv_encoder": {"kernel": 5}}, {"sdta": {"heads": 2}}]}],
}
FACTORS: Mapping[str, Any] = {
    "kernel_3": {
        "set": {"conv_encoder.kernel": 3},
        "claim": {"study": "Table 7 components", "setting": "kernel size fixed to 7 in all stages"},
    },
    "one_head": {"set": {"sdta.heads": 1}, "claim": "not found"},
}


def made(
    accuracies: Mapping[str, npt.ArrayLike],
    failed: Mapping[tuple[str, int], str] | None = None,
    **changed: Any,
) -> Ablation:
    """An ablation of ``BASE`` and ``FACTORS`` with these accuracies by arm, NaN for none."""
    plain = {
        "kind": "ablation",
        "name": "made_by_hand",
        "base": dict(BASE),
        "factors": dict(FACTORS),
        "design": "one_at_a_time",
        "seeds": 6,
        "data": {"name": "digits", "train": 100, "validation": 50},
        "training": {"epochs": 2.0},
        **changed,
    }
    plain = plain_ablation(plain, Path())
    plan = plan_of(check(AblationSettings, plain), base_of(plain))
    names = [arm.name for arm in plan.arms]
    costs = [count(arm.architecture, plan.settings.classes) for arm in plan.arms]
    index = pd.Index(names, name="arm")
    seeds = pd.RangeIndex(np.size(next(iter(accuracies.values()))), name="seed")
    return Ablation(
        folder=Path("runs/made_by_hand"),
        settings=plan.settings,
        base=plan.base.name,
        arms=plan.arms,
        frame=pd.DataFrame(
            {name: np.asarray(accuracies[name], dtype=float) for name in names}, index=seeds
        ),
        failed=dict(failed or {}),
        costs=pd.DataFrame(
            {"params": [c.params for c in costs], "macs": [c.macs for c in costs]}, index=index
        ),
        latency=None,
        levels=pd.DataFrame([dict(arm.levels) for arm in plan.arms], index=index),
        references=plan.references,
        claims={},
        relation=plan.relation,
        aliases=plan.aliases or {},
        images=50,
        environment={"commit": "0123456789ab", "versions": {"archsearch": "1", "torch": "2"}},
        state="finished",
        elapsed_s=10.0,
    )


def eight_seeds() -> Ablation:
    """One head does nothing on average; a kernel of 3 costs two points on every seed."""
    base = np.array([0.50, 0.52, 0.51, 0.49, 0.53, 0.50, 0.51, 0.50])
    noise = np.array([0.001, -0.002, 0.003, -0.001, 0.002, -0.003, 0.001, -0.001])
    return made({"base": base, "kernel_3": base - 0.02 + noise, "one_head": base + noise}, seeds=8)


def with_latency(ablation: Ablation, latencies: Sequence[float]) -> Ablation:
    """The same with latencies of its arms, in order."""
    costs = ablation.costs.assign(latency_ms=list(latencies))
    return replace(ablation, costs=costs, latency="latency on Board (ms, predicted, ±7 %)")
