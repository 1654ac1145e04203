"""Who runs the packages of a run: one engine a file, one line here."""

from __future__ import annotations

from collections.abc import Callable

from archsearch.datasets import Images
from archsearch.engines import local, ray_tune
from archsearch.search import Run

Engine = Callable[[Run, Images, Callable[[], None]], None]
"""Works until the run hands out nothing more; calls the last argument after every outcome."""

ENGINES: dict[str, Engine] = {
    "local": local.work,
    "ray": ray_tune.work,
}
