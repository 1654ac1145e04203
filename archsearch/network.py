"""From an architecture to a torch module."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from archsearch.architecture import Architecture, Resolution
from archsearch.errors import InputError


class Network(nn.Module):
    """A backbone with its head: (B, channels, H, W) to (B, classes).

    Built for the architecture's resolution; it runs at others too, where position tables and
    global kernels are resized as their blocks say.
    """

    def __init__(self, architecture: Architecture, classes: int) -> None:
        super().__init__()
        shared = _shared_parameters(architecture)
        stages: list[list[nn.Module]] = [[] for _ in architecture.stages]
        for place in architecture.places():
            module = place.layer.build(place.site, shared[place.stage])
            if place.stage < 0:
                self.stem = module
            else:
                stages[place.stage].append(module)
        self.stages = nn.ModuleList(nn.Sequential(*layers) for layers in stages)
        self.head = architecture.head.build(architecture.out_site().channels, classes)

    def features(self, x: Tensor) -> list[Tensor]:
        """Output map of every stage, for dense tasks."""
        maps = []
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (B, classes) of images (B, channels, H, W)."""
        logits: Tensor = self.head(self.features(x)[-1])
        return logits


def build(
    architecture: Architecture,
    classes: int = 1000,
    *,
    resolution: Resolution | None = None,
    seed: int | None = None,
) -> Network:
    """Build an architecture's module, at its own resolution or at another.

    Args:
        architecture: the architecture.
        classes: number of outputs.
        resolution: size that position tables and global kernels are made for, if not its own.
        seed: initialises the weights from this seed and leaves torch's generator untouched;
            None draws from torch's global generator.

    Raises:
        InputError: a layer cannot stand where it is.
    """
    if reason := architecture.problem():
        raise InputError(f"{architecture.name or architecture.id}: {reason}")
    if resolution is not None:
        architecture = architecture.at(resolution)
    if seed is None:
        return Network(architecture, classes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Network(architecture, classes)


def _shared_parameters(architecture: Architecture) -> Mapping[int, dict[str, nn.Parameter]]:
    """One parameter for each (stage, name), drawn from a standard normal (CMT's table R)."""
    shared: defaultdict[int, dict[str, nn.Parameter]] = defaultdict(dict)
    for (stage, name), shape in architecture.shared().items():
        shared[stage][name] = nn.Parameter(torch.randn(shape))
    return shared
