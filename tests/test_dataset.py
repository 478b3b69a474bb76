import datetime
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autometa.dataset import Dataset, Schema
from autometa.errors import DataError
from autometa.schema import describe_dropped


def read(**columns):
    """A dataset of columns given as lists; texts become nullable strings, as adapters give them."""
    frame = pd.DataFrame(
        {
            name: pd.array(values, dtype="string")
            if isinstance(values, list) and all(v is None or isinstance(v, str) for v in values)
            else values
            for name, values in columns.items()
        }
    )
    return Dataset.from_frame(frame)


def kind_of(values):
    return read(x=values).schema["x"].kind


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        pytest.param([1, 2, 3], "numeric", id="ints"),
        pytest.param(["1", "2.5", None], "numeric", id="texts of numbers"),
        pytest.param(["1", "NA", "-"], "numeric", id="words that mean missing"),
        pytest.param([Decimal("1.5"), Decimal(2), None], "numeric", id="decimals"),
        pytest.param(pd.array([1, None, 3], dtype="Int64"), "numeric", id="nullable ints"),
        pytest.param(pd.to_timedelta([1, 2], unit="s"), "numeric", id="durations"),
        pytest.param([True, False, True], "boolean", id="bools"),
        pytest.param([True, None, False], "boolean", id="bools with a gap"),
        pytest.param(["yes", "No", None], "boolean", id="yes and no"),
        pytest.param(["t", "f"], "boolean", id="t and f"),
        pytest.param(["yes", "no", "perhaps"], "categorical", id="three words"),
        pytest.param(["red", "blue", "red"], "categorical", id="texts"),
        pytest.param(pd.Categorical(["1", "2"]), "categorical", id="declared categories"),
        pytest.param(["2020-01-31", "2021-02-01"], "date", id="iso"),
        pytest.param([datetime.date(2020, 1, 31), datetime.date(9999, 12, 31)], "date", id="days"),
        pytest.param(pd.to_datetime(["2020-01-31", "2021-02-01"], utc=True), "date", id="zoned"),
        pytest.param(pd.period_range("2020-01", periods=2, freq="M"), "date", id="periods"),
        pytest.param(["a b c d", "e f", "g h i"], "text", id="three words on average"),
        pytest.param(["a b c d", "e f g h"] * 10, "categorical", id="long texts that repeat"),
        pytest.param([None, None], "dropped", id="missing"),
        pytest.param([7, 7], "dropped", id="constant"),
        pytest.param([7.0, np.nan], "numeric", id="one number and a gap"),
    ],
)
def test_schema_infers_kind(values, kind):
    assert kind_of(values) == kind


def test_fault_17_mixed_values_are_categories():
    dataset = Dataset.from_frame(
        pd.DataFrame({"x": pd.Series(["1", "a", np.nan, 2], dtype=object)})
    )
    assert dataset.schema["x"].categories == ("1", "2", "a")
    assert dataset.frame["x"].isna().tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    ("texts", "numbers", "note"),
    [
        (["1,5", "22,25"], [1.5, 22.25], "decimal comma"),
        (["$3", "$1,200.50"], [3.0, 1200.5], "currency"),
        (["1 234", "5"], [1234.0, 5.0], "group"),
        (["1\u00a0234,5", "5"], [1234.5, 5.0], "decimal comma"),
        (["1.234,5", "3"], [1234.5, 3.0], "decimal comma"),
        (["5%", "12.5%"], [5.0, 12.5], "percent"),
        (["0,125", "1,500"], [0.125, 1.5], "decimal comma"),
        (["1,234", "12,000"], [1234.0, 12000.0], "group"),
    ],
)
def test_fault_18_numbers_as_text_are_parsed_and_stated(texts, numbers, note):
    dataset = read(x=texts)
    assert dataset.frame["x"].tolist() == numbers
    assert note in dataset.notes[0]


@pytest.mark.parametrize(
    "texts", [["$3", "€4"], ["5%", "6"], ["1,5", "1.5", "x"], ["3 kg", "4 kg"]]
)
def test_fault_18_texts_that_are_not_all_numbers_are_categories(texts):
    assert kind_of(texts) == "categorical"


