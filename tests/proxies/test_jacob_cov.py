"""jacob_cov against numpy, image by image."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from gradient_nets import IMAGES, LABELS, convolutional, probe
from torch import Tensor, nn

from archsearch.proxies.jacob_cov import jacob_cov

K = 1e-5


def test_it_is_the_papers_score() -> None:
    """Each image's Jacobian by itself, numpy's correlations and eigenvalues."""
    net = convolutional().eval()
    rows = []
    for image in IMAGES:
        pixels = image[None].clone().requires_grad_()
        (jacobian,) = torch.autograd.grad(net(pixels).sum(), pixels)
        rows.append(jacobian.flatten().double().numpy())
    values = np.linalg.eigvalsh(np.corrcoef(np.stack(rows)))
    expected = -np.sum(np.log(values + K) + 1 / (values + K))
    assert jacob_cov(probe(convolutional())) == pytest.approx(expected, rel=1e-3)


class Own(nn.Module):
    """The logits of the image with number i hang on its pixels i and i + 8 alone, oppositely."""

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        start = self.first(flat)
        own = torch.arange(len(x)) + start
        rows = torch.arange(len(x))
        return (flat[rows, own] - flat[rows, own + 8])[:, None].expand(-1, 3)

    def first(self, flat: Tensor) -> int:
        return 0 if torch.equal(flat.detach()[0], IMAGES[0].flatten()) else 4


def test_images_that_have_nothing_in_common_score_highest() -> None:
    """The correlation is the identity: all eigenvalues are 1, the score -B (log(1+k) + 1/(1+k))."""
    highest = -8 * (math.log(1 + K) + 1 / (1 + K))
    assert jacob_cov(probe(Own())) == pytest.approx(highest, rel=1e-9)
    assert jacob_cov(probe(convolutional())) < highest


@pytest.mark.parametrize("kind", ["linear", "cut off", "constant"])
def test_images_that_are_all_alike_score_lowest(kind: str) -> None:
    """One eigenvalue is B, the others are 0: a linear net, one that does not see its input."""

    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            weights = torch.linspace(-1, 1, 108)[:, None].expand(-1, 3)
            seen = x.flatten(1) @ weights
            return {"linear": seen, "cut off": seen * 0, "constant": torch.ones(len(x), 3)}[kind]

    lowest = -(math.log(8 + K) + 1 / (8 + K) + 7 * (math.log(K) + 1 / K))
    assert jacob_cov(probe(Net())) == pytest.approx(lowest, rel=1e-6)


def test_the_labels_do_not_count() -> None:
    """It is the logits that are differentiated, not the loss."""
    net = convolutional()
    assert jacob_cov(probe(net, IMAGES, LABELS.flip(0))) == jacob_cov(probe(net))
