"""naswot against a kernel counted bit by bit."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from archsearch.proxies import ProxyFailed
from archsearch.proxies.naswot import ACTIVATIONS, RIDGE, naswot

LABELS = torch.zeros(6, dtype=torch.long)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def two_layers(activation: type[nn.Module]) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return nn.Sequential(
            nn.Flatten(), nn.Linear(12, 9), activation(), nn.Linear(9, 5), activation()
        )


def brute_force(patterns: list[list[bool]]) -> float:
    """Log-determinant by expansion over permutations of the kernel of equal bits."""
    kernel = [[sum(a == b for a, b in zip(p, q, strict=True)) for q in patterns] for p in patterns]
    for i in range(len(kernel)):
        kernel[i][i] += RIDGE
    determinant = 0.0
    for order in itertools.permutations(range(len(kernel))):
        inversions = sum(a > b for a, b in itertools.combinations(order, 2))
        determinant += (-1) ** inversions * math.prod(kernel[i][j] for i, j in enumerate(order))
    return math.log(determinant)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.GELU, nn.Hardswish, nn.Sigmoid])
def test_the_score_is_the_determinant_of_equal_bits(activation: type[nn.Module]) -> None:
    """The bits are the signs of what goes into each nonlinearity, whichever it is."""
    net, images = two_layers(activation), noise(6, 3, 2, 2)
    with torch.no_grad():
        first = net[:2](images)
        second = net[:4](images)
    patterns = (torch.cat([first, second], 1) > 0).tolist()
    assert naswot(net, images, LABELS) == pytest.approx(brute_force(patterns), rel=1e-9)


def test_an_activation_that_works_in_place_counts_the_same() -> None:
    """The input is read before the module overwrites it."""
    net = two_layers(nn.ReLU)
    images = noise(6, 3, 2, 2)
    before = naswot(net, images, LABELS)
    net[2].inplace = net[4].inplace = True
    assert naswot(net, images, LABELS) == before


def test_equal_images_make_a_low_but_finite_score() -> None:
    """A singular kernel, here of N equal bits for B equal images, has log det log(1 + B N)."""
    net = two_layers(nn.ReLU)
    images = noise(1, 3, 2, 2).expand(6, -1, -1, -1)
    assert naswot(net, images, LABELS) == pytest.approx(math.log(1 + 6 * 14))
    assert naswot(net, noise(6, 3, 2, 2), LABELS) > naswot(net, images, LABELS)


def test_the_ridge_is_not_noticed_by_a_real_kernel() -> None:
    """With some ten thousand units the score without the ridge is the same to four digits."""
    net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Flatten())
    images = noise(8, 3, 32, 32)
    bits = (net[0](images).flatten(1) > 0).double().numpy()
    plain = np.linalg.slogdet(bits @ bits.T + (1 - bits) @ (1 - bits.T))[1]
    assert naswot(net, images, LABELS) == pytest.approx(plain, rel=1e-4)


def test_batch_norm_uses_the_batch() -> None:
    """An offset that batch norm takes out again does not change the patterns."""
    conv = nn.Conv2d(3, 4, 1)
    net = nn.Sequential(conv, nn.BatchNorm2d(4), nn.ReLU()).eval()
    images = noise(6, 3, 4, 4)
    before = naswot(net, images, LABELS)
    with torch.no_grad():
        conv.bias.add_(100.0)
    assert naswot(net, images, LABELS) == pytest.approx(before, rel=1e-2)
    assert net[1].num_batches_tracked == 0


def test_tokens_count_like_pixels() -> None:
    """The units of (B, tokens, channels) and of (B x heads, ...) inputs are all counted."""

    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = nn.GELU()

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.act(x.flatten(2).reshape(-1, 4))
            return out

    images = noise(6, 3, 2, 2)
    patterns = (images.flatten(1) > 0).tolist()
    assert naswot(Heads(), images, LABELS) == pytest.approx(brute_force(patterns), rel=1e-9)


def test_what_cannot_be_scored_says_why() -> None:
    """One image, a net without activation modules, an activation that mixes images."""
    images = noise(6, 3, 2, 2)
    with pytest.raises(ProxyFailed, match="compares images and needs 2 at least, got 1"):
        naswot(two_layers(nn.ReLU), images[:1], LABELS[:1])
    with pytest.raises(ProxyFailed, match="saw no activation module"):
        naswot(nn.Flatten(), images, LABELS)
    mixing = nn.Sequential(nn.Flatten(0), nn.Unflatten(0, (4, 18)), nn.ReLU())
    with pytest.raises(ProxyFailed, match=r"got \(4, 18\) for a batch of 6 images"):
        naswot(mixing, images, LABELS)


def test_every_listed_activation_is_one() -> None:
    """Each maps (B, N) to (B, N) and is not linear."""
    x = torch.linspace(-4, 4, 64).view(2, 32)
    for activation in ACTIVATIONS:
        y = activation()(x)
        assert y.shape == x.shape
        assert y.view(-1).diff(2).abs().max() > 1e-4, activation
