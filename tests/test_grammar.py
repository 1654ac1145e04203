"""Every mistake in a file is told with its place, the value given, and what would be valid."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_spaces import spaces

from archsearch.blocks import BLOCKS, DOWNSAMPLES, STEMS
from archsearch.blocks.head import Head
from archsearch.documents import Document, Misfit, dump, parse
from archsearch.errors import InputError
from archsearch.grammar import Fixed, Open, Tree, parse_tree
from archsearch.space import architecture_of, tree_of

FILE = """schema: 1
stem: {patch: {size: 4}}
stages:
  - width: 24
    blocks:
      - conv_encoder
      - BLOCK
"""


def tree_with(block: str) -> Tree:
    """The tree of a file with this block on line 7."""
    return tree_of(parse(FILE.replace("BLOCK", block), "f.yaml"))


def refused(text: str) -> str:
    """What a user is told of a wrong file."""
    with pytest.raises(InputError) as caught:
        tree_of(parse(text, "f.yaml"))
    return str(caught.value)


WRONG_BLOCKS = [
    ("sdtaa", ".sdtaa: unknown layer 'sdtaa'; did you mean 'sdta'?"),
    ("qqq", ".qqq: unknown layer 'qqq'; valid: bottleneck, cmt, "),
    ("none", ".none: unknown layer 'none'; "),
    ("3", ": expected one layer such as {bottleneck: {...}}, got 3"),
    ("[cmt]", ": expected one layer such as {bottleneck: {...}}, got ['cmt']"),
    ("{}", ": expected one layer such as {bottleneck: {...}}, got the keys []"),
    ("{repeat: 2}", ": expected one layer such as {bottleneck: {...}}, got the"),
    ("{sdta: {}, cmt: {}}", ": expected one layer such as {bottleneck: {...}}, "
     "got the keys [sdta, cmt]"),
    ("{choice: [sdta], cmt: {}}", ": expected one layer such as"),
    ("{repeats: 2, cmt: {}}", ".repeats: unknown key 'repeats'; did you mean "
     "'repeat'?"),
    ("{repeat: two, cmt: {}}", ".repeat: got 'two'; expected a valid integer"),
    ("{repeat: -1, cmt: {}}", ".repeat: got -1; expected greater than or equal to"),
    ("{repeat: 101, cmt: {}}", ".repeat: got 101; expected less than or equal to"),
    ("{vary: 1, cmt: {}}", ".vary: got 1; expected a valid boolean"),
    ("{choice: []}", ".choice: expected a list with an entry, got []"),
    ("{choice: cmt}", ".choice: expected a list with an entry, got 'cmt'"),
    ("{choice: [cmt, cmt]}", ".choice.1: this cmt stands twice in the choice"),
    ("{choice: [cmt, sdtb]}", ".choice.1.sdtb: unknown layer 'sdtb'; did you mean"),
    ("{choice: [{repeat: 2, cmt: {}}]}", ".choice.0: expected one layer such as"),
    ("mobilevit", ".mobilevit: the leaf 'inner' is missing; give it a value"),
    ("{cmt: [1]}", ".cmt: expected a mapping (key: value), got [1]"),
    ("{sdta: {head: 4}}", ".sdta.head: unknown leaf 'head'; did you mean 'heads'?"),
    ("{sdta: {qqq: 4}}", ".sdta.qqq: unknown leaf 'qqq'; valid: expand, heads, "),
]  # fmt: skip

WRONG_LEAVES = [
    ("heads: 0", ".heads: got 0; expected greater than or equal to 1"),
    ("heads: 4.5", ".heads: got 4.5; expected a valid integer"),
    ("heads: true", ".heads: got True; expected a valid integer"),
    ("heads: null", ".heads: got None; expected a valid integer"),
    ("heads: '4'", ".heads: got '4'; expected a valid integer"),
    ("position: 1", ".position: got 1; expected a valid boolean"),
    ("expand: 0", ".expand: got 0; expected greater than 0"),
    ("expand: .nan", ".expand: got nan; expected a finite number"),
    ("expand: .inf", ".expand: got inf; expected a finite number"),
    ("norm: lyer", ".norm: got 'lyer'; expected 'layer' or 'batch' (did you mean 'layer'?)"),
    ("norm: qqq", ".norm: got 'qqq'; expected 'layer' or 'batch' (valid: batch, layer)"),
    ("heads: {}", ".heads: got {}; expected a value, or one of choice, int, float"),
    ("heads: {chioce: [4]}", ".heads: got {'chioce': [4]}; expected a value, or one of choice, "
     "int, float (did you mean 'choice'?)"),
    ("heads: {choice: [4], int: [1, 2]}", ".heads.int: unknown key 'int'; valid: choice"),
    ("heads: {choice: []}", ".heads.choice: expected a list with an entry, got []"),
    ("heads: {choice: 4}", ".heads.choice: expected a list with an entry, got 4"),
    ("heads: {choice: [4, 0]}", ".heads.choice.1: got 0; expected greater than or equal to 1"),
    ("heads: {choice: [4, 4]}", ".heads.choice: a value stands twice in [4, 4]; keep one"),
    ("expand: {choice: [4, 4.0]}", ".expand.choice: a value stands twice in [4.0, 4.0]; keep one"),
    ("heads: {choice: [{int: [1, 2]}]}", ".heads.choice.0: got {'int': [1, 2]}; expected a valid"),
    ("heads: {int: [4]}", ".heads.int: expected [low, high], got [4]"),
    ("heads: {int: [1, 2, 3]}", ".heads.int: expected [low, high], got [1, 2, 3]"),
    ("heads: {int: 4}", ".heads.int: expected a list with an entry, got 4"),
    ("heads: {int: [1, b]}", ".heads.int.1: got 'b'; expected a valid integer"),
    ("heads: {int: [1, 2.5]}", ".heads.int.1: got 2.5; expected a valid integer"),
    ("heads: {int: [4, 1]}",
     ".heads.int: low <= high and step > 0 must hold, got low=4 high=1 step=1"),
    ("heads: {int: [1, 4], step: 0}", ".heads.int: low <= high and step > 0 must hold, got low=1 "),
    ("heads: {int: [1, 4], step: -1}", ".heads.int: low <= high and step > 0 must hold, got low="),
    ("heads: {int: [1, 4], step: 0.5}", ".heads.step: got 0.5; expected a valid integer"),
    ("heads: {int: [1, 4], stp: 2}", ".heads.stp: unknown key 'stp'; did you mean 'step'?"),
    ("heads: {int: [0, 4]}", ".heads.int: got 0; expected greater than or equal to 1"),
    ("heads: {int: [1, 10001]}", ".heads: more than 10000 values on one leaf; widen the step"),
    ("heads: {int: [1, 1" + "0" * 400 + "]}", ".heads: more than 10000 values on one leaf; widen"),
    ("heads: {float: [1, 4], step: 1}", ".heads.float: got 1.0; expected a valid integer"),
    ("expand: {float: [1, 4]}", ".expand: a float range needs a step, so that the space can be"),
    ("expand: {float: [1, .inf], step: 1}", ".expand.float.1: got inf; expected a finite number"),
    ("expand: {float: [.nan, 2], step: 1}", ".expand.float.0: got nan; expected a finite number"),
    ("expand: {float: [1, 2], step: .nan}", ".expand.step: got nan; expected a finite number"),
    ("expand: {float: [1, 2], step: 1e-320}", ".expand: more than 10000 values on one leaf; widen"),
    ("expand: {float: [1e9, 1000000000.0000002], step: 1e-8}",
     ".expand: step 1e-08 is too small to tell numbers near 1000000000.0000002 apart; widen it"),
    ("position: {int: [0, 1]}", ".position.int: got 0; expected a valid boolean"),
]  # fmt: skip

WRONG_FILES = [
    ("schema: 1", "schema: 2", "1: schema: got 2; this version reads schema: 1"),
    ("schema: 1", "schema: true", "1: schema: got True; this version reads schema: 1"),
    ("schema: 1", "schema: 1.0", "1: schema: got 1.0; this version reads schema: 1"),
    ("schema: 1", "schema: one", "1: schema: got 'one'; this version reads schema: 1"),
    ("schema: 1\n", "", "1: the key 'schema' is missing"),
    ("schema: 1", "schema: 1\nname: 3", "2: name: got 3; expected a valid string"),
    ("schema: 1", "schema: 1\nheads: {}", "2: heads: unknown key 'heads'; did you mean 'head'?"),
    ("schema: 1", "schema: 1\nhead: {nrm: no}", "2: head.nrm: unknown leaf 'nrm'; did you mean"),
    ("schema: 1", "schema: 1\nhead:", "2: head: expected a mapping (key: value), got None"),
    ("schema: 1", "schema: 1\ninput: {size: 3}", "2: input.size: unknown key 'size'; valid: ch"),
    ("schema: 1", "schema: 1\ninput: {resolution: 7}", "2: input.resolution: got 7; expected gr"),
    ("schema: 1", "schema: 1\ninput: {resolution: {choice: [32, [32, 32]]}}",
     "2: input.resolution.choice: a value stands twice in [32, 32]; keep one"),
    ("schema: 1", "schema: 1\ninput: {channels: {choice: [1, 3]}}", "2: input.channels: got {"),
    ("{patch: {size: 4}}", "patch", "2: stem: expected a mapping (key: value), got 'patch'"),
    ("patch:", "ptch:", "2: stem.ptch: unknown layer 'ptch'; did you mean 'patch'?"),
    ("{patch: {size: 4}}", "{}", "2: stem: expected one layer such as {cmt_stem: {...}}, got"),
    ("{patch: {size: 4}}", "{cmt_stem: {size: 4}}",
     "2: stem.cmt_stem.size: unknown leaf 'size'; it has none"),
    ("{patch: {size: 4}}", "{patch: {}, width: 0}", "2: stem.width: got 0; expected greater th"),
    ("width: 24", "width: 0", "4: stages.0.width: got 0; expected greater than or equal to 1"),
    ("width: 24", "wdth: 24", "4: stages.0.wdth: unknown key 'wdth'; did you mean 'width'?"),
    ("width: 24", "repeat: 1", "4: stages.0: the key 'width' is missing"),
    ("width: 24", "width: 24\n    downsample: convv",
     "5: stages.0.downsample.convv: unknown layer 'convv'; did you mean 'conv'?"),
    ("width: 24", "width: 24\n    downsample: {none: {a: 1}}",
     "5: stages.0.downsample.none: got {'a': 1}; none has no leaf"),
    ("width: 24", "width: 24\n    repeat: {int: [0, 1]}",
     "3: stages: every stage can be left out; one must always be there"),
    ("width: 24\n    blocks:", "width: 24\n    blcks:", "5: stages.0.blcks: unknown key 'blcks'"),
]  # fmt: skip


@pytest.mark.parametrize(("block", "message"), WRONG_BLOCKS)
def test_a_wrong_block_is_told(block: str, message: str) -> None:
    """File, line and place come first, then what was given and the nearest valid name."""
    assert refused(FILE.replace("BLOCK", block)).startswith(f"f.yaml:7: stages.0.blocks.1{message}")


@pytest.mark.parametrize(("leaf", "message"), WRONG_LEAVES)
def test_a_wrong_leaf_is_told(leaf: str, message: str) -> None:
    """The line is the leaf's own, also inside a choice of layers."""
    place = "f.yaml:8: stages.0.blocks.1"
    told = refused(FILE.replace("BLOCK", f"sdta:\n          {leaf}"))
    assert told.startswith(f"{place}.sdta{message}")
    told = refused(FILE.replace("BLOCK", f"choice: [cmt, sdta: {{\n          {leaf}}}]"))
    assert told.startswith(f"{place}.choice.1.sdta{message}")


