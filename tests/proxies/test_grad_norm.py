"""grad_norm against closed forms, and what its pass promises."""

from __future__ import annotations

import pytest
import torch
from gradient_nets import IMAGES, LABELS, convolutional, linear, loss, probe, softmax_gradient
from gradient_nets import weights as weights_in
from torch import Tensor, nn

from archsearch import published
from archsearch.network import build
from archsearch.proxies import PROXIES, ProxyFailed
from archsearch.proxies.grad_norm import grad_norm
from archsearch.proxies.passes.gradients import by, forwards, gradients
from archsearch.proxies.passes.weights import weights_of


def test_softmax_regression_has_the_closed_form() -> None:
    """One layer: the norm of (p - one hot)^T x / B."""
    net = linear()
    expected = softmax_gradient(net, IMAGES, LABELS).norm()
    assert grad_norm(probe(net)) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("norm", [False, True])
def test_layers_norms_are_added(norm: bool) -> None:
    """The sum of the layers' norms, not the norm of them all; biases and norms do not count."""
    net = convolutional(norm)
    found = torch.autograd.grad(loss(net), weights_in(net))
    expected = sum(float(gradient.norm()) for gradient in found)
    assert grad_norm(probe(convolutional(norm))) == pytest.approx(expected, rel=1e-5)


def test_the_halves_are_batches_of_their_own() -> None:
    """Each half's gradient is that of its images alone, and their mean that of the batch."""
    net = linear()
    (found,) = probe(net).of(gradients).layers
    for gradient, half in ((found.first, slice(4)), (found.second, slice(4, 8))):
        expected = softmax_gradient(net, IMAGES[half], LABELS[half])
        torch.testing.assert_close(gradient, expected)
    torch.testing.assert_close(found.mean, softmax_gradient(net, IMAGES, LABELS))


def test_weights_are_what_multiplies_features() -> None:
    """Convolutions, linear layers and our blocks' free kernels; nothing that adds or scales."""
    net = build(published.load("parcnet_xs"), 10, resolution=64, seed=0)
    names = set(weights_of(net))
    layers = {
        f"{place}.weight"
        for place, layer in net.named_modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    }
    free = {name for name in names - layers if name.endswith(".weight")}
    assert layers < names == layers | free
    assert {type(net.get_submodule(n.rpartition(".")[0])).__name__ for n in free} == {
        "CircularConv"
    }


def test_a_weight_without_use_has_no_gradient() -> None:
    """A layer that is never called adds nothing, and a net of a constant output scores 0."""

    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.idle = linear(), nn.Linear(7, 7)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.used(x)
            return out

    class Constant(Idle):
        def forward(self, x: Tensor) -> Tensor:
            return torch.zeros(len(x), 3)

    assert grad_norm(probe(Idle())) == grad_norm(probe(linear()))
    assert grad_norm(probe(Constant())) == 0


def test_three_images_are_too_few() -> None:
    """Batch norm cannot take statistics of one image."""
    with pytest.raises(ProxyFailed, match="2 images at least; got 3 images"):
        grad_norm(probe(linear(), IMAGES[:3], LABELS[:3]))


class Amplified(nn.Module):
    """Softmax regression of what is 1e40 times as large: tiny weights or pixels, huge gradients."""

    def __init__(self, size: float) -> None:
        super().__init__()
        self.layers = linear()
        with torch.no_grad():
            self.layers.get_parameter("1.weight").mul_(size)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x * 1e20) * 1e20
        return out


@pytest.mark.parametrize("name", ["grad_norm", "snip", "grasp", "zico", "jacob_cov"])
def test_gradients_that_outgrow_float32_are_taken_in_float64(name: str) -> None:
    """By weights of 1e-38, or by such pixels; the score is that of the net in float64."""
    weight, pixel = (1.0, 1e-38) if name == "jacob_cov" else (1e-38, 1.0)
    images, score = IMAGES * pixel, PROXIES[name].score
    single = probe(Amplified(weight), images)
    halves = single.of(forwards)
    found = by(
        halves.logits[0].sum(), [*halves.weights.values(), halves.images[0]], retain_graph=True
    )
    assert not all(gradient.isfinite().all() for gradient in found)
    expected = score(probe(Amplified(weight).double(), images.double()))
    assert score(single) == pytest.approx(expected, rel=1e-3)
