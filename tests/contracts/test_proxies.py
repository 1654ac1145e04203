"""What every training-free score promises.

To add a proxy: 1. one file in archsearch/proxies, with paper, equation, direction and cost in its
docstring, a formula over the passes in archsearch/proxies/passes; 2. one line in ``PROXIES``; 3.
its oracle in tests/proxies/test_NAME.py; 4. its name in ``GROWING``, if the paper says that more
width and depth score higher.

That all scores of random members of the spaces are finite: test_proxies_of_members.py.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from archsearch import proxies
from archsearch.errors import InputError
from archsearch.proxies import PROXIES, Probe, Proxy, ProxyFailed, score_all


class Mixer(nn.Module):
    """A block with all that makes scores difficult: norms, a gate, attention, layer scale."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.batch_norm = nn.BatchNorm2d(channels)
        self.layer_norm = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.expand = nn.Linear(channels, 4 * channels)
        self.act = nn.GELU()
        self.contract = nn.Linear(2 * channels, channels)
        self.gamma = nn.Parameter(torch.full((channels,), 1e-6))
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.batch_norm(self.spatial(x)).permute(0, 2, 3, 1).flatten(1, 2)
        q, k, v = self.qkv(self.layer_norm(tokens)).chunk(3, dim=-1)
        attention = (F.normalize(q, dim=1).transpose(1, 2) @ F.normalize(k, dim=1)).softmax(-1)
        tokens = tokens + v @ attention
        value, gate = self.expand(tokens).chunk(2, dim=-1)
        mixed = self.dropout(self.contract(self.act(value) * gate)) * self.gamma
        changed: Tensor = mixed.transpose(1, 2).reshape(x.shape)
        return x + changed


def net(width: int = 8, depth: int = 2) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, width, 4, stride=4),
            nn.ReLU6(),
            *(Mixer(width) for _ in range(depth)),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width, 5),
        )


GROWING = {"params", "macs", "naswot", "synflow", "snip", "dss"}
"""Scores that count something of the net: more of it is more."""

WITHOUT_A_RUN = {"params"}
"""Scores that never call the net."""

DRAWING = {"zen", "az_trainability"}
"""Scores with chance of their own, which is another on another kind of device."""

