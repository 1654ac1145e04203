"""synflow against closed forms."""

from __future__ import annotations

import math
import sys
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from archsearch import published
from archsearch.network import build
from archsearch.proxies import Probe, ProxyFailed
from archsearch.proxies.passes import linear
from archsearch.proxies.passes.linear import RECTIFIERS, flows
from archsearch.proxies.synflow import synflow

IMAGES = torch.zeros(3, 3, 4, 4)
LABELS = torch.zeros(3, dtype=torch.long)


def chain(*widths: int, between: type[nn.Module] = nn.Identity, bias: bool = False) -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten()]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        for width_in, width_out in pairwise(widths):
            layers += [nn.Linear(width_in, width_out, bias=bias), between()]
    return nn.Sequential(*layers)


def flow_of(net: nn.Module) -> Tensor:
    """1^T |W_L| ... |W_1| 1."""
    flow = torch.ones(48, dtype=torch.float64)
    for layer in net.modules():
        if isinstance(layer, nn.Linear):
            flow = layer.weight.detach().double().abs() @ flow
    return flow.sum()


@pytest.mark.parametrize("between", [nn.Identity, nn.ReLU, nn.ReLU6, nn.GELU, nn.SiLU])
def test_a_linear_chain_has_the_closed_form(between: type[nn.Module]) -> None:
    """Each of L layers holds the whole flow R, so that the score is log(L R)."""
    net = chain(48, 20, 15, 10, between=between)
    assert synflow(Probe(net, IMAGES, LABELS, 0)) == pytest.approx(
        math.log(3 * flow_of(net)), rel=1e-12
    )


def test_biases_add_the_flow_that_starts_in_them() -> None:
    """For one layer, R = sum |W| 1 + sum |b|, and every parameter gives its own part of it."""
    net = chain(48, 10, bias=True)
    layer = net.get_submodule("1")
    expected = sum(float(p.detach().double().abs().sum()) for p in layer.parameters())
    assert synflow(Probe(net, IMAGES, LABELS, 0)) == pytest.approx(math.log(expected), rel=1e-12)


