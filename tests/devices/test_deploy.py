"""From nets to runtimes: our exporter against torch's, and outputs checked against torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from devices.emulation import installation
from torch import Tensor, nn

from archsearch import published
from archsearch.architecture import Architecture
from archsearch.blocks.gnconv import GnConv
from archsearch.blocks.sdta import Sdta
from archsearch.devices import onnx_files
from archsearch.devices.deploy import Deployed, deploy
from archsearch.devices.emulated import Emulated
from archsearch.devices.emulator import Emulator
from archsearch.devices.onnx_files import export, to_onnx, trace
from archsearch.devices.profile import INSTRUCTIONS, load
from archsearch.devices.runtimes import RUNTIMES, Refused
from archsearch.devices.runtimes.runtime import Conversion
from archsearch.network import build
from archsearch.space import load_space

SPACE = load_space(Path(__file__).parents[2] / "search_spaces" / "mobile.yaml")

onnxruntime = pytest.importorskip("onnxruntime")

_SMALL = {
    "cmt_ti": 64,
    "convnext_xt": 64,
    "deit_tiny": 64,
    "edgenext_xx_small": 64,
    "edgenext_xx_small_bn_hs": 64,
    "efficientnet_b0": 64,
    "hornet_tiny_7x7": 64,
    "hornet_tiny_gf": 64,
    "mobilenetv2_100": 64,
    "mobilevit_xxs": 64,
    "parc_resnet50": 64,
    "parcnet_h": 64,
    "parcnet_xs": 64,
    "swin_tiny": 224,
}


def _run(content: bytes, x: Tensor) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options)
    output: np.ndarray = session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]
    return output


def _agree(content: bytes, x: Tensor, expected: Tensor) -> None:
    largest = float(expected.abs().max())
    assert np.abs(_run(content, x) - expected.numpy()).max() < 1e-5 * largest


@pytest.mark.parametrize("name", _SMALL)
def test_traced_nets_compute_what_torch_does(name: str) -> None:
    """Every family of the published nets, by a runtime that shares no code with ours."""
    size = _SMALL[name]
    net = build(published.load(name).at((size, size)), 10, seed=1).eval()
    x = torch.linspace(-2, 2, 3 * size * size).reshape(1, 3, size, size)
    content, expected = trace(net, x)
    _agree(content, x, expected)


class _Odd(nn.Module):
    """Operators with every argument that the table reads."""

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.pad(x, (1, 2, 0, 3), value=0.25)
        x = torch.roll(x, (2, -1), (2, 3))
        first, _, last = torch.split(x, [1, 2, 1], dim=1)
        x = torch.cat([first, last[:, :, ::2].repeat_interleave(1, 0).expand(1, 1, -1, -1)], dim=2)
        x = torch.stack([x, x.clamp_min(0.1)], dim=-1).flatten(2).transpose(1, 2)
        x = nn.functional.hardtanh(x, -0.5, 0.75) / x.norm(dim=1, keepdim=True)
        x = nn.functional.gelu(x, approximate="tanh") - nn.functional.layer_norm(x, (1,))
        return x.sum((1,)) * 2 + x.select(1, -1)


def test_arguments_of_operators_are_kept() -> None:
    """Paddings, negative axes and indices, steps, approximations, scalars."""
    x = torch.linspace(-1, 1, 4 * 6 * 5).reshape(1, 4, 6, 5)
    content, expected = to_onnx(_Odd(), x)
    _agree(content, x, expected)


class _Outside(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cumsum(x, 1)


def test_an_operator_outside_the_table_goes_through_torchs_exporter() -> None:
    """The table need not know every operator for a net to be deployed."""
    x = torch.linspace(-1, 1, 12).reshape(1, 3, 4)
    with pytest.raises(LookupError, match=r"no aten\.cumsum"):
        trace(_Outside(), x)
    content, expected = to_onnx(_Outside(), x)
    _agree(content, x, expected)


class _NormOutside(nn.Module):
    """A norm over axes beside an operator that the table lacks."""

    def __init__(self, *, keep: bool) -> None:
        super().__init__()
        self.keep = keep

    def forward(self, x: Tensor) -> Tensor:
        unit = nn.functional.normalize(x, dim=-1)
        length: Tensor = x.norm(dim=(2, 3), keepdim=self.keep)
        return torch.cumsum(unit, 1) + length.sum()


@pytest.mark.parametrize("keep", [False, True])
def test_norms_over_axes_are_written_in_parts_by_torchs_exporter_too(keep: bool) -> None:
    """MNN 3.6.1 takes ReduceL2 over the whole tensor, whatever the axes: none is left."""
    onnx = pytest.importorskip("onnx")
    x = torch.linspace(-1, 1, 48).reshape(1, 3, 4, 4)
    content, expected = to_onnx(_NormOutside(keep=keep), x)
    kinds = [node.op_type for node in onnx.load_from_string(content).graph.node]
    assert "CumSum" in kinds
    assert kinds.count("Sqrt") == 2
    assert "ReduceL2" not in kinds
    _agree(content, x, expected)


def _with_filter_and_norm() -> Architecture:
    """A member with a global filter, which torch runs as Fourier transforms, and SDTA."""
    rng = np.random.default_rng(0)
    while True:
        net = SPACE.sample(rng)
        layers = [place.layer for place in net.places()]
        has_filter = any(isinstance(at, GnConv) and at.kernel == "global" for at in layers)
        if has_filter and any(isinstance(at, Sdta) for at in layers):
            return net.at(64)


def test_global_filters_are_traced_as_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's exporter, which takes 5 to 40 s for them, is not asked; by the transforms' output."""
    monkeypatch.setattr(onnx_files, "export", None)
    net = build(_with_filter_and_norm(), 10, seed=1).eval()
    for name, scale in net.named_parameters():
        if name.endswith("gamma"):
            nn.init.ones_(scale)  # 1e-6 would hide how a branch was computed
    x = torch.linspace(-2, 2, 3 * 64 * 64).reshape(1, 3, 64, 64)
    content, expected = to_onnx(net, x)
    assert torch.equal(expected, net(x).detach())
    _agree(content, x, expected)


