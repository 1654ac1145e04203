"""zico against numpy, weight by weight."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gradient_nets import IMAGES, LABELS, convolutional, linear, loss, probe, softmax_gradient
from gradient_nets import weights as weights_in
from torch.nn import functional as F

from archsearch.proxies.zico import zico


@pytest.mark.parametrize("norm", [False, True])
def test_it_is_the_papers_sum(norm: bool) -> None:
    """log of the sum of mean |g| / std g, numpy's population deviation, summed over layers."""
    net = convolutional(norm).train()
    halves = [
        torch.autograd.grad(F.cross_entropy(net(x), y), weights_in(net))
        for x, y in zip(IMAGES.chunk(2), LABELS.chunk(2), strict=True)
    ]
    expected = 0.0
    for gradients in zip(*halves, strict=True):
        g = np.stack([gradient.flatten().double().numpy() for gradient in gradients])
        deviation = g.std(axis=0)
        varies = deviation > 0
        expected += np.log((np.abs(g).mean(axis=0)[varies] / deviation[varies]).sum())
    assert loss(net).isfinite()
    assert zico(probe(convolutional(norm))) == pytest.approx(expected, rel=1e-4)


def test_equal_halves_leave_nothing_to_tell() -> None:
    """No weight's gradient varies; no layer counts, and none is infinite."""
    assert zico(probe(linear(), IMAGES[:4].repeat(2, 1, 1, 1), LABELS[:4].repeat(2))) == 0


def test_gradients_that_do_not_vary_are_left_out() -> None:
    """A pixel that is 0 in all images gives its weights no gradient on either half."""
    images = IMAGES.clone()
    images[:, 0] = 0
    net = linear()
    first, second = (
        softmax_gradient(net, x, y).double()[:, 36:]
        for x, y in zip(images.chunk(2), LABELS.chunk(2), strict=True)
    )
    ratio = (first.abs() + second.abs()) / (first - second).abs()
    assert zico(probe(net, images)) == pytest.approx(float(ratio.sum().log()), rel=1e-4)
