"""Nets and images that train in a moment, for the tests of training."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from archsearch.datasets.images import Images


def stripes(count: int, side: int = 12, seed: int = 0) -> Images:
    """Noisy horizontal (0) and vertical (1) stripes at random phases: easy, but not linear."""
    rng = np.random.default_rng(seed)
    labels = np.arange(2 * count) % 2
    phase = rng.integers(0, 4, 2 * count)
    wave = (np.arange(side) + phase[:, None]) // 2 % 2 * 120.0
    grid = np.where(labels[:, None, None], wave[:, None, :], wave[:, :, None])
    noisy = (grid + rng.uniform(0, 100, grid.shape)).astype(np.uint8)
    x = np.repeat(noisy[..., None], 3, axis=3)
    return Images(
        x[:count], labels[:count], x[count:], labels[count:], ("h", "v"), "stripes", "0" * 16
    )


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.dropout = nn.Dropout(0.1)
        self.gamma = nn.Parameter(torch.full((channels, 1, 1), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.dropout(self.norm(self.conv(x)).relu())
        return x + self.gamma * changed


def small_net(seed: int = 0, classes: int = 2) -> nn.Sequential:
    """Kernels whose layout matters, a batch norm, dropout and a layer scale."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1),
            nn.GELU(),
            Residual(8),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(8, classes),
        )
