"""grasp against the Hessian by double differentiation, and against closed forms."""

from __future__ import annotations

import pytest
import torch
from gradient_nets import convolutional, linear, loss, probe
from gradient_nets import weights as weights_in
from torch import Tensor, nn

from archsearch.proxies.grasp import grasp


def exact(net: nn.Module) -> tuple[float, float]:
    """-theta^T H g by differentiating twice, and ||g||^2."""
    weights = weights_in(net)
    first = torch.autograd.grad(loss(net), weights, create_graph=True)
    product = torch.stack([(g * g.detach()).sum() for g in first]).sum()
    second = torch.autograd.grad(product, weights)
    flow = torch.stack([(w * h).sum() for w, h in zip(weights, second, strict=True)]).sum()
    return -float(flow.detach()), float(product.detach())


@pytest.mark.parametrize("act", [nn.GELU, nn.SiLU, nn.Tanh])
def test_it_is_the_hessian_gradient_product(act: type[nn.Module]) -> None:
    """The difference along the ray is the second derivative, within a fiftieth of ||g||^2."""
    net = convolutional(act=act)
    flow, squared_norm = exact(net)
    assert grasp(probe(net)) == pytest.approx(flow, abs=0.02 * squared_norm)
    assert abs(flow) > 0.2 * squared_norm


@pytest.mark.parametrize("act", [nn.ReLU, nn.GELU, nn.Hardswish])
def test_so_it_is_behind_batch_norm(act: type[nn.Module]) -> None:
    """Rectifiers behind a batch norm do not change their sign as the weights grow."""
    net = convolutional(norm=True, act=act)
    flow, squared_norm = exact(net)
    assert grasp(probe(net)) == pytest.approx(flow, abs=0.02 * squared_norm)


def test_softmax_regression_has_the_closed_form() -> None:
    """H of softmax regression is the mean of (diag p - p p^T) x x^T, over images."""
    net, (weight,) = linear().double(), weights_in(linear().double())
    images = torch.randn(8, 3, 6, 6, generator=torch.Generator().manual_seed(2)).double()
    labels = torch.tensor([0, 1, 2, 1, 2, 0, 0, 1])
    with torch.no_grad():
        x = images.flatten(1)
        p = net(images).softmax(1)
        g = (p - nn.functional.one_hot(labels, 3)).T @ x / 8
        spread = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
        hg = torch.einsum("bij,bj,bk->ik", spread, x @ g.T, x) / 8
        expected = -float((weight * hg).sum())
    assert grasp(probe(net, images, labels)) == pytest.approx(expected, rel=0.02)


def test_normalised_layers_give_their_squared_gradient() -> None:
    """L does not change with the weights' size there: H theta = -g, the score is ||g||^2."""

    class Normalised(nn.Module):
        """All weights stand in front of a batch norm."""

        def __init__(self) -> None:
            super().__init__()
            self.features = convolutional(norm=True)
            self.norm = nn.BatchNorm1d(3, eps=1e-30)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.norm(self.features(x))
            return out

    net = Normalised().double()
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eps = 1e-30
    images = torch.randn(8, 3, 6, 6, generator=torch.Generator().manual_seed(2)).double()
    labels = torch.tensor([0, 1, 2, 1, 2, 0, 0, 1])
    found = torch.autograd.grad(loss(net, images, labels), weights_in(net))
    expected = sum(float(g.square().sum()) for g in found)
    assert grasp(probe(net, images, labels)) == pytest.approx(expected, rel=1e-6)


def test_a_flat_loss_scores_zero() -> None:
    """Where nothing depends on the weights there is no gradient to grow."""
    dead = linear()
    images = torch.zeros(8, 3, 6, 6)
    assert grasp(probe(dead, images)) == 0
