"""Runs of ablations: blocks of seeds, kills, failures, adaptive seeds, common random numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from small_ablations import small_ablation
from small_runs import Killed, by_number, folder, kill_at, new_run, opened, proposals
from torch import Tensor

from archsearch.ablation.reader import read_ablation
from archsearch.arms.record import accuracies, cells_of
from archsearch.datasets import load
from archsearch.evaluate import Job, Outcome, Package, Workbench
from archsearch.measures import ACCURACY
from archsearch.results import open_run
from archsearch.search import Run
from archsearch.study import Study
from archsearch.summary import summarize
from archsearch.trial import Measured, Trial

__all__ = ["folder"]

Effect = Callable[[Trial], float]


def finish(run: Run, effect: Effect = lambda _: 0.0, fail: Sequence[int] = ()) -> Run:
    """Work on a run with accuracies that depend on the seed and on the arm's ``effect``."""
    while (package := run.next_package()) is not None:
        run.finish([_outcome(run.trials[job.number], fail, effect) for job in package.jobs])
    return run


def _outcome(trial: Trial, fail: Sequence[int], effect: Effect) -> Outcome:
    if trial.number in fail:
        return Outcome(trial.number, "train", error="train: the loss is nan")
    rng = np.random.default_rng([trial.seed, int(trial.architecture_id, 16) % 2**32])
    value = float(np.clip(0.5 + effect(trial) + rng.normal(0, 0.01), 0, 1))
    return Outcome(trial.number, "train", (Measured(ACCURACY, value, "train", count=50),))


def of_arm(name: str, by: float) -> Effect:
    """An effect of one arm alone."""
    return lambda trial: by if trial.choices["arm"] == name else 0.0


def seen(run: Run) -> list[tuple[object, object]]:
    return [(t.choices["arm"], t.choices["seed"]) for t in by_number(run)]


ARMS = ["base", "convolution", "large_kernels", "expand_1", "expand_2"]


def test_a_generation_is_one_seed_of_every_arm(folder: Path) -> None:
    """So a run that is stopped anywhere is balanced to within one seed."""
    run = finish(new_run(small_ablation(), folder / "a" / "run.sqlite"))
    assert seen(run) == [(arm, seed) for seed in range(3) for arm in ARMS]
    assert [t.generation for t in by_number(run)] == [seed for seed in range(3) for _ in ARMS]
    assert {t.origin for t in run.trials.values()} == {"arm"}
    assert {t.state for t in run.trials.values()} == {"complete"}
    assert not run.has_work
    assert not run.exhausted


def test_arms_of_one_seed_share_it_and_seeds_differ(folder: Path) -> None:
    """All randomness of a training descends from it."""
    run = finish(new_run(small_ablation(), folder / "a" / "run.sqlite"))
    seeds = {(t.choices["seed"], t.seed) for t in run.trials.values()}
    assert len(seeds) == 3
    assert len({seed for _, seed in seeds}) == 3
    other = finish(new_run(small_ablation(seed="1"), folder / "b" / "run.sqlite"))
    assert not {t.seed for t in other.trials.values()} & {seed for _, seed in seeds}


def test_an_arm_that_is_added_moves_no_other_ones_seed(folder: Path) -> None:
    """Nor the order in which the file has them."""
    few = finish(
        new_run(small_ablation(factors="{a: {remove: sdta}}"), folder / "a" / "run.sqlite")
    )
    many = "{b: {set: {sdta.heads: 4}}, a: {remove: sdta}}"
    more = finish(new_run(small_ablation(factors=many), folder / "b" / "run.sqlite"))
    accuracy = [
        {(t.choices["arm"], t.choices["seed"]): t.measures[ACCURACY].value for t in by_number(run)}
        for run in (few, more)
    ]
    assert accuracy[0].items() <= accuracy[1].items()


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("adaptive", [False, True])
def test_a_run_killed_at_any_write_goes_on_as_if_nothing_had_happened(
    folder: Path, after: bool, adaptive: bool
) -> None:
    """The same arms with the same seeds, also where seeds are added by what was seen."""
    seeds = "{first: 4, most: 7, adaptive: true}" if adaptive else "2"
    study = small_ablation(seeds=seeds, factors="{a: {remove: sdta}, b: {set: {sdta.heads: 4}}}")
    effect = of_arm("a", 0.2)
    whole = proposals(by_number(finish(new_run(study, folder / "whole" / "run.sqlite"), effect)))
    for moment in range(0, 40, 3):
        path = folder / str(moment) / "run.sqlite"
        run = new_run(study, path)
        kill_at(run.store, moment, after)
        with suppress(Killed):
            finish(run, effect)
        run.store.close()
        run = Run(study, opened(path))
        assert proposals(by_number(finish(run, effect))) == whole
        run.store.close()


