"""A front as a data frame that shows itself in a notebook as a picture and a table."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from archsearch.shown import beside, png_image
from archsearch.tables import readable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PIXELS = 560
"""Width of the picture on the page; it has about twice as many, for screens that show them."""


class Front(pd.DataFrame):
    """The non-dominated trials of a run, one row each; see ``RunResults.pareto``.

    It is a data frame in every way. What is made of it, be it a selection, a copy or what another
    process gets, is a plain one, which is no longer the run's front.
    """

    _metadata = ["draw", "caption"]  # noqa: RUF012 (pandas asks for a list)
    draw: Callable[[], Figure]
    caption: str

    @classmethod
    def of(cls, frame: pd.DataFrame, draw: Callable[[], Figure], caption: str) -> Front:
        """A front's table, the figure that it is shown with, and what that figure shows."""
        front = cls(frame)
        front.attrs = dict(frame.attrs)
        front.draw, front.caption = draw, caption
        return front

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def __reduce__(self) -> Any:
        return self.copy().__reduce__()

    def picture(self) -> str:
        """The figure with its caption as HTML."""
        return f"{figure_image(self.draw(), self.caption)}<br>{_small(self.caption)}"

    def table(self) -> str:
        """The front with numbers as people read them, and its footnote, as HTML."""
        rows = readable(self).to_html(index=False, border=0, justify="left")
        return rows + _small(self.attrs["footnote"])

    def _repr_html_(self) -> str:
        return beside(self.table(), self.picture()) if len(self) else "no complete trial yet"


def _small(words: str) -> str:
    return f"<small>{escape(words)}</small>"


def figure_image(figure: Figure, words: str) -> str:
    """A figure in the page itself, in the size of a page beside its table."""
    from archsearch.figures.style import render

    return png_image(render(figure, "png"), words, _PIXELS)
