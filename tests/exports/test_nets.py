"""Nets as files for other tools: every format computes what torch does, or is not written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from devices.emulation import installation
from export_nets import batch, disturbed, dwarf, small, with_weights
from safetensors import safe_open
from torch import Tensor

from archsearch import published
from archsearch.documents import Document
from archsearch.errors import InputError
from archsearch.exports import nets
from archsearch.exports.nets import ANY, NET_FORMATS, export_net
from archsearch.exports.nets.agreement import agreement
from archsearch.exports.nets.format import Format
from archsearch.exports.nets.onnx import onnx_format
from archsearch.exports.weights import Weighed
from archsearch.network import build
from archsearch.space import architecture_of

NETS = ("edgenext_xx_small", "hornet_tiny_gf", "cmt_ti", "parcnet_xs")


def ready(name: str) -> None:
    """Skip where what a format needs is not on this machine."""
    if name in ("onnx", "mnn"):
        pytest.importorskip("onnx")
    if name == "onnx":
        pytest.importorskip("onnxruntime")
    if name == "mnn":
        installation()


@pytest.mark.parametrize("name", sorted(NET_FORMATS))
@pytest.mark.parametrize("net", NETS)
def test_a_file_computes_what_torch_does(name: str, net: str, tmp_path: Path) -> None:
    """Every format, on nets of all four families, within a thousandth of the outputs' range."""
    ready(name)
    given = small(net)
    target = tmp_path / f"net.{NET_FORMATS[name].ending}"
    exported = export_net(given, name, batch(given.architecture), target)
    assert exported.files[0] == target
    assert {file.name for file in tmp_path.iterdir()} == {file.name for file in exported.files}
    assert exported.agreement.share < 1e-3
    assert exported.agreement.images == exported.agreement.same == 3


def test_the_agreement_is_what_the_file_says(tmp_path: Path) -> None:
    """The printed difference is found again by running the written file with other code."""
    ort = pytest.importorskip("onnxruntime")
    given, images = with_weights(dwarf()), batch(dwarf(), 4)
    exported = export_net(given, "onnx", images, tmp_path / "net.onnx")
    session = ort.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = given.module(images)
    rows = [session.run(["logits"], {"images": image[None].numpy()})[0] for image in images]
    found = torch.cat([torch.from_numpy(row) for row in rows])
    assert float((found - expected).abs().max()) == exported.agreement.difference
    assert (session.get_inputs()[0].shape, session.get_outputs()[0].shape) == (
        [1, 3, 16, 16],
        [1, 10],
    )
    notes = session.get_modelmeta().custom_metadata_map
    assert notes == {"net": "dwarf", "id": dwarf().id, "weights": "made up"}


def _wrong(change: float) -> Format:
    """TorchScript whose file gives other numbers than torch, by a share of their range."""

    def run(path: Path, images: Tensor) -> Tensor:
        logits = NET_FORMATS["torchscript"].run(path, images)
        moved = logits.clone()
        moved[0, 0] += change * (logits.max() - logits.min())
        return moved

    return NET_FORMATS["torchscript"]._replace(run=run)


