"""The arms as the page shows them one by one: what was changed, the numbers, the net."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from archsearch.ablation.reader import Ablation
from archsearch.ablation.table import Table
from archsearch.arms.arm import Arm
from archsearch.arms.claims import Claim
from archsearch.report.nets import drawn

_HOW = {"accuracy (%)": "trained", "params": "counted", "MACs": "counted"}
_HEADINGS = ("arm", "against", "")


def arms_data(
    ablation: Ablation, table: Table, trials: Mapping[str, int], latency_how: str | None
) -> list[dict[str, Any]]:
    """Every arm as data.

    Args:
        ablation: the run.
        table: its table, whose words stand in the page.
        trials: number of a trial of an arm, by its name.
        latency_how: how latencies were got, in a word.

    Returns:
        For each arm ``name``, ``mark``, ``changes``, ``reference``, ``difference`` (points),
        ``values`` (label, text, how), ``paper`` (in words), ``failed``, ``trial``, and ``net`` as
        ``nets.drawn`` gives it, with ``changed`` at the stages that are not the reference's.
    """
    classes = ablation.settings.classes
    nets = {arm.name: drawn(arm.architecture, classes) for arm in ablation.arms}
    rows = {row["arm"]: row for row in table.arms.to_dict("records")}
    judged = {row.arm: row for row in table.verdicts}
    how = _HOW | ({} if latency_how is None else {"latency (ms)": latency_how})
    found = []
    for arm in ablation.arms:
        own = judged.get(arm.name)
        found.append(
            {
                "name": arm.name,
                "mark": rows[arm.name].get("", ""),
                "changes": arm.changes,
                "reference": arm.reference,
                "difference": own and 100 * own.difference,
                "values": list(_values(rows[arm.name], how)),
                "paper": _paper(arm.claim),
                "failed": list(_failed(ablation, arm)),
                "trial": trials.get(arm.name),
                "net": _marked(nets[arm.name], nets.get(arm.reference or "")),
            }
        )
    return found


def first_shown(table: Table) -> str:
    """The arm that is shown first: the one that differs most, or the base."""
    known = [row for row in table.verdicts if isfinite(row.difference)]
    if not known:
        return table.verdicts.base
    return max(known, key=lambda row: (row.significant, abs(row.difference))).arm


def _values(row: Mapping[Any, str], how: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for name, text in row.items():
        if text and name not in _HEADINGS:
            yield str(name), text, how.get(name, "")


def _paper(claim: Claim | str | None) -> str:
    """Where a paper's number is from."""
    if not isinstance(claim, Claim):
        return ""
    said = (claim.paper, claim.base_model, claim.study, claim.setting, claim.notes)
    return "; ".join(part for part in said if part)


def _failed(ablation: Ablation, arm: Arm) -> Iterator[str]:
    for (name, seed), reason in sorted(ablation.failed.items()):
        if name == arm.name:
            yield f"seed {seed}: {reason}"


def _marked(net: dict[str, Any], reference: dict[str, Any] | None) -> dict[str, Any]:
    """A net with its stages marked that are not as in the net compared with."""
    if reference is None:
        return net
    same = {stage["name"]: (stage["layers"], stage["size"]) for stage in reference["stages"]}
    stages = [
        {**stage, "changed": same.get(stage["name"]) != (stage["layers"], stage["size"])}
        for stage in net["stages"]
    ]
    return {**net, "stages": stages}