def test_mnn_computes_a_member_with_a_global_filter_and_sdta() -> None:
    """None is refused for what MNN reads wrongly."""
    setup = installation()
    with Emulated(load("rk3288"), processes=1, installation=setup) as device:
        assert device.latency(_with_filter_and_norm()).latency_ms > 1


def test_exporting_leaves_the_module_as_it_was() -> None:
    """Mode and weights; what was exported is the module in evaluation mode."""
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    x = torch.ones(1, 3, 4, 4)
    content, _ = to_onnx(net, x)
    assert net.training
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    _agree(content, x, net.eval()(x).detach())


def test_alpha_of_an_addition_is_not_dropped() -> None:
    """What the table cannot say goes to torch's exporter."""

    class Scaled(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.add(x, x, alpha=3)

    x = torch.ones(1, 2)
    content, expected = to_onnx(Scaled(), x)
    _agree(content, x, expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobilenetv2_100", "edgenext_xx_small"])
def test_traced_nets_execute_what_exported_ones_do(name: str, tmp_path: Path) -> None:
    """The fast way to ONNX changes counted instructions by less than 1 %, the norm included."""
    found = installation()
    net = build(published.load(name).at((96, 96)), 100, seed=1).eval()
    x = torch.linspace(-1, 1, 3 * 96 * 96).reshape(1, 3, 96, 96)
    conversions = []
    for way in (trace, export):
        folder = tmp_path / way.__name__
        folder.mkdir()
        onnx = tmp_path / f"{way.__name__}.onnx"
        onnx.write_bytes(way(net, x)[0])
        conversions.append(Conversion(onnx, folder))
    models = RUNTIMES["mnn"].convert(conversions, found.tools("mnn"))
    with Emulator(installation=found) as emulator:
        ours, theirs = emulator.count_models(models)
    assert ours["fma_q"] == pytest.approx(theirs["fma_q"], rel=1e-4)
    sums = [sum(counts[kind] for kind in INSTRUCTIONS) for counts in (ours, theirs)]
    assert sums[0] == pytest.approx(sums[1], rel=1e-2)


def _deployed(expected: list[float]) -> Deployed:
    return Deployed("a_net", Path("x"), (1, 3, 2, 2), Path("y"), torch.tensor([expected]))


def _values(*numbers: float) -> bytes:
    return torch.tensor(numbers, dtype=torch.float32).numpy().tobytes()


def test_a_small_difference_from_torch_passes() -> None:
    """Kernels sum in other orders: a thousandth of the outputs' range is allowed."""
    _deployed([0.0, 10.0]).check(_values(0.009, 10.0))
    _deployed([0.0, 10.0]).check(_values(0.9, 10.0), half=True)


@pytest.mark.parametrize("output", [_values(0.011, 10.0), _values(float("nan"), 10.0)])
def test_a_model_that_computes_something_else_is_refused(output: bytes) -> None:
    """Wrong weights are never timed; not a number is no small difference."""
    with pytest.raises(Refused, match="a_net: the converted model computes something else"):
        _deployed([0.0, 10.0]).check(output)


def test_a_model_of_another_shape_is_refused() -> None:
    """The message says both sizes."""
    with pytest.raises(Refused, match="gives 1 numbers, torch 2"):
        _deployed([0.0, 10.0]).check(_values(1.0))


def test_layer_scales_and_biases_reach_the_output(tmp_path: Path) -> None:
    """Fresh ones (1e-6 and 0) would let a converter lose a whole branch unseen."""
    architecture = published.load("edgenext_xx_small").at((64, 64))
    tools = tmp_path / "tools"
    folder = tmp_path / "net"
    folder.mkdir()
    net = deploy(architecture, "onnxruntime", folder, tools, classes=10)
    fresh = build(architecture, 10, seed=0).eval()
    x = torch.from_numpy(np.fromfile(net.input, dtype=np.float32)).reshape(net.shape)
    with torch.no_grad():
        assert (fresh(x) - net.expected).abs().max() > 0.1
    net.check(_run(net.model.read_bytes(), x).tobytes())
