"""The in-process engine: one package after the other, for tests, notebooks and debugging."""

from __future__ import annotations

from collections.abc import Callable

from archsearch.datasets import Images
from archsearch.evaluate import MakeBench, Workbench
from archsearch.search import Run


def work(
    run: Run, images: Images, changed: Callable[[], None], bench: MakeBench = Workbench
) -> None:
    """Do everything the run hands out, in this process."""
    place = bench(run.study, images)
    try:
        while (package := run.next_package()) is not None:
            run.finish(place.evaluate(package))
            changed()
    finally:
        place.close()