def test_fault_18_one_wrong_number_is_named():
    dataset = read(x=[str(i) for i in range(40)] + ["abc"])
    assert dataset.schema["x"].kind == "categorical"
    assert dataset.notes == (
        "taken as categories, since not all values are numbers (such as 'abc'): 'x'",
    )


@pytest.mark.parametrize("values", [[2**63, 2**70, 1], [str(2**63), str(10**400), "1"]])
def test_fault_19_huge_integers_are_floats(values):
    dataset = read(x=values)
    assert dataset.schema["x"].kind == "numeric"
    assert dataset.frame["x"][0] == 2.0**63


def test_fault_16_infinite_features_become_missing_and_are_counted():
    dataset = read(x=[1.0, np.inf, -np.inf, 2.0], y=["1", "inf", "3", "4"])
    assert dataset.frame["x"].isna().tolist() == [False, True, True, False]
    assert dataset.notes == ("3 infinite values became missing: 'x', 'y'",)


@pytest.mark.parametrize(
    ("texts", "day"),
    [
        (["31/12/2020", "01/02/2021"], "2020-12-31"),
        (["12/31/2020", "01/02/2021"], "2020-12-31"),
        (["31.12.2020 10:30", "1.2.2021 00:00"], "2020-12-31T10:30"),
        (["2020-12-31T23:00:00-02:00", "2021-01-01T00:00:00Z"], "2021-01-01T01:00"),
        (["Dec 31, 2020", "Jan 1, 2021"], "2020-12-31"),
        (["1/2/20", "12/31/20"], "2020-01-02"),
    ],
)
def test_fault_20_dates_in_texts_are_features(texts, day):
    dataset = read(x=texts)
    assert dataset.frame["x"].dtype == "datetime64[us]"
    assert dataset.frame["x"][0] == pd.Timestamp(day)
    assert dataset.notes[0].startswith("texts were read as dates")


def test_fault_21_unique_single_tokens_are_an_id():
    dataset = read(key=[f"user-{i}" for i in range(30)], x=list(range(30)))
    assert list(dataset.frame) == ["x"]
    assert dataset.schema["key"].reason == "id"
    assert describe_dropped(dataset.schema.dropped) == ["left out, every value is different: 'key'"]


def test_fault_21_three_words_on_average_are_text_even_if_unique():
    dataset = read(x=[f"a review number {i}" for i in range(30)] + [None])
    assert dataset.schema["x"].kind == "text"
    assert dataset.frame["x"].dtype == "string"
    assert dataset.frame["x"].isna().sum() == 1


def test_faults_14_15_missing_and_constant_columns_are_dropped_with_reason():
    dataset = read(a=[None, None], b=["x", "x"], c=[1.0, 2.0], d=[np.nan, np.nan], e=["NA", "?"])
    assert list(dataset.frame) == ["c"]
    assert {c.name: c.reason for c in dataset.schema.dropped} == {
        "a": "all-missing",
        "b": "constant",
        "d": "all-missing",
        "e": "all-missing",
    }


def test_booleans_keep_the_words_of_the_user():
    dataset = read(x=["Yes", "NO", "yes", "yes", None])
    assert dataset.schema["x"].categories == ("NO", "yes")
    assert dataset.frame["x"].tolist() == [True, False, True, True, pd.NA]


def test_digits_declared_as_categories_stay_categories():
    dataset = Dataset.from_frame(pd.DataFrame({"x": pd.Categorical([3, 1, 3, None])}))
    assert dataset.schema["x"].categories == ("1", "3")
    assert dataset.frame["x"].cat.codes.tolist() == [1, 0, 1, -1]


def test_categories_are_sorted_and_stripped():
    assert read(x=["b", " a", "a ", "b", ""]).frame["x"].tolist()[:4] == ["b", "a", "a", "b"]
    assert read(x=["b", " a", "a ", "b", ""]).schema["x"].categories == ("a", "b")


def test_fault_26_rare_categories_beyond_the_bound_become_missing(monkeypatch):
    monkeypatch.setattr("autometa.inference.MAX_CATEGORIES", 500)
    texts = [f"c{i}" for i in range(600)] + [f"c{i}" for i in range(300)]
    dataset = read(x=texts)
    assert len(dataset.schema["x"].categories) == 500
    assert dataset.frame["x"].isna().sum() == 100
    assert dataset.notes == ("100 values beyond the 500 commonest became missing: 'x'",)


