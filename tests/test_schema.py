"""The generated JSON Schemas accept what the grammar accepts, and refuse what is plainly wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_spaces import closings, point_count, space_data, space_of, spaces

from archsearch import published
from archsearch.blocks import BLOCKS, DOWNSAMPLES, STEMS
from archsearch.documents import Document, read
from archsearch.errors import InputError
from archsearch.grammar import NONE
from archsearch.schema import architecture_schema, space_schema
from archsearch.space import architecture_of

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema (a dependency of ray) is absent")

ROOT = Path(__file__).resolve().parents[1]
Data = dict[str, Any]

ARCHITECTURE = jsonschema.Draft202012Validator(architecture_schema())
SPACE = jsonschema.Draft202012Validator(space_schema())


def small() -> Data:
    """A space in which every form of the language occurs."""
    return space_data(
        {
            "width": {"int": [8, 16], "step": 4},
            "blocks": [
                "conv_encoder",
                {"repeat": {"int": [0, 2]}, "choice": ["sdta", {"cmt": {"heads": 2}}]},
                {"vary": True, "repeat": 2, "cmt": {"expand": {"float": [1, 2], "step": 0.5}}},
            ],
        },
        {
            "repeat": {"choice": [0, 1]},
            "width": 32,
            "downsample": {"choice": ["conv", "none", {"conv": {"kernel": 3}}]},
            "blocks": [],
        },
        input={"channels": 1, "resolution": {"choice": [32, [32, 48]]}},
        head={"norm": {"choice": ["layer", "none"]}, "project": None},
        name="small",
        notes=["anything"],
    )


def test_both_schemas_are_valid_schemas() -> None:
    """What an editor loads is itself JSON Schema 2020-12."""
    for schema in (architecture_schema(), space_schema()):
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "search_spaces").glob("*.yaml")), ids=lambda p: p.stem
)
def test_every_search_space_of_the_project_is_valid(path: Path) -> None:
    """The spaces that ship pass, and are no architectures."""
    data = read(path).data
    SPACE.validate(data)
    assert not ARCHITECTURE.is_valid(data)


@pytest.mark.parametrize("name", published.names())
def test_every_published_net_is_valid_in_both(name: str) -> None:
    """An architecture is a space without an open leaf."""
    data = read(ROOT / "archsearch" / "published" / f"{name}.yaml").data
    ARCHITECTURE.validate(data)
    SPACE.validate(data)
    ARCHITECTURE.validate(published.load(name).to_data())


def test_every_form_of_the_language_is_valid() -> None:
    """Choices, ranges, bare names, repeats and vary, in all the places where they may stand."""
    space_of(small())
    SPACE.validate(small())
    assert not ARCHITECTURE.is_valid(small())


@settings(max_examples=25, deadline=None)
@given(spaces(), st.randoms(use_true_random=False))
def test_the_schema_accepts_all_that_the_grammar_accepts(data: Data, random: Any) -> None:
    """Generated spaces, and their members as files, pass."""
    space_of(data)
    SPACE.validate(data)
    if point_count(data) < 5000:
        closed = random.choice(list(closings(data)))
        ARCHITECTURE.validate(closed)


Change = Callable[[Data], Any]
WRONG: dict[str, Change] = {
    "no schema": lambda d: d.pop("schema"),
    "another version": lambda d: d.update(schema=2),
    "a version that is true": lambda d: d.update(schema=True),
    "no stages": lambda d: d.update(stages=[]),
    "stages missing": lambda d: d.pop("stages"),
    "unknown key": lambda d: d.update(heads={}),
    "unknown input": lambda d: d["input"].update(size=3),
    "open channels": lambda d: d["input"].update(channels={"choice": [1, 3]}),
    "tiny resolution": lambda d: d["input"].update(resolution=4),
    "resolution of three": lambda d: d["input"].update(resolution=[32, 32, 3]),
    "bare stem": lambda d: d.update(stem="patch"),
    "two stems": lambda d: d.update(stem={"patch": {}, "conv": {}}),
    "unknown stem": lambda d: d.update(stem={"ptch": {}}),
    "stem without layer": lambda d: d.update(stem={"width": 8}),
    "unknown head leaf": lambda d: d["head"].update(nrm="layer"),
    "head is null": lambda d: d.update(head=None),
    "name is a number": lambda d: d.update(name=3),
    "stage without width": lambda d: d["stages"][0].pop("width"),
    "stage without blocks": lambda d: d["stages"][0].pop("blocks"),
    "unknown stage key": lambda d: d["stages"][0].update(depth=3),
    "width zero": lambda d: d["stages"][0].update(width=0),
    "width as text": lambda d: d["stages"][0].update(width="16"),
    "unknown downsample": lambda d: d["stages"][1].update(downsample="cmt"),
    "none with leaves": lambda d: d["stages"][1].update(downsample={"none": {"a": 1}}),
    "a repeat beside a downsample": lambda d: d["stages"][1]["downsample"].update(repeat=2),
}
WRONG_BLOCKS: dict[str, Any] = {
    "unknown block": "sdtaa",
    "none is no block": "none",
    "a number": 3,
    "null": None,
    "a bare block that needs leaves": "mobilevit",
    "a missing leaf": {"mobilevit": {"inner": 8}},
    "no layer": {"repeat": 2},
    "two layers": {"sdta": {}, "cmt": {}},
    "a layer beside a choice": {"choice": ["sdta"], "cmt": {}},
    "an empty choice": {"choice": []},
    "a choice in a choice": {"choice": [{"choice": ["sdta"]}]},
    "a repeat in a choice": {"choice": [{"repeat": 2, "sdta": {}}]},
    "misspelt repeat": {"repeats": 2, "sdta": {}},
    "negative repeat": {"repeat": -1, "sdta": {}},
    "too many repeats": {"repeat": 101, "sdta": {}},
    "vary as a number": {"vary": 1, "sdta": {}},
    "leaves in a list": {"sdta": [1]},
    "unknown leaf": {"sdta": {"head": 4}},
    "a float for an int": {"sdta": {"heads": 4.5}},
    "an int for a bool": {"sdta": {"position": 1}},
    "text for a bool": {"sdta": {"position": "yes"}},
    "a bool for an int": {"sdta": {"heads": True}},
    "below the least": {"sdta": {"heads": 0}},
    "not among the values": {"sdta": {"norm": "lyer"}},
    "a leaf that is null": {"sdta": {"heads": None}},
    "unknown opener": {"sdta": {"heads": {"chioce": [4]}}},
    "two openers": {"sdta": {"heads": {"choice": [4], "int": [1, 4]}}},
    "empty leaf choice": {"sdta": {"heads": {"choice": []}}},
    "a value twice": {"sdta": {"heads": {"choice": [4, 4]}}},
    "a range of one end": {"sdta": {"heads": {"int": [4]}}},
    "a range of text": {"sdta": {"heads": {"int": ["a", "b"]}}},
    "a range that begins too low": {"sdta": {"splits": {"int": [0, 4]}}},
    "a step of zero": {"sdta": {"heads": {"int": [1, 4], "step": 0}}},
    "a fraction as step": {"sdta": {"heads": {"int": [1, 4], "step": 0.5}}},
    "a float range of ints": {"sdta": {"heads": {"float": [1, 4], "step": 1}}},
    "a float range without step": {"sdta": {"expand": {"float": [1, 4]}}},
    "a range of booleans": {"sdta": {"position": {"int": [0, 1]}}},
    "a range of names": {"sdta": {"norm": {"int": [0, 1]}}},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_file_is_refused_by_schema_and_grammar(wrong: str) -> None:
    """One mistake in a right file is enough."""
    data = copy.deepcopy(small())
    WRONG[wrong](data)
    assert not SPACE.is_valid(data)
    with pytest.raises(InputError):
        space_of(data)


@pytest.mark.parametrize("wrong", WRONG_BLOCKS)
def test_a_wrong_block_is_refused_by_schema_and_grammar(wrong: str) -> None:
    """One wrong block in a right file is enough."""
    data = copy.deepcopy(small())
    data["stages"][0]["blocks"].append(WRONG_BLOCKS[wrong])
    assert not SPACE.is_valid(data)
    with pytest.raises(InputError):
        space_of(data)


@pytest.mark.parametrize(
    "block",
    [
        {"repeat": {"int": [1, 2]}, "sdta": {}},
        {"choice": ["sdta", "cmt"]},
        {"sdta": {"heads": {"choice": [2, 4]}}},
        {"sdta": {"expand": {"float": [1, 2], "step": 1}}},
    ],
    ids=str,
)
def test_an_architecture_has_no_open_leaf(block: Any) -> None:
    """What is open is refused in an architecture file, and accepted in a space."""
    data = space_data({"width": 16, "blocks": [block]})
    SPACE.validate(data)
    assert not ARCHITECTURE.is_valid(data)
    with pytest.raises(InputError, match="is open"):
        architecture_of(Document("a", data))


@pytest.mark.parametrize(
    ("table", "layers"), [("stem", STEMS), ("downsample", DOWNSAMPLES), ("block", BLOCKS)]
)
def test_every_registered_layer_is_completed_with_all_its_leaves(table: str, layers: Any) -> None:
    """An editor offers each layer at its place, each leaf with its default, and says what it is."""
    for schema in (architecture_schema(), space_schema()):
        definitions = schema["$defs"]
        kinds = {name.removeprefix(f"{table}.") for name in definitions if name.startswith(table)}
        assert kinds == set(layers)
        for kind, model in layers.items():
            definition = definitions[f"{table}.{kind}"]
            assert definition["description"]
            assert set(definition["properties"]) == set(model.model_fields)
            for name, field in model.model_fields.items():
                leaf = definition["properties"][name]
                assert field.is_required() or leaf["default"] == field.default


def test_leaves_carry_what_their_source_says() -> None:
    """The strings below the fields become descriptions, inherited ones too."""
    definitions = space_schema()["$defs"]
    assert definitions["block.sdta"]["properties"]["position"]["description"] == (
        "Fourier position encoding."
    )
    inherited = definitions["block.pacc_frame"]["properties"]["kernel"]["description"]
    assert inherited == definitions["block.pacc"]["properties"]["kernel"]["description"] != ""


def test_bare_names_are_the_layers_that_need_no_leaf() -> None:
    """An editor offers a bare name where it is enough, and ``none`` for a downsample alone."""
    stage = space_schema()["properties"]["stages"]["items"]["properties"]
    blocks = stage["blocks"]["items"]["anyOf"][0]["enum"]
    assert "cmt" in blocks
    assert "mobilevit" not in blocks
    assert NONE not in blocks
    assert NONE in stage["downsample"]["anyOf"][0]["enum"]
