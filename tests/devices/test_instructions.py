"""Instructions of operators by coefficients, and the counting run that these come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
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
_NORM_OVER_PIXELS = ("square", "total", "sqrt", "div")

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
    Operator("total", 64, 196),
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
    samples = learning.read_samples(RECORDED, "aarch64-fp32")
    known = load("aarch64-fp32")
    assert len(samples) >= 150
    counts = np.array([sample.counts for sample in samples])
    found = np.array([known.count(sample.operators) for sample in samples])
    many = [FMA, CLASSES.index("ld_bytes")]
    assert np.abs(found.sum(axis=0)[many] / counts.sum(axis=0)[many] - 1).max() < 0.05
    off: dict[str, list[float]] = {"product": [], "winograd": []}
    for sample, ours in zip(samples, found, strict=True):
        key = kernel(sample.operators[0])
        if key in off and sample.counts[FMA] > 1e4:
            off[key].append(abs(ours[FMA] / sample.counts[FMA] - 1))
    # Strassen's algorithm is chosen by a close call for one in a hundred of them.
    assert np.mean(np.array(off["product"]) < 0.03) > 0.95
    assert np.mean(off["winograd"]) < 0.1


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


def _has_norm(net: Architecture) -> bool:
    return any(at.kind == "total" for at in operators_of(net))


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
    known = learning.fit(learning.read_samples(RECORDED, "aarch64-fp32"), "aarch64-fp32")
    file = tmp_path / "made.yaml"
    file.write_text(learning.formatted(known, "aarch64-fp32", "a command: 200 operators", 0.03))
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


def _samples(*names: str) -> list[learning.Sample]:
    counts = np.arange(len(CLASSES), dtype=float)
    return [
        sample
        for name in names
        for sample in (
            learning.Sample(name, "stem", (OPERATORS[0],), counts),
            learning.Sample(name, HEAD, OPERATORS[4:6], counts * 2),
        )
    ]


def test_samples_come_back_from_their_file(tmp_path: Path) -> None:
    """Appended in parts, as a stopped run goes on."""
    file = tmp_path / "counts.csv"
    samples = _samples("0:net")
    for sample in samples:
        learning.write_samples(file, [sample], "aarch64-fp32")
    for ours, theirs in zip(learning.read_samples(file, "aarch64-fp32"), samples, strict=True):
        assert ours[:3] == theirs[:3]
        np.testing.assert_array_equal(ours.counts, theirs.counts)


def test_a_run_that_is_killed_while_it_writes_leaves_whole_nets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a net of which some operators are missing would pass for counted."""
    file = tmp_path / "counts.csv"
    learning.write_samples(file, _samples("0:net"), "aarch64-fp32")
    before = file.read_bytes()

    def half(path: Path, content: bytes) -> int:
        with path.open("wb") as out:
            out.write(content[: len(content) * 2 // 3])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", half)
        with pytest.raises(KeyboardInterrupt):
            learning.write_samples(file, _samples("1:net"), "aarch64-fp32")
    assert file.read_bytes() == before
    learning.write_samples(file, _samples("1:net"), "aarch64-fp32")
    assert len(learning.read_samples(file, "aarch64-fp32")) == 4


def test_a_run_goes_on_with_the_nets_that_its_file_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that cannot be counted is told, left out and tried again; a finished run starts none."""
    file, asked = tmp_path / "counts.csv", list[int]()

    class Guests:
        def __init__(self, *_: object, **__: object) -> None: ...
        def __enter__(self) -> Guests:
            return self

        def __exit__(self, *_: object) -> None: ...
        def map(self, function: Callable[..., object], items: Sequence[int]) -> Iterator[object]:
            return (function(item, None) for item in items)

    def count(net: Architecture, number: int, *_: object) -> list[learning.Sample]:
        asked.append(number)
        if number == 2 and asked.count(2) == 1:
            raise InputError("no such operator")
        return _samples(f"{number}:{net.id}")

    monkeypatch.setattr(learning, "Emulator", Guests)
    monkeypatch.setattr(learning, "count", count)
    given = SPACE, file
    assert len(list(learning.count_nets(*given, 2, 5, "aarch64-fp32"))) == 3
    lines = list(learning.count_nets(*given, 4, 5, "aarch64-fp32"))
    assert lines[0] == "2 of 4 nets are counted"
    assert lines[1] == "left out: no such operator"
    assert asked == [0, 1, 2, 3]
    list(learning.count_nets(*given, 4, 5, "aarch64-fp32"))
    assert asked == [0, 1, 2, 3, 2]
    assert not list(learning.count_nets(*given, 4, 5, "aarch64-fp32"))
    with pytest.raises(InputError, match="with another seed; give the run a file of its own"):
        list(learning.count_nets(*given, 4, 6, "aarch64-fp32"))
    with pytest.raises(InputError, match="holds counts of aarch64-fp32, not of aarch64-fp16"):
        list(learning.count_nets(*given, 4, 5, "aarch64-fp16"))


def test_the_command_tells_and_writes_what_it_fitted(tmp_path: Path) -> None:
    """From counts that are there already, with the command itself as the file's source."""
    counts, out = tmp_path / "counts.csv", tmp_path / "made.yaml"
    rows = learning.read_samples(RECORDED, "aarch64-fp32")
    ids = [f"{number}:{learning.drawn(SPACE, 5, number).id}" for number in range(6)]
    named = [sample._replace(net=ids[place % 6]) for place, sample in enumerate(rows)]
    learning.write_samples(counts, named, "aarch64-fp32")
    space = str(ROOT / "search_spaces" / "mobile.yaml")
    given = ["devices", "learn", space, str(counts), "--nets", "6", "--out", str(out)]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 0, result.output
    assert "6 nets, " in result.output
    made = yaml.safe_load(out.read_text())
    command = f"archsearch devices learn {space} counts.csv --nets 6 --seed 5 --isa aarch64-fp32: "
    assert made["source"].startswith(command + "6 nets, ")
    assert 0 < made["expected_error"] < 0.5
    assert f"{made['expected_error']:.1%} off" in result.output


def test_the_held_out_error_is_of_nets_that_the_fit_did_not_see() -> None:
    """Nothing where counts are what the terms say; all of what one net alone executes."""
    known = load("aarch64-fp32")
    operators = [product(64, 128, pixels) for pixels in range(24, 240, 6)]
    samples = [
        learning.Sample(f"{place % 9}:net", "stem", (at,), known.of(at))
        for place, at in enumerate(operators)
    ]
    assert learning.held_out_error(samples, "aarch64-fp32") < 1e-3
    alone = Operator("gelu", 64, 196)
    samples.append(learning.Sample("9:net", "stem", (alone,), known.of(alone)))
    assert learning.held_out_error(samples, "aarch64-fp32") == pytest.approx(1 / 10, abs=1e-3)


def test_another_file_is_no_counts(tmp_path: Path) -> None:
    """With the command that writes them."""
    file = tmp_path / "other.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="'archsearch devices learn'"):
        learning.read_samples(file, "aarch64-fp32")


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


@pytest.mark.parametrize("has_sdta", [False, True])
def test_a_counted_net_executes_the_operators_of_its_layers(has_sdta: bool) -> None:
    """MNN's products are those of the closed forms, one by one."""
    setup = installation()
    nets = (learning.drawn(SPACE, 5, number).at(64) for number in range(100, 200))
    net = next(net for net in nets if not _has_groups(net) and _has_norm(net) == has_sdta)
    with Emulator("mnn", processes=1, installation=setup) as guests:
        samples = learning.count(net, 24, guests, guests.run)
    counted = [at for sample in samples for at in sample.operators]
    ours = operators_of(net)
    told = ("norm", "silu", "gelu", "hardswish", "softmax", "mean", *_NORM_OVER_PIXELS)
    for kinds in (PRODUCTS, frozenset(told)):
        listed = sorted(at for at in ours if at.kind in kinds)
        assert sorted(at for at in counted if at.kind in kinds) == listed
    assert any(at.kind in COPIES for at in counted)
