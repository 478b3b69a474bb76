"""Values of requests: the same as in a file, or refused with their place."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autometa.columns import Column, ReadColumn, typed_array
from autometa.schema import Schema, frame_of
from autometa.serve.faults import BadRequestError
from autometa.serve.inputs import Inputs, join
from autometa.serve.table import Table

SCHEMA = Schema(
    (
        Column(name="size", kind="numeric", format="plain"),
        Column(name="price", kind="numeric", format=","),
        Column(name="colour", kind="categorical", categories=("1", "blue", "red")),
        Column(name="is_new", kind="boolean", categories=("no", "yes")),
        Column(name="sold", kind="date", format="ISO8601"),
        Column(name="note", kind="text"),
        Column(name="id", kind="dropped", reason="id"),
    )
)
INPUTS = Inputs(SCHEMA)
MISSING = dict.fromkeys(["size", "price", "colour", "is_new", "sold", "note"])


def read(*rows):
    return INPUTS.read(Table([MISSING | row for row in rows]))


def frame(rows):
    pairs = zip(INPUTS.columns, rows.values, strict=True)
    return frame_of([ReadColumn(column, typed_array(column, v)) for column, v in pairs], len(rows))


def value(**cell):
    (name,) = cell
    (found,) = frame(read(cell))[name].tolist()
    return found


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ({"size": 3}, 3.0),
        ({"size": "2.5"}, 2.5),
        ({"size": True}, 1.0),
        ({"price": "1.234,5"}, 1234.5),
        ({"colour": " red "}, "red"),
        ({"colour": 1}, "1"),
        ({"colour": 1.0}, "1"),
        ({"is_new": "Yes"}, True),
        ({"is_new": " yEs "}, True),
        ({"is_new": "f"}, False),
        ({"is_new": 0}, False),
        ({"sold": "2024-02-03"}, pd.Timestamp("2024-02-03")),
        ({"note": "a b"}, "a b"),
        ({"note": 7}, "7"),
    ],
)
def test_a_value_is_read_as_in_a_file(cell, expected):
    assert value(**cell) == expected


@pytest.mark.parametrize("missing", [None, "", float("nan")])
@pytest.mark.parametrize("name", list(MISSING))
def test_what_is_missing_is_missing_in_every_column(name, missing):
    assert pd.isna(value(**{name: missing}))


@pytest.mark.parametrize(
    ("cell", "expected", "got"),
    [
        ({"size": "abc"}, "a number", "'abc'"),
        ({"size": float("inf")}, "a finite number", "inf"),
        ({"size": 10**400}, "a finite number", "1000"),
        ({"size": "1e999"}, "a number", "'1e999'"),
        ({"size": []}, "a number", "a list"),
        ({"colour": {"a": 1}}, "a text", "an object"),
        ({"is_new": "maybe"}, "true or false", "'maybe'"),
        ({"is_new": 2}, "true or false", "2"),
        ({"sold": "yesterday"}, "a date", "'yesterday'"),
        ({"sold": 5}, "a date", "5"),
        ({"note": [1]}, "a text", "a list"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_place(cell, expected, got):
    with pytest.raises(BadRequestError) as caught:
        read({}, cell)
    (problem,) = caught.value.problems
    assert caught.value.status == 422
    assert (problem["where"], problem["column"]) == ("rows[1]", *cell)
    assert problem["expected"] == expected
    assert problem["got"].startswith(got)


def test_a_missing_column_names_what_may_be_meant():
    row = {name: None for name in MISSING if name != "colour"} | {"Color": "red"}
    with pytest.raises(BadRequestError, match=r"'colour'.*is 'Color' meant") as caught:
        INPUTS.read(Table([row]))
    assert len(caught.value.problems) == 1


def test_further_columns_and_unseen_categories_are_told():
    rows = read({"colour": "pink", "more": 1, "id": 3}, {"colour": "red"})
    assert rows.notes == (
        "columns that the model does not know were ignored: 'more'",
        "column 'colour': 1 unseen categories count as missing",
    )
    assert frame(rows)["colour"].isna().tolist() == [True, False]


def test_every_problem_is_counted_and_twenty_are_listed():
    with pytest.raises(BadRequestError) as caught:
        read(*[{"size": "x"}] * 30)
    body = caught.value.to_json()
    assert (len(body["problems"]), body["n_problems"]) == (20, 30)


def test_no_rows_are_no_rows():
    assert frame(INPUTS.read(Table([]))).shape == (0, 6)


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.sampled_from(["red", "1", "1,5", "2024-01-01", "yes", "no", "nan", "?", "-", " blue"]),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(MISSING, scalars)), min_size=1, max_size=4))
def test_what_is_accepted_equals_what_predict_reads(rows):
    try:
        got = frame(read(*rows))
    except BadRequestError:
        return
    raw = pd.DataFrame({name: pd.Series([r[name] for r in rows], dtype=object) for name in MISSING})
    pd.testing.assert_frame_equal(got, SCHEMA.apply(raw))


def test_joined_rows_keep_their_order():
    rows = join([read({"size": 1}), read({"size": 2}, {"size": None})])
    np.testing.assert_array_equal(rows.values[0], [1.0, 2.0, np.nan])
    assert len(rows) == 3


def test_rows_that_lack_all_columns_cost_little(cpu_seconds):
    inputs = Inputs(Schema(tuple(Column(name=f"c{i}", kind="numeric") for i in range(300))))
    near = {f"c{'x' * 300}{i}": 1 for i in range(2000)}

    def refuse():
        with pytest.raises(BadRequestError) as caught:
            inputs.read(Table([near] * 50 + [{}] * 5000))
        body = caught.value.to_json()
        assert (len(body["problems"]), body["n_problems"]) == (20, 300 * 5050)

    assert cpu_seconds(refuse, 2.0) < 2.0
