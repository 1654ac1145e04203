"""Ablation files: what is read, and what is said of what does not hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_ablations import ABLATION, CLAIM, TWO_LEVELS, ablation_data, plan, small_ablation

from archsearch import published
from archsearch.architecture import Architecture
from archsearch.arms.claims import Claim, rows
from archsearch.documents import Document, dump, parse
from archsearch.errors import InputError
from archsearch.study import load_study, study_of


def test_a_file_becomes_a_study_that_is_run_as_any_other() -> None:
    """Arms and seeds are its budget, training its only stage, accuracy its objective."""
    study = small_ablation()
    assert study.plan is not None
    assert [arm.name for arm in study.plan.arms] == [
        "base",
        "convolution",
        "large_kernels",
        "expand_1",
        "expand_2",
    ]
    assert (study.settings.budget.trials, study.settings.budget.generation) == (15, 5)
    assert study.stages == ("train",)
    assert study.settings.objectives[0].measure == "val_accuracy"
    assert study.paths == ("arm", "seed")


def test_levels_say_what_an_arm_changes() -> None:
    """By factor; what is not changed is as in the base."""
    arms = plan().arms
    assert dict(arms[0].levels) == {
        "convolution": "base",
        "large_kernels": "base",
        "expand": "base",
    }
    assert arms[3].levels["expand"] == "expand_1"


def test_a_study_is_read_again_from_its_own_text() -> None:
    """As the store and study.yaml hold it: the same arms and the same identity."""
    study = small_ablation(seeds="{first: 2, most: 4, adaptive: true}", alpha="0.1")
    again = study_of(parse(study.to_yaml(), "study.yaml"), Path("/nowhere"))
    assert again.identity == study.identity
    assert again.plan is not None
    assert study.plan is not None
    assert again.plan.arms == study.plan.arms
    assert again.settings == study.settings


def test_short_forms_are_the_long_ones() -> None:
    """Of seeds, design, paths and kinds."""
    short = small_ablation(seeds="4", design="one_at_a_time")
    long = small_ablation(seeds="{first: 4, most: 4}", design="{one_at_a_time: {}}")
    assert short.plan == long.plan
    assert short.identity == long.identity
    one = "{a: {remove: sdta, at: stages.1}}"
    several = "{a: {remove: [sdta], at: [stages.1]}}"
    assert plan(factors=one) == plan(factors=several)


@pytest.mark.parametrize(
    "change",
    [
        {"seeds": "9"},
        {"alpha": "0.1"},
        {"margin": "0.02"},
        {"engine": "ray"},
        {"budget": "{minutes: 3}"},
        {"question": "Another one?"},
        {"notes": "none"},
    ],
)
def test_what_decides_no_trial_may_change(change: dict[str, str]) -> None:
    """A run goes on with more seeds, and its table may be asked another question."""
    assert small_ablation(**change).identity == small_ablation().identity


def test_a_claim_decides_no_trial() -> None:
    """It stands in the table alone, in a level as in a factor."""
    with_claims = "{a: {levels: {x: {remove: sdta, claim: not found}}}}"
    without = "{a: {levels: {x: {remove: sdta}}}}"
    assert small_ablation(factors=with_claims).identity == small_ablation(factors=without).identity


@pytest.mark.parametrize(
    "change",
    [
        {"seed": "1"},
        {"design": "full_factorial"},
        {"training": "{epochs: 2, batch_size: 64}"},
        {"data": "{name: digits, train: 97, validation: 50}"},
        {"factors": "{a: {remove: sdta}}"},
        {"base": "edgenext_xx_small"},
        {"seeds": "{first: 3, most: 3, adaptive: true}"},
    ],
)
def test_what_decides_the_trials_may_not_change(change: dict[str, str]) -> None:
    """It is another study."""
    factors = {"factors": "{a: {remove: sdta}}"} if "base" in change else {}
    assert small_ablation(**change, **factors).identity != small_ablation(**factors).identity


@pytest.mark.parametrize("key", ["seeds", "alpha", "margin"])
def test_where_seeds_are_added_their_rule_decides_the_trials(key: str) -> None:
    """A rule that is changed on the way holds no error rate."""
    before = {"seeds": "{first: 3, most: 6, adaptive: true}", "alpha": "0.05", "margin": "0.01"}
    other = {"seeds": "{first: 3, most: 7, adaptive: true}", "alpha": "0.1", "margin": "0.02"}
    after = before | {key: other[key]}
    assert small_ablation(**before).identity != small_ablation(**after).identity


def base_of(base: str, folder: Path) -> Architecture:
    data = ablation_data(base=base, factors="{a: {set: {head.norm: none}}}")
    found = study_of(Document("it", data), folder).plan
    assert found is not None
    return found.base.architecture


def test_a_base_may_be_a_published_net() -> None:
    """By its name."""
    assert base_of("edgenext_xx_small", Path()).id == published.load("edgenext_xx_small").id


def test_a_base_may_be_a_file(tmp_path: Path) -> None:
    """Found beside the ablation's."""
    net = published.load("edgenext_xx_small")
    (tmp_path / "net.yaml").write_text(dump(net.to_data()))
    assert base_of("net.yaml", tmp_path).id == net.id
    with pytest.raises(InputError, match=r"other\.yaml: no such file"):
        base_of("other.yaml", tmp_path)