def test_more_seeds_go_on_where_fewer_ended(folder: Path) -> None:
    """And are those that a run with so many would have had."""
    path = folder / "a" / "run.sqlite"
    finish(new_run(small_ablation(seeds="2"), path)).store.close()
    more = small_ablation(seeds="4")
    longer = finish(Run(more, opened(path)))
    at_once = finish(new_run(more, folder / "b" / "run.sqlite"))
    assert proposals(by_number(longer)) == proposals(by_number(at_once))


def test_fewer_seeds_than_there_are_leave_a_run_complete(folder: Path) -> None:
    """Nothing is thrown away, and what is there is all that is asked."""
    path = folder / "a" / "run.sqlite"
    finish(new_run(small_ablation(seeds="3"), path)).store.close()
    run = Run(small_ablation(seeds="2"), opened(path))
    assert not run.has_work
    now = summarize(run.study, run.trials.values(), run.counts, 1.0)
    assert (now.state, now.done, now.budget_trials) == ("finished", 15, 15)


def test_a_failed_training_is_a_failed_trial_with_its_reason(folder: Path) -> None:
    """The others of its seed and its other seeds go on; the reader tells arm, seed and reason."""
    run = finish(new_run(small_ablation(), folder / "run.sqlite"), fail=[6])
    assert Counter(t.state for t in run.trials.values()) == {"complete": 14, "failed": 1}
    run.store.close()
    ablation = read_ablation(folder / "run.sqlite")
    assert ablation.failed == {("convolution", 1): "train: the loss is nan"}
    assert ablation.frame.isna().sum().sum() == 1
    assert ablation.frame["convolution"].isna().tolist() == [False, True, False]


ADAPTIVE = {
    "factors": "{a: {remove: sdta}, b: {set: {sdta.heads: 4}}}",
    "seeds": "{first: 6, most: 12, adaptive: true}",
}


def test_an_arm_that_is_decided_gets_no_more_seeds(folder: Path) -> None:
    """One with a great effect stops before one whose effect is near what the seeds can show."""
    effect: Effect = lambda t: {"a": 0.3, "b": 0.009}.get(str(t.choices["arm"]), 0.0)  # noqa: E731
    run = finish(new_run(small_ablation(**ADAPTIVE), folder / "a" / "run.sqlite"), effect)
    often = Counter(t.choices["arm"] for t in run.trials.values())
    assert 6 <= often["a"] < often["b"] <= often["base"] <= 12
    frame = accuracies(cells_of(run.trials.values()), ["base", "a", "b"])
    assert frame.notna().sum().to_dict() == often


def test_a_run_that_wants_no_more_seeds_is_complete(folder: Path) -> None:
    """Before every arm has had the most; it says so, and a restart does nothing."""
    effect: Effect = lambda t: 0.3 * (t.choices["arm"] != "base")  # noqa: E731
    path = folder / "a" / "run.sqlite"
    study = small_ablation(**ADAPTIVE)
    run = finish(new_run(study, path), effect)
    assert len(run.trials) < 3 * 12
    now = summarize(study, run.trials.values(), run.counts, 1.0)
    assert now.state == "finished"
    assert now.done == now.budget_trials == len(run.trials)
    run.store.close()
    again = Run(study, opened(path))
    assert not again.has_work
    assert again.next_package() is None


def test_a_road_map_adds_seeds_to_an_arm_and_to_what_it_is_compared_with(folder: Path) -> None:
    """A step is judged by the one before it, so both get the seed."""
    effect: Effect = lambda t: {"a": 0.3, "b": 0.306}.get(str(t.choices["arm"]), 0.0)  # noqa: E731
    factors = "{a: {set: {conv_encoder.kernel: 7}}, b: {set: {sdta.heads: 4}}}"
    seeds = "{first: 8, most: 12, adaptive: true}"
    study = small_ablation(factors=factors, seeds=seeds, design="cumulative")
    run = finish(new_run(study, folder / "a" / "run.sqlite"), effect)
    often = Counter(t.choices["arm"] for t in run.trials.values())
    assert often["base"] < often["a"] == often["b"]


