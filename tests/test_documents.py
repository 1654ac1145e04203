"""YAML is read as plain data with line numbers, and whatever is wrong with it is said."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from archsearch.documents import Document, Misfit, dump, parse, read
from archsearch.errors import InputError, nearest

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
    | st.sampled_from(["1e-3", "1e5", "yes", "null", "1:30", "2024-01-01", "0x10", "=", "<<", "~"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(categories=["L", "N"]), max_size=6), inner, max_size=4
        )
    ),
    max_leaves=12,
)


def test_every_value_knows_its_line() -> None:
    """Values under a key have the key's line, list items their own, in block and in flow style."""
    text = (
        "a: 1\nb:\n  - x\n  - {c: 2,\n     d: [3,\n         4]}\n\n# note\ne: |\n  long\n  text\n"
    )
    document = parse(text, "f.yaml")
    assert document.data == {"a": 1, "b": ["x", {"c": 2, "d": [3, 4]}], "e": "long\ntext\n"}
    lines = {
        (): 1, ("a",): 1, ("b",): 2, ("b", 0): 3, ("b", 1): 4, ("b", 1, "c"): 4, ("b", 1, "d"): 5,
        ("b", 1, "d", 0): 5, ("b", 1, "d", 1): 6, ("e",): 9,
    }  # fmt: skip
    assert document.lines == lines


def test_a_place_without_a_line_takes_its_ancestors() -> None:
    """A missing key is reported where its mapping begins, an unread document at line 1."""
    document = parse("a: 1\nb:\n  c: 2\n", "f.yaml")
    assert document.line(("b", "missing", 3)) == 2
    assert document.line(("x",)) == 1
    assert str(document.error(Misfit(("b", "c"), "is wrong"))) == "f.yaml:3: b.c: is wrong"
    assert str(document.error(Misfit((), "is wrong"))) == "f.yaml:1: is wrong"


def test_data_without_lines_names_its_source_alone() -> None:
    """Data that comes from no file, such as a stored trial, has no line to tell."""
    assert str(Document("trial 3", {}).error(Misfit(("a", 0), "no"))) == "trial 3: a.0: no"


def test_an_origin_beats_the_file() -> None:
    """A value set on the command line is told as such, and beside the line of what it is in."""
    document = Document("f", {}, {(): 1, ("a",): 2}, {("a", "b"): "--set a.b=3"})
    assert str(document.error(Misfit(("a", "b", "c"), "no"))) == "--set a.b=3: a.b.c: no"
    assert str(document.error(Misfit(("a",), "no"))) == "f:2 with --set a.b=3: a: no"
    assert str(document.error(Misfit(("c",), "no"))) == "f:1: c: no"
    assert str(document.error(Misfit((), "no"))) == "f:1: no"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001), ("1e3", 1000.0), ("1E+3", 1000.0), ("-2e-1", -0.2), ("5e6", 5e6),
        ("1.5e3", 1500.0), ("1.e2", 100.0), ("1", 1), ("0.5", 0.5), ("1_000", 1000), ("true", True),
        (".inf", math.inf), ("~", None), ("1e", "1e"), ("e3", "e3"), ("1e3x", "1e3x"),
        ("'1e3'", "1e3"),
    ],
)  # fmt: skip
def test_numbers_are_numbers(text: str, value: Any) -> None:
    """Scientific notation without a point is a number too, which plain PyYAML reads as text."""
    found = parse(f"a: {text}", "f").data["a"]
    assert found == value
    assert type(found) is type(value)


@settings(max_examples=150, deadline=None)
@given(PLAIN)
def test_what_is_dumped_is_read_back(data: Any) -> None:
    """Text that looks like a number, a date or a word of YAML stays text."""
    assert parse(dump({"data": data}), "f").data == {"data": data}


@settings(max_examples=80, deadline=None)
@given(PLAIN)
def test_json_is_yaml(data: Any) -> None:
    """A JSON file says the same in this reader as in Python's."""
    text = json.dumps({"data": data}, ensure_ascii=False, indent=1)
    assert parse(text, "f").data == json.loads(text)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab1:-{}[],&*!|>'\"#%@?~<= \n\t.\x01é\\")))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes the reader raise anything but an InputError that begins with the source."""
    try:
        parse(text, "f.yaml")
    except InputError as error:
        assert str(error).startswith("f.yaml")  # noqa: PT017


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_duplicate_key_is_refused_at_its_second_line(newline: str) -> None:
    """YAML keeps the last of two silently; here the line of the second is told."""
    with pytest.raises(InputError, match=r"^f:4: b\.c: the key 'c' stands here twice; keep one$"):
        parse(newline.join(["a: 1", "b:", "  c: 2", "  c: 3", "d: 4"]), "f")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1, 2\nb: 3", r"^f:2: broken YAML: expected ',' or '\]', but got ':'"),
        ("a:\n  b: 1\n c: 2", r"^f:3: broken YAML: expected <block end>"),
        ("a: b: c", r"^f:1: broken YAML: mapping values are not allowed here"),
        ("a: 1\n\tb: 2", r"^f:2: broken YAML: found character '\\t'"),
        ("a: *b", r"^f:1: broken YAML: found undefined alias 'b'"),
        ("a: 1\n---\nb: 2", r"^f:2: broken YAML: but found another document"),
        ("a: 'x", r"^f:1: broken YAML: found unexpected end of stream"),
        ("a: \x01", r"^f: broken YAML: unacceptable character #x0001"),
        ("", r"^f: the file is empty$"),
        ("# only a comment\n", r"^f: the file is empty$"),
    ],
)
def test_broken_yaml_is_named_with_its_line(text: str, message: str) -> None:
    """A syntax error becomes one line with the place and YAML's own reason."""
    with pytest.raises(InputError, match=message):
        parse(text, "f")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 2024-01-01", "f:1: a: a YAML timestamp is no plain value; put it in quotes"),
        ("a: 2024-99-99", "f:1: a: a YAML timestamp is no plain value"),
        ("b: 1\na: !!binary aGk=", "f:2: a: a YAML binary is no plain value"),
        ("a: !!set {x, y}", "f:1: a: a YAML set is no plain value"),
        ("a: !mine 1", "f:1: a: a YAML !mine is no plain value"),
        ("a: =", "f:1: a: a YAML value is no plain value"),
        ("a: !!int x", "f:1: a: cannot be read as a YAML int; put it in quotes"),
        ("a: !!bool x", "f:1: a: cannot be read as a YAML bool"),
        ("a: " + "9" * 5000, "f:1: a: cannot be read as a YAML int"),
        ("1: a", "f:1: a key must be text, got 1; put it in quotes"),
        ("a: {on: 1}", "f:1: a: a key must be text, got on; put it in quotes"),
        ("? [a, b]\n: 1", "f:1: a key must be text, got a list or mapping"),
        ("a: &x {b: 1}\nc: {<<: *x}", "f:2: c: a key must be text, got <<"),
    ],
)
def test_only_plain_data_is_read(text: str, message: str) -> None:
    """Dates, bytes, sets, tags, merges and keys that are no text are refused where they stand."""
    with pytest.raises(InputError) as caught:
        parse(text, "f")
    assert str(caught.value).startswith(message)


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    """YAML's tags for Python objects are refused, at a value and at a key."""
    target = tmp_path / "made"
    call = f"!!python/object/apply:pathlib.Path.touch [!!python/object:pathlib.Path {target}]"
    for text in (f"a: {call}", f"? {call}\n: 1", f"- {call}"):
        with pytest.raises(InputError, match=r"is no plain value|key must be text"):
            parse(text, "f")
    assert not target.exists()


