"""A net as a row of stages."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from archsearch import published
from archsearch.cost import count
from archsearch.drawing import stages_figure, stages_frame


@pytest.mark.parametrize("name", published.names())
def test_the_stages_of_a_net_add_up(name: str) -> None:
    """For every published net: params and MACs are the counted ones, and every block is named."""
    net = published.load(name)
    frame = stages_frame(net)
    params, macs, *_ = count(net)
    assert (frame["params"].sum(), frame["macs"].sum()) == (params, macs)
    assert [frame["stage"].iloc[place] for place in (0, -1)] == ["stem", "head"]
    named = frame["family"].notna().sum()
    assert named == sum(bool(stage.blocks) for stage in net.stages)


def test_layers_are_said_in_runs() -> None:
    """EdgeNeXt-XXS's third stage: five encoders and one SDTA behind its downsampling."""
    frame = stages_frame(published.load("edgenext_xx_small")).set_index("stage")
    assert frame.loc["stage 3", "blocks"] == "↓ conv\n5 × conv encoder\nsdta"
    assert frame.loc["stage 3", "family"] == "sdta"
    assert frame.loc["head", "channels"] == 1000


def test_a_box_is_a_stage_and_their_sizes_follow_the_maps() -> None:
    """More channels are wider, larger maps higher."""
    net = published.load("parcnet_s")
    figure = stages_figure(net)
    frame = stages_frame(net)
    boxes = [
        patch
        for patch in figure.axes[0].patches
        if isinstance(patch, Rectangle) and patch.get_y() >= 0
    ]
    assert len(boxes) == len(frame)
    wide = sorted(range(len(boxes)), key=lambda place: boxes[place].get_width())
    high = sorted(range(len(boxes)), key=lambda place: boxes[place].get_height())
    assert list(frame["channels"].iloc[wide]) == sorted(frame["channels"])
    assert list(frame["height"].iloc[high]) == sorted(frame["height"])


def test_the_shares_are_the_costs() -> None:
    """The highest bar of each kind is that of the dearest stage, and the sums are said."""
    figure = stages_figure(published.load("parcnet_s"))
    said = [text.get_text() for text in figure.axes[0].texts]
    assert "share of the params, 5.04 M" in said
    assert "share of the MACs, 1.66 G" in said
    assert figure.axes[0].get_title(loc="left").startswith("parcnet_s: 5.04 M params")
    params = [float(bar.get_height()) for bar in figure.axes[0].containers[0]]
    frame = stages_frame(published.load("parcnet_s"))
    assert params.index(max(params)) == frame["params"].argmax()


def test_axes_that_are_given_are_drawn_in() -> None:
    """And their figure comes back."""
    figure = Figure()
    ax = figure.add_subplot()
    assert stages_figure(published.load("cmt_ti"), ax=ax) is figure
    assert ax.patches
