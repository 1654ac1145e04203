"""Closed-form costs of the parts that blocks are made of.

One MAC is one multiply-accumulate. Bias additions are not counted as MACs; their parameters are.
"""

from __future__ import annotations

import math
from typing import NamedTuple

COMPLEX_PRODUCT_MACS = 3
"""Four real products and two sums, two operations a MAC."""


class Cost(NamedTuple):
    """Cost of inference at batch 1.

    ``params`` counts trainable numbers. ``macs`` counts multiply-accumulates of convolutions,
    linear layers and matrix products (FFT included, see ``Tally.fft2d``); norms, activations,
    biases, resizing and elementwise products of real numbers are not counted. ``activations``
    counts the elements written by the operators that ``macs`` counts, a complex number as one.
    """

    params: int = 0
    macs: int = 0
    activations: int = 0

    def __add__(self, other: object) -> Cost:
        """Add two costs field by field."""
        if not isinstance(other, Cost):
            return NotImplemented
        params, macs, activations = self
        more_params, more_macs, more_activations = other
        return Cost(params + more_params, macs + more_macs, activations + more_activations)


class Tally:
    """Sums of what was counted until now; ``Cost`` says what they are.

    Parameters that belong to no operator (layer scale, embeddings) are added to ``params``.
    A fast path beside adding up a ``Cost`` for each operator, with the same sums: a search counts
    layers by the ten thousand, and three numbers in one place take a sixth of the time.
    """

    __slots__ = ("activations", "macs", "params")

    def __init__(self) -> None:
        self.params = self.macs = self.activations = 0

    def cost(self) -> Cost:
        """Give the sums."""
        return Cost(self.params, self.macs, self.activations)

    def add(self, part: Tally, times: int) -> None:
        """Count ``times`` what another tally holds."""
        self.params += times * part.params
        self.macs += times * part.macs
        self.activations += times * part.activations

    def conv2d(
        self,
        in_channels: int,
        channels: int,
        kernel: int | tuple[int, int],
        out_pixels: int,
        *,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        """Count a convolution with ``out_pixels`` output positions."""
        weights = in_channels // groups * channels * _taps(kernel)
        self.params += weights + channels * bias
        self.macs += weights * out_pixels
        self.activations += channels * out_pixels

    def depthwise(
        self, channels: int, kernel: int | tuple[int, int], out_pixels: int, *, bias: bool = True
    ) -> None:
        """Count a depthwise convolution, which may be one of no channels at all."""
        weights = channels * _taps(kernel)
        self.params += weights + channels * bias
        self.macs += weights * out_pixels
        self.activations += channels * out_pixels

    def pointwise(self, in_channels: int, channels: int, pixels: int, *, bias: bool = True) -> None:
        """Count a 1x1 convolution, or a linear layer applied to ``pixels`` tokens."""
        weights = in_channels * channels
        self.params += weights + channels * bias
        self.macs += weights * pixels
        self.activations += channels * pixels

    def matmul(self, rows: int, inner: int, columns: int, *, batch: int = 1) -> None:
        """Count ``batch`` products of a rows x inner by an inner x columns matrix."""
        written = batch * rows * columns
        self.macs += written * inner
        self.activations += written

    def norm(self, channels: int) -> None:
        """Count a batch or layer norm with scale and shift."""
        self.params += 2 * channels

    def fft2d(self, channels: int, height: int, width: int) -> None:
        """Count a real 2-D FFT, a product with a complex filter, and the inverse transform.

        Each transform as ``transform_macs`` of height x width points, the product on the
        height x (width // 2 + 1) half spectrum. HorNet's own counter takes another formula, and
        takes the channels for an axis of the map; the difference is below 1 % of its nets.
        """
        half = height * (width // 2 + 1)
        transforms = 2 * transform_macs(height * width)
        self.macs += channels * (transforms + COMPLEX_PRODUCT_MACS * half)
        self.activations += channels * (2 * half + height * width)


def _taps(kernel: int | tuple[int, int]) -> int:
    return kernel * kernel if isinstance(kernel, int) else kernel[0] * kernel[1]


def transform_macs(points: int) -> int:
    """MACs of a Fourier transform of ``points`` real numbers, or back to them, in any dimensions.

    The radix-2 count, 5 N log2 N real operations for N complex points (Cooley and Tukey 1965; Van
    Loan 1992, chapter 1; FFTW's benchmarks take it for every N and every algorithm), half of it
    where one side is real; two operations a MAC, rounded up.
    """
    return math.ceil(1.25 * points * math.log2(points))
