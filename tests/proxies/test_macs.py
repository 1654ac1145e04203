"""macs against a count by hand."""

from __future__ import annotations

import pytest
import torch
from gradient_nets import probe
from torch import nn

from archsearch import published
from archsearch.cost.static import count
from archsearch.network import build
from archsearch.proxies.macs import macs


def test_one_image_of_the_probes_size_counts() -> None:
    """A 3x3 convolution without padding on 6x6 pixels, and a linear layer."""
    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(80, 3))
    assert macs(probe(net)) == 16 * 3 * 5 * 9 + 80 * 3


@pytest.mark.parametrize("name", ["edgenext_xx_small", "parcnet_xs"])
def test_it_is_what_the_closed_forms_count(name: str) -> None:
    """The same number as the cost's, at the size of the images."""
    architecture = published.load(name).at(64)
    net = build(architecture, 10, seed=0)
    assert macs(probe(net, torch.zeros(4, 3, 64, 64))) == count(architecture, 10).macs
