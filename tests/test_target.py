import numpy as np
import pandas as pd
import pytest

from autometa.errors import DataError, TaskError
from autometa.target import find_class, read_target


def target_of(values, problem="auto", **options):
    raw = values if isinstance(values, pd.Series) else pd.Series(values)
    if raw.dtype == object:
        raw = raw.astype("string")
    return read_target(raw, problem, name="y", **options)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        pytest.param(["a", "b", "c"] * 4, "classification", id="texts"),
        pytest.param(["0", "1"] * 4, "classification", id="two numbers"),
        pytest.param([0.5, 1.5] * 4, "classification", id="two fractions"),
        pytest.param([True, False] * 4, "classification", id="bools"),
        pytest.param(list(range(10)) * 5, "classification", id="ten digits"),
        pytest.param(list(range(10)) * 4, "regression", id="ten numbers in forty rows"),
        pytest.param(list(range(30)) * 9, "regression", id="thirty whole numbers"),
        pytest.param(["1.0", "2.0", "3.0"] * 9, "classification", id="three whole floats"),
        pytest.param([3.0, 4.0, 5.0, 6.0, 7.0, 8.0] * 99, "regression", id="six whole floats"),
        pytest.param([1.5, 2.5, 3.5] * 9, "regression", id="three fractions"),
        pytest.param(["$3", "$4", "$5.5"] * 9, "regression", id="money"),
        pytest.param([-1.5, 0.0, 2.0, 0.0] * 9, "regression", id="negative and zero"),
        pytest.param(pd.Series(pd.Categorical([1, 2, 3] * 9)), "classification", id="declared"),
    ],
)
def test_problem_is_inferred(values, problem):
    assert target_of(values).problem == problem


@pytest.mark.parametrize(
    ("values", "classes", "kind"),
    [
        pytest.param(["yes", "no", "no", "yes"], ("no", "yes"), "str", id="yes and no"),
        pytest.param(["True", "False"] * 2, ("False", "True"), "str", id="texts of bools"),
        pytest.param(["1.0", "0.0"] * 2, ("0.0", "1.0"), "str", id="texts of floats"),
        pytest.param(["007", "10", "9"] * 5, ("007", "9", "10"), "str", id="leading zeros"),
        pytest.param([1.0, 0.0] * 2, ("0.0", "1.0"), "float", id="floats"),
        pytest.param([2, 1] * 2, ("1", "2"), "int", id="ints"),
        pytest.param([True, False] * 2, ("False", "True"), "bool", id="bools"),
        pytest.param(["+", "-"] * 2, ("+", "-"), "str", id="signs"),
        pytest.param([" a", "b"] * 2, (" a", "b"), "str", id="blanks"),
        pytest.param(
            pd.Series([1, 0, None, 1], dtype="Int64"), ("0", "1"), "int", id="ints with a gap"
        ),
    ],
)
def test_fault_33_labels_stay_as_written(values, classes, kind):
    target = target_of(values)
    assert target.classes == classes
    assert target.class_kind == kind
    written = [str(v) for v in values if v is not None and not pd.isna(v)]
    assert [target.classes[i] for i in target.y] == written


def test_fault_10_target_without_values_is_refused():
    for values in ([np.nan, np.nan], [None, None, ""], ["NA", "?", "NA"]):
        with pytest.raises(DataError, match="Every value of the target 'y' is missing"):
            target_of(values)


def test_fault_11_missing_values_are_marked():
    target = target_of(["a", None, "b", "", "a", "b"])
    assert target.has_value.tolist() == [True, False, True, False, True, True]
    assert target.y.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("problem", ["auto", "classification", "regression"])
def test_fault_12_one_value_is_refused(problem):
    with pytest.raises(DataError, match=r"target 'y' has only one value, '7") as caught:
        target_of([7, 7, 7], problem)
    assert caught.value.exit_code == 3
    with pytest.raises(DataError, match=r"'7\S+ beside 2 missing, so there is nothing to learn"):
        target_of([7, None, 7, None, 7], problem)


@pytest.mark.parametrize("values", [[1.5, np.inf, 2.5, 3.5], ["1.5", "-inf", "2.5", "3.5"]])
def test_fault_16_infinite_target_is_refused_with_its_row(values):
    with pytest.raises(DataError, match="has 1 infinite value, the first in row 2"):
        target_of(values)


def test_fault_34_negative_and_zero_values_are_kept():
    assert target_of([-2.5, 0.0, 3.5, 0.0]).y.tolist() == [-2.5, 0.0, 3.5, 0.0]


def test_regression_of_texts_names_one():
    with pytest.raises(DataError, match=r"not numeric \(such as 'low'\)"):
        target_of(["1", "?", "low", "2"], "regression")


def test_regression_can_be_asked_for_few_whole_numbers():
    target = target_of([3, 4, 5] * 9, "regression")
    assert (target.problem, target.reason, target.classes) == (
        "regression",
        "as the task says",
        (),
    )


def test_classification_of_many_different_values_is_refused():
    with pytest.raises(DataError, match="has 100 different values in 100 rows, too many"):
        target_of([f"name {i}" for i in range(100)])


def test_unknown_problem_is_refused():
    with pytest.raises(TaskError, match="unknown problem 'ranking'") as caught:
        target_of([1, 2], "ranking")
    assert caught.value.key == "problem"


@pytest.mark.parametrize(
    ("label", "classes", "position"),
    [
        ("yes", ("no", "yes"), 1),
        ("True", ("false", "true"), 1),
        ("1", ("0.0", "1.0"), 1),
        ("a", ("A", "a"), 1),
    ],
)
def test_positive_class_is_found_in_any_spelling(label, classes, position):
    assert find_class(label, classes) == position


def test_unknown_positive_class_lists_the_labels():
    with pytest.raises(DataError, match=r"'maybe', which is no label.*'no', 'yes'"):
        find_class("maybe", ("no", "yes"))
