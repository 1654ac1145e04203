"""Which numbers of a net are its weights."""

from __future__ import annotations

from torch import nn


def weights_of(module: nn.Module) -> dict[str, nn.Parameter]:
    """Give the weights that multiply features, by name: one entry a layer.

    Abdelfattah et al. 2021 and Li et al. 2023 count the weights of Conv2d and Linear. So it is
    here, with the free kernels that our blocks have in their stead (position-aware circular
    convolutions, Fourier filters): every parameter of two axes or more that is called a weight.
    Biases, norms, layer scales, temperatures and position tables are none.
    """
    return {
        name: parameter
        for name, parameter in module.named_parameters()
        if name.endswith("weight") and parameter.dim() > 1
    }
