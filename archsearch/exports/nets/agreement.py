"""How far what a file computes is from what torch does."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from archsearch.devices.deploy import SINGLE_TOLERANCE
from archsearch.errors import InputError


class Agreement(NamedTuple):
    """Two times the logits of the same images.

    Attributes:
        images: how many.
        difference: largest difference of two logits.
        share: the same as a share of the range of torch's logits.
        same: images with the same best class.
    """

    images: int
    difference: float
    share: float
    same: int

    def __str__(self) -> str:
        """Such as ``2.4e-07 (1.1e-07 of the outputs' range), best class same on 8 of 8``."""
        return (
            f"{self.difference:.2g} ({self.share:.2g} of the outputs' range), best class the same "
            f"on {self.same} of {self.images}"
        )


def agreement(expected: Tensor, found: Tensor, what: str) -> Agreement:
    """Compare logits (B, classes).

    Args:
        expected: torch's.
        found: another's.
        what: computed them, for the message.

    Raises:
        InputError: they differ by more than a thousandth of the range of ``expected``. Wrong
            weights or a lost layer change outputs by about their range.
    """
    if found.shape != expected.shape:
        raise InputError(
            f"{what}: gives outputs of the shape {list(found.shape)}, torch of the shape "
            f"{list(expected.shape)}; nothing was written"
        )
    difference = float((found - expected).abs().max())
    share = difference / max(float(expected.max() - expected.min()), 1e-12)
    if not share <= SINGLE_TOLERANCE:
        raise InputError(
            f"{what}: computes something else than torch: the outputs differ by {difference:.2g}, "
            f"{share:.2g} of their range, where {SINGLE_TOLERANCE:g} is allowed; nothing was "
            "written, use another format"
        )
    same = int((found.argmax(1) == expected.argmax(1)).sum())
    return Agreement(len(expected), difference, share, same)