@pytest.mark.parametrize(("right", "wrong", "message"), WRONG_FILES)
def test_a_wrong_file_is_told(right: str, wrong: str, message: str) -> None:
    """So it is for everything around the blocks."""
    assert refused(FILE.replace("BLOCK", "cmt").replace(right, wrong)).startswith(
        f"f.yaml:{message}"
    )


@pytest.mark.parametrize("text", ["- 1", "hello", "3", "null"])
def test_a_file_that_is_no_mapping_is_told(text: str) -> None:
    """A list or a bare value is no architecture."""
    assert refused(text).startswith("f.yaml:1: expected a mapping (key: value), got ")


def test_a_broken_rule_of_a_leaf_is_told_in_its_own_words() -> None:
    """An even kernel is refused for having no centre, not as a type."""
    told = refused(FILE.replace("BLOCK", "{conv_encoder: {kernel: {int: [3, 7]}}}"))
    assert told.endswith(
        ".kernel.int: got 4; kernel 4 is even and has no centre; use an odd one (3 or 5)"
    )


OPEN = [
    ("{sdta: {splits: {int: [1, 3]}}}", "stages.0.blocks.1.sdta.splits: is open [1, 2, 3]"),
    ("{choice: [sdta, cmt]}", "stages.0.blocks.1.layer: is open ['sdta', 'cmt']"),
    ("{repeat: {int: [0, 1]}, cmt: {}}", "stages.0.blocks.1.repeat: is open [0, 1]"),
]


