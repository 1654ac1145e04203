"""The one language of architectures and search spaces: plain data to a tree of nodes.

A search space is an architecture in which some leaves are open. There is one grammar for both; an
architecture file is a tree that happens to have no open node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field

from archsearch.architecture import SCHEMA
from archsearch.blocks import BLOCKS, DOWNSAMPLES, STEMS
from archsearch.blocks.head import Head
from archsearch.blocks.layer import Layer
from archsearch.documents import Location, Misfit
from archsearch.errors import nearest
from archsearch.leaf_values import annotation_of, checked
from archsearch.trial import Scalar

NONE = "none"
"""What a downsampling layer is called where there is none."""

_OPENERS = ("choice", "int", "float")
_BESIDE = ("repeat", "vary", "choice", "use")
_MOST_LABELS = 10_000


def _square(resolution: int | tuple[int, int]) -> int | tuple[int, int]:
    """One number where height and width are equal, so that a square has one way to be written."""
    if isinstance(resolution, int) or resolution[0] != resolution[1]:
        return resolution
    return resolution[0]


Width = Annotated[int, Field(ge=1)]
Repeat = Annotated[int, Field(ge=0, le=100)]
Size = Annotated[int, Field(ge=8)]
Resolution = Annotated[Size | tuple[Size, Size], AfterValidator(_square)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True)
class Domain:
    """What can be chosen at a leaf. ``ordered``: numbers in ascending, equal steps."""

    labels: tuple[Scalar, ...]
    ordered: bool = False


@dataclass(frozen=True)
class Fixed:
    """A closed leaf."""

    value: Any


@dataclass(frozen=True)
class Open:
    """An open leaf: a label of ``domain`` is chosen, the value at the same index is meant."""

    domain: Domain
    values: tuple[Any, ...]


Node = Fixed | Open


@dataclass(frozen=True)
class Alternative:
    """One layer that can stand at a place; ``model`` is None where no layer can."""

    label: str
    model: type[BaseModel] | None
    leaves: Mapping[str, Node]


@dataclass(frozen=True)
class Slot:
    """A place for one layer: one alternative, or a choice among several.

    ``name``: under which it is defined, where it is chosen once for all places that use it.
    """

    alternatives: tuple[Alternative, ...]
    domain: Domain
    name: str | None = None

    def path(self, place: str) -> str:
        """Path of what is chosen here: the place's own, or that of the definition."""
        return place if self.name is None else f"define.{self.name}"


@dataclass(frozen=True)
class Group:
    """A slot repeated: all copies alike, or each with choices of its own where ``vary`` is set."""

    slot: Slot
    repeat: Node
    vary: bool


@dataclass(frozen=True)
class StageNode:
    """A stage whose leaves may be open; ``repeat`` 0 leaves it out."""

    repeat: Node
    width: Node
    downsample: Slot
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Tree:
    """A whole architecture or search space; ``defined`` are the layers that have a name."""

    name: str | None
    channels: int
    resolution: Node
    stem: Slot
    stem_width: Node
    stages: tuple[StageNode, ...]
    head: Slot
    defined: tuple[Slot, ...] = ()

    def users(self, name: str) -> Iterator[tuple[StageNode, Group | None]]:
        """Where a defined layer stands: in a group of a stage, or (None) as its downsample."""
        for stage in self.stages:
            if stage.downsample.name == name:
                yield stage, None
            yield from ((stage, group) for group in stage.groups if group.slot.name == name)


