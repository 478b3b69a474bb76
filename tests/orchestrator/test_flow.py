"""The data flow in this process."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import autometa
from autometa import Task, defaults
from autometa.errors import DataError, NoModelError, StorageError, TaskError
from autometa.execution import InlineExecutor, WorkerPool
from autometa.modelfolder import Member, load_model, read_manifest, write
from autometa.trial import Outcome, TrialResult

from .conftest import StopAfter

Run = Callable[..., Any]
PLUGIN = Path(__file__).with_name("parts_plugin.py")


def comparable(results: list[TrialResult]) -> list[TrialResult]:
    return [replace(result, cost_seconds=0.0) for result in results]


def test_search_gives_a_model_that_predicts(run: Run, registry: Any, tmp_path: Path) -> None:
    result = run(5)
    frame = pd.read_csv(tmp_path / "table.csv")
    predictor = load_model(result.model, packages=registry.packages)
    hits = (predictor.predict(frame) == frame["label"]).mean()
    assert [trial.number for trial in result.trials] == [0, 1, 2, 3, 4]
    assert result.best.values[0] == min(trial.values[0] for trial in result.trials)
    assert hits > 0.85


def test_first_trial_is_the_default_and_the_seed_decides_the_others(run: Run) -> None:
    first = run(3)
    other = run(3, name="other")
    third = run(3, name="third", seed=1)
    assert dict(first.trials[0].params) == {
        "learner": "slope",
        "slope.slope": 0.5,
        "slope.ballast_kib": 8,
    }
    assert [t.params for t in other.trials] == [t.params for t in first.trials]
    assert third.trials[1].params != first.trials[1].params


def test_fault_95_stopped_and_resumed_search_has_the_same_trials(run: Run) -> None:
    whole = run(14, name="whole")
    for n_jobs in (3, 8):
        stop = StopAfter(n_jobs)
        part = run(14, name="parts", options={"executor": stop, "stop": stop})
        assert part.status == "interrupted"
    parts = run(14, name="parts")
    assert comparable(parts.trials) == comparable(whole.trials)
    assert parts.best.number == whole.best.number


def test_interrupted_search_has_a_model_already(run: Run) -> None:
    stop = StopAfter(2)
    result = run(9, options={"executor": stop, "stop": stop})
    assert len(result.trials) == 2
    assert read_manifest(result.model)["members"][0]["trial"] == result.best.number


def test_finished_search_that_went_on_and_was_stopped_is_interrupted(
    run: Run, tmp_path: Path
) -> None:
    def status(trials: int) -> str:
        data = {"source": "table.csv", "target": "label"}
        content = {"name": "small", "data": data, "budget": {"trials": trials}}
        return str(defaults.status(Task.from_json(content, path=tmp_path / "task.yaml"))["status"])

    run(2)
    assert (status(2), status(9)) == ("finished", "finished")
    stop = StopAfter(2)
    assert run(9, options={"executor": stop, "stop": stop}).status == "interrupted"
    assert status(9) == "interrupted"
    assert run(2).status == status(2) == "finished"
    run(9)
    assert status(9) == "finished"


def test_fault_93_finished_search_runs_no_job(run: Run) -> None:
    first = run(3)

    class Refusing(InlineExecutor):
        def submit(self, job: Any) -> None:
            raise AssertionError(f"{job.id} must not run")

    again = run(3, options={"executor": Refusing()})
    assert again.trials == first.trials
    assert again.report["best"] == first.report["best"]


def test_fault_92_changed_space_is_refused(run: Run) -> None:
    run(2)
    with pytest.raises(TaskError, match=r'search\.compressors: \[\] -> \["trim"\]'):
        run(4, search={"learners": ["slope"], "compressors": ["trim"]})


def test_ignored_column_is_not_learned_from_nor_needed(
    run: Run, registry: Any, tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    frame = pd.read_csv(table)
    frame.assign(answer=frame["label"] + "!").to_csv(table, index=False)
    data = {"source": "table.csv", "target": "label", "ignore": ["answer"]}
    predictor = load_model(run(2, data=data).model, packages=registry.packages)
    assert "answer" not in predictor.schema.names
    assert len(predictor.predict(frame.drop(columns="label"))) == len(frame)
    with pytest.raises(TaskError, match=r'data\.ignore: \["answer"\] -> \[\]'):
        run(4)


def test_fault_31_changed_data_is_refused(run: Run, tmp_path: Path) -> None:
    run(2)
    table = tmp_path / "table.csv"
    table.write_text(table.read_text().replace("yes", "true"))
    with pytest.raises(DataError, match="has changed since the study began"):
        run(4)
    assert run(2, options={"fresh": True}).report["trials"]["complete"] == 2


def test_touched_data_goes_on(run: Run, tmp_path: Path) -> None:
    run(2)
    table = tmp_path / "table.csv"
    table.write_text(table.read_text())
    assert len(run(4).trials) == 4


@pytest.mark.parametrize("kind", ["kfold", "group", "time"])
def test_every_validation_passes_through(run: Run, kind: str) -> None:
    columns = {"group": {"group": "who"}, "time": {"time": "day"}}.get(kind, {})
    result = run(2, validation={"kind": kind, "folds": 3, **columns})
    assert all(len(trial.fold_scores) == 3 for trial in result.trials)
    for trial in result.trials:
        assert trial.values[0] == pytest.approx(np.mean(trial.fold_scores))
    assert result.report["test"]["log_loss"] < result.report["baseline"]["log_loss"]


def test_several_objectives_give_a_front(run: Run) -> None:
    result = run(16, objectives=["log_loss", "size_kib"])
    points = [tuple(point["values"].values()) for point in result.report["front"]]
    told = [trial.values for trial in result.trials if trial.outcome is Outcome.COMPLETE]
    assert len(points) > 1
    for point in points:
        assert not any(all(np.array(o) <= point) and any(np.array(o) < point) for o in told)
    for values in told:
        assert any(all(np.array(point) <= values) for point in points)
    assert result.best.values[0] == min(values[0] for values in told)


def test_size_is_of_the_delivered_folder(run: Run) -> None:
    result = run(3, objectives=["log_loss", "size_kib"])
    size = sum(p.stat().st_size for p in result.model.rglob("*") if p.is_file()) / 1024
    assert result.best.values[1] == pytest.approx(size, rel=0.02)


def test_constraint_is_kept_by_what_is_delivered(run: Run) -> None:
    result = run(12, constraints={"size_kib": 20})
    sizes = {trial.number: trial.metrics["size_kib"] for trial in result.trials}
    assert any(size > 20 for size in sizes.values())
    assert sizes[result.best.number] <= 20
    size = sum(p.stat().st_size for p in result.model.rglob("*") if p.is_file()) / 1024
    assert size <= 20
    kept = [trial for trial in result.trials if sizes[trial.number] <= 20]
    assert result.best.values[0] == min(trial.values[0] for trial in kept)


def test_constraint_that_nothing_keeps_is_no_model(run: Run, tmp_path: Path) -> None:
    with pytest.raises(NoModelError, match=r"none of 3 complete trials keeps the constraints") as e:
        run(3, constraints={"size_kib": 0.5})
    assert "size_kib" in e.value.message
    assert not (tmp_path / ".autometa/studies/small/model").exists()


def test_latency_is_measured(run: Run) -> None:
    result = run(2, constraints={"latency_ms": 500.0})
    assert all(0 < trial.metrics["latency_ms"] < 500 for trial in result.trials)


def test_download_is_an_objective_and_a_constraint(run: Run) -> None:
    result = run(8, objectives=["log_loss", "gzip_kib"], constraints={"gzip_kib": 4.0})
    large = [t for t in result.trials if t.params["slope.ballast_kib"] > 20]
    assert large
    for trial in large:
        assert trial.values[1] == trial.metrics["gzip_kib"]
        assert 0.1 < trial.metrics["gzip_kib"] < 4.0 < trial.metrics["size_kib"]
    assert result.model.joinpath("manifest.json").is_file()


def test_ensemble_is_never_worse_than_the_best_trial(run: Run) -> None:
    search = {"learners": ["slope", "logistic", "extra_trees"], "compressors": []}
    result = run(8, search=search, validation={"kind": "kfold", "folds": 3})
    chosen = result.report["ensemble"]
    members = read_manifest(result.model)["members"]
    assert sum(member["weight"] for member in members) == pytest.approx(1.0)
    if chosen is None:
        assert [member["trial"] for member in members] == [result.best.number]
    else:
        assert chosen["values"]["log_loss"] <= result.best.values[0]
        assert {m["trial"]: m["weight"] for m in members} == pytest.approx(dict(chosen["weights"]))


def test_observers_are_told_and_their_failure_is_nobodys(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    notes = tmp_path / "notes.jsonl"
    monkeypatch.setenv("OBSERVED", str(notes))
    result = run(3)
    told = [json.loads(line) for line in notes.read_text().splitlines()]
    assert sorted(told[:3]) == [["small", number, "complete"] for number in range(3)]
    assert told[3:] == [["end", "finished", result.best.number]]
    (warning,) = [r.getMessage() for r in caplog.records if "observer" in r.getMessage()]
    assert warning.startswith("an observer failed: RuntimeError: an observer may fail (in ")


METRICS = """
def share(y, p):
    return float((p.argmax(axis=1) == y).mean())

