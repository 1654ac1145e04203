"""The command line: what it prints, what it writes, how it ends."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from commands import call, printed, refused
from run_files import contents

import archsearch
from archsearch.cost.extremes import extremes
from archsearch.documents import read
from archsearch.results import open_run
from archsearch.schema import architecture_schema, space_schema
from archsearch.space import architecture_of, load_space
from archsearch.study_schema import study_schema

DATA = Path(__file__).parent / "data"
STUDY, SPACE = DATA / "tiny_study.yaml", DATA / "tiny.yaml"
PROCESS = [sys.executable, "-m", "archsearch"]

HEAVY = ("torch", "numpy", "pandas", "ray", "optuna", "pydantic", "matplotlib", "sqlalchemy")


@pytest.fixture
def study(tmp_path: Path) -> Callable[..., Path]:
    """Copies of the tiny study and its space, in which texts are replaced."""

    def changed(*changes: tuple[str, str]) -> Path:
        for file in (STUDY, SPACE):
            text = file.read_text()
            for old, new in changes:
                text = text.replace(old, new)
            (tmp_path / file.name).write_text(text)
        return tmp_path / STUDY.name

    return changed


@pytest.fixture
def run_copy(tiny_run: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_run, tmp_path / "runs" / "tiny")


@pytest.fixture
def untouched(run_copy: Path) -> Iterator[Path]:
    """A run that must be the same afterwards, byte for byte."""
    before = contents(run_copy)
    yield run_copy
    assert contents(run_copy) == before


# Help


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["space", "--help"], ["--version"]]
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    """So that it answers at once; a real process, as heavy modules are loaded in this one.

    Some versions of typer import pydantic for the help of a command that has parameters.
    """
    code = (
        "import sys\nfrom archsearch.cli import main\n"
        f"sys.argv = ['archsearch', *{arguments}]\n"
        "try:\n    main()\nfinally:\n    print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout
    unavoidable = {"pydantic"} if len(arguments) > 1 else set()
    assert set(HEAVY) & set(done.stderr.split()) <= unavoidable


def test_every_command_has_help() -> None:
    """With one line on each in the list."""
    listed = printed("--help")
    for command in ("run", "status", "pareto", "list", "schema", "space"):
        assert re.search(rf"{command} +\w", listed)
        assert "Usage" in printed(command, "--help")


def test_the_version_is_the_package_s() -> None:
    """And nothing else is printed."""
    assert printed("--version") == archsearch.__version__ + "\n"


# run


def test_a_run_prints_its_front_and_writes_it(tmp_path: Path) -> None:
    """In a real process: a table, what was done on the way, and two files that say the same."""
    done = subprocess.run(
        [*PROCESS, "run", STUDY, "--trials", "4"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "runs" / "tiny"
    front = open_run(folder).pareto()
    assert "tiny is complete: 4 of 4 trials are done" in done.stdout
    assert re.search(r"screened \d\d, rejected .*, scored 4, trained 2, failed 0", done.stdout)
    assert "wrote runs/tiny/pareto.csv and runs/tiny/front.png" in done.stdout
    assert re.search(r"0\.\d{3} ± 0\.\d{3} +\d+(\.\d+)? k", done.stdout)
    for net, blocks in zip(front["net"], front["blocks"], strict=True):
        assert net in done.stdout
        assert blocks.strip() in done.stdout
    rows = list(csv.DictReader((folder / "pareto.csv").read_text().splitlines()))
    assert [row["net"] for row in rows] == list(front["net"])
    assert (folder / "front.png").read_bytes().startswith(b"\x89PNG")
    assert "generation 0" in done.stderr
    assert "finished: 4 of 4 trials done" in done.stderr


def test_a_complete_run_says_so_and_prints_the_same(run_copy: Path) -> None:
    """Nothing is done again."""
    before = open_run(run_copy).trials
    output = printed("run", STUDY, "--out", run_copy)
    assert "tiny was already complete: 8 of 8 trials are done" in output
    assert open_run(run_copy).pareto()["net"][0] in output
    assert open_run(run_copy).trials.equals(before)


def test_a_larger_budget_goes_on(run_copy: Path) -> None:
    """What was there stays, and what is new comes behind it."""
    before = open_run(run_copy).trials["architecture_id"]
    assert "tiny is complete: 10 of 10" in printed("run", STUDY, "--out", run_copy, "--trials", 10)
    after = open_run(run_copy).trials["architecture_id"]
    assert len(after) == 10
    assert list(after[:8]) == list(before)
    assert "10 of 10 done" in printed("status", run_copy)


def test_a_run_without_time_says_that_there_is_no_front(tmp_path: Path) -> None:
    """Instead of an empty table."""
    output = printed("run", STUDY, "--out", tmp_path / "r", "--minutes", "1e-9")
    assert "out of time: 0 of 8 trials are done; a larger --minutes goes on" in output
    assert "no trial was completed, so there is no front yet" in output
    assert not (tmp_path / "r" / "pareto.csv").exists()


def test_a_run_in_which_every_trial_fails_says_why(tmp_path: Path) -> None:
    """With the reasons beside the number."""
    output = printed(
        "run", STUDY, "--out", tmp_path / "r", "--trials", 4, "--set", "training.time_limit_s=1e-9"
    )
    assert re.search(r"failed \d \(\d train: ", output)
    assert "no trial was completed" in output


@pytest.mark.parametrize("engine", ["engine: {name: ray, workers: 1, threads: 1}", "engine: ray"])
def test_the_engine_can_be_changed_in_either_form(
    study: Callable[..., Path], engine: str, tmp_path: Path
) -> None:
    """The rest of the engine's settings stays."""
    path = study(("engine: {name: local, workers: 1, threads: 1}", engine))
    output = printed(
        "run", path, "--out", tmp_path / "r", "--engine", "local", "--trials", 1, "--set",
        "start.keep=0",
    )  # fmt: skip
    assert "1 of 1 trials are done" in output
    written = read(tmp_path / "r" / "study.yaml").data["engine"]
    assert written["name"] == "local"