def test_fault_4_duplicate_names_are_listed():
    raw = pd.DataFrame([[1, 2, 3, 4]], columns=["a", "b", "a", "b"])
    with pytest.raises(DataError, match=r"one name: 'a', 'b'\.") as caught:
        Dataset.from_frame(raw)
    assert caught.value.exit_code == 3


def test_lists_in_cells_are_refused_by_name():
    with pytest.raises(DataError, match="Column 'x' holds lists"):
        Dataset.from_frame(pd.DataFrame({"x": [[1], [2, 3]]}))


TRAINING = {
    "n": ["1,5", "2,5", "3"],
    "b": ["yes", "no", "no"],
    "c": ["red", "blue", "red"],
    "d": ["31.12.2020", "1.1.2021", "2.1.2021"],
    "t": ["one two three", "four five six", "seven eight nine"],
}


def test_fault_27_apply_reads_later_tables_like_the_first():
    schema = read(**TRAINING).schema
    later = pd.DataFrame(
        {
            "t": ["new words here", None],
            "d": ["5.5.2022", "2022-05-06"],
            "c": ["green", "red"],
            "b": [True, False],
            "n": ["7,25", "seven"],
            "extra": [1, 2],
        }
    )
    dataset = Dataset.from_frame(later, schema=schema)
    frame = dataset.frame
    assert list(frame) == ["n", "b", "c", "d", "t"]
    assert frame["n"].tolist()[0] == 7.25
    assert np.isnan(frame["n"][1])
    assert frame["b"].tolist() == [True, False]
    assert frame["c"].cat.categories.tolist() == ["blue", "red"]
    assert frame["c"].isna().tolist() == [True, False]
    assert frame["d"].tolist() == [pd.Timestamp("2022-05-05"), pd.NaT]
    assert frame["t"].tolist() == ["new words here", pd.NA]
    assert dataset.notes == (
        "1 values became missing (not numbers): 'n'",
        "1 values became missing (unseen categories): 'c'",
        "1 values became missing (not dates): 'd'",
    )


def test_fault_27_missing_column_is_named_with_its_neighbours():
    schema = read(price=[1, 2], colour=["red", "blue"]).schema
    with pytest.raises(DataError) as caught:
        schema.apply(pd.DataFrame({"Price ": [1], "color": ["red"]}))
    assert str(caught.value) == (
        "The table has no column 'colour' (and 1 more). Did you mean 'color'?"
    )
    assert caught.value.exit_code == 3


def test_apply_gives_the_same_dtypes_on_an_empty_table():
    dataset = read(**TRAINING)
    empty = dataset.schema.apply(dataset.raw.iloc[:0])
    assert len(empty) == 0
    pd.testing.assert_series_equal(empty.dtypes, dataset.frame.dtypes)


@pytest.mark.parametrize("given_as", [int, float, str, bool])
def test_apply_takes_numbers_and_flags_in_any_type(given_as):
    schema = read(n=["3", "1", "2"], b=["yes", "no", "no"]).schema
    later = pd.DataFrame({"n": [given_as(1), given_as(0)], "b": [given_as(1), given_as(0)]})
    frame = schema.apply(later)
    assert frame["n"].dtype == np.float64
    assert frame["b"].tolist() == [True, False]


def test_apply_takes_integers_that_arrive_as_floats_for_digit_categories():
    schema = Dataset.from_frame(pd.DataFrame({"x": pd.Categorical(["1", "2", "1"])})).schema
    assert schema.apply(pd.DataFrame({"x": [2.0, np.nan, 1.0]}))["x"].tolist()[::2] == ["2", "1"]


def test_schema_survives_json():
    import json

    schema = read(**TRAINING, gone=[None, None, None]).schema
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


def test_schema_refuses_an_unknown_kind():
    with pytest.raises(ValueError, match="unknown kind 'tensor'"):
        Schema.from_json({"columns": [{"name": "x", "kind": "tensor"}]})


