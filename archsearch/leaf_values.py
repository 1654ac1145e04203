"""One value of a file, held against the annotation of the leaf that it is for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from archsearch.documents import Location, Misfit
from archsearch.errors import nearest
from archsearch.records import expectation


def checked(data: Any, annotation: Any, at: Location) -> Any:
    """A value as its annotation wants it; a list is taken for a tuple.

    Raises:
        Misfit: with the value given, what it should be, and the nearest valid name.
    """
    adapter = _adapter(annotation)
    given = tuple(data) if isinstance(data, list) else data
    try:
        return adapter.validate_python(given)
    except ValidationError as error:
        names = [a for a in _literals(annotation) if isinstance(a, str)]
        hint = f" ({nearest(data, names)})" if names and isinstance(data, str) else ""
        raise Misfit(at, f"got {data!r}; {_reason(error)}{hint}") from None


def _reason(error: ValidationError) -> str:
    """A rule's own words where one was broken, else what each kind of value should be."""
    for detail in error.errors():
        if detail["type"] == "value_error":
            return detail["msg"].removeprefix("Value error, ")
    expected = dict.fromkeys(expectation(detail["msg"]) for detail in error.errors())
    first, *others = expected
    return " or ".join([first, *(other.removeprefix("expected ") for other in others)])


def _literals(annotation: Any) -> Sequence[Any]:
    """Every literal inside an annotation such as ``int | Literal["global"]``."""
    arguments = get_args(annotation)
    if getattr(annotation, "__origin__", None) is Literal:
        return arguments
    return [literal for part in arguments for literal in _literals(part)]


_adapters: dict[str, TypeAdapter[Any]] = {}


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    """Validators by annotation: building one costs a thousand times what using one does."""
    key = repr(annotation)
    if key not in _adapters:
        _adapters[key] = TypeAdapter(annotation, config=ConfigDict(strict=True))
    return _adapters[key]


@cache
def annotation_of(model: type[BaseModel], name: str) -> Any:
    """What a field of a record holds, with its constraints."""
    field = model.model_fields[name]
    annotation: Any = field.annotation
    for constraint in field.metadata:
        annotation = Annotated[annotation, constraint]
    return annotation