def test_an_interrupted_run_ends_with_130_and_goes_on(tmp_path: Path) -> None:
    """Control-C in a real process: one line, no traceback, and the same command finishes it."""
    arguments = ["run", str(STUDY), "--out", str(tmp_path / "r"), "--trials", "4000"]
    process = subprocess.Popen(
        [*PROCESS, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background, a shell has made them and theirs deaf to it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    while not re.search("[1-9] of 4000 trials done", process.stderr.readline()):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.endswith("stopped; the same command goes on\n")
    assert "Traceback" not in errors
    left = open_run(tmp_path / "r").summary()
    assert 1 <= left.done < 4000
    output = printed("run", STUDY, "--out", tmp_path / "r", "--trials", left.done + left.waiting)
    assert "is complete" in output


# What a run refuses


def test_a_missing_study_is_refused(tmp_path: Path) -> None:
    """With its path."""
    assert "no.yaml: no such file" in refused("run", tmp_path / "no.yaml")


BAD_FILES = {
    "broken YAML": ("sampler: random", "sampler: [random", r"tiny_study.yaml:\d+: broken YAML"),
    "a space that is not there": ("space: tiny.yaml", "space: none.yaml", "none.yaml: no such"),
    "an unknown block": (
        "gnconv:", "gnconw:", r"tiny\.yaml:16: stages\.1\.blocks\.0.*gnconw.*did you mean 'gnconv'",
    ),
    "an impossible range": (
        "repeat: {int: [0, 1]}", "repeat: {int: [3, 1]}", r"tiny\.yaml:13: .*repeat.*low=3 high=1",
    ),
    "an unknown key": (
        "seed: 3", "sead: 3", r"tiny_study\.yaml:4: sead: unknown key 'sead'; did you mean 'seed'",
    ),
    "objectives that contradict": (
        "{minimize: macs}", "{minimize: val_accuracy}",
        "objectives.1: val_accuracy is already to be maximized; keep one of the two",
    ),
    "an unknown measure": (
        "{minimize: macs}", "{minimize: mac}", "unknown measure 'mac'; did you mean 'macs'",
    ),
    "an unknown sampler": ("sampler: random", "sampler: ramdom", "did you mean 'random'"),
    "an unknown source": ("name: digits", "name: digit", "did you mean 'digits'"),
    "images that are not there": (
        "{name: digits, train: 200, validation: 100}", "{name: cifar10, path: nowhere}", "nowhere",
    ),
    "more images than there are": ("train: 200", "train: 200000", "200000 images need"),
    "a limit that no member meets": (
        "at_most: 20000", "at_most: 100",
        r"constraints\.params: no member of tiny meets at_most:? 100; .* found has 1,\d{3}",
    ),
    "a budget of nothing": ("trials: 8", "trials: 0", "budget.trials: got 0"),
    "an unknown engine": ("name: local", "name: slurm", "engine.name: got 'slurm'"),
    "a published net that is no member": (
        "keep: 3", "keep: 3, nets: [edgenext_xx_small]", "edgenext_xx_small is not a member",
    ),
    "another version": ("schema: 1", "schema: 7", "got schema 7|got 7"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_study_is_refused_and_runs_are_left_alone(
    study: Callable[..., Path], untouched: Path, old: str, new: str, message: str
) -> None:
    """Exit code 2, one line that says what and where, and nothing written: new run or old one."""
    path = study((old, new))
    assert re.search(message, refused("run", path, "--out", path.parent / "new"))
    assert not (path.parent / "new").exists()
    refused("run", path, "--out", untouched)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("budget.trials", r"--set budget\.trials: expected PATH=VALUE"),
        ("=3", "--set =3: expected PATH=VALUE"),
        ("budget.trails=3", "unknown key 'trails'; did you mean 'trials'"),
        ("budget.trials=many", "--set budget.trials=many: budget.trials: got 'many'"),
        ("objectives.7={minimize: params}", "--set objectives.7=.*: there is no 7"),
        ("training.epochs=[", r"--set training\.epochs=\[.*broken YAML"),
    ],
)
def test_a_bad_override_is_refused(untouched: Path, override: str, message: str) -> None:
    """With the override as the place of the error."""
    assert re.search(message, refused("run", STUDY, "--out", untouched, "--set", override))


def test_the_folder_of_another_study_is_refused(untouched: Path) -> None:
    """Saying what differs."""
    message = refused("run", STUDY, "--out", untouched, "--set", "seed=4")
    assert "holds the run of another study (different: seed)" in message


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    """And they are left alone."""
    (tmp_path / "letter.txt").write_text("dear")
    assert "is not empty and holds no run" in refused("run", STUDY, "--out", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_full_disk_is_said_and_nothing_is_lost(
    run_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is safe, and what to do."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "front.png")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", full)
    result = call("run", STUDY, "--out", run_copy)
    assert result.exit_code == 2
    assert "error: front.png: the disk is full; every finished trial is safe" in result.stderr
    assert "give the same command again" in result.stderr
    assert len(open_run(run_copy).trials) == 8


# status, pareto, list


def test_status_says_how_far_a_run_is(tiny_run: Path) -> None:
    """A line each; by folder or by database."""
    output = printed("status", tiny_run)
    assert "8 of 8 done: 4 complete, 4 stopped, 0 failed; 0 waiting" in output
    assert re.search(r"best +val_accuracy 0\.\d{3} ± 0\.\d{3} \(trial \d\)", output)
    assert printed("status", tiny_run / "run.sqlite") == output


def test_pareto_prints_the_front(tiny_run: Path) -> None:
    """Numbers to the right, the spread explained below."""
    output = printed("pareto", tiny_run)
    front = open_run(tiny_run).pareto()
    lines = [line for line in output.splitlines() if re.match(r" +\d+ ", line)]
    assert [line.split()[1] for line in lines] == list(front["net"])
    assert "± is the standard deviation" in output


def test_pareto_writes_csv_and_json_to_stdout(tiny_run: Path) -> None:
    """Nothing else is on it, so that it can be piped."""
    front = open_run(tiny_run).pareto()
    rows = list(csv.DictReader(io.StringIO(printed("pareto", tiny_run, "--csv", "-"))))
    records = json.loads(printed("pareto", tiny_run, "--json", "-"))
    assert [row["net"] for row in rows] == [record["net"] for record in records]
    assert [record["macs"] for record in records] == list(front["macs"])


def test_pareto_writes_files(tiny_run: Path, tmp_path: Path) -> None:
    """Each in its format, with the paths on stdout."""
    targets = [tmp_path / name for name in ("a.csv", "a.json", "a.svg", "a.png")]
    output = printed("pareto", tiny_run, "--csv", targets[0], "--json", targets[1], "--plot",
                     targets[2])  # fmt: skip
    assert output == "".join(f"wrote {path}\n" for path in targets[:3])
    printed("pareto", tiny_run, "--x", "params", "--plot", targets[3])
    assert targets[0].read_text().startswith("number,net,val_accuracy,")
    assert len(json.loads(targets[1].read_text())) >= 1
    assert "<svg" in targets[2].read_text()
    assert targets[3].read_bytes().startswith(b"\x89PNG")


def test_pareto_takes_other_measures(tiny_run: Path) -> None:
    """As objectives by name, or as the axes of a figure."""
    results = open_run(tiny_run)
    for arguments, objectives in (
        (["--objectives", "naswot,params"], ["naswot", "params"]),
        (["--x", "params"], ["val_accuracy", "params"]),
        (["--x", "params", "--y", "naswot"], ["naswot", "params"]),
    ):
        records = json.loads(printed("pareto", tiny_run, *arguments, "--json", "-"))
        assert [r["number"] for r in records] == list(results.pareto(objectives)["number"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--x", "parms"], "unknown measure 'parms'; did you mean 'params'"),
        (["--objectives", "latency_ms"], "latency_ms was not measured in this run"),
        (["--plot", "front.xyz"], "no figure has the format 'xyz'"),
        (["--csv", "/nowhere/at/all.csv"], "/nowhere/at/all.csv: No such file"),
    ],
)
def test_pareto_refuses_what_it_cannot_do(
    tiny_run: Path, arguments: list[str], message: str
) -> None:
    """In one line."""
    assert message in refused("pareto", tiny_run, *arguments)


@pytest.mark.parametrize("command", ["status", "pareto"])
def test_looking_at_what_is_no_run_is_refused(command: str, tmp_path: Path) -> None:
    """With what was found instead."""
    assert f"{tmp_path}: is empty; give the folder of a run" in refused(command, tmp_path)


def test_looking_leaves_a_run_as_it_was(untouched: Path) -> None:
    """Byte for byte: the fixture looks after the test."""
    printed("status", untouched)
    printed("pareto", untouched, "--plot", "-")
    printed("list", untouched.parent)


def test_list_shows_every_run(run_copy: Path) -> None:
    """Also one that cannot be read; a folder without runs says so."""
    broken = run_copy.parent / "broken"
    broken.mkdir()
    (broken / "run.sqlite").write_text("?" * 500)
    output = printed("list", run_copy.parent)
    assert re.search(r"broken +unreadable: .*is no run of archsearch", output)
    assert re.search(
        r"tiny +finished +8/8 +val_accuracy 0\.\d+.* \d{4}-\d\d-\d\d \d\d:\d\d", output
    )
    assert printed("list", broken) == f"{broken}: holds no run\n"
    assert "no such folder" in refused("list", broken / "no")


# space, schema


def test_describe_prints_size_leaves_and_costs() -> None:
    """Every open leaf with its values, as the file writes them."""
    output = printed("space", "describe", SPACE, "-n", 50)
    space = load_space(SPACE)
    assert f"{space.size:,} points, 10^2.51; no two give the same architecture" in output
    for path, domain in space.leaves():
        assert re.search(rf"{re.escape(path)} +{', '.join(map(str, domain.labels))}", output)
    assert "between them, 50 random ones" in output
    assert re.search(r"params( +\d+(\.\d+)? k){7}", output)
    ends = extremes(space.tree)
    assert re.search(rf"smallest params +{ends.smallest['params'].value:,} +16x16 ", output)
    assert re.search(rf"largest macs +{ends.largest['macs'].value:,} +24x24 +16: ", output)


def test_describe_counts_the_members_within_a_study_s_limits() -> None:
    """And what each limit refuses, together with others and alone."""
    output = printed("space", "describe", SPACE, "--study", STUDY, "-n", 1000)
    found = re.search(r"(\d+) of 1,000 random members meet the limits of tiny: (\S+) %", output)
    refuses = re.search(r"params: at_most 20,000 +(\S+) % +(\S+) %", output)
    assert found is not None
    assert refuses is not None
    assert float(found[2]) == int(found[1]) / 10
    assert float(found[2]) + float(refuses[1]) == pytest.approx(100)
    assert refuses[1] == refuses[2]
    low, high = (float(text) for text in re.findall(r"(\S+) %", output.split("interval:")[1])[:2])
    assert low < float(found[2]) < high


def test_describe_says_which_limit_refuses_most_and_which_no_member_meets(
    study: Callable[..., Path], tmp_path: Path
) -> None:
    """A limit that cannot be met with the exact value that comes closest."""
    impossible = study(
        ("{params: {at_most: 20000}}", "{params: {at_most: 12}, macs: {at_least: 9}}")
    )
    output = printed("space", "describe", tmp_path / "tiny.yaml", "--study", impossible)
    least = extremes(load_space(SPACE).tree, 10).smallest["params"].value
    assert f"no member meets params: at_most 12; the closest has exactly {least:,}" in output
    assert "the limit on params refuses most, and most that no other limit refuses" in output
    assert (
        "0 of 10,000 random members meet the limits of tiny: 0.0 % (95 % interval: 0.0 %" in output
    )


def test_sample_prints_or_writes_members(tmp_path: Path) -> None:
    """The files are the members of the table."""
    output = printed("space", "sample", SPACE, "-n", 3, "--yaml", tmp_path / "nets")
    files = sorted((tmp_path / "nets").iterdir())
    assert len(files) == 3
    for file in files:
        assert architecture_of(read(file)).id == file.stem
        assert file.stem in output
    assert printed("space", "sample", SPACE, "-n", 3, "--seed", 1) != output


def test_a_space_that_is_wrong_is_refused(study: Callable[..., Path], tmp_path: Path) -> None:
    """By both commands, with file and line."""
    study(("conv_encoder:", "conv_encodr:"))
    for command in ("describe", "sample"):
        message = refused("space", command, tmp_path / "tiny.yaml")
        assert re.search(r"tiny\.yaml:9: .*did you mean 'conv_encoder'", message)
    assert "has 320 points" in refused("space", "sample", SPACE, "-n", 321)


@pytest.mark.parametrize(
    ("kind", "schema"),
    [("architecture", architecture_schema), ("space", space_schema), ("study", study_schema)],
)
def test_schema_prints_or_writes(kind: str, schema: Callable[[], object], tmp_path: Path) -> None:
    """The same JSON."""
    assert json.loads(printed("schema", "--kind", kind)) == schema()
    printed("schema", "--kind", kind, "--out", tmp_path / "s.json")
    assert json.loads((tmp_path / "s.json").read_text()) == schema()
    assert "did you mean" in refused("schema", "--kind", kind[:-1])


def test_a_real_process_ends_like_the_others(tmp_path: Path) -> None:
    """Exit code 2 and one line on stderr outside of the test runner too."""
    done = subprocess.run(
        [*PROCESS, "status", tmp_path / "no"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"error: {tmp_path}/no: no such folder; give the folder of a run" + (
        " (archsearch list)\n"
    )


def test_the_written_study_begins_the_same_run(tmp_path: Path, tiny_run: Path) -> None:
    """The study in a run folder is self-contained."""
    (tmp_path / "alone.yaml").write_text((tiny_run / "study.yaml").read_text())
    output = printed("run", tmp_path / "alone.yaml", "--out", tmp_path / "r", "--trials", 1)
    assert "1 of 1 trials are done" in output
    assert yaml.safe_load((tmp_path / "r" / "study.yaml").read_text())["space"]["name"] == "tiny"
    ours, theirs = (
        open_run(path).trials["architecture_id"][0] for path in (tmp_path / "r", tiny_run)
    )
    assert ours == theirs
