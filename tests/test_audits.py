"""Which audit stands behind a run's accuracy axis."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archsearch.audits import (
    FILE,
    Audit,
    Interval,
    Row,
    audits_in,
    behind,
    hundredths,
    images_of,
    limits_of,
    read_audit,
    space_identity,
    standing,
)
from archsearch.errors import InputError
from archsearch.study import Study, load_study

TINY = Path(__file__).parent / "data" / "tiny_study.yaml"
MARK = "the images' fingerprint"
GOOD = Interval(value=0.812, low=0.66, high=0.897)


def a_row(name: str, epochs: float | None = None, own: bool = False, **rest: Any) -> Row:
    none = Interval()
    found = {"spearman": none, "kendall": none, "top_recall": none, "partial_spearman": none} | rest
    return Row(
        name=name, kind="budget", n=40, seconds=1.0, epochs=epochs, own_schedule=own, **found
    )


def an_audit(study: Study, **changes: Any) -> Audit:
    """An audit of a study, made of what its record holds."""
    given: dict[str, Any] = {
        "name": "tiny_audit",
        "study": "tiny",
        "space_name": "tiny",
        "space": space_identity(study),
        "limits": limits_of(study),
        "images": images_of(study, MARK, 100),
        "recipe": study.settings.training.model_dump(mode="json") | {"epochs": 12.0, "seeds": 2},
        "epochs": 12.0,
        "seeds": 2,
        "asked": 40,
        "failed": {},
        "ceiling": Interval(),
        "ceiling_from": "seeds",
        "level": 0.95,
        "resamples": 2000,
        "top": 4,
        "seconds": 60.0,
        "environment": {},
        "rows": (a_row("0.5 epochs, own schedule", 0.5, True, spearman=GOOD),),
        "nets": (),
    }
    return Audit(**(given | changes))


def tiny(*overrides: str) -> Study:
    return load_study(TINY, overrides)


def said(study: Study, audit: Audit, mark: str = MARK) -> str | None:
    found = behind(study, mark, [audit])
    return None if found is None else str(found)


def test_the_line_says_audit_size_and_correlation(tiny_study: Study) -> None:
    """As a run's status shows it."""
    assert said(tiny_study, an_audit(tiny_study)) == (
        "audited by tiny_audit (0 nets, 12 epochs): this recipe's Spearman .81 (.66 to .90)"
    )


@pytest.mark.parametrize(
    ("override", "stands"),
    [
        ("seed=9", True),
        ("budget.trials=99", True),
        ("name=other", True),
        ("space.name=other", True),
        ("training.seeds=3", True),
        ("objectives.1.minimize=params", True),
        ("training.learning_rate=1.0e-3", False),
        ("training.scale=0.5", False),
        ("constraints.params.at_most=30000", False),
        ("space.stages.0.width=8", False),
    ],
)
def test_space_limits_and_recipe_must_be_the_audits(override: str, stands: bool) -> None:
    """How a search proceeds does not matter, what its accuracies are of does."""
    assert (said(tiny(override), an_audit(tiny())) is not None) == stands


def test_other_images_are_no_audit(tiny_study: Study) -> None:
    """As many of a source of this name, with another fingerprint; or another source or split."""
    assert said(tiny_study, an_audit(tiny_study), "others") is None
    assert said(tiny("data.split_seed=1"), an_audit(tiny_study), "others") is None
    assert said(tiny("data.name=mnist5k", "data.train=100"), an_audit(tiny_study), "others") is None


def test_another_number_of_the_same_images_is_said(tiny_study: Study) -> None:
    """The audit counts, and the line says on how many images it was made."""
    found = said(tiny("data.train=400"), an_audit(tiny_study), "others")
    assert found is not None
    assert "on 200 training images, this run on 400" in found


