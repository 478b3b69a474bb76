import gzip
import zipfile

import pytest
from autometa_tabular.adapters import json_lines
from autometa_tabular.adapters.json_lines import JsonAdapter

from autometa import DataError, TaskError


@pytest.fixture
def load(tmp_path):
    """Writes a text to a file and loads it."""

    def load(text, name="data.jsonl", **options):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return JsonAdapter().load(str(tmp_path / name), options)

    return load


LINES = '{"a": 1, "b": "x"}\n{"a": null, "b": "y"}\n\n{"b": "x", "c": true}\n'


def test_lines_become_rows_and_lacking_keys_are_missing(load):
    raw = load(LINES).raw
    assert list(raw.columns) == ["a", "b", "c"]
    assert raw["b"].tolist() == ["x", "y", "x"]
    assert raw["a"].isna().tolist() == [False, True, True]
    assert raw["c"].isna().tolist() == [True, True, False]


@pytest.mark.parametrize("text", ['[{"a": 1}, {"a": 2}]', ' \n[\n{"a": 1},\n{"a": 2}\n]\n'])
def test_one_array_of_objects_is_read_too(load, text):
    assert load(text, "data.json").raw["a"].tolist() == [1, 2]


def test_objects_in_objects_are_columns_named_by_their_path(load):
    dataset = load('{"u": {"age": 3, "at": {"x": 1}}}\n{"u": {"age": 4, "at": {"x": 2}}}\n')
    assert dataset.schema.names == ("u.age", "u.at.x")
    assert "objects in objects were read as columns named by their path" in dataset.notes


def test_fault_30_gzip_and_zip_are_unpacked(load, tmp_path):
    assert len(load(gzip.compress(LINES.encode()), "data.jsonl.gz")) == 3
    with zipfile.ZipFile(tmp_path / "data.jsonl.zip", "w") as archive:
        archive.writestr("data.jsonl", LINES)
    assert len(JsonAdapter().load(str(tmp_path / "data.jsonl.zip"), {})) == 3


def test_fault_30_file_that_does_not_fit_is_refused_or_sampled(load, monkeypatch):
    lines = "".join(f'{{"a": {i}}}\n' for i in range(30_000))
    sampled = load(lines, sample_rows=100)
    assert len(sampled) == 100
    assert "a random sample of 100 of 30000 rows was read" in sampled.notes
    assert sampled.raw["a"].is_monotonic_increasing
    assert 10_000 < sampled.raw["a"].mean() < 20_000
    monkeypatch.setattr(json_lines, "_MEMORY_PER_BYTE", 1e9)
    with pytest.raises(DataError, match=r"GiB of memory.*sample_rows"):
        load(lines)
    assert load(lines, sample_rows=100).digest() == sampled.digest()


def test_sample_of_an_array_keeps_the_order(load):
    text = "[" + ",".join(f'{{"a": {i}}}' for i in range(50)) + "]"
    raw = load(text, "data.json", sample_rows=10).raw
    assert len(raw) == 10
    assert raw["a"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param('{"a": 1}\n{"a": \n', "line 2: no JSON object: expecting value", id="cut"),
        pytest.param('{"a": 1}\n[1, 2]\n', "line 2: .*list where an object", id="list"),
        pytest.param('{"a": 1, "a": 2}\n', "line 1: .*'a' stands there twice", id="fault 4"),
        pytest.param("{}\n{}\n", "objects without keys", id="no keys"),
        pytest.param("", "has no rows", id="fault 5"),
        pytest.param("[]", "has no rows", id="fault 6"),
        pytest.param('{"a": 1}\n{"a": "\0"}\n', "line 2: a NUL byte", id="fault 29"),
        pytest.param('{"a": ' + "[" * 100_000, "line 1: no JSON object", id="deep"),
        pytest.param('{"a": [1]}\n', "lists or records", id="nested list"),
        pytest.param('[{"a": 1}, 2]', "item 2: int where an object", id="array of others"),
        pytest.param('[{"a": 1},\n{"a" 2}]', "line 2: no JSON: expecting", id="broken array"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(load, text, message):
    with pytest.raises(DataError, match=message):
        load(text)


def test_fault_3_bad_lines_are_skipped_where_wanted(load):
    dataset = load('{"a": 1}\n{"a":\n{"a": 3}\nno\n', on_bad_lines="skip")
    assert dataset.raw["a"].tolist() == [1, 3]
    assert "lines that hold no object were skipped: 2, the first is line 2" in dataset.notes


def test_faults_1_2_encodings_are_found_out(load):
    text = '{"ä": "ö"}\n{"ä": "ü"}\n'
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "cp1252"):
        assert load(text.encode(encoding)).raw["ä"].tolist() == ["ö", "ü"]


def test_fault_19_whole_numbers_beyond_64_bits_are_numbers(load):
    dataset = load(f'{{"a": {2**70}}}\n{{"a": 1}}\n{{"a": null}}\n')
    assert dataset.schema["a"].kind == "numeric"
    assert dataset.frame["a"].tolist()[:2] == [2.0**70, 1.0]


def test_fault_17_mixed_values_are_categories(load):
    dataset = load('{"a": 1}\n{"a": "b"}\n{"a": true}\n{"a": 1}\n')
    assert dataset.schema["a"].categories == ("1", "True", "b")


def test_unknown_option_is_named(load):
    with pytest.raises(TaskError, match="on_bad_lines"):
        load(LINES, on_bad_line="skip")
