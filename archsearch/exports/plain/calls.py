"""How the modules of a net were made: the call of every constructor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import wraps
from threading import Lock
from typing import Any, NamedTuple

from torch import nn

_ONE_AT_A_TIME = Lock()
_OURS_AND_TORCHS = ("archsearch.blocks.", "torch.nn.modules.")


class Call(NamedTuple):
    """A constructor's call; ``made`` is what it made, kept so that its identity stays its own."""

    made: nn.Module
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


Calls = dict[int, Call]
"""By the identity of what was made."""


@contextmanager
def noted_calls() -> Iterator[Calls]:
    """Note every module that is made as long as the context lasts.

    The constructors of all module classes are replaced by ones that take notes first, and put back
    at the end: a module does not remember its arguments, and to have each class do so for the sake
    of export would be a rule to keep in every block.
    """
    calls: Calls = {}
    with _ONE_AT_A_TIME, ExitStack() as restored:
        for cls in {nn.Module, *_below(nn.Module)}:
            if "__init__" in vars(cls) and cls.__module__.startswith(_OURS_AND_TORCHS):
                restored.callback(setattr, cls, "__init__", vars(cls)["__init__"])
                cls.__init__ = _noting(vars(cls)["__init__"], calls)  # type: ignore[misc]
        yield calls


def _noting(init: Callable[..., None], calls: Calls) -> Callable[..., None]:
    @wraps(init)
    def noting(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        # The constructor of a base class is called by that of the class, whose call is noted.
        calls.setdefault(id(self), Call(self, args, kwargs))
        init(self, *args, **kwargs)

    return noting


def _below(cls: type[nn.Module]) -> Iterator[type[nn.Module]]:
    for direct in cls.__subclasses__():
        yield direct
        yield from _below(direct)
