"""The cascade at work: from a package of jobs to outcomes. Knows no sampler and no store."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

import torch

from archsearch.architecture import Architecture, Resolution
from archsearch.datasets import Images
from archsearch.devices.readings import Remembering
from archsearch.documents import Document
from archsearch.errors import InputError
from archsearch.measures import latency_measured
from archsearch.network import Network, build
from archsearch.proxies import ProxyFailed, score_all
from archsearch.seeds import derive
from archsearch.space import architecture_of
from archsearch.study import Study
from archsearch.training import Trained, TrainingFailed, batch_of, train
from archsearch.trial import CurvePoint, Measured, Stage


@dataclass(frozen=True)
class Job:
    """One stage of one trial: all that a worker needs to do it, as plain data."""

    number: int
    architecture: Mapping[str, Any]
    seed: int


@dataclass(frozen=True)
class Package:
    """Jobs of one stage that a worker does in one go."""

    stage: Stage
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Outcome:
    """What came of one job; ``error`` says why it failed."""

    number: int
    stage: Stage
    measures: tuple[Measured, ...] = ()
    curve: tuple[CurvePoint, ...] = ()
    error: str | None = None


class Workbench:
    """A worker's place: the study and its images, loaded once."""

    def __init__(self, study: Study, images: Images) -> None:
        self.study = study
        self.images = images
        self.device = Remembering(study.device) if study.device is not None else None

    def close(self) -> None:
        """Close the device, if the study has one."""
        if self.device is not None:
            self.device.close()

    def evaluate(self, package: Package) -> list[Outcome]:
        """Do every job of a package. A job that raises becomes a failed outcome with its reason."""
        torch.set_num_threads(self.study.settings.engine.threads)
        return [self._outcome(package.stage, job) for job in package.jobs]

    def _outcome(self, stage: Stage, job: Job) -> Outcome:
        try:
            return _STAGES[stage](self, job)
        except (TrainingFailed, ProxyFailed, InputError) as error:
            reason = str(error)
        except MemoryError:
            reason = "out of memory"
        except Exception as error:
            text = str(error).strip().split("\n")[0]
            memory = "can't allocate memory" in str(error) or "out of memory" in str(error)
            reason = "out of memory" if memory else f"{type(error).__name__}: {text}"
        return Outcome(job.number, stage, error=f"{stage}: {reason}")

    def network(self, job: Job, *place: str | int) -> tuple[Network, Resolution]:
        """Build a job's net for the training resolution, initialised from the job's seed."""
        architecture = _architecture(job)
        size = self.study.settings.training.resolution(architecture.size)
        seed = derive(job.seed, "init", *place)
        return build(architecture, len(self.images.classes), resolution=size, seed=seed), size


MakeBench = Callable[[Study, Images], Workbench]
"""How a worker gets its place; benchmarks put one that measures nothing there."""


def _latency(bench: Workbench, job: Job) -> Outcome:
    device = bench.device
    assert device is not None  # noqa: S101 (no device, no such package)
    began = time.perf_counter()
    latency = device.latency(_architecture(job), bench.study.settings.classes)
    seconds = time.perf_counter() - began
    return Outcome(job.number, "latency", (latency_measured(latency, "latency", seconds),))


def _score(bench: Workbench, job: Job) -> Outcome:
    stage = bench.study.settings.cascade.score
    assert stage is not None  # noqa: S101 (no score stage, no such package)
    net, size = bench.network(job, "score")
    images, labels = batch_of(bench.images, stage.images, size, seed=bench.study.settings.seed)
    found = score_all(net, images, labels, stage.proxies, seed=derive(job.seed, "score"))
    return Outcome(
        job.number,
        "score",
        tuple(
            Measured(name, score.value, "score", seconds=score.seconds)
            for name, score in found.items()
        ),
    )


def _train(bench: Workbench, job: Job) -> Outcome:
    recipe = bench.study.settings.training
    began = time.perf_counter()
    runs: list[Trained] = []
    for repetition in range(recipe.seeds):
        net, size = bench.network(job, "train", repetition)
        runs.append(
            train(net, bench.images, recipe, size, seed=derive(job.seed, "train", repetition))
        )
    seconds = time.perf_counter() - began
    curve = tuple(
        CurvePoint(repetition, e.epoch, e.train_loss, e.validation_accuracy, e.seconds)
        for repetition, run in enumerate(runs)
        for e in run.curve
    )
    return Outcome(
        job.number,
        "train",
        (_accuracy(runs, seconds), Measured("train_s", seconds, "train", seconds=seconds)),
        curve,
    )


def _accuracy(runs: list[Trained], seconds: float) -> Measured:
    values = [run.validation_accuracy for run in runs]
    sd = stdev(values) if len(values) > 1 else None
    return Measured(
        "val_accuracy",
        fmean(values),
        "train",
        n=len(values),
        sd=sd,
        count=runs[0].validation_count,
        seconds=seconds,
    )


def _architecture(job: Job) -> Architecture:
    return architecture_of(Document(f"trial {job.number}", dict(job.architecture)))


_STAGES: dict[Stage, Callable[[Workbench, Job], Outcome]] = {
    "latency": _latency,
    "score": _score,
    "train": _train,
}
