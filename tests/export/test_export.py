import importlib.util
import json
import subprocess
import sys
import venv
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from autometa_tabular.learners.dummy import Dummy
from autometa_tabular.specs import LEARNERS

from autometa import FitContext, NotApplicable, TrainingData, load_model
from autometa.combination import Combination, Pool
from autometa.errors import StorageError
from autometa.export import build, export_model, write_onnx
from autometa.export.rows import UNSEEN, edge_rows
from autometa.export.verify import compare, measure
from autometa.modelfolder import Predictor
from autometa.onnxgraph.feeds import OnnxFile, raw_rows
from autometa.onnxgraph.parity import TOLERANCE, difference
from autometa.schema import Schema

pytest.importorskip("onnxruntime")


def test_file_of_an_ensemble_answers_as_the_folder_does(make_folder, tmp_path):
    folder, raw = make_folder()
    predictor = load_model(folder)
    write_onnx(predictor, tmp_path / "model.onnx")
    file = OnnxFile(tmp_path / "model.onnx")
    got = file.predict(raw_rows(predictor.schema.apply(raw)))
    np.testing.assert_allclose(got["probabilities"], predictor.predict_proba(raw), atol=1e-6)
    assert got["label"].tolist() == predictor.predict(raw).tolist()
    assert set(got["label"].tolist()) == {0, 1}
    # The column "label" had to make way for the output of that name.
    names = {column["column"]: column["input"] for column in file.columns}
    own = {"size": "size", "colour": "colour", "label": "label_", "when": "when"}
    assert names == own


@pytest.mark.parametrize("opset", [15, 21])
@pytest.mark.parametrize("problem", ["classification", "regression"])
def test_trees_that_never_split_answer_for_every_row(make_folder, tmp_path, problem, opset):
    config = {"min_samples_leaf": 1000}
    folder, raw = make_folder(problem, ("extra_trees",), config=config)
    predictor = load_model(folder)
    found = build(predictor, tmp_path, X=predictor.schema.apply(raw), opset=opset)
    assert found["parity"] <= TOLERANCE


@pytest.mark.parametrize("opset", [15, 21])
@pytest.mark.parametrize("learners", [("ridge",), ("extra_trees", "lightgbm"), ("dummy",)])
def test_build_finds_file_and_folder_alike(make_folder, tmp_path, learners, opset):
    folder, raw = make_folder("regression", learners)
    predictor = load_model(folder)
    X = predictor.schema.apply(raw)
    found = build(predictor, tmp_path, X=X, opset=opset)
    assert found["parity"] <= TOLERANCE
    assert found["rows"] == len(raw)
    assert found["edge_rows"] == 64 + 64 + 192 + 1
    measured = ("size_kib", "gzip_kib", "load_ms", "latency_ms", "latency_p99_ms", "memory_mib")
    assert all(found[key] > 0 for key in measured)
    assert found["size_kib"] == (tmp_path / "model.onnx").stat().st_size / 1024


@pytest.mark.parametrize("problem", ["classification", "regression"])
def test_images_are_built_compared_and_predicted_alone(tmp_path, problem):
    shape, classes = (6, 5, 3), ["cat", "dog"] if problem == "classification" else []
    data = TrainingData(
        np.zeros((4, *shape), np.uint8), np.array([0, 1, 1, 1]), len(classes) or None
    )
    model = Dummy({}).fit(data, FitContext(np.random.default_rng(0)))
    header = {
        "problem": problem,
        "classes": classes,
        "schema": Schema(()).to_json(),
        "image_shape": [*shape],
    }
    members = [{"trial": 0, "weight": 1.0, "learner": "dummy", "models": []}]
    predictor = Predictor({**header, "members": members}, [(1.0, [model])])
    images = np.random.default_rng(0).integers(0, 256, (70, *shape), dtype=np.uint8)
    found = build(predictor, tmp_path, X=images)
    assert found["parity"] <= TOLERANCE
    assert (found["rows"], found["edge_rows"]) == (70, 20)
    assert found["latency_ms"] > 0
    np.savez(tmp_path / "images.npz", label=np.zeros(70), images=images)
    script = [sys.executable, "-I", tmp_path / "predict.py"]
    assert subprocess.run(script, capture_output=True, text=True, check=True).stdout == "ok\n"
    script.append(tmp_path / "images.npz")
    lines = subprocess.run(script, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(lines) == 71
    assert lines[1].split(",")[0] == ("dog" if classes else "[0.75]")
    np.save(tmp_path / "images.npz", images[:, 1:])
    script[-1] = tmp_path / "images.npz.npy"
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        "images must be uint8 of the shape (6, 5, 3), not uint8 (5, 5, 3)\n",
    )


