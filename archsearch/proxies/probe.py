"""One net under the proxies: what several of them need is made once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from archsearch.seeds import derive

T = TypeVar("T")


@dataclass(frozen=True)
class _Made:
    """What a pass gave, its own seconds, and the passes that it stands on, itself among them."""

    value: Any
    seconds: float
    uses: frozenset[Callable[[Probe], Any]]


@dataclass
class _Account:
    """What runs at the moment: the passes that it used, and the seconds spent inside them."""

    uses: set[Callable[[Probe], Any]] = field(default_factory=set)
    elsewhere: float = 0.0


class Probe:
    """One net under the proxies. A proxy is a formula over passes; a pass is made once.

    A pass is a plain function of the probe (``gradients(probe) -> Gradients``), called by
    ``probe.of(gradients)``. It works on a ``scoring_copy`` of the module, and its chance comes from
    ``generator``, so that what it gives does not depend on who asked for it, nor after whom.

    Attributes:
        module: (B, 3, H, W) to (B, classes), never changed.
        images: a normalised batch (B, 3, H, W) float32 on the module's device.
        labels: (B,) int64, beside the images.
        seed: what all chance here descends from.
    """

    def __init__(self, module: nn.Module, images: Tensor, labels: Tensor, seed: int) -> None:
        self.module = module
        self.images = images
        self.labels = labels
        self.seed = seed
        self._made: dict[Callable[[Probe], Any], _Made] = {}
        self._accounts = [_Account()]

    def of(self, make: Callable[[Probe], T]) -> T:
        """Give what ``make`` gives, made at the first call and kept."""
        start = time.perf_counter()
        if make not in self._made:
            value, seconds, uses = self._run(make, _name(make))
            self._made[make] = _Made(value, seconds, frozenset(uses | {make}))
        made = self._made[make]
        self._accounts[-1].uses |= made.uses
        self._accounts[-1].elsewhere += time.perf_counter() - start
        return cast("T", made.value)

    def score(self, formula: Callable[[Probe], float], name: str) -> tuple[float, float]:
        """Give a proxy's value, and the seconds that it takes when it is asked for alone.

        These are the formula's own and those of every pass that it stands on, made now or before.
        """
        value, seconds, uses = self._run(formula, name)
        return value, seconds + sum(self._made[make].seconds for make in uses)

    def generator(self, *place: str | int) -> torch.Generator:
        """Return the chance of ``place``, on the images' device: the same whenever it is asked."""
        generator = torch.Generator(self.images.device)
        return generator.manual_seed(derive(self.seed, "proxy", *place))

    def _run(
        self, make: Callable[[Probe], T], name: str
    ) -> tuple[T, float, set[Callable[[Probe], Any]]]:
        account = _Account()
        self._accounts.append(account)
        start = time.perf_counter()
        try:
            with self._repeatable(name):
                value = make(self)
                self._wait()
        finally:
            self._accounts.pop()
        return value, time.perf_counter() - start - account.elsewhere, account.uses

    @contextmanager
    def _repeatable(self, name: str) -> Iterator[None]:
        """Seed torch's global generators for what draws from them, and put them back.

        On a GPU convolutions run in full float32, by algorithms that give the same sums each time.
        """
        cudnn = torch.backends.cudnn
        exact = cudnn.flags(enabled=cudnn.enabled, deterministic=True, allow_tf32=False)
        with torch.random.fork_rng([self.images.device] if self.images.is_cuda else []), exact:
            torch.manual_seed(derive(self.seed, "proxy", name))
            yield

    def _wait(self) -> None:
        """Wait for the device, so that its seconds are booked where they are spent."""
        if self.images.is_cuda:
            torch.cuda.synchronize(self.images.device)


def _name(make: Callable[..., Any]) -> str:
    return str(getattr(make, "__qualname__", type(make).__qualname__))
