"""A built network is what its architecture says: its parameters, its MACs, its maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from measured_nets import measured_net
from small_spaces import space_data, space_of
from torch import Tensor, nn

from archsearch.architecture import Architecture
from archsearch.blocks.cmt import CmtBlock
from archsearch.cost import count
from archsearch.documents import Document
from archsearch.errors import InputError
from archsearch.network import Network, build
from archsearch.space import architecture_of, load_space

ROOT = Path(__file__).resolve().parents[1]
MOBILE = load_space(ROOT / "search_spaces" / "mobile.yaml")

# Every kind of layer, small enough to run.
WIDE = space_of(
    space_data(
        {
            "width": {"choice": [32, 48]},
            "downsample": {"conv": {"kernel": 3, "stride": 1}},
            "blocks": [
                {
                    "repeat": {"int": [1, 2]},
                    "vary": True,
                    "choice": [
                        {"conv_encoder": {"kernel": {"choice": [3, "global"]}}},
                        {"bottleneck": {"kernel": {"choice": [3, "global"]}}},
                        {"inverted_residual": {"kernel": {"choice": [5, "global"]}, "expand": 1}},
                        {"mobilevit": {"inner": 24, "depth": 1}},
                    ],
                }
            ],
        },
        {
            "width": {"choice": [32, 64]},
            "repeat": {"int": [0, 2]},
            "downsample": {
                "choice": [
                    "conv",
                    "cmt_patch",
                    {"inverted_residual": {"stride": {"choice": [1, 2]}}},
                ]
            },
            "blocks": [
                {
                    "repeat": {"int": [0, 3]},
                    "vary": True,
                    "choice": [
                        {"pacc": {"kernel": {"choice": ["global", 5]}}},
                        {"pacc_frame": {"inner": 32, "depth": 2}},
                        {"gnconv": {"order": {"int": [1, 5]}, "kernel": {"choice": [7, "global"]}}},
                        {
                            "sdta": {
                                "splits": {"int": [1, 4]},
                                "position": {"choice": [True, False]},
                            }
                        },
                        {"cmt": {"heads": {"choice": [1, 2]}, "reduction": {"choice": [1, 2]}}},
                    ],
                }
            ],
        },
        input={"channels": 2, "resolution": {"choice": [40, [25, 38]]}},
        stem={"choice": ["patch", "conv", "cmt_stem"], "width": 16},
        head={"norm": {"choice": ["layer", "batch", "none"]}, "project": {"choice": [None, 40]}},
    )
)


def noise(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal values from a local generator."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def member(seed: int) -> Architecture:
    """A random member of the wide space."""
    return WIDE.sample(np.random.default_rng(seed))


def net(*stages: Any, **rest: Any) -> Architecture:
    """An architecture from plain data."""
    return architecture_of(Document("net", space_data(*stages, **rest)))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_the_closed_form_counts_mobile_members_exactly(seed: int) -> None:
    """All costs equal those of the built module, to the last one."""
    architecture = MOBILE.sample(np.random.default_rng(seed))
    assert count(architecture) == measured_net(architecture)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 20))
def test_the_closed_form_counts_every_layer_exactly(seed: int, classes: int) -> None:
    """So it is for layers outside the mobile space, odd sizes and other heads."""
    architecture = member(seed)
    assert count(architecture, classes) == measured_net(architecture, classes)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([(40, 40), (33, 47), (38, 17)]))
def test_a_network_runs_and_learns_at_any_size(seed: int, size: tuple[int, int]) -> None:
    """Logits are finite and every parameter gets a finite gradient, at odd and long sizes too."""
    architecture = member(seed)
    module = build(architecture, 5, seed=0)
    logits = module(noise(2, 2, *size))
    assert logits.shape == (2, 5)
    assert logits.isfinite().all()
    (logits * noise(2, 5, seed=1)).sum().backward()
    gradients = {name: parameter.grad for name, parameter in module.named_parameters()}
    assert [name for name, gradient in gradients.items() if gradient is None] == []
    assert all(g.isfinite().all() for g in gradients.values() if g is not None)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32))
def test_features_are_the_maps_of_the_stages(seed: int) -> None:
    """One map a stage with its width, at the size that the architecture's places say."""
    architecture = member(seed)
    module = build(architecture, 3, seed=0).eval()
    x = noise(1, 2, *architecture.size)
    with torch.no_grad():
        maps = module.features(x)
        logits = module(x)
    assert [m.shape[1] for m in maps] == [stage.width for stage in architecture.stages]
    expected = {
        place.stage: place.layer.out_size(place.site.height, place.site.width)
        for place in architecture.places()
    }
    height, width = expected[-1]
    for index, found in enumerate(maps):
        height, width = expected.get(index, (height, width))
        assert found.shape[2:] == (height, width)
    assert torch.equal(module.head(maps[-1]), logits)
    assert architecture.out_site().channels == maps[-1].shape[1]


