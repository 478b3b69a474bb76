import contextlib
import gzip
import io
import zipfile

import pandas as pd
import pytest
from autometa_tabular.adapters.csv import CsvAdapter

from autometa import DataError, TaskError


@pytest.fixture
def load(tmp_path):
    """Writes bytes or a text to a file and loads it."""

    def load(content, file_name="data.csv", **options):
        path = tmp_path / file_name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return CsvAdapter().load(str(path), options)

    return load


def refusal(load, *args, **options):
    """The one line of the error that exits with 3, without the folder."""
    with pytest.raises(DataError) as caught:
        load(*args, **options)
    assert caught.value.exit_code == 3
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    return str(caught.value).split("/")[-1]


TEXT = "größe,name\n1,é\n2,y\n"


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1"],
)
def test_faults_1_2_encodings_are_found_out(load, encoding):
    dataset = load(TEXT.encode(encoding))
    assert dataset.raw.columns.tolist() == ["größe", "name"]
    assert dataset.raw["name"].tolist() == ["é", "y"]


def test_fault_2_guessed_encoding_is_stated(load):
    assert load(TEXT.encode("latin-1")).notes == (
        "not valid UTF-8, read as cp1252; data.options.encoding sets another",
    )


def test_fault_2_lines_in_two_encodings_are_stated(load):
    mixed = "größe,name\n".encode() + "1,é\n".encode("latin-1")
    (note,) = load(mixed).notes
    assert note == (
        "some lines are UTF-8 and some are not: all are read as cp1252, which spoils the former; "
        "write the file in one encoding"
    )


def test_fault_2_one_odd_byte_deep_in_the_file_is_seen(load):
    content = "n,c\n" + "1,x\n" * 500_000 + "2,é\n"
    assert load(content.encode("latin-1")).raw["c"].iloc[-1] == "é"


def test_fault_2_wrong_encoding_names_line_and_option(load):
    assert refusal(load, b"a,b\n1,\x81\n") == (
        "data.csv, about line 2: not valid cp1252. Set data.options.encoding, such as cp1252, "
        "latin-1 or utf-16."
    )
    assert "not valid utf-8." in refusal(load, TEXT.encode("latin-1"), encoding="utf-8")


def test_encoding_can_be_given(load):
    assert load(TEXT.encode("cp437"), encoding="cp437").raw["name"][0] == "é"
    with pytest.raises(TaskError, match=r"data\.options\.encoding: unknown encoding 'utf-99'"):
        load(TEXT, encoding="utf-99")


def test_fault_3_ragged_row_names_its_line(load):
    assert refusal(load, "a,b\n1,x\n2,y,z\n3,w\n") == (
        "data.csv, line 3: 3 fields where the header has 2. Correct the line, or set "
        "data.options.on_bad_lines: skip."
    )
    assert "line 4: 1 fields" in refusal(load, 'a,b\n"1\n1",x\n2\n3,w\n')


def test_fault_3_ragged_rows_can_be_skipped(load):
    dataset = load("a,b\n1,x\n2,y,z\n3\n4,w\n", on_bad_lines="skip")
    assert dataset.raw["a"].tolist() == ["1", "4"]
    assert dataset.notes == (
        "rows with too many or too few fields were skipped: 2, the first in line 3",
    )


def test_fault_4_duplicate_names_are_listed(load):
    assert "several columns have one name: 'a', 'b'." in refusal(load, "a,b,a,c,b\n1,2,3,4,5\n")


def test_title_above_the_names_is_refused_with_its_number_of_lines(load):
    names = "data.csv: 2 of 3 columns have no name in line 1."
    titled = "List;;\nas of;;May\n\na;b;c;d\n1;2;3;4\n"
    assert refusal(load, titled) == (
        f"{names} If they stand below line 2, set data.options.skip_lines: 2; else name each one."
    )
    assert load(titled, skip_lines=2).raw.columns.tolist() == ["a", "b", "c", "d"]
    assert refusal(load, "a,,\n1,2,\n3,4,\n") == f"{names} Name each column."
    assert load("a,\n1,2\n").raw.columns.tolist() == ["a", ""]


EMPTY = {
    "nothing": b"",
    "line ends": b"\n\n",
    "mark": b"\xef\xbb\xbf",
    "gzip": gzip.compress(b"", mtime=0),
}


@pytest.mark.parametrize("content", EMPTY.values(), ids=EMPTY)
def test_fault_5_empty_file_is_refused(load, content):
    assert refusal(load, content).startswith("data.csv is empty.")


