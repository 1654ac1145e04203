"""dss against closed forms."""

from __future__ import annotations

import math
import sys

import pytest
import torch
from gradient_nets import convolutional, linear, probe
from torch import Tensor, nn

from archsearch import published
from archsearch.blocks.transformer import Attention
from archsearch.network import build
from archsearch.proxies.dss import dss
from archsearch.proxies.passes.linear import flows


def test_without_attention_it_is_the_weights_saliency() -> None:
    """The sum of |theta dR/dtheta| over weights: synflow without the biases."""
    net = convolutional()
    found = probe(net).of(flows).through
    weights = [flow for name, flow in found.items() if name.endswith("weight")]
    assert 0 < len(weights) < len(found)
    expected = sum(float((flow.value * flow.gradient).abs().sum()) for flow in weights)
    assert dss(probe(net)) == pytest.approx(math.log(expected), rel=1e-12)


class Projections(Attention):
    """Its matrices in a row, without the scores: what they make is known in closed form."""

    def forward(self, tokens: Tensor, bias: Tensor | None = None) -> Tensor:
        del bias
        out: Tensor = self.project(self.qkv(tokens)[..., :6])
        return out


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(4)
            self.attention = Projections(6, heads=1)
            self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.attention(x.flatten(2)[..., :6])[:, 0])
        return out


def test_an_attention_gives_its_nuclear_norms() -> None:
    """The gradients have rank one, |a| |b|; the values' nuclear norms are numpy's."""
    net = Net()
    state = {name: value.double().abs() for name, value in net.state_dict().items()}
    q, project = state["attention.qkv.weight"], state["attention.project.weight"]
    first = q[:6].sum(1) + state["attention.qkv.bias"][:6]
    second = project @ first + state["attention.project.bias"]
    to_second = state["head.weight"].sum(0)
    to_first = project.T @ to_second

    def nuclear(matrix: Tensor) -> float:
        return float(torch.linalg.matrix_norm(matrix, "nuc"))

    diversity = nuclear(q) * float(to_first.norm()) * math.sqrt(6)
    diversity += nuclear(project) * float(to_second.norm() * first.norm())
    saliency = float((state["head.weight"] * second).sum())
    assert dss(probe(net)) == pytest.approx(math.log(diversity + saliency), rel=1e-12)


@pytest.mark.parametrize(
    "name", ["edgenext_xx_small", "cmt_ti", "deit_tiny", "swin_tiny", "hornet_tiny_gf"]
)
def test_attention_of_every_family_counts(name: str) -> None:
    """Where there is attention the score is not the saliency alone; without, it is."""
    net = build(published.load(name), 10, resolution=64, seed=0)
    one = probe(net, torch.zeros(4, 3, 64, 64))
    found = one.of(flows)
    saliency = sum(
        float(flow.amount())
        for key, flow in found.through.items()
        if key.endswith("weight") and flow.value.dim() > 1
    )
    alone = found.logarithm(saliency, "dss")
    assert (dss(one) != pytest.approx(alone, rel=1e-12)) == ("hornet" not in name)


def test_no_flow_is_last() -> None:
    """Dead weights score below everything that lives."""
    dead = linear()
    with torch.no_grad():
        dead.get_parameter("1.weight").zero_()
    assert dss(probe(dead)) == math.log(sys.float_info.min)
