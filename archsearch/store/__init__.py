"""The run's database: one SQLite file that is the only truth about a run.

One process writes, any number read meanwhile (write-ahead log). Every write is one transaction: a
generation, a stage of a trial and the end of a generation are stored whole or not at all, so that a
run killed at any moment loses what was in flight and nothing else. Free-form content is JSON.
"""

from archsearch.store.frame import choices_frame, curves_frame, trials_frame
from archsearch.store.sqlite_file import StoreFull
from archsearch.store.store import DATABASE, Store
from archsearch.store.tables import Generation

__all__ = [
    "DATABASE",
    "Generation",
    "Store",
    "StoreFull",
    "choices_frame",
    "curves_frame",
    "trials_frame",
]
