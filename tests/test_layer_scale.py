"""Layer scales are found by name, in any block."""

from __future__ import annotations

import torch
from torch import nn

from archsearch.layer_scale import set_layer_scale


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((3,), 1e-6))
        self.gamma_ffn = nn.Parameter(torch.full((3, 1, 1), 1e-6))
        self.gate_gamma = nn.Parameter(torch.zeros(3))
        self.gammas = nn.ModuleDict({"weight": nn.Linear(3, 3)})


def test_only_parameters_whose_last_name_starts_with_gamma_are_set() -> None:
    """Names of parents and other ends of a name do not count; the number found comes back."""
    net = nn.Sequential(Scaled(), Scaled())
    before = {name: value.clone() for name, value in net.state_dict().items()}
    assert set_layer_scale(net, 0.5) == 4
    for name, value in net.state_dict().items():
        own = name.rpartition(".")[2]
        expected = 0.5 if own in ("gamma", "gamma_ffn") else before[name]
        assert (value == expected).all(), name
    assert all(parameter.requires_grad for parameter in net.parameters())
