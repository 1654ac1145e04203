"""az_expressivity of noise that blocks squeeze."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from archsearch.proxies import Probe, ProxyFailed
from archsearch.proxies.az_expressivity import az_expressivity


def score(*layers: nn.Module, channels: int = 3) -> float:
    images = torch.zeros(64, channels, 16, 16)
    return az_expressivity(Probe(nn.Sequential(*layers), images, torch.zeros(64).long(), 0))


class First(nn.Module):
    """Gives its first channel three times."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :1].expand_as(x).clone()


def test_noise_has_the_logarithm_of_its_channels() -> None:
    """For each block that passes it on, whatever the images are."""
    assert score(nn.Identity()) == pytest.approx(math.log(3), abs=1e-3)
    assert score(*(nn.Identity() for _ in range(4))) == pytest.approx(4 * math.log(3), abs=4e-3)
    assert score(nn.Identity(), channels=16) == pytest.approx(math.log(16), abs=2e-3)


def test_a_line_adds_nothing() -> None:
    """Nor does a dead block, which is finite."""
    assert score(nn.Identity(), First()) == pytest.approx(math.log(3), abs=1e-2)
    dead = nn.BatchNorm2d(3)
    with torch.no_grad():
        dead.weight.zero_()
    assert score(nn.Identity(), dead) == pytest.approx(math.log(3), abs=1e-3)


def test_a_net_without_maps_cannot_be_scored() -> None:
    """It has no features to look at."""
    with pytest.raises(ProxyFailed, match="az_expressivity needs a block that gives a map"):
        score(nn.Flatten())
