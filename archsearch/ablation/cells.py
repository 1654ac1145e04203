"""Numbers of an ablation as the cells of its table say them."""

from __future__ import annotations

from math import isfinite

from archsearch.arms.claims import NOT_FOUND, Claim
from archsearch.notation import UNKNOWN, engineering, tick

MINUS = "\N{MINUS SIGN}"


def percent(mean: float, sd: float) -> str:
    """A mean accuracy and its standard deviation over the seeds, both in percent."""
    if not isfinite(mean):
        return UNKNOWN
    return f"{100 * mean:.2f}" + (f" ± {100 * sd:.2f}" if isfinite(sd) else "")


def points(difference: float) -> str:
    """A difference of fractions in percentage points, always with its sign."""
    return signed(f"{abs(100 * difference):.2f}", difference) if isfinite(difference) else UNKNOWN


def points_between(low: float | None, high: float | None) -> str:
    """An interval of such a difference."""
    if low is None or high is None or not (isfinite(low) and isfinite(high)):
        return UNKNOWN
    return f"{points(low)} to {points(high)}"


def signed(size: str, value: float) -> str:
    """``size`` with the sign of ``value``; none for zero itself."""
    return size if value == 0 else f"{MINUS if value < 0 else '+'}{size}"


def probability(p: float | None) -> str:
    """A p-value with as many digits as it is read with."""
    if p is None or not isfinite(p):
        return UNKNOWN
    if p < 0.0001:
        return "< .0001"
    text = f"{p:.4f}" if p < 0.01 else f"{p:.3f}"
    return text.removeprefix("0")


def effect_size(effect: float) -> str:
    """A paired d."""
    return signed(f"{abs(effect):.2f}", effect) if isfinite(effect) else UNKNOWN


def cost(value: float, reference: float | None) -> str:
    """A cost and, in brackets, what it is more or less than another's, where it differs."""
    if not isfinite(value):
        return UNKNOWN
    told = engineering(value)
    if reference is None or not isfinite(reference):
        return told
    more = value - reference
    return f"{told} (=)" if more == 0 else f"{told} ({signed(tick(abs(more)), more)})"


def paper(claim: Claim | str | None) -> str:
    """What a paper found: its difference in points, or its words."""
    if claim is None:
        return ""
    if isinstance(claim, str) or claim.status == "MISSING":
        return NOT_FOUND
    if claim.delta_top1:
        number = paper_points(claim)
        return claim.delta_top1 if number is None else signed(f"{abs(number):g}", number)
    return f"{claim.top1} %" if claim.top1 else "in words"


def paper_points(claim: Claim | str | None) -> float | None:
    """The difference in points that a paper states; None where it states no number."""
    if not isinstance(claim, Claim) or claim.status == "MISSING":
        return None
    try:
        return float(claim.delta_top1)
    except ValueError:
        return None