@pytest.mark.slow  # fits every learner twice
@pytest.mark.parametrize("problem", ["classification", "regression"])
def test_an_ensemble_of_every_learner_of_tables_exports(make_folder, tmp_path, problem):
    names = tuple(spec.name for spec in LEARNERS if problem in spec.problems)
    folder, raw = make_folder(problem, names)
    model = load_model(folder)
    assert [member["learner"] for member in model.manifest["members"]] == list(names)
    for how in ("voting", "weighted", "stacked"):
        header = {**model.manifest, "combination": combined(problem, how, len(names))}
        predictor = Predictor(header, model.members)
        write_onnx(predictor, tmp_path / f"{how}.onnx")
        file = OnnxFile(tmp_path / f"{how}.onnx")
        for rows in (raw_rows(predictor.schema.apply(raw)), edge_rows(predictor.schema, None)):
            assert compare(predictor, file, rows) <= TOLERANCE


def combined(problem, how, n):
    """Gives how n members become one; the last weight is that of the constant."""
    n_outputs = 2 if problem == "classification" else 1
    constant = (0.6, 0.4) if n_outputs == 2 else (1002.0,)
    if how == "voting":
        return Combination.average([1.0 / n] * n + [0.0], constant).to_json()
    raised = [i + 1.0 for i in range(n)]
    weighted = Pool("linear", (*(w / (sum(raised) * 1.25) for w in raised), 0.2))
    if how == "weighted":
        return Combination((weighted,), constant, 1.0).to_json()
    if n_outputs == 1:
        return Combination((Pool("linear", (*raised, 0.0), (-3.0,)),), constant, 1.0).to_json()
    stacked = Pool("logarithmic", (*(0.1 * w for w in raised), 0.0), (0.1, -0.2), 0.7)
    return Combination((stacked, replace(weighted, share=0.3)), constant, 1.3).to_json()


def test_part_that_cannot_be_exported_is_named(make_folder, tmp_path):
    folder, _ = make_folder(learners=("logistic",), with_text=True)
    with pytest.raises(NotApplicable, match="trial 0, logistic: column 'note' is encoded as text"):
        write_onnx(load_model(folder), tmp_path / "model.onnx")


def test_file_that_differs_is_refused(make_folder, tmp_path):
    folder, _ = make_folder()
    predictor = load_model(folder)
    write_onnx(predictor, tmp_path / "model.onnx")
    model = predictor.members[0][1][0]
    model.intercept = model.intercept + 0.01
    with pytest.raises(NotApplicable, match="differs from its source by"):
        compare(predictor, OnnxFile(tmp_path / "model.onnx"), edge_rows(predictor.schema, None))


def test_missing_number_fails(make_folder, tmp_path, monkeypatch):
    folder, raw = make_folder()
    predictor = load_model(folder)
    write_onnx(predictor, tmp_path / "model.onnx")
    rows = raw_rows(predictor.schema.apply(raw.iloc[:2]))
    feeds = OnnxFile(tmp_path / "model.onnx").feeds(rows)
    silent = tmp_path / "silent.py"
    silent.write_text("print('{\"latency_ms\": 1.0}')")
    monkeypatch.setattr("autometa.export.probe.__file__", str(silent))
    with pytest.raises(NotApplicable, match="without latency_p99_ms, load_ms"):
        measure(tmp_path / "model.onnx", feeds)
    silent.write_text("raise SystemExit('no such device')")
    with pytest.raises(NotApplicable, match="could not be measured: no such device"):
        measure(tmp_path / "model.onnx", feeds)


