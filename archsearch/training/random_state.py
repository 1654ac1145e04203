"""Chance for dropout and stochastic depth, which draw from torch's global generators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor


class ModuleRandom:
    """A random state of one's own that is put in the place of torch's global one for a while."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self._device = device
        self._cpu = torch.Generator().manual_seed(seed).get_state()
        self._cuda: Tensor | None = None
        if device.type == "cuda":
            self._cuda = torch.Generator(device).manual_seed(seed).get_state()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let modules draw from here; the global state is back afterwards, however it ends."""
        with torch.random.fork_rng([self._device] if self._cuda is not None else []):
            torch.set_rng_state(self._cpu)
            if self._cuda is not None:
                torch.cuda.set_rng_state(self._cuda, self._device)
            try:
                yield
            finally:
                self._cpu = torch.get_rng_state()
                if self._cuda is not None:
                    self._cuda = torch.cuda.get_rng_state(self._device)

    def state(self) -> dict[str, Tensor]:
        """Where the draws stand."""
        found = {"random.modules": self._cpu.clone()}
        return found if self._cuda is None else {**found, "random.cuda": self._cuda.clone()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a ``state``."""
        self._cpu = state["random.modules"].cpu().clone()
        if self._cuda is not None:
            self._cuda = state["random.cuda"].cpu().clone()