def test_a_summary_counts_arms_and_seeds(folder: Path) -> None:
    """While it goes on and after it: done, failed, waiting."""
    study = small_ablation(seeds="2")
    run = new_run(study, folder / "a" / "run.sqlite")
    for _ in range(6):
        package = run.next_package()
        assert package is not None
        run.finish([_outcome(run.trials[j.number], [1], lambda _: 0.0) for j in package.jobs])
    now = summarize(study, run.trials.values(), run.counts, 61.0)
    rows = now.rows()
    assert rows["state"] == "unfinished (generation 1, training)"
    assert rows["trainings"] == "6 of 10 done: 5 complete, 1 failed; 4 waiting"
    assert rows["arms x seeds"].startswith("base 2 of 2, convolution 1 of 2 (1 failed), large_k")
    assert rows["failed"] == "1 (1 train: the loss is nan)"
    assert now.best is None


def test_a_run_reads_as_one_of_arms_and_seeds(folder: Path) -> None:
    """As choices, as the reader's frame, with the costs of every arm before it was trained."""
    run = new_run(small_ablation(seeds="2"), folder / "run.sqlite")
    for _ in range(7):
        package = run.next_package()
        assert package is not None
        run.finish([_outcome(run.trials[j.number], [], lambda _: 0.0) for j in package.jobs])
    run.store.close()
    path = folder / "run.sqlite"
    assert list(open_run(path).choices.columns) == ["number", "arm", "seed"]
    found = read_ablation(path)
    assert list(found.frame.columns) == ARMS
    assert found.frame.index.tolist() == [0, 1]
    assert found.frame.notna().sum().tolist() == [2, 2, 1, 1, 1]
    assert list(found.costs.columns) == ["params", "macs"]
    assert found.costs.notna().all().all()
    assert (found.images, found.state, found.base) == (50, "unfinished", "base")
    assert found.failed == {}
    assert found.references == dict.fromkeys(ARMS[1:], "base")
    assert found.claims["expand", "expand_1"] is None
    assert found.levels.loc["expand_2", "expand"] == "expand_2"


def test_an_ablation_with_a_device_has_exact_latencies(folder: Path) -> None:
    """Predicted for every arm at its border, the same in every seed."""
    study = small_ablation(seeds="2", device="raspberry_pi_4")
    run = finish(new_run(study, folder / "run.sqlite"))
    run.store.close()
    found = read_ablation(folder / "run.sqlite")
    assert found.costs["latency_ms"].notna().all()
    assert found.latency is not None
    assert found.latency.startswith("latency on Raspberry Pi 4 (ms, predicted")


def arms_at_work(study: Study) -> list[tuple[Workbench, Job]]:
    """A bench and the work of one seed of every arm."""
    bench = Workbench(study, load(study.settings.data))
    assert study.plan is not None
    return [
        (bench, Job(number, arm.architecture.to_data(), seed=11))
        for number, arm in enumerate(study.plan.arms)
    ]


def test_arms_begin_with_the_same_weights_where_they_can() -> None:
    """Wherever a parameter has the same path and shape, and is initialised in the same way."""
    nets = [
        dict(bench.network(job, "train", 0)[0].named_parameters())
        for bench, job in arms_at_work(small_ablation())
    ]
    base, *others = nets
    for arm in others:
        both = [name for name in arm if name in base and arm[name].shape == base[name].shape]
        equal = [name for name in both if torch.equal(arm[name], base[name])]
        assert len(equal) > len(base) / 2
        for name in {*both} - {*equal}:  # a bias starts within a bound that its kernel's size sets
            kernel = name.replace("bias", "weight")
            assert name.endswith(".bias")
            assert arm[kernel].shape != base[kernel].shape


def test_arms_see_the_same_images_in_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Augmented alike: what is fed to the nets is equal to the bit, in each step of a seed."""
    training = "{epochs: 1, batch_size: 32, augmentation: {shift: 0.1, rotation: 8.0}, mixup: 0.2}"
    fed: list[list[Tensor]] = []
    made = Workbench.network

    def watched(bench: Workbench, job: Job, *place: str | int) -> tuple[torch.nn.Module, object]:
        net, size = made(bench, job, *place)
        images: list[Tensor] = []
        fed.append(images)
        net.stem.register_forward_pre_hook(lambda _, inputs: images.append(inputs[0].clone()))
        return net, size

    monkeypatch.setattr(Workbench, "network", watched)
    for bench, job in arms_at_work(small_ablation(training=training)):
        (outcome,) = bench.evaluate(Package("train", (job,)))
        assert outcome.error is None
    first, *others = fed
    assert len(first) > 3
    for images in others:
        assert len(images) == len(first)
        assert all(torch.equal(x, y) for x, y in zip(images, first, strict=True))
