"""Runs the code of docs/figures.md and writes its pictures.

    python benchmarks/figures_page.py

It reads ``runs/mobile_5m`` and ``runs/cifar10_5m_audit``, as the page says. A block's ``figure``
belongs to the picture that follows the block. Pictures have at most 100 dots an inch and 256
colours, so that they stay small.
"""

from __future__ import annotations

import argparse
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from PIL import Image

from archsearch.figures import render

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "figures.md"
DPI = 100
COLOURS = 256

_PARTS = re.compile(r"```python\n(?P<code>.*?)```|!\[[^]]*\]\((?P<picture>[^)]+)\)", re.DOTALL)


class Made(NamedTuple):
    """A picture of the page, by its path there, and the figure that was made for it."""

    picture: str
    figure: Figure


def made(page: str) -> Iterator[Made]:
    """Run the blocks of a page in one namespace; give what each picture shows."""
    names: dict[str, Any] = {}
    for part in _PARTS.finditer(page):
        if part["picture"]:
            yield Made(part["picture"], names.pop("figure"))
        else:
            exec(compile(part["code"], str(PAGE), "exec"), names)  # noqa: S102 (our own page)


def small(figure: Figure) -> bytes:
    """A figure as a PNG that is small enough to be committed."""
    figure.set_dpi(DPI)
    image = Image.open(io.BytesIO(render(figure, "png"))).convert("RGB")
    buffer = io.BytesIO()
    image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        buffer, "png", optimize=True
    )
    return buffer.getvalue()


def main() -> None:
    """Write every picture of the page."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    for picture, figure in made(PAGE.read_text(encoding="utf-8")):
        target = PAGE.parent / picture
        target.write_bytes(small(figure))
        print(f"{target.relative_to(ROOT)}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
