"""A space and its points: decode, encode, size, neighbours, and why something is no member."""

from __future__ import annotations

import math
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from small_spaces import (
    closings,
    decoded,
    members,
    point_count,
    points,
    space_data,
    space_of,
    spaces,
)

from archsearch import published
from archsearch.cost import count
from archsearch.documents import Document
from archsearch.errors import InputError
from archsearch.grammar import Domain
from archsearch.space import NotAMember, SearchSpace, architecture_of, load_space
from archsearch.trial import Choices, Scalar

Data = dict[str, Any]
MOBILE = load_space(Path(__file__).resolve().parents[1] / "search_spaces" / "mobile.yaml")
LEAVES = dict(MOBILE.leaves())

SMALL: dict[str, Data] = {
    "closed": space_data({"width": 8, "blocks": ["conv_encoder"]}),
    "vary": space_data(
        {
            "width": 8,
            "blocks": [
                {
                    "repeat": {"int": [0, 3]},
                    "vary": True,
                    "choice": ["conv_encoder", {"cmt": {"heads": {"choice": [1, 3]}}}],
                }
            ],
        }
    ),
    "all alike": space_data(
        {"width": 8, "blocks": [{"repeat": {"int": [0, 3]}, "cmt": {"heads": {"int": [1, 4]}}}]}
    ),
    "an optional stage": space_data(
        {"width": {"choice": [6, 8]}, "blocks": [{"pacc": {"attention": False}}]},
        {
            "width": {"choice": [8, 12]},
            "repeat": {"int": [0, 1]},
            "blocks": [{"sdta": {"heads": {"choice": [3, 4]}}}],
            "downsample": {"choice": ["none", "conv"]},
        },
        {"width": 8, "blocks": [], "downsample": {"conv": {"kernel": {"int": [1, 4]}}}},
    ),
    "two optional stages": space_data(
        {"width": 8, "blocks": []},
        {"width": 8, "repeat": {"int": [0, 1]}, "blocks": [{"cmt": {"heads": {"int": [1, 2]}}}]},
        {"width": 8, "repeat": {"int": [0, 1]}, "blocks": [{"cmt": {"heads": {"int": [2, 4]}}}]},
    ),
    "a repeated stage": space_data(
        {
            "width": {"choice": [8, 9]},
            "repeat": {"int": [1, 3]},
            "blocks": ["conv_encoder"],
            "downsample": {"inverted_residual": {"kernel": {"choice": [3, "global"]}, "expand": 1}},
        },
        stem={"patch": {}, "width": {"choice": [8, 9]}},
    ),
    "two alternatives of one kind": space_data(
        {
            "width": 8,
            "blocks": [
                {
                    "choice": [
                        {"conv_encoder": {"kernel": {"choice": [3, 5]}}},
                        {"conv_encoder": {"kernel": {"choice": [5, 7]}, "expand": {"int": [3, 4]}}},
                    ]
                }
            ],
        }
    ),
    "two groups of one kind": space_data(
        {
            "width": 8,
            "blocks": [
                {"repeat": {"int": [0, 2]}, "conv_encoder": {"kernel": {"choice": [3, 5]}}},
                {"repeat": {"int": [0, 2]}, "conv_encoder": {"kernel": {"choice": [5, 7]}}},
            ],
        }
    ),
    "two downsamples of one kind": space_data(
        {"width": 8, "blocks": []},
        {
            "width": 8,
            "blocks": [],
            "downsample": {"choice": ["conv", {"conv": {"kernel": {"choice": [2, 3]}}}]},
        },
    ),
    "a stem's width or none": space_data(
        {"width": {"choice": [8, 12]}, "blocks": [], "downsample": {"choice": ["none", "conv"]}},
        stem={"patch": {}, "width": {"choice": [None, 8]}},
    ),
    "two stages that tell themselves apart": space_data(
        {"width": 8, "blocks": []},
        {
            "repeat": {"int": [0, 1]},
            "width": {"choice": [8, 12]},
            "downsample": {"inverted_residual": {"stride": 2}},
            "blocks": [],
        },
        {
            "repeat": {"int": [0, 1]},
            "width": 8,
            "downsample": {"inverted_residual": {"stride": 1}},
            "blocks": [],
        },
    ),
    "two groups that tell themselves apart": space_data(
        {
            "width": 8,
            "blocks": [
                {"repeat": {"int": [0, 2]}, "conv_encoder": {"kernel": {"choice": [3, 5]}}},
                {"repeat": {"int": [0, 1]}, "conv_encoder": {"kernel": "global"}},
            ],
        }
    ),
    "three groups of which two meet": space_data(
        {
            "width": 8,
            "blocks": [
                {"repeat": {"int": [0, 1]}, "conv_encoder": {}},
                {"repeat": {"int": [0, 1]}, "cmt": {"heads": 2}},
                {"repeat": {"int": [0, 1]}, "conv_encoder": {}},
            ],
        }
    ),
    "a choice among heads": space_data(
        {"width": 8, "blocks": []},
        head={
            "choice": [
                {"norm": {"choice": ["layer", "batch"]}},
                {
                    "norm": "none",
                    "project": {"choice": [8, 16]},
                    "activation": {"choice": ["silu", "relu6"]},
                },
            ]
        },
    ),
    "heads that meet": space_data(
        {"width": 8, "blocks": []},
        head={
            "choice": [{"norm": {"choice": ["layer", "batch"]}}, {"norm": "batch", "bias": False}]
        },
    ),
    "resolutions and heads": space_data(
        {"width": 8, "blocks": []},
        input={"resolution": {"choice": [32, 48, [32, 48]]}},
        head={"norm": {"choice": ["layer", "none"]}, "project": {"choice": [None, 16]}},
    ),
}