def parse_tree(data: Any) -> Tree:
    """Parse a whole architecture or search space.

    Raises:
        Misfit: with the place, the value given, what would be valid, and the nearest valid name.
    """
    optional = ("name", "notes", "input", "define", "head")
    record = _record(data, (), required=("schema", "stem", "stages"), optional=optional)
    if type(record["schema"]) is not int or record["schema"] != SCHEMA:
        raise Misfit(("schema",), f"got {record['schema']!r}; this version reads schema: {SCHEMA}")
    entry = _record(record.get("input", {}), ("input",), optional=("channels", "resolution"))
    stem = _mapping(record["stem"], ("stem",))
    given = _mapping(record.get("define", {}), ("define",))
    stages = [
        _stage(s, ("stages", i), given)
        for i, s in enumerate(_sequence(record["stages"], ("stages",)))
    ]
    if all(0 in values_of(stage.repeat) for stage in stages):
        raise Misfit(("stages",), "every stage can be left out; one must always be there")
    tree = Tree(
        name=_text(record.get("name"), ("name",)),
        channels=checked(entry.get("channels", 3), Width, ("input", "channels")),
        resolution=_node(entry.get("resolution", 224), Resolution, ("input", "resolution")),
        stem=_slot({k: v for k, v in stem.items() if k != "width"}, STEMS, ("stem",)),
        stem_width=_node(stem.get("width"), Width | None, ("stem", "width")),
        stages=tuple(stages),
        head=_head(record.get("head", {}), ("head",)),
    )
    return replace(tree, defined=tuple(_defined(tree, name) for name in given))


def _defined(tree: Tree, name: str) -> Slot:
    """The slot that is chosen once for all places that use a name.

    One of them must always be there, or the choice would mean nothing where all are left out.
    """
    users = list(tree.users(name))
    if not users:
        raise Misfit(("define", name), f"nothing uses it; write {{use: {name}}} in a stage")
    if all(0 in (*values_of(s.repeat), *values_of(g.repeat if g else s.repeat)) for s, g in users):
        raise Misfit(
            ("define", name),
            "every place that uses it can be left out; one must always be there (repeat of at "
            "least 1, of its stage too)",
        )
    stage, group = users[0]
    return group.slot if group else stage.downsample


def _stage(data: Any, at: Location, given: Mapping[str, Any]) -> StageNode:
    record = _record(data, at, required=("width", "blocks"), optional=("repeat", "downsample"))
    downsample = record.get("downsample", NONE)
    blocks = _sequence(record["blocks"], (*at, "blocks"), least=0)
    return StageNode(
        repeat=_node(record.get("repeat", 1), Repeat, (*at, "repeat")),
        width=_node(record["width"], Width, (*at, "width")),
        downsample=_place(downsample, DOWNSAMPLES, (*at, "downsample"), given, none=True),
        groups=tuple(_group(item, (*at, "blocks", i), given) for i, item in enumerate(blocks)),
    )


def values_of(node: Node) -> tuple[Any, ...]:
    """Every value that a node can take."""
    return (node.value,) if isinstance(node, Fixed) else node.values


def _group(data: Any, at: Location, given: Mapping[str, Any]) -> Group:
    layer = dict(data) if isinstance(data, dict) else data
    repeat, vary = 1, False
    if isinstance(layer, dict):
        repeat, vary = layer.pop("repeat", 1), layer.pop("vary", False)
    group = Group(
        slot=_place(layer, BLOCKS, at, given),
        repeat=_node(repeat, Repeat, (*at, "repeat")),
        vary=checked(vary, bool, (*at, "vary")),
    )
    if group.vary and group.slot.name:
        raise Misfit((*at, "vary"), "a defined layer is one for all copies; leave vary out")
    return group


def _place(
    data: Any,
    kinds: Mapping[str, type[Layer]],
    at: Location,
    given: Mapping[str, Any],
    *,
    none: bool = False,
) -> Slot:
    """A slot written in place, or one that is defined for several places and used by its name."""
    if not (isinstance(data, dict) and "use" in data):
        return _slot(data, kinds, at, none=none)
    name = checked(_record(data, at, required=("use",))["use"], str, (*at, "use"))
    if name not in given:
        known = nearest(name, map(str, given)) if given else "define it: define: {name: layer}"
        raise Misfit((*at, "use"), f"no layer {name!r} is defined; {known}")
    if not name.isidentifier():
        raise Misfit(("define", name), f"got {name!r}; a name has letters, digits and _ only")
    return replace(_slot(given[name], kinds, ("define", name), none=none), name=name)


