"""What a run remembers of one candidate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Scalar = str | int | float | bool
Choices = dict[str, Scalar]
"""A point of a space: the label chosen at each leaf that is active, by the leaf's path."""

State = Literal["waiting", "complete", "stopped", "failed"]
"""waiting: proposed, some stage still to do. complete: every stage of the cascade done.
stopped: a stage did not promote it, or it breaks a limit on what was measured, which is then its
``error``. failed: a stage raised, diverged or ran out of time.
There is no "running": what runs is known to the driver alone, so a kill leaves nothing behind."""

Stage = Literal["screen", "latency", "score", "train"]


ARM = "arm"
"""Origin of the trials of an ablation; their choices are ``arm`` (its name) and ``seed``."""


@dataclass(frozen=True)
class Measured:
    """One measured number of one trial.

    ``value`` is the mean over ``n`` repetitions and ``sd`` their standard deviation (ddof 1), None
    when n is 1. ``count`` is the number of images behind an accuracy, 0 elsewhere. ``stage`` is
    the stage of the cascade that made it, ``seconds`` what it cost.

    A latency has a ``reading`` as well: the fields of ``devices.reading.Latency``, which say on
    which device and in which way it was found. Its ``value`` is the median.
    """

    name: str
    value: float
    stage: Stage
    n: int = 1
    sd: float | None = None
    count: int = 0
    seconds: float = 0.0
    reading: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class CurvePoint:
    """One epoch of one training: the learning curve of a trial has one a repetition and epoch."""

    repetition: int
    epoch: float
    train_loss: float
    validation_accuracy: float
    seconds: float


@dataclass(frozen=True)
class Trial:
    """One candidate that passed the screen.

    ``origin`` says who proposed it: "published:NAME", "start", "sampler" or "arm". ``note`` is the
    sampler's own JSON memory of the proposal. ``told`` holds what the sampler was told at the end
    of the generation (objective values in the study's order), None before that or after a failure.
    """

    number: int
    generation: int
    origin: str
    choices: Choices
    architecture_id: str
    architecture: Mapping[str, Any]
    seed: int
    note: Mapping[str, Any] = field(default_factory=dict)
    state: State = "waiting"
    stage: Stage = "screen"
    measures: Mapping[str, Measured] = field(default_factory=dict)
    told: tuple[float, ...] | None = None
    error: str | None = None
    finished_s: float | None = None
