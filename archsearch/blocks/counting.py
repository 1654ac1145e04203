"""Closed-form costs of the parts that blocks are made of.

One MAC is one multiply-accumulate. Bias additions are not counted as MACs; their parameters are.
"""

from __future__ import annotations

import math

from archsearch.blocks.layer import Cost

COMPLEX_PRODUCT_MACS = 3
"""Four real products and two sums, two operations a MAC."""


def conv2d(
    in_channels: int,
    channels: int,
    kernel: int | tuple[int, int],
    out_pixels: int,
    *,
    groups: int = 1,
    bias: bool = True,
) -> Cost:
    """Cost of a convolution with ``out_pixels`` output positions."""
    taps = kernel * kernel if isinstance(kernel, int) else kernel[0] * kernel[1]
    weights = in_channels // groups * channels * taps
    return Cost(weights + channels * bias, weights * out_pixels, channels * out_pixels)


def depthwise(
    channels: int, kernel: int | tuple[int, int], out_pixels: int, *, bias: bool = True
) -> Cost:
    """Cost of a depthwise convolution; of none at all on no channels."""
    if channels == 0:
        return Cost()
    return conv2d(channels, channels, kernel, out_pixels, groups=channels, bias=bias)


def pointwise(in_channels: int, channels: int, pixels: int, *, bias: bool = True) -> Cost:
    """Cost of a 1x1 convolution, or of a linear layer applied to ``pixels`` tokens."""
    return conv2d(in_channels, channels, 1, pixels, bias=bias)


def matmul(rows: int, inner: int, columns: int, *, batch: int = 1) -> Cost:
    """Cost of ``batch`` products of a rows x inner by an inner x columns matrix."""
    return Cost(macs=batch * rows * inner * columns, activations=batch * rows * columns)


def norm(channels: int) -> Cost:
    """Cost of a batch or layer norm with scale and shift."""
    return Cost(params=2 * channels)


def transform_macs(points: int) -> int:
    """MACs of a Fourier transform of ``points`` real numbers, or back to them, in any dimensions.

    The radix-2 count, 5 N log2 N real operations for N complex points (Cooley and Tukey 1965; Van
    Loan 1992, chapter 1; FFTW's benchmarks take it for every N and every algorithm), half of it
    where one side is real; two operations a MAC, rounded up.
    """
    return math.ceil(1.25 * points * math.log2(points))


def fft2d(channels: int, height: int, width: int) -> Cost:
    """Cost of a real 2-D FFT, a product with a complex filter, and the inverse transform.

    Each transform as ``transform_macs`` of height x width points, the product on the
    height x (width // 2 + 1) half spectrum. HorNet's own counter takes another formula, and takes
    the channels for an axis of the map; the difference is below 1 % of its nets.
    """
    half = height * (width // 2 + 1)
    macs = 2 * transform_macs(height * width) + COMPLEX_PRODUCT_MACS * half
    return Cost(macs=channels * macs, activations=channels * (2 * half + height * width))
