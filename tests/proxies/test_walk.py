"""The walk of AZ-NAS: entropies and norms of blocks that are known in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from archsearch.architecture import Architecture
from archsearch.network import build
from archsearch.proxies import Probe
from archsearch.proxies.passes.blocks import blocks
from archsearch.proxies.passes.walk import Walk, entropy, spectral_norm, walk


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class Do(nn.Module):
    """A block that computes a given function."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def walked(*functions: Callable[[Tensor], Tensor], size: Sequence[int] = (64, 3, 16, 16)) -> Walk:
    """A walk through blocks of these functions, behind a stem that changes nothing."""
    net = nn.Sequential(nn.Identity(), *map(Do, functions))
    return walk(Probe(net, torch.zeros(*size), torch.zeros(size[0], dtype=torch.long), 0))


def times(matrix: Sequence[Sequence[float]]) -> Callable[[Tensor], Tensor]:
    """Mix channels by a matrix (C_out, C_in)."""
    return lambda x: torch.einsum("oc,bchw->bohw", torch.tensor(matrix), x)


def test_an_entropy_is_that_of_the_principal_components() -> None:
    """Equal to the squares of the singular values of the centred vectors, by numpy."""
    map_ = noise(4, 6, 5, 3) * torch.arange(1, 7).view(1, 6, 1, 1) + 3
    vectors = map_.movedim(1, -1).reshape(-1, 6).double().numpy()
    variances = np.linalg.svd(vectors - vectors.mean(0), compute_uv=False) ** 2
    shares = variances / variances.sum()
    assert entropy(map_) == pytest.approx(-(shares * np.log(shares)).sum(), rel=1e-5)


def test_entropies_at_the_ends() -> None:
    """log C for independent equal channels, 0 for a line, 0 for what does not vary."""
    signs = torch.tensor([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
    independent = signs[1:].T.reshape(4, 3, 1, 1)
    assert entropy(independent) == pytest.approx(math.log(3))
    assert entropy(noise(8, 1, 3, 3).expand(8, 5, 3, 3)) == pytest.approx(0, abs=1e-4)
    assert entropy(torch.full((4, 3, 2, 2), 7.0)) == 0
    assert entropy(torch.zeros(4, 3, 2, 2)) == 0


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_an_entropy_has_no_scale(scale: float) -> None:
    """Features whose squares leave float32 have the entropy of those that do not."""
    map_ = noise(8, 4, 3, 3) * torch.arange(1, 5).view(1, 4, 1, 1)
    assert entropy(map_ * scale) == pytest.approx(entropy(map_), rel=1e-4)


def test_a_spectral_norm_is_that_of_the_mean_of_outer_products() -> None:
    """By the definition, one position after the other, for a block that halves the map."""
    g_in, g_out = noise(3, 2, 4, 6), noise(3, 5, 2, 3, seed=1)
    total = np.zeros((8, 5))
    for image in range(3):
        for row in range(2):
            for column in range(3):
                patch = g_in[image, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
                total += np.outer(patch.flatten(), g_out[image, :, row, column])
    assert spectral_norm(g_in, g_out) == pytest.approx(
        np.linalg.svd(total / 18, compute_uv=False)[0], rel=1e-5
    )


@pytest.mark.parametrize(("had", "left"), [(7, 4), (15, 7), (3, 2), (5, 2), (1, 1), (13, 13)])
def test_maps_that_do_not_divide_are_matched_by_rounding(had: int, left: int) -> None:
    """The patches of the first positions are whole; the norm of ones is that of a mean."""
    side = round(had / left)
    norm = spectral_norm(torch.ones(1, 1, had, had), torch.ones(1, 1, left, left))
    inside = min(had, side * left) ** 2 / left**2  # positions of g_in by those of g_out
    assert inside / side <= norm <= side + 1e-6


def test_a_matrix_has_its_largest_singular_value() -> None:
    """Diagonal, rotation and projection, to what 64 x 256 drawn signs leave open."""
    rotation = [[0.6, 0.8, 0.0], [-0.8, 0.6, 0.0], [0.0, 0.0, 1.0]]
    found = walked(
        times([[2.0, 0, 0], [0, 0.5, 0], [0, 0, 0.5]]), times(rotation), times([[0.0, 3.0, 4.0]])
    )
    assert found.norms == [pytest.approx(norm, rel=0.05) for norm in (2.0, 1.0, 5.0)]


def test_a_pool_and_a_stride() -> None:
    """The mean of 2 x 2 has sqrt(4) / 4, every other pixel has 1."""
    pooled = walked(lambda x: F.avg_pool2d(x, 2)).norms
    strided = walked(lambda x: x[:, :, ::2, ::2].clone()).norms
    assert pooled == [pytest.approx(0.5, rel=0.05)]
    assert strided == [pytest.approx(1.0, rel=0.05)]


def test_identity_and_death() -> None:
    """What gives its input back has no norm, what gives nothing has norm 0."""
    assert walked(lambda x: x, lambda x: x + 0, lambda x: x * 0).norms == [None, None, 0.0]


def test_what_has_more_positions_is_left_out() -> None:
    """A block that writes a map as a row of tokens, or enlarges it; the next one counts again."""
    found = walked(lambda x: x.flatten(2).unsqueeze(-1), lambda x: 2 * x, size=(64, 3, 8, 8))
    assert found.norms == [pytest.approx(2.0, rel=0.05)]
    assert len(found.entropies) == 3
    assert walked(lambda x: F.interpolate(x, scale_factor=2)).norms == []


def test_tokens_in_rows_are_maps_too() -> None:
    """(B, N, C) between blocks counts as (B, C, N, 1)."""
    found = walked(lambda x: x.flatten(2).transpose(1, 2) * 3, lambda x: x * 2)
    assert found.norms[-1] == pytest.approx(2.0, rel=0.05)
    assert found.entropies[-1] == pytest.approx(math.log(3), abs=0.01)


def test_blocks_may_work_in_place() -> None:
    """The cuts between blocks do not forbid it."""
    assert walked(lambda x: x.mul_(2)).norms == [pytest.approx(2.0, rel=0.05)]


def test_weights_are_drawn_after_he() -> None:
    """A 1x1 convolution of C channels has norm near 2 sqrt(2), whatever its weights were."""
    conv = nn.Conv2d(64, 64, 1)
    with torch.no_grad():
        conv.weight.zero_()
    images = torch.zeros(32, 64, 16, 16)
    net = nn.Sequential(nn.Identity(), conv)
    (norm,) = walk(Probe(net, images, torch.zeros(32, dtype=torch.long), 0)).norms
    assert norm == pytest.approx(2 * math.sqrt(2), rel=0.1)


def test_a_networks_blocks_are_its_stem_and_those_of_its_stages() -> None:
    """In order, downsampling layers among them; another module's are its children but pools."""
    data = {
        "schema": 1,
        "input": {"channels": 3, "resolution": 16},
        "stem": {"patch": {}},
        "stages": [
            {"width": 8, "blocks": ["conv_encoder", "conv_encoder"]},
            {"width": 16, "downsample": "conv", "blocks": ["gnconv"]},
        ],
        "head": {"norm": "layer"},
    }
    net = build(architecture(data), classes=4, seed=0)
    assert blocks(net) == [net.stem, *net.stages[0], *net.stages[1]]
    other = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert blocks(other) == [other[0], other[2]]


def architecture(data: dict[str, object]) -> Architecture:
    from archsearch.documents import Document
    from archsearch.space import architecture_of

    return architecture_of(Document("test", data))
