"""The target, and which rows are searched on and which are set aside."""

import numpy as np
import pytest

from autometa.errors import TaskError
from autometa.prepare import open_prepared

from .conftest import TEXTS, refusal, table


def test_regression_has_no_classes(run, tmp_path):
    info = run(table(), target="size")
    assert (info["problem"], info["classes"], info["positive"]) == ("regression", [], None)
    prepared = open_prepared(tmp_path)
    assert (prepared.n_classes, prepared.y.dtype) == (None, np.float64)


def test_fault_9_missing_target_column_names_the_nearest(run):
    assert refusal(run, table(), target="lable") == (
        "data.target: the data has no column 'lable'. Did you mean 'label'?"
    )


@pytest.mark.parametrize("role", ["group", "time"])
def test_missing_group_and_time_columns_name_the_key(run, role):
    message = refusal(run, table(), validation={"kind": role, role: "dya"})
    assert message == f"validation.{role}: the data has no column 'dya'. Did you mean 'day'?"


def test_fault_10_empty_target_is_refused(run):
    assert "is missing" in refusal(run, table().assign(label=None))


def test_fault_11_rows_without_target_are_dropped_with_their_count(run, tmp_path):
    frame = table()
    frame.loc[[3, 50, 99], "label"] = None
    info = run(frame)
    assert info["n_rows"] == 97
    assert (
        "3 of 100 rows have no target and are not used;"
        " data.unlabelled: use would learn from them too"
    ) in info["warnings"]
    kept = frame["label"].dropna().tolist()
    prepared = open_prepared(tmp_path)
    assert [prepared.classes[i] for i in prepared.y] == kept
    assert prepared.X.index.tolist() == list(range(97))


def test_fault_12_single_class_is_refused(run):
    assert "only one value, 'bad'" in refusal(run, table().assign(label="bad"))


def test_fault_13_class_with_one_row_is_warned_of(run):
    frame = table()
    frame.loc[0, "label"] = "odd"
    info = run(frame)
    assert info["classes"] == ["bad", "good", "odd"]
    assert "class 'odd' has one row: kept for training, never scored" in info["warnings"]


@pytest.mark.parametrize("n_rows", [1, 3])
def test_fault_7_too_few_rows_are_refused(run, n_rows):
    frame = table().drop_duplicates("label") if n_rows == 1 else table()
    assert "at least 4 are needed" in refusal(run, frame.head(n_rows))


def test_fault_8_small_class_lowers_the_folds(run):
    frame = table()
    frame["label"] = ["rare"] * 5 + ["common"] * 95
    info = run(frame)
    assert info["n_folds"] == 4
    assert "class 'rare' has 4 rows: 4 folds instead of 5" in info["warnings"]


@pytest.mark.parametrize(
    ("written", "classes"),
    [
        (["1.0", "0.0"], ["0.0", "1.0"]),
        (["true", "false"], ["false", "true"]),
        (["007", "7"], ["007", "7"]),
    ],
)
def test_fault_33_labels_stay_as_written(run, written, classes):
    assert run(table().assign(label=written * 50))["classes"] == classes


@pytest.mark.parametrize(("wanted", "index"), [("bad", 0), ("Good", 1), (None, 1)])
def test_positive_class_is_found(run, wanted, index):
    assert run(table(), positive_class=wanted)["positive"] == index


def test_positive_class_must_be_a_label_of_two_classes(run):
    assert "which is no label" in refusal(run, table(), positive_class="ugly")
    assert "has 3 classes" in refusal(run, table(), target="colour", positive_class="red")
    assert "has numbers" in refusal(run, table(), target="size", positive_class="1")


def test_group_column_keeps_rows_together_and_is_no_feature(run, tmp_path):
    frame = table().assign(person=np.arange(100) % 25)
    info = run(frame, validation={"kind": "group", "group": "person"})
    assert "'person' is used as validation.group, not as a feature" in info["warnings"]
    prepared = open_prepared(tmp_path)
    assert "person" not in prepared.X
    assert info["split"] == "group"
    person = frame["person"].to_numpy()
    test, rest = prepared.split.test_rows(), prepared.split.development_rows()
    assert not set(person[test]) & set(person[rest])