@pytest.mark.parametrize("content", ["a,b\n", "a,b", "a,b\n\n", '"a","b"\r\n'])
def test_fault_6_header_alone_is_refused(load, content):
    assert refusal(load, content).startswith("data.csv has a header but no rows.")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_fault_29_line_ends_and_quotes_are_read(load, end):
    text = end.join(['a,"b, c"', '1,"say ""hi"""', f'2,"two{end}lines"', ""])
    dataset = load(text)
    assert dataset.raw.columns.tolist() == ["a", "b, c"]
    assert dataset.raw["a"].tolist() == ["1", "2"]
    assert dataset.raw["b, c"].tolist()[0] == 'say "hi"'
    assert dataset.raw["b, c"].tolist()[1].split() == ["two", "lines"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_fault_29_nul_byte_names_its_line(load, pack):
    assert "data.csv, line 3: a NUL byte" in refusal(load, pack(b"a,b\n1,x\n2,\x00y\n"))


def test_fault_29_open_quote_does_not_swallow_the_file(load):
    assert "a quote that is never closed" in refusal(load, 'a,b\n1,"x\n2,y\n3,z\n')


def zipped(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, TEXT)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "file_name"),
    [
        pytest.param(gzip.compress(TEXT.encode()), "data.csv.gz", id="gzip"),
        pytest.param(gzip.compress(TEXT.encode()), "data.csv", id="gzip by content"),
        pytest.param(zipped("x.csv", "__MACOSX/x.csv"), "data.zip", id="zip"),
    ],
)
def test_fault_30_packed_files_are_read(load, content, file_name):
    assert load(content, file_name).raw.shape == (2, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(zipped("x.csv", "y.csv"), "holds 'x.csv', 'y.csv'.", id="two in a zip"),
        pytest.param(zipped("x.csv")[:40], "cannot be unpacked: File is not a zip", id="cut zip"),
        pytest.param(gzip.compress(b"a,b\n" * 9999)[:-9], "cannot be unpacked", id="cut gzip"),
    ],
)
def test_fault_30_broken_archives_are_refused(load, content, message):
    assert message in refusal(load, content)


def test_fault_30_file_beyond_memory_is_refused_by_size(tmp_path):
    path = tmp_path / "big.csv"
    with path.open("wb") as file:
        file.write(b"a,b\n")
        file.truncate(1 << 42)  # takes no space
    with pytest.raises(DataError, match=r"needs about .* GiB of memory.*sample_rows"):
        CsvAdapter().load(str(path), {})


def test_fault_30_large_file_can_be_sampled(load):
    rows = "".join(f"{i},{2 * i}\n" for i in range(5000))
    first, second = (load("a,b\n" + rows, sample_rows=200) for _ in range(2))
    numbers = first.frame["a"].to_numpy()
    assert len(numbers) == 200
    assert (numbers[1:] > numbers[:-1]).all()
    assert 2000 < numbers.mean() < 3000
    assert first.frame["b"].tolist() == (2 * numbers).tolist()
    assert first.notes == ("a random sample of 200 of 5000 rows was read",)
    assert second.digest() == first.digest()
    assert load("a,b\n" + rows, sample_rows=9000).raw.shape == (5000, 2)


def test_fault_32_missing_file_names_the_nearest(load, tmp_path):
    load(TEXT, "wages.csv")
    with pytest.raises(DataError, match=r"wage\.csv does not exist\. Did you mean wages\.csv\?"):
        CsvAdapter().load(str(tmp_path / "wage.csv"), {})
    with pytest.raises(DataError, match=r"The folder .* is missing, too"):
        CsvAdapter().load(str(tmp_path / "none" / "wage.csv"), {})


def test_fault_32_directory_is_refused(tmp_path):
    with pytest.raises(DataError, match="is a directory, but one file is needed"):
        CsvAdapter().load(str(tmp_path), {})


def test_fault_32_unreadable_file_is_refused(tmp_path):
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    with pytest.raises(DataError, match=r"cannot be read: .* Check its permissions"):
        CsvAdapter().load(str(tmp_path / "loop.csv"), {})


@pytest.mark.parametrize(
    ("content", "names", "first"),
    [
        pytest.param("a;b\n1,5;x\n2,5;y\n", ["a", "b"], ["1,5", "x"], id="semicolon"),
        pytest.param("a;b;c\n1,5;2,5;3\n", ["a", "b", "c"], ["1,5", "2,5", "3"], id="commas too"),
        pytest.param("a\tb\n1\tx, y\n2\tz\n", ["a", "b"], ["1", "x, y"], id="tab"),
        pytest.param("a|b\n1|x\n", ["a", "b"], ["1", "x"], id="bar"),
        pytest.param("a\n1\n2\n", ["a"], ["1"], id="one column"),
        pytest.param('"a;b",c\n"1;2",x\n', ["a;b", "c"], ["1;2", "x"], id="quoted"),
    ],
)
def test_separator_is_found_out(load, content, names, first):
    dataset = load(content)
    assert dataset.raw.columns.tolist() == names
    assert dataset.raw.iloc[0].tolist() == first


