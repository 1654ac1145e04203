"""From a torch module to ONNX in the time of one forward pass.

``torch.onnx.export`` takes 4 to 10 s of a core for a net of the size that this package searches
for, more than all the rest of a measurement. Here the module runs once, torch's dispatcher tells
which operators it calls, and a table says what each is in ONNX; what does not depend on the input
is folded by having been run. Counts of executed instructions agree with those of torch's exporter
(the tests compare both), and every model is checked against torch before it is used. A module with
an operator that the table lacks goes through torch's exporter, and what MNN misreads of that is
written in other words (``rewriting``).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from archsearch.blocks.gnconv import GlobalLocalFilter, filters_by_products
from archsearch.devices.onnx_files.graph import Graph
from archsearch.devices.onnx_files.operators import OPERATORS
from archsearch.devices.onnx_files.rewriting import without_vector_norms
from archsearch.errors import InputError

_ONE_AT_A_TIME = Lock()
"""torch's exporter keeps state for the whole process: of two at once, one fails or is wrong."""


def to_onnx(module: nn.Module, x: Tensor) -> tuple[bytes, Tensor]:
    """Write a module in evaluation mode as an ONNX file for inputs of the shape of ``x``.

    Returns:
        The file, weights included, and the module's output for ``x``.

    Raises:
        InputError: onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise InputError(
            "onnx is not installed, nets cannot be handed to a runtime; "
            "run 'pip install archsearch[arm]'"
        ) from error
    del onnx
    was_training = module.training
    module.eval()
    try:
        with _ONE_AT_A_TIME:
            try:
                return trace(module, x)
            except LookupError:
                return export(module, x)
    finally:
        module.train(was_training)


def trace(module: nn.Module, x: Tensor) -> tuple[bytes, Tensor]:
    """Write a module from one run of it, global filters by products with DFT matrices.

    Raises:
        LookupError: it calls an operator that the table lacks.
    """
    graph = Graph()
    graph.bind(x, "input")
    with torch.no_grad(), filters_by_products(), Tracing(graph):
        out: Tensor = module(x)
    content = graph.serialize(x, out)
    if any(isinstance(part, GlobalLocalFilter) for part in module.modules()):
        with torch.no_grad():
            out = module(x)  # by Fourier transforms, so that the products are checked, too
    return content, out


def export(module: nn.Module, x: Tensor) -> tuple[bytes, Tensor]:
    """Write a module by torch's own exporter, its norms over axes in parts."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        log.setLevel(logging.ERROR)
        try:
            program = torch.onnx.export(module, (x,), dynamo=True, verbose=False)
        finally:
            log.setLevel(level)
        assert program is not None  # noqa: S101 (what dynamo=True returns)
        return without_vector_norms(program.model_proto).SerializeToString(), module(x)


class Tracing(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes down every operator that works on what depends on the input."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._graph = graph

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run an operator, and add it to the graph if the result depends on the input."""
        del types
        given = dict(kwargs or {})
        out = func(*args, **given)
        if any(self._graph.is_traced(leaf) for leaf in tree_leaves((args, given))):
            emit = OPERATORS.get(str(func))
            if emit is None:
                raise LookupError(f"no {func} in the table")
            emit(self._graph, out, *args, **given)
        return out
