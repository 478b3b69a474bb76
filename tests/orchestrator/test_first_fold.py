"""Where one small model is delivered, it is the first fold's; the other folds judge its trial."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest

from autometa.errors import StorageError, TaskError
from autometa.measure import METRICS, score
from autometa.modelfolder import load_model, read_manifest
from autometa.orchestrator import delivery
from autometa.orchestrator.delivery import Delivery
from autometa.prepare import open_prepared
from autometa.trial import Outcome

pytest.importorskip("onnxruntime")

PATIENT = {"profile": "edge-cpu", "latency_ms": 1000.0, "memory_mib": 1000.0}
OPEN: dict[str, Any] = {"kind": "auto"}
CHEAP: dict[str, Any] = {"learners": ["logistic", "extra_trees"], "compressors": []}


def test_small_table_is_judged_on_all_folds_and_delivers_the_first_model(run: Any) -> None:
    result = run(2, validation=OPEN, search=CHEAP, target=PATIENT)
    folder = result.model.parent
    prepared = open_prepared(folder / "data")
    assert prepared.split.n_folds == 5
    for trial in result.trials:
        assert trial.outcome is Outcome.COMPLETE
        assert len(trial.fold_scores) == 5
        assert (trial.values or (0,))[0] == pytest.approx(fmean(trial.fold_scores))
    manifest = read_manifest(result.model)
    assert all(len(member["models"]) == 1 for member in manifest["members"])
    # Its quality is that of rows it was not fitted on: of the first fold.
    metric, rows = METRICS["log_loss"], prepared.split.valid_rows(0)
    said = load_model(result.model).average(prepared.X.iloc[rows].reset_index(drop=True))
    quality = manifest["export"]["quality"]["log_loss"]
    assert quality["file"] == pytest.approx(score(metric, prepared.y[rows], said), abs=1e-4)


def test_what_is_too_large_costs_one_fold(run: Any) -> None:
    target = {**PATIENT, "size_kib": 8}
    result = run(4, validation=OPEN, search=CHEAP, target=target)
    large = [t for t in result.trials if t.metrics.get("size_kib", 0) > 8]
    small = [t for t in result.trials if t not in large and t.outcome is Outcome.COMPLETE]
    assert large
    assert small
    assert {len(t.fold_scores) for t in large} == {1}
    assert {len(t.fold_scores) for t in small} == {5}


def test_size_as_an_objective_is_compared_with_what_all_folds_say(run: Any) -> None:
    search = {"learners": ["slope"], "compressors": []}
    result = run(3, validation=OPEN, search=search, objectives=["log_loss", "size_kib"])
    for trial in result.trials:
        assert len(trial.fold_scores) == 5
        assert trial.size_kib is not None
    assert [len(m["models"]) for m in read_manifest(result.model)["members"]] == [1]


def test_what_a_task_says_of_folds_stands(run: Any) -> None:
    result = run(1, validation={"folds": 3}, search=CHEAP, target=PATIENT)
    assert len(result.trials[0].fold_scores) == 3
    assert [len(m["models"]) for m in read_manifest(result.model)["members"]] == [3]


@pytest.mark.slow
def test_resumed_search_finds_the_files_of_judged_trials(run: Any) -> None:
    settings: dict[str, Any] = {"validation": OPEN, "search": CHEAP, "target": PATIENT}
    run(2, **settings)
    again = run(3, **settings)
    whole = run(3, name="whole", **settings)
    assert [t.values for t in again.trials] == [t.values for t in whole.trials]
    same = [read_manifest(r.model)["members"] for r in (again, whole)]
    assert [m["weight"] for m in same[0]] == pytest.approx([m["weight"] for m in same[1]])
    assert np.isfinite(read_manifest(again.model)["values"]["log_loss"])


@pytest.mark.slow
def test_small_one_goes_before_what_is_not_better_beyond_luck(run: Any, tmp_path: Path) -> None:
    """The label depends on a sum: nothing is better than a linear model, and nothing smaller."""
    table = (tmp_path / "table.csv").read_text().splitlines()
    (tmp_path / "short.csv").write_text("\n".join(table[:71]))
    data = {"source": "short.csv", "target": "label"}
    result = run(8, data=data, validation=OPEN, search=CHEAP, target=PATIENT)
    (member,) = read_manifest(result.model)["members"]
    assert result.report["ensemble"]["strategy"] == "smallest"
    usable = [t for t in result.trials if t.outcome is Outcome.COMPLETE]
    taken = next(t for t in usable if t.number == member["trial"])
    best = min(usable, key=lambda t: (t.values or (9.0,))[0])
    assert taken.params["learner"] == "logistic"
    assert (taken.size_kib or 0) <= (best.size_kib or 0)
    assert read_manifest(result.model)["values"]["log_loss"] == pytest.approx(
        (taken.values or (0,))[0]
    )
    # The file is the one that was measured of the trial.
    assert read_manifest(result.model)["export"]["size_kib"] == taken.size_kib


SLOPE: dict[str, Any] = {"learners": ["slope"], "compressors": []}


def test_what_breaks_a_bound_leaves_no_models_and_measuring_leaves_no_copy(run: Any) -> None:
    result = run(20, validation=OPEN, search=SLOPE, constraints={"size_kib": 40})
    trials = result.model.parent / "trials"
    large = [t for t in result.trials if (t.size_kib or 0) > 40]
    assert large
    for trial in large:
        assert not list((trials / str(trial.number)).glob("model-*"))
    assert not list(trials.glob("*/deliverable"))
    assert list(trials.glob("*/model-0"))


def test_measuring_takes_no_time_from_other_folds(run: Any, claiming: Any) -> None:
    executor = claiming("measure", 55.0)
    settings = {"constraints": {"latency_ms": 1000}, "limits": {"trial_seconds": 60}}
    run(1, validation=OPEN, search=SLOPE, options={"executor": executor}, **settings)
    assert executor.limits["trial-0-fold-4"] > 50.0


def test_size_as_the_only_objective_is_not_judged_by_its_bound(run: Any) -> None:
    bounds = {"log_loss": 0.6}
    goal = {"objectives": ["size_kib"], "constraints": bounds}
    result = run(20, validation=OPEN, search=SLOPE, seed=3, **goal)
    assert all(t.outcome is not Outcome.PRUNED for t in result.trials)
    usable = [t for t in result.trials if t.metrics.get("log_loss", 1.0) <= 0.6]
    best = min(usable, key=lambda t: t.size_kib or 0.0)
    assert [m["trial"] for m in read_manifest(result.model)["members"]] == [best.number]


def test_objectives_without_a_metric_of_predictions_are_refused(run: Any) -> None:
    with pytest.raises(TaskError, match="about what a model predicts"):
        run(1, search=SLOPE, objectives=["size_kib"])


def test_full_disk_at_the_end_leaves_the_best_trial(
    run: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write, chosen = Delivery.write_single, delivery._chosen
    full = {"disk": False}

    def choosing(*args: Any) -> Any:
        full["disk"] = True
        return chosen(*args)

    def writing(self: Delivery, *args: Any) -> None:
        if full["disk"]:
            raise StorageError("the disk is full", hint="Make room.")
        write(self, *args)

    monkeypatch.setattr(delivery, "_chosen", choosing)
    monkeypatch.setattr(Delivery, "write_single", writing)
    monkeypatch.setattr("autometa.select.ensemble.smallest", lambda *_: 1)
    result = run(6, validation=OPEN, search=SLOPE, constraints={"size_kib": 4000})
    assert result.model is not None
    assert "the disk is full" in caplog.text


@pytest.mark.slow
def test_smaller_trial_is_delivered_where_no_combination_fits(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = iter([None, 1, None, 1])  # nothing is as good as the combination, one as the best
    monkeypatch.setattr("autometa.select.ensemble.smallest", lambda *_: next(found))
    monkeypatch.setattr(Delivery, "replace", lambda *_: False)
    result = run(8, validation=OPEN, search=CHEAP, target={**PATIENT, "size_kib": 4096})
    assert result.report["ensemble"]["strategy"] == "smallest"
    ranked = sorted(
        (t for t in result.trials if len(t.fold_scores) == 5), key=lambda t: (t.values or (9.0,))[0]
    )
    assert read_manifest(result.model)["members"][0]["trial"] == ranked[1].number
