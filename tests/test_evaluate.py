"""A candidate that breaks in any way is a failed trial with its reason, never the end of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stand_in_devices import ENDLESS, Settings, device, latency, milliseconds, notes
from torch import Tensor, nn

from archsearch import evaluate
from archsearch.datasets import Images, load
from archsearch.documents import Document
from archsearch.evaluate import Job, Package, Workbench
from archsearch.measures import latency_in
from archsearch.proxies import ProxyScore
from archsearch.settings import Score
from archsearch.space import architecture_of
from archsearch.study import Study
from archsearch.trial import Measured

BENCH_SEED = 5


@pytest.fixture(scope="module")
def images(tiny_study: Study) -> Images:
    return load(tiny_study.settings.data)


@pytest.fixture
def job(tiny_study: Study) -> Job:
    net = tiny_study.space.sample(np.random.default_rng(0))
    return Job(0, net.to_data(), BENCH_SEED)


def with_training(study: Study, **changes: Any) -> Study:
    recipe = study.settings.training.model_copy(update=changes)
    return replace(study, settings=study.settings.model_copy(update={"training": recipe}))


def error_of(study: Study, images: Images, job: Job, stage: Any = "train") -> str:
    (outcome,) = Workbench(study, images).evaluate(Package(stage, (job,)))
    assert outcome.error is not None
    assert not outcome.measures
    return outcome.error


def test_a_training_reports_accuracy_curve_and_time(
    tiny_study: Study, images: Images, job: Job
) -> None:
    """A trained job has an accuracy over its repetitions and a learning curve of each."""
    study = with_training(tiny_study, seeds=3, epochs=2.0)
    (outcome,) = Workbench(study, images).evaluate(Package("train", (job,)))
    accuracy, seconds = outcome.measures
    last = [p.validation_accuracy for p in outcome.curve if p.epoch == 2.0]
    assert outcome.error is None
    assert (accuracy.name, accuracy.n, accuracy.count) == ("val_accuracy", 3, 100)
    assert accuracy.value == pytest.approx(np.mean(last))
    assert accuracy.sd == pytest.approx(np.std(last, ddof=1))
    assert {p.repetition for p in outcome.curve} == {0, 1, 2}
    assert seconds.name == "train_s"
    assert seconds.value > 0


def test_equal_jobs_give_equal_outcomes(tiny_study: Study, images: Images, job: Job) -> None:
    """A worker's answer depends on the job alone, not on what it did before."""
    bench = Workbench(tiny_study, images)
    first = bench.evaluate(Package("train", (job,)))[0]
    bench.evaluate(Package("score", (job,)))
    again = bench.evaluate(Package("train", (job,)))[0]
    assert first.measures[0].value == again.measures[0].value
    assert [p.train_loss for p in first.curve] == [p.train_loss for p in again.curve]


def test_scores_are_those_of_the_study(tiny_study: Study, images: Images, job: Job) -> None:
    """A scored job has a finite number for every proxy of the study."""
    (outcome,) = Workbench(tiny_study, images).evaluate(Package("score", (job,)))
    assert [m.name for m in outcome.measures] == ["naswot", "synflow"]
    assert all(np.isfinite(m.value) for m in outcome.measures)


def with_score(study: Study, **changes: Any) -> Study:
    score = Score(**{"proxies": ("naswot",), "images": 8, **changes})
    cascade = study.settings.cascade.model_copy(update={"score": score})
    return replace(study, settings=study.settings.model_copy(update={"cascade": cascade}))


def scored(study: Study, images: Images, job: Job) -> dict[str, Measured]:
    (outcome,) = Workbench(study, images).evaluate(Package("score", (job,)))
    assert outcome.error is None
    return {m.name: m for m in outcome.measures}


def test_scores_are_repeated_over_initialisations_and_batches(
    tiny_study: Study, images: Images, job: Job
) -> None:
    """Mean and deviation of all pairs; the first is what a study without repetitions has."""
    once = scored(with_score(tiny_study), images, job)["naswot"]
    inits, batches, both = (
        scored(with_score(tiny_study, **more), images, job)["naswot"]
        for more in ({"inits": 2}, {"batches": 3}, {"inits": 2, "batches": 3})
    )
    assert (once.n, once.sd) == (1, None)
    assert (inits.n, batches.n, both.n) == (2, 3, 6)
    assert inits.sd is not None
    assert inits.sd == pytest.approx(abs(inits.value - once.value) * 2**0.5)
    assert batches.sd is not None
    assert batches.sd > 0
    assert len({once.value, inits.value, batches.value, both.value}) == 4


