"""params against a count by hand."""

from __future__ import annotations

from gradient_nets import probe
from torch import nn

from archsearch.proxies.params import params


def test_weights_biases_and_norms_count() -> None:
    """Frozen ones too; buffers do not."""
    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Flatten(), nn.Linear(80, 3))
    net.requires_grad_(False)
    assert params(probe(net)) == 3 * 5 * 9 + 5 + 2 * 5 + 80 * 3 + 3
