"""Small nets and batches that the proxies by gradients are tested on."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from archsearch.proxies import Probe

LABELS = torch.tensor([0, 1, 2, 1, 2, 0, 0, 1])
IMAGES = torch.randn(8, 3, 6, 6, generator=torch.Generator().manual_seed(5))


def linear(classes: int = 3) -> nn.Sequential:
    """Softmax regression."""
    return seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(108, classes)))


def convolutional(norm: bool = False, act: Callable[[], nn.Module] = nn.GELU) -> nn.Sequential:
    """Two convolutions and a classifier, with batch norms or without."""

    def layers(in_channels: int, channels: int) -> list[nn.Module]:
        conv = nn.Conv2d(in_channels, channels, 3, padding=1, bias=not norm)
        return [conv, *([nn.BatchNorm2d(channels)] if norm else []), act()]

    return seeded(
        lambda: nn.Sequential(
            *layers(3, 4),
            *layers(4, 6),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(24, 3, bias=not norm),
        )
    )


def seeded(make: Callable[[], nn.Sequential]) -> nn.Sequential:
    """Make a net from a seed, torch's generator left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return make()


def probe(net: nn.Module, images: Tensor = IMAGES, labels: Tensor = LABELS) -> Probe:
    return Probe(net, images, labels, seed=0)


def weights(net: nn.Module) -> list[nn.Parameter]:
    """The weights of Conv2d and Linear."""
    return [layer.weight for layer in net.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]


def loss(net: nn.Module, images: Tensor = IMAGES, labels: Tensor = LABELS) -> Tensor:
    """Mean of the halves' losses, batch norms with each half's statistics."""
    net = net.train()
    halves = zip(images.chunk(2), labels.chunk(2), strict=True)
    return sum(F.cross_entropy(net(x), y) for x, y in halves) / 2  # type: ignore[return-value]


def softmax_gradient(net: nn.Sequential, images: Tensor, labels: Tensor) -> Tensor:
    """Closed form for softmax regression: (p - one hot)^T x / B."""
    inputs = images.flatten(1)
    error = net(images).softmax(1) - F.one_hot(labels, 3)
    return (error.T @ inputs / len(images)).detach()