def check(data: Data) -> None:
    """Size, members, decode and encode agree with the enumeration of a space."""
    space = space_of(data)
    expected = Counter(member.id for member in members(data))
    found = decoded(space)
    assert space.size == len(found) == expected.total()
    assert Counter(architecture.id for _, architecture in found) == expected
    assert not space.exact or len(expected) == space.size
    for point, architecture in found:
        again = space.encode(architecture)
        assert again == point or not space.exact
        assert space.decode(again).id == architecture.id


@pytest.mark.parametrize("name", SMALL)
def test_a_small_space_is_what_its_file_says(name: str) -> None:
    """Closing every leaf of the file by hand gives the same members, as often as the size says."""
    check(SMALL[name])


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(spaces())
def test_any_small_space_is_what_its_file_says(data: Data) -> None:
    """So it is for spaces that nobody thought of."""
    assume(point_count(data) <= 150)
    check(data)


@pytest.mark.parametrize(
    ("name", "size", "exact"),
    [
        ("closed", 1, True),
        ("vary", 1 + 2 + 4 + 8, True),
        ("all alike", 1 + 3 * 3, True),
        ("an optional stage", 2 * 3 + (1 + 2 + 2 * 1 + 2) * 3, True),
        ("two optional stages", (1 + 2) * (1 + 2), False),
        ("a repeated stage", (2 + 2) * 3 + 2 * 3 - 2, True),
        ("two alternatives of one kind", 2 + 4, False),
        ("two groups of one kind", 5 * 5, False),
        ("two downsamples of one kind", 3, False),
        ("a stem's width or none", 2 * 2 + 1, True),
        ("two stages that tell themselves apart", (1 + 2) * (1 + 1), True),
        ("two groups that tell themselves apart", 5 * 2, True),
        ("three groups of which two meet", 2 * 2 * 2, False),
        ("a choice among heads", 2 + 2 * 2, True),
        ("heads that meet", 2 + 1, False),
        ("resolutions and heads", 3 * 2 * 2, True),
    ],
)
def test_sizes_counted_on_paper(name: str, size: int, exact: bool) -> None:
    """Small enough to be counted by hand; not exact where two points give one architecture."""
    space = space_of(SMALL[name])
    assert space.exact is exact
    assert space.size == size
    distinct = {architecture.id for _, architecture in decoded(space)}
    assert (len(distinct) == size) or not exact


