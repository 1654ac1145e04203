"""Rectifiers that are kept to their pieces."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from archsearch.proxies.passes.pieces import KeptPieces, NotedPieces

X = torch.linspace(-8, 8, 64).reshape(1, 4, 4, 4)

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "torch.relu": torch.relu,
    "method": lambda x: x.relu(),
    "by name": lambda x: torch.relu(input=x),
    "relu6": nn.ReLU6(),
    "leaky_relu": nn.LeakyReLU(0.2),
    "prelu": lambda x: F.prelu(x, torch.tensor([0.1, 0.2, 0.3, 0.4])),
    "hardtanh": lambda x: F.hardtanh(x, -2.5, 3.5),
    "hardsigmoid": nn.Hardsigmoid(),
    "hardswish": nn.Hardswish(),
    "max_pool2d": nn.MaxPool2d(3, stride=2, padding=1),
}


def noted(function: Callable[[Tensor], Tensor], x: Tensor) -> KeptPieces:
    with NotedPieces() as mode:
        function(x)
    return KeptPieces(mode.places)


def gradient(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    at = x.clone().requires_grad_()
    (found,) = torch.autograd.grad(function(at).square().sum(), at)
    return found


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_where_they_were_noted_they_are_the_function(function: Callable[[Tensor], Tensor]) -> None:
    """Value and derivative are the same at the inputs whose pieces were noted."""
    with noted(function, X):
        values = function(X)
    with noted(function, X):
        slopes = gradient(function, X)
    torch.testing.assert_close(values, function(X))
    torch.testing.assert_close(slopes, gradient(function, X))


@pytest.mark.parametrize(
    ("function", "at", "to", "expected"),
    [
        (F.relu, [-1.0, 1.0], [2.0, -2.0], [0.0, -2.0]),
        (F.leaky_relu, [-1.0, 1.0], [2.0, -2.0], [0.02, -2.0]),
        (nn.PReLU(init=0.5), [[-1.0], [1.0]], [[2.0], [-2.0]], [[1.0], [-2.0]]),
        (F.relu6, [-1.0, 1.0, 7.0], [2.0, -2.0, 2.0], [0.0, -2.0, 6.0]),
        (F.hardtanh, [-2.0, 0.0, 2.0], [0.0, 3.0, 0.0], [-1.0, 3.0, 1.0]),
        (F.hardsigmoid, [-4.0, 0.0, 4.0], [3.0, 9.0, 0.0], [0.0, 2.0, 1.0]),
        (F.hardswish, [-4.0, 0.0, 4.0], [3.0, 9.0, -1.0], [0.0, 18.0, -1.0]),
        (nn.MaxPool2d((1, 2)), [[[1.0, 2.0]]], [[[5.0, 3.0]]], [[[3.0]]]),
    ],
)
def test_elsewhere_they_continue_the_piece(
    function: Callable[[Tensor], Tensor], at: object, to: object, expected: object
) -> None:
    """Whatever the new input's own piece would be."""
    with noted(function, torch.tensor(at)):
        found = function(torch.tensor(to))
    torch.testing.assert_close(found.detach(), torch.tensor(expected))


@pytest.mark.parametrize("act", [nn.ReLU(inplace=True), torch.relu_, Tensor.relu_])
def test_in_place_they_overwrite_their_input(act: Callable[[Tensor], Tensor]) -> None:
    """What reads the input afterwards reads the same in both runs."""
    kept = noted(act, torch.tensor([-1.0, 1.0]))
    x = torch.tensor([2.0, -2.0])
    with kept:
        act(x)
    assert x.tolist() == [0.0, -2.0]


def test_calls_are_told_apart_by_their_order() -> None:
    """One run of a net notes many calls, of modules and functions alike."""

    def net(x: Tensor) -> Tensor:
        return F.relu(nn.ReLU6()(x) - 1)

    with noted(net, torch.tensor([0.5, 3.0])):
        found = net(torch.tensor([3.0, 0.5]))
    assert found.tolist() == [0.0, -0.5]