@pytest.mark.parametrize(("block", "message"), OPEN)
def test_an_open_leaf_in_an_architecture_is_told(block: str, message: str) -> None:
    """The line of the open leaf is told, and what kind of file this is."""
    with pytest.raises(InputError) as caught:
        architecture_of(parse(FILE.replace("BLOCK", block), "f.yaml"))
    assert str(caught.value) == (
        f"f.yaml:7: {message}: this is a search space; an architecture has one value at each leaf"
    )


INVALID = [
    ("{repeat: 2, cmt: {}}\n      - sdta: {heads: 5}", "8: stages.0.blocks.2: sdta: heads: 5 "
     "cannot share 24 channels equally; make the channels a multiple of the heads"),
    ("{repeat: 0, cmt: {heads: 5}}\n      - cmt: {heads: 7}", "8: stages.0.blocks.2: cmt: heads"),
    ("cmt\n  - {width: 48, blocks: []}", "8: stages.1: gets 24 channels and has width 48; give "
     "it a downsample or the same width"),
    ("cmt\n  - {width: 9, repeat: 0, blocks: []}\n"
     "  - {width: 25, downsample: conv, blocks: [pacc]}",
     "9: stages.2.blocks.0: pacc: splits its channels in halves, but there are 25"),
    ("inverted_residual: {stride: 2}", "7: stages.0.blocks.1: inverted_residual: makes the "
     "map smaller, which only a downsample may; use stride: 1"),
]  # fmt: skip