def test_the_mobile_space_is_large_and_its_points_are_architectures() -> None:
    """At least 10^12 distinct architectures, four to seven stages deep."""
    assert MOBILE.exact
    assert MOBILE.size >= 10**12
    rng = np.random.default_rng(0)
    depths = {len(MOBILE.sample(rng).stages) for _ in range(50)}
    assert depths == {4, 5, 6, 7}


FAMILIES = ("parc", "hornet", "cmt", "edgenext")


@pytest.mark.parametrize("name", [n for n in published.names() if n.startswith(FAMILIES)])
def test_the_mobile_space_holds_the_four_families_small_nets(name: str) -> None:
    """Those of at most 8 M parameters, at their own resolution, each by one point."""
    net = published.load(name)
    if count(net).params <= 8_000_000:
        assert MOBILE.decode(MOBILE.encode(net)).id == net.id
    else:
        with pytest.raises(NotAMember):
            MOBILE.encode(net)


def test_a_points_stem_width_is_not_the_first_stages() -> None:
    """Where null can be chosen it says the same, and one architecture has one point."""
    space = space_of(SMALL["a stem's width or none"])
    point = {"stem.width": 8, "stages.0.width": 8, "stages.0.downsample.layer": "conv"}
    with pytest.raises(
        NotAMember, match=r"stem\.width: 8 is the first stage's; null says the same"
    ):
        space.decode(point)
    left_out = space.decode({**point, "stem.width": None})
    assert space.encode(left_out)["stem.width"] is None


def test_the_mobile_space_has_the_size_that_random_points_tell() -> None:
    """An independent estimate: the mean of one by the probability of a draw, where it is valid.

    Alternatives and repeats are drawn in proportion to how much stands below them, so that the
    estimate is not made by a few rare points.
    """
    rng = np.random.default_rng(1)
    weights = []
    for _ in range(6000):
        log_weight = 0.0

        def pick(path: str, domain: Domain) -> Scalar:
            nonlocal log_weight
            shares = np.array([below(path, label) for label in domain.labels])
            place = int(rng.choice(len(shares), p=shares / shares.sum()))
            log_weight += math.log(shares.sum() / shares[place])
            return domain.labels[place]

        point = MOBILE.walk(pick)
        weights.append(math.exp(log_weight) if is_valid(MOBILE, point) else 0.0)
    error = np.std(weights) / len(weights) ** 0.5
    assert error < 0.05 * MOBILE.size
    assert abs(np.mean(weights) - MOBILE.size) < 4 * error


@cache
def below(path: str, label: Scalar) -> float:
    """About how many points stand below a label: exact if no layer's rule were broken."""
    place, _, name = path.rpartition(".")
    if name == "layer":
        return under(f"{place}.{label}.")
    if name != "repeat" or not label:
        return 1.0
    if ".blocks." in place:
        return in_slot(place)
    groups = {p for p in LEAVES if p.startswith(f"{place}.blocks.") and p.endswith(".repeat")}
    return (
        under(f"{place}.width")
        * in_slot(f"{place}.downsample")
        * math.prod(sum(below(p, copies) for copies in LEAVES[p].labels) for p in groups)
    )


def in_slot(place: str) -> float:
    """Points of a slot over all its alternatives."""
    if choice := LEAVES.get(f"{place}.layer"):
        return sum(below(f"{place}.layer", label) for label in choice.labels)
    return under(f"{place}.")


def under(start: str) -> float:
    """Product of the domain sizes of the leaves whose path begins so, repeats left out."""
    paths = [p for p in LEAVES if p.startswith(start) and not p.endswith(".repeat")]
    return math.prod(len(LEAVES[path].labels) for path in paths)


def is_valid(space: SearchSpace, point: Choices) -> bool:
    """Whether a point keeps every layer's rule."""
    try:
        return bool(space.decode(point))
    except NotAMember:
        return False


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_decode_and_encode_are_inverse_on_the_mobile_space(seed: int) -> None:
    """From a point to its architecture and back, and from there to the same architecture."""
    point = MOBILE.draw(np.random.default_rng(seed))
    assume(is_valid(MOBILE, point))
    architecture = MOBILE.decode(point)
    assert MOBILE.encode(architecture) == point
    read_back = architecture_of(Document("file", architecture.to_data()))
    assert MOBILE.encode(read_back) == point
    assert MOBILE.decode(MOBILE.encode(read_back)) == architecture


