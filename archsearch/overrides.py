"""``--set PATH=VALUE``: single leaves of a document, changed before it is checked."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from archsearch.documents import Document, Location, parse
from archsearch.errors import InputError


def overridden(document: Document, overrides: Sequence[str], example: str) -> Document:
    """Put values into a document; errors about them name the override that they came from.

    Args:
        document: what is changed; it stays as it was.
        overrides: such as ``budget.trials=100``; the value is YAML, missing mappings are made.
        example: a good override, for the message.

    Raises:
        InputError: an override has no path or value, or there is no such place.
    """
    data = copy.deepcopy(document.data)
    origins: dict[Location, str] = {}
    for text in overrides:
        path, equals, value = text.partition("=")
        if not equals or not path:
            raise InputError(f"--set {text}: expected PATH=VALUE, such as {example}")
        parts = [int(p) if p.lstrip("-").isdigit() else p for p in path.split(".")]
        location = _put(data, parts, parse(value or "null", f"--set {text}").data, text)
        origins[location] = f"--set {text}"
    return replace(document, data=data, origins={**document.origins, **origins})


def _put(data: Any, parts: Sequence[str | int], value: Any, text: str) -> Location:
    """Set one value inside ``data`` and return its location; missing mappings are made."""
    location: Location = ()
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if isinstance(data, dict) and isinstance(part, str):
            data[part] = value if last else data.get(part, {})
        elif isinstance(data, list) and isinstance(part, int) and -len(data) <= part < len(data):
            part %= len(data)
            data[part] = value if last else data[part]
        else:
            raise InputError(f"--set {text}: there is no {part!r} to set at this place")
        location, data = (*location, part), data[part]
    return location