def test_a_skip_adds_paths() -> None:
    """x + W x has R = N + sum |W|; only the paths through W count for the score."""

    class Skip(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(48, 48, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = x.flatten(1)
            return y + self.linear(y)

    net = Skip()
    expected = math.log(float(net.linear.weight.detach().double().abs().sum()))
    assert synflow(Probe(net, IMAGES, LABELS, 0)) == pytest.approx(expected, rel=1e-12)


class PixelNorm(nn.Module):
    """A norm written by hand: it is known by its name alone."""

    def forward(self, x: Tensor) -> Tensor:
        return x / x.abs().mean(1, keepdim=True)


@pytest.mark.parametrize(
    "norm", [nn.LayerNorm(20), nn.BatchNorm1d(20), nn.RMSNorm(20), nn.GroupNorm(4, 20), PixelNorm()]
)
def test_norms_do_not_stop_the_flow(norm: nn.Module) -> None:
    """Any norm counts as the identity, in a list or as an attribute."""
    plain = chain(48, 20, 10)
    normed = nn.Sequential(*list(plain)[:2], norm, *list(plain)[2:])
    assert synflow(Probe(normed, IMAGES, LABELS, 0)) == pytest.approx(
        synflow(Probe(plain, IMAGES, LABELS, 0))
    )


class Gated(nn.Module):
    """W1 x times W2 x, as often as ``times`` says."""

    def __init__(self, times: int, in_place: bool = False) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(4)
            self.value = nn.Linear(48, 48, bias=False)
            self.gate = nn.Linear(48, 48, bias=False)
        self.times, self.in_place = times, in_place

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        for _ in range(self.times):
            value, gate = self.value(x), self.gate(x)
            if self.in_place:
                value.mul_(gate)
            x = value if self.in_place else value * gate
        return x


def test_a_gate_has_mean_one() -> None:
    """R = sum (W1 1) * (W2 1) / the smaller mean; both matrices hold R."""
    net = Gated(1)
    value, gate = (w.weight.detach().double().abs().sum(1) for w in (net.value, net.gate))
    flow = (value * gate).sum() / min(value.mean(), gate.mean())
    assert synflow(Probe(net, IMAGES, LABELS, 0)) == pytest.approx(math.log(2 * flow), rel=1e-12)
    assert synflow(Probe(Gated(1, in_place=True), IMAGES, LABELS, 0)) == synflow(
        Probe(net, IMAGES, LABELS, 0)
    )


def test_gates_do_not_multiply_the_degree() -> None:
    """The score grows by about as much for each gate, not twice as much for each."""
    scores = [synflow(Probe(Gated(times), IMAGES, LABELS, 0)) for times in (10, 20, 30)]
    assert scores[2] - scores[1] == pytest.approx(scores[1] - scores[0], rel=0.1)


def test_a_sixty_layer_net_stays_finite() -> None:
    """R grows exponentially, here beyond float32's largest number, and still has its log."""
    net = chain(48, *[256] * 60)
    score = synflow(Probe(net, IMAGES, LABELS, 0))
    assert score == pytest.approx(math.log(60 * flow_of(net)), rel=1e-12)
    assert score > math.log(torch.finfo(torch.float32).max)


def test_free_kernels_count() -> None:
    """A weight that belongs to no Conv2d and no Linear holds flow too."""

    class Free(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kernel = nn.Parameter(torch.tensor([[-2.0], [3.0]]))

        def forward(self, x: Tensor) -> Tensor:
            return x.mean((1, 2, 3))[:, None] @ self.kernel.T

    assert synflow(Probe(Free(), IMAGES, LABELS, 0)) == pytest.approx(math.log(5))


def test_no_flow_is_last_and_too_much_flow_says_so() -> None:
    """Dead weights score below everything that lives; an overflow has no logarithm."""
    dead, huge = chain(48, 10), chain(48, *[10] * 20)
    with torch.no_grad():
        for net, value in ((dead, 0.0), (huge, 1e30)):
            for parameter in net.parameters():
                parameter.fill_(value)
    assert synflow(Probe(dead, IMAGES, LABELS, 0)) == math.log(sys.float_info.min)
    with pytest.raises(ProxyFailed, match=r"synflow's sum is (inf|nan)"):
        synflow(Probe(huge, IMAGES, LABELS, 0))


def test_rectifiers_tend_to_the_identity() -> None:
    """Each listed activation (ReLU6 aside, which stops at 6) is x for large x."""
    x = torch.tensor([20.0, 40.0])
    for rectifier in RECTIFIERS:
        expected = x.clamp(max=6) if rectifier is nn.ReLU6 else x
        torch.testing.assert_close(rectifier()(x), expected)


@pytest.mark.parametrize("name", ["deit_tiny", "edgenext_small", "hornet_tiny_gf"])
def test_maps_are_kept_in_range(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a Network's maps are divided by comes back in the logarithm, wherever it is done."""
    net = build(published.load(name), 10, resolution=32, seed=0)
    probes = [Probe(net, torch.zeros(4, 3, 32, 32), LABELS, 0) for _ in range(2)]
    monkeypatch.setattr(linear, "_CEILING", 1e300)
    plain = synflow(probes[0])
    monkeypatch.setattr(linear, "_CEILING", 1e24)
    monkeypatch.setattr(linear, "_STEP_DOWN", 1e12)
    assert synflow(probes[1]) == pytest.approx(plain, rel=1e-9)
    assert probes[0].of(flows).log_scale == 0 < probes[1].of(flows).log_scale


def test_attention_scores_do_not_outgrow_the_flow() -> None:
    """They do not go with the square of the flow: twelve layers stay finite."""
    net = build(published.load("deit_tiny"), 10, resolution=32, seed=0)
    score = synflow(Probe(net, torch.zeros(4, 3, 32, 32), LABELS, 0))
    assert 0 < score < math.log(1e200)
