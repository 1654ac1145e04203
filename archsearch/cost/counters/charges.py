"""What a counter charges, call by call: the ledger that is held against ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

_MULTIPLIES = frozenset(
    {
        "conv", "convolution", "convtranspose", "deformconv", "linear", "matmul", "mm", "bmm",
        "addmm", "baddbmm", "addbmm", "mv", "addmv", "einsum", "multiheadattention",
        "scaleddotproductattention", "rnn", "lstm", "gru", "rnncell", "lstmcell", "grucell",
    }
)  # fmt: skip

_OTHERS: Mapping[str, tuple[str, ...]] = {
    "batch norm": ("batchnorm",),
    "layer norm": ("layernorm",),
    "other norms": ("groupnorm", "instancenorm"),
    "activation": ("relu", "gelu", "silu", "prelu", "elu", "leakyrelu"),
    "softmax": ("softmax",),
    "pooling": ("adaptiveavgpool", "adaptivemaxpool", "avgpool", "maxpool"),
    "interpolation": (
        "interpolate", "upsample", "upsamplebilinear", "upsamplenearest", "gridsampler"
    ),
    "elementwise product": ("mul",),
    "elementwise sum": ("add",),
}  # fmt: skip


class Charge(NamedTuple):
    """What one call of an operator costs by a counter's rules.

    ``macs`` holds the whole charge, ``bias`` the part of it that is for adding a bias. ``path``
    names the submodule in which the call is made.
    """

    operator: str
    path: str
    macs: int
    bias: int = 0

    @property
    def multiplies(self) -> bool:
        """Whether the operator multiplies matrices; if so, our ledger has it too."""
        return _plain(self.operator) in _MULTIPLIES

    @property
    def meaning(self) -> str:
        """The operator's name, and what people call such operators where that is another."""
        plain = _plain(self.operator)
        kind = next((kind for kind, names in _OTHERS.items() if plain in names), None)
        return f"{kind} ({self.operator})" if kind else self.operator


@dataclass
class Charges:
    """A module's charges while a counter runs on it.

    Attributes:
        module: the module.
        path: the innermost submodule at work, as in ``named_modules``, inside ``followed``.
        made: the charges in the order in which they were made.
    """

    module: nn.Module
    path: str = ""
    made: list[Charge] = field(default_factory=list)

    def add(self, operator: str, macs: Any, *, bias: Any = 0, path: str | None = None) -> None:
        """Note a charge of the submodule at work, or of the one at ``path``."""
        where = self.path if path is None else path
        self.made.append(Charge(operator, where, int(macs), int(bias)))

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Keep ``path`` at the submodule whose forward runs."""
        around: list[str] = []

        def enter(path: str, *_: Any) -> None:
            around.append(self.path)
            self.path = path

        def leave(*_: Any) -> None:
            self.path = around.pop()

        hooks: list[RemovableHandle] = []
        for path, part in self.module.named_modules():
            hooks.append(part.register_forward_pre_hook(partial(enter, path)))
            hooks.append(part.register_forward_hook(leave, always_call=True))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


class Tally(NamedTuple):
    """What a counter says of a module: its own two numbers, and how it came to the second."""

    params: int
    macs: int
    charges: tuple[Charge, ...]


@dataclass(frozen=True)
class Counter:
    """A counter of other people.

    Attributes:
        count: runs it on a module in inference mode and one image (1, channels, H, W), both on
            the CPU: on the meta device fvcore fails, and ptflops counts what PyTorch itself calls
            to compute shapes. Hooks that charge nothing may stay on the module.
        blind: why it misses an operator, by the kind of operator; the others' reason is at "".
    """

    count: Callable[[nn.Module, Tensor], Tally]
    blind: Mapping[str, str]


def _plain(operator: str) -> str:
    """``nn.BatchNorm2d``, ``F.batch_norm`` and ``aten::batch_norm``: all ``batchnorm``."""
    last = re.split(r"[.:]", operator)[-1].lower()
    return re.sub(r"\dd|[^a-z]", "", last)
