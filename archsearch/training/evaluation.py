"""Accuracy on the validation images."""

from __future__ import annotations

import torch
from torch import nn

from archsearch.training.failures import Diverged
from archsearch.training.images import DeviceImages

_BATCH = 250


def accuracy(module: nn.Module, data: DeviceImages) -> float:
    """Fraction of right answers on all validation images, in evaluation mode and float32.

    The module's mode is left as it was.

    Raises:
        Diverged: an output is not finite.
    """
    was_training = module.training
    module.eval()
    right = torch.zeros((), dtype=torch.int64, device=data.validation_y.device)
    finite = torch.ones((), dtype=torch.bool, device=data.validation_y.device)
    with torch.no_grad():
        for x, y in zip(
            torch.split(data.validation_x, _BATCH),
            torch.split(data.validation_y, _BATCH),
            strict=True,
        ):
            logits = module(data.normalise(x))
            finite &= logits.isfinite().all()
            right += (logits.argmax(1) == y).sum()
    module.train(was_training)
    if not finite:
        raise Diverged("the network's output is no longer finite; lower learning_rate")
    return int(right) / len(data.validation_y)
