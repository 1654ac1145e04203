"""The recipe: how a network is trained, and the learning rate of each step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from archsearch.augment import Augmentation
from archsearch.datasets.tensors import Resolution

_LEAST_SIDE = 8

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]


class Recipe(BaseModel):
    """How a network is trained.

    Attributes:
        epochs: passes over the training images; a fraction is a part of a pass.
        batch_size: images a step; the last batch of a pass may be smaller, one of 1 is left out.
        optimizer: what turns gradients into steps; see ``optimizers.py``.
        learning_rate: highest learning rate.
        weight_decay: decoupled weight decay of kernels and matrices (not of biases and scales).
        schedule: how the learning rate falls after the warm-up.
        warmup: fraction of all steps over which the learning rate rises from 0.
        clip_norm: longest gradient (Euclidean norm over all parameters); None for any length.
        label_smoothing: share of the target that is spread over all classes.
        augmentation: random changes to the training images.
        mixup: alpha of mixup, 0 for none (Zhang et al. 2018); the share of an image is drawn from
            Beta(alpha, alpha).
        cutmix: alpha of CutMix, 0 for none (Yun et al. 2019). With both, each batch gets one of
            the two, as often as the other.
        ema_decay: decay a step of the averaged weights that are evaluated and kept; 0 for the
            weights themselves.
        precision: number format of the forward pass: ``bf16`` by autocast, ``auto`` for bf16 on a
            GPU that has it and float32 elsewhere. Weights, averages and evaluation are float32.
        compile: run the training step's network through ``torch.compile``.
        scale: training resolution / architecture's resolution.
        layer_scale: value that all layer scales start from; None for the papers' own (1e-6).
        seeds: number of repetitions that the caller makes with seeds of their own.
        evaluate_every: epochs between two points of the learning curve.
        time_limit_s: longest time that one training may take, evaluation included; None for any.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    epochs: Positive = 10.0
    batch_size: Annotated[int, Field(ge=2)] = 64
    optimizer: Literal["adamw", "nadam", "sgd", "muon"] = "adamw"
    learning_rate: Positive = 2e-3
    weight_decay: NonNegative = 0.05
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: Share = 0.1
    clip_norm: Positive | None = None
    label_smoothing: Share = 0.1
    augmentation: Augmentation = Augmentation()
    mixup: NonNegative = 0.0
    cutmix: NonNegative = 0.0
    ema_decay: Share = 0.0
    precision: Literal["float32", "bf16", "auto"] = "float32"
    compile: bool = False
    scale: Positive = 1.0
    layer_scale: NonNegative | None = None
    seeds: Annotated[int, Field(ge=1)] = 1
    evaluate_every: Annotated[int, Field(ge=1)] = 1
    time_limit_s: Positive | None = 600.0

    def resolution(self, of_architecture: Resolution) -> Resolution:
        """Training resolution of an architecture: its own times ``scale``, at least 8 pixels."""
        if isinstance(of_architecture, int):
            return self._scaled(of_architecture)
        height, width = of_architecture
        return self._scaled(height), self._scaled(width)

    def _scaled(self, side: int) -> int:
        return max(_LEAST_SIDE, round(side * self.scale))


SCHEDULES: Mapping[str, Callable[[float], float]] = {
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
    "linear": lambda done: 1 - done,
    "constant": lambda _: 1.0,
}
"""Share of the highest rate, by the share of the steps after the warm-up that are done."""


def learning_rate(step: int, steps: int, recipe: Recipe) -> float:
    """Linear warm-up from near 0 to the highest rate, then the schedule's way to near 0.

    Taken at the middle of the step, so that neither the first step nor the last is wasted on 0.
    """
    done = (step + 0.5) / steps
    if done < recipe.warmup:
        return recipe.learning_rate * done / recipe.warmup
    rest = (done - recipe.warmup) / (1 - recipe.warmup)
    return recipe.learning_rate * SCHEDULES[recipe.schedule](rest)
