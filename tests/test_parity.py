"""Published nets give the numbers of the official codes, filled by the official names.

Every file in ``tests/golden`` is one net under the names of one code; a new file is a new test.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import golden
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from archsearch import published
from archsearch.checkpoints import family_of, load_official
from archsearch.network import build

FILES = sorted((Path(__file__).parent / "golden").glob("*.json"))
STYLES = ("timm", "cvnets")


def net_and_style(model: str) -> tuple[str, str]:
    """Our name of a golden's net, and the code that named its weights."""
    name, _, last = model.rpartition("_")
    if last not in STYLES:
        return model, "official"
    return name.removesuffix("_patch16_224"), last


def layouts(output: Any, shape: list[int]) -> Iterator[Tensor]:
    """An output as we lay it out, or as codes do that keep maps as (B, H, W, C) or (B, N, C)."""
    if isinstance(output, Tensor) and output.numel() == math.prod(shape):
        if list(output.shape) == shape:
            yield output
        elif output.ndim == 4:
            yield output.permute(0, 2, 3, 1).reshape(shape)


def agrees(output: Tensor, stats: golden.Stats) -> bool:
    """Whether an output is the recorded one."""
    try:
        golden.check(output, stats)
    except AssertionError:
        return False
    return True


def forward(
    module: nn.Module, x: Tensor, recorded: Mapping[str, golden.Stats]
) -> tuple[Tensor, set[str]]:
    """Logits, and those of the ``recorded`` outputs that none of our modules gives.

    No names are needed: a recorded mean, deviation, norm and eight values belong to one output.
    """
    sought = dict(recorded)

    def look(_module: nn.Module, _args: Any, output: Any) -> None:
        for name, stats in list(sought.items()):
            if any(agrees(layout, stats) for layout in layouts(output, stats["shape"])):
                del sought[name]

    hooks = [part.register_forward_hook(look) for part in module.modules()]
    with torch.no_grad():
        logits = module.eval()(x)
    for hook in hooks:
        hook.remove()
    return logits, set(sought)


def check_run(module: nn.Module, batch: int, size: list[int], run: golden.Golden) -> None:
    """Logits within 2e-5 of their standard deviation, and every recorded output."""
    x = golden.case_input([batch, 3, *size])
    logits, unmet = forward(module, x, run["stage_output_stats"])
    atol = golden.TOLERANCE_STDS * run["logits_std"]
    for image, expected in zip(logits.double(), run["per_image"], strict=True):
        np.testing.assert_allclose(image[:10], expected["first_10"], rtol=0, atol=atol)
        np.testing.assert_allclose(image.mean(), expected["mean"], rtol=0, atol=atol)
        np.testing.assert_allclose(image.std(correction=0), expected["std"], rtol=0, atol=atol)
    assert logits.argmax(1).tolist() == run["logits_argmax"]
    assert unmet == set(), "none of our modules gives these outputs"


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def fixture(request: pytest.FixtureRequest) -> golden.Golden:
    """One golden."""
    recorded: golden.Golden = json.loads(request.param.read_text(encoding="utf-8"))
    return recorded


def test_a_published_net_is_the_official_one(fixture: golden.Golden) -> None:
    """Parameters, logits and stage outputs, at every recorded resolution."""
    name, style = net_and_style(fixture["model"])
    architecture = published.load(name)
    module = build(architecture, seed=0)
    assert sum(parameter.numel() for parameter in module.parameters()) == fixture["n_params"]
    names = family_of(name).official_names(architecture, style)
    assert set(names) == set(module.state_dict())
    golden.fill(module, fixture, names)
    check_run(module, fixture["batch"], fixture["resolution"], fixture)
    for size, run in fixture.get("alt_resolutions", {}).items():
        check_run(module, len(run["per_image"]), [int(n) for n in size.split("x")], run)


def official_weights(
    fixture: golden.Golden, number: Callable[[str, list[int]], Tensor]
) -> dict[str, Tensor]:
    """A state dict as the official code saves it, every entry made by ``number``."""
    shapes = {**fixture["params"], **{n: shape for n, (shape, _) in fixture["buffers"].items()}}
    return {name: number(name, shape) for name, shape in shapes.items()}


def test_official_weights_are_loaded(fixture: golden.Golden) -> None:
    """By their names alone: the code that wrote them is found out."""
    name, style = net_and_style(fixture["model"])
    weights = official_weights(fixture, lambda name, shape: torch.full(shape, float(len(name))))
    module = load_official(name, weights)
    names = family_of(name).official_names(published.load(name), style)
    for ours, tensor in module.state_dict().items():
        assert (tensor == len(names[ours])).all()
