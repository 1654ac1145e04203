"""Every training-free score is finite on random members of every space.

ARCHSEARCH_MEMBERS=500 takes so many of each space instead of a few; run it with ``-n 2``. A tenth
of them is taken of the space of published nets, whose members have a hundred million parameters.
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
MEMBERS = int(os.environ.get("ARCHSEARCH_MEMBERS", "20"))
SIZE = 32

IMAGES = torch.randn(4, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(4)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("path", SPACES, ids=lambda path: path.stem)
def test_members_have_finite_scores(path: Path, part: int) -> None:
    """None raises, none is infinite or no number: gates, attention, FFT filters and dead paths."""
    space = load_space(path)
    chance = np.random.default_rng(derive(MEMBERS, path.stem, part))
    count = MEMBERS // 10 if path.stem == "published" else MEMBERS
    for _ in range(part, count, PARTS):
        member = space.sample(chance)
        net = build(member, 10, resolution=SIZE, seed=0)
        scores = score_all(net, IMAGES, LABELS, PROXIES, seed=0)  # raises where one is not finite
        assert all(math.isfinite(score.value) for score in scores.values()), member.id


@pytest.mark.parametrize("name", ["deit_tiny", "swin_tiny", "cmt_ti", "hornet_tiny_gf"])
def test_published_nets_have_finite_scores(name: str) -> None:
    """The deep ones, and those with tokens, windows and Fourier filters."""
    net = build(published.load(name), 10, resolution=SIZE, seed=0)
    scores = score_all(net, IMAGES, LABELS, PROXIES, seed=0)
    assert list(scores) == list(PROXIES)
