"""Small search spaces to enumerate, and an enumeration that shares no code with the product."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from hypothesis import strategies as st

from archsearch.architecture import Architecture
from archsearch.documents import Document
from archsearch.errors import InputError
from archsearch.grammar import Domain
from archsearch.matching import NotAMember
from archsearch.space import SearchSpace, architecture_of, tree_of
from archsearch.trial import Choices, Scalar

Data = dict[str, Any]


def space_of(data: Data, name: str = "small") -> SearchSpace:
    """The space that plain data stands for."""
    return SearchSpace(tree_of(Document(name, data)), name)


def space_data(*stages: Data, **rest: Any) -> Data:
    """A space file with a patch stem."""
    return {
        "schema": 1,
        "input": {"resolution": 32},
        "stem": {"patch": {}},
        "stages": list(stages),
    } | rest


def points(space: SearchSpace) -> Iterator[Choices]:
    """Every point of a space, by counting the odometer of its choices up."""
    wheel: list[int] = []
    while True:
        point, sizes = _reading(space, wheel)
        yield point
        wheel += [0] * (len(sizes) - len(wheel))
        while wheel and wheel[-1] + 1 == sizes[len(wheel) - 1]:
            wheel.pop()
        if not wheel:
            return
        wheel[-1] += 1


def _reading(space: SearchSpace, wheel: Sequence[int]) -> tuple[Choices, list[int]]:
    """The point at a place of the odometer, and how many labels each of its choices had."""
    sizes: list[int] = []

    def pick(_path: str, domain: Domain) -> Scalar:
        at = wheel[len(sizes)] if len(sizes) < len(wheel) else 0
        sizes.append(len(domain.labels))
        return domain.labels[at]

    return space.walk(pick), sizes


def members(data: Data) -> list[Architecture]:
    """Every valid architecture that a space file stands for, once a point."""
    found = (_valid(closed) for closed in closings(data) if not _says_null(data, closed))
    return [architecture for architecture in found if architecture is not None]


def _says_null(data: Data, closed: Data) -> bool:
    """Whether the stem's width could have been left out, and the space offers that."""
    same = closed["stem"].get("width") == closed["stages"][0]["width"]
    return same and None in _values(data["stem"].get("width"))


def _valid(closed: Data) -> Architecture | None:
    try:
        return architecture_of(Document("closed", closed))
    except InputError:
        return None


def closings(data: Data) -> Iterator[Data]:
    """Every way to close the open leaves of a space file, valid or not, as architecture files."""
    entry = _expand(data.get("input", {}))
    stem = _layers({k: v for k, v in data["stem"].items() if k != "width"})
    widths = _values(data["stem"].get("width"))
    stages = [_stages(stage) for stage in data["stages"]]
    heads = _heads(data.get("head", {}))
    for one, layer, width, parts, head in product(entry, stem, widths, product(*stages), heads):
        yield {
            "schema": 1,
            "input": one,
            "stem": layer if width is None else {**layer, "width": width},
            "stages": [stage for part in parts for stage in part],
            "head": head,
        }


def _heads(data: Any) -> list[Data]:
    options = data.get("choice", [data])
    return [head for option in options for head in _expand(option)]


def _values(data: Any) -> list[Any]:
    if not isinstance(data, dict):
        return [data]
    if "choice" in data:
        return list(data["choice"])
    ((low, high),) = [data[key] for key in ("int", "float") if key in data]
    step = data.get("step", 1)
    return [low + step * i for i in range(round((high - low) / step) + 1)]


def _expand(record: Data) -> list[Data]:
    return [
        dict(zip(record, values, strict=True))
        for values in product(*(_values(v) for v in record.values()))
    ]


def _layers(data: Any) -> list[Any]:
    if isinstance(data, str):
        return [{data: {}}]
    ((kind, leaves),) = data.items()
    if kind == "choice":
        return [layer for option in leaves for layer in _layers(option)]
    return [{kind: closed} for closed in _expand(leaves)]


def _groups(data: Any) -> list[list[Any]]:
    data = {data: {}} if isinstance(data, str) else dict(data)
    repeats, vary = _values(data.pop("repeat", 1)), data.pop("vary", False)
    layers = _layers(data)
    found: list[list[Any]] = []
    for repeat in repeats:
        if vary or not repeat:
            found += [list(copies) for copies in product(layers, repeat=repeat)]
        else:
            found += [[layer] * repeat for layer in layers]
    return found


