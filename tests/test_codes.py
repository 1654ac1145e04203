"""Points as rows of numbers: what they stand for, which leaves are active, how they are drawn."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_spaces import Data, points, space_data, space_of, spaces

from archsearch import published
from archsearch.codes import active, choices_of, codes_of, draw_codes, leaves_of
from archsearch.errors import InputError
from archsearch.space import SearchSpace, load_space
from archsearch.trial import Choices

FOLDER = Path(__file__).resolve().parents[1] / "search_spaces"
MOBILE = load_space(FOLDER / "mobile.yaml")
PUBLISHED = load_space(FOLDER / "published.yaml")


def walked(space: SearchSpace, row: np.ndarray) -> Choices:
    """The point of a row, by the walk that decode makes: shares no code with ``choices_of``."""
    codes = {path: int(code) for (path, _), code in zip(space.leaves(), row, strict=True)}
    return space.walk(lambda path, domain: domain.labels[codes[path]])


def check_rows(space: SearchSpace, number: int, seed: int = 0) -> None:
    """Random rows stand for the points that the walk gives, and are found again from them."""
    codes = draw_codes(space.tree, np.random.default_rng(seed), number)
    shown = active(space.tree, codes)
    paths = [path for path, _ in space.leaves()]
    assert codes.shape == shown.shape == (number, len(paths))
    for row, here in zip(codes, shown, strict=True):
        choices = choices_of(space.tree, row)
        assert list(choices.items()) == list(walked(space, row).items())
        assert [path for path, is_active in zip(paths, here, strict=True) if is_active] == list(
            choices
        )
        again = codes_of(space.tree, choices)
        assert (again == np.where(here, row, 0)).all()
        assert choices_of(space.tree, again) == choices


@pytest.mark.parametrize("space", [MOBILE, PUBLISHED], ids=["mobile", "published"])
def test_rows_are_points_of_the_spaces(space: SearchSpace) -> None:
    """Row to point and back, and ``active`` says which leaves the point has."""
    check_rows(space, 40)


@settings(max_examples=100, deadline=None)
@given(spaces(), st.integers(0, 999))
def test_rows_are_points_of_any_space(data: Data, seed: int) -> None:
    """So it is for spaces that nobody thought of."""
    check_rows(space_of(data), 5, seed)


def test_every_point_has_a_row() -> None:
    """All points of a space with optional stages and copies of their own, listed one by one."""
    group = {"repeat": {"int": [0, 2]}, "vary": True, "choice": ["conv_encoder", "gnconv"]}
    optional = {
        "width": {"choice": [8, 12]},
        "repeat": {"choice": [2, 0]},
        "downsample": "conv",
        "blocks": [group],
    }
    space = space_of(space_data({"width": 8, "blocks": []}, optional))
    listed = list(points(space))
    rows = {tuple(codes_of(space.tree, point).tolist()) for point in listed}
    assert len(rows) == len(listed) == 1 + 2 * (1 + 2 + 4)
    assert [choices_of(space.tree, codes_of(space.tree, point)) for point in listed] == listed


def test_what_is_never_there_has_no_leaves() -> None:
    """Neither a stage nor a group that is repeated zero times in every point."""
    group = {"repeat": 0, "cmt": {"heads": {"choice": [1, 2]}}}
    gone = {"width": {"choice": [8, 12]}, "repeat": 0, "blocks": []}
    space = space_of(space_data({"width": 8, "blocks": [group]}, gone))
    assert list(leaves_of(space.tree)) == []
    assert draw_codes(space.tree, np.random.default_rng(0), 3).shape == (3, 0)
    assert active(space.tree, np.zeros((3, 0), dtype=np.int64)).shape == (3, 0)
    assert choices_of(space.tree, []) == {}


def test_a_published_net_has_a_row() -> None:
    """Its point goes to a row and back."""
    for name in published.names():
        choices = PUBLISHED.encode(published.load(name))
        assert choices_of(PUBLISHED.tree, codes_of(PUBLISHED.tree, choices)) == choices


@pytest.mark.parametrize("space", [MOBILE, PUBLISHED], ids=["mobile", "published"])
def test_every_leaf_is_drawn_uniformly(space: SearchSpace) -> None:
    """Every label of every leaf, active or not, comes up as often as the leaf's others."""
    number = 4000
    codes = draw_codes(space.tree, np.random.default_rng(1), number)
    for column, (path, domain) in enumerate(space.leaves()):
        share = 1 / len(domain.labels)
        counts = np.bincount(codes[:, column], minlength=len(domain.labels))
        assert len(counts) == len(domain.labels), path
        assert (abs(counts - number * share) < 6 * math.sqrt(number * share)).all(), path


def test_leaves_are_drawn_independently() -> None:
    """No two leaves with many labels are correlated."""
    codes = draw_codes(MOBILE.tree, np.random.default_rng(2), 4000)
    correlations = np.corrcoef(codes.T) - np.eye(codes.shape[1])
    assert abs(correlations).max() < 6 / math.sqrt(4000)


def test_drawing_depends_on_the_generator_alone() -> None:
    """The same seed gives the same population, another seed another."""
    first, second, other = (
        draw_codes(MOBILE.tree, np.random.default_rng(seed), 10) for seed in (7, 7, 8)
    )
    assert (first == second).all()
    assert (first != other).any()


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"stages.0.wdth": 24}, r"^stages\.0\.wdth: the space has no such leaf$"),
        ({"stages.0.width": 25}, r"^stages\.0\.width: got 25; valid: \[16, 24, 32, 48, 64\]$"),
    ],
)
def test_what_is_no_choice_of_the_space_has_no_row(point: Choices, message: str) -> None:
    """A leaf or a label that the space does not have."""
    with pytest.raises(InputError, match=message):
        codes_of(MOBILE.tree, point)