def test_edge_rows_are_missing_unseen_and_extreme():
    days = [f"2024-01-{day:02}" for day in range(1, 28)]
    raw = pd.DataFrame(
        {"x": [1.5, 2.5, 3.0] * 9, "c": ["a", "b", "c"] * 9, "f": [True] * 26 + [False], "d": days}
    )
    rows = edge_rows(Schema.infer(raw), None)
    assert rows.iloc[-1].isna().all()
    assert (rows["c"] == UNSEEN).sum() >= 64
    assert (rows["x"].abs() == 1e300).any()
    assert np.isinf(rows["x"]).any()
    assert (rows["d"] < pd.Timestamp("1600-01-01")).any()
    assert rows.equals(edge_rows(Schema.infer(raw), None))


def test_difference_of_values_is_relative():
    assert difference(np.array([100.0, 0.0]), np.array([[100.5], [0.0]])) == pytest.approx(0.005)
    assert difference(np.array([0.0, 0.0]), np.array([[0.0], [0.0]])) == 0.0
    assert difference(np.array([1.0]), np.array([[np.nan]])) == np.inf
    assert difference(np.array([[0.5, 0.5]]), np.array([[0.4, 0.6]])) == pytest.approx(0.1)
    assert difference(np.array([[0.5, 0.5]]), np.array([[1.0]])) == np.inf


def test_export_replaces_an_export_and_nothing_else(make_folder, tmp_path):
    folder, _ = make_folder(learners=("logistic",))
    predictor = load_model(folder)
    place = tmp_path / "out"
    for _ in range(2):
        export_model(predictor, place)
    names = ["model.onnx", "predict.py", "requirements.txt", "vector.json"]
    assert sorted(path.name for path in place.iterdir()) == names
    with pytest.raises(StorageError, match="is no export"):
        export_model(predictor, folder)
    (place / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match="holds more than one"):
        export_model(predictor, place)
    assert (place / "notes.txt").read_text() == "mine"
    (place / "notes.txt").unlink()
    assert sorted(path.name for path in tmp_path.glob(".out*")) == []


