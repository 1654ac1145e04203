"""What holds for every figure: a new one without an example fails here."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

import archsearch.figures as figures
from archsearch.errors import InputError
from archsearch.figures import Quantity, render, save

MACS = Quantity("macs", "multiply-accumulates", maximize=False)
ACCURACY = Quantity("val_accuracy", "fraction", maximize=True)

TRIALS = pd.DataFrame(
    {
        "number": [0, 1, 2, 3],
        "family": ["pacc", "sdta", "cmt", "convolutions only"],
        "complete": True,
        "on_front": [True, True, True, False],
        "finished_s": [10.0, 20.0, 30.0, 40.0],
        "macs": [1e8, 2e8, 9e8, 3e8],
        "val_accuracy": [0.5, 0.6, 0.7, 0.55],
        "stages.0.width": [16, 16, 32, 32],
        "stages.0.blocks.0.layer": ["pacc", "sdta", None, "pacc"],
    }
)
CHOICES = TRIALS[["number", "stages.0.width", "stages.0.blocks.0.layer", "macs", "val_accuracy"]]
CURVES = pd.DataFrame(
    {
        "number": [0, 0, 0, 0, 1, 1],
        "repetition": [0, 0, 1, 1, 0, 0],
        "epoch": [1.0, 2.0, 1.0, 2.0, 1.0, 2.0],
        "validation_accuracy": [0.2, 0.5, 0.3, 0.6, 0.1, 0.2],
        "train_loss": [2.0, 1.0, 1.8, 0.9, 2.2, 2.0],
        "family": ["pacc"] * 4 + ["sdta"] * 2,
        "on_front": [True] * 4 + [False] * 2,
    }
)
IMPORTANCES = pd.DataFrame(
    {
        "leaf": ["stages.0.width", "stages.0.width", "head.layer"],
        "objective": ["val_accuracy", "macs", "macs"],
        "importance": [0.4, 0.8, 0.1],
        "low": [0.3, 0.7, -0.1],
        "high": [0.5, 0.9, 0.2],
        "chance": [0.05, 0.05, 0.05],
    }
)
PREFERENCES = pd.DataFrame(
    {
        "leaf": ["input.resolution"] * 3,
        "value": [192, 224, 256],
        "share": [0.7, 0.3, 0.0],
        "low": [0.5, 0.1, 0.0],
        "high": [0.9, 0.5, 0.2],
        "prior": [1 / 3] * 3,
    }
)
STAGES = pd.DataFrame(
    {
        "stage": ["stem", "stage 1", "head"],
        "blocks": ["patch", "2 × conv encoder\npacc", "head"],
        "family": [None, "pacc", None],
        "channels": [16, 16, 10],
        "height": [56, 56, 1],
        "width": [56, 56, 1],
        "params": [800, 5000, 170],
        "macs": [2_400_000, 9_000_000, 160],
    }
)
PUBLISHED = pd.DataFrame(
    {
        "family": ["EdgeNeXt", "EdgeNeXt", "Other"],
        "size": ["XXS", "XS", ""],
        "joined": [True, True, False],
        "source": ["its README", "its README", "a survey"],
        "macs": [2.6e8, 5.3e8, 8e8],
        "val_accuracy": [71.2, 75.0, 77.0],
    }
)
AUDIT = pd.DataFrame(
    {
        "name": ["3 epochs", "params"],
        "kind": ["budget", "cost"],
        "spearman": [0.9, -0.2],
        "low": [0.8, -0.5],
        "high": [0.95, 0.1],
        "partial": [0.85, None],
    }
)
LATENCIES = pd.DataFrame(
    {
        "board": "a board",
        "net": ["a", "b"],
        "measured_ms": [10.0, 20.0],
        "predicted_ms": [9.0, 26.0],
    }
)
ANYTIME = pd.DataFrame(
    {
        "strategy": "random",
        "at": [1, 2, 3],
        "hypervolume": [0.1, 0.4, 0.5],
        "low": 0.05,
        "high": 0.6,
    }
)
SURFACES = pd.DataFrame(
    {
        "strategy": "random",
        "runs": 2,
        "surface": ["best", "median", "worst"],
        "macs": [1e8, 2e8, 3e8],
        "val_accuracy": [0.7, 0.6, 0.5],
    }
)
DIFFERENCES = pd.DataFrame(
    {
        "macs_low": [1e8, 2e8],
        "macs_high": [2e8, 3e8],
        "val_accuracy_low": [0.1, 0.2],
        "val_accuracy_high": [0.5, 0.6],
        "difference": [0.5, -1.0],
    }
)
ARMS = pd.DataFrame(
    {
        "arm": ["base", "without_position", "order_1"],
        "difference": [None, -0.02, 0.005],
        "low": [None, -0.03, -0.01],
        "high": [None, -0.01, 0.02],
        "significant": [None, True, False],
    }
)

EXAMPLES: Mapping[str, tuple[Callable[..., Figure], pd.DataFrame, tuple[Any, ...]]] = {
    "plot_ablation": (partial(figures.plot_ablation, margin=0.01), ARMS, ()),
    "plot_anytime": (figures.plot_anytime, ANYTIME, ()),
    "plot_attainment": (figures.plot_attainment, SURFACES, (MACS, ACCURACY)),
    "plot_audit": (figures.plot_audit, AUDIT, ()),
    "plot_curves": (figures.plot_curves, CURVES, ()),
    "plot_differences": (
        figures.plot_differences,
        DIFFERENCES,
        (MACS, ACCURACY, ("random", "nsga2")),
    ),
    "plot_front": (
        partial(figures.plot_front, reference=(1e9, 0.4)), TRIALS, (MACS, ACCURACY),
    ),
    "plot_growth": (figures.plot_growth, TRIALS, (MACS, ACCURACY)),
    "plot_importance": (figures.plot_importance, IMPORTANCES, ()),
    "plot_parallel": (figures.plot_parallel, CHOICES, ([ACCURACY, MACS],)),
    "plot_preferences": (figures.plot_preferences, PREFERENCES, ()),
    "plot_published": (figures.plot_published, PUBLISHED, (MACS, ACCURACY)),
    "plot_stages": (figures.plot_stages, STAGES, ()),
    "predicted_against_measured": (figures.predicted_against_measured, LATENCIES, ()),
}  # fmt: skip

EVERY = pytest.mark.parametrize("name", sorted(EXAMPLES))


def drawn(name: str, ax: Axes | None = None) -> Figure:
    function, frame, more = EXAMPLES[name]
    return function(frame, *more, ax=ax)


def pixels(figure: Figure) -> Any:
    return np.asarray(Image.open(io.BytesIO(render(figure, "png"))).convert("RGB"))


def test_every_figure_has_an_example() -> None:
    """What the package exports is what is looked at here."""
    made = {name for name in figures.__all__ if name.startswith(("plot_", "predicted_"))}
    assert made == set(EXAMPLES)


@EVERY
def test_it_draws_in_axes_that_are_given(name: str) -> None:
    """Their figure comes back, and their neighbour stays empty."""
    figure = Figure(figsize=(10, 4))
    left, right = figure.subplots(1, 2)
    assert drawn(name, right) is figure
    assert right.has_data() or right.patches
    assert not left.has_data()
    assert not left.patches


@EVERY
def test_it_draws_the_same_bytes_without_touching_anything(name: str) -> None:
    """As vector and as PNG: twice the same, settings as they were, the frame unchanged."""
    settings, frame = dict(mpl.rcParams), EXAMPLES[name][1].copy()
    for kind in ("svg", "pdf", "png"):
        assert render(drawn(name), kind) == render(drawn(name), kind)
    assert dict(mpl.rcParams) == settings
    pd.testing.assert_frame_equal(EXAMPLES[name][1], frame)


@EVERY
def test_it_is_not_blank_and_nothing_touches_its_border(name: str) -> None:
    """There is dark ink, and the outermost pixels are white: no text is cut off."""
    image = pixels(drawn(name)).astype(int)
    assert (image.sum(axis=2) < 300).sum() > 100
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    assert (border > 250).all()


@EVERY
def test_rows_of_nothing_make_an_empty_figure(name: str) -> None:
    """A run that has just begun has figures too."""
    if name in ("plot_stages", "predicted_against_measured"):
        pytest.skip("a net has a stage, and a panel a board")
    function, frame, more = EXAMPLES[name]
    assert function(frame.iloc[:0], *more).axes


def test_a_figure_is_saved_in_the_format_of_each_ending(tmp_path: Path) -> None:
    """PNG, SVG and PDF by their first bytes."""
    targets = [tmp_path / f"figure.{kind}" for kind in ("png", "svg", "pdf")]
    save(drawn("plot_growth"), *targets)
    starts = [target.read_bytes()[:5] for target in targets]
    assert starts == [b"\x89PNG\r", b"<?xml", b"%PDF-"]


def test_text_in_a_pdf_is_truetype() -> None:
    """Publishers refuse Type 3 fonts."""
    content = render(drawn("plot_growth"), "pdf")
    assert b"/Subtype /Type0" in content or b"/TrueType" in content
    assert b"/Subtype /Type3" not in content


def test_vector_figures_hold_text_and_no_pixels() -> None:
    """Words of an SVG can be searched and selected; nothing is drawn as an image."""
    for name in EXAMPLES:
        content = render(drawn(name), "svg").decode()
        assert "<image" not in content, name
        assert "<text" in content, name
        assert b"/Subtype /Image" not in render(drawn(name), "pdf"), name
    assert (
        ">MACs of one image (multiply-accumulates)</text>"
        in render(drawn("plot_growth"), "svg").decode()
    )


def test_an_unknown_ending_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """The message has the ending and what is nearest."""
    good, bad = tmp_path / "a.png", tmp_path / "a.pgn"
    with pytest.raises(InputError, match=r"no figure has the format 'pgn'.*png"):
        save(drawn("plot_growth"), good, bad)
    assert not good.exists()


def test_the_looks_of_several_lines_are_told_apart_without_colour() -> None:
    """Every one has its own marker and its own dashes; colours differ in lightness or hue."""
    looks = figures.style.SERIES
    assert len({look.marker for look in looks}) == len(looks)
    assert len({look.dashes for look in looks}) == len(looks)
    assert len({look.colour for look in looks}) == len(looks)
    assert figures.style.series(len(looks)) == looks[0]
