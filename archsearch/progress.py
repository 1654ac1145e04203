"""What a run shows while it works: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from archsearch.notation import duration
from archsearch.search import Run
from archsearch.summary import Summary, by_reason, summarize

Watch = Callable[[Run], Callable[[], None]]
"""Gets a run and returns what is called after every change of it, as ``runs.work_on`` asks."""

REFRESHES_PER_SECOND = 2
LINE_EVERY_S = 5.0
SHORTEST_GAP_S = 1.0


@contextmanager
def progress(console: Console) -> Iterator[Watch]:
    """Show a run's progress on ``console`` as long as the context lasts.

    The display is closed when the run ends, however it ends.
    """
    with ExitStack() as open_display:

        def watch(run: Run) -> Callable[[], None]:
            if console.is_terminal:
                open_display.enter_context(_live(console, run))
                return _nothing
            lines = _Lines(console, run)
            open_display.callback(lines.write)
            return lines.changed

        yield watch


@dataclass
class _Clock:
    """Guesses the time left from what was done since this start of the run."""

    done: int
    elapsed_s: float

    @classmethod
    def started(cls, run: Run) -> _Clock:
        """A clock that starts now."""
        now = _snapshot(run)
        return cls(now.done, now.elapsed_s)

    def left_s(self, now: Summary) -> float | None:
        """Seconds until trials or minutes are used up, whichever is guessed to come first."""
        guesses = []
        if now.done > self.done:
            pace = (now.elapsed_s - self.elapsed_s) / (now.done - self.done)
            guesses.append(pace * (now.budget_trials - now.done))
        if now.budget_minutes is not None:
            guesses.append(60 * now.budget_minutes - now.elapsed_s)
        return max(0.0, min(guesses)) if guesses else None

    def words(self, now: Summary) -> str:
        """Such as ``3 min 5 s, about 6 min 0 s left``."""
        left = None if now.state != "unfinished" else self.left_s(now)
        passed = duration(now.elapsed_s)
        return passed if left is None else f"{passed}, about {duration(left)} left"


def _live(console: Console, run: Run) -> Live:
    """A display that rich's own thread redraws, so that a change of the run costs nothing."""
    clock = _Clock.started(run)

    def draw() -> RenderableType:
        now = _snapshot(run)
        return drawing(now, clock.words(now))

    return Live(console=console, refresh_per_second=REFRESHES_PER_SECOND, get_renderable=draw)


class _Lines:
    """One line a generation and one every few seconds in between, never two within a second."""

    def __init__(self, console: Console, run: Run) -> None:
        self._console = console
        self._run = run
        self._clock = _Clock.started(run)
        self._trials = -1
        self._written_s = float("-inf")
        self._last = ""

    def changed(self) -> None:
        """Write a line if it is time for one."""
        new = len(self._run.trials) != self._trials
        if time.monotonic() - self._written_s >= (SHORTEST_GAP_S if new else LINE_EVERY_S):
            self._trials = len(self._run.trials)
            self._written_s = time.monotonic()
            self.write()

    def write(self) -> None:
        """Write where the run is, unless the line before said the same."""
        now = _snapshot(self._run)
        line = f"{now.activity}: {counted(now)}"
        if line != self._last:
            text = f"{self._clock.words(now)}: {line}"
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        self._last = line


def counted(now: Summary) -> str:
    """The counts of a run on one line."""
    if now.arms:
        failed = sum(now.failed.values())
        return f"{now.done} of {now.budget_trials} trainings done ({failed} failed)"
    best = f", best {now.best}" if now.best else ""
    return (
        f"{now.done} of {now.budget_trials} trials done ({now.complete} complete, "
        f"{now.stopped} stopped, {sum(now.failed.values())} failed), {now.screened:,} screened, "
        f"{sum(now.rejected.values()):,} rejected{best}"
    )


def drawing(now: Summary, times: str) -> RenderableType:
    """The live display of a run: a bar and a few rows."""
    bar = Table.grid(padding=(0, 2))
    bar.add_row(
        Text(now.name, style="bold"),
        ProgressBar(total=now.budget_trials, completed=now.done, width=32),
        Text(f"{now.done}/{now.budget_trials} {'trainings' if now.arms else 'trials'}"),
        Text(times, style="dim"),
    )
    rows = Table.grid(padding=(0, 2))
    for label, text in (_rows_of_arms(now) if now.arms else _rows(now)).items():
        rows.add_row(Text(label, style="dim"), text)
    return Group(bar, rows)


def _rows(now: Summary) -> dict[str, Text]:
    return {
        "now": Text(now.activity),
        "screened": Text(f"{now.screened:,}, rejected {by_reason(now.rejected)}"),
        "trials": Text(f"{now.complete} complete, {now.stops}, {now.waiting} waiting"),
        "failed": Text(by_reason(now.failed), style="red" if now.failed else ""),
        "best": Text(str(now.best or "no complete trial yet"), style="green" if now.best else ""),
        "front": Text(f"{now.front} trials"),
    }


def _rows_of_arms(now: Summary) -> dict[str, Text]:
    arms = "\n".join(f"{name} {counts}" for name, counts in now.arms.items())
    return {
        "now": Text(now.activity),
        "arms": Text(arms),
        "failed": Text(by_reason(now.failed), style="red" if now.failed else ""),
    }


def _snapshot(run: Run) -> Summary:
    """Sum up a run that another thread may be changing.

    Both copies are made in one step of the interpreter, so no change can fall into them.
    """
    return summarize(run.study, list(run.trials.values()), dict(run.counts), run.elapsed_s)


def _nothing() -> None:
    """A live display looks by itself."""