def test_a_base_may_be_a_trial_of_a_run(tiny_run: Path) -> None:
    """RUN:TRIAL, from the file's folder; a trial that is not there is said."""
    from archsearch.results import open_run

    wanted = open_run(tiny_run).architecture(1)
    assert base_of(f"{tiny_run.name}:1", tiny_run.parent).id == wanted.id
    with pytest.raises(InputError, match=r"has no trial '99'; it has \d+, from 0"):
        base_of(f"{tiny_run.name}:99", tiny_run.parent)


def test_a_base_that_is_nothing_is_said() -> None:
    """With the nearest name."""
    with pytest.raises(InputError, match=r"base: edgenext_xx_smal: no published net .did you mean"):
        base_of("edgenext_xx_smal", Path())
    with pytest.raises(InputError, match="base: got 5; expected a net's name, its file, or RUN:TR"):
        base_of("5", Path())


def test_what_is_wrong_in_an_inner_base_has_its_own_line() -> None:
    """As if it were a file."""
    text = ABLATION.replace("CLAIM", CLAIM).replace("kernel: 5", "kernel: 4")
    line = 1 + text.splitlines().index(next(x for x in text.splitlines() if "kernel: 4" in x))
    with pytest.raises(InputError, match=rf"a\.yaml:{line}: stages\.1\.blocks\.0.*got 4"):
        study_of(parse(text, "a.yaml"), Path())


def test_every_arm_that_is_no_net_is_said_at_once() -> None:
    """With its reason."""
    with pytest.raises(InputError) as caught:
        plan(factors="{a: {set: {sdta.heads: 3}}, b: {set: {sdta.heads: 5}}, c: {remove: sdta}}")
    text = str(caught.value)
    assert "factors: 2 of 4 arms are no valid nets" in text
    assert "a: stages.1.blocks.1: sdta: heads: 3 cannot share 16" in text
    assert "b: stages.1.blocks.1: sdta: heads: 5 cannot share 16" in text


def test_two_arms_that_are_one_net_are_refused() -> None:
    """By their names."""
    with pytest.raises(InputError, match="the arms a and b are the same net; drop one"):
        plan(factors="{a: {remove: sdta}, b: {remove: sdta, at: stages.1}}")


