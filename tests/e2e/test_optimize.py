"""From a task file to a model, and on: resume, no-op, refusals."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, make_place: Callable[[Path], Any]) -> Any:
    """A place whose search of three trials has ended; not to be changed."""
    place = make_place(tmp_path_factory.mktemp("finished"))
    place.task(search=LOGISTIC)
    place.report = place.optimize(report=True)
    return place


@pytest.fixture
def copy(finished: Any, tmp_path: Path, make_place: Callable[[Path], Any]) -> Any:
    """The finished search, in a folder of its own that may be changed."""
    folder = tmp_path / "copy"
    shutil.copytree(finished.folder, folder, symlinks=True)
    return replace(finished, folder=folder, env={**finished.env, "AUTOMETA_HOME": f"{folder}/home"})


LOGISTIC = {"learners": ["logistic"], "prior": "none"}


def test_report_has_what_the_contract_promises(finished: Any) -> None:
    report = finished.report
    assert (report["task"], report["study"], report["status"]) == ("small", "small", "finished")
    assert report["trials"] == {"complete": 3, "pruned": 0, "failed": 0, "not_applicable": 0}
    assert report["best"]["params"]["learner"] == "logistic"
    assert report["best"]["values"]["log_loss"] < report["baseline"]["log_loss"]
    assert report["test"]["log_loss"] < report["baseline"]["log_loss"]
    assert Path(report["model"]).is_absolute()
    assert set(report["mlflow"]) == {"tracking_uri", "experiment_id", "run_id", "url"}
    assert report["prior"] == {
        "sources": [],
        "digest": None,
        "used": False,
        "gain": None,
    }
    assert report["seconds"] > 0


def test_status_says_the_same(finished: Any) -> None:
    status = finished.run("status", "task.yaml", "--json").json
    for key in ("task", "status", "trials", "best", "prior", "model"):
        assert status[key] == finished.report[key]
    assert [row["number"] for row in status["history"]] == [0, 1, 2]
    assert status["history"][0]["proposer"] == "default"


def test_status_of_a_task_that_was_never_run_is_empty(place: Any) -> None:
    status = place.status()
    assert (status["status"], status["model"], status["history"]) == ("none", None, [])
    assert not (place.folder / ".autometa").exists()


def test_predict_writes_the_labels_as_the_user_wrote_them(finished: Any, tmp_path: Path) -> None:
    output = tmp_path / "predictions.csv"
    done = finished.run("predict", finished.report["model"], "table.csv", "--output", output)
    assert (done.code, done.err) == (0, "")
    with output.open() as file:
        predicted = [row["prediction"] for row in csv.DictReader(file)]
    with (finished.folder / "table.csv").open() as file:
        truth = [row["label"] for row in csv.DictReader(file)]
    hits = sum(a == b for a, b in zip(predicted, truth, strict=True))
    assert set(predicted) == {"yes", "no"}
    assert hits > 90


def test_predict_proba_has_a_column_per_label(finished: Any, tmp_path: Path) -> None:
    output = tmp_path / "predictions.csv"
    model = finished.report["model"]
    done = finished.run("predict", model, "table.csv", "--proba", "--output", output, "--json")
    assert done.json == {"model": model, "rows": 120, "output": str(output)}
    with output.open() as file:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    assert list(rows[0]) == ["no", "yes"]
    assert all(abs(row["no"] + row["yes"] - 1) < 1e-6 for row in rows)


def test_fault_84_deleted_model_folder_is_exit_4(copy: Any) -> None:
    shutil.rmtree(copy.study / "model")
    done = copy.run("predict", copy.study / "model", "table.csv", "--output", "p.csv")
    assert done.code == 4
    assert "is not a model folder: it has no manifest.json." in done.error
    assert not (copy.folder / "p.csv").exists()


def test_fault_85_tampered_model_is_exit_4(copy: Any) -> None:
    model = copy.study / "model"
    victim = next(path for path in model.rglob("*.npz"))
    data = bytearray(victim.read_bytes())
    data[-40] ^= 1
    victim.unlink()  # it may be a link into the trial's folder
    victim.write_bytes(data)
    done = copy.run("predict", model, "table.csv", "--output", "p.csv")
    assert done.code == 4
    assert f"checksum of {victim.relative_to(model)} differs" in done.error


def test_fault_85_pickle_in_a_model_is_never_loaded(copy: Any) -> None:
    model = copy.study / "model"
    (model / "extra.pkl").write_bytes(b"cos\nsystem\n(S'touch hacked'\ntR.")
    done = copy.run("predict", model, "table.csv", "--output", "p.csv")
    assert done.code == 4
    assert "holds extra.pkl, unknown to it" in done.error
    assert not (copy.folder / "hacked").exists()


def test_faults_93_and_94_finished_search_is_a_no_op_that_says_what_would_continue_it(
    copy: Any,
) -> None:
    before = copy.history()
    done = copy.run("optimize", "task.yaml", "--json")
    assert done.code == 0
    assert "nothing to do: the budget is used up; raise budget.trials" in done.err
    assert done.json["trials"]["complete"] == 3
    assert done.json["model"] == str(copy.study / "model")
    assert copy.history() == before


def test_raised_budget_goes_on_with_changed_limits(copy: Any) -> None:
    before = copy.history()
    copy.task(search=LOGISTIC, budget={"trials": 5}, limits={"workers": 2, "trial_seconds": 20})
    assert copy.optimize()["trials"]["complete"] == 5
    assert copy.history()[:3] == before


def test_fault_31_changed_data_is_refused_unless_fresh(copy: Any) -> None:
    copy.table(seed=1)
    copy.task(search=LOGISTIC, budget={"trials": 4})
    before = copy.history()
    done = copy.run("optimize", "task.yaml")
    assert done.code == 3
    assert "table.csv has changed since the study began" in done.error
    assert "--fresh" in done.error
    assert copy.history() == before
    assert copy.optimize("--fresh")["trials"]["complete"] == 4
    assert copy.history()[0] != before[0]


def test_fault_92_changed_task_is_shown_and_refused(copy: Any) -> None:
    before = copy.history()
    copy.task(
        search={"learners": ["logistic", "extra_trees"], "prior": "none"},
        objectives=["accuracy"],
        seed=1,
        budget={"trials": 4},
    )
    done = copy.run("optimize", "task.yaml")
    assert done.code == 2
    assert "the study has begun with other settings: " in done.error
    assert 'search.learners: ["logistic"] -> ["logistic", "extra_trees"]' in done.error
    assert "objectives: null -> " in done.error
    assert "seed: 0 -> 1" in done.error
    assert "budget" not in done.error
    assert "--fresh" in done.error
    assert copy.history() == before


def test_status_prints_the_last_trials(copy: Any) -> None:
    done = copy.run("status", "task.yaml", "--last", "2")
    first, *_, last = done.out.splitlines()
    assert first == "small: finished (3 complete, 0 pruned, 0 failed, 0 not applicable)"
    assert last.split()[:3] == ["2", "logistic", "complete"]
    assert len(done.out.splitlines()) == 7


def test_fault_9_missing_target_is_one_line_and_one_json_object(place: Any) -> None:
    place.task(data={"source": "table.csv", "target": "labl"})
    done = place.run("optimize", "task.yaml", "--json")
    assert done.code == 3
    assert done.json["status"] == "error"
    assert done.json["exit_code"] == 3
    assert done.json["error"]["type"] == "DataError"
    assert "'labl'" in done.error
    assert "'label'" in done.error


@pytest.mark.parametrize(
    "text",
    ["name: &a [*a]\n", "a: &a [1]\n" + "".join(f"b{i}: *a\n" for i in range(9999))],
    ids=["recursive", "bomb"],
)
def test_fault_41_alias_tricks_are_exit_2(place: Any, text: str) -> None:
    (place.folder / "task.yaml").write_text(text)
    done = place.run("optimize", "task.yaml")
    assert done.code == 2
    assert done.error.startswith("task.yaml:")


def test_fault_44_empty_task_file_is_exit_2(place: Any) -> None:
    (place.folder / "task.yaml").write_text("")
    done = place.run("optimize", "task.yaml")
    assert done.code == 2
    assert done.error.startswith("task.yaml")


def test_fault_47_data_may_lie_elsewhere_artifacts_stay_inside(place: Any, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(place.folder / "table.csv", elsewhere / "table.csv")
    place.task(data={"source": "../elsewhere/table.csv", "target": "label"}, budget={"trials": 1})
    report = place.optimize()
    assert Path(report["model"]).is_relative_to(place.folder / ".autometa")
    assert [path.name for path in elsewhere.iterdir()] == ["table.csv"]
    assert sorted(path.name for path in place.folder.iterdir()) == [".autometa", "task.yaml"]


@pytest.mark.parametrize("name", ["../../escape", "/tmp/escape"])
def test_fault_47_name_cannot_leave_the_workspace(place: Any, name: str) -> None:
    place.task(name=name)
    done = place.run("optimize", "task.yaml")
    assert done.code == 2
    assert "name" in done.error
    assert not (place.folder / ".autometa").exists()
