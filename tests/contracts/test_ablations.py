"""What every shipped ablation promises; a new file in studies/ is tested here as soon as it exists.

See README.md in this folder.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from archsearch.ablation.formats import FORMATS, rendered
from archsearch.ablation.reader import read_ablation
from archsearch.ablation.table import table_of
from archsearch.arms.plan import Plan
from archsearch.cost import count
from archsearch.network import build
from archsearch.progress import progress
from archsearch.runs import work_on
from archsearch.significance.power import smallest_p
from archsearch.study import load_study

FILES = sorted((Path(__file__).parents[2] / "studies").glob("ablation_*.yaml"))
LEAST_SIDE = 4
SEEDS = 2
SMALL = (
    "data={name: digits, train: 40, validation: 30}",
    "training.epochs=1",
    "training.evaluate_every=1",
    "training.batch_size=20",
    f"seeds={SEEDS}",
    "engine.name=local",
)

every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def plan_in(file: Path) -> Plan:
    """Its arms."""
    plan = load_study(file).plan
    assert plan is not None
    return plan


def test_the_papers_ablations_are_shipped() -> None:
    """One file at least for each family, and for each net that circular convolution is put into."""
    names = {file.stem.removeprefix("ablation_") for file in FILES}
    assert {"edgenext", "hornet", "parcnet", "cmt"} <= names
    assert {f"parc_in_{net}" for net in ("resnet", "mobilenetv2", "convnext")} <= names


@every_file
def test_is_called_as_its_file(file: Path) -> None:
    """So that its run is where the file says."""
    plan = plan_in(file)
    assert plan.settings.name == file.stem
    text = file.read_text(encoding="utf-8")
    assert f"archsearch run studies/{file.name}\n" in text
    assert f"archsearch table runs/{file.stem}\n" in text


@every_file
def test_states_what_the_papers_found_of_every_change(file: Path) -> None:
    """A row of ablations.csv, or that none was found."""
    for name, factor in plan_in(file).settings.factors.items():
        for label, level, _ in factor.changes(name):
            assert level.claim is not None, label


@every_file
def test_every_arm_builds_as_it_is_counted(file: Path) -> None:
    """Params of the module are those counted, and an image at the training size gives logits."""
    plan = plan_in(file)
    for arm in plan.arms:
        size = plan.settings.training.resolution(arm.architecture.size)
        assert size == arm.architecture.size
        net = build(arm.architecture, plan.settings.classes, seed=0).eval()
        params = sum(parameter.numel() for parameter in net.parameters())
        assert params == count(arm.architecture, plan.settings.classes).params, arm.name
        side = size if isinstance(size, int) else size[0]
        assert net(torch.zeros(1, 3, side, side)).shape == (1, plan.settings.classes)


@every_file
def test_no_map_vanishes(file: Path) -> None:
    """Global kernels and attention over pixels have pixels to see in every block."""
    for arm in plan_in(file).arms:
        for place in arm.architecture.places():
            if ".blocks." in place.path:
                assert min(place.site.height, place.site.width) >= LEAST_SIDE, place.path


@every_file
def test_its_seeds_can_show_something(file: Path) -> None:
    """Holm's smallest p is under alpha (effects of a fraction have a test of their own)."""
    plan = plan_in(file)
    if plan.settings.design_name != "fractional_factorial":
        seeds, arms = plan.settings.seeds.most, len(plan.references)
        assert smallest_p(seeds, arms)[1] <= plan.settings.alpha


@every_file
def test_runs_and_gives_its_table(file: Path, tmp_path: Path) -> None:
    """For real at a tiny budget: every arm has every seed, and two tables of it are the same."""
    study = load_study(file, SMALL)
    with progress(Console(quiet=True)) as watch:
        work_on(study, tmp_path / "run", watch)
    ablation = read_ablation(tmp_path / "run")
    assert ablation.state == "finished"
    assert ablation.frame.shape == (SEEDS, len(ablation.arms))
    assert np.isfinite(ablation.frame.to_numpy()).all(), ablation.failed
    for name in (*FORMATS, "csv"):
        one, other = (
            rendered(table_of(read_ablation(tmp_path / "run")), name, Path("-"), None)
            for _ in range(2)
        )
        assert one == other
        assert all(arm.name in one.replace("\\_", "_") for arm in ablation.arms)
