"""Layer scale (Touvron et al. 2021, CaiT): the factor "gamma" at the end of a residual branch."""

from __future__ import annotations

import torch
from torch import nn


def set_layer_scale(module: nn.Module, value: float) -> int:
    """Set every parameter whose last name starts with "gamma" to ``value``; return how many.

    The papers start layer scale at 1e-6 and train for hundreds of epochs. In a few hundred steps
    it hardly moves, so that short trainings and training-free scores would see the skip
    connections alone.
    """
    scales = [
        parameter
        for name, parameter in module.named_parameters()
        if name.rpartition(".")[2].startswith("gamma")
    ]
    with torch.no_grad():
        for scale in scales:
            scale.fill_(value)
    return len(scales)
