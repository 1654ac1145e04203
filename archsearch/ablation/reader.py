"""An ablation's run, read from its folder while it goes on or after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any

import pandas as pd

from archsearch.arms.arm import Arm
from archsearch.arms.claims import Claim
from archsearch.arms.plan import Plan
from archsearch.arms.record import accuracies, cells_of
from archsearch.arms.settings import AblationSettings
from archsearch.cost import count
from archsearch.devices.source import label, one_source
from archsearch.errors import InputError
from archsearch.measures import ACCURACY, LATENCY
from archsearch.results import RunResults, open_run
from archsearch.tables import latencies_of
from archsearch.trial import Trial


@dataclass(frozen=True, eq=False)
class Ablation:
    """An ablation as it was when it was read: all that its table is made of.

    Attributes:
        folder: of the run.
        settings: the checked file.
        base: name of the arm that the others are compared with; of a cumulative design the first.
        arms: in the order of the table, ``base`` first.
        frame: validation accuracy as a fraction: index ``seed``, a column an arm; NaN where a
            training failed or was not done.
        failed: why a training failed, by (arm, seed).
        costs: index arm; ``params``, ``macs`` and, with a device, ``latency_ms``; all exact.
        latency: how latencies were got, in words; None without a device.
        levels: index arm, a column a factor; ``base`` or the name of a level.
        references: the arm that each arm but ``base`` is compared with.
        claims: what papers found, by (factor, level): a row of ablations.csv, ``not found``, or
            None where the file says nothing.
        relation: words of a fractional design's defining relation, such as ``A x B x C``; empty
            for other designs.
        aliases: of a fractional design: a term, and the terms that cannot be told from it.
        images: validation images behind every accuracy, 0 before the first training.
        environment: code, versions, machine and images that it was made with.
        state: ``finished``, ``unfinished`` or ``out of time``.
        elapsed_s: active seconds over all starts.
    """

    folder: Path
    settings: AblationSettings
    base: str
    arms: tuple[Arm, ...]
    frame: pd.DataFrame
    failed: Mapping[tuple[str, int], str]
    costs: pd.DataFrame
    latency: str | None
    levels: pd.DataFrame
    references: Mapping[str, str]
    claims: Mapping[tuple[str, str], Claim | str | None]
    relation: tuple[str, ...]
    aliases: Mapping[str, tuple[str, ...]]
    images: int
    environment: Mapping[str, Any]
    state: str
    elapsed_s: float


def read_ablation(folder: str | Path) -> Ablation:
    """Read the ablation in a run's folder as it is now; a run that goes on is not disturbed.

    Raises:
        InputError: there is no run, or it is that of a search.
    """
    return ablation_of(open_run(folder))


def ablation_of(run: RunResults) -> Ablation:
    """The ablation in a run that was opened.

    Raises:
        InputError: it is the run of a search.
    """
    plan = run.study.plan
    if plan is None:
        raise InputError(
            f"{run.folder}: is the run of a search, which compares no arms; archsearch pareto "
            "shows it"
        )
    trained = [trial for trial in run.records if ACCURACY in trial.measures]
    return Ablation(
        folder=run.folder,
        settings=plan.settings,
        base=plan.base.name,
        arms=plan.arms,
        frame=accuracies(cells_of(run.records), [arm.name for arm in plan.arms]),
        failed={_key(t): t.error or "no reason known" for t in run.records if t.state == "failed"},
        costs=_costs(run, plan),
        latency=_latency(run.records),
        levels=pd.DataFrame(
            [dict(arm.levels) for arm in plan.arms],
            index=pd.Index([arm.name for arm in plan.arms], name="arm"),
        ),
        references=plan.references,
        claims=_claims(plan.settings),
        relation=plan.relation,
        aliases=plan.aliases,
        images=trained[0].measures[ACCURACY].count if trained else 0,
        environment=run.environment,
        state=run.summary().state,
        elapsed_s=run.elapsed_s,
    )


def _key(trial: Trial) -> tuple[str, int]:
    return str(trial.choices["arm"]), int(trial.choices["seed"])


def _costs(run: RunResults, plan: Plan) -> pd.DataFrame:
    """Counted costs of every arm, and its latency where it is known by now."""
    known: dict[str, float] = {}
    for trial in run.records:
        if LATENCY in trial.measures:
            known.setdefault(str(trial.choices["arm"]), trial.measures[LATENCY].value)
    rows = []
    for arm in plan.arms:
        cost = count(arm.architecture, plan.settings.classes)
        row: dict[str, float] = {"params": cost.params, "macs": cost.macs}
        if plan.settings.device is not None:
            row[LATENCY] = known.get(arm.name, nan)
        rows.append(row)
    return pd.DataFrame(rows, index=pd.Index([arm.name for arm in plan.arms], name="arm"))


def _latency(records: Sequence[Trial]) -> str | None:
    latencies = latencies_of(trial.measures for trial in records)
    source = one_source({"arms": latencies})
    return None if source is None else label(source, latencies)


def _claims(settings: AblationSettings) -> dict[tuple[str, str], Claim | str | None]:
    return {
        (name, label): level.claim
        for name, factor in settings.factors.items()
        for label, level, _ in factor.changes(name)
    }
