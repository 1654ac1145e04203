"""From an architecture to a torch module."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from archsearch.architecture import Architecture, Resolution
from archsearch.blocks.tokens import Tokens
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


class Features(nn.Module):
    """A network without its head, for dense tasks: (B, channels, H, W) to the map of every stage.

    It shares the network's weights, under the same names. Where stages work on a row of tokens
    (DeiT), the class token is left out and the others stand on their map again.

    Attributes:
        channels: channels of each map.
        strides: pixels of the image for one of each map's, in either direction.
    """

    def __init__(self, network: Network, architecture: Architecture) -> None:
        super().__init__()
        self.stem, self.stages = network.stem, network.stages
        self.channels = tuple(stage.width for stage in architecture.stages)
        self.strides = tuple(_strides(architecture))
        kinds = [isinstance(stage.downsample, Tokens) for stage in architecture.stages]
        self._rows = tuple(any(kinds[: index + 1]) for index in range(len(kinds)))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the map (B, channels, H / stride, W / stride) of every stage, rounded."""
        maps = []
        x = self.stem(x)
        grid = x.shape[2:]
        for stage, is_row in zip(self.stages, self._rows, strict=True):
            x = stage(x)
            if is_row:
                maps.append(x[:, :, 1:, 0].reshape(*x.shape[:2], *grid))
            else:
                grid = x.shape[2:]
                maps.append(x)
        return maps


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


def _strides(architecture: Architecture) -> Iterator[int]:
    """How much smaller each stage's map is than the image.

    Read off at a size beside which rounding vanishes: layers round the sizes of small images.
    """
    large = 1_000_000
    height, _ = architecture.stem.out_size(large, large)
    for stage in architecture.stages:
        if stage.downsample is not None and not isinstance(stage.downsample, Tokens):
            height, _ = stage.downsample.out_size(height, height)
        yield round(large / height)


def _shared_parameters(architecture: Architecture) -> Mapping[int, dict[str, nn.Parameter]]:
    """One parameter for each (stage, name), drawn from a standard normal (CMT's table R)."""
    shared: defaultdict[int, dict[str, nn.Parameter]] = defaultdict(dict)
    for (stage, name), shape in architecture.shared().items():
        shared[stage][name] = nn.Parameter(torch.randn(shape))
    return shared