def nan(y, p):
    return float("nan")

def inf(y, p):
    return float("inf")

def none(y, p):
    return None

def text(y, p):
    return "0.5"

def imaginary(y, p):
    return 0.5 + 1j

def array(y, p):
    return p

def truth(y, p):
    return True

def raises(y, p):
    raise ZeroDivisionError("no rows")
"""


def test_own_metric_beside_the_task_file_leads(run: Run, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(METRICS)
    own = {"metric": "own:share", "direction": "maximize"}
    result = run(5, objectives=[own, "accuracy"])
    for trial in result.trials:
        assert trial.values[0] == trial.values[1]
    assert result.best.values[0] == max(trial.values[0] for trial in result.trials)
    assert set(result.report["best"]["values"]) == {"own:share", "accuracy"}


@pytest.mark.parametrize(
    ("name", "outcome", "reason"),
    [
        ("nan", "invalid_score", "metric own:nan is nan on these rows"),
        ("inf", "invalid_score", "metric own:inf is inf on these rows"),
        ("none", "error", "metric own:none must give a real number, got NoneType"),
        ("text", "error", "metric own:text must give a real number, got str"),
        ("imaginary", "error", "metric own:imaginary must give a real number, got complex"),
        ("array", "error", "metric own:array must give a real number, got ndarray"),
        ("truth", "error", "metric own:truth must give a real number, got bool"),
        ("raises", "error", "ZeroDivisionError: no rows (in raises, "),
    ],
)
def test_fault_57_own_metric_that_gives_no_number_fails_with_the_reason(
    run: Run, tmp_path: Path, name: str, outcome: str, reason: str
) -> None:
    (tmp_path / "own.py").write_text(METRICS)
    objective = {"metric": f"own:{name}", "direction": "minimize"}
    with pytest.raises(NoModelError) as caught:
        run(1, objectives=[objective])
    assert reason in caught.value.message
    (trial,) = autometa.defaults.status(_task(tmp_path))["history"]
    assert trial["outcome"] == outcome


def _task(folder: Path) -> Any:
    content = {"name": "small", "data": {"source": "table.csv", "target": "label"}}
    return autometa.Task.from_json(content, path=folder / "task.yaml")


def test_optimize_of_the_package_runs_in_processes(run: Run, tmp_path: Path) -> None:
    content = {
        "name": "small",
        "data": {"source": "table.csv", "target": "label"},
        "budget": {"trials": 3},
        "search": {"learners": ["slope"]},
        "knowledge": [],
        "tracking": "none",
    }
    task = tmp_path / "task.yaml"
    task.write_text(json.dumps(content))
    result = autometa.optimize(task, plugins=[PLUGIN])
    assert len(result.trials) == 3
    assert result.model == tmp_path / ".autometa/studies/small/model"
    assert result.status == "finished"


def test_two_workers_finish_the_same_number_of_trials(run: Run) -> None:
    with WorkerPool(2, 2048) as pool:
        result = run(6, options={"executor": pool})
    assert [trial.number for trial in result.trials] == list(range(6))


def test_model_of_a_killed_run_gives_way_to_the_best_trial(run: Run, tmp_path: Path) -> None:
    first = run(8)
    other = next(t for t in first.trials if t.number != first.best.number)
    whole = run(8, name="other", seed=0)
    folder = tmp_path / ".autometa/studies/other/model"
    # As a kill between telling the best trial and delivering it leaves them.
    shutil.rmtree(folder)
    trial = tmp_path / f".autometa/studies/small/trials/{other.number}"
    models = [(trial / "model-0", json.loads((trial / "models.json").read_text())[0])]
    head = read_manifest(first.model)
    write(folder, head, [Member(other.number, 1.0, "slope", models)])
    again = run(9, name="other")
    assert whole.best.number == first.best.number
    members = {member["trial"] for member in read_manifest(again.model)["members"]}
    assert again.best.number in members


@pytest.mark.parametrize("name", ["trials", "model"])
def test_fault_73_full_disk_in_a_worker_or_here_is_told_and_nothing_is_lost(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = run(2)
    save = np.save

    def full(file: Any, array: Any) -> None:
        if name == "trials":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(file, array)

    def full_copy(source: Any, target: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "save", full)
    if name == "model":
        shutil.rmtree(before.model)
        monkeypatch.setattr(shutil, "copytree", full_copy)
    with pytest.raises(StorageError, match="No space left on device"):
        run(4)
    monkeypatch.undo()
    after = run(4)
    assert after.trials[:2] == before.trials
    assert after.report["trials"] == {"complete": 4, "pruned": 0, "failed": 0, "not_applicable": 0}


def test_best_trial_whose_files_are_gone_is_made_again(run: Run, tmp_path: Path) -> None:
    first = run(5)
    best = f"trial-{first.best.number}/"
    files = read_manifest(first.model)["files"]
    shutil.rmtree(first.model)
    shutil.rmtree(tmp_path / ".autometa/studies/small/trials")
    again = run(5)
    assert again.trials == first.trials
    assert again.best == first.best
    # The others' files are gone for good: the best trial is delivered alone.
    expected = {name: digest for name, digest in files.items() if name.startswith(best)}
    assert read_manifest(again.model)["files"] == expected


@pytest.mark.parametrize("hours", [1, -1])
def test_fault_79_clock_that_jumps_changes_no_duration(
    run: Run, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    whole = run(4, name="whole")
    jumps = itertools.count()
    clock, clock_ns = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: clock() + 3600 * hours * next(jumps))
    monkeypatch.setattr(time, "time_ns", lambda: clock_ns() + 3600 * hours * next(jumps) * 10**9)
    result = run(4, budget={"trials": 4, "seconds": 600})
    assert next(jumps) > 4
    assert 0 < result.report["seconds"] < 60
    assert all(0 <= trial.cost_seconds < 60 for trial in result.trials)
    assert [t.values for t in result.trials] == [t.values for t in whole.trials]


class FailingReport(InlineExecutor):
    """Runs everything but the report."""

    def submit(self, job: Any) -> None:
        super().submit(replace(job, function="nowhere:write") if job.id == "report" else job)


def test_report_that_fails_costs_a_warning(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    result = run(3, options={"executor": FailingReport(), "report": True})
    assert result.status == "finished"
    assert result.report["report"] is None
    assert "no report: Cannot load 'nowhere'" in caplog.text


def test_finished_search_still_names_its_report(run: Run) -> None:
    first = run(3, options={"report": True})
    assert Path(first.report["report"]).is_file()
    assert run(3).report["report"] == first.report["report"]
    Path(first.report["report"]).unlink()
    assert run(3).report["report"] is None
