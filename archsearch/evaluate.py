"""The cascade at work: from a package of jobs to outcomes. Knows no sampler and no store."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

import torch
from torch import Tensor

from archsearch.architecture import Architecture, Resolution
from archsearch.datasets import Images
from archsearch.devices.readings import Remembering
from archsearch.documents import Document
from archsearch.errors import InputError
from archsearch.initial_weights import build_by_path
from archsearch.measures import ACCURACY, accuracy_at, latency_measured
from archsearch.network import Network, build
from archsearch.pauses import Pauses
from archsearch.proxies import ProxyFailed, ProxyScore, score_all
from archsearch.seeds import derive
from archsearch.settings import Score
from archsearch.space import architecture_of
from archsearch.study import Study
from archsearch.training import Epoch, Training, TrainingFailed, batch_of
from archsearch.training.precision import torch_device
from archsearch.trial import CurvePoint, Measured, Stage


@dataclass(frozen=True)
class Job:
    """One stage of one trial: all that a worker needs to do it, as plain data.

    A training goes ``until`` the epoch of a rung, or to its end. ``reached`` are the epochs of what
    is known of it already, ``spent_s`` the seconds that they took.
    """

    number: int
    architecture: Mapping[str, Any]
    seed: int
    until: float | None = None
    reached: float = 0.0
    spent_s: float = 0.0


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
        self.pauses = Pauses(study.identity)
        self.processor = torch_device(study.settings.engine.processor)
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
        # Arms are compared: what they have in common is to begin alike.
        classes, plan = len(self.images.classes), self.study.plan
        if plan is None:
            net = build(architecture, classes, resolution=size, seed=seed)
        else:
            called = plan.blocks.get(architecture.id)
            net = build_by_path(architecture, classes, resolution=size, seed=seed, blocks=called)
        return net.to(self.processor), size


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
    found: list[dict[str, ProxyScore]] = []
    for init in range(stage.inits):
        net, size = bench.network(job, "score", *_later(init))
        for number, (images, labels) in enumerate(_batches(bench, stage, size)):
            seed = derive(job.seed, "score", *_later(init, number))
            batch = images.to(bench.processor), labels.to(bench.processor)
            found.append(score_all(net, *batch, stage.computed, seed=seed))
    return Outcome(
        job.number,
        "score",
        tuple(_scored(name, [scores[name] for scores in found]) for name in stage.computed),
    )


def _later(*numbers: int) -> tuple[int, ...]:
    """Place of a repetition: the first one has none, and so is what a study without more has."""
    return numbers if any(numbers) else ()


def _batches(bench: Workbench, stage: Score, size: Resolution) -> list[tuple[Tensor, Tensor]]:
    """Draw batches that share no image.

    Raises:
        InputError: there are too few training images for more than one.
    """
    count = stage.batches * stage.images
    images, labels = batch_of(bench.images, count, size, seed=bench.study.settings.seed)
    if stage.batches > 1 and len(images) < count:
        raise InputError(
            f"{stage.batches} batches of {stage.images} images need {count} training images, but "
            f"there are {len(images)}; lower cascade.score.batches or .images"
        )
    drawn = images.tensor_split(stage.batches), labels.tensor_split(stage.batches)
    return list(zip(*drawn, strict=True))


def _scored(name: str, scores: list[ProxyScore]) -> Measured:
    values = [score.value for score in scores]
    sd = stdev(values) if len(values) > 1 else None
    seconds = sum(score.seconds for score in scores)
    return Measured(name, fmean(values), "score", n=len(values), sd=sd, seconds=seconds)


@dataclass(frozen=True)
class _Leg:
    """What one repetition reached, and the points of its curve that were not known before."""

    accuracy: float
    points: tuple[Epoch, ...]


def _train(bench: Workbench, job: Job) -> Outcome:
    began = time.perf_counter()
    legs = [_leg(bench, job, number) for number in range(bench.study.settings.training.seeds)]
    seconds = time.perf_counter() - began
    curve = tuple(
        CurvePoint(repetition, e.epoch, e.train_loss, e.validation_accuracy, e.seconds)
        for repetition, leg in enumerate(legs)
        for e in leg.points
    )
    values = [leg.accuracy for leg in legs]
    accuracy = Measured(
        ACCURACY if job.until is None else accuracy_at(job.until),
        fmean(values),
        "train",
        n=len(values),
        sd=stdev(values) if len(values) > 1 else None,
        count=len(bench.images.validation_y),
        seconds=seconds,
    )
    if job.until is not None:
        return Outcome(job.number, "train", (accuracy,), curve)
    whole = Measured("train_s", job.spent_s + seconds, "train")  # what it cost stands at accuracy
    return Outcome(job.number, "train", (accuracy, whole), curve)


def _leg(bench: Workbench, job: Job, repetition: int) -> _Leg:
    """Train one repetition on to where its job says."""
    recipe, net = bench.study.settings.training, _architecture(job).id

    def begin() -> Training:
        network, size = bench.network(job, "train", repetition)
        seed = derive(job.seed, "train", repetition)
        return Training(network, bench.images, recipe, size, seed=seed)

    paused = job.number, net, repetition
    if job.reached:
        training = bench.pauses.resume(begin, *paused, until=job.until or recipe.epochs)
    else:
        training = begin()
    training.run(job.until)
    if job.until is not None:
        bench.pauses.drop_below(job.number - bench.study.settings.budget.generation)
        bench.pauses.keep(training, *paused)
    last = training.curve[-1] if training.curve else None
    at_point = last is not None and last.epoch == training.epoch
    known = round(job.reached * training.steps_per_epoch)
    return _Leg(
        last.validation_accuracy if last is not None and at_point else training.accuracy(),
        tuple(e for e in training.curve if round(e.epoch * training.steps_per_epoch) > known),
    )


def _architecture(job: Job) -> Architecture:
    return architecture_of(Document(f"trial {job.number}", dict(job.architecture)))


_STAGES: dict[Stage, Callable[[Workbench, Job], Outcome]] = {
    "latency": _latency,
    "score": _score,
    "train": _train,
}