@pytest.mark.parametrize("before", [None, b"an older file"])
def test_a_file_that_computes_something_else_is_not_written(
    before: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what lay there before stays as it was."""
    monkeypatch.setattr(nets, "NET_FORMATS", {"torchscript": _wrong(0.01)})
    target = tmp_path / "net.pt"
    if before:
        target.write_bytes(before)
    with pytest.raises(InputError, match=r"dwarf as torchscript: computes something else .* 0\.01"):
        export_net(with_weights(dwarf()), "torchscript", batch(dwarf()), target)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == ([before] if before else [])


def test_a_rounding_error_is_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is below a thousandth of the range is reported and written."""
    monkeypatch.setattr(nets, "NET_FORMATS", {"torchscript": _wrong(1e-4)})
    exported = export_net(with_weights(dwarf()), "torchscript", batch(dwarf()), tmp_path / "n.pt")
    assert exported.agreement.share == pytest.approx(1e-4, rel=0.01)
    assert exported.files == (tmp_path / "n.pt",)


def test_weights_of_another_seed_are_a_difference(tmp_path: Path) -> None:
    """The check would see that a file holds other weights."""
    given = with_weights(dwarf())
    images = batch(dwarf())
    NET_FORMATS["safetensors"].write(given, images, tmp_path / "net.safetensors")
    found = NET_FORMATS["safetensors"].run(tmp_path / "net.safetensors", images)
    with torch.no_grad():
        agreement(given.module(images), found, "the file")
        other = disturbed(build(dwarf(), 10, seed=9))
        with pytest.raises(InputError, match="something else"):
            agreement(other(images), found, "the file")


def test_agreement_by_hand() -> None:
    """Largest difference, share of the range, images whose best class is the same."""
    expected = torch.tensor([[0.0, 1.0, 2000.0], [5.0, 5.5, 0.0]])
    found = torch.tensor([[0.0, 1.5, 2000.0], [5.6, 5.5, 0.0]])
    told = agreement(expected, found, "x")
    assert told == (2, pytest.approx(0.6), pytest.approx(0.0003), 1)
    assert str(told) == "0.6 (0.0003 of the outputs' range), best class the same on 1 of 2"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_agrees_with_nothing(value: float) -> None:
    """NaN is not smaller than the tolerance."""
    with pytest.raises(InputError, match="x: computes something else"):
        agreement(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, value]]), "x")


def test_another_shape_is_refused() -> None:
    """With both shapes."""
    with pytest.raises(
        InputError, match=r"x: gives outputs of the shape \[1, 3\], torch .*\[1, 2\]"
    ):
        agreement(torch.zeros(1, 2), torch.zeros(1, 3), "x")


