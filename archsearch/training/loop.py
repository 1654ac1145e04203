"""Training that can be paused: the hot loop in plain view."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import astuple, dataclass
from statistics import fmean

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from archsearch.augment import augment
from archsearch.datasets.images import Images
from archsearch.datasets.tensors import Resolution
from archsearch.errors import InputError
from archsearch.layer_scale import set_layer_scale
from archsearch.seeds import derive
from archsearch.training import state as saved
from archsearch.training.averaging import Average
from archsearch.training.evaluation import accuracy
from archsearch.training.failures import Diverged, TimeLimit
from archsearch.training.images import DeviceImages, Order, batches_per_epoch
from archsearch.training.mixing import mix, mixed_cross_entropy
from archsearch.training.optimizers import optimizers
from archsearch.training.precision import forward_context
from archsearch.training.random_state import ModuleRandom
from archsearch.training.recipe import Recipe, learning_rate
from archsearch.training.small_maps import small_maps

_UNREAD_LOSSES = 16
"""Steps between two looks at a GPU's losses: a look waits for it. A CPU's are read each step."""


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

    Two calls with equal modules, arguments and number of threads give the same result on a CPU.
    The global random state is left as it was. With ``recipe.ema_decay`` the module ends with its
    averaged weights.

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
    training = Training(module, images, recipe, resolution, seed)
    training.run()
    return training.finish()


class Training:
    """A training that can be run to any point, stored there, and continued elsewhere.

    Arguments are those of ``train``. What is continued gives the same bits as what was never
    stopped: on a CPU, with the same number of threads.

    Attributes:
        module: what is trained, with the weights of the last step.
        curve: the points of the learning curve so far.
        step: steps made.
        steps: steps of the whole recipe.
        steps_per_epoch: steps of one pass over the training images.
    """

    def __init__(
        self, module: nn.Module, images: Images, recipe: Recipe, resolution: Resolution, seed: int
    ) -> None:
        if len(images.train_y) < 2:
            raise InputError(f"training needs 2 images at least, got {len(images.train_y)}")
        device = next(module.parameters()).device
        # Channels last: 1.0 to 1.7 times as fast on one core (depthwise nets, 32 and 64 pixels) as
        # planes; equal up to rounding. The images are laid out so, too.
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in the stub
        if recipe.layer_scale is not None:
            set_layer_scale(module, recipe.layer_scale)
        self.module = module
        self.curve: tuple[Epoch, ...] = ()
        self.step = 0
        self.steps_per_epoch = batches_per_epoch(len(images.train_y), recipe.batch_size)
        self.steps = max(1, round(recipe.epochs * self.steps_per_epoch))
        self._recipe = recipe
        self._identity = _identity(images, recipe, resolution, seed)
        self._data = DeviceImages.of(images, resolution, device)
        self._chance = torch.Generator().manual_seed(derive(seed, "batches"))
        self._order = Order(len(images.train_y), recipe.batch_size, self._chance)
        self._module_chance = ModuleRandom(derive(seed, "modules"), device)
        self._optimizers = optimizers(
            module, recipe.optimizer, recipe.learning_rate, recipe.weight_decay
        )
        self._average = Average(module, recipe.ema_decay) if recipe.ema_decay else None
        self._forward = torch.compile(module) if recipe.compile else module
        self._unread_most = 1 if device.type == "cpu" else _UNREAD_LOSSES
        self._unread: list[Tensor] = []
        self._losses: list[float] = []
        self._train_s = self._evaluation_s = self._mark = 0.0

    @property
    def epoch(self) -> float:
        """Passes over the training images so far."""
        return self.step / self.steps_per_epoch

    @property
    def done(self) -> bool:
        """Whether the whole recipe has been followed."""
        return self.step >= self.steps

    @property
    def evaluated(self) -> nn.Module:
        """The module whose accuracy the curve tells: averaged weights where the recipe asks."""
        return self.module if self._average is None else self._average.module

    def run(
        self, until_epoch: float | None = None, watch: Callable[[], None] | None = None
    ) -> tuple[Epoch, ...]:
        """Train up to ``until_epoch`` passes in all (None: to the end); return the curve so far.

        ``watch`` is called after every step. A pause adds no point to the curve: where the recipe
        evaluates less often, ask ``accuracy``.

        Raises:
            Diverged, TimeLimit: as ``train`` does.
        """
        last = self.steps
        if until_epoch is not None:
            last = min(last, round(until_epoch * self.steps_per_epoch))
        self.module.train()
        self._mark = time.perf_counter()
        with self._module_chance.lent(), self._fast(self.module):
            while self.step < last:
                self._unread.append(self._make_step())
                self.step += 1
                point = self._is_point()
                if point or self.step == last or len(self._unread) >= self._unread_most:
                    self._read_losses()
                self._train_s += self._lap()
                self._check_time()
                if point:
                    self._add_point()
                if watch is not None:
                    watch()
        return self.curve

    def _make_step(self) -> Tensor:
        """Train on the next batch; return its loss, still on the device."""
        recipe, data = self._recipe, self._data
        batch = self._order.next_batch()
        images = augment(data.normalise(data.train_x[batch]), recipe.augmentation, self._chance)
        with forward_context(recipe.precision, images.device):
            loss = self._loss(images, data.train_y[batch])
        rate = learning_rate(self.step, self.steps, recipe)
        for optimizer in self._optimizers:
            optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own stub
        if recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.module.parameters(), recipe.clip_norm)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        if self._average is not None:
            self._average.follow(self.step)
        return loss.detach()

    def _loss(self, images: Tensor, labels: Tensor) -> Tensor:
        recipe = self._recipe
        if not (recipe.mixup or recipe.cutmix):
            return F.cross_entropy(
                self._forward(images), labels, label_smoothing=recipe.label_smoothing
            )
        mixed = mix(images, recipe.mixup, recipe.cutmix, self._chance)
        logits = self._forward(mixed.images)
        return mixed_cross_entropy(logits, labels, mixed, recipe.label_smoothing)

    def _is_point(self) -> bool:
        every = self.steps_per_epoch * self._recipe.evaluate_every
        return self.step % every == 0 or self.done

    def _read_losses(self) -> None:
        """Wait for the losses of the last steps.

        Raises:
            Diverged: one of them is not finite.
        """
        first = self.step - len(self._unread) + 1
        for step, loss in enumerate(torch.stack(self._unread).tolist(), first):
            self._losses.append(loss)
            if not math.isfinite(loss):
                recipe = self._recipe
                raise Diverged(
                    f"the loss is {loss} after {step / self.steps_per_epoch:.2f} of "
                    f"{recipe.epochs:g} epochs; lower learning_rate ({recipe.learning_rate:g}) or "
                    f"lengthen warmup ({recipe.warmup:g})"
                )
        self._unread.clear()

    def _check_time(self) -> None:
        passed, most = self._train_s + self._evaluation_s, self._recipe.time_limit_s
        if most is not None and passed > most:
            raise TimeLimit(
                f"{self.epoch:.2f} of {self._recipe.epochs:g} epochs took {passed:.1f} s, over "
                f"time_limit_s ({most:g}); raise it, or lower epochs or scale"
            )

    def _add_point(self) -> None:
        right = self.accuracy()
        self._evaluation_s += self._lap()
        self.curve += (Epoch(self.epoch, fmean(self._losses), right, self._train_s),)
        self._losses.clear()

    def _lap(self) -> float:
        """Seconds since the last lap."""
        before, self._mark = self._mark, time.perf_counter()
        return self._mark - before

    def accuracy(self) -> float:
        """Evaluate now: fraction of right answers on all validation images.

        Raises:
            Diverged: the output is no longer finite.
        """
        with self._fast(self.evaluated):
            return accuracy(self.evaluated, self._data)

    def _fast(self, module: nn.Module) -> AbstractContextManager[None]:
        return nullcontext() if self._recipe.compile else small_maps(module)

    def finish(self) -> Trained:
        """Put averaged weights (if any) into the module, and sum up; the training ends here.

        Raises:
            InputError: the curve has no point yet.
        """
        if not self.curve:
            raise InputError("this training has no point of its curve yet; run it first")
        if self._average is not None:
            self._average.give()
        return Trained(
            self.curve[-1].validation_accuracy,
            len(self._data.validation_y),
            self.curve,
            self._images_seen() / self._train_s,
        )

    def _images_seen(self) -> int:
        of_pass, batch_size = len(self._data.train_y), self._recipe.batch_size
        of_pass -= of_pass % batch_size == 1
        passes, steps = divmod(self.step, self.steps_per_epoch)
        return passes * of_pass + steps * batch_size

    def state(self) -> dict[str, Tensor]:
        """All that a training is, as tensors by flat names: what a safetensors file can hold.

        A snapshot: it does not change when the training goes on.
        """
        curve = [astuple(point) for point in self.curve]
        progress = {
            "identity": self._identity.clone(),
            "step": torch.tensor(self.step),
            "seconds": torch.tensor([self._train_s, self._evaluation_s], dtype=torch.float64),
            "losses": torch.tensor(self._losses, dtype=torch.float64),
            "curve": torch.tensor(curve, dtype=torch.float64).view(-1, 4),
            "order": self._order.rest.clone(),
            "random.batches": self._chance.get_state(),
            **self._module_chance.state(),
        }
        return {
            **progress,
            **saved.module_state("module", self.module),
            **(saved.module_state("average", self._average.module) if self._average else {}),
            **saved.optimizer_state(self._optimizers, self.module),
        }

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a ``state`` of the same module, images, recipe, resolution and seed.

        Raises:
            InputError: the state is of another net, recipe, resolution, seed or set of images.
        """
        if not torch.equal(state.get("identity", torch.empty(0)), self._identity):
            raise InputError(
                "this state is of another recipe, resolution, seed or set of images; give those "
                "that it was saved with"
            )
        saved.check_weights(state, self.state())
        saved.load_module("module", self.module, state)
        if self._average is not None:
            saved.load_module("average", self._average.module, state)
        saved.load_optimizers(self._optimizers, self.module, state)
        self.step = int(state["step"])
        self._train_s, self._evaluation_s = state["seconds"].tolist()
        self._losses = state["losses"].tolist()
        self.curve = tuple(Epoch(*point) for point in state["curve"].tolist())
        self._order.rest = state["order"].clone()
        self._chance.set_state(state["random.batches"].cpu())
        self._module_chance.load(state)


def _identity(images: Images, recipe: Recipe, resolution: Resolution, seed: int) -> Tensor:
    """SHA-256 (32 bytes) of all but the net that decides the result.

    What a recipe leaves at its default is left out, so that new fields change no identity.
    """
    decides = recipe.model_dump_json(exclude_defaults=True, exclude={"seeds", "time_limit_s"})
    text = f"{images.fingerprint} {decides} {resolution} {seed}"
    return torch.frombuffer(bytearray(hashlib.sha256(text.encode()).digest()), dtype=torch.uint8)
