"""The parity fixtures of ``../shared/reference/golden``: fill rule, input rule, comparison.

A fixture names every official parameter and buffer with its shape and records what the official
code gave once those were filled by a rule that depends on name and shape only. So a module of ours
is filled through a table of its names, and must give the same numbers.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "reference" / "golden"
TOLERANCE_STDS = 2e-5
EMBEDDINGS = ("meta_pe", "relative_pos", "complex_weight")
EMBEDDING_NAMES = {"pe", "pos_embed", "cls_token", "dist_token"}

Golden = Mapping[str, Any]
Stats = Mapping[str, Any]


def load(name: str) -> Golden:
    """Return ``golden/<name>.json`` (``"parcnet_s"``, ``"blocks/xca_dim64_h8"``).

    Skips the calling test where the shared reference is not mounted.
    """
    if not FOLDER.is_dir():
        pytest.skip(f"no golden fixtures: {FOLDER} is absent")
    return _read(name)


@cache
def _read(name: str) -> Golden:
    golden: Golden = json.loads((FOLDER / f"{name}.json").read_text())
    return golden


def draw(name: str, shape: Sequence[int], gain: float = 1.0) -> Tensor:
    """Value that the rule fill-v1 gives the official tensor ``name`` of this shape."""
    generator = np.random.default_rng(zlib.crc32(name.encode()))
    z: NDArray[np.float64] = generator.standard_normal(tuple(shape))
    return torch.from_numpy(np.asarray(_scaled(name.rsplit(".", 1)[-1], z, gain), np.float32))


def _scaled(last: str, z: NDArray[np.float64], gain: float) -> NDArray[np.float64]:
    rules: tuple[tuple[bool, Callable[[], NDArray[np.float64]]], ...] = (
        (last == "running_var", lambda: 1 + 0.1 * np.abs(z)),
        (last == "running_mean", lambda: 0.1 * z),
        (last.endswith("bias"), lambda: 0.1 * z),
        (last.startswith("gamma"), lambda: 0.5 + 0.1 * z),
        (last == "temperature", lambda: 1 + 0.1 * z),
        (last.startswith(EMBEDDINGS) or last in EMBEDDING_NAMES, lambda: 0.5 * z),
        (z.ndim <= 1, lambda: 1 + 0.1 * z),
        (True, lambda: z * math.sqrt(gain / math.prod(z.shape[1:]))),
    )
    return next(value() for matches, value in rules if matches)


def official(name: str, rename: Mapping[str, str]) -> str:
    """Official name of our ``name``: its longest dotted prefix in ``rename`` is replaced."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        head = ".".join(parts[:end])
        if head in rename:
            return ".".join([rename[head], *parts[end:]])
    return name


def fill(module: nn.Module, golden: Golden, rename: Mapping[str, str]) -> None:
    """Fill ``module`` by the rule, each tensor under its official name and shape.

    Where our shape differs from the official one the elements are in the same order. Every
    parameter and floating buffer of the golden is used exactly once (a parameter that several of
    our modules share counts once), and ours are all filled; tensors named in the golden's
    ``extra_tensors`` keep our shape and are not counted.
    """
    extra = set(golden.get("extra_tensors", {}))
    shapes = _official_shapes(golden)
    places: set[tuple[str, int]] = set()
    for ours, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            name = official(ours, rename)
            known = name in shapes or name in extra
            assert known, f"our {ours!r} is {name!r}, which the golden does not have"
            value = draw(name, shapes.get(name, tensor.shape), golden["fill_rule"]["GAIN"])
            tensor.copy_(value.reshape(tensor.shape))
            places.add((name, tensor.data_ptr()))
    names = [name for name, _ in places]
    assert sorted(set(names) | extra) == sorted([*shapes, *extra]), "a golden tensor has no home"
    assert len(names) == len(set(names)), "a golden tensor is used twice"
    _check_n_params(module, golden, rename, extra)


def part(golden: Golden, *prefixes: str) -> Golden:
    """The golden of the modules whose official names start with one of ``prefixes``."""
    heads = tuple(f"{prefix}." for prefix in prefixes)
    params = {name: shape for name, shape in golden["params"].items() if name.startswith(heads)}
    buffers = {name: entry for name, entry in golden["buffers"].items() if name.startswith(heads)}
    n_params = sum(math.prod(shape) for shape in params.values())
    return {**golden, "params": params, "buffers": buffers, "n_params": n_params}


def _official_shapes(golden: Golden) -> dict[str, list[int]]:
    floating = {
        name: shape for name, (shape, dtype) in golden["buffers"].items() if "float" in dtype
    }
    return {**golden["params"], **floating}


def _check_n_params(
    module: nn.Module, golden: Golden, rename: Mapping[str, str], extra: set[str]
) -> None:
    sizes = {official(name, rename): p.numel() for name, p in module.named_parameters()}
    assert sum(size for name, size in sizes.items() if name not in extra) == golden["n_params"]


def case_input(shape: Sequence[int]) -> Tensor:
    """Input of a case, by the fixtures' input rule."""
    return torch.from_numpy(
        np.random.default_rng(0).standard_normal(tuple(shape)).astype(np.float32)
    )


def check(actual: Tensor, expected: Stats) -> None:
    """Compare with recorded values: each within 2e-5 of the recorded standard deviation."""
    assert list(actual.shape) == expected["shape"]
    flat = actual.detach().double().flatten().numpy()
    atol = TOLERANCE_STDS * expected["std"]
    for key, recorded in expected.items():
        if key.startswith("first_"):
            np.testing.assert_allclose(flat[: len(recorded)], recorded, rtol=0, atol=atol)
        if key.startswith("last_"):
            np.testing.assert_allclose(flat[-len(recorded) :], recorded, rtol=0, atol=atol)
    np.testing.assert_allclose(flat.mean(), expected["mean"], rtol=0, atol=atol)
    np.testing.assert_allclose(flat.std(), expected["std"], rtol=0, atol=atol)
    np.testing.assert_allclose(np.linalg.norm(flat), expected["l2"], rtol=TOLERANCE_STDS)


def check_case(
    module: nn.Module, golden: Golden, case: str, intermediate: Mapping[str, str] | None = None
) -> None:
    """Run one case of a block golden and compare output and recorded intermediates.

    ``intermediate`` maps the golden's name of an intermediate to the path of our submodule whose
    output it is; all that the case records must be named, so that none is forgotten.
    """
    recorded = golden["cases"][case]
    x = case_input(recorded["input"]["shape"])
    check(x, recorded["input"])
    paths = intermediate or {}
    assert set(paths) == set(recorded.get("intermediate", {})), "name every intermediate"
    outputs = run_with_outputs(module, x, list(paths.values()))
    check(outputs[""], recorded["output"])
    for name, path in paths.items():
        check(outputs[path], recorded["intermediate"][name])


def run_with_outputs(module: nn.Module, x: Tensor, paths: Sequence[str]) -> dict[str, Tensor]:
    """Evaluate ``module`` on ``x``; outputs of the submodules at ``paths``, and of all as ''."""
    outputs: dict[str, Tensor] = {}

    def keep(path: str) -> Callable[[nn.Module, Any, Tensor], None]:
        return lambda _module, _args, output: outputs.__setitem__(path, output.clone())

    hooks = [module.get_submodule(path).register_forward_hook(keep(path)) for path in paths]
    with torch.no_grad():
        outputs[""] = module.eval()(x)
    for hook in hooks:
        hook.remove()
    return outputs
