"""A search for a device delivers one file that keeps the device's bounds."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution

from autometa.errors import NoModelError, PluginError, TaskError
from autometa.learner import Space
from autometa.meta.knowledge import KnowledgeBase
from autometa.meta.record import TaskRecord
from autometa.modelfolder import load_model, read_manifest
from autometa.onnxgraph.feeds import OnnxFile, raw_rows
from autometa.orchestrator.data import PreparedData
from autometa.orchestrator.setting import setting_of
from autometa.task import Task
from autometa.trial import Outcome, TrialResult

pytest.importorskip("onnxruntime")

# What this machine does besides must not decide the test.
PATIENT = {"profile": "edge-cpu", "latency_ms": 1000.0, "memory_mib": 1000.0}


@pytest.fixture
def ask(run: Any, tmp_path: Path) -> Any:
    """Gives what runs a search for a target on numbers, a category and gaps."""
    rng = random.Random(0)
    lines = ["a,b,kind,label"]
    for _ in range(150):
        a, kind = rng.gauss(0, 1), rng.choice(["red", "blue", ""])
        label = "yes" if a + (kind == "red") + rng.gauss(0, 0.3) > 0 else "no"
        lines.append(f"{a:.4f},{rng.choice(['', '1.5', '2.5'])},{kind},{label}")
    (tmp_path / "plain.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def search(trials: int, learners: list[str], target: Any = PATIENT, **changes: Any) -> Any:
        data = {"source": "plain.csv", "target": "label"}
        search = {"learners": learners, "compressors": []}
        return run(trials, data=data, search=search, target=target, **changes)

    return search


def test_file_is_delivered_measured_and_keeps_the_bounds(ask: Any, tmp_path: Path) -> None:
    result = ask(3, ["logistic", "lightgbm"])
    names = {path.name for path in result.model.iterdir()}
    assert {"model.onnx", "predict.py", "requirements.txt", "vector.json"} < names
    found = read_manifest(result.model)["export"]
    assert found["parity"] <= 1e-4
    assert found["size_kib"] == (result.model / "model.onnx").stat().st_size / 1024
    measured = {"size_kib", "gzip_kib", "latency_ms", "latency_p99_ms", "memory_mib", "load_ms"}
    for trial in result.trials:
        assert trial.outcome is Outcome.COMPLETE
        assert measured <= trial.metrics.keys()
    predictor = load_model(result.model)
    X = predictor.schema.apply(pd.read_csv(tmp_path / "plain.csv"))
    got = OnnxFile(result.model / "model.onnx").predict(raw_rows(X))
    assert got["label"].tolist() == predictor.predict(X).tolist()
    scores = found["quality"]["log_loss"]
    assert scores["file"] == pytest.approx(scores["source"], abs=1e-6)


def test_what_was_fitted_in_time_is_measured_on_a_busy_machine_too(ask: Any, claiming: Any) -> None:
    executor = claiming("fold", 29.9)
    ask(1, ["logistic"], limits={"trial_seconds": 30}, options={"executor": executor})
    assert executor.limits["trial-0-fold-0"] == 30.0
    assert executor.limits["trial-0-export"] == 30.0


@pytest.mark.parametrize(("kib", "second"), [(500.0, "naive_bayes"), (4.0, "extra_trees")])
def test_what_was_too_large_in_the_past_is_not_proposed(ask: Any, kib: float, second: str) -> None:
    tried = {"logistic": (0.5, 3.0), "naive_bayes": (0.45, 2.0), "extra_trees": (0.3, kib)}
    trials = [
        TrialResult(
            number=i,
            params={"learner": name},
            outcome=Outcome.COMPLETE,
            values=(loss,),
            metrics={"size_kib": size, "load_ms": 1.0},
        )
        for i, (name, (loss, size)) in enumerate(tried.items())
    ]
    space = Space({"learner": CategoricalDistribution(tuple(tried))})
    past = KnowledgeBase(
        TaskRecord.from_results(
            trials, name=f"past-{i}", objectives=(("log_loss", "minimize"),), space=space
        )
        for i in range(3)
    )
    options = {"open_knowledge": lambda: past}
    result = ask(2, list(tried), {**PATIENT, "size_kib": 8}, options=options)
    assert [trial.params["learner"] for trial in result.trials] == ["logistic", second]


@pytest.mark.slow
def test_size_that_only_a_small_model_keeps_is_kept(ask: Any) -> None:
    result = ask(4, ["logistic", "extra_trees"], {**PATIENT, "size_kib": 8})
    assert read_manifest(result.model)["export"]["size_kib"] <= 8
    large = [t for t in result.trials if t.params["learner"] == "extra_trees"]
    assert large
    # What is too large is known at once: its latency is not worth measuring.
    assert all(t.metrics["size_kib"] > 8 and "latency_ms" not in t.metrics for t in large)


@pytest.mark.slow
def test_ensemble_of_small_models_is_delivered_where_all_are_too_large_together(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if no trial alone were as good: so few rows would hardly say that.
    monkeypatch.setattr("autometa.select.ensemble.smallest", lambda *_: None)
    rng = random.Random(1)
    rows = [[rng.gauss(0, 1) for _ in range(3)] for _ in range(300)]
    labels = ["yes" if a * b + c + rng.gauss(0, 1) > 0 else "no" for a, b, c in rows]
    pd.DataFrame(rows, columns=[*"abc"]).assign(label=labels).to_csv(
        tmp_path / "noisy.csv", index=False
    )

    def search(name: str, **bounds: float) -> Any:
        return run(
            10,
            name=name,
            data={"source": "noisy.csv", "target": "label"},
            search={"learners": ["logistic", "naive_bayes", "lightgbm"], "compressors": []},
            target={**PATIENT, **bounds},
        )

    free = read_manifest(search("free").model)
    bound = 0.5 * free["export"]["size_kib"]
    small = read_manifest(search("small", size_kib=bound).model)
    assert small["export"]["size_kib"] <= bound
    trials = [{member["trial"] for member in found["members"]} for found in (small, free)]
    assert len(trials[0]) > 1
    assert trials[0] != trials[1]


def test_file_that_is_larger_and_no_better_than_the_fastest_is_not_measured(ask: Any) -> None:
    result = ask(
        6, ["logistic", "extra_trees"], objectives=["log_loss", "size_kib", "latency_ms"], seed=3
    )
    beaten = [t for t in result.trials if t.outcome is Outcome.DOMINATED]
    complete = [t for t in result.trials if t.outcome is Outcome.COMPLETE]
    assert beaten
    for trial in beaten:
        assert "latency_ms" not in trial.metrics
        earlier = [t for t in complete if t.number < trial.number]
        fastest = min(earlier, key=lambda t: t.metrics["latency_ms"])
        assert all(fastest.metrics[m] <= trial.metrics[m] for m in ("log_loss", "size_kib"))


def test_target_that_nothing_keeps_names_the_nearest(ask: Any) -> None:
    with pytest.raises(NoModelError, match=r"the nearest is trial \d \(size_kib .* > 0.5\)"):
        ask(2, ["logistic"], {**PATIENT, "size_kib": 0.5})


def test_column_that_cannot_be_exported_is_named(run: Any, tmp_path: Path) -> None:
    table = pd.read_csv(tmp_path / "table.csv")
    words = ["quick", "brown", "lazy", "old", "very", "fox", "dog", "sat", "ran"]
    rng = random.Random(0)
    table["note"] = [" ".join(rng.choices(words, k=9)) for _ in range(len(table))]
    table.to_csv(tmp_path / "noted.csv", index=False)
    data = {"source": "noted.csv", "target": "label"}
    with pytest.raises(NoModelError, match="column 'note' is encoded as text"):
        run(1, data=data, search={"learners": ["logistic"], "compressors": []}, target=PATIENT)


def test_learner_without_export_is_refused_by_name(ask: Any) -> None:
    with pytest.raises(PluginError, match="'slope' writes no ONNX file"):
        ask(1, ["slope"])


@pytest.mark.parametrize(("export", "has_slope"), [("any", True), ("onnx", False)])
def test_search_may_admit_only_what_can_be_exported(
    registry: Any, tmp_path: Path, export: str, has_slope: bool
) -> None:
    content = {"name": "small", "data": {"source": "table.csv", "target": "label"}}
    task = Task.from_json({**content, "search": {"export": export}}, path=tmp_path / "task.yaml")
    data = PreparedData(tmp_path, {"problem": "classification", "modality": "tabular"})
    learners: Any = setting_of(task, data, registry).space.params["learner"]
    assert "logistic" in learners.choices
    assert ("slope" in learners.choices) is has_slope


def test_named_learner_without_export_is_refused_where_a_search_asks_for_it(run: Any) -> None:
    with pytest.raises(PluginError, match=r"'slope' writes no ONNX file, which search\.export"):
        run(1, search={"learners": ["slope"], "compressors": [], "export": "onnx"})


def test_memory_is_measured_of_a_target_only(run: Any) -> None:
    with pytest.raises(TaskError, match="memory_mib is measured of the file of a target"):
        run(1, constraints={"memory_mib": 90})


@pytest.mark.slow
def test_resumed_search_delivers_the_file_too(ask: Any) -> None:
    ask(1, ["logistic"])
    result = ask(2, ["logistic"])
    assert (result.model / "model.onnx").is_file()
    assert len(result.trials) == 2