def _head(data: Any, at: Location) -> Slot:
    """A head has no kind to name: a choice among heads lists sets of leaves."""
    found: list[Alternative] = []
    for option, place in _options(data, at):
        _add(found, "head", Head, _leaves(option, Head, place), place)
    return _slot_of(found)


def _slot(data: Any, kinds: Mapping[str, type[Layer]], at: Location, *, none: bool = False) -> Slot:
    found: list[Alternative] = []
    for option, place in _options(data, at):
        kind, leaves = _kind(option, kinds, place, none)
        _add(found, kind, None if kind == NONE else kinds[kind], leaves, place)
    return _slot_of(found)


def _options(data: Any, at: Location) -> Sequence[tuple[Any, Location]]:
    """What a slot lists under ``choice``, or the one thing that it holds, with their places."""
    if not (isinstance(data, dict) and set(data) == {"choice"}):
        return [(data, at)]
    options = _sequence(data["choice"], (*at, "choice"))
    return [(option, (*at, "choice", i)) for i, option in enumerate(options)]


def _add(
    found: list[Alternative],
    kind: str,
    model: type[BaseModel] | None,
    leaves: Mapping[str, Node],
    at: Location,
) -> None:
    same = sum(other.label.split("#")[0] == kind for other in found)
    if any(other.model is model and other.leaves == leaves for other in found):
        raise Misfit(at, f"this {kind} stands twice in the choice; keep one")
    found.append(Alternative(f"{kind}#{same + 1}" if same else kind, model, leaves))


def _slot_of(found: Sequence[Alternative]) -> Slot:
    return Slot(tuple(found), Domain(tuple(alternative.label for alternative in found)))


def _kind(
    data: Any, kinds: Mapping[str, type[Layer]], at: Location, none: bool
) -> tuple[str, Mapping[str, Node]]:
    """Read ``{kind: {leaf: value}}``, or the bare name of a kind with all leaves at default."""
    if isinstance(data, str):
        data = {data: {}}
    if not isinstance(data, dict) or len(data) != 1:
        raise _no_layer(data, kinds, at)
    kind, leaves = next(iter(data.items()))
    if none and kind == NONE:
        if leaves:
            raise Misfit((*at, kind), f"got {leaves!r}; {NONE} has no leaf")
        return NONE, {}
    if kind not in kinds:
        valid = [*kinds, NONE] if none else list(kinds)
        raise Misfit((*at, kind), f"unknown layer {kind!r}; {nearest(kind, valid)}")
    return kind, _leaves({} if leaves is None else leaves, kinds[kind], (*at, kind))


def _no_layer(data: Any, kinds: Mapping[str, type[Layer]], at: Location) -> Misfit:
    """Say what stands where one layer should: a misspelt key, several layers, or none."""
    for key in data if isinstance(data, dict) else ():
        if key not in kinds and key not in _BESIDE:
            return Misfit((*at, key), f"unknown key {key!r}; {nearest(key, [*kinds, *_BESIDE])}")
    shown = f"the keys [{', '.join(data)}]" if isinstance(data, dict) else repr(data)
    return Misfit(at, f"expected one layer such as {{{min(kinds)}: {{...}}}}, got {shown}")


def _leaves(data: Any, model: type[BaseModel], at: Location) -> Mapping[str, Node]:
    given = _mapping(data, at)
    for name in given:
        if name not in model.model_fields:
            known = nearest(name, model.model_fields) if model.model_fields else "it has none"
            raise Misfit((*at, name), f"unknown leaf {name!r}; {known}")
    missing = [n for n, f in model.model_fields.items() if f.is_required() and n not in given]
    if missing:
        raise Misfit(at, f"the leaf {missing[0]!r} is missing; give it a value")
    return {
        name: _node(value, annotation_of(model, name), (*at, name)) for name, value in given.items()
    }