def test_a_change_may_need_those_before_it_in_a_road_map() -> None:
    """Where the base has nothing for it to touch; one at a time it is refused."""
    factors = "{a: {replace: {sdta: {gnconv: {order: 2}}}}, b: {set: {gnconv.order: 3}}}"
    found = plan(factors=factors, design="cumulative")
    assert found.references == {"a": "base", "b": "a"}
    with pytest.raises(InputError, match="touches nothing: the net has no 'gnconv'"):
        plan(factors=factors)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "abblation"}, "3: kind: got 'abblation'; expected ablation, or no kind"),
        ({"seeds": "0"}, "seeds.first: got 0; expected greater than or equal to 1"),
        ({"seeds": "two"}, "seeds: got 'two'; expected a number, or {first: 6, most: 12, adapt"),
        ({"seeds": "{first: 6, most: 4}"}, "seeds: first <= most must hold, got 6 > 4"),
        ({"seeds": "{first: 6, most: 8}"}, "seeds: most above first needs adaptive: true"),
        ({"seeds": "{first: 6, most: 21, adaptive: true}"}, "adaptive takes most: 20 or fewer"),
        ({"design": "one_at_time"}, "design: got one_at_time; did you mean 'one_at_a_time'"),
        ({"design": "fractional_factorial"}, "fractional_factorial needs resolution: 3, 4 or 5"),
        ({"design": "{cumulative: {resolution: 3}}"}, "cumulative takes no resolution; drop it"),
        ({"design": "{one_at_a_time: {}, cumulative: {}}"}, "design: got one_at_a_time, cumul"),
        ({"factors": "{}"}, "factors: got {}; name one change at least"),
        ({"factors": "{a: {}}"}, "factors.a: changes nothing; give it set, replace, insert, re"),
        ({"factors": "{a: {sett: {}}}"}, "factors.a.sett: unknown key 'sett'; .*'set'"),
        ({"factors": "{a: {levels: {}}}"}, "factors.a: levels is empty"),
        ({"factors": "{a: {at: stem, levels: {b: {remove: sdta}}}}"}, "has levels and at; put at"),
        ({"factors": "{a: {levels: {base: {remove: sdta}}}}"}, "the name 'base' is taken"),
        (
            {"factors": "{a: {remove: sdta}, b: {levels: {a: {set: {sdta.heads: 4}}}}}"},
            r"factors\.b\.levels\.a: the name 'a' is taken \(a level of a\)",
        ),
        ({"training": "{epochs: 1, seeds: 3}"}, "training: training.seeds: 3 would average"),
        ({"alpha": "1"}, "alpha: got 1; expected less than 1"),
        ({"margin": "0"}, "margin: got 0; expected greater than 0"),
        ({"budget": "{trials: 3}"}, "budget.trials: unknown key 'trials'; valid: minutes"),
        ({"device": "raspbery_pi_4"}, "device: unknown device 'raspbery_pi_4'; did you mean"),
        ({"device": "{kind: x}"}, "device"),
        ({"colour": "red"}, "colour: unknown key 'colour'"),
        ({"factors": "{a: {remove: sdta, claim: foun}}"}, r"claim: got 'foun'; expected {study"),
        (
            {"factors": "{a: {remove: sdta, claim: {study: x, setting: y}}}"},
            "factors.a.claim: no row of ablations.csv has study 'x'",
        ),
    ],
)
def test_what_does_not_hold_is_said(change: dict[str, str], said: str) -> None:
    """File, line, place, what was given and what holds."""
    with pytest.raises(InputError, match=rf"^ablation\.yaml:\d*:?.*{said}"):
        small_ablation(**change)


@pytest.mark.parametrize("key", ["name", "base", "factors", "design", "seeds", "data"])
def test_a_key_that_is_missing_is_named(key: str) -> None:
    """Each that has no default."""
    data = ablation_data()
    del data[key]
    with pytest.raises(InputError, match=f"the key '{key}' is missing"):
        study_of(Document("a", data), Path())


def test_a_claim_is_a_row_of_the_papers_numbers() -> None:
    """Found by study and setting, whole."""
    claim = plan().arms[1].claim
    assert isinstance(claim, Claim)
    assert (claim.paper, claim.delta_top1) == ("EdgeNeXt", "-1.1")
    assert claim in rows()
    assert plan().arms[2].claim is None


def test_a_claim_that_is_several_rows_asks_for_the_model() -> None:
    """Which then decides."""
    several = "study: Figure 3 activation/normalisation, setting: BatchNorm + Hard-Swish"
    with pytest.raises(InputError, match=r"3 rows have this setting; add base_model: .EdgeNeXt-S,"):
        plan(factors=f"{{a: {{remove: sdta, claim: {{{several}}}}}}}")
    found = plan(factors=f"{{a: {{remove: sdta, claim: {{{several}, base_model: EdgeNeXt-XS}}}}}}")
    assert isinstance(claim := found.arms[1].claim, Claim)
    assert claim.delta_top1 == "-0.09"


@pytest.mark.parametrize(
    ("design", "named"),
    [
        ("full_factorial", {"large_kernels": "not found"}),
        ("cumulative", {"large_kernels": "not found"}),
        ("leave_one_out", {}),
    ],
)
def test_a_claim_stands_at_the_arm_whose_difference_it_is(
    design: str, named: dict[str, str]
) -> None:
    """Of several changes at once, and of one that is left out, no paper says anything."""
    factors = parse(f"{{{TWO_LEVELS.strip().replace(chr(10), ',')}}}", "f").data
    factors["large_kernels"]["claim"] = "not found"
    arms = plan(factors=dump(factors), design=design).arms
    assert {arm.name: arm.claim for arm in arms if arm.claim} == named


def test_overrides_reach_an_ablation(tmp_path: Path) -> None:
    """As those of a search do."""
    (tmp_path / "a.yaml").write_text(ABLATION.replace("CLAIM", CLAIM))
    study = load_study(tmp_path / "a.yaml", ["seeds=7", "training.epochs=2", "budget.minutes=3"])
    assert study.settings.budget.trials == 35
    assert study.settings.training.epochs == 2
    assert study.settings.budget.minutes == 3