def test_every_pair_has_its_own_net_images_and_seed(
    tiny_study: Study, images: Images, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Initialisations share the batches; no image is in two of them."""
    seen: list[tuple[bytes, list[bytes], int]] = []

    def note(net: nn.Module, batch: Tensor, *_: Any, seed: int) -> dict[str, ProxyScore]:
        weights = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
        seen.append((weights, [image.numpy().tobytes() for image in batch], seed))
        return {"naswot": ProxyScore(1.0, 0.5)}

    monkeypatch.setattr(evaluate, "score_all", note)
    study = with_score(tiny_study, inits=2, batches=3)
    found = scored(study, images, job)["naswot"]
    nets, batches, seeds = zip(*seen, strict=True)
    assert nets[0] == nets[1] == nets[2] != nets[3] == nets[4] == nets[5]
    assert batches[:3] == batches[3:]
    assert len({image for batch in batches[:3] for image in batch}) == 24
    assert len(set(seeds)) == 6
    assert found.seconds == 3.0


def test_counted_measures_are_not_scored_again(tiny_study: Study, images: Images, job: Job) -> None:
    """The screen has counted them, for the deployment and not for these images."""
    study = with_score(tiny_study, proxies=("params", "naswot", "macs"))
    assert list(scored(study, images, job)) == ["naswot"]
    ensemble = with_score(tiny_study, proxies=None, ensemble="az_nas")
    assert list(scored(ensemble, images, job)) == [
        "az_expressivity", "az_progressivity", "az_trainability",
    ]  # fmt: skip


def test_too_few_images_for_the_batches_is_a_reason(
    tiny_study: Study, images: Images, job: Job
) -> None:
    """No batch is silently smaller than it should be."""
    study = with_score(tiny_study, images=101, batches=2)
    assert error_of(study, images, job, "score") == (
        "score: 2 batches of 101 images need 202 training images, but there are 200; lower "
        "cascade.score.batches or .images"
    )


def test_divergence_is_a_reason(tiny_study: Study, images: Images, job: Job) -> None:
    """A loss that is no longer finite fails the trial."""
    study = with_training(tiny_study, learning_rate=1e30, epochs=3.0, warmup=0.0)
    assert error_of(study, images, job).startswith("train: the loss is nan after")


def test_the_time_limit_is_a_reason(tiny_study: Study, images: Images, job: Job) -> None:
    """A training that takes too long fails the trial."""
    study = with_training(tiny_study, epochs=500.0, time_limit_s=0.2)
    assert "0.2 s" in error_of(study, images, job)


class Broken(nn.Module):
    """A net whose forward pass does what a test wants."""

    def __init__(self, forward: Any) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.forward = forward


def ask_for_a_petabyte(_: Any) -> None:
    torch.empty(10**15, dtype=torch.uint8)


def raise_memory_error(_: Any) -> None:
    raise MemoryError


def divide_by_zero(_: Any) -> None:
    raise ZeroDivisionError("in the\nforward pass")


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        (ask_for_a_petabyte, "train: out of memory"),
        (raise_memory_error, "train: out of memory"),
        (divide_by_zero, "train: ZeroDivisionError: in the"),
    ],
)
def test_a_net_that_raises_is_a_reason(
    forward: Any,
    reason: str,
    tiny_study: Study,
    images: Images,
    job: Job,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Running out of memory and any other exception fail the trial, in one line."""
    monkeypatch.setattr(evaluate, "build", lambda *_, **__: Broken(forward))
    assert error_of(tiny_study, images, job) == reason


def test_one_failure_in_a_package_spares_the_others(
    tiny_study: Study, images: Images, job: Job
) -> None:
    """Jobs of a package fail one by one."""
    bad = Job(1, {"schema": 1, "stem": "patch", "stages": []}, 0)
    outcomes = Workbench(tiny_study, images).evaluate(Package("score", (job, bad, job)))
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]


@pytest.mark.usefixtures("stand_ins")
def test_a_measured_latency_is_a_stage_of_its_own(
    tiny_study: Study, images: Images, job: Job, tmp_path: Path
) -> None:
    """The study's device is asked with the study's classes; all that it says is kept."""
    clock = device("clock", log=str(tmp_path / "log"))
    settings = tiny_study.settings.model_copy(update={"device": clock})
    study = replace(tiny_study, settings=settings)
    bench = Workbench(study, images)
    outcomes = bench.evaluate(Package("latency", (job, job)))
    bench.close()
    net = architecture_of(Document("job", dict(job.architecture)))
    assert study.stages == ("latency", "score", "train")
    found = [latency_in({m.name: m for m in outcome.measures}) for outcome in outcomes]
    said = latency(Settings(kind="clock"), "measured", milliseconds(net, 10))
    assert found == [said, said]
    assert outcomes[0].measures[0].value == said.latency_ms
    assert notes(tmp_path / "log") == ["opened", f"asked {net.id}", "answered", "closed"]


@pytest.mark.usefixtures("stand_ins")
def test_a_device_that_fails_is_a_reason(tiny_study: Study, images: Images, job: Job) -> None:
    """In the device's own words."""
    clock = device("clock", refuses_above=1)
    settings = tiny_study.settings.model_copy(update={"device": clock})
    study = replace(tiny_study, settings=settings)
    assert error_of(study, images, job, "latency") == f"latency: {ENDLESS}"