def test_drawing_depends_on_the_generator_alone() -> None:
    """The same seed gives the same points, another seed others, and nothing global is touched."""
    before = np.random.get_state()[1].copy()  # type: ignore[index]
    streams = [np.random.default_rng(seed) for seed in (7, 7, 8)]
    first, second, other = ([MOBILE.draw(rng) for _ in range(20)] for rng in streams)
    assert first == second
    assert first != other
    assert (before == np.random.get_state()[1]).all()  # type: ignore[index]


def test_every_leaf_is_drawn_uniformly() -> None:
    """Each label of the first stage's leaves comes up as often as the others, within 5 sigma."""
    rng = np.random.default_rng(3)
    drawn = [MOBILE.draw(rng) for _ in range(1500)]
    for path in (
        "input.resolution",
        "stages.0.width",
        "stages.3.repeat",
        "stages.2.blocks.0.repeat",
    ):
        labels = dict(MOBILE.leaves())[path].labels
        counts = Counter(point[path] for point in drawn)
        share = 1 / len(labels)
        tolerance = 5 * math.sqrt(1500 * share * (1 - share))
        assert all(abs(counts[label] - 1500 * share) < tolerance for label in labels)


def test_leaves_are_all_that_points_have() -> None:
    """The leaves told are exactly those that occur, with the labels that occur."""
    for name, data in SMALL.items():
        space = space_of(data)
        seen: dict[str, set[Scalar]] = {}
        for point in points(space):
            for path, label in point.items():
                seen.setdefault(path, set()).add(label)
        assert seen == {path: set(domain.labels) for path, domain in space.leaves()}, name
        assert len(list(points(space))) == len(list(closings(data)))


@settings(max_examples=60, deadline=None)
@given(spaces(), st.integers(0, 999))
def test_neighbours_differ_in_one_leaf(data: Data, seed: int) -> None:
    """Every other label of every active leaf once; leaves that become active take their first."""
    space = space_of(data)
    point = space.draw(np.random.default_rng(seed))
    domains = dict(space.leaves())
    near = list(space.neighbours(point))
    assert len(near) == sum(len(domains[path].labels) - 1 for path in point)
    assert len({tuple(other.items()) for other in near}) == len(near)
    for other in near:
        changed = [path for path in point.keys() & other.keys() if point[path] != other[path]]
        assert len(changed) == 1
        assert all(other[path] == domains[path].labels[0] for path in other.keys() - point.keys())
        assert space.walk(lambda path, _domain, other=other: other[path]) == other  # type: ignore[misc]


def test_published_nets_are_members_of_the_mobile_space() -> None:
    """EdgeNeXt's two small nets can seed a search of it; a member has no name."""
    for name in ("edgenext_xx_small", "edgenext_x_small"):
        net = published.load(name)
        member = MOBILE.decode(MOBILE.encode(net))
        assert member.id == net.id
        assert member.name is None


def test_a_space_without_a_valid_point_says_so() -> None:
    """Sampling ends with the last reason instead of never."""
    space = space_of(space_data({"width": 9, "blocks": ["pacc"]}))
    assert space.size == 0
    with pytest.raises(InputError, match=r"none of 20 random points is valid; last: .*halves.* 9;"):
        space.sample(np.random.default_rng(0), patience=20)


def test_a_space_is_named_by_its_file_or_itself(tmp_path: Path) -> None:
    """The name in the file wins over the file's name."""
    text = "schema: 1\nstem: {patch: {}}\nstages: [{width: 8, blocks: []}]\n"
    (tmp_path / "plain.yaml").write_text(text)
    (tmp_path / "named.yaml").write_text(text + "name: mine\n")
    assert load_space(tmp_path / "plain.yaml").name == "plain"
    assert load_space(tmp_path / "named.yaml").name == "mine"
