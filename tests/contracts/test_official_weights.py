"""What the official weights of every published net promise, in every code that publishes them.

No weights lie here: a state dict is made under the official names, every weight with a number of
its own. The names themselves are checked against the official codes by tests/test_parity.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
import torch
from torch import Tensor, nn

from archsearch import published
from archsearch.checkpoints import family_of, load_official
from archsearch.errors import InputError
from archsearch.network import build

CASES = [(name, style) for name in published.names() for style in family_of(name).STYLES]
CLASSES = 10
State = dict[str, Tensor]


@cache
def names_of(name: str, style: str) -> dict[str, str]:
    """Official names of our weights, by ours."""
    return family_of(name).official_names(published.load(name), style)


@cache
def official(name: str, style: str) -> State:
    """A state dict of the official code, which takes no memory."""
    with torch.device("meta"):
        ours = build(published.load(name), CLASSES).state_dict()
    shapes = {theirs: ours[mine] for mine, theirs in names_of(name, style).items()}
    return {
        theirs: torch.tensor(number, dtype=shape.dtype).expand(shape.shape)
        for number, (theirs, shape) in enumerate(shapes.items())
    }


def beside(name: str, weights: State) -> State:
    """What official files hold beside these weights (nets.md 2.7; README of Swin)."""
    if name.startswith("parcnet"):
        doubled = {key: t for key, t in weights.items() if key.startswith("layer_5.0.")}
        return {key.replace("layer_5.0.", "residual."): t for key, t in doubled.items()}
    if name.startswith("swin"):
        block = "layers.0.blocks.1"
        return {
            f"{block}.attn_mask": torch.zeros(64, 49, 49),
            f"{block}.attn.relative_position_index": torch.zeros(49, 49, dtype=torch.int64),
        }
    return {}


@pytest.mark.parametrize(("name", "style"), CASES)
def test_official_weights_are_loaded_and_given_back(name: str, style: str) -> None:
    """Each in its place; back under the official names, the state dict is what was given."""
    weights = official(name, style)
    loaded = load_official(name, {**weights, **beside(name, weights)}).state_dict()
    names = names_of(name, style)
    back = {names[ours]: tensor for ours, tensor in loaded.items()}
    assert back.keys() == weights.keys()
    # A table that all blocks of a stage share is written once and read by each of them.
    assert all(torch.equal(tensor, weights[names[ours]]) for ours, tensor in loaded.items())


@pytest.mark.parametrize(("name", "style"), CASES)
def test_missing_and_left_over_weights_are_named(name: str, style: str) -> None:
    """One of each kind and nothing else, whichever code wrote the others."""
    weights = official(name, style)
    kept = dict(weights)
    gone = next(key for key in reversed(weights) if not key.endswith("num_batches_tracked"))
    del kept[gone]
    with pytest.raises(InputError) as error:
        load_official(name, {**kept, **beside(name, weights), "aux.weight": torch.zeros(1)})
    assert str(error.value) == (
        f"these are not the weights of {name}; 1 missing: {gone}; 1 left over: aux.weight. "
        "Name the net that they belong to"
    )


def parc_resnet50_names() -> Iterator[str]:
    """Layers of ParC-ResNet50, written down from its code, for which there is no golden.

    ParC_ConvNets/ParC_resnet50.py of ParC-Net has torchvision's names but for the circular halves,
    which stand in layer3 from block 3 on and in layer4 from block 2 on.
    """
    yield from ("conv1", "bn1", "fc")
    for layer, (blocks, first_circular) in enumerate(((3, 3), (4, 4), (6, 3), (3, 2)), 1):
        yield from (f"layer{layer}.0.downsample.{part}" for part in (0, 1))
        for block in range(blocks):
            halves = [f"parc_{axis}{part}" for axis in "HW" for part in ("", ".gcc_conv")]
            spatial = halves if block >= first_circular else ["conv2"]
            parts = ["conv1", "bn1", *spatial, "bn2", "conv3", "bn3"]
            yield from (f"layer{layer}.{block}.{part}" for part in parts)


def test_parc_resnet50_has_the_names_of_its_code() -> None:
    """All of them, and of each layer's entries those that torch gives such a layer."""
    weights = official("parc_resnet50", "official")
    assert {key.rpartition(".")[0] for key in weights} == set(parc_resnet50_names())
    conv, norm = {"weight"}, set(nn.BatchNorm2d(1).state_dict())
    entries = {"conv": conv, "bn": norm, "fc": {"weight", "bias"}, "gcc": {"weight", "bias"}}
    for layer in parc_resnet50_names():
        last = layer.rpartition(".")[2].rstrip("123").partition("_")[0]
        held = {key.rpartition(".")[2] for key in weights if key.rpartition(".")[0] == layer}
        assert held == entries.get(last, held)
    assert {key for key in weights if key.endswith(".pe")} == {
        f"{layer}.pe" for layer in parc_resnet50_names() if layer.endswith(("parc_H", "parc_W"))
    }
