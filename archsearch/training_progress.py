"""What a training shows while it works: a live bar on a terminal, a line an epoch elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from archsearch.notation import duration
from archsearch.training import Training

Watch = Callable[[Training], Callable[[], None]]
"""Gets a training and returns what is called after every step, as ``trainings.train_in`` asks."""


@contextmanager
def training_progress(console: Console) -> Iterator[Watch]:
    """Show a training's progress on ``console`` as long as the context lasts."""
    with ExitStack() as open_display:

        def watch(training: Training) -> Callable[[], None]:
            words = _Words(training)
            if not console.is_terminal:
                return _Lines(console, words).changed
            columns = (BarColumn(32), TextColumn("{task.description}"))
            bar = open_display.enter_context(Progress(*columns, console=console))
            task = bar.add_task(words.now(), total=training.steps, completed=training.step)
            return _Bar(bar, task, words).changed

        yield watch


@dataclass
class _Words:
    """A training's state in words, with the time that its pace since this start leaves to go."""

    training: Training
    began_s: float = field(default_factory=time.monotonic)
    first: int = field(init=False)

    def __post_init__(self) -> None:
        self.first = self.training.step

    def now(self) -> str:
        """Such as ``epoch 2.5 of 10, accuracy 0.912 after 2, 3 min 5 s left``."""
        training = self.training
        epochs = training.steps / training.steps_per_epoch
        parts = [f"epoch {training.epoch:.3g} of {epochs:g}"]
        if training.curve:
            last = training.curve[-1]
            parts.append(f"loss {last.train_loss:.3f}")
            parts.append(f"validation accuracy {last.validation_accuracy:.3f}")
        if training.step > self.first and not training.done:
            pace = (time.monotonic() - self.began_s) / (training.step - self.first)
            parts.append(f"about {duration(pace * (training.steps - training.step))} left")
        return ", ".join(parts)


@dataclass
class _Bar:
    bar: Progress
    task: TaskID
    words: _Words

    def changed(self) -> None:
        """Rich's own thread redraws; a step only says where it is."""
        self.bar.update(self.task, completed=self.words.training.step, description=self.words.now())


class _Lines:
    """One line for each point of the curve."""

    def __init__(self, console: Console, words: _Words) -> None:
        self._console = console
        self._words = words
        self._points = len(words.training.curve)

    def changed(self) -> None:
        """Write a line if there is a new point."""
        if len(self._words.training.curve) > self._points:
            self._points = len(self._words.training.curve)
            self._console.print(self._words.now(), markup=False, highlight=False, soft_wrap=True)
