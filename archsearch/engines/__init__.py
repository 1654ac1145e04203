"""Who runs the packages of a run: one engine a file, one line here."""

from __future__ import annotations

from collections.abc import Callable

from archsearch.datasets import Images
from archsearch.engines import local
from archsearch.search import Run

Engine = Callable[[Run, Images, Callable[[], None]], None]
"""Works until the run hands out nothing more; calls the last argument after every outcome."""


def _ray(run: Run, images: Images, changed: Callable[[], None]) -> None:
    # Ray takes seconds to import: only where it is used.
    from archsearch.engines import ray_tune

    ray_tune.work(run, images, changed)


ENGINES: dict[str, Engine] = {
    "local": local.work,
    "ray": _ray,
}
