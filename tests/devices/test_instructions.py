"""Instructions of operators by coefficients, and the counting run that these come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from devices.emulation import installation
from typer.testing import CliRunner

from archsearch.architecture import Architecture
from archsearch.blocks.operators import COPIES, PRODUCTS, Operator, depthwise, matmul, product
from archsearch.cli import app
from archsearch.devices import learning
from archsearch.devices.emulator import Emulator
from archsearch.devices.instructions import (
    BASES,
    NET,
    Instructions,
    isas,
    kernel,
    load,
    read_instructions,
    winograd_unit,
)
from archsearch.devices.predicted import operators_of
from archsearch.devices.profile import CLASSES
from archsearch.devices.recording import HEAD, record
from archsearch.errors import InputError
from archsearch.space import load_space

ROOT = Path(__file__).parents[2]
SPACE = load_space(ROOT / "search_spaces" / "mobile.yaml")
RECORDED = ROOT / "tests" / "data" / "counted_operators.csv"
FMA = CLASSES.index("fma_q")

OPERATORS = (
    product(64, 128, 196),
    product(384, 384, 144),
    product(32, 40, 100, 9),
    product(20, 30, 49, 9, 2),
    product(64, 32, 49, 9, groups=16),
    depthwise(96, 400, 49),
    depthwise(96, 400, 9),
    depthwise(96, 100, 9, 2),
    matmul(49, 16, 49, 4),
    matmul(1, 16, 49, 4),
    Operator("norm", 64, 196),
    Operator("softmax", 49, 196),
    Operator("mean", 64, 196),
    Operator("gelu", 64, 196),
    Operator("swap", 64, 196),
    NET,
)


@pytest.mark.parametrize("isa", isas())
def test_shipped_coefficients_are_complete(isa: str) -> None:
    """For every kernel finite and not negative; what they were fitted on is told."""
    found = load(isa)  # type: ignore[arg-type]
    assert found.isa == isa
    assert found.coefficients.keys() == BASES.keys()
    for terms in found.coefficients.values():
        assert np.isfinite(terms).all()
        assert (terms >= 0).all()
    assert 0 < found.expected_error < 0.2


def test_recorded_operators_execute_what_the_coefficients_say() -> None:
    """Operator by operator for products, in sum for everything; counts of the counting run."""
    samples = learning.read_samples(RECORDED)
    known = load("aarch64-fp32")
    assert len(samples) >= 150
    counts = np.array([sample.counts for sample in samples])
    found = np.array([known.count(sample.operators) for sample in samples])
    many = [FMA, CLASSES.index("ld_bytes")]
    assert np.abs(found.sum(axis=0)[many] / counts.sum(axis=0)[many] - 1).max() < 0.05
    products = [
        ours[FMA] / sample.counts[FMA]
        for sample, ours in zip(samples, found, strict=True)
        if sample.operators[0].kind == "product" and sample.counts[FMA] > 1e4
    ]
    # Strassen's algorithm is chosen by a close call for one in a hundred of them.
    assert np.mean(np.abs(np.array(products) - 1) < 0.03) > 0.95


def test_prices_are_counts_times_nanoseconds() -> None:
    """A function that searches call by the million says what the arrays say."""
    known = load("aarch64-fp32")
    ns = np.linspace(0.1, 2, len(CLASSES))
    price = known.priced(ns)
    for at in OPERATORS:
        assert price(at) == pytest.approx(float(known.of(at) @ ns))


def test_every_operator_of_the_space_has_a_kernel() -> None:
    """Nothing that a member executes is left without coefficients."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        assert {kernel(at) for at in operators_of(SPACE.sample(rng))} <= BASES.keys()


@pytest.mark.parametrize(
    ("at", "share"),
    [
        (product(384, 384, 144), 7 / 8),  # halved once
        (product(64, 1280, 64), 1),  # a sum would cost more than it saves
        (product(64, 384, 1024), 1),
        (product(1536, 256, 256), 0.883),  # 16 pixels of 256 are beyond two halves of 10 tiles
    ],
)
def test_products_are_split_where_the_emulator_saw_it(at: Operator, share: float) -> None:
    """Vector multiply-accumulates, by those of the plain product."""
    terms = dict(zip(BASES["product"].names, BASES["product"].terms(at, 4), strict=True))
    assert terms["vector_mac"] == pytest.approx(at.macs / 4 * share, rel=1e-3)
    assert (terms["added"] > 0) == (share < 1)


@pytest.mark.parametrize(
    ("at", "unit"),
    [
        (product(224, 224, 64, 9), 4),
        (product(256, 128, 100, 9), 6),
        (product(192, 96, 25, 9), 2),
        (product(224, 224, 64, 9, 2), 0),
        (product(224, 224, 64), 0),
        (depthwise(224, 64, 9), 0),
    ],
)
def test_tiles_of_winograd_are_those_that_the_emulator_saw(at: Operator, unit: int) -> None:
    """Sides of the tiles that MNN chose; none for other convolutions."""
    assert winograd_unit(at) == unit


