"""Short real training: the hot loop in plain view."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F

from archsearch.augment import Augmentation, augment
from archsearch.datasets.images import Images
from archsearch.datasets.split import deal, shuffled_classes
from archsearch.datasets.tensors import Normalisation, Resolution, resized
from archsearch.errors import InputError
from archsearch.layer_scale import set_layer_scale
from archsearch.seeds import derive

_EVALUATION_BATCH = 250
_LEAST_SIDE = 8

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]


class TrainingFailed(RuntimeError):  # noqa: N818 (an outcome of a trial, not a fault)
    """A training that gave no accuracy; the message says why and what to change."""


class Diverged(TrainingFailed):
    """The loss or the network's output was no longer finite."""


class TimeLimit(TrainingFailed):
    """The recipe's time limit was reached."""


class Recipe(BaseModel):
    """How a network is trained.

    Attributes:
        epochs: passes over the training images; a fraction is a part of a pass.
        batch_size: images a step; the last batch of a pass may be smaller, one of 1 is left out.
        learning_rate: highest learning rate of AdamW.
        weight_decay: decoupled weight decay of kernels and matrices (not of biases and scales).
        warmup: fraction of all steps over which the learning rate rises from 0.
        label_smoothing: share of the target that is spread over all classes.
        augmentation: random changes to the training images.
        scale: training resolution / architecture's resolution.
        layer_scale: value that all layer scales start from; None for the papers' own (1e-6).
        seeds: number of repetitions that the caller makes with seeds of their own.
        evaluate_every: epochs between two points of the learning curve.
        time_limit_s: longest time that one training may take, evaluation included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    epochs: Positive = 10.0
    batch_size: Annotated[int, Field(ge=2)] = 64
    learning_rate: Positive = 2e-3
    weight_decay: NonNegative = 0.05
    warmup: Share = 0.1
    label_smoothing: Share = 0.1
    augmentation: Augmentation = Augmentation()
    scale: Positive = 1.0
    layer_scale: NonNegative | None = None
    seeds: Annotated[int, Field(ge=1)] = 1
    evaluate_every: Annotated[int, Field(ge=1)] = 1
    time_limit_s: Positive = 600.0

    def resolution(self, of_architecture: Resolution) -> Resolution:
        """Training resolution of an architecture: its own times ``scale``, at least 8 pixels."""
        if isinstance(of_architecture, int):
            return self._scaled(of_architecture)
        height, width = of_architecture
        return self._scaled(height), self._scaled(width)

    def _scaled(self, side: int) -> int:
        return max(_LEAST_SIDE, round(side * self.scale))


@dataclass(frozen=True)
class Epoch:
    """One point of a learning curve.

    ``train_loss`` is the mean over the steps since the last point, ``seconds`` the training time
    up to here without evaluation.
    """

    epoch: float
    train_loss: float
    validation_accuracy: float
    seconds: float


@dataclass(frozen=True)
class Trained:
    """What a training gave: accuracy (a fraction) on all ``validation_count`` images at its end."""

    validation_accuracy: float
    validation_count: int
    curve: tuple[Epoch, ...]
    images_per_s: float


def train(
    module: nn.Module, images: Images, recipe: Recipe, resolution: Resolution, seed: int
) -> Trained:
    """Train ``module`` in place, on the device where its parameters are.

    Two calls with equal modules, arguments and number of threads give the same result. The global
    random state is left as it was.

    Args:
        module: (B, 3, *resolution) float to (B, classes) logits.
        images: what to train and validate on.
        recipe: how.
        resolution: height and width to train at, for instance ``recipe.resolution(...)``.
        seed: decides the order of images, augmentation, dropout and stochastic depth.

    Raises:
        Diverged: the loss or the logits are no longer finite.
        TimeLimit: ``recipe.time_limit_s`` has passed.
        InputError: fewer than two training images.
    """
    if len(images.train_y) < 2:
        raise InputError(f"training needs 2 images at least, got {len(images.train_y)}")
    device = next(module.parameters()).device
    data = _Data.of(images, resolution, device)
    # Channels last: 1.0 to 1.7 times as fast on one core (depthwise nets, 32 and 64 pixels) as
    # planes; equal up to rounding. The images are laid out so in _Data.
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in the stub
    # Dropout and stochastic depth draw from torch's global generator: lend them one of their own.
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(derive(seed, "modules"))
        return _train(module, data, recipe, torch.Generator().manual_seed(derive(seed, "batches")))


def _train(module: nn.Module, data: _Data, recipe: Recipe, generator: torch.Generator) -> Trained:
    per_epoch = batches_per_epoch(len(data.train_y), recipe.batch_size)
    steps = max(1, round(recipe.epochs * per_epoch))
    if recipe.layer_scale is not None:
        set_layer_scale(module, recipe.layer_scale)
    optimizer = _optimizer(module, recipe)
    batches = _batches(len(data.train_y), recipe.batch_size, generator)
    curve: list[Epoch] = []
    losses: list[float] = []
    seen, evaluation_s, start = 0, 0.0, time.perf_counter()
    module.train()
    for step in range(steps):
        batch = next(batches)
        images = augment(data.normalise(data.train_x[batch]), recipe.augmentation, generator)
        loss = F.cross_entropy(
            module(images), data.train_y[batch], label_smoothing=recipe.label_smoothing
        )
        _set_learning_rate(optimizer, learning_rate(step, steps, recipe))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own stub
        optimizer.step()
        losses.append(loss.item())
        seen += len(batch)
        _check(losses[-1], (step + 1) / per_epoch, time.perf_counter() - start, recipe)
        if (step + 1) % (per_epoch * recipe.evaluate_every) == 0 or step + 1 == steps:
            pause = time.perf_counter()
            accuracy = _accuracy(module, data)
            train_s = pause - start - evaluation_s
            curve.append(Epoch((step + 1) / per_epoch, fmean(losses), accuracy, train_s))
            losses.clear()
            evaluation_s += time.perf_counter() - pause
    return Trained(
        curve[-1].validation_accuracy, len(data.validation_y), tuple(curve), seen / train_s
    )


def batch_of(
    images: Images, count: int, resolution: Resolution, seed: int
) -> tuple[Tensor, Tensor]:
    """Draw ``count`` training images (all, if there are fewer) for a training-free score.

    Returns:
        Images (count, 3, *resolution) float32, normalised by their own mean and deviation, and
        labels (count,) int64. Every class is there equally often, to within one, as long as the
        classes last.
    """
    queues = shuffled_classes(images.train_y, len(images.classes), seed)
    dealt, _ = deal(queues, [len(queue) for queue in queues])
    chosen = dealt[:count]
    planes = resized(images.train_x[chosen], resolution)
    return Normalisation.of(planes)(planes), torch.from_numpy(images.train_y[chosen])


def batches_per_epoch(images: int, batch_size: int) -> int:
    """Steps of one pass: a last batch of one image is left out, as batch norm cannot take it."""
    return images // batch_size + (images % batch_size > 1)


def learning_rate(step: int, steps: int, recipe: Recipe) -> float:
    """Linear warm-up from near 0 to the highest rate, then half a cosine to near 0.

    Taken at the middle of the step, so that neither the first step nor the last is wasted on 0.
    """
    done = (step + 0.5) / steps
    if done < recipe.warmup:
        return recipe.learning_rate * done / recipe.warmup
    rest = (done - recipe.warmup) / (1 - recipe.warmup)
    return recipe.learning_rate * (1 + math.cos(math.pi * rest)) / 2


@dataclass(frozen=True, eq=False)
class _Data:
    """All images as bytes at the training resolution, resized once, on the device."""

    train_x: Tensor
    train_y: Tensor
    validation_x: Tensor
    validation_y: Tensor
    normalise: Normalisation

    @classmethod
    def of(cls, images: Images, resolution: Resolution, device: torch.device) -> _Data:
        train_x, validation_x = (
            resized(x, resolution).to(device, memory_format=torch.channels_last)
            for x in (images.train_x, images.validation_x)
        )
        return cls(
            train_x,
            torch.from_numpy(images.train_y).to(device),
            validation_x,
            torch.from_numpy(images.validation_y).to(device),
            Normalisation.of(train_x),
        )


def _batches(images: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Index batches of one shuffled pass after the other, without end."""
    while True:
        for batch in torch.split(torch.randperm(images, generator=generator), batch_size):
            if len(batch) > 1:
                yield batch


