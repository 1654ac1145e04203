"""The cell of NAS-Bench-201, and the layer that stands between its stages."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from math import prod
from types import MappingProxyType
from typing import ClassVar, Literal, NamedTuple

from torch import Tensor, nn

from archsearch.blocks.counting import Tally
from archsearch.blocks.layer import Layer, Site
from archsearch.blocks.leaves import residual_problem
from archsearch.blocks.live import LiveSet
from archsearch.blocks.operators import Operator, Operators, loose_activation, product

Operation = Literal["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""The cell's edges from node to node, in the order of the benchmark's architecture strings."""

_KERNELS: Mapping[Operation, int] = MappingProxyType({"nor_conv_1x1": 1, "nor_conv_3x3": 3})


class Cell(nn.Module):
    """Node 0 is x; every later node is the sum of what its edges make of the nodes before it."""

    def __init__(self, operations: Sequence[Operation], channels: int) -> None:
        super().__init__()
        self.edges = nn.ModuleDict(
            {
                f"{source}to{target}": _operation(operation, channels)
                for (source, target), operation in zip(EDGES, operations, strict=True)
                if operation != "none"
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C, H, W).

        A node without an edge is ``x * 0``, so that its gradients are zeros and not missing.
        """
        nodes = [x]
        for target in (1, 2, 3):
            total: Tensor | None = None
            for source, node in enumerate(nodes):
                if f"{source}to{target}" in self.edges:
                    term = self.edges[f"{source}to{target}"](node)
                    total = term if total is None else total + term
            nodes.append(x * 0 if total is None else total)
        return nodes[3]


class Nb201Cell(Layer):
    """NAS-Bench-201's cell (arXiv 2001.00326, Figure 1): four nodes, an operation on each edge.

    Convolutions are ReLU, convolution without bias, BN; pooling does not count what is padded. All
    operations run and are counted, also those from which nothing reaches the output, as in the
    benchmark's code and tables.
    """

    kind: ClassVar[str] = "nb201_cell"

    edge01: Operation
    """From node 0, which is what comes in, to node 1."""
    edge02: Operation
    edge12: Operation
    edge03: Operation
    """From node 0 to node 3, which is what goes out."""
    edge13: Operation
    edge23: Operation

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations on ``EDGES``."""
        edges = (self.edge01, self.edge02, self.edge12)
        return (*edges, self.edge03, self.edge13, self.edge23)

    def problem(self, site: Site) -> str | None:
        """Say why this layer cannot stand at ``site``, or None."""
        return residual_problem(site)

    def count(self, site: Site, tally: Tally) -> None:
        """Count the layer at ``site``."""
        channels, pixels = site.channels, site.height * site.width
        for operation in self.operations:
            if kernel := _KERNELS.get(operation):
                tally.conv2d(channels, channels, kernel, pixels, bias=False)
                tally.norm(channels)

    def follow(self, site: Site, live: LiveSet) -> None:
        """Follow forward's memory at ``site``: all maps of a cell are alike."""
        more = (_most_maps(self.operations) - 1) * site.elements
        live.write(more)
        live.free(more)

    def operators(self, site: Site) -> Operators:
        """What a runtime executes at ``site``."""
        return tuple(_cell_operators(self.operations, site.channels, site.height * site.width))

    def build(self, site: Site, shared: Mapping[str, nn.Parameter]) -> nn.Module:  # noqa: ARG002
        """Make the module: (B, C, H, W) to (B, C, H, W)."""
        return Cell(self.operations, site.channels)


class Nb201DownBlock(nn.Module):
    """``path(x) + shortcut(x)``."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        first = _relu_conv_norm(in_channels, channels, 3, stride=2)
        second = _relu_conv_norm(channels, channels, 3)
        self.path = nn.Sequential(first, second)
        self.shortcut = nn.Sequential(
            # Rounded up and not counting what is padded: an odd map gives what the path gives.
            nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False),
            nn.Conv2d(in_channels, channels, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, channels, ceil(H / 2), ceil(W / 2))."""
        out: Tensor = self.path(x) + self.shortcut(x)
        return out


class Nb201Down(Layer):
    """The residual block between NAS-Bench-201's stages, of stride 2.

    Twice ReLU, 3x3 convolution, BN, the first with the stride; plus the mean of each 2x2 patch
    through a 1x1 convolution without a norm. The benchmark's maps are even; rounding up is ours.
    """

    kind: ClassVar[str] = "nb201_down"

    def problem(self, site: Site) -> str | None:  # noqa: ARG002
        """It can stand anywhere."""
        return None

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Size of the output map: halved and rounded up."""
        return -(-height // 2), -(-width // 2)

    def count(self, site: Site, tally: Tally) -> None:
        """Count the layer at ``site``."""
        given, made, out = site.in_channels, site.channels, self._out_pixels(site)
        for channels in (given, made):
            tally.conv2d(channels, made, 3, out, bias=False)
            tally.norm(made)
        tally.pointwise(given, made, out, bias=False)

    def follow(self, site: Site, live: LiveSet) -> None:
        """Follow forward's memory at ``site``."""
        pooled = site.in_channels * self._out_pixels(site)
        made = site.channels * self._out_pixels(site)
        live.write(site.elements)
        live.replace(site.elements, made)
        live.replace(made, made)
        live.replace(site.elements, pooled)
        live.replace(pooled, made)
        live.free(made)

    def operators(self, site: Site) -> Operators:
        """What a runtime executes at ``site``."""
        given, made, out = site.in_channels, site.channels, self._out_pixels(site)
        return (
            loose_activation("relu", given, site.height * site.width),
            product(given, made, out, 9, 2),
            product(made, made, out, 9),
            Operator("pool", given, out, taps=4, stride=2),
            product(given, made, out),
            Operator("sum", made, out),
        )

    def build(self, site: Site, shared: Mapping[str, nn.Parameter]) -> nn.Module:  # noqa: ARG002
        """Make the module: (B, in_channels, H, W) to (B, channels, *out_size(H, W))."""
        return Nb201DownBlock(site.in_channels, site.channels)

    def _out_pixels(self, site: Site) -> int:
        return prod(self.out_size(site.height, site.width))


def _relu_conv_norm(in_channels: int, channels: int, kernel: int, stride: int = 1) -> nn.Module:
    conv = nn.Conv2d(in_channels, channels, kernel, stride, kernel // 2, bias=False)
    layers = {"activation": nn.ReLU(), "conv": conv, "norm": nn.BatchNorm2d(channels)}
    return nn.Sequential(OrderedDict(layers))


def _operation(operation: Operation, channels: int) -> nn.Module:
    if kernel := _KERNELS.get(operation):
        return _relu_conv_norm(channels, channels, kernel)
    if operation == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    return nn.Identity()


def _into(node: int, operations: Sequence[Operation]) -> list[tuple[int, Operation]]:
    """The operations on the edges to a node, with the node that each comes from."""
    return [
        (source, operation)
        for (source, target), operation in zip(EDGES, operations, strict=True)
        if target == node and operation != "none"
    ]


def _cell_operators(
    operations: Sequence[Operation], channels: int, pixels: int
) -> Iterator[Operator]:
    for node in (1, 2, 3):
        into = _into(node, operations)
        for number, (_, operation) in enumerate(into):
            if kernel := _KERNELS.get(operation):
                yield loose_activation("relu", channels, pixels)
                yield product(channels, channels, pixels, kernel**2)
            elif operation == "avg_pool_3x3":
                yield Operator("pool", channels, pixels, taps=9)
            if number:
                yield Operator("sum", channels, pixels)
        if not into:
            yield Operator("scale", channels, pixels)


class _Step(NamedTuple):
    """An operator that writes map number ``written``; over one that it reads last, if it can."""

    reads: tuple[int, ...]
    written: int
    elementwise: bool


def _steps(operations: Sequence[Operation]) -> tuple[list[_Step], int]:
    """What forward writes, in its order, and which map goes out; what comes in is map 0.

    BN writes over the convolution's map and is left out.
    """
    steps: list[_Step] = []

    def write(*reads: int, elementwise: bool) -> int:
        steps.append(_Step(reads, len(steps) + 1, elementwise))
        return len(steps)

    nodes = [0]
    for node in (1, 2, 3):
        total: int | None = None
        for source, operation in _into(node, operations):
            term = nodes[source]
            if operation in _KERNELS:
                term = write(term, elementwise=True)
            if operation != "skip_connect":
                term = write(term, elementwise=False)
            total = term if total is None else write(total, term, elementwise=True)
        nodes.append(write(0, elementwise=True) if total is None else total)
    return steps, nodes[3]


@cache
def _most_maps(operations: Sequence[Operation]) -> int:
    """Most maps alive at once."""
    steps, out = _steps(operations)
    last = {read: number for number, step in enumerate(steps) for read in step.reads}
    last[out] = len(steps)
    alive, most = {0}, 1
    for number, step in enumerate(steps):
        dying = {read for read in step.reads if last[read] == number}
        over = step.elementwise and bool(dying)
        most = max(most, len(alive) + (not over))
        alive = (alive - dying) | ({step.written} & last.keys())
    return most