def _stages(data: Data) -> list[list[Data]]:
    insides = [
        {"width": width, "downsample": down, "blocks": [b for blocks in groups for b in blocks]}
        for width in _values(data["width"])
        for down in _layers(data.get("downsample", "none"))
        for groups in product(*(_groups(group) for group in data["blocks"]))
    ]
    found: list[list[Data]] = []
    for repeat in _values(data.get("repeat", 1)):
        found += [[inside] * repeat for inside in insides] if repeat else [[]]
    return found


_WIDTHS = st.sampled_from(
    [8, 12, {"choice": [6, 8]}, {"choice": [8, 12]}, {"int": [6, 12], "step": 3}]
)
_LAYERS = st.sampled_from(
    [
        "conv_encoder",
        {
            "conv_encoder": {
                "kernel": {"choice": [3, "global"]},
                "position": {"choice": [True, False]},
            }
        },
        {"conv_encoder": {"kernel": {"int": [3, 5], "step": 2}}},
        {"sdta": {"heads": {"choice": [3, 4]}, "splits": {"int": [1, 2]}}},
        {"gnconv": {"order": {"int": [1, 3]}, "kernel": {"choice": [3, "global"]}}},
        {"pacc": {"attention": False, "kernel": {"choice": ["global", 4]}}},
        {"cmt": {"heads": {"choice": [1, 3]}, "expand": {"float": [1.0, 2.0], "step": 0.5}}},
        {"inverted_residual": {"stride": {"choice": [1, 2]}, "expand": {"choice": [1, 2]}}},
        {"bottleneck": {"expand": {"choice": [4, 8]}}},
    ]
)
_DOWNS = st.sampled_from(
    [
        "none",
        "conv",
        {"conv": {"kernel": {"choice": [1, 2]}, "stride": {"choice": [1, 2]}}},
        {
            "choice": [
                "none",
                {"inverted_residual": {"stride": 2, "kernel": {"choice": [3, "global"]}}},
            ]
        },
        {"choice": [{"conv": {"stride": 2}}, {"conv": {"kernel": {"choice": [2, 3]}}}]},
        {"bottleneck": {"expand": {"choice": [2, 7]}, "stride": 1}},
    ]
)
_HEADS = [
    {},
    {"norm": {"choice": ["layer", "none"]}},
    {"norm": "batch", "eps": {"choice": [1e-6, 1e-5]}},
    {"choice": [{"norm": "none", "project": {"choice": [8, 16]}}, {}]},
]
_REPEATS = st.sampled_from([1, 1, 2, {"int": [0, 1]}, {"int": [1, 2]}, {"choice": [0, 2]}])


@st.composite
def _group_data(draw: st.DrawFn) -> Any:
    options = draw(st.lists(_LAYERS, min_size=1, max_size=2, unique_by=repr))
    layer = options[0] if len(options) == 1 else {"choice": options}
    plain = {layer: {}} if isinstance(layer, str) else layer
    return {"repeat": draw(_REPEATS), "vary": draw(st.booleans()), **plain}


@st.composite
def spaces(draw: st.DrawFn) -> Data:
    """A space file of one to three stages, with few enough points to list."""
    stages = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "width": _WIDTHS,
                    "downsample": _DOWNS,
                    "blocks": st.lists(_group_data(), max_size=2),
                },
                optional={"repeat": _REPEATS},
            ),
            min_size=1,
            max_size=3,
        )
    )
    width = draw(st.sampled_from([None, 8, {"choice": [8, 12]}, {"choice": [None, 8]}]))
    stem = {"patch": {"size": draw(st.sampled_from([4, {"choice": [2, 4]}]))}}
    head = draw(st.sampled_from(_HEADS))
    data = space_data(*stages, stem={**stem, "width": width}, head=head)
    if all(0 in _values(stage.get("repeat", 1)) for stage in stages):
        stages[0].pop("repeat")
    return data


def point_count(data: Data) -> int:
    """Number of ways to close a space file, without listing them."""
    stages = 1
    for stage in data["stages"]:
        inside = len(_values(stage["width"])) * len(_layers(stage.get("downsample", "none")))
        for group in stage["blocks"]:
            inside *= len(_groups(group))
        stages *= sum(inside if repeat else 1 for repeat in _values(stage.get("repeat", 1)))
    stem = {k: v for k, v in data["stem"].items() if k != "width"}
    outside = len(_layers(stem)) * len(_values(data["stem"].get("width")))
    return stages * outside * len(_expand(data["input"])) * len(_heads(data["head"]))


def decoded(space: SearchSpace) -> list[tuple[Choices, Architecture]]:
    """Every valid point of a space with its architecture."""
    found = []
    for point in points(space):
        try:
            found.append((point, space.decode(point)))
        except NotAMember:  # noqa: PERF203
            continue
    return found
