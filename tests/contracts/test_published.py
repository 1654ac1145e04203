"""What every published net promises: whatever file lies in ``archsearch/published`` is tested."""

from __future__ import annotations

import csv
import gc
import warnings
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from fourier_macs import fourier_macs
from onnxruntime import InferenceSession, SessionOptions
from torch import Tensor

from archsearch import published
from archsearch.architecture import Architecture
from archsearch.cost import count
from archsearch.devices.onnx_files import to_onnx
from archsearch.documents import dump, parse
from archsearch.errors import InputError
from archsearch.network import Network, build
from archsearch.space import architecture_of, load_space

ROOT = Path(__file__).resolve().parents[2]
COUNTS = ROOT.parent / "shared" / "reference" / "counts.csv"
SPACE = load_space(ROOT / "search_spaces" / "published.yaml")
NAMES = published.names()
BUILT_FOR = (64, 96)
# How counts.csv calls nets that it has under another code's name.
OTHER_NAMES = {
    **{f"mobilevit_{size}": f"mobilevit_{size}_cvnets" for size in ("xxs", "xs", "s")},
    **{f"deit_{size}": f"deit_{size}_patch16_224_timm" for size in ("tiny", "small")},
    **{name: f"{name}_timm" for name in ("resnet50", "mobilenetv2_100")},
}
UNCOUNTED = {"swin_tiny", "efficientnet_b0"}
"""Not in counts.csv; the parity test has their parameters."""

SMALLEST = (
    "cmt_ti", "convnext_xt", "deit_tiny", "edgenext_xx_small", "efficientnet_b0", "hornet_tiny_7x7",
    "hornet_tiny_gf", "mobilenetv2_100", "mobilevit_xxs", "parc_mobilenetv2", "parcnet_xs",
    "resnet50", "swin_tiny",
)  # fmt: skip
QUIET = SessionOptions()
QUIET.log_severity_level = 3


@cache
def reference_counts() -> dict[str, dict[str, str]]:
    """Counts of the official nets, by name."""
    with COUNTS.open() as file:
        return {row["model"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in UNCOUNTED])
def test_its_counts_are_those_of_the_official_code(name: str) -> None:
    """Parameters, MACs and resolution, exactly."""
    if not COUNTS.is_file():
        pytest.skip(f"no reference counts: {COUNTS} is absent")
    row = reference_counts()[OTHER_NAMES.get(name, name)]
    architecture = published.load(name)
    assert architecture.size == (int(row["resolution"]),) * 2
    assert count(architecture).params == int(row["params"])
    macs = count(architecture).macs - fourier_macs(architecture)
    assert macs == int(row["macs_conv_matmul_exact"])


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_member_of_the_published_space(name: str) -> None:
    """Its choices give the identical net."""
    architecture = published.load(name)
    assert SPACE.decode(SPACE.encode(architecture)).id == architecture.id


@pytest.mark.parametrize("name", NAMES)
def test_it_is_called_as_its_file(name: str) -> None:
    """So that a table's row leads to a file."""
    assert published.load(name).name == name


@pytest.mark.parametrize("name", NAMES)
def test_it_is_written_and_read_again_as_the_same_net(name: str) -> None:
    """Architecture to file to architecture."""
    architecture = published.load(name)
    again = architecture_of(parse(dump(architecture.to_data()), name))
    assert again == architecture
    assert again.id == architecture.id


@pytest.mark.parametrize(("alias", "name"), published.ALIASES.items())
def test_an_alias_is_its_net(alias: str, name: str) -> None:
    """PaCC-Net and ParC-Net are two titles of one net."""
    assert published.load(alias) == published.load(name)
    assert alias not in NAMES


def test_an_unknown_net_is_an_error() -> None:
    """It names the nearest; aliases are names too."""
    with pytest.raises(InputError, match=r"unknown net 'hornet_tiny'; did you mean 'hornet_tiny_"):
        published.load("hornet_tiny")
    with pytest.raises(InputError, match=r"unknown net 'paccnet_m'; did you mean 'paccnet_"):
        published.load("paccnet_m")


def sizes(architecture: Architecture) -> list[tuple[int, int]]:
    """Its own size, and an oblong one of as many stages."""
    height, width = architecture.size
    return [(height, width), (height - 32, width + 32)]


@pytest.mark.parametrize("name", NAMES)
def test_it_gives_logits_and_the_map_of_every_stage(name: str) -> None:
    """At its own size and at an oblong one, with the widths of its stages."""
    architecture = published.load(name)
    with torch.device("meta"), torch.no_grad():
        module = build(architecture, 10).eval()
        for size in sizes(architecture):
            x = torch.empty(2, 3, *size)
            assert module(x).shape == (2, 10)
            maps = module.features(x)
            assert [m.shape[1] for m in maps] == [stage.width for stage in architecture.stages]
            site = architecture.at(size).out_site()
            assert maps[-1].shape[1:] == (site.channels, site.height, site.width)


def noise(*shape: int) -> Tensor:
    """Standard normal values from a local generator."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def built(name: str) -> Network:
    """The net for small images that are not square; two cores can train all of them at that size.

    Every net has its own widths and depths, those of 200 million parameters too.
    """
    return build(published.load(name), 5, resolution=BUILT_FOR, seed=0)


@pytest.mark.parametrize("size", [BUILT_FOR, (96, 96)], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_it_learns(name: str, size: tuple[int, int]) -> None:
    """At the size that it was built for and at another, every parameter gets a gradient."""
    module = built(name)
    logits = module(noise(2, 3, *size))
    assert logits.isfinite().all()
    (logits * noise(2, 5)).sum().backward()
    gradients = {name: parameter.grad for name, parameter in module.named_parameters()}
    assert [name for name, g in gradients.items() if g is None or not g.any()] == []
    assert [name for name, g in gradients.items() if g is None or not g.isfinite().all()] == []


def with_weights_that_count(name: str) -> Network:
    """A net whose blocks all change its logits, as layer scales of 1e-6 hide most of them."""
    module = built(name).eval()
    for weight_name, weight in module.named_parameters():
        if "gamma" in weight_name:
            torch.nn.init.constant_(weight, 0.5)
    return module


def ensure_same_logits(session: InferenceSession, x: Tensor, expected: Tensor) -> None:
    """Within 1e-4 of their spread."""
    (given,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    atol = 1e-4 * float(expected.std())
    np.testing.assert_allclose(given, expected.numpy(), rtol=0, atol=atol)


@pytest.mark.parametrize("name", NAMES)
def test_onnxruntime_gives_the_same_logits(name: str) -> None:
    """Of the file that ``archsearch export --to onnx`` and every runtime get."""
    x = noise(1, 3, *BUILT_FOR)
    content, expected = to_onnx(with_weights_that_count(name), x)
    ensure_same_logits(InferenceSession(content, providers=["CPUExecutionProvider"]), x, expected)


@pytest.mark.parametrize("name", SMALLEST)
def test_torch_exports_it_to_onnx(name: str) -> None:
    """Its own exporter, which takes 10 s for what ours does in one: the smallest of a family."""
    module, x = with_weights_that_count(name), noise(1, 3, *BUILT_FOR)
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecated calls
        path = Path(folder) / "net.onnx"
        torch.onnx.export(module, (x,), path, dynamo=True, verbose=False, optimize=False)
        session = InferenceSession(path, QUIET, ["CPUExecutionProvider"])
        with torch.no_grad():
            ensure_same_logits(session, x, module(x))
    gc.collect()  # an exported net holds itself in a circle
