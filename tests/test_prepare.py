import json
import time

import numpy as np
import pandas as pd
import pytest

from autometa.adapter import DataAdapter
from autometa.dataset import Dataset
from autometa.errors import DataError, PluginError, StorageError, TaskError
from autometa.prepare import open_prepared, prepare


class TextAdapter(DataAdapter):
    """Reads a file that pandas wrote, every value as text."""

    def load(self, source, options):
        raw = pd.read_csv(source, dtype="string", **options)
        return Dataset.from_frame(raw, notes=["read as text"])


class FrameAdapter(DataAdapter):
    def load(self, source, options):
        return Dataset.from_frame(pd.read_parquet(source))


class WrongAdapter(DataAdapter):
    def load(self, source, options):
        return {"not": "a dataset"}


TEXTS = f"{__file__}:TextAdapter"


def table(n=100):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "colour": rng.choice(["red", "green", "blue"], n),
            "is_new": rng.choice(["yes", "no"], n),
            "day": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(n), "D"),
            "review": [
                f"the words number {i} and {j}" for i, j in enumerate(rng.integers(9, size=n))
            ],
            "key": [f"k{i}" for i in range(n)],
            "label": rng.choice(["bad", "good"], n),
        }
    )


@pytest.fixture
def run(tmp_path):
    """Prepares a frame that was written to a file."""

    def run(frame, target="label", **payload):
        frame.to_csv(tmp_path / "data.csv", index=False)
        payload = {"source": str(tmp_path / "data.csv"), "adapter": TEXTS, **payload}
        return prepare({"target": target, "folder": str(tmp_path), **payload}, time.monotonic())

    return run


def refusal(run, *args, **payload):
    """The one line of the error that exits with 3."""
    with pytest.raises(DataError) as caught:
        run(*args, **payload)
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    return str(caught.value)


def test_prepare_describes_the_data(run):
    info = run(table())
    assert info["problem"] == "classification"
    assert info["reason"] == "the target is not numeric"
    assert (info["classes"], info["class_kind"], info["positive"]) == (["bad", "good"], "str", 1)
    assert (info["n_rows"], info["n_train"], info["n_test"]) == (100, 80, 20)
    assert (info["n_features"], info["n_folds"], info["split"]) == (5, 5, "kfold")
    assert info["dropped"] == [{"column": "key", "reason": "id"}]
    assert info["warnings"] == [
        "read as text",
        "texts were read as dates (ISO8601): 'day'",
        "left out, every value is different: 'key'",
    ]
    assert [column["kind"] for column in info["schema"]["columns"]] == [
        "numeric",
        "categorical",
        "boolean",
        "date",
        "text",
    ]
    assert json.loads(json.dumps(info)) == info


def test_prepared_folder_gives_back_the_columns(run, tmp_path):
    frame = table()
    frame.loc[3, ["size", "colour", "is_new", "day", "review"]] = None
    info = run(frame)
    prepared = open_prepared(tmp_path)
    read = Dataset.from_frame(pd.read_csv(tmp_path / "data.csv", dtype="string"))
    expected = read.frame[list(prepared.X)]
    pd.testing.assert_frame_equal(prepared.X, expected)
    assert [prepared.classes[i] for i in prepared.y] == frame["label"].tolist()
    assert prepared.y.dtype == np.int64
    assert (prepared.n_classes, prepared.split.kind, prepared.split.n_folds) == (2, "kfold", 5)
    assert len(prepared.split.test_rows()) == 20
    assert prepared.info == info
    assert prepared.schema.names == tuple(prepared.X)


def test_prepared_numbers_are_mapped_and_read_only(run, tmp_path):
    run(table())
    prepared = open_prepared(tmp_path)
    assert open_prepared(str(tmp_path)) is prepared
    with pytest.raises(ValueError, match="read-only"):
        prepared.X["size"].to_numpy()[0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        prepared.y[0] = 1
    rows = prepared.X.iloc[[0, 1]]
    rows.loc[0, "size"] = 99.0
    assert prepared.X["size"][0] != 99.0


def test_open_prepared_sees_a_new_preparation(run, tmp_path):
    run(table())
    assert len(open_prepared(tmp_path).y) == 100
    run(table(60))
    assert len(open_prepared(tmp_path).y) == 60


def test_open_prepared_needs_a_complete_folder(run, tmp_path):
    run(table())
    (tmp_path / "table.arrow").write_bytes(b"ARROW1\0\0")
    with pytest.raises(StorageError, match="--fresh"):
        open_prepared(tmp_path)
    with pytest.raises(StorageError):
        open_prepared(tmp_path / "none")


def test_prepare_leaves_nothing_but_its_files(run, tmp_path):
    run(table())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "data.csv",
        "folds.npy",
        "prepared.json",
        "table.arrow",
        "target.npy",
    ]


def test_fault_74_unwritable_folder_is_a_storage_error(run, tmp_path):
    with pytest.raises(StorageError, match="Cannot write the prepared data to"):
        run(table(), folder=str(tmp_path / "missing"))


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


def test_fault_14_15_useless_columns_are_recorded(run):
    info = run(table().assign(empty=None, same="x"))
    assert info["dropped"] == [
        {"column": "key", "reason": "id"},
        {"column": "empty", "reason": "all-missing"},
        {"column": "same", "reason": "constant"},
    ]
    assert "left out, every value is missing: 'empty'" in info["warnings"]


