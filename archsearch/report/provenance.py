"""How each number of a run was obtained, in a word and in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from archsearch.devices.source import Source, footnote, label, one_source
from archsearch.measures import ACCURACY, LATENCY, MEASURES, Measure
from archsearch.report.reported import Reported
from archsearch.tables import latencies_of

How = Literal["counted", "measured", "emulated", "predicted", "proxy", "trained"]


class Origin(NamedTuple):
    """Where a measure's numbers come from, in a word and in a sentence.

    Numbers of different ``source`` never share an axis; ``axis`` is the label of one, None for the
    measure's usual.
    """

    how: How
    text: str
    source: str
    axis: str | None = None


def measure_of(name: str) -> Measure:
    """The measure of a name; that of ``val_accuracy@3`` is one of the accuracy's kind."""
    base, at, epochs = name.partition("@")
    measure = MEASURES[base]
    meaning = f"{measure.meaning}, at the rung after {epochs} epochs"
    return Measure(name, measure.unit, measure.direction, "train", meaning) if at else measure


def origin(reported: Reported, name: str) -> Origin:
    """How the numbers called ``name`` of a run were obtained."""
    if name == LATENCY:
        return _latency(reported)
    stage = measure_of(name).stage
    if stage == "screen":
        classes = reported.run.study.settings.classes
        text = f"in closed form, exact, with a head of {classes:,} classes"
        return Origin("counted", text, f"{classes} classes")
    if stage == "score":
        return _proxy(reported)
    if name == "train_s":
        cpu = reported.run.environment.get("cpu", "an unknown processor")
        text = f"wall clock of all repetitions on {cpu}; {_recipe(reported)}"
        return Origin("measured", text, str(cpu))
    epochs = float(name.partition("@")[2] or reported.run.study.settings.training.epochs)
    return Origin("trained", f"{_epochs(epochs)}; {_recipe(reported)}", _images(reported))


def _latency(reported: Reported) -> Origin:
    found = latencies_of(trial.measures for trial in reported.run.records)
    one_source({"trials": found})
    source = Source.of(found[0])
    text = footnote(source, found).partition(": ")[2]
    return Origin(source.how, text, str(source), label(source, found))


def _proxy(reported: Reported) -> Origin:
    score = reported.run.study.settings.cascade.score
    images = reported.run.study.settings.data.name
    if score is None:
        return Origin("proxy", f"training-free, on {images}", _images(reported))
    times = f"{_times(score.inits, 'initialisation')} on {_times(score.batches, 'batch')}"
    text = f"training-free, {times} of {score.images} images of {images}"
    return Origin("proxy", text, f"{times} of {score.images} of {_images(reported)}")


def _images(reported: Reported) -> str:
    return str(reported.run.environment.get("images", reported.run.folder))


def _epochs(epochs: float) -> str:
    return f"after {epochs:g} {'epoch' if epochs == 1 else 'epochs'}"


def _recipe(reported: Reported) -> str:
    """The images and the recipe that an accuracy is of."""
    data, recipe = reported.run.study.settings.data, reported.run.study.settings.training
    counts = (t.measures[ACCURACY].count for t in reported.run.records if ACCURACY in t.measures)
    judged_on = max(counts, default=0)
    judged = f"judged on {judged_on:,} others" if judged_on else "judged on others"
    train = "all training images" if data.train is None else f"{data.train:,} images"
    parts = [
        f"{train} of {data.name} ({reported.run.environment.get('images', 'unknown')})",
        judged,
        f"{recipe.optimizer} at {recipe.learning_rate:g}, batches of {recipe.batch_size}",
        f"at {recipe.scale:g} of each net's resolution",
    ]
    return ", ".join(parts)


def _times(count: int, noun: str) -> str:
    plural = "batches" if noun == "batch" else f"{noun}s"
    return f"1 {noun}" if count == 1 else f"{count} {plural}"


def spread_said(reported: Reported, name: str) -> str:
    """What the ± of a measure is in a run, with its n."""
    found = [t.measures[name] for t in reported.run.records if name in t.measures]
    most = max((one.n for one in found), default=0)
    if name == LATENCY:
        return _latency_spread(reported, most)
    if most > 1:
        return f"mean of {most}, ± is their standard deviation"
    images = max((one.count for one in found), default=0)
    if images:
        return f"n = 1, ± is the binomial standard error of {images:,} images"
    return "exact" if origin(reported, name).how == "counted" else "n = 1, spread unknown"


def _latency_spread(reported: Reported, runs: int) -> str:
    found = latencies_of(trial.measures for trial in reported.run.records)
    errors = [one.expected_error for one in found if one.expected_error is not None]
    error = f"expected error ±{100 * max(errors):.2g} %" if errors else "error unknown"
    return f"median of {runs} runs, {error}" if runs > 1 else error


def measures_of(reported: Sequence[Reported]) -> list[str]:
    """Every measure that some trial has: objectives first, then in the order of the cascade."""
    own = [o.measure for one in reported for o in one.run.study.settings.objectives]
    found = dict.fromkeys(n for one in reported for t in one.run.records for n in t.measures)
    order = [*MEASURES, *sorted(name for name in found if name not in MEASURES)]
    wanted = dict.fromkeys([*own, ACCURACY, LATENCY, "params", "macs", *order])
    return [name for name in wanted if name in found]
