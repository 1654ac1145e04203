"""Why an architecture or a point is no member of a space; and what is one all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_spaces import space_data, space_of

from archsearch import published
from archsearch.architecture import Architecture
from archsearch.documents import Document
from archsearch.space import NotAMember, architecture_of, load_space
from archsearch.trial import Choices

Data = dict[str, Any]
MOBILE = load_space(Path(__file__).resolve().parents[1] / "search_spaces" / "mobile.yaml")
GONE = object()


def change(**leaves: Any) -> Choices:
    """The point of EdgeNeXt-XXS with some leaves changed, or gone."""
    point = {**MOBILE.encode(published.load("edgenext_xx_small")), **leaves}
    return {path: label for path, label in point.items() if label is not GONE}


@pytest.mark.parametrize(
    ("point", "reason"),
    [
        (change(**{"stages.0.width": GONE}),
         r"^stages\.0\.width: no choice is given; valid: \[16, 24, 32, 48, 64\]$"),
        (change(**{"stages.0.width": 25}),
         r"^stages\.0\.width: got 25; valid: \[16, 24, 32, 48, 64\]$"),
        (change(**{"stages.0.wdth": 24}),
         r"^stages\.0\.wdth: no such leaf is active at this point$"),
        (change(**{"stages.3.width": 96}), r"^stages\.3\.width: no such leaf is active"),
        (change(**{"stages.2.width": 100, "stages.2.blocks.1.sdta.heads": 8}),
         r"^stages\.2\.blocks\.5: sdta: heads: 8 cannot share 100 channels equally; make the"),
    ],
)  # fmt: skip
def test_a_point_that_is_none_is_told(point: Choices, reason: str) -> None:
    """A missing, wrong or idle leaf, and a layer that cannot stand at its width."""
    with pytest.raises(NotAMember, match=reason):
        MOBILE.decode(point)


def net(*stages: Data, **rest: Any) -> Architecture:
    """An architecture from plain data."""
    return architecture_of(Document("net", space_data(*stages, **rest)))


HOME = space_of(
    space_data(
        {
            "width": {"choice": [8, 12]},
            "blocks": [
                {"repeat": {"int": [1, 2]}, "choice": ["conv_encoder", {"cmt": {"heads": 2}}]},
                {"repeat": 2, "vary": False, "sdta": {"splits": {"int": [1, 2]}}},
            ],
        },
        {"width": 16, "downsample": "conv", "repeat": {"int": [1, 2]}, "blocks": ["cmt"]},
    )
)
FIRST: Data = {"width": 8, "blocks": ["conv_encoder", {"repeat": 2, "sdta": {}}]}
SECOND: Data = {"width": 16, "downsample": "conv", "blocks": ["cmt"]}
STRANGERS: list[tuple[tuple[Data, ...], Data, str]] = [
    ((FIRST, SECOND), {"input": {"resolution": 64}}, "input.resolution: 64; the space has 32"),
    ((FIRST, SECOND), {"input": {"channels": 1, "resolution": 32}}, "input.channels: 1; the space "
     "has 3"),
    ((FIRST, SECOND), {"stem": {"conv": {}}}, "stem: conv; the space has patch"),
    ((FIRST, SECOND), {"stem": {"patch": {"size": 2}}}, "stem.patch.size: 2; the space has 4"),
    ((FIRST, SECOND), {"head": {"norm": "none"}}, "head.head.norm: 'none'; the space has 'layer'"),
    (({**FIRST, "width": 16}, SECOND), {}, "stages.0.width: 16; the space has [8, 12]"),
    ((FIRST,), {}, "stages.1: the architecture has only 1 stages"),
    ((FIRST, SECOND, SECOND, SECOND), {}, "stages: 4; the space explains 3 of them"),
    ((FIRST, SECOND, {**SECOND, "blocks": ["cmt", "cmt"]}), {}, "stages: 3; the space explains 2 "
     "of them"),
    ((FIRST, {**SECOND, "downsample": "none", "width": 8}), {},
     "stages.1.width: 8; the space has 16"),
    ((FIRST, {**SECOND, "downsample": "cmt_patch"}), {}, "stages.1.downsample: cmt_patch; the "
     "space has conv"),
    ((FIRST, {**SECOND, "blocks": []}), {}, "stages.1.blocks.0: fewer blocks than the space needs"),
    ((FIRST, {**SECOND, "blocks": ["cmt", "pacc"]}), {}, "stages.1.blocks.1: {'pacc': {}}; the "
     "space has no block left there"),
    ((FIRST, {**SECOND, "blocks": ["pacc"]}), {}, "stages.1.blocks.0: pacc; the space has cmt"),
    (({**FIRST, "blocks": ["gnconv"]}, SECOND), {}, "stages.0.blocks.0: gnconv; the space has "
     "conv_encoder or cmt"),
    (({**FIRST, "blocks": [{"cmt": {"heads": 4}}]}, SECOND), {}, "stages.0.blocks.0.cmt.heads: 4; "
     "the space has 2"),
    (({**FIRST, "blocks": ["conv_encoder", "sdta", {"sdta": {"splits": 1}}]}, SECOND), {},
     "stages.0.blocks.1: the copies of a repeated block must be alike"),
    (({**FIRST, "blocks": ["conv_encoder", {"repeat": 2, "sdta": {"splits": 3}}]}, SECOND), {},
     "stages.0.blocks.1.sdta.splits: 3; the space has [1, 2]"),
]  # fmt: skip


def test_the_home_of_the_strangers_has_members() -> None:
    """What the next test changes is a member before."""
    home = net(FIRST, SECOND)
    assert HOME.decode(HOME.encode(home)).id == home.id


@pytest.mark.parametrize(("stages", "rest", "reason"), STRANGERS)
def test_why_an_architecture_is_no_member(stages: Any, rest: Data, reason: str) -> None:
    """The furthest place that does not fit is told, with what would fit there."""
    with pytest.raises(NotAMember) as caught:
        HOME.encode(net(*stages, **rest))
    assert str(caught.value).startswith(reason)


def test_a_stems_width_may_be_written_or_not() -> None:
    """Without a downsample behind the stem, its width is the first stage's either way."""
    stage: Data = {"width": 8, "blocks": []}
    spelt = net(stage, stem={"patch": {}, "width": 8})
    for data in (space_data(stage), space_data(stage, stem={"patch": {}, "width": 8})):
        space = space_of(data)
        assert space.decode(space.encode(spelt)).id == net(stage).id == spelt.id


def test_overlapping_groups_do_not_explode() -> None:
    """Seven groups of one block could share it out in 10^7 ways: dead ends are remembered."""
    group = {"repeat": {"int": [0, 9]}, "conv_encoder": {"kernel": {"choice": [3, 5]}}}
    space = space_of(space_data({"width": 8, "blocks": [group] * 7}))
    point = space.encode(net({"width": 8, "blocks": [{"repeat": 63, "conv_encoder": {}}]}))
    assert len(space.decode(point).stages[0].blocks) == 63
    with pytest.raises(NotAMember, match="the space has no block left there"):
        space.encode(net({"width": 8, "blocks": [{"repeat": 64, "conv_encoder": {}}]}))