@pytest.mark.parametrize("name", ["größe 😀", "a[b]{c}", "x,y", "line\nbreak", "", " ", "a:b"])
def test_faults_23_24_column_names_stay_as_they_are(name):
    schema = Dataset.from_frame(pd.DataFrame({name: [1, 2], "other": [3, 4]})).schema
    assert schema.names == (name, "other")
    assert list(schema.apply(pd.DataFrame({"other": [1], name: [2]}))) == [name, "other"]
    with pytest.raises(DataError) as caught:
        schema.apply(pd.DataFrame({"other": [1]}))
    assert "\n" not in str(caught.value)


def test_names_that_are_no_texts_become_texts():
    assert Dataset.from_frame(pd.DataFrame([[1, 2], [3, 5]])).schema.names == ("0", "1")


def test_fault_25_ten_thousand_columns_are_one_block_and_few_notes():
    rng = np.random.default_rng(0)
    raw = pd.DataFrame(rng.normal(size=(50, 10_000)))
    raw.iloc[0] = np.inf
    dataset = Dataset.from_frame(raw)
    assert dataset.frame.shape == (50, 10_000)
    assert dataset.frame._mgr.nblocks == 1
    assert dataset.notes == ("10000 infinite values became missing: '0', '1', '2' and 9997 more",)


def test_dataset_keeps_the_table_as_read():
    raw = pd.DataFrame({"x": ["007", "7", "08"]})
    dataset = Dataset.from_frame(raw)
    assert dataset.frame["x"].tolist() == [7.0, 7.0, 8.0]
    assert dataset.raw_column("x").tolist() == ["007", "7", "08"]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=30))
def test_numbers_survive_being_written_as_text(numbers):
    schema = read(x=[1.0, 2.0]).schema
    frame = schema.apply(pd.DataFrame({"x": pd.array([repr(x) for x in numbers], "string")}))
    assert frame["x"].tolist() == numbers


@given(st.lists(st.text(), min_size=1, max_size=20))
def test_any_texts_can_be_read_and_read_again(texts):
    raw = pd.DataFrame({"x": pd.Series(texts, dtype=object), "n": range(len(texts))})
    dataset = Dataset.from_frame(raw)
    pd.testing.assert_frame_equal(dataset.schema.apply(raw), dataset.frame)


DIGEST = """
import pandas as pd
from autometa.dataset import Dataset
frame = pd.DataFrame({"a": [1.5, 2.0, None], "b": pd.array(["x", None, "é"], "string")})
print(Dataset.from_frame(frame).digest())
"""


def test_fault_31_digest_is_equal_in_another_process():
    runs = [
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert len(runs[0].strip()) == 64


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda f: f.assign(a=[1.5, 2.0, 4.0]), id="a number"),
        pytest.param(lambda f: f.assign(b=["x", "yz", ""]), id="where a text ends"),
        pytest.param(lambda f: f.rename(columns={"a": "A"}), id="a name"),
        pytest.param(lambda f: f.iloc[::-1], id="the order of rows"),
        pytest.param(lambda f: f.iloc[:2], id="a row less"),
        pytest.param(lambda f: f.assign(key=["p", "q", "r"]), id="a dropped column"),
    ],
)
def test_fault_31_digest_changes_with_the_content(change):
    frame = pd.DataFrame({"a": [1.5, 2.0, 3.0], "b": ["x", "y", "z"], "key": ["k", "l", "m"]})
    before = Dataset.from_frame(frame).digest()
    assert Dataset.from_frame(frame.copy()).digest() == before
    assert Dataset.from_frame(change(frame)).digest() != before


def test_canonical_tables_pass_as_they_are_and_infinite_ones_do_not():
    raw = pd.DataFrame(
        {
            "n": ["1", "2.5", ""],
            "c": ["x", "y", "x"],
            "b": ["yes", "no", "yes"],
            "d": ["2020-01-01", "2020-01-02", "2021-03-04"],
        }
    )
    schema = Dataset.from_frame(raw).schema
    canonical = schema.apply(raw)
    assert schema.apply(canonical) is canonical
    pd.testing.assert_frame_equal(schema.apply(canonical.iloc[[1]]), canonical.iloc[[1]])
    odd = canonical.assign(n=[1.0, np.inf, 2.0])
    assert schema.apply(odd)["n"].isna().tolist() == [False, True, False]
    pd.testing.assert_frame_equal(schema.apply(canonical[["d", "b", "c", "n"]]), canonical)
