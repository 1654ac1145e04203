"""Weights that are drawn by a parameter's path."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from archsearch import published
from archsearch.documents import Document
from archsearch.initial_weights import build_by_path, with_own_chance
from archsearch.network import build
from archsearch.space import architecture_of

SMALL = ["edgenext_xx_small", "mobilevit_xxs", "deit_tiny"]


def weights(name: str, seed: int) -> dict[str, torch.Tensor]:
    net = build_by_path(published.load(name), 10, resolution=64, seed=seed)
    return {path: weight.detach() for path, weight in net.named_parameters()}


def is_random(weight: torch.Tensor) -> bool:
    """Scales, norms and zeros are constant."""
    return len(set(weight.flatten()[:20].tolist())) > 2


@pytest.mark.parametrize("name", SMALL)
def test_one_seed_gives_one_net(name: str) -> None:
    """The same twice; another seed, other weights wherever they are random."""
    one, two, other = weights(name, 3), weights(name, 3), weights(name, 4)
    assert all(torch.equal(one[path], two[path]) for path in one)
    drawn = [path for path in one if is_random(one[path])]
    assert not [path for path in drawn if torch.equal(one[path], other[path])]


@pytest.mark.parametrize("name", SMALL)
def test_weights_are_distributed_as_those_of_an_ordinary_net(name: str) -> None:
    """Mean and deviation of every large parameter, within what chance allows; constants stay."""
    usual_net = build(published.load(name), 10, resolution=64, seed=3)
    ordinary = {path: weight.detach() for path, weight in usual_net.named_parameters()}
    found = weights(name, 3)
    assert found.keys() == ordinary.keys()
    for path, tensor in found.items():
        usual = ordinary[path]
        if not is_random(usual):
            assert torch.equal(tensor, usual)
        elif usual.numel() >= 256:
            sd, n = float(usual.std()), usual.numel()
            assert abs(float(tensor.mean() - usual.mean())) < 8 * sd / n**0.5
            assert abs(float(tensor.std()) - sd) < 8 * sd / n**0.5
            assert not torch.equal(tensor, usual)


def test_parameters_of_one_net_share_nothing() -> None:
    """Equal shapes at different paths do not get equal numbers."""
    found = [w.flatten()[:20] for w in weights("edgenext_xx_small", 3).values() if w.numel() > 20]
    drawn = [tuple(one.tolist()) for one in found if is_random(one)]
    assert len(drawn) > 50
    assert len(set(drawn)) == len(drawn)


def test_what_stands_before_a_layer_does_not_change_its_weights() -> None:
    """An extra block shifts every number of an ordinary net, and only its own place here."""
    data = published.load("edgenext_xx_small").to_data()
    data["stages"][0]["blocks"][0]["repeat"] = 3
    more = architecture_of(Document("more", data))
    base = published.load("edgenext_xx_small")
    by_path = [dict(build_by_path(net, 10, seed=1).named_parameters()) for net in (base, more)]
    usual = [dict(build(net, 10, seed=1).named_parameters()) for net in (base, more)]
    assert all(torch.equal(by_path[0][path], by_path[1][path]) for path in by_path[0])
    assert not all(torch.equal(usual[0][path], usual[1][path]) for path in usual[0])


def test_shared_parameters_are_drawn_once() -> None:
    """CMT's table of positions belongs to a stage, not to a block."""
    name = next(name for name in published.names() if name.startswith("cmt"))
    architecture = replace(published.load(name), resolution=64)
    found = build_by_path(architecture, 10, seed=1)
    every = found.named_parameters(remove_duplicate=False)
    tables = {id(parameter) for path, parameter in every if "table" in path}
    assert len(tables) <= len(architecture.stages)
    again = dict(build_by_path(architecture, 10, seed=1).named_parameters())
    assert all(torch.equal(p, again[path]) for path, p in found.named_parameters())


def test_torchs_own_generator_is_left_alone() -> None:
    """As ``build`` leaves it."""
    before = torch.get_rng_state()
    weights("edgenext_xx_small", 3)
    assert torch.equal(torch.get_rng_state(), before)


def test_draws_into_what_is_no_parameter_are_seeded_too() -> None:
    """In the order in which they come; the same module with the same seed is the same."""

    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            scale = torch.rand(3)
            self.weight = nn.Parameter(scale * torch.randn(3))

    with torch.random.fork_rng():
        one, two, other = (with_own_chance(Odd, seed).weight for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
