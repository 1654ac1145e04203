"""From a built net to the expressions that make it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from inspect import signature
from typing import Any

from pydantic import BaseModel
from torch import nn

from archsearch.exports.plain.calls import Calls
from archsearch.exports.plain.layout import Bracketed, Expression, call, folded, literal, named

_TORCH = "torch.nn.modules."


class Construction:
    """Writes modules as calls of their constructors.

    Attributes:
        classes: of ours that the expressions name, in the order in which they were met.
        imported: names of others' that they use.
        parameters: that several modules are given, by identity: a variable's name for each.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.classes: dict[type, None] = {}
        self.imported: set[str] = {"nn"}
        self.parameters: dict[int, tuple[str, nn.Parameter]] = {}

    def of(self, value: Any) -> Expression:
        """The expression that makes a module, or gives an argument of one.

        Raises:
            TypeError: nothing is known to make such a value.
        """
        for kind, write in _WRITERS.items():
            if isinstance(value, kind):
                return write(self, value)
        raise TypeError(f"a {type(value).__name__} cannot be written as an argument: {value!r}")

    def name(self, cls: type) -> str:
        """What a class is called in the file."""
        if cls.__module__.startswith(_TORCH):
            return f"nn.{cls.__name__}"
        self.classes[cls] = None
        return cls.__name__

    def _module(self, module: nn.Module) -> Expression:
        noted = self._calls[id(module)]
        usual = signature(type(module)).parameters
        told = {key: value for key, value in noted.kwargs.items() if value != usual[key].default}
        given = [*map(self.of, noted.args), *self._pairs(told)]
        return call(self.name(type(module)), given)

    def _sequential(self, module: nn.Sequential) -> Expression:
        names = [name for name, _ in module.named_children()]
        parts = [self.of(child) for child in module.children()]
        if names == [str(index) for index in range(len(names))]:
            return call("nn.Sequential", list(folded(parts)))
        pairs = [named(name, part) for name, part in zip(names, parts, strict=True)]
        self.imported.add("OrderedDict")
        return call("nn.Sequential", [call("OrderedDict", pairs)])

    def _parameter(self, parameter: nn.Parameter) -> Expression:
        self.imported.add("torch")
        name = f"shared_{len(self.parameters)}"
        return self.parameters.setdefault(id(parameter), (name, parameter))[0]

    def _record(self, record: BaseModel) -> Expression:
        """A layer's leaves, those that are at their defaults left out."""
        leaves = record.model_dump(exclude_defaults=True)
        return call(self.name(type(record)), list(self._pairs(leaves)))

    def _class(self, cls: type) -> Expression:
        return self.name(cls)

    def _tuple(self, values: tuple[Any, ...]) -> Expression:
        if hasattr(values, "_asdict"):
            return call(self.name(type(values)), list(self._pairs(values._asdict())))
        items = tuple(map(self.of, values))
        return Bracketed("(", items, ",)" if len(items) == 1 else ")")

    def _scalar(self, value: float | str | bool | None) -> Expression:
        return literal(value)

    def _pairs(self, values: Mapping[str, Any]) -> Iterator[Expression]:
        return (named(key, self.of(value)) for key, value in values.items())


_WRITERS: Mapping[type, Callable[[Construction, Any], Expression]] = {
    nn.Sequential: Construction._sequential,
    nn.Module: Construction._module,
    nn.Parameter: Construction._parameter,
    BaseModel: Construction._record,
    type: Construction._class,
    tuple: Construction._tuple,
    int: Construction._scalar,
    float: Construction._scalar,
    str: Construction._scalar,
    type(None): Construction._scalar,
}
