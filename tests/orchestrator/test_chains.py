"""Chains of compressors are searched together with the learners."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import autometa
from autometa.errors import PluginError
from autometa.orchestrator.data import PreparedData
from autometa.orchestrator.setting import setting_of
from autometa.trial import Outcome

Run = Callable[..., Any]


def test_compressor_chain_is_searched_and_delivered(run: Run) -> None:
    search = {"learners": ["slope"], "compressors": ["trim"]}
    result = run(12, search=search, objectives=["log_loss", "size_kib"])
    trimmed = [t for t in result.trials if t.params["compress.prune"] == "trim"]
    plain = [t for t in result.trials if t.params["compress.prune"] == "none"]
    assert result.trials[0].params["compress.prune"] == "none"
    assert trimmed
    assert plain
    for trial in trimmed:
        ballast = trial.params["slope.ballast_kib"] / 2
        assert "trim.digits" in trial.params
        assert trial.values[1] == pytest.approx(ballast, abs=3)
    for trial in plain:
        assert "trim.digits" not in trial.params
        assert trial.values[1] == pytest.approx(trial.params["slope.ballast_kib"], abs=3)


def test_compressor_of_other_models_is_not_applicable(run: Run) -> None:
    result = run(10, search={"learners": ["slope"], "compressors": ["stranger"]})
    declined = [t for t in result.trials if t.params["compress.quantize"] == "stranger"]
    assert declined
    assert {t.outcome for t in declined} == {Outcome.NOT_APPLICABLE}
    assert declined[0].reason == "quantize stranger: it takes torch, got a slope model"
    assert declined[0].step == "quantize stranger"
    assert result.report["trials"]["not_applicable"] == len(declined)


def test_compressor_of_other_data_is_left_out(registry: Any, tmp_path: Path) -> None:
    content = {
        "name": "small",
        "data": {"source": "table.csv", "target": "label"},
        "objectives": ["log_loss", "size_kib"],
    }
    task = autometa.Task.from_json(content, path=tmp_path / "task.yaml")
    offered = {}
    for modality in ("tabular", "image"):
        data = PreparedData(tmp_path, {"problem": "classification", "modality": modality})
        if modality == "image" and not registry.default_learners("image"):
            continue
        params: Any = setting_of(task, data, registry).space.params
        steps = [d.choices for name, d in params.items() if name.startswith("compress.prune")]
        offered[modality] = any("pictures" in choices for choices in steps)
    assert not offered["tabular"]
    assert offered.get("image", True)


def test_named_compressor_of_other_data_is_refused(run: Run) -> None:
    with pytest.raises(PluginError, match="'pictures' does not take models of tabular data"):
        run(4, search={"learners": ["slope"], "compressors": ["pictures"]}, name="named")


def test_constraint_is_met_by_compressing(run: Run) -> None:
    search = {"learners": ["slope"], "compressors": ["trim"]}
    result = run(20, search=search, constraints={"size_kib": 8})
    assert result.best is not None
    assert result.best.size_kib is not None
    assert result.best.size_kib <= 8
    small = [t for t in result.trials if t.params["compress.prune"] == "trim"]
    assert any(t.size_kib is not None and t.size_kib <= 8 for t in small)


def test_same_seed_proposes_the_same_chains(run: Run) -> None:
    search = {"learners": ["slope"], "compressors": ["trim"]}
    first = run(12, search=search, objectives=["log_loss", "size_kib"])
    again = run(12, search=search, objectives=["log_loss", "size_kib"], options={"fresh": True})
    assert [t.params for t in first.trials] == [t.params for t in again.trials]


def test_failure_in_a_step_names_the_step(run: Run) -> None:
    search = {"learners": ["slope"], "compressors": ["breaks"]}
    result = run(6, search=search, objectives=["log_loss", "size_kib"])
    failed = [t for t in result.trials if t.params["compress.quantize"] == "breaks"]
    assert {t.outcome for t in failed} == {Outcome.ERROR}
    assert failed[0].step == "quantize breaks"
    assert failed[0].reason.startswith("quantize breaks: ZeroDivisionError")


def test_step_that_changes_nothing_is_noticed(run: Run) -> None:
    search = {"learners": ["slope"], "compressors": ["idle"]}
    result = run(6, search=search, objectives=["log_loss", "size_kib"])
    idle = [t for t in result.trials if t.params["compress.quantize"] == "idle"]
    assert {t.outcome for t in idle} == {Outcome.NOT_APPLICABLE}
    assert "changed nothing" in idle[0].reason


def test_trials_with_one_teacher_fit_it_once(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FITTED", str(tmp_path / "fitted.txt"))
    search = {"learners": ["slope"], "compressors": ["trim"]}
    result = run(24, search=search, objectives=["log_loss", "size_kib"])
    teachers = {(t.params["slope.slope"], t.params["slope.ballast_kib"]) for t in result.trials}
    lines = (tmp_path / "fitted.txt").read_text().splitlines()
    assert len(lines) == len(set(lines)) == len(teachers) < len(result.trials)
    assert len({t.seed for t in result.trials}) == 1


def test_search_for_quality_alone_pays_for_no_compressor(run: Run) -> None:
    result = run(3, search={"learners": ["slope"], "compressors": None})
    assert not any(name.startswith("compress.") for t in result.trials for name in t.params)


def test_named_compressor_that_fits_nothing_is_refused(run: Run) -> None:
    with pytest.raises(PluginError, match="the compressor stranger takes no model"):
        run(2, search={"learners": ["logistic"], "compressors": ["stranger"]})