IMAGES = torch.randn(12, 3, 16, 16, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(12) % 5


@pytest.fixture(params=sorted(PROXIES))
def proxy(request: pytest.FixtureRequest) -> Proxy:
    return PROXIES[request.param]


def snapshot(module: nn.Module) -> list[Any]:
    """All that a proxy could change, except for the weights' values."""
    hooks = ["_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"]
    return [
        [(name, type(m), m.training) for name, m in module.named_modules()],
        [len(getattr(m, hook)) for m in module.modules() for hook in hooks],
        [(id(p), p.dtype, p.requires_grad, p.stride()) for p in module.parameters()],
        [id(b) for b in module.buffers()],
    ]


def in_use() -> nn.Sequential:
    """A net half way through a training: mixed modes, a frozen layer, gradients, a hook."""
    module = net().train()
    F.cross_entropy(module(IMAGES), LABELS).backward()
    module.get_submodule("3").eval()
    module.get_parameter("0.weight").requires_grad_(False)
    module.register_forward_hook(lambda *_: None)
    return module


def assert_unchanged(module: nn.Module, act: Callable[[], None]) -> None:
    shape, values = snapshot(module), copy.deepcopy(module.state_dict())
    grads = [p.grad.clone() for p in module.parameters() if p.grad is not None]
    rng = torch.get_rng_state()
    act()
    assert snapshot(module) == shape
    for name, value in module.state_dict().items():
        assert torch.equal(value, values[name]), name
    kept = [p.grad for p in module.parameters() if p.grad is not None]
    assert all(torch.equal(a, b) for a, b in zip(grads, kept, strict=True))
    assert torch.equal(torch.get_rng_state(), rng)
    assert torch.is_grad_enabled()


def test_every_proxy_has_a_name_a_docstring_and_an_oracle(proxy: Proxy) -> None:
    """The table's key is the name; the docstring cites a paper and a cost; the oracle exists."""
    assert PROXIES[proxy.name] is proxy
    assert proxy.direction in ("maximize", "minimize")
    assert "et al. 20" in (proxy.score.__doc__ or "")
    assert "Cost:" in (proxy.score.__doc__ or "")
    oracle = Path(__file__).parents[1] / "proxies" / f"test_{proxy.name}.py"
    assert oracle.exists(), f"write {oracle}: the score against a closed form or a second algorithm"


def test_the_module_is_left_as_it_was(proxy: Proxy) -> None:
    """Weights, modes, hooks, gradients and the global generator are the same afterwards."""
    module = in_use()

    def act() -> None:
        score_all(module, IMAGES, LABELS, [proxy.name], seed=0)

    assert_unchanged(module, act)


def test_the_module_is_left_as_it_was_when_it_raises(proxy: Proxy) -> None:
    """So it is when the net fails in the middle of its forward pass."""
    if proxy.name in WITHOUT_A_RUN:
        pytest.skip("it does not run the net")
    module = in_use()
    module.append(nn.Linear(99, 1))

    def act() -> None:
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            score_all(module, IMAGES, LABELS, [proxy.name], seed=0)

    assert_unchanged(module, act)


def test_the_score_is_finite_and_repeats(proxy: Proxy) -> None:
    """Equal calls give equal scores, dropout or not, whatever mode the net is in."""
    module = net()
    scores = [
        score_all(module.train(mode), IMAGES, LABELS, [proxy.name], seed=0)[proxy.name].value
        for mode in (True, False, True)
    ]
    assert math.isfinite(scores[0])
    assert scores[0] == scores[1] == scores[2]


@pytest.mark.parametrize("name", sorted(GROWING))
@pytest.mark.parametrize(("width", "depth"), [(16, 2), (8, 4)])
def test_a_wider_and_a_deeper_net_score_higher(name: str, width: int, depth: int) -> None:
    """Within one family more width or depth raises what counts units, weights or paths."""
    small, large = (score_of(PROXIES[name], net(*size)) for size in ((8, 2), (width, depth)))
    assert large > small


def test_layer_scale_does_not_hide_the_blocks(proxy: Proxy) -> None:
    """A net scores as if its layer scales were 1, which 1e-6 would make invisible."""
    module = net()
    before = score_of(proxy, module)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("gamma"):
                parameter.fill_(1.0)
    assert score_of(proxy, module) == before


def test_the_order_within_a_half_of_the_batch_does_not_matter(proxy: Proxy) -> None:
    """Neither which image comes first, nor which half: some proxies compare the two halves."""
    chance = torch.Generator().manual_seed(0)
    order = torch.cat(
        (6 + torch.randperm(6, generator=chance), torch.randperm(6, generator=chance))
    )
    module = net()
    straight = score_of(proxy, module)
    shuffled = proxy.score(Probe(module, IMAGES[order], LABELS[order], 0))
    # Batch statistics are summed in another order, which may turn the sign of an input near 0.
    assert shuffled == pytest.approx(straight, rel=1e-3)


@given(st.lists(st.sampled_from(sorted(PROXIES)), min_size=1, unique=True))
@settings(max_examples=10, deadline=None)
def test_a_score_does_not_depend_on_the_others(names: list[str]) -> None:
    """Any of them, in any order, score as all do together, to the last bit."""
    scores = score_all(net(depth=1), IMAGES, LABELS, names, seed=3)
    assert list(scores) == names
    assert {name: scores[name].value for name in names} == {n: together()[n] for n in names}


@cache
def together() -> dict[str, float]:
    scores = score_all(net(depth=1), IMAGES, LABELS, PROXIES, seed=3)
    return {name: score.value for name, score in scores.items()}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_gpu_gives_the_same_score(proxy: Proxy) -> None:
    """Module and images on the device: nothing is left behind on the CPU, nothing is coarser."""
    expected = score_of(proxy, net())
    images, labels = IMAGES.cuda(), LABELS.cuda()
    scores = score_all(net().cuda(), images, labels, [proxy.name], seed=0)
    if proxy.name in DRAWING:
        assert math.isfinite(scores[proxy.name].value)
    else:
        assert scores[proxy.name].value == pytest.approx(expected, rel=0.01, abs=1e-3)


@pytest.mark.parametrize("depth", [1, 24])
def test_deep_gated_nets_stay_finite(proxy: Proxy, depth: int) -> None:
    """Twenty-four blocks of gates, attention and skips neither overflow nor vanish."""
    assert math.isfinite(score_of(proxy, net(16, depth)))


def score_of(proxy: Proxy, module: nn.Module) -> float:
    return score_all(module, IMAGES, LABELS, [proxy.name], seed=0)[proxy.name].value


def test_all_scores_come_with_their_seconds() -> None:
    """One call gives every score that was asked for, in that order."""
    scores = score_all(net(), IMAGES, LABELS, sorted(PROXIES), seed=0)
    assert list(scores) == sorted(PROXIES)
    assert all(score.seconds > 0 for score in scores.values())


def test_an_unknown_proxy_suggests_the_nearest() -> None:
    """A typing error in a proxy's name is the user's mistake."""
    with pytest.raises(InputError, match="no proxy 'sinflow'; did you mean 'synflow'"):
        score_all(net(), IMAGES, LABELS, ["sinflow"], seed=0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_fails(monkeypatch: pytest.MonkeyPatch, value: float) -> None:
    """No nan or infinity ever reaches a table of scores."""
    odd = Proxy("odd", "maximize", lambda *_: value)
    monkeypatch.setitem(proxies.PROXIES, "odd", odd)
    with pytest.raises(ProxyFailed, match=f"odd: the score is {value}"):
        score_all(net(), IMAGES, LABELS, ["odd"], seed=0)


def test_the_seed_reaches_a_proxy_that_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy may draw from torch's global generator; it is seeded, and restored afterwards."""
    drawing = Proxy("drawing", "maximize", lambda *_: float(torch.rand(())))
    monkeypatch.setitem(proxies.PROXIES, "drawing", drawing)
    state = torch.get_rng_state()
    draws = [
        score_all(net(), IMAGES, LABELS, ["drawing"], seed=seed)["drawing"].value
        for seed in (0, 0, 1)
    ]
    assert draws[0] == draws[1] != draws[2]
    assert torch.equal(torch.get_rng_state(), state)
