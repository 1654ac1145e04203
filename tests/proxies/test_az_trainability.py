"""az_trainability of blocks whose Jacobian is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from archsearch.proxies import Probe, ProxyFailed
from archsearch.proxies.az_trainability import az_trainability


class Rotate(nn.Module):
    """Gives the channels in another order, ``factor`` times as large."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x.roll(1, dims=1) * self.factor


def score(*factors: float) -> float:
    net = nn.Sequential(nn.Identity(), *map(Rotate, factors))
    return az_trainability(Probe(net, torch.zeros(64, 3, 16, 16), torch.zeros(64).long(), 0))


def test_a_block_has_two_minus_its_norm_and_one_over_it() -> None:
    """2 - s - 1 / s, to what the drawn signs leave open, and the mean of several."""
    assert score(1.0) == pytest.approx(0, abs=1e-3)
    assert score(2.0) == pytest.approx(-0.5, abs=0.05)
    assert score(0.25) == pytest.approx(-2.25, abs=0.15)
    assert score(2.0, 0.25, 1.0) == pytest.approx((-0.5 - 2.25) / 3, abs=0.1)


def test_shrinking_and_growing_are_alike() -> None:
    """A factor has the value of its inverse, nearly."""
    assert score(3.0) == pytest.approx(score(1 / 3), abs=0.15)


def test_dead_blocks_and_skips_are_last_and_finite() -> None:
    """Both count as norm 0: about -1e6 each."""
    assert score(0.0) == pytest.approx(2 - 1e6)
    skip = nn.Sequential(nn.Identity(), nn.Identity())
    probe = Probe(skip, torch.zeros(8, 3, 4, 4), torch.zeros(8).long(), 0)
    assert az_trainability(probe) == pytest.approx(2 - 1e6)


def test_one_block_cannot_be_scored() -> None:
    """The first block has no block before it."""
    with pytest.raises(ProxyFailed, match="needs a block behind the first"):
        score()
