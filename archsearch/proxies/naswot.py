"""naswot: how differently the untrained network's activations answer to different images."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from archsearch.proxies.proxy import Proxy, ProxyFailed, scoring_copy

ACTIVATIONS = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Mish),
    *(nn.Hardswish, nn.Sigmoid, nn.Hardsigmoid, nn.Tanh, nn.Hardtanh, nn.Softplus),
)
"""Modules whose input's sign is a bit of the pattern."""

RIDGE = 1.0
"""Added to the kernel's diagonal, as if one more unit told every image from every other.

A kernel of a hundred thousand units does not notice it; one in which two images share all bits is
singular, and gets a finite low score instead of minus infinity.
"""


def naswot(module: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Log-determinant of the kernel of binary activation patterns (Mellor et al. 2021, eq. 1, 2).

    With c_i the bits "input of the nonlinearity > 0" of image i over all N_A units, the kernel is
    K_ij = N_A - hamming(c_i, c_j), and the score is log det(K + RIDGE I). Higher is better.

    The paper's networks use ReLU. Here the sign of the input of any module in ``ACTIVATIONS``
    counts, for GELU, SiLU and Hardswish are linear far from 0 and gated at it, as ReLU is. Nothing
    called as a function (softmax, F.gelu) is seen. Batch norms use the batch's own statistics, as
    in the authors' code; dropout and stochastic depth are off.

    Cost: one forward pass, and a B x B x N_A matrix product.

    Raises:
        ProxyFailed: one image only, no activation module was called, or one mixes images.
    """
    del labels  # the patterns alone count
    if len(images) < 2:
        raise ProxyFailed(f"naswot compares images and needs 2 at least, got {len(images)}")
    copied = scoring_copy(module)
    kernel = torch.zeros(len(images), len(images), dtype=torch.float64)

    def add_agreement(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        kernel.add_(_agreement(inputs[0], len(images)))

    for layer in copied.modules():
        if isinstance(layer, ACTIVATIONS):
            layer.register_forward_pre_hook(add_agreement)
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.train()
    with torch.no_grad():
        copied(images)
    if not kernel.any():
        raise ProxyFailed("naswot saw no activation module; the network must call one as a module")
    return float(torch.linalg.slogdet(kernel + RIDGE * torch.eye(len(images))).logabsdet)


def _agreement(values: Tensor, count: int) -> Tensor:
    """Number of equal bits of each two images, (B, B) float64.

    With bits written as -1 and 1 one product gives equal minus unequal bits. It is exact in
    float32 up to 2^24 units a layer.
    """
    if values.shape[0] % count:
        raise ProxyFailed(f"an activation got {tuple(values.shape)} for a batch of {count} images")
    signs = (values > 0).reshape(count, -1).float() * 2 - 1
    return (signs.shape[1] + (signs @ signs.T)).double().cpu() / 2


NASWOT = Proxy("naswot", "maximize", naswot)
