"""Columns: what may share an axis, and what never does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from reported_runs import made_run

from archsearch.devices.reading import Latency
from archsearch.measures import latency_measured
from archsearch.report.columns import Column, axes, columns
from archsearch.report.reported import reported
from archsearch.results import RunResults, open_run


@pytest.fixture(scope="module")
def run(tiny_run: Path) -> RunResults:
    return open_run(tiny_run)


def found(*runs: RunResults) -> dict[str, Column]:
    return {column.key: column for column in columns(reported(runs))}


def timed(run: RunResults, device: str) -> RunResults:
    """The run with latencies of a device."""
    latency = Latency(5.0, 5.0, 5.0, 1, 1, "predicted", device, "MNN 3.6.1", 0.07)
    measured = latency_measured(latency, "screen")
    records = tuple(
        replace(t, measures={**t.measures, "latency_ms": measured}) for t in run.records
    )
    return replace(run, records=records)


def test_objectives_come_first(run: RunResults) -> None:
    """Then accuracy, latency and costs, then the rest in the order of the cascade."""
    keys = list(found(run))
    assert keys[:3] == ["val_accuracy", "macs", "params"]
    assert {"naswot", "synflow", "train_s"} < set(keys)


def test_columns_say_how_their_numbers_were_obtained(run: RunResults) -> None:
    """In a word, and in a sentence with all that decides them."""
    hows = {key: column.how for key, column in found(timed(run, "raspberry_pi_4")).items()}
    assert hows["macs"] == "counted"
    assert hows["latency_ms"] == "predicted"
    assert hows["naswot"] == "proxy"
    assert hows["val_accuracy"] == "trained"
    assert hows["train_s"] == "measured"
    text = found(run)["val_accuracy"].origins[0].text
    assert "after 0.5 epochs; 200 images of digits" in text
    assert "judged on 100 others" in text


def test_runs_on_the_same_images_share_a_column(run: RunResults) -> None:
    """Whatever their budgets."""
    assert found(run, replace(run)).keys() == found(run).keys()


def test_accuracies_of_other_images_never_share_an_axis(run: RunResults) -> None:
    """Each has a column with its run's name; what is counted stays one."""
    other = replace(run, environment={**run.environment, "images": "other"})
    both = found(run, other)
    assert [key for key in both if key.startswith("val_accuracy")] == [
        "val_accuracy/0",
        "val_accuracy/1",
    ]
    assert list(both["val_accuracy/1"].origins) == [1]
    assert both["val_accuracy/1"].title.startswith("val_accuracy [tiny")
    assert both["val_accuracy/0"].of(1, run.records[0].measures) is None
    assert list(both["macs"].origins) == [0, 1]


def test_latencies_of_other_devices_never_share_an_axis(run: RunResults) -> None:
    """And the axis names its device."""
    both = found(timed(run, "raspberry_pi_4"), timed(run, "rk3288"))
    labels = [both[f"latency_ms/{place}"].label for place in (0, 1)]
    assert labels[0].startswith("latency on Raspberry Pi 4 (ms, predicted, ±7 %)")
    assert labels[1].startswith("latency on RK3288")


def test_costs_of_other_heads_never_share_an_axis(run: RunResults, folder: Path) -> None:
    """A head of 10 classes and one of 1,000 give other numbers."""
    both = found(run, made_run(folder / "made"))
    assert {"macs/0", "macs/1", "params/0", "params/1"} < set(both)


def test_a_figure_begins_with_the_study_s_objectives(run: RunResults) -> None:
    """The second across, the first upwards; with fewer than two columns there is none."""
    one = reported([run])
    assert axes(one, columns(one)) == ("macs", "val_accuracy")
    assert axes(one, columns(one)[:1]) is None
