"""naswot against a kernel counted bit by bit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from archsearch.proxies import Probe, ProxyFailed
from archsearch.proxies.naswot import RIDGE, naswot
from archsearch.proxies.passes.responses import NONLINEARITIES, responses

LABELS = torch.zeros(6, dtype=torch.long)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def score(net: nn.Module, images: Tensor) -> float:
    return naswot(Probe(net, images, LABELS[: len(images)], 0))


def two_layers(activation: Callable[[], nn.Module]) -> nn.Sequential:
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


class Called(nn.Module):
    """A nonlinearity that is called as a function."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    **{kind.__name__: kind for kind in (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU)},
    **{kind.__name__: kind for kind in (nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish, nn.Softplus)},
    **{kind.__name__: kind for kind in (nn.Sigmoid, nn.Hardsigmoid, nn.Tanh, nn.Hardtanh)},
    **{kind.__name__: kind for kind in (nn.SELU, nn.CELU, nn.LogSigmoid, nn.Softsign)},
    "F.relu": lambda: Called(F.relu),
    "F.gelu": lambda: Called(F.gelu),
    "torch.relu_": lambda: Called(torch.relu_),
    "Tensor.relu": lambda: Called(lambda x: x.relu()),
    "Tensor.sigmoid": lambda: Called(lambda x: x.sigmoid()),
    "tanh_": lambda: Called(lambda x: x.tanh_()),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_score_is_the_determinant_of_equal_bits(name: str) -> None:
    """The bits are the signs of what goes into each nonlinearity, module or function."""
    net, images = two_layers(ACTIVATIONS[name]), noise(6, 3, 2, 2)
    with torch.no_grad():
        first = net[:2](images)
        second = net[3](net[2](first.clone()))
    patterns = (torch.cat([first, second], 1) > 0).tolist()
    assert score(net, images) == pytest.approx(brute_force(patterns), rel=1e-9)


def test_each_nonlinearity_is_seen_once() -> None:
    """A module is seen as the function that it calls, not a second time as itself."""
    net = two_layers(nn.ReLU)
    signs = Probe(net, noise(6, 3, 2, 2), LABELS, 0).of(responses).signs
    assert [sign.shape for sign in signs] == [(6, 9), (6, 5)]


def test_products_and_softmax_are_not_seen() -> None:
    """They have no threshold."""
    net = nn.Sequential(nn.Flatten(), Called(lambda x: x * x.softmax(-1)), nn.Linear(12, 2))
    with pytest.raises(ProxyFailed, match="no nonlinearity was seen"):
        score(net, noise(6, 3, 2, 2))


def test_every_listed_function_bends() -> None:
    """Each maps (2, 32) to (2, 32) and is no straight line."""
    more = {"prelu": (torch.tensor([0.25]),), "threshold": (0.0, 0.0)}
    for function in NONLINEARITIES:
        x = torch.linspace(-4, 4, 64).view(2, 32)
        y = function(x, *more.get(function.__name__.strip("_"), ()))
        assert y.shape == (2, 32)
        assert y.view(-1).diff(n=2).abs().max() > 1e-4, function


def test_an_activation_that_works_in_place_counts_the_same() -> None:
    """The input is read before the module overwrites it."""
    net = two_layers(nn.ReLU)
    images = noise(6, 3, 2, 2)
    before = score(net, images)
    net[2].inplace = net[4].inplace = True
    assert score(net, images) == before


def test_equal_images_make_a_low_but_finite_score() -> None:
    """A singular kernel, here of N equal bits for B equal images, has log det log(1 + B N)."""
    net = two_layers(nn.ReLU)
    images = noise(1, 3, 2, 2).expand(6, -1, -1, -1)
    assert score(net, images) == pytest.approx(math.log(1 + 6 * 14))
    assert score(net, noise(6, 3, 2, 2)) > score(net, images)


def test_the_ridge_is_not_noticed_by_a_real_kernel() -> None:
    """With some ten thousand units the score without the ridge is the same to four digits."""
    net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Flatten())
    images = noise(6, 3, 32, 32)
    bits = (net[0](images).flatten(1) > 0).double().numpy()
    plain = np.linalg.slogdet(bits @ bits.T + (1 - bits) @ (1 - bits.T))[1]
    assert score(net, images) == pytest.approx(plain, rel=1e-4)


def test_batch_norm_uses_the_batch() -> None:
    """An offset that batch norm takes out again does not change the patterns."""
    conv = nn.Conv2d(3, 4, 1)
    net = nn.Sequential(conv, nn.BatchNorm2d(4), nn.ReLU()).eval()
    images = noise(6, 3, 4, 4)
    before = score(net, images)
    with torch.no_grad():
        conv.bias.add_(100.0)
    assert score(net, images) == pytest.approx(before, rel=1e-2)
    assert net[1].num_batches_tracked == 0


def test_tokens_count_like_pixels() -> None:
    """The units of (B, tokens, channels) and of (B x heads, ...) inputs are all counted."""
    images = noise(6, 3, 2, 2)
    heads = Called(lambda x: F.gelu(x.flatten(2).reshape(-1, 4)))
    patterns = (images.flatten(1) > 0).tolist()
    assert score(heads, images) == pytest.approx(brute_force(patterns), rel=1e-9)


def test_what_cannot_be_scored_says_why() -> None:
    """One image, a net without nonlinearities, a nonlinearity that mixes images."""
    images = noise(6, 3, 2, 2)
    with pytest.raises(ProxyFailed, match="compare images: 2 are needed, got 1"):
        score(two_layers(nn.ReLU), images[:1])
    with pytest.raises(ProxyFailed, match="no nonlinearity was seen"):
        score(nn.Flatten(), images)
    mixing = nn.Sequential(nn.Flatten(0), nn.Unflatten(0, (4, 18)), nn.ReLU())
    with pytest.raises(ProxyFailed, match=r"got \(4, 18\) for a batch of 6 images"):
        score(mixing, images)
