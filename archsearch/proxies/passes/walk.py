"""A walk from block to block: how full its features are, and what it does to gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from archsearch.proxies.passes.blocks import blocks, map_of, use_batch_statistics
from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import scoring_copy

Draw = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Walk:
    """What was seen on the way, block by block, of those whose output is a map.

    Attributes:
        entropies: of the principal components' shares of each map's variance, the stem's first.
        norms: spectral norm of the estimated Jacobian of each block behind the stem whose positions
            match those of its input; None for a block that gives its input back.
    """

    entropies: list[float] = field(default_factory=list)
    norms: list[float | None] = field(default_factory=list)


def walk(probe: Probe) -> Walk:
    """Send noise through the net, and random signs back through each block alone.

    As in the authors' code of AZ-NAS, convolutions and linear layers are drawn anew (normal, He et
    al. 2015, by their inputs; biases 0), and the images are standard normal noise: real ones are
    smooth, and leave to the first blocks little to vary with. Batch norms use the batch's own
    statistics; kernels of circular convolutions, spectral filters and tables stand as built.
    """
    copied = scoring_copy(probe.module).requires_grad_(False)
    use_batch_statistics(copied)
    generator, device = probe.generator("walk"), probe.images.device
    _draw_weights(copied, generator)
    found = Walk()
    first, *rest = blocks(copied) or [nn.Identity()]
    first.register_forward_hook(_note_entropy(found))
    for block in rest:
        _cut(block, found, lambda output: _signs(output, generator))
        block.register_forward_hook(_note_entropy(found))
    noise = torch.randn(probe.images.shape, generator=generator, device=device)
    with torch.enable_grad():
        copied(noise)
    return found


def _draw_weights(module: nn.Module, generator: torch.Generator) -> None:
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _signs(output: Tensor, generator: torch.Generator) -> Tensor:
    drawn = torch.randint(2, output.shape, generator=generator, device=output.device)
    return drawn.to(output.dtype) * 2 - 1


def _note_entropy(found: Walk) -> Callable[[nn.Module, Any, Any], None]:
    def note(_: nn.Module, __: Any, output: Any) -> None:
        if (map_ := map_of(output)) is not None:
            found.entropies.append(entropy(map_.detach()))

    return note


def _cut(block: nn.Module, found: Walk, draw: Draw) -> None:
    """Cut the graph before and behind ``block``, and note its norm when it was called.

    So a graph is never longer than one block, and is gone when the next one begins.
    """
    entered: list[Tensor] = []

    def enter(_: nn.Module, inputs: tuple[Any, ...]) -> Any:
        if not inputs or map_of(inputs[0]) is None:
            return None
        entered.append(inputs[0].detach().requires_grad_())
        return (entered[-1].clone(), *inputs[1:])  # a block may work in place, a leaf may not

    def leave(_: nn.Module, __: Any, output: Any) -> Any:
        if not entered or not isinstance(output, Tensor):
            return None
        source = entered.pop()
        if output.requires_grad and map_of(output) is not None:
            drawn = draw(output)
            (returned,) = torch.autograd.grad(output, source, drawn)
            _note_norm(found, returned, drawn)
        return output.detach()

    block.register_forward_pre_hook(enter)
    block.register_forward_hook(leave)


def _note_norm(found: Walk, returned: Tensor, drawn: Tensor) -> None:
    if returned.shape == drawn.shape and torch.equal(returned, drawn):
        found.norms.append(None)
        return
    g_in, g_out = map_of(returned), map_of(drawn)
    assert g_in is not None  # noqa: S101 (asked for before)
    assert g_out is not None  # noqa: S101
    if g_in.shape[2] >= g_out.shape[2] and g_in.shape[3] >= g_out.shape[3]:
        found.norms.append(spectral_norm(g_in, g_out))


def spectral_norm(g_in: Tensor, g_out: Tensor) -> float:
    """Largest singular value of the mean over images and positions of g_in g_out^T.

    Where ``g_in`` (B, C_in, H, W) is k times as high and l times as wide as ``g_out``, k x l
    positions of it belong to one of ``g_out`` and count as channels, k and l rounded; what is left
    over at the border is left out, what is missing there is 0.
    """
    size = (g_out.shape[2], g_out.shape[3])
    g_in = _matched(g_in, size)
    part = (g_in.transpose(0, 1).flatten(1) @ g_out.transpose(0, 1).flatten(1).T).double().cpu()
    # The smaller of the two squares: its eigenvalues cost a third of the singular values.
    square = part @ part.T if len(part) < part.shape[1] else part.T @ part
    norm = math.sqrt(max(float(torch.linalg.eigvalsh(square)[-1]), 0))
    return norm / (len(g_out) * math.prod(size))


def _matched(gradients: Tensor, size: tuple[int, int]) -> Tensor:
    """Put the patch of each output position into channels: (B, C, H, W) to (B, C k l, *size)."""
    sides = [round(had / left) for had, left in zip(gradients.shape[2:], size, strict=True)]
    height, width = (side * left for side, left in zip(sides, size, strict=True))
    cropped = gradients[:, :, :height, :width]
    missing = (0, width - cropped.shape[3], 0, height - cropped.shape[2])
    padded = F.pad(cropped, missing)
    patches = padded.reshape(*padded.shape[:2], size[0], sides[0], size[1], sides[1])
    return patches.permute(0, 1, 3, 5, 2, 4).flatten(1, 3)


def entropy(map_: Tensor) -> float:
    """Entropy of the eigenvalues of the covariance of (B, C, H, W), divided by their sum, in nats.

    The map is B H W vectors of C numbers. Equal shares give log C, features along one line 0;
    features that do not vary at all give 0 too, for they fill nothing.
    """
    vectors = map_.transpose(0, 1).flatten(1)
    vectors = vectors - vectors.mean(1, keepdim=True)
    # Only the eigenvalues' ratios count: at this scale their squares neither vanish nor overflow.
    vectors = vectors / vectors.abs().max().clamp_min(torch.finfo(vectors.dtype).tiny)
    variances = torch.linalg.eigvalsh((vectors @ vectors.T).double().cpu()).clamp_min(0)
    shares = variances / variances.sum().clamp_min(torch.finfo(torch.float64).tiny)
    return float(-torch.xlogy(shares, shares).sum())
