"""Every training-free score is finite on random members of every space.

ARCHSEARCH_MEMBERS=500 takes so many members in all instead of the first of them, which takes about
ten minutes of one core; run it with ``-n 2``. Few are of the space of published nets, whose members
have up to a hundred million parameters, the others are shared equally among the other spaces.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from archsearch import published
from archsearch.network import build
from archsearch.proxies import PROXIES, score_all
from archsearch.seeds import derive
from archsearch.space import load_space

SPACES = sorted((Path(__file__).parents[2] / "search_spaces").glob("*.yaml"))
PARTS = 10  # so that processes can share a space
MEMBERS = int(os.environ.get("ARCHSEARCH_MEMBERS", "40"))
LARGE = {"published": 0.02}
"""Spaces of large nets, and their share of the members."""
SIZE = 32

IMAGES = torch.randn(4, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(4)


def members_of(space: str) -> int:
    """How many members of this space are taken."""
    equal = (1 - sum(LARGE.values())) / (len(SPACES) - len(LARGE))
    return math.ceil(MEMBERS * LARGE.get(space, equal))


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("path", SPACES, ids=lambda path: path.stem)
def test_members_have_finite_scores(path: Path, part: int) -> None:
    """None raises, none is infinite or no number: gates, attention, FFT filters and dead paths."""
    space = load_space(path)
    for number in range(part, members_of(path.stem), PARTS):
        member = space.sample(np.random.default_rng(derive(0, path.stem, number)))
        net = build(member, 10, resolution=SIZE, seed=0)
        scores = score_all(net, IMAGES, LABELS, PROXIES, seed=0)  # raises where one is not finite
        assert all(math.isfinite(score.value) for score in scores.values()), member.id


@pytest.mark.parametrize("name", ["deit_tiny", "swin_tiny", "cmt_ti", "hornet_tiny_gf"])
def test_published_nets_have_finite_scores(name: str) -> None:
    """The deep ones, and those with tokens, windows and Fourier filters."""
    net = build(published.load(name), 10, resolution=SIZE, seed=0)
    scores = score_all(net, IMAGES, LABELS, PROXIES, seed=0)
    assert list(scores) == list(PROXIES)
