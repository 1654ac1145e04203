"""What every figure of an ablation says of an arm: its mark's look, and the words on hovering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import isfinite
from types import MappingProxyType
from typing import Any, NamedTuple

from archsearch.ablation.table import Table
from archsearch.significance.verdicts import Verdict


class Mark(NamedTuple):
    """How a mark of the table is drawn, told apart by its shape and by its colour."""

    meaning: str
    symbol: str
    colour: str
    size: int
    letter: str = ""

    @property
    def marker(self) -> dict[str, Any]:
        """As plotly reads it."""
        return {"symbol": self.symbol, "color": self.colour, "size": self.size}

    def trace(self, count: int) -> dict[str, Any]:
        """What so many arms with this mark have in common in a figure."""
        return {
            "mode": "markers+text" if self.letter else "markers",
            "marker": self.marker,
            "text": [self.letter] * count,
            "textfont": {"color": "@card", "size": 13},
        }


MARKS: Mapping[str, Mark] = MappingProxyType(
    {
        "▲": Mark("better", "triangle-up", "@good", 14),
        "▼": Mark("worse", "triangle-down", "@bad", 14),
        "≈": Mark("equal within the margin", "circle", "@accent", 15, letter="≈"),
        "": Mark("not shown", "circle", "@faint", 9),
    }
)
"""Looks by what stands in the table."""

_COSTS = ("params", "MACs", "latency (ms)")


def told_first(verdicts: Sequence[Verdict], most: int) -> list[Verdict]:
    """The verdicts that say most, in the order of the table: marked ones, then large ones."""

    def weight(row: Verdict) -> tuple[bool, float]:
        return not row.mark, -abs(row.difference) if isfinite(row.difference) else 0.0

    kept = sorted(range(len(verdicts)), key=lambda place: weight(verdicts[place]))[:most]
    return [verdicts[place] for place in sorted(kept)]


def hover_texts(table: Table) -> dict[str, str]:
    """What is said of each arm where one points at it, in the table's own words."""
    return {row["arm"]: _hover(row) for row in table.arms.to_dict("records")}


def _hover(row: Mapping[Any, str]) -> str:
    known = {name: escape(text, quote=False) for name, text in row.items() if text}
    lines = [f"<b>{known['arm']}</b> {known.get('', '')}".rstrip()]
    if "difference (points)" in known:
        against = f" against {known['against']}" if "against" in known else ""
        lines.append(f"<b>{known['difference (points)']}</b> points{against}")
        lines.append(f"95 % interval {known['95 % interval']}")
        names = [name for name in ("p", "n", "d") if name in known]
        lines.append(", ".join(f"{name} {known[name]}" for name in names))
    lines.append(f"accuracy {known['accuracy (%)']} %")
    lines += [f"{name} {known[name]}" for name in _COSTS if name in known]
    return "<br>".join(lines)


def bars(ends: Sequence[tuple[float, float, float]], colour: str) -> dict[str, Any]:
    """Error bars from the low over the middle to the high end; none where no end is known."""
    known = [(low, at, high) if isfinite(low + high) else (at, at, at) for low, at, high in ends]
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - at for _, at, high in known],
        "arrayminus": [at - low for low, at, _ in known],
        "color": colour,
        "thickness": 2,
        "width": 0,
    }


def legend_of(marks: Sequence[str], margin: float | None) -> list[dict[str, Any]]:
    """A trace for each mark that is there, which shows nothing but its place in the legend."""
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [None],
            "y": [None],
            "name": f"{name} {_meaning(name, margin)}".strip(),
            "legendgroup": f"mark {name}",
            "marker": look.marker | {"size": min(look.size, 12)},
        }
        for name, look in MARKS.items()
        if name in marks
    ]


def _meaning(mark: str, margin: float | None) -> str:
    if mark == "≈" and margin is not None:
        return f"equal within {in_points(margin)}"
    return MARKS[mark].meaning


def in_points(fraction: float) -> str:
    """A difference that somebody stated, such as ``1 point``."""
    return f"{100 * fraction:g} point{'s' * (round(100 * fraction, 9) != 1)}"
