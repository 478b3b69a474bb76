"""What a prepared folder holds, and which data is refused."""

import json
import time

import numpy as np
import pandas as pd
import pytest

from autometa.dataset import Dataset
from autometa.errors import PluginError, StorageError
from autometa.prepare import open_prepared, prepare

from .conftest import ADAPTERS, refusal, table


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
            "adapter": f"{ADAPTERS}:FrameAdapter",
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
        run(table(), adapter=f"{ADAPTERS}:WrongAdapter")
