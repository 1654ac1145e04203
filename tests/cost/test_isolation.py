"""Counters leave nothing behind: no torchvision, no patches, no noise."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from archsearch.cost.counters import COUNTERS, ptflops_pytorch
from archsearch.cost.counters.isolation import blocked, restored, wrapped

ROOT = Path(__file__).resolve().parents[2]
IMAGE = torch.zeros(1, 3, 8, 8)


def net() -> nn.Module:
    """A net whose parts every counter has rules for."""
    layers = nn.Conv2d(3, 4, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    return nn.Sequential(*layers).eval()


def python(code: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh process that finds packages in ``paths`` first."""
    found = os.pathsep.join(str(path) for path in (*paths, ROOT))
    environment = {**os.environ, "PYTHONPATH": found}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_counting_imports_neither_torchvision_nor_timm(tmp_path: Path) -> None:
    """Though they are there and break on import; and it prints nothing."""
    for package in ("torchvision", "timm"):
        (tmp_path / package).mkdir()
        broken = f"raise RuntimeError('operator {package}::nms does not exist')"
        (tmp_path / package / "__init__.py").write_text(broken, encoding="utf-8")
    ended = python(
        "import sys, torch\n"
        "from torch import nn\n"
        "from archsearch.cost.counters import COUNTERS\n"
        "assert not {'fvcore', 'ptflops'} & set(sys.modules), 'imported before they count'\n"
        "for counter in COUNTERS.values():\n"
        "    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.GELU())\n"
        "    assert counter.count(module, torch.zeros(1, 3, 8, 8)).macs >= 768\n"
        "assert {'fvcore', 'ptflops'} <= set(sys.modules)\n"
        "assert not {'torchvision', 'timm'} & set(sys.modules), 'left in sys.modules'\n",
        tmp_path,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize("name", COUNTERS)
def test_counting_leaves_torch_as_it_was_and_says_nothing(
    name: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A second count in the same process therefore gives the same."""
    places = torch, torch.nn.functional
    before = [dict(vars(place)) for place in places]
    matmul = torch.Tensor.matmul
    with caplog.at_level(logging.INFO):
        first = COUNTERS[name].count(net(), IMAGE)
        second = COUNTERS[name].count(net(), IMAGE)
    assert first == second
    for place, attributes in zip(places, before, strict=True):
        assert [n for n, value in attributes.items() if vars(place)[n] is not value] == []
    assert torch.Tensor.matmul is matmul
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_ptflops_that_gives_up_is_an_error_that_says_why() -> None:
    """Torch is whole again afterwards."""
    relu = F.relu
    with pytest.raises(RuntimeError, match=r"backend pytorch: (.|\n)*shape"):
        ptflops_pytorch.count(nn.Sequential(nn.Linear(5, 2), nn.ReLU()), IMAGE)
    assert F.relu is relu


def test_a_blocked_package_is_back_afterwards() -> None:
    """The module that was imported, or none."""
    with blocked("json", "no_such_package"), pytest.raises(ImportError):
        import json  # noqa: F401
    assert sys.modules["json"].__name__ == "json"
    assert "no_such_package" not in sys.modules


def test_what_is_replaced_is_put_back_after_an_error_too() -> None:
    """Attributes of modules and entries of tables."""
    relu, table = F.relu, {"a": 1}

    def replace() -> None:
        with restored(F), wrapped(table, lambda key, value: (key, value)):
            assert table == {"a": ("a", 1)}
            F.relu = None
            raise KeyError

    with pytest.raises(KeyError):
        replace()
    assert F.relu is relu
    assert table == {"a": 1}
