"""ptflops, backend "pytorch": hooks on modules by their exact type, and patched functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from archsearch.cost.counters.charges import Charges, Counter, Tally
from archsearch.cost.counters.isolation import blocked, quiet, restored, wrapped

_Rule = Callable[..., Any]


def count(module: nn.Module, image: Tensor) -> Tally:
    """Count with the rules that ptflops comes with, each of them writing down what it charges."""
    with quiet(), blocked("torchvision", "timm"):
        from ptflops.pytorch_ops import FUNCTIONAL_MAPPING, MODULES_MAPPING, TENSOR_OPS_MAPPING
    charges = Charges(module)
    paths = {part: path for path, part in module.named_modules()}

    def function(kind: str) -> Callable[[Any, _Rule], _Rule]:
        return lambda patched, rule: _noted_call(charges, f"{kind}.{patched.__name__}", rule)

    hooks = {kind: _noted_hook(charges, paths, rule) for kind, rule in MODULES_MAPPING.items()}
    with (
        restored(torch, Tensor, F),
        wrapped(FUNCTIONAL_MAPPING, function("F")),
        wrapped(TENSOR_OPS_MAPPING, function("torch")),
        charges.followed(),
    ):
        macs, params = complexity(module, image, "pytorch", hooks)
    return Tally(params, macs, tuple(charges.made))


def complexity(
    module: nn.Module, image: Tensor, backend: str, hooks: Mapping[Any, _Rule]
) -> tuple[int, int]:
    """Give MACs and params as ptflops counts them, with ``hooks`` in place of its own.

    Raises:
        RuntimeError: ptflops gave up; says what it printed.
    """
    with quiet() as said, blocked("torchvision", "timm"):
        from ptflops import get_model_complexity_info

        with torch.no_grad():
            macs, params = get_model_complexity_info(
                module,
                tuple(image.shape[1:]),
                print_per_layer_stat=False,
                as_strings=False,
                ost=said,
                custom_modules_hooks=dict(hooks),
                backend=backend,
            )
    if macs is None:
        raise RuntimeError(f"ptflops could not count with backend {backend}: {said.getvalue()}")
    return int(macs), int(params)


def _noted_hook(charges: Charges, paths: Mapping[nn.Module, str], rule: _Rule) -> _Rule:
    def noted(module: Any, inputs: Any, output: Tensor) -> None:
        before = module.__flops__
        rule(module, inputs, output)
        bias = output.numel() if _adds_bias(module) else 0
        name = f"nn.{type(module).__name__}"
        charges.add(name, module.__flops__ - before, bias=bias, path=paths[module])

    return noted


def _adds_bias(module: nn.Module) -> bool:
    """Whether a bias is added to what the module multiplies; ptflops charges one an element."""
    multiplies = isinstance(module, (nn.Linear, nn.modules.conv._ConvNd))
    return multiplies and module.bias is not None


def _noted_call(charges: Charges, name: str, rule: _Rule) -> _Rule:
    def noted(*args: Any, **kwargs: Any) -> Any:
        macs = rule(*args, **kwargs)
        added = name in ("torch.addmm", "torch.baddbmm") and kwargs.get("beta", 1) != 0
        charges.add(name, macs, bias=args[0].numel() if added else 0)
        return macs

    return noted


COUNTER = Counter(
    count,
    {
        "convolution": "it hooks the modules nn.Conv1d to nn.Conv3d, not F.conv2d",
        "matrix product": "it hooks nn.Linear and patches torch.matmul, not F.linear or @",
        "": "it has no rule for this operator",
    },
)
