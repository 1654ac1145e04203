"""Convolutions on small maps take short cuts that change no answer."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from archsearch import published
from archsearch.network import build
from archsearch.training.small_maps import depthwise, pointwise, small_maps


def outcome(conv: nn.Conv2d, x: Tensor) -> list[Tensor]:
    """Output and the gradients of a fixed function of it by input, weight and bias."""
    x = x.clone().requires_grad_()
    out = conv(x)
    weights = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    inputs = [x, *conv.parameters()]
    return [out.detach(), *torch.autograd.grad((out * weights).sum(), inputs)]


def compare(conv: nn.Conv2d, x: Tensor) -> None:
    expected = outcome(conv, x)
    with small_maps(conv):
        found = outcome(conv, x)
    assert "forward" not in vars(conv)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=40)
@given(
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    kernel=st.tuples(*[st.sampled_from([1, 3, 5, 7, 9])] * 2),
    bias=st.booleans(),
    named=st.booleans(),
)
def test_depthwise_equals_the_whole_kernel(
    height: int, width: int, kernel: tuple[int, int], bias: bool, named: bool
) -> None:
    """Output and all gradients, for any kernel and map, with either way to say its padding."""
    padding = "same" if named else tuple(size // 2 for size in kernel)
    conv = nn.Conv2d(4, 4, kernel, padding=padding, groups=4, bias=bias).double()
    compare(conv, torch.randn(2, 4, height, width, dtype=torch.float64))


@settings(deadline=None, max_examples=20)
@given(height=st.integers(1, 6), width=st.integers(1, 6), bias=st.booleans())
def test_pointwise_equals_the_convolution(height: int, width: int, bias: bool) -> None:
    """On both sides of the size from which the convolution itself runs."""
    conv = nn.Conv2d(5, 3, 1, bias=bias).double()
    compare(conv, torch.randn(2, 5, height, width, dtype=torch.float64))


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=4),
        nn.Conv2d(4, 4, 3, padding=1, groups=2),
        nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4),
        nn.Conv2d(4, 4, 3, padding=1, groups=4, padding_mode="circular"),
        nn.Conv2d(4, 4, 4, padding=2, groups=4),
        nn.Conv2d(4, 4, 5, padding=0, groups=4),
        nn.Conv2d(4, 8, 1, stride=2),
        nn.Conv2d(4, 8, 1, padding=1),
        nn.Conv2d(4, 8, 3, padding=1),
    ],
    ids=str,
)
def test_other_convolutions_are_left_alone(conv: nn.Conv2d) -> None:
    """What is no plain pointwise or depthwise convolution runs as it is."""
    with small_maps(conv):
        assert "forward" not in vars(conv)


@pytest.mark.parametrize("name", ["edgenext_xx_small", "hornet_tiny_gf", "cmt_ti", "parcnet_xs"])
def test_a_net_gives_the_same_logits(name: str) -> None:
    """Whole published nets at an eighth of their resolution, in float64."""
    net = build(published.load(name), 10, resolution=32, seed=0).double().eval()
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        expected = net(x)
        with small_maps(net):
            taken = {vars(m)["forward"].func for m in net.modules() if "forward" in vars(m)}
            torch.testing.assert_close(net(x), expected, rtol=1e-9, atol=1e-9)
    assert pointwise in taken
    assert not any("forward" in vars(module) for module in net.modules())


def test_an_error_leaves_the_module_as_it_was() -> None:
    """The short cuts go when what was run with them fails; a second entry changes nothing."""
    conv = nn.Conv2d(4, 4, 3, padding=1, groups=4)

    def fail() -> None:
        with small_maps(conv):
            with small_maps(conv):
                pass
            assert vars(conv)["forward"].func is depthwise
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert "forward" not in vars(conv)
