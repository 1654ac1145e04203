"""Measured latency in an ablation: an arm that a device cannot run is shown, never dropped."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_ablations import small_ablation
from stand_in_devices import ENDLESS, device, milliseconds

from archsearch.ablation.reader import Ablation, read_ablation
from archsearch.ablation.table import table_of
from archsearch.cost import count
from archsearch.runs import work_on
from archsearch.study import Study

pytestmark = pytest.mark.usefixtures("stand_ins")

ARMS = ["base", "convolution", "large_kernels", "expand_1", "expand_2"]


def macs_of(study: Study) -> dict[str, int]:
    assert study.plan is not None
    return {arm.name: count(arm.architecture, 10).macs for arm in study.plan.arms}


def worked(folder: Path, **settings: object) -> Ablation:
    study = small_ablation(seeds="2", classes="10", device=str(device("clock", **settings)))
    work_on(study, folder, lambda _: lambda: None)
    return read_ablation(folder)


def test_every_arm_is_measured(tmp_path: Path) -> None:
    """By the device of the file; the table says that it was measured."""
    found = worked(tmp_path / "run")
    assert found.latency is not None
    assert "measured" in found.latency
    plan = small_ablation().plan
    assert plan is not None
    for arm in plan.arms:
        expected = milliseconds(arm.architecture, 10)
        assert found.costs["latency_ms"][arm.name] == pytest.approx(expected)


def test_an_arm_that_the_device_cannot_run_is_shown_as_failed(tmp_path: Path) -> None:
    """In every seed, with the device's words; the other arms have all that they had."""
    macs = macs_of(small_ablation())
    largest = max(macs, key=macs.__getitem__)
    assert largest != "base"
    second = sorted(macs.values())[-2]
    found = worked(tmp_path / "run", refuses_above=second)
    assert found.failed == {(largest, seed): f"latency: {ENDLESS}" for seed in (0, 1)}
    others = [arm for arm in ARMS if arm != largest]
    assert found.frame[others].notna().all().all()
    table = table_of(found)
    row = table.arms[table.arms["arm"] == largest].iloc[0]
    assert "2 failed" in row["accuracy (%)"]
    assert any(ENDLESS in note and largest in note for note in table.notes)
    assert found.costs["latency_ms"][others].notna().all()
