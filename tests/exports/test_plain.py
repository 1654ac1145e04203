"""A net as one file of plain PyTorch: it computes the same, alone, and reads as if written."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from export_nets import batch, disturbed, dwarf
from torch import nn

from archsearch import published
from archsearch.architecture import Architecture
from archsearch.exports.plain import plain_source
from archsearch.exports.plain.calls import noted_calls
from archsearch.exports.plain.layout import Bracketed, call, folded, lines, literal, named
from archsearch.exports.plain.sources import Excerpt, Place
from archsearch.network import build
from archsearch.space import load_space

SPACES = Path(__file__).parents[2] / "search_spaces"
LARGE = {name for name in published.names() if name.startswith(("hornet_large", "hornet_base"))}
LARGE |= {"convnext_base"}


def run_alone(source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The file as a module, made while nothing of archsearch can be imported."""
    file = folder / "plain_net.py"
    file.write_text(source)
    spec = importlib.util.spec_from_file_location("plain_net", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with monkeypatch.context() as alone:
        for name in [name for name in sys.modules if name.split(".")[0] == "archsearch"]:
            alone.setitem(sys.modules, name, None)
        alone.setitem(sys.modules, "plain_net", module)
        spec.loader.exec_module(module)
    return module


def check(net: Architecture, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classes = 7
    ours = disturbed(build(net, classes, seed=0))
    source = plain_source(net, classes, ["A net."])
    theirs = run_alone(source, folder, monkeypatch).Net()
    theirs.load_state_dict(ours.state_dict())
    x = batch(net, 2)
    with torch.no_grad():
        expected, maps = ours(x), ours.features(x)
        assert torch.equal(theirs.eval()(x), expected)
        assert all(map(torch.equal, theirs.features(x), maps))
    assert expected.std() > 0
    # Also what several blocks share is one parameter, to train as here.
    sizes = [[p.numel() for p in net.parameters()] for net in (ours, theirs)]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("name", [n for n in published.names() if n not in LARGE])
def test_a_published_net_computes_the_same_without_archsearch(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last bit, with our weights under the same names."""
    check(published.load(name), tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(LARGE))
def test_a_large_published_net_computes_the_same_without_archsearch(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for those that take seconds each."""
    check(published.load(name), tmp_path, monkeypatch)


@pytest.mark.parametrize("seed", range(12))
def test_a_member_of_the_mobile_space_computes_the_same(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Families of blocks mixed in one net, as searches give them."""
    net = load_space(SPACES / "mobile.yaml").sample(np.random.default_rng(seed))
    check(net, tmp_path, monkeypatch)


@pytest.mark.parametrize("seed", range(2))
def test_a_cell_of_nasbench201_computes_the_same(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks that no published net has."""
    net = load_space(SPACES / "nasbench201.yaml").sample(np.random.default_rng(seed))
    check(net, tmp_path, monkeypatch)


SHOWN = ["cmt_ti", "edgenext_xx_small_bn_hs", "hornet_tiny_gf", "mobilevit_xxs", "parcnet_xs"]
SHOWN += ["swin_tiny", "deit_tiny", "efficientnet_b0", "parc_resnet50", "parc_mobilenetv2"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of nets that have every block of the published ones."""
    folder = tmp_path_factory.mktemp("plain")
    for name in SHOWN:
        (folder / f"{name}.py").write_text(plain_source(published.load(name), 1000, [f"{name}."]))
    return folder


@pytest.mark.parametrize(
    "command",
    [["check", "--select", "E,F,I,UP,B,RET,SIM"], ["format", "--check"]],
    ids=["linted", "formatted"],
)
def test_the_files_need_no_tidying(files: Path, command: list[str]) -> None:
    """No name is missing or unused, and the formatter would change nothing."""
    pytest.importorskip("ruff", reason="ruff (a development tool) is absent")
    flags = ["--isolated", "--no-cache", "--line-length", "100", "--target-version", "py310"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, *flags, str(files)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_a_file_imports_torch_and_the_standard_library_alone(files: Path) -> None:
    """Besides them, safetensors inside ``load``."""
    for file in files.glob("*.py"):
        found = set()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            if isinstance(node, ast.ImportFrom):
                found.add(str(node.module).split(".")[0])
        assert found <= {*sys.stdlib_module_names, "torch", "safetensors"}


def test_nothing_is_in_a_file_that_the_net_does_not_use(files: Path) -> None:
    """Costs, rules and leaves' conditions stay behind, and every definition has a reader."""
    for file in files.glob("*.py"):
        tree = ast.parse(file.read_text())
        names = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        assert names - read - {"load"} == set()
        told = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        assert not told & {"tally", "live"}
        assert "Annotated" not in read


def test_a_block_that_repeats_is_written_once() -> None:
    """Five equal blocks in a row are one expression."""
    source = plain_source(published.load("edgenext_xx_small"), 1000, ["A net."])
    assert "for _ in range(5)" in source
    assert source.count("SdtaEncoder(88") == 1


def test_constructors_are_as_they_were_after_taking_notes() -> None:
    """Also where the net cannot be built."""
    before = {cls: vars(cls)["__init__"] for cls in (nn.Conv2d, nn.Module, nn.Sequential)}
    plain_source(dwarf(), 2, ["A net."])
    with pytest.raises(RuntimeError, match="stop"), noted_calls():
        raise RuntimeError("stop")
    assert {cls: vars(cls)["__init__"] for cls in before} == before


def test_a_call_is_noted_as_the_class_got_it() -> None:
    """Not as its base class did."""
    with noted_calls() as calls:
        conv = nn.Conv2d(4, 8, 3, padding=1)
        pool = nn.AdaptiveAvgPool2d(1)
    assert calls[id(conv)][1:] == ((4, 8, 3), {"padding": 1})
    assert calls[id(pool)][1:] == ((1,), {})


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (call("f", ["1", "2"]), ["f(1, 2)"]),
        (call("function", ["a" * 50, "b" * 44]), ["function(", f"    {'a' * 50}, {'b' * 44}", ")"]),
        (
            call("f", [named("x", "a" * 60), call("g", ["b" * 60])]),
            ["f(", f"    x={'a' * 60},", f"    g({'b' * 60}),", ")"],
        ),
    ],
    ids=["fits", "fits inside", "a line each"],
)
def test_lines_are_broken_as_formatters_do(expression: Bracketed, expected: list[str]) -> None:
    """Whole if it fits; else what is inside on one line; else every item on its own."""
    assert list(lines(expression, 0)) == expected


def test_only_neighbours_are_folded() -> None:
    """a b b a is a, twice b, a."""
    found = [item if isinstance(item, str) else item.items for item in folded(["a", "b", "b", "a"])]
    assert found == ["a", ("b", "for _ in range(2)"), "a"]


@pytest.mark.parametrize("value", [1, -2.5, 1e-6, 1e-12, 'say "x"', "a\\b", True, None, 1e20])
def test_a_literal_is_read_back_as_what_it_was(value: object) -> None:
    """Python reads from it the value that it was written from."""
    assert ast.literal_eval(literal(value)) == value


def test_two_definitions_of_one_name_are_refused() -> None:
    """Unless they say the same."""
    same = Excerpt({Place("a", "Size"): "Size = int", Place("b", "Size"): "Size = int"})
    assert same.texts() == ["Size = int"]
    other = Excerpt({Place("a", "Size"): "Size = int", Place("b", "Size"): "Size = float"})
    with pytest.raises(ValueError, match="Size is defined in two ways"):
        other.texts()
