"""What every published net promises: whatever file lies in ``archsearch/published`` is tested."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from fourier_macs import fourier_macs
from torch import Tensor

from archsearch import published
from archsearch.architecture import Architecture
from archsearch.cost import count
from archsearch.documents import dump, parse
from archsearch.errors import InputError
from archsearch.network import Network, build
from archsearch.space import architecture_of, load_space

ROOT = Path(__file__).resolve().parents[2]
COUNTS = ROOT.parent / "shared" / "reference" / "counts.csv"
IDS = ROOT / "tests" / "data" / "published_ids.json"
SPACE = load_space(ROOT / "search_spaces" / "published.yaml")
NAMES = published.names()
# The others are forwarded without numbers (see below), and compared by tests/test_parity.py.
SMALL = [name for name in NAMES if count(published.load(name)).params <= 8e6]
# How counts.csv calls nets that it has under another code's name.
OTHER_NAMES = {
    **{f"mobilevit_{size}": f"mobilevit_{size}_cvnets" for size in ("xxs", "xs", "s")},
    **{f"deit_{size}": f"deit_{size}_patch16_224_timm" for size in ("tiny", "small")},
    **{name: f"{name}_timm" for name in ("resnet50", "mobilenetv2_100")},
}
UNCOUNTED = {"swin_tiny", "efficientnet_b0"}
"""Not in counts.csv; the parity test has their parameters."""


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


def test_ids_never_change() -> None:
    """Runs and files of other people hold them; a net that is new gets a line in the file."""
    recorded = json.loads(IDS.read_text(encoding="utf-8"))
    assert {name: published.load(name).id for name in NAMES} == recorded
    assert len(set(recorded.values())) == len(recorded)


def test_ids_are_the_same_in_another_process() -> None:
    """With other hashes of strings."""
    code = (
        "from archsearch import published as p\n"
        "print({name: p.load(name).id for name in p.names()})"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    printed = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(printed.replace("'", '"')) == json.loads(IDS.read_text(encoding="utf-8"))


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


def small(name: str) -> Network:
    """The net for images of 96 x 96, which two cores can train."""
    return build(published.load(name), 5, resolution=96, seed=0)


@pytest.mark.parametrize("size", [(96, 96), (64, 128)])
@pytest.mark.parametrize("name", SMALL)
def test_it_learns(name: str, size: tuple[int, int]) -> None:
    """Every parameter gets a finite gradient."""
    module = small(name)
    logits = module(noise(2, 3, *size))
    assert logits.isfinite().all()
    logits.square().sum().backward()
    gradients = {name: parameter.grad for name, parameter in module.named_parameters()}
    assert [name for name, gradient in gradients.items() if gradient is None] == []
    assert all(g.isfinite().all() for g in gradients.values() if g is not None)


@pytest.mark.parametrize("name", SMALL)
def test_onnxruntime_gives_the_same_logits(name: str, tmp_path: Path) -> None:
    """Within 1e-4, with weights at which every block counts."""
    module = small(name).eval()
    for weight_name, weight in module.named_parameters():
        if "gamma" in weight_name:
            torch.nn.init.constant_(weight, 0.5)
    x = noise(1, 3, 96, 96)
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecated calls
        torch.onnx.export(module, (x,), path, dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    with torch.no_grad():
        expected = module(x).numpy()
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-4 * expected.std())
