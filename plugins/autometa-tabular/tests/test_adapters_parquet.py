import datetime
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from autometa_tabular.adapters.parquet import ParquetAdapter

from autometa import DataError, TaskError


@pytest.fixture
def load(tmp_path):
    """Writes columns to a parquet file and loads it."""

    def load(columns, **options):
        table = columns if isinstance(columns, pa.Table) else pa.table(columns)
        pq.write_table(table, tmp_path / "data.parquet")
        return ParquetAdapter().load(str(tmp_path / "data.parquet"), options)

    return load


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        pytest.param(pa.array([1, 2]), "numeric", id="int64"),
        pytest.param(pa.array([1, None, 3], pa.uint8()), "numeric", id="int with a gap"),
        pytest.param(pa.array([1.5, 2.5], pa.float32()), "numeric", id="float"),
        pytest.param(pa.array([Decimal("1.50"), Decimal("2.50")]), "numeric", id="decimal"),
        pytest.param(pa.array([True, None, False]), "boolean", id="bool with a gap"),
        pytest.param(pa.array([datetime.datetime(2020, 1, 1), None]), "date", id="timestamp"),
        pytest.param(
            pa.array([0, 1], pa.timestamp("s", "Europe/Berlin")), "date", id="zoned timestamp"
        ),
        pytest.param(
            pa.array([datetime.date(2020, 1, 1), datetime.date(9999, 12, 31)]), "date", id="date"
        ),
        pytest.param(pa.array([1, 2], pa.duration("s")), "numeric", id="duration"),
        pytest.param(pa.array(["1", "2"]).dictionary_encode(), "categorical", id="dictionary"),
        pytest.param(pa.array(["a", "b", None]), "categorical", id="string"),
        pytest.param(pa.array(["$1", "$2"]), "numeric", id="string of numbers"),
        pytest.param(pa.array([b"a", b"b"]), "categorical", id="binary"),
        pytest.param(pa.nulls(2), "dropped", id="null"),
    ],
)
def test_arrow_types_are_mapped(load, values, kind):
    assert load({"x": values}).schema["x"].kind == kind


def test_fault_33_whole_numbers_with_gaps_stay_whole(load):
    dataset = load({"y": pa.array([1, None, 0]), "x": pa.array([1, 2, 3])})
    assert dataset.raw.columns.tolist() == ["y", "x"]
    assert [str(value) for value in dataset.raw["y"]] == ["1", "<NA>", "0"]


@pytest.mark.parametrize("values", [pa.array([[1], [2]]), pa.array([{"a": 1}, {"a": 2}])])
def test_nested_columns_are_refused_by_name(load, values):
    with pytest.raises(DataError, match=r"column 'tags' holds (list|struct)") as caught:
        load({"x": pa.array([1, 2]), "tags": values})
    assert caught.value.exit_code == 3


def test_fault_4_duplicate_names_are_listed(load):
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(DataError, match="several columns have one name: 'a'"):
        load(table)


def test_fault_6_file_without_rows_is_refused(load):
    with pytest.raises(DataError, match="has no rows"):
        load({"a": pa.array([], pa.int64())})


def test_fault_5_broken_file_is_refused(tmp_path):
    (tmp_path / "data.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match=r"data\.parquet is no readable parquet file"):
        ParquetAdapter().load(str(tmp_path / "data.parquet"), {})


def test_fault_32_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        ParquetAdapter().load(str(tmp_path / "data.parquet"), {})


def test_saved_row_index_is_left_out(tmp_path):
    frame = pd.DataFrame({"x": [1.5, 2.5]}, index=[7, 3])
    frame.to_parquet(tmp_path / "data.parquet")
    dataset = ParquetAdapter().load(str(tmp_path / "data.parquet"), {})
    assert dataset.raw.columns.tolist() == ["x"]
    assert dataset.notes == ("the saved row index was left out",)


def test_named_index_is_a_column(tmp_path):
    pd.DataFrame({"x": [1, 2]}, index=pd.Index(["a", "b"], name="who")).to_parquet(
        tmp_path / "data.parquet"
    )
    dataset = ParquetAdapter().load(str(tmp_path / "data.parquet"), {})
    assert sorted(dataset.raw.columns) == ["who", "x"]


def test_fault_30_large_file_can_be_sampled(load):
    dataset = load({"x": pa.array(range(1000))}, sample_rows=10)
    assert dataset.raw.shape == (10, 1)
    assert dataset.notes == ("a random sample of 10 of 1000 rows was read",)


def test_fault_30_file_beyond_memory_is_refused_by_size(load, monkeypatch):
    monkeypatch.setattr("autometa_tabular.adapters.files.free_memory", lambda: 1000.0)
    with pytest.raises(DataError, match=r"GiB are free\. Set data\.options\.sample_rows"):
        load({"x": pa.array(range(1000))})


def test_unknown_option_is_a_task_error(load):
    with pytest.raises(TaskError, match="Did you mean 'sample_rows'"):
        load({"x": pa.array([1, 2])}, samplerows=3)
