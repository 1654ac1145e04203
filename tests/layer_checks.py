"""What any layer of the language promises, as functions that a test calls with its layers."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from liveness import largest_live_set
from torch import Tensor, nn

from archsearch.blocks.layer import Cost, Layer, Site
from archsearch.blocks.live import LiveSet
from archsearch.cost.dispatch import operations_of

SIZES = ((1, 1), (1, 5), (3, 2), (7, 9), (12, 12), (20, 17))


def noise(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal values from a local generator."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def made(layer: Layer, site: Site, seed: int = 0) -> nn.Module:
    """Build ``layer`` with every tensor away from its initial value, so that none is neutral."""
    assert layer.problem(site) is None
    generator = torch.Generator().manual_seed(seed)
    shapes = layer.shared(site)
    shared = {name: nn.Parameter(torch.empty(shape)) for name, shape in shapes.items()}
    module = layer.build(site, shared).eval()
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            values = torch.randn(tensor.shape, generator=generator)
            tensor.copy_(1 + 0.1 * values.abs() if name.endswith("running_var") else 0.3 * values)
    return module


def measured_cost(module: nn.Module, x: Tensor) -> Cost:
    """Parameters counted one by one, the others operator by operator while the module runs."""
    operations = operations_of(module, x)
    params = sum(p.numel() for p in module.parameters())
    return Cost(params, sum(o.macs for o in operations), sum(o.elements for o in operations))


def check_cost(layer: Layer, site: Site) -> None:
    """The closed forms equal what the module holds, multiplies, writes and keeps alive.

    Shared parameters are the stage's.
    """
    x = noise(1, site.in_channels, site.height, site.width)
    module = made(layer, site)
    measured = measured_cost(module, x)
    shared = sum(math.prod(shape) for shape in layer.shared(site).values())
    assert layer.cost(site) == measured._replace(params=measured.params - shared)
    assert layer.live(site) == largest_live_set(module, x)
    live = LiveSet(site.elements)
    layer.follow(site, live)
    assert live.now == site.channels * math.prod(layer.out_size(site.height, site.width))


def check_sizes(layer: Layer, site: Site) -> None:
    """A module built for one map runs at others, and gives the promised size."""
    module = made(layer, site)
    for height, width in (*SIZES, (site.height, site.width)):
        with torch.no_grad():
            y = module(noise(2, site.in_channels, height, width))
        assert y.shape == (2, site.channels, *layer.out_size(height, width))
        assert y.isfinite().all()


def check_gradients(layer: Layer, site: Site) -> None:
    """Every parameter moves the output; a ReLU may hide one under one draw, but not under each."""
    assert set.intersection(*(_idle(layer, site, seed) for seed in range(3))) == set()


def _idle(layer: Layer, site: Site, seed: int) -> set[str]:
    module = made(layer, site, seed)
    y = module(noise(2, site.in_channels, site.height, site.width))
    (y * noise(*y.shape, seed=1)).sum().backward()
    return {name for name, p in module.named_parameters() if p.grad is None or not p.grad.any()}


def check_onnx(layer: Layer, site: Site, folder: Path, size: tuple[int, int]) -> None:
    """The module exports to ONNX, and onnxruntime gives the same output."""
    module, x = made(layer, site), noise(1, site.in_channels, *size)
    path = folder / "layer.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecated calls
        torch.onnx.export(module, (x,), path, dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (theirs,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    ours = module(x).detach().numpy()
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-4 * ours.std())


def stack_cost(layers: Iterable[tuple[Layer, int]], site: Site) -> tuple[Cost, Site]:
    """Cost of layers one after another, each given with the channels that it makes.

    ``site.channels`` are those that the first layer gets; returns where the last one ends.
    """
    total = Cost()
    for layer, channels in layers:
        here = Site(site.channels, channels, site.height, site.width)
        assert layer.problem(here) is None
        total += layer.cost(here)
        site = Site(channels, channels, *layer.out_size(site.height, site.width))
    return total, site


def build_stack(layers: Sequence[tuple[Layer, int]], site: Site) -> nn.Sequential:
    """The modules of layers one after another, as ``stack_cost`` reads them."""
    modules = []
    for layer, channels in layers:
        here = Site(site.channels, channels, site.height, site.width)
        modules.append(layer.build(here, {}))
        site = Site(channels, channels, *layer.out_size(site.height, site.width))
    return nn.Sequential(*modules)