def test_aliases_stand_for_copies() -> None:
    """An alias is read as what it names, on the line of the alias."""
    document = parse("a: &x\n  b: 1\nc: *x\n", "f")
    assert document.data == {"a": {"b": 1}, "c": {"b": 1}}
    assert document.lines[("c",)] == 3
    document.data["a"]["b"] = 2
    assert document.data["c"] == {"b": 1}


def doubled(levels: int) -> str:
    """A file of a few lines that stands for 9 ** levels values."""
    first = "a0: &a0 [" + ", ".join("x" * 9) + "]\n"
    return first + "\n".join(
        f"a{level + 1}: &a{level + 1} [{', '.join([f'*a{level}'] * 9)}]" for level in range(levels)
    )


@pytest.mark.parametrize(
    "text",
    [doubled(9), "a: &x [*x]", "a: &x {b: *x}", "a: &x [[*x, *x], *x]"],
    ids=["doubled", "list in itself", "mapping in itself", "tree of itself"],
)
def test_alias_bombs_are_refused(text: str) -> None:
    """Aliases that multiply, or that contain themselves, end in an error and not in memory."""
    with pytest.raises(InputError, match="too large or too deep"):
        parse(text, "f")


def test_a_bomb_as_a_key_is_refused() -> None:
    """A key is never expanded."""
    with pytest.raises(InputError, match="got a list or mapping"):
        parse("? &a [x, x, x]\n: 1\n? &b [*a, *a]\n: 1", "f")


@pytest.mark.parametrize("depth", [100, 5000])
@pytest.mark.parametrize("brackets", [("[", "]"), ("{a: ", "}")], ids=["lists", "mappings"])
def test_deep_nesting_is_refused(brackets: tuple[str, str], depth: int) -> None:
    """Deeper than any architecture is an error, not a crash of the parser."""
    left, right = brackets
    with pytest.raises(InputError, match="too deep"):
        parse(left * depth + "1" + right * depth, "f")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    """The path is told, and what to do."""
    with pytest.raises(InputError, match=r"nowhere\.yaml: no such file; check the path$"):
        read(tmp_path / "nowhere.yaml")


def test_what_is_no_text_file_is_refused(tmp_path: Path) -> None:
    """A folder, a picture, another encoding and an impossible path are refused by name."""
    (tmp_path / "latin").write_bytes("a: é".encode("latin-1"))
    (tmp_path / "wide").write_bytes("a: é".encode("utf-16"))
    (tmp_path / "picture").write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff")
    for name in ("latin", "wide", "picture", "", "a\0b"):
        with pytest.raises(InputError, match="cannot be read as text"):
            read(tmp_path / name)


def test_the_mark_of_windows_editors_is_skipped(tmp_path: Path) -> None:
    """UTF-8 with a byte-order mark and carriage returns reads like any other file."""
    path = tmp_path / "windows.yaml"
    path.write_bytes("é: 1\r\nb: ü\r\n".encode("utf-8-sig"))
    document = read(path)
    assert document.data == {"é": 1, "b": "ü"}
    assert document.lines[("b",)] == 2
    assert document.source == str(path)


def test_dump_is_plain_yaml() -> None:
    """What is written can be read by any YAML library, in the order given."""
    data = {"b": [1, 2.5, True, None], "a": {"text": "é: ü"}}
    assert yaml.safe_load(dump(data)) == data
    assert list(yaml.safe_load(dump(data))) == ["b", "a"]


@pytest.mark.parametrize(
    ("given", "said"),
    [("sdtaa", "did you mean 'sdta'?"), ("SDTA", "valid: cmt, sdta"), ("qqq", "valid: cmt, sdta")],
)
def test_the_nearest_name_or_all_of_them(given: str, said: str) -> None:
    """A slip gets its correction; what is like nothing gets the list."""
    assert nearest(given, ["sdta", "cmt"]) == said