def test_separator_can_be_given_or_follows_the_suffix(load):
    assert load("a#b\n1#x\n", separator="#").raw.columns.tolist() == ["a", "b"]
    assert load("a,b\tc\n1,2\t3\n", "data.tsv").raw.columns.tolist() == ["a,b", "c"]


def test_decimal_mark_can_be_given(load):
    assert load("a;b\n1.234;x\n2.500;y\n").frame["a"].tolist() == [1.234, 2.5]
    assert load("a;b\n1.234;x\n2.500;y\n", decimal=",").frame["a"].tolist() == [1234.0, 2500.0]


def test_missing_words_are_missing_unless_named_otherwise(load):
    text = 'a,b\nNA,x\n2,"NA"\n?,None\n4,\n'
    assert load(text).raw["b"].isna().tolist() == [False, True, False, True]
    other = load(text, na_values=["None"])
    assert other.raw["b"].isna().tolist() == [False, False, True, True]
    assert other.raw["a"].tolist() == ["NA", "2", "?", "4"]


def test_fault_3_lines_above_the_names_are_told_and_passed_by(load):
    text = "# made on a monday\n# by me\n\na,b\n1,2\n3,4\n"
    with pytest.raises(DataError, match=r"line 4: 2 fields .* data\.options\.skip_lines"):
        load(text)
    assert load(text, skip_lines=3).raw.to_dict("list") == {"a": ["1", "3"], "b": ["2", "4"]}
    with pytest.raises(DataError, match=r"line 7: 1 fields where the header has 2"):
        load(f"{text}5\n", skip_lines=2)


def test_fault_29_last_value_may_end_with_a_line(load):
    assert load('a,b\n1,x\n2,"y\n"\n').raw["b"].tolist() == ["x", "y\n"]


def test_fault_33_values_stay_as_written(load):
    assert load("y,x\n007,1\n0.0,2\n yes,3\n").raw["y"].tolist() == ["007", "0.0", " yes"]


def test_faults_23_24_column_names_stay_as_they_are(load):
    dataset = load('"a{b}[c]","x,y","l\n1","größe 😀"\n1,2,3,4\n2,3,4,5\n')
    assert dataset.schema.names == ("a{b}[c]", "x,y", "l\n1", "größe 😀")


def test_other_line_separators_of_unicode_end_no_line(load):
    assert load("a,b\n1,x\u2028y\n2,z\x0bw\n").raw["b"].tolist() == ["x\u2028y", "z\x0bw"]


def test_saved_row_index_is_left_out(load):
    frame = pd.DataFrame({"a": [5.5, 6.5], "b": ["x", "y"]})
    dataset = load(frame.to_csv())
    assert dataset.raw.columns.tolist() == ["a", "b"]
    assert dataset.notes == ("the first column has no name and counts the rows; it was left out",)
    assert load(",a\n9,1\n3,2\n").raw.columns.tolist() == ["", "a"]


def test_fault_25_header_of_ten_thousand_columns_is_read(load):
    names = [f"a column with a rather long name, number {i}" for i in range(10_000)]
    quoted = ",".join(f'"{name}"' for name in names)
    rows = "\n".join(",".join(str(i * j) for j in range(10_000)) for i in range(3))
    assert load(f"{quoted}\n{rows}\n", sample_rows=10).raw.columns.tolist() == names


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seperator": ";"}, "has no option 'seperator'. Did you mean 'separator'?"),
        ({"zzz": 1}, "It takes decimal, encoding, na_values, on_bad_lines, sample_rows, separat"),
        ({"sample_rows": "ten"}, "data.options.sample_rows: must be a whole number, but is 'ten'."),
        ({"sample_rows": 0}, "data.options.sample_rows: must be at least 1"),
        ({"on_bad_lines": "warn"}, "must be 'error' or 'skip', but is 'warn'."),
        ({"decimal": ":"}, "data.options.decimal: must be '.' or ','"),
        ({"separator": "##"}, "data.options.separator: must be"),
        ({"na_values": "NA"}, "data.options.na_values: must be a list of texts"),
    ],
)
def test_wrong_options_are_task_errors(load, options, message):
    with pytest.raises(TaskError) as caught:
        load(TEXT, **options)
    assert message in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_any_cut_of_a_file_is_read_or_refused(load, cut):
    content = 'a,"b\nc"\r\n1,"x, y"\n"2",z\n\n3,"q ""r"" s"\n4,é\n5,ü\n'.encode()[:cut]
    with contextlib.suppress(DataError):
        assert load(content).raw.shape[1] == 2
