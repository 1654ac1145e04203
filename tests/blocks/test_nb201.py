"""NAS-Bench-201's cell and the layer between its stages."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_checks import check_cost, made, measured_cost, noise
from operator_checks import check_operators
from torch import Tensor

from archsearch.blocks.layer import Site
from archsearch.blocks.nb201 import EDGES, Nb201Cell, Nb201Down, Operation

OPERATIONS: tuple[Operation, ...] = (
    *("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"),
)
SITE = Site(6, 6, 5, 4)
cells = st.tuples(*(st.sampled_from(OPERATIONS) for _ in EDGES)).map(
    lambda found: Nb201Cell(**dict(zip(Nb201Cell.model_fields, found, strict=True)))
)


def mean_of_neighbours(x: Tensor) -> Tensor:
    """The mean over those of the nine neighbours that are on the map."""
    every, map_ = torch.zeros_like(x), torch.zeros_like(x)
    height, width = x.shape[2:]
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            for row in range(max(0, -down), min(height, height - down)):
                for column in range(max(0, -right), min(width, width - right)):
                    every[:, :, row, column] += x[:, :, row + down, column + right]
                    map_[:, :, row, column] += 1
    return every / map_


def normed(weights: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """What a batch norm makes of a map in evaluation, from its weights."""
    mean, scale = weights[f"{name}.running_mean"], weights[f"{name}.weight"]
    deviation = (weights[f"{name}.running_var"] + 1e-5).sqrt()
    shift = weights[f"{name}.bias"]
    return ((x - mean[:, None, None]) * (scale / deviation)[:, None, None]) + shift[:, None, None]


def node(layer: Nb201Cell, weights: dict[str, Tensor], x: Tensor, number: int) -> Tensor:
    """A node by recursion over what the paper says, from the weights alone."""
    if number == 0:
        return x
    total = torch.zeros_like(x)
    for (source, target), operation in zip(EDGES, layer.operations, strict=True):
        if target != number or operation == "none":
            continue
        given, name = node(layer, weights, x, source), f"edges.{source}to{target}"
        if operation == "avg_pool_3x3":
            given = mean_of_neighbours(given)
        elif operation != "skip_connect":
            weight = weights[f"{name}.conv.weight"]
            found = F.conv2d(given.clamp(min=0), weight, padding=weight.shape[2] // 2)
            given = normed(weights, f"{name}.norm", found)
        total = total + given
    return total


@settings(max_examples=60, deadline=None)
@given(cells)
def test_a_cell_is_what_the_paper_says(layer: Nb201Cell) -> None:
    """The last node, found by recursion from the weights, with pooling as a mean over a loop."""
    module, x = made(layer, SITE), noise(2, 6, 5, 4)
    with torch.no_grad():
        expected = node(layer, dict(module.state_dict()), x, 3)
        torch.testing.assert_close(module(x), expected, rtol=1e-4, atol=1e-4)


@settings(max_examples=150, deadline=None)
@given(cells)
def test_the_closed_forms_of_any_cell_are_those_of_its_module(layer: Nb201Cell) -> None:
    """Parameters, MACs, activations, the largest live set, the products of a runtime.

    Whatever operations it has, those from which nothing reaches the output included.
    """
    check_cost(layer, SITE)
    check_operators(layer, SITE)


def test_a_cell_without_a_way_gives_zeros_with_gradients() -> None:
    """All edges none: the output is 0, and so are its gradients, which are not missing."""
    module = Nb201Cell(**dict.fromkeys(Nb201Cell.model_fields, "none")).build(SITE, {})  # type: ignore[arg-type]
    x = noise(1, 6, 5, 4).requires_grad_()
    out = module(x)
    out.sum().backward()
    assert not out.any()
    assert x.grad is not None
    assert not x.grad.any()


def test_an_operation_is_of_the_benchmark() -> None:
    """Another word is refused by the language; here by the record."""
    with pytest.raises(ValueError, match="skip_connect"):
        Nb201Cell.model_validate(dict.fromkeys(Nb201Cell.model_fields, "conv"))


@pytest.mark.parametrize("size", [(8, 6), (4, 4)])
def test_the_layer_between_stages_is_what_the_benchmark_has(size: tuple[int, int]) -> None:
    """On even maps: path and shortcut from the weights, the mean of patches as one of four maps."""
    module, x = made(Nb201Down(), Site(4, 7, *size)), noise(2, 4, *size)
    weights = dict(module.state_dict())
    first, second = ("path.0", "path.1")
    with torch.no_grad():
        path = F.conv2d(x.clamp(min=0), weights[f"{first}.conv.weight"], stride=2, padding=1)
        path = normed(weights, f"{first}.norm", path).clamp(min=0)
        path = F.conv2d(path, weights[f"{second}.conv.weight"], padding=1)
        path = normed(weights, f"{second}.norm", path)
        corners = [x[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)]
        patches = torch.stack(corners).mean(0)
        expected = path + torch.einsum(
            "oi,bihw->bohw", weights["shortcut.1.weight"][..., 0, 0], patches
        )
        torch.testing.assert_close(module(x), expected, rtol=1e-4, atol=1e-4)


def test_params_are_the_benchmarks() -> None:
    """A 3x3 convolution at 16, 32 and 64 channels, five times each: 0.24304 M; a 1x1: 0.028 M."""
    for operation, params in (("nor_conv_3x3", 243_040), ("nor_conv_1x1", 28_000)):
        one = dict.fromkeys(Nb201Cell.model_fields, "none") | {"edge03": operation}
        layer = Nb201Cell.model_validate(one)
        sites = [Site(c, c, 1, 1) for c in (16, 32, 64)]
        assert 5 * sum(layer.cost(site).params for site in sites) == params
    downs = [Nb201Down().cost(Site(16, 32, 32, 32)), Nb201Down().cost(Site(32, 64, 16, 16))]
    assert [down.params for down in downs] == [14_464, 57_600]
    assert measured_cost(made(Nb201Down(), Site(16, 32, 4, 4)), noise(1, 16, 4, 4)).params == 14_464