def _optimizer(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW that decays kernels and matrices only, not what is a number a channel or a head."""
    kernels, vectors = list[nn.Parameter](), list[nn.Parameter]()
    for parameter in module.parameters():
        is_vector = sum(side > 1 for side in parameter.shape) < 2
        (vectors if is_vector else kernels).append(parameter)
    groups = [
        {"params": kernels, "weight_decay": recipe.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    # Fused: one pass over each parameter, 5 % to 8 % of a step saved; equal up to rounding.
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)


def _set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def _check(loss: float, epoch: float, elapsed_s: float, recipe: Recipe) -> None:
    if not math.isfinite(loss):
        raise Diverged(
            f"the loss is {loss} after {epoch:.2f} of {recipe.epochs:g} epochs; lower "
            f"learning_rate ({recipe.learning_rate:g}) or lengthen warmup ({recipe.warmup:g})"
        )
    if elapsed_s > recipe.time_limit_s:
        raise TimeLimit(
            f"{epoch:.2f} of {recipe.epochs:g} epochs took {elapsed_s:.1f} s, over time_limit_s "
            f"({recipe.time_limit_s:g}); raise it, or lower epochs or scale"
        )


def _accuracy(module: nn.Module, data: _Data) -> float:
    """Fraction of right answers on all validation images, in evaluation mode."""
    module.eval()
    right = 0
    with torch.no_grad():
        for x, y in zip(
            torch.split(data.validation_x, _EVALUATION_BATCH),
            torch.split(data.validation_y, _EVALUATION_BATCH),
            strict=True,
        ):
            logits = module(data.normalise(x))
            if not logits.isfinite().all():
                raise Diverged("the network's output is no longer finite; lower learning_rate")
            right += int((logits.argmax(1) == y).sum())
    module.train()
    return right / len(data.validation_y)
