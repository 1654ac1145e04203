"""az_progressivity of blocks that narrow and widen the features."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from archsearch.proxies import Probe, ProxyFailed
from archsearch.proxies.az_progressivity import az_progressivity


class Channels(nn.Module):
    """Gives so many channels of noise: the first ones again where there are too few."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def forward(self, x: Tensor) -> Tensor:
        rolled = [
            x.roll(index * self.count, dims=2) for index in range(-(-self.count // x.shape[1]))
        ]
        return torch.cat(rolled, 1)[:, : self.count].clone()


def score(*channels: int) -> float:
    net = nn.Sequential(*map(Channels, channels))
    return az_progressivity(Probe(net, torch.zeros(64, 3, 16, 16), torch.zeros(64).long(), 0))


def test_it_is_the_least_growth() -> None:
    """Blocks of 3, 6, 9 and 12 channels of noise grow by log 2, log 1.5, log 1.33."""
    assert score(3, 6, 9, 12) == pytest.approx(math.log(4 / 3), abs=0.01)


def test_one_block_that_narrows_decides() -> None:
    """Three channels after twelve lose log 4."""
    assert score(3, 12, 3, 12) == pytest.approx(-math.log(4), abs=0.01)


def test_one_block_cannot_be_scored() -> None:
    """Growth is from one to the next."""
    with pytest.raises(ProxyFailed, match="needs two blocks that give maps, got 1"):
        score(3)
