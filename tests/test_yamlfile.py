from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autometa.errors import TaskError
from autometa.yamlfile import MAX_BYTES, Plain, dotted, parse_yaml, read_yaml, to_plain_data


def plain(text: str) -> Any:
    return to_plain_data(parse_yaml(text.encode()).data)


def error_of(raw: bytes | str) -> TaskError:
    data = raw.encode() if isinstance(raw, str) else raw
    with pytest.raises(TaskError) as caught:
        parse_yaml(data, file="task.yaml")
    return caught.value


def test_parse_gives_nested_values() -> None:
    assert plain("a: {b: [1, two, 'three']}\nc: |\n  text\n") == {
        "a": {"b": [1, "two", "three"]},
        "c": "text\n",
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("1e-3", 0.001),
        ("1E5", 1e5),
        (".5", 0.5),
        ("5.", 5.0),
        ("-7", -7),
        ("010", 10),
        ("0o17", "0o17"),
        ("0x1f", "0x1f"),
        ("12:30:45", "12:30:45"),
        ("2024-01-01", "2024-01-01"),
        ("1_000", "1_000"),
        ("~", None),
        ("", None),
        ("null", None),
        ("-.inf", float("-inf")),
        ("1" * 400, "1" * 400),
        ('"1"', "1"),
        ("!!str 1", "1"),
        ("1.2.3", "1.2.3"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_fault_43_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    got = plain(f"key: {text}\n")
    assert got == {"key": value}
    assert type(got["key"]) is type(value)


def test_plain_scalar_keeps_its_text() -> None:
    value = parse_yaml(b"name: 010\n").data["name"]
    assert isinstance(value, Plain)
    assert (value, value.value) == ("010", 10)


def test_fault_43_tab_indentation_names_the_line() -> None:
    assert str(error_of("a:\n\tb: 1\n")) == (
        "task.yaml:2: is not valid YAML: a tab cannot indent. Use spaces."
    )


def test_fault_39_duplicate_key_names_both_lines() -> None:
    error = error_of("budget:\n  trials: 1\n  seconds: 2\n  trials: 3\n")
    assert (error.line, error.key) == (4, "budget.trials")
    assert "first in line 2" in str(error)


def test_fault_40_alias_bomb_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 7)}]" for i in range(1, 9)]
    start = time.process_time()
    error = error_of("\n".join(lines))
    assert "alias" in str(error)
    assert time.process_time() - start < 1.0


def test_fault_40_many_aliases_are_refused() -> None:
    error = error_of("a: &a 1\n" + "".join(f"b{i}: *a\n" for i in range(100)))
    assert error.message == "must have at most 64 aliases, found more."


def test_fault_23_characters_that_json_escapes_in_halves_are_whole() -> None:
    assert plain(r'{"a \ud83c\udfaf": "\ud83c\udfaf", "b": "\ud83c"}') == {
        "a 🎯": "🎯",
        "b": "\ud83c",
    }


def test_alias_may_be_used() -> None:
    assert plain("a: &x {b: 1}\nc: *x\n") == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: *a}", "a: &a [1, {b: [*a]}]"])
def test_fault_41_recursive_alias_is_refused(text: str) -> None:
    assert error_of(text).message == "the alias *a contains itself."


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.system [touch pwned]",
        "a: !!python/name:os.system",
        "!!python/object:object {}",
        "a: !custom 1",
        "a: !!binary aGk=",
    ],
)
def test_fault_42_tags_are_refused(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert error_of(text).message.startswith("tags are not allowed")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty."),
        ("# only a comment\n", "the file is empty."),
        ("---\n...\n", "the file is empty."),
        ("- a\n- b\n", "must be a mapping of keys, got a list."),
        ("word\n", "must be a mapping of keys, got a single value."),
        ("a: 1\n---\nb: 2\n", "is not valid YAML: must hold one document, found a second."),
    ],
    ids=["empty", "comment", "marks", "list", "word", "two documents"],
)
def test_fault_44_anything_but_one_mapping_is_refused(text: str, message: str) -> None:
    assert error_of(text).message == message


@pytest.mark.parametrize(
    ("raw", "line"),
    [(b"a: 1\nb: caf\xe9\n", 2), ("a: 1\n".encode("utf-16"), 1), (b"\x80", 1)],
    ids=["latin-1", "utf-16", "binary"],
)
def test_fault_45_other_encodings_name_line_and_remedy(raw: bytes, line: int) -> None:
    error = error_of(raw)
    assert error.line == line
    assert "must be UTF-8" in str(error)


def test_byte_order_mark_is_stripped() -> None:
    assert to_plain_data(parse_yaml(b"\xef\xbb\xbfa: 1\n").data) == {"a": 1}


def test_control_character_names_its_line() -> None:
    error = error_of("a: 1\nb: x\x07\n")
    assert (error.line, "0x07" in error.message) == (2, True)


@pytest.mark.parametrize(
    "text", ["[" * 1000, "{a: " * 1000, "a: [" + "1, " * 30_000 + "]"], ids=["list", "map", "wide"]
)
def test_deep_or_wide_files_are_refused(text: str) -> None:
    assert "values in 24 levels" in error_of(text).message


def test_large_file_is_refused() -> None:
    assert "at most 1024 KiB" in error_of(b"a: " + b"x" * MAX_BYTES).message


def test_list_as_key_is_refused() -> None:
    assert "a key must be a word" in error_of("[a, b]: 1\n").message


def test_line_of_missing_key_is_its_parents() -> None:
    document = parse_yaml(b"a: 1\nb:\n  - c: 2\n")
    assert document.line(("b", 0, "c")) == 3
    assert document.line(("b", 0, "d", "e")) == 3
    assert document.line(("x",)) == 1


def test_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text("a: 1")
    with pytest.raises(TaskError, match=r"no such file\. The folder has task\.yaml\."):
        read_yaml(tmp_path / "tsak.yaml")


@pytest.mark.parametrize(
    ("name", "message"),
    [(".", "this is a folder"), ("no/x.yaml", "does not exist"), ("a\0b", "null byte")],
    ids=["folder", "missing folder", "NUL"],
)
def test_unreadable_path_is_a_task_error(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        read_yaml(tmp_path / name)


def test_endless_file_is_refused() -> None:
    with pytest.raises(TaskError, match="1024 KiB"):
        read_yaml(Path("/dev/zero"))


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_give_a_document_or_a_task_error(raw: bytes) -> None:
    try:
        outcome: object = parse_yaml(raw).data
    except TaskError as error:
        outcome = str(error)
    assert isinstance(outcome, dict) or "\n" not in str(outcome)


def test_dotted_writes_a_path() -> None:
    assert dotted(("a", 1, "b")) == "a[1].b"
    assert dotted(()) == ""
