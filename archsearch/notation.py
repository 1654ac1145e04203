"""Numbers as people read them: 1.33 M, 0.934 ± 0.006, 3 min 5 s."""

from __future__ import annotations

from math import isfinite

UNKNOWN = "-"
_PREFIXES = ("", "k", "M", "G", "T", "P")


def engineering(value: float, digits: int = 3) -> str:
    """Write a number with ``digits`` significant digits and a prefix: 1.33 M is 1.33 million.

    Numbers below 1000 get no prefix; NaN and infinities are a hyphen.
    """
    if not isfinite(value):
        return UNKNOWN
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    group = min(max(int(exponent) // 3, 0), len(_PREFIXES) - 1)
    place = int(exponent) - 3 * group
    decimals = 0 if value == 0 else max(digits - 1 - place, 0)
    return f"{float(mantissa) * 10.0**place:.{decimals}f} {_PREFIXES[group]}".rstrip()


def tick(value: float) -> str:
    """Write the number at a tick of an axis: as ``engineering``, without trailing zeros."""
    number, _, prefix = engineering(value).partition(" ")
    number = number.rstrip("0").rstrip(".") if "." in number else number
    return f"{number} {prefix}".rstrip()


def quantity(value: float, unit: str, spread: float | None = None) -> str:
    """Write a measured number for a table: fractions with three decimals, others ``engineering``.

    ``spread`` follows as ± in the same notation, if it is known.
    """
    write = _fraction if unit == "fraction" else engineering
    known = spread is not None and isfinite(spread) and isfinite(value)
    return f"{write(value)} ± {write(spread)}" if known and spread is not None else write(value)


def duration(seconds: float) -> str:
    """Write a time in its two largest units, such as 42 s, 3 min 5 s or 1 h 12 min."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _fraction(value: float) -> str:
    return f"{value:.3f}" if isfinite(value) else UNKNOWN
