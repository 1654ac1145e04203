"""snip against the derivative by a mask, which defines it."""

from __future__ import annotations

import pytest
import torch
from gradient_nets import IMAGES, LABELS, convolutional, linear, loss, probe, softmax_gradient
from gradient_nets import weights as weights_in
from torch import nn
from torch.func import functional_call

from archsearch.proxies.snip import snip


def test_softmax_regression_has_the_closed_form() -> None:
    """The sum of |theta g| with g = (p - one hot)^T x / B."""
    net = linear()
    expected = (softmax_gradient(net, IMAGES, LABELS) * weights_in(net)[0]).abs().sum().detach()
    assert snip(probe(net)) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("norm", [False, True])
def test_it_is_the_derivative_by_a_mask(norm: bool) -> None:
    """Lee et al.'s definition: |dL(c theta) / dc| at c = 1."""
    net = convolutional(norm)
    names = [name for name, p in net.named_parameters() if p.dim() > 1]
    masks = [torch.ones_like(net.get_parameter(name), requires_grad=True) for name in names]

    class Masked(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            masked = {
                n: m * net.get_parameter(n).detach() for n, m in zip(names, masks, strict=True)
            }
            out: torch.Tensor = functional_call(net.train(), masked, x)
            return out

    found = torch.autograd.grad(loss(Masked()), masks)
    expected = sum(float(gradient.abs().sum()) for gradient in found)
    assert snip(probe(convolutional(norm))) == pytest.approx(expected, rel=1e-5)


def test_twice_the_weights_of_a_normalised_layer_change_nothing() -> None:
    """Batch norm takes the factor out; theta grows as the gradient shrinks."""
    net = convolutional(norm=True)
    before = snip(probe(net))
    with torch.no_grad():
        net.get_parameter("0.weight").mul_(2)
    assert snip(probe(net)) == pytest.approx(before, rel=1e-3)