def test_no_feature_left_is_refused(run):
    message = refusal(run, table()[["key", "label"]])
    assert message.startswith("No column is left to learn from (left out, every value is differ")


def test_fault_16_infinite_features_warn_and_infinite_targets_are_refused(run):
    frame = table()
    frame.loc[4, "size"] = np.inf
    assert "1 infinite values became missing: 'size'" in run(frame)["warnings"]
    assert "1 infinite value, the first in row 5" in refusal(run, frame, target="size")


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


@pytest.mark.parametrize("name", ["größe 😀", "a[b]{c}", "x,y", "line\nbreak", "comma, and\nmore"])
def test_faults_23_24_odd_column_names_survive(run, tmp_path, name):
    info = run(table().rename(columns={"size": name, "label": f"{name} target"}), f"{name} target")
    assert info["schema"]["columns"][0]["name"] == name
    assert open_prepared(tmp_path).X.columns[0] == name


@pytest.mark.slow
def test_fault_25_ten_thousand_columns_take_seconds(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 10_000)), columns=[f"f{i}" for i in range(10_000)])
    frame.assign(label=["a", "b"] * 30).to_parquet(tmp_path / "data.parquet")
    started = time.process_time()
    info = prepare(
        {
            "source": str(tmp_path / "data.parquet"),
            "adapter": f"{__file__}:FrameAdapter",
            "target": "label",
            "folder": str(tmp_path),
        },
        time.monotonic(),
    )
    assert info["n_features"] == 10_000
    assert open_prepared(tmp_path).X.iloc[[0, 5]].shape == (2, 10_000)
    assert time.process_time() - started < 30


def test_fault_31_digest_follows_the_content_of_the_file(run):
    frame = table()
    before = run(frame)
    assert run(frame) == before
    frame.loc[50, "size"] += 0.5
    assert run(frame)["digest"] != before["digest"]


def test_fault_34_negative_and_zero_targets_are_prepared(run, tmp_path):
    values = np.tile([-2.5, 0.0, 1.5, 7.25], 25)
    info = run(table().assign(label=values))
    assert info["problem"] == "regression"
    assert open_prepared(tmp_path).y.tolist() == values.tolist()


@pytest.mark.parametrize("blank", ["", "  "])
def test_fault_35_rows_without_a_text_are_skipped_with_their_count(run, blank):
    frame = table()[["review", "label"]]
    frame.loc[[3, 70], "review"] = blank
    info = run(frame)
    assert info["n_rows"] == 98
    assert "2 of 100 rows have no text, the first is row 4; they are not used" in info["warnings"]
    frame.loc[:11, "review"] = blank
    assert refusal(run, frame).startswith("13 of 100 rows have no text, the first is row 1.")
    assert run(frame.assign(size=table()["size"]))["n_rows"] == 100


def test_several_sources_are_read_one_after_the_other(run, tmp_path):
    table(30).iloc[:, ::-1].to_csv(tmp_path / "more.csv", index=False)
    sources = [str(tmp_path / "data.csv"), str(tmp_path / "more.csv")]
    info = run(table(), source=sources)
    assert info["n_rows"] == 130
    assert info["warnings"][:2] == ["2 files were read as one table", "read as text"]


def test_several_sources_need_the_columns_of_the_first(run, tmp_path):
    sources = [str(tmp_path / "data.csv"), str(tmp_path / "more.csv")]
    table(30).assign(more=1).to_csv(tmp_path / "more.csv", index=False)
    warnings = run(table(), source=sources)["warnings"]
    assert "left out, since not every file has it: 'more'" in warnings
    table(30).drop(columns="size").to_csv(tmp_path / "more.csv", index=False)
    assert "more.csv has no column 'size'" in refusal(run, table(), source=sources)


def test_split_follows_the_seed(run, tmp_path):
    parts = []
    for seed in (1, 1, 2):
        run(table(), seed=seed)
        parts.append(open_prepared(tmp_path).split.test_rows().tolist())
    assert parts[0] == parts[1] != parts[2]


def test_signatures_recognise_the_same_data(run):
    frame = table(400)
    first = run(frame)
    shuffled = run(frame.sample(frac=1, random_state=0)[frame.columns[::-1]])
    assert shuffled["column_signature"] == first["column_signature"]
    assert shuffled["row_minhash"] == first["row_minhash"]
    half = np.array(run(frame.head(200))["row_minhash"])
    assert 0.25 < (half == first["row_minhash"]).mean() < 0.75
    other = run(frame.assign(size=frame["size"] + 1))
    assert other["column_signature"] == first["column_signature"]
    assert (np.array(other["row_minhash"]) == first["row_minhash"]).mean() < 0.05
    assert len(first["row_minhash"]) == 64
    assert all(0 <= value < 2**32 for value in first["row_minhash"])


def test_adapter_that_gives_no_dataset_is_a_plugin_error(run):
    with pytest.raises(PluginError, match="must load a Dataset, but gave dict"):
        run(table(), adapter=f"{__file__}:WrongAdapter")


def test_unknown_problem_is_a_task_error(run):
    with pytest.raises(TaskError, match="problem: unknown problem 'ranking'"):
        run(table(), problem="ranking")
