"""Checked records: a pydantic model from plain data, with an error that helps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from archsearch.documents import Location, Misfit
from archsearch.errors import nearest

M = TypeVar("M", bound=BaseModel)


def check(model: type[M], data: Any, at: Location = ()) -> M:
    """Make a record of ``data``, which stands at ``at`` in its document.

    Raises:
        Misfit: for the first thing that does not hold.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _misfit(model, error.errors()[0], at) from None


def _misfit(model: type[BaseModel], error: ErrorDetails, at: Location) -> Misfit:
    location = error["loc"]
    place: Location = (*at, *location)
    if error["type"] == "extra_forbidden":
        known = nearest(str(location[-1]), _fields_at(model, location[:-1]))
        return Misfit(place, f"unknown key {location[-1]!r}; {known}")
    if error["type"] == "missing":
        return Misfit(place[:-1], f"the key {location[-1]!r} is missing")
    if error["type"] == "value_error":
        return Misfit(place, error["msg"].removeprefix("Value error, "))
    return Misfit(place, f"got {error['input']!r}; {expectation(error['msg'])}")


def expectation(message: str) -> str:
    """What pydantic says should stand somewhere, in the words of a file."""
    words = re.sub(r"a valid dictionary\b.*", "a mapping (key: value)", message)
    words = words.replace("a valid tuple", "a list")
    words = re.sub("^Input is not a valid path.*", "expected a path", words)
    return re.sub("^Input should be ", "expected ", words)


def _fields_at(model: type[BaseModel], location: Sequence[str | int]) -> Sequence[str]:
    """Field names of the record at ``location`` inside ``model``."""
    for part in location:
        if isinstance(part, str) and part in model.model_fields:
            inner = _record_in(model.model_fields[part].annotation)
            model = inner or model
    return list(model.model_fields)


def _record_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_record_in(part) for part in get_args(annotation))
    return next((model for model in found if model is not None), None)