@pytest.mark.slow
def test_command_writes_a_folder_that_predicts_alone(make_folder, tmp_path):
    folder, raw = make_folder()
    raw.to_csv(tmp_path / "rows.csv", index=False, na_rep="NA")
    place = tmp_path / "edge"
    command = [sys.executable, "-m", "autometa", "export", folder, "--to", "onnx", "--json"]
    command += ["--output", place, "--data", tmp_path / "rows.csv"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["output"] == str(place)
    assert found["rows"] == len(raw)
    script = [sys.executable, "-I", place / "predict.py"]
    assert subprocess.run(script, capture_output=True, text=True, check=True).stdout == "ok\n"
    script.append(tmp_path / "rows.csv")
    lines = subprocess.run(script, capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines[0] == "label,probabilities"
    labels = [line.split(",")[0] for line in lines[1:]]
    assert labels == [str(label) for label in load_model(folder).predict(raw)]


def test_command_names_what_cannot_be_exported(make_folder):
    folder, _ = make_folder(learners=("logistic",), with_text=True)
    command = [sys.executable, "-m", "autometa", "export", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "column 'note' is encoded as text" in done.stderr


def standalone(folder):
    """Imports the script of an export."""
    spec = importlib.util.spec_from_file_location("standalone", folder / "predict.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_standalone_script_reads_dates_of_any_type(make_folder, tmp_path):
    folder, raw = make_folder(learners=("lightgbm",))
    predictor = load_model(folder)
    export_model(predictor, tmp_path / "edge")
    model = standalone(tmp_path / "edge").Model()
    moment = datetime(2020, 2, 29, 13, 5, tzinfo=UTC)
    same = [
        "29/02/2020 13:05",
        "2020-02-29 13:05",
        "2020-02-29T15:05:00+02:00",
        moment,
        moment.replace(tzinfo=None),
        np.datetime64("2020-02-29T13:05"),
        pd.Timestamp(moment),
    ]
    assert {model.moment(value, "when") for value in same} == {1_582_981_500_000_000}
    assert model.moment(date(1969, 12, 31), "when") == -86_400_000_000
    gone = [None, "", " NA ", float("nan"), pd.NaT, np.datetime64("NaT")]
    assert {model.moment(value, "when") for value in gone} == {-(2**63)}
    with pytest.raises(ValueError, match="tomorrow"):
        model.moment("tomorrow", "when")
    rows = raw.astype(object).where(raw.notna(), None).to_dict("records")
    got = model.predict(rows)["probabilities"]
    np.testing.assert_allclose(got, predictor.predict_proba(raw), atol=1e-6)


def test_standalone_script_reads_texts_as_the_model_does(tmp_path, make_model_of):
    raw = pd.DataFrame(
        {
            "price": [f"{i}.{i:03},50 €" for i in range(100, 140)],
            "sold": ["yes", "no"] * 20,
            "rooms": pd.Series([1.0, 2.0, 3.0, None] * 10).astype("category"),
        }
    )
    predictor = load_model(make_model_of(raw))
    export_model(predictor, tmp_path / "edge")
    whole = raw.assign(rooms=raw["rooms"].astype("float").astype("Int64"))
    whole.to_csv(tmp_path / "rows.csv", index=False, encoding="utf-8-sig")
    command = [sys.executable, "-I", tmp_path / "edge" / "predict.py", tmp_path / "rows.csv"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    header, *lines = done.stdout.splitlines()
    assert header == "value"
    np.testing.assert_allclose([float(x) for x in lines], predictor.predict(raw), rtol=1e-5)
    model = standalone(tmp_path / "edge").Model()
    assert {c.name: c.kind for c in predictor.schema}["rooms"] == "categorical"
    rows = pd.DataFrame(
        {
            "price": ["1.234", "7,5", "100.000,00 EUR", "", " NA "],
            "sold": ["TRUE", "no", "1", "y", None],
            "rooms": [1.0, 2.0, 3.0, float("nan"), 4.0],
        }
    ).astype(object)
    got = model.predict(rows.to_dict("records"))["value"][:, 0]
    np.testing.assert_allclose(got, predictor.predict(rows), rtol=1e-5)
    for column, value in (("price", "1,2.3"), ("price", "dear"), ("sold", "2"), ("sold", "maybe")):
        with pytest.raises(ValueError, match=column):
            model.number(value, column)


@pytest.mark.slow
def test_standalone_folder_runs_in_a_bare_environment(make_folder, tmp_path):
    folder, _ = make_folder()
    place = tmp_path / "edge"
    export_model(load_model(folder), place)
    bare = tmp_path / "bare"
    venv.create(bare, with_pip=True)
    python = bare / "bin" / "python"
    install = [python, "-m", "pip", "install", "-q", "-r", place / "requirements.txt"]
    if subprocess.run(install, capture_output=True, check=False).returncode:
        pytest.skip("no package index to install numpy and onnxruntime from")
    done = subprocess.run(
        [python, "-I", place / "predict.py"], capture_output=True, text=True, check=False
    )
    assert done.stdout == "ok\n", done.stderr
    listed = subprocess.run(
        [python, "-m", "pip", "list"], capture_output=True, text=True, check=True
    )
    assert "pandas" not in listed.stdout
    assert "autometa" not in listed.stdout