def _node(data: Any, annotation: Any, at: Location) -> Node:
    if not isinstance(data, dict):
        return Fixed(checked(data, annotation, at))
    opener = next((key for key in _OPENERS if key in data), None)
    if opener is None:
        hint = f" ({nearest(min(data), _OPENERS)})" if data else ""
        raise Misfit(at, f"got {data!r}; expected a value, or one of choice, int, float{hint}")
    if opener == "choice":
        return _choice(_record(data, at, required=("choice",))["choice"], annotation, at)
    return _range(data, opener, annotation, at)


def _choice(data: Any, annotation: Any, at: Location) -> Open:
    options = _sequence(data, (*at, "choice"))
    values = tuple(checked(v, annotation, (*at, "choice", i)) for i, v in enumerate(options))
    labels = tuple("x".join(map(str, v)) if isinstance(v, tuple) else v for v in values)
    if len({(type(label), label) for label in labels}) < len(labels):
        raise Misfit((*at, "choice"), f"a value stands twice in {list(labels)}; keep one")
    return Open(Domain(labels), values)


def _range(data: Mapping[str, Any], opener: str, annotation: Any, at: Location) -> Open:
    record = _record(data, at, required=(opener,), optional=("step",))
    kind: Any = int if opener == "int" else Finite
    bounds = _sequence(record[opener], (*at, opener))
    if len(bounds) != 2:
        raise Misfit((*at, opener), f"expected [low, high], got {bounds!r}")
    low, high = (checked(b, kind, (*at, opener, i)) for i, b in enumerate(bounds))
    if opener == "float" and "step" not in record:
        raise Misfit(at, "a float range needs a step, so that the space can be counted")
    step = checked(record.get("step", 1), kind, (*at, "step"))
    if low > high or step <= 0:
        raise Misfit(
            (*at, opener), f"low <= high and step > 0 must hold, got {low=} {high=} {step=}"
        )
    labels = _grid(low, high, step, at)
    values = tuple(checked(label, annotation, (*at, opener)) for label in labels)
    return Open(Domain(labels, ordered=True), values)


def _grid(low: float, high: float, step: float, at: Location) -> tuple[float, ...]:
    """Give low, low + step, ... up to high; in decimals, so that steps of 0.1 hit 0.3."""
    first, last, width = (Decimal(repr(number)) for number in (low, high, step))
    if last - first >= width * _MOST_LABELS:
        raise Misfit(at, f"more than {_MOST_LABELS} values on one leaf; widen the step")
    count = int((last - first) // width) + 1
    labels = tuple(type(low)(first + width * i) for i in range(count))
    if len(set(labels)) < count:
        raise Misfit(at, f"step {step} is too small to tell numbers near {high} apart; widen it")
    return labels


def _record(
    data: Any, at: Location, *, required: Sequence[str] = (), optional: Sequence[str] = ()
) -> Mapping[str, Any]:
    record = _mapping(data, at)
    known = (*required, *optional)
    for key in record:
        if key not in known:
            raise Misfit((*at, key), f"unknown key {key!r}; {nearest(key, known)}")
    for key in required:
        if key not in record:
            raise Misfit(at, f"the key {key!r} is missing")
    return record


def _mapping(data: Any, at: Location) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise Misfit(at, f"expected a mapping (key: value), got {data!r}")
    return data


def _sequence(data: Any, at: Location, least: int = 1) -> Sequence[Any]:
    if not isinstance(data, list) or len(data) < least:
        raise Misfit(at, f"expected a list{' with an entry' if least else ''}, got {data!r}")
    return data


def _text(data: Any, at: Location) -> str | None:
    text: str | None = checked(data, str | None, at)
    return text