@pytest.mark.parametrize(("block", "message"), INVALID)
def test_a_layer_that_cannot_stand_is_told_where_the_file_has_it(block: str, message: str) -> None:
    """Repeats are written out in an architecture, but the line and index told are the file's."""
    with pytest.raises(InputError) as caught:
        architecture_of(parse(FILE.replace("BLOCK", block), "f.yaml"))
    assert str(caught.value).startswith(f"f.yaml:{message}")


def test_a_stems_width_left_out_is_the_first_stages() -> None:
    """Also where a downsampling layer stands between them: one architecture, however written."""
    text = FILE.replace("BLOCK", "cmt").replace("width: 24", "width: 24\n    downsample: conv")
    left_out = architecture_of(parse(text, "f.yaml"))
    given = architecture_of(parse(text.replace("{size: 4}}", "{size: 4}, width: 24}"), "f.yaml"))
    assert left_out.id == given.id
    assert next(place.site.channels for place in left_out.places()) == 24


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("{eps: 1.0e-5, norm: batch}", r"head: eps has no effect with norm: batch; leave it out"),
        ("{activation: relu6}", r"head: activation has no effect with no projection; leave it out"),
        ("{bias: true}", r"head: bias has no effect with no projection; leave it out"),
        ("{choice: [{}]}", None),
        ("{choice: [{}, {}]}", r"head\.choice\.1: this head stands twice in the choice; keep one"),
        ("{choice: [{nrm: x}]}", r"head\.choice\.0\.nrm: unknown leaf 'nrm'; did you mean 'norm'"),
    ],
)
def test_heads(head: str, message: str | None) -> None:
    """A leaf without effect is refused, and a head may be one of several."""
    text = f"{FILE.replace('BLOCK', 'cmt')}head: {head}\n"
    if message is None:
        assert architecture_of(parse(text, "f.yaml")).head == Head()
        return
    with pytest.raises(InputError, match=message):
        architecture_of(parse(text, "f.yaml"))


