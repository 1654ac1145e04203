"""What a run shows while it works."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from made_trials import made_run, made_trial
from rich.console import Console

from archsearch import progress as module
from archsearch.progress import progress
from archsearch.study import Study


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)


def pipe() -> Console:
    return Console(file=io.StringIO(), width=100)


def written(console: Console) -> str:
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def lines(console: Console) -> list[str]:
    return written(console).splitlines()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the display's clock shows; a test sets ``clock[0]``."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def add(run: Any, study: Study, number: int, generation: int) -> None:
    run.trials[number] = made_trial(study, number, 0.5, generation=generation)


@pytest.mark.parametrize(("second", "shown"), [(1.0, "01234"), (0.5, "024")])
def test_each_generation_has_a_line(
    tiny_study: Study, clock: list[float], second: float, shown: str
) -> None:
    """Unless they follow each other faster than lines may: one a second."""
    run, console = made_run(tiny_study, []), pipe()
    with progress(console) as watch:
        changed = watch(run)
        for number in range(5):
            add(run, tiny_study, number, generation=number)
            changed()
            clock[0] += second
    assert [line.split("generation ")[1][0] for line in lines(console)] == list(shown)


def test_within_a_generation_lines_keep_their_distance(
    tiny_study: Study, clock: list[float]
) -> None:
    """Many changes in a second give one line; the last state is always written at the end."""
    trials = [made_trial(tiny_study, number, state="waiting") for number in range(8)]
    run, console = made_run(tiny_study, trials), pipe()
    with progress(console) as watch:
        changed = watch(run)
        for number in range(7):
            add(run, tiny_study, number, generation=0)
            clock[0] += 0.1
            changed()
        assert len(lines(console)) == 1
        clock[0] += module.LINE_EVERY_S
        changed()
        assert len(lines(console)) == 2
        add(run, tiny_study, 7, generation=0)
    assert len(lines(console)) == 3
    assert "8 of 8 trials done" in lines(console)[-1]
    assert module.LINE_EVERY_S >= 1


def test_a_line_says_what_was_done_and_what_is_left(tiny_study: Study) -> None:
    """Counts by state, what was screened and rejected, the best, and a guess of the time."""
    run, console = made_run(tiny_study, [made_trial(tiny_study, 0, 0.5)]), pipe()
    with progress(console) as watch:
        watch(run)
        run.elapsed_s = 50.0
        run.trials[1] = made_trial(tiny_study, 1, 0.75)
        run.trials[2] = made_trial(tiny_study, 2, state="failed", error="train: diverged")
    (line,) = lines(console)
    # Two trials in 20 s since this start, five to go.
    assert line.startswith("50 s, about 50 s left: generation 0, proposing: 3 of 8 trials done")
    assert "2 complete, 0 stopped, 1 failed" in line
    assert "100 screened, 7 rejected" in line
    assert "best val_accuracy 0.750 ± 0.043 (trial 1)" in line


def test_the_time_left_is_bounded_by_the_budget_in_minutes(tiny_study: Study) -> None:
    """One minute of budget, 30 s of it gone: at most 30 s are left."""
    settings = tiny_study.settings
    short = settings.budget.model_copy(update={"minutes": 1.0})
    study = Study(settings.model_copy(update={"budget": short}), tiny_study.space, tiny_study.data)
    console = pipe()
    with progress(console) as watch:
        watch(made_run(study, []))
    assert "30 s, about 30 s left" in written(console)


def test_a_terminal_gets_a_live_display(tiny_study: Study) -> None:
    """All counts stand in it when it closes, the last change included."""
    run, console = made_run(tiny_study, [made_trial(tiny_study, 0, 0.5)]), terminal()
    with progress(console) as watch:
        changed = watch(run)
        run.trials[1] = made_trial(tiny_study, 1, 0.75)
        changed()
    shown = written(console)
    last = shown[shown.rindex("tiny") :]
    for text in ("2/8 trials", "100, rejected 7 (4 over the limit on params", "trial 1", "front"):
        assert text in last


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_the_live_display_closes_when_the_run_raises(
    tiny_study: Study, error: type[BaseException]
) -> None:
    """The cursor is given back and the error goes on."""
    console = terminal()

    def work() -> None:
        with progress(console) as watch:
            watch(made_run(tiny_study, []))
            raise error

    with pytest.raises(error):
        work()
    assert written(console).rindex("\x1b[?25h") > written(console).rindex("\x1b[?25l")


@pytest.mark.parametrize("console", [terminal(), pipe()])
def test_nothing_is_shown_of_a_run_that_did_not_begin(console: Console) -> None:
    """A study that is refused leaves no display behind."""

    def refuse() -> None:
        with progress(console):
            raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        refuse()
    assert not re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", written(console)).strip()


def test_a_change_costs_nothing_between_two_lines(
    tiny_study: Study, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand changes sum the run up once."""
    calls = []
    original = module.summarize
    monkeypatch.setattr(module, "summarize", lambda *a: calls.append(1) or original(*a))
    run, console = made_run(tiny_study, [made_trial(tiny_study, 0, 0.5)]), pipe()
    with progress(console) as watch:
        changed = watch(run)
        before = len(calls)
        for _ in range(1000):
            changed()
        assert len(calls) == before + 1
    assert clock == [100.0]