def test_a_fit_finds_the_coefficients_that_made_the_counts() -> None:
    """Counts computed from known coefficients, operators of random members."""
    known = load("aarch64-fp32")
    rng = np.random.default_rng(0)
    operators = {at for _ in range(25) for at in operators_of(SPACE.sample(rng))}
    samples = [
        learning.Sample("net", "layer", (at,), known.of(at))
        for at in sorted(operators)
        if known.of(at).sum() > 0
    ]
    again = _instructions(learning.fit(samples, "aarch64-fp32"))
    for at in operators - {NET}:
        np.testing.assert_allclose(again.of(at), known.of(at), rtol=0.02, atol=20)


def _has_groups(net: Architecture) -> bool:
    """Whether MNN takes a convolution apart, which the closed forms list as one."""
    return any(at.kind == "product" and at.times > 1 for at in operators_of(net))


def _instructions(kernels: dict[str, dict[str, list[float]]]) -> Instructions:
    from archsearch.devices.instructions import Coefficients

    rows = {
        key: {term: tuple(row) for term, row in terms.items()} for key, terms in kernels.items()
    }
    return Instructions(
        Coefficients(
            isa="aarch64-fp32", runtime="MNN 0", source="made", expected_error=0.1, kernels=rows
        )
    )


def test_a_written_file_is_read_again(tmp_path: Path) -> None:
    """With the coefficients and what is told about them."""
    known = learning.fit(learning.read_samples(RECORDED), "aarch64-fp32")
    file = tmp_path / "made.yaml"
    file.write_text(learning.formatted(known, "aarch64-fp32", "200 operators", 0.03))
    found = read_instructions(file)
    assert found.expected_error == 0.03
    for key, terms in known.items():
        np.testing.assert_allclose(found.coefficients[key], list(terms.values()), rtol=1e-4)


def test_a_file_without_a_kernel_is_refused(tmp_path: Path) -> None:
    """With the kernel and its terms."""
    file = tmp_path / "made.yaml"
    head = "isa: aarch64-fp32\nruntime: MNN 1\nsource: none\nexpected_error: 0.1\n"
    file.write_text(head + "kernels: {product: {}}\n")
    with pytest.raises(InputError, match="kernel product needs the terms vector_mac"):
        read_instructions(file)


def test_samples_come_back_from_their_file(tmp_path: Path) -> None:
    """Appended in parts, as a stopped run goes on."""
    file = tmp_path / "counts.csv"
    counts = np.arange(len(CLASSES), dtype=float)
    samples = [
        learning.Sample("0:net", "stem", (OPERATORS[0],), counts),
        learning.Sample("0:net", HEAD, OPERATORS[4:6], counts * 2),
    ]
    for sample in samples:
        learning.write_samples(file, [sample])
    for ours, theirs in zip(learning.read_samples(file), samples, strict=True):
        assert ours[:3] == theirs[:3]
        np.testing.assert_array_equal(ours.counts, theirs.counts)


def test_another_file_is_no_counts(tmp_path: Path) -> None:
    """With the command that writes them."""
    file = tmp_path / "other.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="'archsearch devices learn'"):
        learning.read_samples(file)


def test_a_run_draws_the_same_nets_again() -> None:
    """By seed and number; small images after the first ones."""
    assert learning.drawn(SPACE, 5, 3) == learning.drawn(SPACE, 5, 3)
    assert learning.drawn(SPACE, 5, 3) != learning.drawn(SPACE, 6, 3)
    assert learning.drawn(SPACE, 5, 13).size[0] in learning.SIZES


def test_recording_tells_the_layer_of_every_node() -> None:
    """Every layer of the net, the head last, and nothing computed otherwise."""
    net = learning.drawn(SPACE, 5, 12)
    content, graph = record(net, 10)
    layers = list(dict.fromkeys(node.layer for node in graph.nodes.values()))
    assert layers == [*(place.path for place in net.places()), HEAD]
    assert len(content) > 1000
    assert not torch.is_grad_enabled() or content


def test_an_unknown_instruction_set_is_refused(tmp_path: Path) -> None:
    """With the nearest one."""
    space = str(ROOT / "search_spaces" / "mobile.yaml")
    given = ["devices", "learn", space, str(tmp_path / "c.csv"), "--isa", "aarch64"]
    result = CliRunner().invoke(app, given)
    assert result.exit_code != 0
    assert "aarch64-fp32" in result.output + str(result.exception)


def test_a_counted_net_executes_the_operators_of_its_layers() -> None:
    """MNN's products are those of the closed forms, one by one."""
    setup = installation()
    nets = (learning.drawn(SPACE, 5, number).at(64) for number in range(100, 200))
    net = next(net for net in nets if not _has_groups(net))
    with Emulator("mnn", processes=1, installation=setup) as guests:
        samples = learning.count(net, 24, guests, guests.run)
    counted = [at for sample in samples for at in sample.operators]
    ours = operators_of(net)
    for kinds in (PRODUCTS, frozenset(("norm", "silu", "gelu", "hardswish", "softmax", "mean"))):
        listed = sorted(at for at in ours if at.kind in kinds)
        assert sorted(at for at in counted if at.kind in kinds) == listed
    assert any(at.kind in COPIES for at in counted)
