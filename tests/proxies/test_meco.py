"""meco against numpy's correlation, and against nets whose least eigenvalue is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from archsearch.proxies import Probe, ProxyFailed
from archsearch.proxies.meco import least_eigenvalue, meco
from archsearch.proxies.passes.responses import CHANNELS, VECTORS, sample


def score(net: nn.Module, images: Tensor) -> float:
    return meco(Probe(net, images, torch.zeros(len(images), dtype=torch.long), 0))


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def seeded(*layers: nn.Module) -> nn.Sequential:
    net = nn.Sequential(*layers)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.normal_(generator=generator)
    return net


def test_the_score_is_numpys() -> None:
    """The sum over layers of the least eigenvalue of corrcoef over all pixels of all images."""
    net, images = seeded(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 3)), noise(3, 3, 9, 9)
    total, x = 0.0, images
    for layer in net:
        x = layer(x)
        rows = x.detach().double().transpose(0, 1).flatten(1).numpy()
        total += np.linalg.eigvalsh(np.corrcoef(rows)).min()
    assert score(net, images) == pytest.approx(total, rel=1e-5)


def mixing(rho: float) -> nn.Conv2d:
    """Two channels that correlate with rho, of two independent ones."""
    conv = nn.Conv2d(3, 2, 1, bias=False)
    with torch.no_grad():
        conv.weight.copy_(
            torch.tensor([[1.0, 0, 0], [rho, math.sqrt(1 - rho**2), 0]]).view(2, 3, 1, 1)
        )
    return conv


@pytest.mark.parametrize("rho", [0.0, 0.5, -0.9, 1.0])
def test_two_channels_have_one_minus_their_correlation(rho: float) -> None:
    """The eigenvalues of [[1, r], [r, 1]] are 1 + r and 1 - r."""
    images = noise(16, 3, 8, 8)
    rows = images.transpose(0, 1).flatten(1).double()
    rows = rows - rows.mean(1, keepdim=True)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(rows @ rows.T), rows, upper=False)
    exact = white.float().view(3, 16, 8, 8).transpose(0, 1) * 30
    assert score(mixing(rho), exact) == pytest.approx(1 - abs(rho), abs=1e-4)


def test_channels_that_do_not_vary_give_nothing() -> None:
    """A dead channel makes the layer's value 0, not an undefined one."""
    conv = seeded(nn.Conv2d(3, 4, 1))
    with torch.no_grad():
        conv[0].weight[2] = 0
    assert score(conv, noise(4, 3, 6, 6)) == 0


def test_more_channels_than_pixels_depend_on_each_other() -> None:
    """The value is 0 then, and no eigenvalues are sought."""
    assert score(seeded(nn.Conv2d(3, 40, 3)), noise(2, 3, 5, 5)) == 0


def test_a_sample_has_the_same_pixels_of_every_image() -> None:
    """Evenly spaced channels and pixels; everything where there is little."""
    small = noise(2, 3, 4, 4)
    assert torch.equal(sample(small), small.transpose(0, 1).reshape(3, -1))
    index = torch.arange(2 * CHANNELS * 4 * 32 * 32).view(4, 2 * CHANNELS, 32, 32)
    found = sample(index)
    assert found.shape == (CHANNELS, VECTORS)
    assert torch.equal(found, index[:, ::2].flatten(2)[:, :, ::4].transpose(0, 1).flatten(1))


def test_channels_last_layers_are_read_so() -> None:
    """A linear layer on (B, H, W, C) has the value of the 1x1 convolution that it is."""

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 5)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.linear(x.permute(0, 2, 3, 1))
            return y

    net, conv = Last(), nn.Conv2d(3, 5, 1)
    with torch.no_grad():
        conv.weight.copy_(net.linear.weight.view(5, 3, 1, 1))
        conv.bias.copy_(net.linear.bias)
    images = noise(4, 3, 6, 7)
    assert score(net, images) == pytest.approx(score(conv, images), rel=1e-4)


def test_a_principal_part_has_no_smaller_least_eigenvalue() -> None:
    """Cauchy's interlacing: what sampling channels can do to the value."""
    rows = noise(12, 200)
    assert least_eigenvalue(rows[::2]) >= least_eigenvalue(rows)


def test_a_net_without_maps_cannot_be_scored() -> None:
    """Nothing is left to correlate."""
    with pytest.raises(ProxyFailed, match="meco needs a layer that gives a map"):
        score(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), noise(4, 3, 4, 4))
