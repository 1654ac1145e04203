"""Closed-form costs of the parts that blocks are made of.

One MAC is one multiply-accumulate. Bias additions are not counted as MACs; their parameters are.
"""

from __future__ import annotations

import math

from archsearch.blocks.layer import Cost


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
    return Cost(weights + channels * bias, weights * out_pixels)


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
    return Cost(macs=batch * rows * inner * columns)


def norm(channels: int) -> Cost:
    """Cost of a batch or layer norm with scale and shift."""
    return Cost(params=2 * channels)


def fft2d(channels: int, height: int, width: int) -> Cost:
    """Cost of a real 2-D FFT, a product with a complex filter, and the inverse transform.

    Textbook operation counts: 5 N log2 N real operations for a complex transform of N points, half
    of it for real input, N = height x width; 6 real operations for a complex product, on the
    height x (width // 2 + 1) half spectrum. Two real operations make one MAC.
    """
    points = height * width
    transform = 2.5 * points * math.log2(points)
    product = 6 * height * (width // 2 + 1)
    return Cost(macs=channels * math.ceil((2 * transform + product) / 2))