def test_the_python_file_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    """As its docstring says: load the weights beside it, without archsearch."""
    given, images = small("edgenext_xx_small"), batch(published.load("edgenext_xx_small").at(64))
    export_net(given, "python", images, tmp_path / "taken.py")
    code = (
        "import sys; sys.modules['archsearch'] = None\n"
        "import torch\nfrom taken import load\n"
        "net = load('taken.safetensors')\n"
        "x = torch.ones(2, 3, 64, 64)\nprint(net.training, net(x).sum().item())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    with torch.no_grad():
        total = given.module(torch.ones(2, 3, 64, 64)).sum().item()
    training, found = done.stdout.split()
    assert (training, float(found)) == ("False", pytest.approx(total, rel=1e-5))


def test_a_python_file_that_fails_says_why(tmp_path: Path) -> None:
    """With the last line that the process said."""
    given = with_weights(dwarf())
    NET_FORMATS["python"].write(given, batch(dwarf()), tmp_path / "net.py")
    file = tmp_path / "net.py"
    file.write_text(file.read_text().replace("import torch\n", "import archsearch\n", 1))
    with pytest.raises(InputError, match=r"net\.py: does not run without archsearch: .*archsearch"):
        NET_FORMATS["python"].run(file, batch(dwarf()))


def test_safetensors_hold_the_net_itself(tmp_path: Path) -> None:
    """The notes give the architecture back, so that the file is enough."""
    given = small("cmt_ti")
    export_net(given, "safetensors", batch(given.architecture), tmp_path / "n.safetensors")
    with safe_open(tmp_path / "n.safetensors", framework="pt") as file:
        notes = file.metadata()
    net = architecture_of(Document("notes", json.loads(notes["architecture"])))
    assert net.id == given.architecture.id == notes["id"]
    assert (notes["classes"], notes["weights"]) == ("10", "made up")


@pytest.mark.parametrize("net", [*NETS, "deit_tiny", "mobilevit_xxs"])
def test_torchscript_takes_any_number_of_images(net: str, tmp_path: Path) -> None:
    """No layer notes how many there were when the file was written, with one."""
    given = small(net)
    export_net(given, "torchscript", batch(given.architecture), tmp_path / "n.pt")
    many = batch(given.architecture, 5)
    with torch.no_grad():
        expected = given.module(many)
    found = NET_FORMATS["torchscript"].run(tmp_path / "n.pt", many)
    assert torch.allclose(found, expected, atol=1e-5)


ANY_NUMBER = ("edgenext_xx_small", "cmt_ti", "parcnet_xs", "mobilevit_xxs", "hornet_tiny_7x7")


@pytest.mark.parametrize("net", ANY_NUMBER)
def test_onnx_can_take_any_number_of_images(net: str, tmp_path: Path) -> None:
    """By other code: one, three and five images give what torch gives."""
    ort = pytest.importorskip("onnxruntime")
    given, target = small(net), tmp_path / "n.onnx"
    exported = export_net(given, "onnx", batch(given.architecture), target, ANY)
    assert exported.agreement.share < 1e-5
    session = ort.InferenceSession(str(target), providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape[0] == session.get_outputs()[0].shape[0] == "batch"
    for count in (1, 3, 5):
        many = batch(given.architecture, count, seed=count)
        with torch.no_grad():
            expected = given.module(many)
        found = torch.from_numpy(session.run(["logits"], {"images": many.numpy()})[0])
        assert torch.allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("net", ["edgenext_xx_small", "deit_tiny", "hornet_tiny_gf"])
def test_onnx_can_take_so_many_images(net: str, tmp_path: Path) -> None:
    """Two at once, checked on three: the last part is filled up."""
    ort = pytest.importorskip("onnxruntime")
    given, target = small(net), tmp_path / "n.onnx"
    exported = export_net(given, "onnx", batch(given.architecture), target, 2)
    assert exported.agreement.images == exported.agreement.same == 3
    session = ort.InferenceSession(str(target), providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == [2, 3, 64, 64]


@pytest.mark.parametrize("net", ["deit_tiny", "hornet_tiny_gf"])
def test_a_net_that_holds_the_number_of_images_is_refused(net: str, tmp_path: Path) -> None:
    """A class token and matrices of a Fourier transform are repeated for each image."""
    pytest.importorskip("onnxruntime")
    given = small(net)
    with pytest.raises(InputError, match=r"holds the number of images in \w+, .* by --batch N"):
        export_net(given, "onnx", batch(given.architecture), tmp_path / "n.onnx", ANY)
    assert not list(tmp_path.iterdir())


def test_other_formats_take_no_number_of_images(tmp_path: Path) -> None:
    """They say what they take."""
    given = with_weights(dwarf())
    for name, usual in (("mnn", "one image at a time"), ("python", "any number of images")):
        with pytest.raises(InputError, match=f"a file of {name} takes {usual}"):
            export_net(given, name, batch(dwarf()), tmp_path / "n", 4)


def test_one_image_is_run_among_others_where_any_number_will_do(tmp_path: Path) -> None:
    """So that a file that takes one alone does not pass: here, one written for one."""
    pytest.importorskip("onnxruntime")
    given = with_weights(dwarf())
    export_net(given, "onnx", batch(dwarf(), 1), tmp_path / "n.onnx")
    with pytest.raises(Exception, match="INVALID_ARGUMENT"):
        onnx_format(ANY).run(tmp_path / "n.onnx", batch(dwarf(), 1))


def test_an_export_leaves_the_net_as_it_was(tmp_path: Path) -> None:
    """Weights, mode, and no gradient."""
    given = with_weights(dwarf())
    before = {name: tensor.clone() for name, tensor in given.module.state_dict().items()}
    for name in ("torchscript", "safetensors", "python"):
        target = tmp_path / f"n.{NET_FORMATS[name].ending}"
        export_net(given, name, batch(dwarf()), target)
    after = given.module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not given.module.training
    assert all(parameter.requires_grad for parameter in given.module.parameters())


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """ONNX Runtime absent: what to install; MNN absent: the command that fetches it."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"pip install archsearch\[export\]"):
        NET_FORMATS["onnx"].run(tmp_path / "n.onnx", batch(dwarf()))
    monkeypatch.setenv("ARCHSEARCH_EMULATOR", str(tmp_path / "none"))
    with pytest.raises(InputError, match="archsearch devices setup emulated"):
        NET_FORMATS["mnn"].write(_weighed(), batch(dwarf()), tmp_path / "n.mnn")


def _weighed() -> Weighed:
    return with_weights(dwarf())