def test_ignored_columns_are_no_features(run, tmp_path):
    assert run(table())["dropped"] == [{"column": "key", "reason": "id"}]
    info = run(table(), ignore=["key", "day"])
    left = set(table()) - {"key", "day", "label"}
    assert set(open_prepared(tmp_path).X) == left
    assert (info["n_features"], info["dropped"]) == (len(left), [])


@pytest.mark.parametrize(
    ("ignored", "said"),
    [
        (["day", "sice"], "data.ignore[1]: the data has no column 'sice'. Did you mean 'size'?"),
        (["label"], "data.ignore[0] names the target 'label'. Choose another."),
    ],
)
def test_ignored_columns_must_be_there_and_not_the_target(run, ignored, said):
    assert refusal(run, table(), ignore=ignored) == said


def test_time_column_sets_the_last_rows_aside(run, tmp_path):
    info = run(table().iloc[::-1], validation={"kind": "time", "time": "day"})
    prepared = open_prepared(tmp_path)
    assert info["split"] == "time"
    assert "day" not in prepared.X
    assert prepared.split.test_rows().tolist() == list(range(20))


def test_time_column_must_be_ordered(run):
    message = refusal(run, table(), validation={"kind": "time", "time": "colour"})
    assert "'colour' holds neither numbers nor dates" in message


def test_test_column_marks_the_test_part(run, tmp_path):
    frame = table().assign(part=["train"] * 70 + ["TEST"] * 30)
    info = run(frame, test={"column": "part"})
    prepared = open_prepared(tmp_path)
    assert prepared.split.test_rows().tolist() == list(range(70, 100))
    assert "part" not in prepared.X
    assert info["n_test"] == 30
    message = refusal(run, frame.assign(part="train"), test={"column": "part"})
    assert "must mark some rows as test and some not; it holds 'train'" in message


def test_fault_27_test_file_is_read_like_the_data(run, tmp_path):
    test = table(30).assign(extra=1)
    test.loc[0, "colour"] = "violet"
    test.loc[1, "label"] = "unheard of"
    test.loc[2, "label"] = None
    test.to_csv(tmp_path / "test.csv", index=False)
    info = run(table(), test={"source": str(tmp_path / "test.csv"), "adapter": TEXTS})
    prepared = open_prepared(tmp_path)
    assert (info["n_train"], info["n_test"]) == (100, 28)
    assert prepared.split.test_rows().tolist() == list(range(100, 128))
    assert prepared.X["colour"].isna().tolist() == [False] * 100 + [True] + [False] * 27
    assert "extra" not in prepared.X
    assert info["warnings"][-2:] == [
        "test file: 1 values became missing (unseen categories): 'colour'",
        "test file: 2 rows without a known target value are not used",
    ]
    assert info["digest"] != run(table())["digest"]


def test_fault_27_test_file_without_a_column_is_refused(run, tmp_path):
    table(30).drop(columns="size").to_csv(tmp_path / "test.csv", index=False)
    message = refusal(run, table(), test={"source": str(tmp_path / "test.csv")})
    assert message.startswith("data.test: it has no column 'size'.")


def test_fault_34_negative_and_zero_targets_are_prepared(run, tmp_path):
    values = np.tile([-2.5, 0.0, 1.5, 7.25], 25)
    info = run(table().assign(label=values))
    assert info["problem"] == "regression"
    assert open_prepared(tmp_path).y.tolist() == values.tolist()


def test_split_follows_the_seed(run, tmp_path):
    parts = []
    for seed in (1, 1, 2):
        run(table(), seed=seed)
        parts.append(open_prepared(tmp_path).split.test_rows().tolist())
    assert parts[0] == parts[1] != parts[2]


def test_unknown_problem_is_a_task_error(run):
    with pytest.raises(TaskError, match="problem: unknown problem 'ranking'"):
        run(table(), problem="ranking")
