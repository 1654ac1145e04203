"""swap against a set of strings."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from archsearch.proxies import Probe, ProxyFailed
from archsearch.proxies.swap import IMAGES, swap


def score(net: nn.Module, images: Tensor) -> float:
    return swap(Probe(net, images, torch.zeros(len(images), dtype=torch.long), 0))


def net() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 5, 3), nn.GELU(), nn.Conv2d(5, 4, 3), nn.BatchNorm2d(4), nn.ReLU()
        )


def noise(count: int) -> Tensor:
    return torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def strings(module: nn.Sequential, images: Tensor) -> list[str]:
    """One string for each unit of the two nonlinearities, a character an image."""
    with torch.no_grad():
        first = module[0](images)
        second = module[3].train()(module[2](module[1](first)))
    bits = torch.cat([first.flatten(1), second.flatten(1)], 1) > 0
    return ["".join("01"[bit] for bit in unit) for unit in bits.T.tolist()]


@pytest.mark.parametrize("count", [2, 5, IMAGES])
def test_the_score_is_the_number_of_different_patterns(count: int) -> None:
    """Over the units of all layers together."""
    assert score(net(), noise(count)) == len(set(strings(net(), noise(count))))


def test_more_images_are_looked_at_in_groups() -> None:
    """The mean over groups of sixteen; what is left over does not count as a group."""
    images = noise(2 * IMAGES + 5)
    units = strings(net(), images)
    groups = [{unit[start : start + IMAGES] for unit in units} for start in (0, IMAGES)]
    assert score(net(), images) == sum(map(len, groups)) / 2


def test_equal_images_leave_two_patterns() -> None:
    """On for all, and off for all."""
    assert score(net(), noise(1).expand(6, -1, -1, -1)) == 2


def test_two_images_leave_four_patterns_at_most() -> None:
    """2^B is all that B images can tell."""
    assert score(net(), noise(2)) == 4


def test_what_cannot_be_scored_says_why() -> None:
    """Without nonlinearities there are no patterns."""
    with pytest.raises(ProxyFailed, match="no nonlinearity was seen"):
        score(nn.Conv2d(3, 3, 1), noise(4))
