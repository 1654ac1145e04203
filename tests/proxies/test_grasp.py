"""grasp against the Hessian by double differentiation, and against closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from gradient_nets import convolutional, linear, loss, probe
from gradient_nets import weights as weights_in
from torch import Tensor, nn
from torch.nn import functional as F

from archsearch.network import build
from archsearch.proxies.grasp import _growth, grasp
from archsearch.space import load_space

NB201 = Path(__file__).parents[2] / "search_spaces" / "nasbench201.yaml"
IMAGES = torch.randn(32, 3, 8, 8, generator=torch.Generator().manual_seed(2))
LABELS = torch.arange(32) % 3


class Written(nn.Module):
    """An activation from operators that autograd differentiates twice, or not a module at all."""

    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(x)


SMOOTH = [nn.GELU, nn.SiLU, nn.Tanh]
RECTIFIERS = {
    "relu": nn.ReLU,
    "relu in place": lambda: nn.ReLU(inplace=True),
    "relu as a method": lambda: Written(lambda x: x.relu()),
    "relu by name": lambda: Written(lambda x: torch.relu(input=x)),
    "relu6": nn.ReLU6,
    "leaky": lambda: nn.LeakyReLU(0.3),
    "prelu": lambda: nn.PReLU(init=0.1),
    "hardtanh": lambda: nn.Hardtanh(-0.2, 0.3),
    "hardswish": nn.Hardswish,
    "relu6 of a sum": lambda: Written(lambda x: F.relu6(4 * x + 3) / 6),
    "max pool": lambda: nn.Sequential(nn.MaxPool2d(2, stride=1, padding=1), nn.Tanh()),
}


def exact(net: nn.Module, *batch: Tensor) -> tuple[float, float]:
    """-theta^T H g by differentiating twice, and ||g||^2."""
    weights = weights_in(net)
    first = torch.autograd.grad(
        loss(net, *batch), weights, create_graph=True, allow_unused=True, materialize_grads=True
    )
    product = torch.stack([(g * g.detach()).sum() for g in first]).sum()
    second = torch.autograd.grad(product, weights, materialize_grads=True, allow_unused=True)
    flow = torch.stack([(w * h).sum() for w, h in zip(weights, second, strict=True)]).sum()
    return -float(flow.detach()), float(product.detach())


@pytest.mark.parametrize("act", SMOOTH)
@pytest.mark.parametrize("norm", [False, True])
def test_it_is_the_hessian_gradient_product(act: type[nn.Module], norm: bool) -> None:
    """The difference along the ray is the second derivative, within 0.5 % of ||g||^2."""
    net = convolutional(norm=norm, act=act)
    flow, squared_norm = exact(net)
    assert grasp(probe(net)) == pytest.approx(flow, abs=0.005 * squared_norm)
    assert norm or abs(flow) > 0.2 * squared_norm


@pytest.mark.parametrize("act", RECTIFIERS.values(), ids=RECTIFIERS)
def test_kinks_do_not_count(act: Callable[[], nn.Module]) -> None:
    """So it is where inputs change their side on the way: biases, no norms, many inputs."""
    net = convolutional(act=act)
    flow, squared_norm = exact(net, IMAGES, LABELS)
    found = grasp(probe(net, IMAGES, LABELS))
    assert found == pytest.approx(flow, rel=0.01, abs=0.001 * squared_norm)


def test_a_hard_sigmoid_is_the_relu6_that_it_is_made_of() -> None:
    """Autograd cannot differentiate it twice: relu6(x + 3) / 6 is the same."""
    net = convolutional(act=nn.Hardsigmoid)
    twin = convolutional(act=lambda: Written(lambda x: F.relu6(x + 3) / 6))
    with torch.no_grad():
        for one in (net, twin):
            one[0].weight *= 20
    flow, squared_norm = exact(twin, IMAGES, LABELS)
    found = grasp(probe(net, IMAGES, LABELS))
    assert found == pytest.approx(flow, rel=0.01, abs=0.001 * squared_norm)


@pytest.mark.parametrize("seed", range(3))
def test_so_it_is_on_nas_bench_201(seed: int) -> None:
    """Shortcuts without a norm and rectifiers behind their sums: random members, within 1 %."""
    member = load_space(NB201).sample(np.random.default_rng(seed))
    net = build(member, 3, resolution=8, seed=seed)
    flow, squared_norm = exact(net, IMAGES, LABELS)
    found = grasp(probe(net, IMAGES, LABELS))
    assert found == pytest.approx(flow, rel=0.01, abs=0.001 * squared_norm)


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
    assert grasp(probe(net, images, labels)) == pytest.approx(expected, rel=1e-3)


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


@pytest.mark.parametrize("factor", [1e-300, 1e20, 1e60, 1e150])
def test_gradients_beyond_float32_have_a_finite_score(factor: float) -> None:
    """Also where they vanish, and where their squares are beyond float64."""
    net = linear()
    with torch.no_grad():
        weights_in(net)[0].mul_(1e-3)
    images = torch.randn(8, 3, 6, 6, generator=torch.Generator().manual_seed(2)).double() * factor
    assert math.isfinite(grasp(probe(net.double(), images, torch.arange(8) % 3)))


@pytest.mark.parametrize(
    ("before", "after", "growth"),
    [(1.0, math.e, 1.0), (1e75, 0.0, -881.1), (1e-300, 1e300, 1381.6), (1.0, math.nan, 709.8),
     (1.0, math.inf, 709.8), (math.inf, 1.0, -709.8)],
)  # fmt: skip
def test_growth_is_finite_whatever_grows(before: float, after: float, growth: float) -> None:
    """Zero, infinity and no number stand at the ends of float's range."""
    assert _growth(before, after) == pytest.approx(growth, abs=0.1)
