"""Drawings as files: the same drawing gives the same bytes."""

from __future__ import annotations

from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

_UNDATED = {
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    ".png": {"Software": None},
}


def save(figure: Figure, target: Path) -> None:
    """Write a figure as PNG, SVG (its text as text) or PDF, by the ending of ``target``."""
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "archsearch", "pdf.fonttype": 42}):
        figure.savefig(target, metadata=_UNDATED[target.suffix])
