"""A net as one readable file of plain PyTorch, without this package.

The definitions of the net's modules are cut out of this package's own source, with all that they
need and nothing else; the net itself is written as the calls that made it. Names of weights stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from archsearch.architecture import Architecture
from archsearch.exports.plain.calls import noted_calls
from archsearch.exports.plain.construction import Construction
from archsearch.exports.plain.layout import Bracketed, Expression, assigned, call, literal
from archsearch.exports.plain.page import page
from archsearch.exports.plain.sources import Import, Place, excerpt
from archsearch.network import Network, build

_TENSOR = Import("Tensor", "torch", "Tensor")
_OTHERS = {
    "nn": Import("nn", "torch", "nn"),
    "torch": Import("torch", "torch", None),
    "OrderedDict": Import("OrderedDict", "collections", "OrderedDict"),
}


def plain_source(architecture: Architecture, classes: int, said: Sequence[str]) -> str:
    """Write a net, built for the architecture's resolution, as the source of one Python file.

    The file has ``Net``, whose weights have the names that ours have, and ``load``.

    Args:
        architecture: the net.
        classes: number of outputs.
        said: lines of the file's docstring.
    """
    with noted_calls() as calls:
        network = build(architecture, classes, seed=0)
    construction = Construction(calls)
    statements = list(_statements(network, construction))
    found = excerpt(Place(cls.__module__, cls.__name__) for cls in construction.classes)
    needed = {_TENSOR.name: _TENSOR} | {name: _OTHERS[name] for name in construction.imported}
    name = architecture.name or f"net {architecture.id}"
    height, width = architecture.size
    shape = f"(B, {architecture.channels}, {height}, {width})"
    title = f"{name}: images {shape} to logits (B, {classes})."
    return page(said, (needed | found.imports).values(), found.texts(), title, statements)


def _statements(network: Network, construction: Construction) -> Iterator[Expression]:
    """The assignments of the net's constructor."""
    yield assigned("self.stem", construction.of(network.stem))
    stages: list[str] = []
    for index, stage in enumerate(network.stages):
        known = len(construction.parameters)
        expression = construction.of(stage)
        for name, parameter in islice(construction.parameters.values(), known, None):
            drawn = call("torch.randn", [literal(size) for size in parameter.shape])
            yield assigned(name, call("nn.Parameter", [drawn]))
        stages.append(f"stage_{index}")
        yield assigned(stages[-1], expression)
    listed = Bracketed("[", tuple(stages), "]")
    yield assigned("self.stages", call("nn.ModuleList", [listed]))
    yield assigned("self.head", construction.of(network.head))