def test_a_recipe_between_the_audited_ones_is_judged_by_the_nearest(tiny_study: Study) -> None:
    """And one as long as the audit's is not judged at all."""
    rows = (
        a_row("0.5 epochs, own schedule", 0.5, True, spearman=GOOD),
        a_row("4 of 12 epochs", 4.0, spearman=GOOD),
        a_row("naswot"),
    )
    audit = an_audit(tiny_study, rows=rows)
    near = said(tiny("training.epochs=3"), audit)
    assert near is not None
    assert near.endswith("Spearman .81 (.66 to .90) of 4 of 12 epochs, the nearest to this recipe")
    far = said(tiny("training.epochs=12"), audit)
    assert far is not None
    assert far.endswith("this recipe is no shorter than the audit's")
    none = said(tiny_study, an_audit(tiny_study, rows=()))
    assert none is not None
    assert none.endswith("this recipe was not judged")


def test_the_own_schedule_goes_before_a_cut(tiny_study: Study) -> None:
    """At equal epochs the training that was made so short is the run's recipe."""
    other = Interval(value=0.5, low=0.4, high=0.6)
    rows = (a_row("0.5 of 12 epochs", 0.5, spearman=other), *an_audit(tiny_study).rows)
    assert "this recipe's Spearman .81" in str(said(tiny_study, an_audit(tiny_study, rows=rows)))


def test_the_runs_own_images_go_before_more_epochs(tiny_study: Study) -> None:
    """Of several audits."""
    near = an_audit(tiny_study, name="near")
    more = an_audit(
        tiny(), name="more", epochs=99.0, images=images_of(tiny("data.train=50"), "x", 9)
    )
    longer = an_audit(tiny_study, name="longer", epochs=13.0)
    for order in ([near, more, longer], [longer, more, near]):
        found = behind(tiny_study, MARK, order)
        assert found is not None
        assert found.audit.name == "longer"


def test_audits_are_found_beside_the_run(tiny_study: Study, tmp_path: Path) -> None:
    """In its sibling folders; broken files and other folders stand behind nothing."""
    (tmp_path / "tiny_audit").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / FILE).write_text("{", encoding="utf-8")
    assert standing(tiny_study, MARK, tmp_path).startswith("not audited")
    (tmp_path / "tiny_audit" / FILE).write_text(an_audit(tiny_study).to_json(), encoding="utf-8")
    assert [audit.name for audit in audits_in([tmp_path, tmp_path / "nowhere"])] == ["tiny_audit"]
    assert standing(tiny_study, MARK, tmp_path).startswith("audited by tiny_audit")


def test_a_record_reads_back(tiny_study: Study, tmp_path: Path) -> None:
    """Every field; another schema, a missing field and a missing file are refused."""
    file = tmp_path / FILE
    audit = an_audit(tiny_study)
    file.write_text(audit.to_json(), encoding="utf-8")
    assert read_audit(file) == audit
    for text in (
        audit.to_json().replace('"schema": 1', '"schema": 2'),
        "{}",
        "[]",
        '{"schema": 1}',
    ):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="make it again"):
            read_audit(file)
    with pytest.raises(InputError, match="make it again"):
        read_audit(tmp_path / "none.json")


def test_a_runs_results_say_what_stands_behind_them(tiny_run: Path) -> None:
    """By the images that it was made on."""
    from archsearch.results import open_run

    results = open_run(tiny_run)
    assert results.trust() == {"accuracy axis": "not audited; see archsearch audit --help"}
    mark = str(results.environment["images"])
    study = results.study
    audit = an_audit(study, images=images_of(study, mark, 100))
    other = tiny_run.parent / "another" / FILE
    other.parent.mkdir()
    try:
        other.write_text(audit.to_json(), encoding="utf-8")
        assert results.trust()["accuracy axis"].startswith("audited by tiny_audit")
        assert replace(results, environment={"images": "x"}).trust() == {
            "accuracy axis": "not audited; see archsearch audit --help"
        }
    finally:
        other.unlink()
        other.parent.rmdir()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.81, ".81"), (-0.07, "-.07"), (1.0, "1.00"), (-1.0, "-1.00"), (0.999, "1.00"), (0, ".00")],
)
def test_correlations_are_written_short(value: float, text: str) -> None:
    assert hundredths(value) == text
