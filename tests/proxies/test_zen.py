"""zen against the closed form of one layer with random weights."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from archsearch.blocks.norms import LayerNorm2d
from archsearch.proxies import Probe, ProxyFailed
from archsearch.proxies.zen import PERTURBATION, _variance, zen

SIDE, WIDTH = 16, 256
HALF_NORMAL = math.sqrt(2 / math.pi)  # E|x| of a standard normal x


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def score(net: nn.Module, images: Tensor | None = None, seed: int = 0) -> float:
    images = torch.zeros(16, 3, SIDE, SIDE) if images is None else images
    return zen(Probe(net, images, torch.zeros(len(images), dtype=torch.long), seed))


def answer(deviation: float) -> float:
    """Log of the summed answer of WIDTH x SIDE x SIDE features to a change of this size each."""
    return math.log(WIDTH * SIDE**2 * HALF_NORMAL * PERTURBATION * deviation)


def test_one_convolution_has_the_closed_form() -> None:
    """A feature changes by 0.01 w e, normal with the length of w, here of three numbers."""
    mean_length = 2 * HALF_NORMAL  # of three standard normals
    net = nn.Sequential(nn.Conv2d(3, WIDTH, 1))
    assert score(net) == pytest.approx(answer(mean_length), abs=0.05)


def test_a_batch_norm_gives_back_what_it_takes() -> None:
    """It leaves a change of 0.01 and divides by the root of the mean variance, 3."""
    net = nn.Sequential(nn.Conv2d(3, WIDTH, 1), nn.BatchNorm2d(WIDTH))
    assert score(net) == pytest.approx(answer(1.0) + math.log(3) / 2, abs=0.05)


def test_the_scale_of_normed_features_comes_back_whole() -> None:
    """Thrice as large features in front of a norm add log 3, a layer norm's as well."""

    class Times(nn.Module):
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.factor = factor

        def forward(self, x: Tensor) -> Tensor:
            return x * self.factor

    for norm in (nn.BatchNorm2d(3), LayerNorm2d(3), nn.GroupNorm(1, 3)):
        one, three = (score(nn.Sequential(Times(f), norm)) for f in (1.0, 3.0))
        # A pixel's three channels can be as small as the epsilon that the layer norm adds.
        assert three - one == pytest.approx(math.log(3), abs=0.01)


def test_depth_adds_what_each_layer_multiplies() -> None:
    """Each 1x1 convolution of N inputs with a batch norm adds log(N) / 2, and no more."""

    def deep(layers: int) -> nn.Module:
        pairs = [(nn.Conv2d(WIDTH, WIDTH, 1), nn.BatchNorm2d(WIDTH)) for _ in range(layers)]
        first = (nn.Conv2d(3, WIDTH, 1), nn.BatchNorm2d(WIDTH))
        return nn.Sequential(*first, *(layer for pair in pairs for layer in pair))

    assert score(deep(3)) - score(deep(1)) == pytest.approx(math.log(WIDTH), abs=0.05)


def test_what_norms_divide_by() -> None:
    """Each norm's own definition of variance, from its output: the input's deviation over it."""
    x = noise(5, 6, 4, 3) * torch.arange(1, 7).view(1, 6, 1, 1)
    batch = x.double().var((0, 2, 3), correction=0).mean()
    pixel = x.double().var(1, correction=0).mean()
    group = x.double().view(5, 2, 3, 4, 3).var((2, 3, 4), correction=0).mean()
    last = x.double().movedim(1, -1)
    assert torch.isclose(_variance(nn.BatchNorm2d(6), x.double()), batch)
    assert torch.isclose(_variance(LayerNorm2d(6), x.double()), pixel)
    assert torch.isclose(_variance(nn.GroupNorm(2, 6), x.double()), group)
    assert torch.isclose(_variance(nn.LayerNorm(6), last), pixel)
    both = x.double().var((2, 3), correction=0).mean()
    assert torch.isclose(_variance(nn.LayerNorm((4, 3)), x.double()), both)


def test_weights_and_images_do_not_matter() -> None:
    """Both are drawn from the probe's seed."""
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
    before = score(net)
    with torch.no_grad():
        for parameter in net[0].parameters():
            parameter.fill_(7.0)
    assert score(net) == before == score(net, noise(16, 3, SIDE, SIDE))
    assert score(net, seed=1) != before


def test_free_kernels_are_drawn_too() -> None:
    """A weight of two axes or more is drawn, whichever module holds it; other parameters are not.

    One number for each of two channels, of which the change is 0.01 |w e|.
    """

    class Free(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(WIDTH, 1))
            self.table = nn.Parameter(torch.zeros(WIDTH, SIDE, SIDE))

        def forward(self, x: Tensor) -> Tensor:
            return x[:, :1] * self.weight[:, :, None] + x[:, 1:2] * self.table

    assert score(nn.Sequential(Free())) == pytest.approx(answer(HALF_NORMAL), abs=0.1)


def test_a_dead_net_is_last_and_finite() -> None:
    """No answer at all, and a norm that has nothing to take out."""

    class Dead(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * 0

    dead = score(nn.Sequential(Dead(), nn.BatchNorm2d(3)))
    assert math.isfinite(dead)
    assert dead < score(nn.Sequential(nn.BatchNorm2d(3))) - 50


def test_a_net_without_maps_cannot_be_scored() -> None:
    """There is nothing in front of the pool."""
    with pytest.raises(ProxyFailed, match="zen needs a block that gives a map"):
        score(nn.Sequential(nn.Flatten()))
