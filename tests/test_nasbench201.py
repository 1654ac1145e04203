"""NAS-Bench-201 as a search space of ours: its size, and the params and MACs of its tables."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from archsearch.blocks.nb201 import Nb201Cell
from archsearch.codes import IntArray, leaves_of
from archsearch.cost import count
from archsearch.cost.extremes import extremes
from archsearch.cost.population import PopulationCosts
from archsearch.network import build
from archsearch.space import load_space

ROOT = Path(__file__).resolve().parents[1]
SPACE = load_space(ROOT / "search_spaces" / "nasbench201.yaml")
TABLE = ROOT.parent / "shared" / "data" / "bench" / "nasbench201.csv.gz"
CLASSES = 10


def every_point() -> IntArray:
    """All rows of codes (5^6, 6), the last leaf counting up first."""
    return np.indices([5] * 6).reshape(6, -1).T


def test_the_space_has_every_cell_once() -> None:
    """Five operations on each of six edges, chosen once for all fifteen cells."""
    assert SPACE.size == 5**6 == 15_625
    assert SPACE.exact
    names = [path.rpartition(".")[2] for path, _ in SPACE.leaves()]
    assert names == list(Nb201Cell.model_fields)
    net = SPACE.sample(np.random.default_rng(0))
    assert Counter(block for stage in net.stages for block in stage.blocks).total() == 15
    assert len({block for stage in net.stages for block in stage.blocks}) == 1


def test_params_and_macs_of_every_cell_are_the_published_ones() -> None:
    """The benchmark's counts are linear in the number of 1x1 and 3x3 convolutions.

    ``params_m = 0.073306 + 0.24304 n3x3 + 0.028 n1x1``; ``flops_m``, of one operation a MAC, counts
    the classifier's ten biases as well, which are no MACs here.
    """
    rows = every_point()
    labels = np.array(next(leaves_of(SPACE.tree)).domain.labels)[rows]
    ones, threes = ((labels == f"nor_conv_{kernel}").sum(axis=1) for kernel in ("1x1", "3x3"))
    counted = PopulationCosts(SPACE.tree, CLASSES).count(rows)
    assert counted.valid.all()
    assert (counted.params == 73_306 + 243_040 * threes + 28_000 * ones).all()
    flops = 7_783_050 + 35_389_440 * threes + 3_932_160 * ones
    assert (counted.macs + CLASSES == flops).all()


def test_the_ends_are_those_of_all_points() -> None:
    """No convolution at all, and six 3x3; proven, for all points are counted."""
    ends = extremes(SPACE.tree, CLASSES)
    assert ends.smallest["params"][::2] == (73_306, True)
    assert ends.largest["params"][::2] == (73_306 + 6 * 243_040, True)


def test_every_row_of_the_published_table_is_a_member() -> None:
    """Params and flops of the table, to its digits, by architecture string."""
    if not TABLE.exists():
        pytest.skip("../shared/data is not there")
    table = pd.read_csv(TABLE)
    assert len(table) == 15_625
    parts = table["arch_str"].str.findall(r"(\w+)~\d")
    labels = list(next(leaves_of(SPACE.tree)).domain.labels)
    rows = np.array([[labels.index(part) for part in found] for found in parts])
    assert len(np.unique(rows, axis=0)) == 15_625
    counted = PopulationCosts(SPACE.tree, CLASSES).count(rows)
    np.testing.assert_allclose(counted.params / 1e6, table["params_m"], rtol=1e-5)
    np.testing.assert_allclose((counted.macs + CLASSES) / 1e6, table["flops_m"], rtol=1e-5)


@pytest.mark.parametrize("operation", ["none", "nor_conv_3x3", "avg_pool_3x3"])
def test_a_member_is_built_and_holds_what_is_counted(operation: str) -> None:
    """Ten logits, and as many parameters as counted; one cell's choice is all cells'."""
    leaves = {path: operation for path, _ in SPACE.leaves()}
    net = SPACE.decode(leaves)
    assert SPACE.encode(net) == leaves
    module = build(net, CLASSES, seed=0).eval()
    assert sum(p.numel() for p in module.parameters()) == count(net, CLASSES).params
    with torch.no_grad():
        assert module(torch.zeros(2, 3, 32, 32)).shape == (2, CLASSES)
