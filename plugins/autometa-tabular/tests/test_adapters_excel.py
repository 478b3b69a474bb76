import datetime

import openpyxl
import pandas as pd
import pytest
from autometa_tabular.adapters.excel import ExcelAdapter

from autometa import DataError, TaskError


@pytest.fixture
def load(tmp_path):
    """Writes sheets of rows to a workbook and loads it."""

    def load(sheets, **options):
        book = openpyxl.Workbook()
        book.remove(book.active)
        sheets = sheets if isinstance(sheets, dict) else {"Sheet1": sheets}
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
        book.save(tmp_path / "data.xlsx")
        return ExcelAdapter().load(str(tmp_path / "data.xlsx"), options)

    return load


ROWS = [["size", "colour"], [1, "red"], [2.5, "blue"], [None, "red"]]


def test_first_row_names_the_columns(load):
    dataset = load(ROWS)
    assert dataset.raw["size"].tolist()[:2] == [1.0, 2.5]
    assert dataset.raw["colour"].tolist() == ["red", "blue", "red"]


def test_dates_numbers_and_booleans_keep_their_kind(load):
    day = datetime.datetime(2024, 2, 29)
    kinds = load(
        [["d", "b", "t"], [day, True, "$1"], [None, False, "$2"], [day, True, "$3"]]
    ).schema
    assert [kinds[name].kind for name in "dbt"][1:] == ["boolean", "numeric"]
    two = load([["d"], [day], [datetime.datetime(2024, 3, 1)]])
    assert two.frame["d"].tolist() == [pd.Timestamp("2024-02-29"), pd.Timestamp("2024-03-01")]


def test_first_sheet_that_holds_something_is_read_unless_another_is_named(load):
    sheets = {"empty": [], "first": ROWS, "second": [["x"], [1], [2]]}
    dataset = load(sheets)
    assert list(dataset.raw.columns) == ["size", "colour"]
    assert "sheet 'first' of 3 was read" in dataset.notes
    assert list(load(sheets, sheet="second").raw.columns) == ["x"]
    assert list(load(sheets | {"2024": [["y"], [1], [2]]}, sheet=2024).raw.columns) == ["y"]
    with pytest.raises(TaskError, match=r"no sheet 'secnd'. Did you mean 'second'"):
        load(sheets, sheet="secnd")


def test_title_above_the_header_is_passed_by(load):
    rows = [["Sales of 2024"], [], ["size", "colour"], [1, "red"], [2, "blue"]]
    assert list(load(rows, header_row=3).raw.columns) == ["size", "colour"]
    with pytest.raises(TaskError, match=r"row 2 .* is empty"):
        load(rows, header_row=2)


def test_empty_rows_and_columns_without_a_name_are_told(load):
    rows = [["a", None, None, "b"], [1, None, 5, 2], [], [3, None, 6, 4]]
    dataset = load(rows)
    assert dataset.raw.to_dict("list") == {"a": [1, 3], "C": [5, 6], "b": [2, 4]}
    assert "columns without a name are called by their letter: C" in dataset.notes


def test_saved_index_is_left_out(load):
    assert list(load([[None, "a"], [0, 5], [1, 6], [2, 5]]).raw.columns) == ["a"]


def test_cells_with_errors_are_missing(load):
    dataset = load([["a"], [1], ["#DIV/0!"], [2]])
    assert dataset.raw["a"].isna().tolist() == [False, True, False]
    assert "1 cells with an error such as #N/A became missing" in dataset.notes


def test_sample_is_random_and_the_same_every_time(load):
    rows = [["a"], *([i] for i in range(100))]
    dataset = load(rows, sample_rows=10)
    assert len(dataset) == 10
    assert dataset.digest() == load(rows, sample_rows=10).digest()
    assert "a random sample of 10 of 100 rows was kept" in dataset.notes


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param([], "has no rows", id="fault 5"),
        pytest.param([["a", "b"]], "header but no rows", id="fault 6"),
        pytest.param([["a", "a"], [1, 2]], "several columns have one name: 'a'", id="fault 4"),
    ],
)
def test_what_is_wrong_is_told(load, rows, message):
    with pytest.raises(DataError, match=message):
        load(rows)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"a,b\n1,2\n", "no readable workbook", id="no zip"),
        pytest.param(b"\xd0\xcf\x11\xe0" + b"\0" * 600, "old .xls file, or protected", id="old"),
        pytest.param(b"PK\x05\x06" + b"\0" * 18, "no readable workbook", id="empty zip"),
    ],
)
def test_file_that_is_no_workbook_is_told(tmp_path, content, message):
    (tmp_path / "data.xlsx").write_bytes(content)
    with pytest.raises(DataError, match=message):
        ExcelAdapter().load(str(tmp_path / "data.xlsx"), {})


def test_damaged_workbook_is_told(load, tmp_path):
    load(ROWS)
    whole = (tmp_path / "data.xlsx").read_bytes()
    for size in range(10, len(whole), len(whole) // 23):
        (tmp_path / "data.xlsx").write_bytes(whole[:size])
        with pytest.raises(DataError, match="no readable workbook"):
            ExcelAdapter().load(str(tmp_path / "data.xlsx"), {})