def tables(module: Network) -> list[nn.Parameter]:
    """The position table of every CMT block, in order."""
    return [
        block.attention.relative_position
        for block in module.modules()
        if isinstance(block, CmtBlock)
    ]


CMT = {"cmt": {"heads": 2, "reduction": 2}}
TWO_STAGES = net(
    {"width": 16, "blocks": [CMT, "conv_encoder", CMT, {"cmt": {"heads": 1}}]},
    {"width": 16, "blocks": [CMT]},
)


def test_cmt_blocks_of_a_stage_share_their_table() -> None:
    """One parameter, counted and optimised once; other heads and other stages have their own."""
    module = build(TWO_STAGES, 3, seed=0)
    first, second, other_heads, other_stage = tables(module)
    assert first is second
    assert len({id(table) for table in (first, other_heads, other_stage)}) == 3
    listed = [parameter for parameter in module.parameters() if parameter is first]
    assert len(listed) == 1
    assert sum(p.numel() for p in module.parameters()) == count(TWO_STAGES, 3).params


def test_a_shared_table_learns_from_every_block() -> None:
    """Its gradient is the sum of what each block alone would give it."""
    shared, apart = build(TWO_STAGES, 3, seed=0), build(TWO_STAGES, 3, seed=0)
    _, second = (block for block in apart.stages[0] if uses(block, tables(apart)[0]))
    second.attention.relative_position = nn.Parameter(
        second.attention.relative_position.detach().clone()
    )
    x = noise(2, 3, 32, 32)
    for module in (shared, apart):
        module(x).square().sum().backward()
    gradients = [table.grad for table in tables(apart)[:2]]
    assert all(gradient is not None and gradient.any() for gradient in gradients)
    torch.testing.assert_close(tables(shared)[0].grad, sum(gradients))  # type: ignore[arg-type]


def uses(block: nn.Module, parameter: nn.Parameter) -> bool:
    """Whether a block holds this very parameter."""
    return any(held is parameter for held in block.parameters())


def weights(module: nn.Module) -> dict[str, Tensor]:
    """A copy of everything that a module stores."""
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    """Whether two modules store the same."""
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def test_a_seed_decides_the_weights_and_touches_nothing_else() -> None:
    """Same seed, same weights; torch's generator goes on as if nothing had been drawn."""
    before = torch.get_rng_state()
    same = [weights(build(TWO_STAGES, 3, seed=5)) for _ in range(2)]
    other = weights(build(TWO_STAGES, 3, seed=6))
    assert torch.equal(torch.get_rng_state(), before)
    assert equal(*same)
    assert not equal(same[0], other)


def test_without_a_seed_the_weights_are_drawn_from_torchs_generator() -> None:
    """So that a script that seeds torch gets what it expects."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        drawn = weights(build(TWO_STAGES, 3))
        assert not equal(drawn, weights(build(TWO_STAGES, 3)))
    assert equal(drawn, weights(build(TWO_STAGES, 3, seed=5)))


def test_a_network_can_be_stored_and_loaded() -> None:
    """The state of one fits another, and shared tables stay shared."""
    source, target = build(TWO_STAGES, 3, seed=1), build(TWO_STAGES, 3, seed=2)
    target.load_state_dict(source.state_dict())
    first, second, *_ = tables(target)
    assert first is second
    x = noise(1, 3, 32, 32)
    assert torch.equal(source.eval()(x), target.eval()(x))


def test_building_for_another_resolution_changes_tables_alone() -> None:
    """Kernels and tables as long as the map get its length; the counts follow."""
    architecture = net({"width": 16, "blocks": ["pacc", "cmt"]})
    module = build(architecture, 3, resolution=(48, 64))
    params = sum(parameter.numel() for parameter in module.parameters())
    assert params == count(architecture.at((48, 64)), 3).params != count(architecture, 3).params
    assert module.eval()(noise(1, 3, 48, 64)).shape == (1, 3)


@pytest.mark.parametrize("named", [{"name": "mine"}, {}])
def test_what_cannot_stand_is_not_built(named: dict[str, str]) -> None:
    """The error names the net by its name or id, and the layer with its remedy."""
    valid = net({"width": 16, "blocks": ["cmt"]}, **named)
    broken = Architecture(3, 32, valid.stem, 15, valid.stages, valid.head, name=named.get("name"))
    with pytest.raises(InputError) as caught:
        build(broken)
    assert str(caught.value) == (
        f"{named.get('name', broken.id)}: stages.0: gets 15 channels and has width 16; "
        "give it a downsample or the same width"
    )


def test_the_head_counts_its_classes() -> None:
    """A class costs as many parameters as the last map has channels, and a bias."""
    architecture = net({"width": 16, "blocks": []})
    ten, eleven = count(architecture, 10), count(architecture, 11)
    assert eleven.params - ten.params == 17
    assert eleven.macs - ten.macs == 16