def leaf(block: str, name: str) -> Fixed | Open:
    """The node of a leaf of the only alternative of the block on line 7."""
    (alternative,) = tree_with(block).stages[0].groups[1].slot.alternatives
    return alternative.leaves[name]


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 50), st.integers(0, 60), st.integers(1, 9))
def test_an_integer_range_is_pythons_range(low: int, span: int, step: int) -> None:
    """Low and all steps up to high, both ends included."""
    node = leaf(f"{{sdta: {{splits: {{int: [{low}, {low + span}], step: {step}}}}}}}", "splits")
    assert isinstance(node, Open)
    assert node.values == node.domain.labels == tuple(range(low, low + span + 1, step))
    assert node.domain.ordered


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 400), st.integers(0, 300), st.sampled_from([1, 5, 10, 25, 30]))
def test_a_float_range_holds_the_numbers_as_written(low: int, span: int, step: int) -> None:
    """In hundredths: 0.1 + 2 x 0.1 is 0.3 and not 0.30000000000000004, and 0.3 is reached."""
    text = f"{{float: [{low / 100!r}, {(low + span) / 100!r}], step: {step / 100!r}}}"
    node = leaf(f"{{sdta: {{expand: {text}}}}}", "expand")
    assert isinstance(node, Open)
    assert node.values == tuple(n / 100 for n in range(low, low + span + 1, step))


def test_an_integer_range_may_stand_at_a_float_leaf() -> None:
    """Its values become floats, so that 4 and 4.0 are one choice."""
    node = leaf("{sdta: {expand: {int: [1, 3]}}}", "expand")
    assert isinstance(node, Open)
    assert node.values == (1.0, 2.0, 3.0)
    assert {type(value) for value in node.values} == {float}


def test_a_choice_keeps_its_order_and_kinds() -> None:
    """Numbers and names may stand side by side, and are not ordered."""
    node = leaf("{pacc: {kernel: {choice: [11, global, 7]}}}", "kernel")
    assert isinstance(node, Open)
    assert node.domain.labels == (11, "global", 7)
    assert not node.domain.ordered


@pytest.mark.parametrize("spelling", ["cmt", "{cmt: }", "{cmt: {}}", "{repeat: 1, cmt: {}}"])
def test_defaults_need_not_be_written(spelling: str) -> None:
    """A bare name, no leaves and an empty mapping say the same."""
    assert tree_with(spelling) == tree_with("{cmt: {}}")


def test_alternatives_of_one_kind_have_names_of_their_own() -> None:
    """So that their leaves have different paths."""
    slot = (
        tree_with("{choice: [cmt, {cmt: {heads: 2}}, sdta, {cmt: {heads: 3}}]}")
        .stages[0]
        .groups[1]
        .slot
    )
    assert slot.domain.labels == ("cmt", "cmt#2", "sdta", "cmt#3")


@pytest.mark.parametrize("kinds", [STEMS, BLOCKS, DOWNSAMPLES])
def test_no_layer_has_a_name_that_the_language_uses(kinds: dict[str, type]) -> None:
    """Otherwise a file could be read in two ways."""
    words = {"repeat", "vary", "choice", "int", "float", "step", "width", "none", "layer", "head"}
    assert not words & set(kinds)
    assert not [kind for kind in kinds if "#" in kind or "." in kind or kind.isdigit()]


@settings(max_examples=40, deadline=None)
@given(spaces())
def test_a_tree_is_the_same_from_data_and_from_text(data: dict[str, object]) -> None:
    """Parsing adds lines and nothing else."""
    assert tree_of(parse(dump(data), "f")) == parse_tree(data) == tree_of(Document("f", data))


def test_parse_tree_leaves_the_place_to_its_caller() -> None:
    """The grammar knows no files: it raises the place, from which a document makes the line."""
    with pytest.raises(Misfit, match="expected greater than or equal to 1") as caught:
        parse_tree({"schema": 1, "stem": {"patch": {}}, "stages": [{"width": 0, "blocks": []}]})
    assert caught.value.location == ("stages", 0, "width")
