"""``archsearch export`` and ``archsearch run --log``: what they print, write and refuse."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pandas as pd
import pytest
import torch
from commands import call, printed, refused
from PIL import Image

from archsearch.checkpoints import read_safetensors
from archsearch.exports.nets import NET_FORMATS
from archsearch.exports.runs import PLACE_FORMATS, TABLE_FORMATS
from archsearch.results import open_run
from archsearch.trackers import TRACKERS

ROOT = Path(__file__).parent.parent
STUDY = Path(__file__).parent / "data" / "tiny_study.yaml"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_trial_becomes_a_file_named_after_run_and_number(tiny_run: Path, tmp_path: Path) -> None:
    """It says what the weights are, on what it was checked, and how far it is from torch."""
    said = printed("export", f"{tiny_run}:0", "--to", "torchscript")
    number = re.search(r"largest difference from torch +(\S+) \(", said)
    assert number is not None
    assert float(number[1]) <= 1e-5
    assert "drawn from seed 0, not trained" in said
    size = open_run(tiny_run).architecture(0).size
    assert f"8 images of mnist5k at {size[0]} x {size[1]}" in said
    assert said.endswith("wrote tiny_0.pt\n")
    assert [file.name for file in tmp_path.iterdir()] == ["tiny_0.pt"]


def test_weights_images_and_name_can_be_given(tiny_run: Path, tmp_path: Path) -> None:
    """A seed, an image file, a target without an ending, another resolution."""
    Image.new("RGB", (50, 40), (10, 200, 30)).save(tmp_path / "leaf.png")
    given = ["--weights", "5", "--image", "leaf.png", "--resolution", "32x24"]
    said = printed("export", f"{tiny_run}:1", "mine", "--to", "safetensors", *given)
    assert "leaf.png at 32 x 24" in said
    assert said.endswith("wrote mine.safetensors\n")
    again = ["export", f"{tiny_run}:1", "again", "--to", "safetensors", "--weights"]
    printed(*again, "mine.safetensors", "--data", "digits", "--resolution", "32x24")
    first, second = (read_safetensors(tmp_path / f"{n}.safetensors") for n in ("mine", "again"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_number_of_images_can_be_given(tiny_run: Path, tmp_path: Path) -> None:
    """Any, so many, and nothing else."""
    pytest.importorskip("onnxruntime")
    for number in ("any", "4"):
        said = printed(
            "export", f"{tiny_run}:0", f"{number}.onnx", "--to", "onnx", "--batch", number
        )
        assert said.endswith(f"wrote {number}.onnx\n")
    for number in ("0", "-1", "two", "²"):
        told = refused("export", f"{tiny_run}:0", "--to", "onnx", f"--batch={number}")
        assert f"--batch {number}: is no number of images; give 1 or more, or any" in told
    assert {file.name for file in tmp_path.iterdir()} == {"any.onnx", "4.onnx"}


def test_a_python_file_comes_with_its_weights(tiny_run: Path, tmp_path: Path) -> None:
    """Both are named."""
    said = printed("export", f"{tiny_run}:0", "net.py", "--to", "python", "--data", "digits")
    assert said.endswith("wrote net.py and net.safetensors\n")
    assert {file.name for file in tmp_path.iterdir()} == {"net.py", "net.safetensors"}
    assert "class Net(nn.Module):" in (tmp_path / "net.py").read_text()


@pytest.mark.parametrize("name", sorted(TABLE_FORMATS))
def test_tables_go_to_a_file_or_to_stdout(name: str, tiny_run: Path, tmp_path: Path) -> None:
    """Every format of tables."""
    if name == "parquet":
        pytest.importorskip("pyarrow", reason="pyarrow (of the extra 'export') is absent")
    ending = TABLE_FORMATS[name].ending
    said = printed("export", tiny_run, "--to", name, "--table", "trials")
    assert said == f"wrote tiny_trials.{ending}\n"
    result = call("export", tiny_run, "-", "--to", name, "--table", "trials")
    assert result.stdout_bytes == (tmp_path / f"tiny_trials.{ending}").read_bytes()


def test_a_table_is_of_the_front_if_nothing_is_said(tiny_run: Path) -> None:
    """As ``archsearch pareto`` shows it."""
    found = pd.read_csv(io.StringIO(printed("export", tiny_run, "-", "--to", "csv")))
    assert list(found["number"]) == list(open_run(tiny_run).pareto()["number"])


def test_a_run_becomes_a_study_of_optunas(tiny_run: Path, tmp_path: Path) -> None:
    """In a database named after it, and nothing twice."""
    said = printed("export", tiny_run, "--to", "optuna")
    assert said == "sqlite:///tiny.optuna.db: study 'tiny', 8 trials added to 0\n"
    assert (tmp_path / "tiny.optuna.db").is_file()
    assert "0 trials added to 8" in printed("export", tiny_run, "--to", "optuna")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(TRACKERS))
def test_a_run_is_logged_while_it_goes_on_and_after_it(name: str) -> None:
    """``run --log``, then the same by ``export``: which finds everything there."""
    pytest.importorskip(name, reason=f"{name} (an extra) is absent")
    place = "sqlite:///ml.db" if name == "mlflow" else "logs"
    log = ["--log", f"{name}:{place}"]
    printed("run", STUDY, "--out", "run", "--trials", "4", *log)
    printed("run", STUDY, "--out", "run", *log)
    assert printed("export", "run", place, "--to", name) == f"{place}: 0 trials added to 8\n"
    other = place.replace("ml", "other").replace("logs", "other")
    assert printed("export", "run", other, "--to", name) == f"{other}: 8 trials added to 0\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["RUN", "--to", "onx"], "--to onx: there is no such format; did you mean 'onnx'?"),
        (["RUN", "--to", "onnx"], "is a folder; name one trial of a run"),
        (["RUN:0", "--to", "csv"], "give the folder of a run"),
        (["RUN:0", "net.onnx", "--to", "python"], r"net\.onnx: --to python writes .* in \.py"),
        (["RUN:0", "no/net.py", "--to", "python"], "there is no folder no; make it"),
        (["RUN", "--to", "csv", "--table", "all"], "--table all: there is no such table"),
        (["RUN:0", "--to", "python", "--weights", "w.pth"], "no such file or folder"),
        (["RUN:0", "--to", "python", "--image", "a.png"], "cannot be read as an image"),
        (["RUN:0", "--to", "python", "--data", "mnist"], "mnist5k"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    arguments: list[str], message: str, tiny_run: Path, tmp_path: Path
) -> None:
    """In one line, with what to do, and nothing is written."""
    given = [argument.replace("RUN", str(tiny_run)) for argument in arguments]
    assert re.search(message, refused("export", *given))
    assert not list(tmp_path.iterdir())


def test_an_unknown_tracker_begins_no_run(tmp_path: Path) -> None:
    """Nothing is written."""
    assert "did you mean 'mlflow'?" in refused("run", STUDY, "--out", "run", "--log", "mlflw")
    assert not list(tmp_path.iterdir())


def test_every_format_and_tracker_is_described() -> None:
    """docs/export.md and the command's help name each of them."""
    page = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    text = printed("export", "--help")
    for name in (*NET_FORMATS, *TABLE_FORMATS, *PLACE_FORMATS):
        assert f"`{name}`" in page, f"write a line about {name} in docs/export.md"
        assert name in text
    assert TRACKERS.keys() <= PLACE_FORMATS.keys()
