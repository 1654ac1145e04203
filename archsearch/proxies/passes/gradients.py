"""Gradients of the loss by every weight, on each half of the batch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.linalg import vector_norm
from torch.nn import functional as F

from archsearch.proxies.passes.blocks import use_batch_statistics
from archsearch.proxies.passes.pieces import KeptPieces, NotedPieces, Places
from archsearch.proxies.passes.weights import weights_of
from archsearch.proxies.probe import Probe
from archsearch.proxies.proxy import ProxyFailed, scoring_copy

_LEAST = 4  # images: batch norm needs two in each half
_LARGE = 1e30


@dataclass(frozen=True)
class Halves:
    """A net run forwards on each half of the batch, its graph kept.

    Attributes:
        copied: the copy that ran; its graph must not outlive a change to it.
        weights: of the copy, one a layer.
        images: the halves, each a leaf that gradients can be asked of.
        logits: (B / 2, classes) of each.
        losses: mean cross-entropy of each.
        places: the pieces that the rectifiers were on.
    """

    copied: nn.Module
    weights: Mapping[str, Tensor]
    images: tuple[Tensor, ...]
    logits: tuple[Tensor, ...]
    losses: tuple[Tensor, ...]
    places: Sequence[Places]


@dataclass(frozen=True)
class Gradient:
    """The loss's gradient by the weight of one layer.

    Attributes:
        weight: the layer's weight.
        first: on the first half of the batch.
        second: on the second half.
        mean: of the two.
    """

    weight: Tensor
    first: Tensor
    second: Tensor
    mean: Tensor


@dataclass(frozen=True)
class Gradients:
    """Every layer's gradient, and the run that they stand on."""

    halves: Halves
    layers: tuple[Gradient, ...]


def forwards(probe: Probe) -> Halves:
    """Run the two halves of the batch forwards; gradients by weights and by images stand on it.

    Batch norms use each half's statistics, as a training on batches of that size; dropout and
    stochastic depth are off.

    Raises:
        ProxyFailed: fewer than 4 images.
    """
    if len(probe.images) < _LEAST:
        raise ProxyFailed(
            f"gradients are taken on two halves of the batch, of 2 images at least; "
            f"got {len(probe.images)} images"
        )
    copied = scoring_copy(probe.module)
    use_batch_statistics(copied)
    return run_halves(copied, weights_of(copied), probe)


def forwards_in_double(probe: Probe) -> Halves:
    """Do as ``forwards`` in float64, for nets whose gradients outgrow float32."""
    copied = scoring_copy(probe.module).double()
    use_batch_statistics(copied)
    return run_halves(copied, weights_of(copied), probe)


def gradients(probe: Probe) -> Gradients:
    """Differentiate the loss of each half by every weight, in float64 where float32 is too small.

    Very deep nets need that, their layer scales being 1 here.
    """
    halves = probe.of(forwards)
    found = gradients_of(halves, retain_graph=True)
    if not in_range([gradient.mean for gradient in found]):
        halves = probe.of(forwards_in_double)
        found = gradients_of(halves, retain_graph=True)
    return Gradients(halves, tuple(found))


def in_range(found: Sequence[Tensor]) -> bool:
    """Whether all numbers are finite and far from float32's largest."""
    largest = torch.stack([vector_norm(values, math.inf).double() for values in found])
    return bool((largest < _LARGE).all())


def run_halves(
    copied: nn.Module,
    weights: Mapping[str, Tensor],
    probe: Probe,
    kept: Sequence[Places] | None = None,
) -> Halves:
    """Run ``copied`` with ``weights`` in the place of its own on the halves of the batch.

    Args:
        copied: a net that does the same at every run.
        weights: by name.
        probe: the batch.
        kept: ``places`` of an earlier run, to stay on its rectifiers' pieces.
    """
    exact = next((weight.dtype for weight in weights.values()), probe.images.dtype)
    images = tuple(half.detach().to(exact).requires_grad_() for half in probe.images.chunk(2))
    noted = NotedPieces()
    with torch.enable_grad(), noted if kept is None else KeptPieces(kept):
        logits = tuple(functional_call(copied, dict(weights), half) for half in images)
        losses = tuple(map(F.cross_entropy, logits, probe.labels.chunk(2)))
    return Halves(copied, weights, images, logits, losses, noted.places if kept is None else kept)


def gradients_of(halves: Halves, *, retain_graph: bool) -> list[Gradient]:
    """Differentiate each half's loss by every weight; one that is not used gets zeros."""
    weights = tuple(halves.weights.values())
    first, second = (by(loss, weights, retain_graph=retain_graph) for loss in halves.losses)
    return [
        Gradient(weight.detach(), one, other, (one + other) / 2)
        for weight, one, other in zip(weights, first, second, strict=True)
    ]


def by(total: Tensor, inputs: Sequence[Tensor], *, retain_graph: bool) -> tuple[Tensor, ...]:
    """Differentiate ``total`` by ``inputs``; by what it does not depend on the gradient is 0."""
    if total.grad_fn is None:
        return tuple(torch.zeros_like(value) for value in inputs)
    return torch.autograd.grad(
        total, inputs, retain_graph=retain_graph, allow_unused=True, materialize_grads=True
    )
