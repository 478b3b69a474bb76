"""One job of a trial: fit on the training rows of a fold, compress, predict the others, score.

Runs in a worker. Everything it needs comes as JSON, everything it leaves is a file: predictions
of the scored rows as ``predictions-<fold>.npy``, the model as folder ``model-<fold>``.
"""

from __future__ import annotations

import json
import math
import shutil
import statistics
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from autometa.checkpoint import Checkpoint
from autometa.errors import Pruned
from autometa.images import take
from autometa.learner import FitContext, TrainingData
from autometa.making import class_reference, content_of, key_of, make
from autometa.measure import Metric, prediction_fault, score
from autometa.model import Model
from autometa.modelfolder import load_model
from autometa.prepare import Prepared, open_prepared
from autometa.rungs import Rungs
from autometa.workspace import writing

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXAMPLE_ROWS = 3
CHECKED_ROWS = 8
"""Rows of the first fold that the model, loaded again, must predict as it did."""


def run_fold(payload: Mapping[str, Any], deadline: float) -> dict[str, Any]:
    """Evaluates one fold.

    Args:
        payload: ``prepared`` (folder), ``fold``, ``fidelity`` (share of the training rows),
            ``learner`` (factory string), ``version`` (of its plugin), ``config``, ``chain`` (list
            of ``stage``, ``name``, ``factory``, ``version``, ``config``, ``consumes``),
            ``labelling`` (of rows without a target: ``way`` and ``config``; null or absent = they
            are not used),
            ``students`` (factory by name), ``store`` (folder of models that trials share, or
            null), ``metrics`` (`Metric.to_json`), ``seed``, ``n_threads``,
            ``folder`` (of the trial; exists), ``keep_below`` (loss of the first metric up to
            which the model is written; null = always, -inf = never), ``rungs`` (pairs of rung and
            largest loss with which the fit goes on; null or absent = its reports say nothing),
            ``checkpoints`` (whether the fit keeps some; absent = not).
        deadline: Moment of `time.monotonic`.

    Returns:
        ``scores`` (one per metric), ``model`` (``module:Class`` of what was written, or null),
        ``fit_seconds``, ``row_seconds`` (to predict one row), with labelling
        ``n_pseudo_labelled`` (rows that got a label); or ``invalid`` with the reason why there is
        no score, or ``pruned`` with the reason why the fit was ended. With rungs what was reached
        there, as pairs.

    Raises:
        NotApplicable: If the learner or a compressor declines.
        StorageError: If the disk is full.
    """
    prepared = open_prepared(Path(payload["prepared"]))
    fold = int(payload["fold"])
    data, rng = training_data(prepared, fold, float(payload["fidelity"]), int(payload["seed"]))
    rungs, context = _context(payload, str(prepared.info["digest"]), rng, deadline)
    started = time.perf_counter()
    try:
        model, n_labelled = _make(payload, prepared, data, context)
    except Pruned as ended:
        return {"pruned": ended.reason, "rungs": list(rungs.reached.items())}
    fit_seconds = time.perf_counter() - started

    rows = prepared.split.valid_rows(fold)
    predictions = model.predict(take(prepared.X, rows))
    row_seconds = (time.perf_counter() - started - fit_seconds) / max(len(rows), 1)
    if fault := prediction_fault(predictions, len(rows), prepared.n_classes):
        return {"invalid": f"{payload['learner']}: {fault}"}
    metrics = [Metric.from_json(metric) for metric in payload["metrics"]]
    scores = [score(metric, prepared.y[rows], predictions) for metric in metrics]
    if fault := _score_fault(metrics, scores):
        return {"invalid": fault}
    folder = Path(payload["folder"])
    with writing(folder):
        np.save(folder / f"predictions-{fold}.npy", predictions.astype(np.float32))
    limit = payload["keep_below"]
    keep = limit is None or metrics[0].loss(scores[0]) <= limit
    written = _write(model, folder / f"model-{fold}", payload["learner"]) if keep else None
    if written is not None and fold == 0:
        sample = take(prepared.X, rows[:CHECKED_ROWS])
        if fault := _reading_fault(type(model), folder / f"model-{fold}", sample, predictions):
            return {"invalid": f"{payload['learner']}: {fault}"}
    value = {
        "scores": scores,
        "model": written,
        "fit_seconds": fit_seconds,
        "row_seconds": row_seconds,
        "rungs": list(rungs.reached.items()),
    }
    return value if n_labelled is None else {**value, "n_pseudo_labelled": n_labelled}


def _context(
    payload: Mapping[str, Any], digest: str, rng: np.random.Generator, deadline: float
) -> tuple[Rungs, FitContext]:
    """Gives the context of the learner's fit, and what listens to its reports."""
    n_threads = int(payload["n_threads"])
    name = f"checkpoint-{key_of(content_of(payload, digest, n_threads))}"
    place = Path(payload["folder"]) / name
    limits = payload.get("rungs")
    rungs = Rungs(dict(limits or ()), place / "rungs.json")
    context = FitContext(rng=rng, deadline=deadline, n_threads=n_threads)
    if limits is not None:
        context = replace(context, report=rungs.report)
    if payload.get("checkpoints"):
        context = replace(context, checkpoint=Checkpoint(place / "fit"))
    return rungs, context


def _make(
    payload: Mapping[str, Any], prepared: Prepared, data: TrainingData, context: FitContext
) -> tuple[Model, int | None]:
    """Gives the model, and how many rows without a target got a label; None = not asked for."""
    digest, labelling = str(prepared.info["digest"]), payload.get("labelling")
    if labelling is None:
        return make(payload, data, context, digest), None
    if prepared.unlabelled is None:
        raise ValueError("the prepared data has no rows without a target")
    from autometa.pseudolabels import add_pseudo_labels

    rows = prepared.unlabelled.split.train_rows(int(payload["fold"]))
    more = add_pseudo_labels(payload, data, take(prepared.unlabelled.X, rows), context)
    # Models are kept by their rows, which are now others.
    digest = f"{digest} {json.dumps(labelling, sort_keys=True)}"
    return make(payload, more, context, digest), len(more) - len(data)


def training_data(
    prepared: Prepared, fold: int, fidelity: float, seed: int
) -> tuple[TrainingData, np.random.Generator]:
    """Gives the training rows of a fold and the generator for what follows.

    Args:
        prepared: The whole table.
        fold: Index of the fold that is scored.
        fidelity: Share of the training rows, drawn at random, in (0, 1].
        seed: Of the trial.
    """
    rng = np.random.default_rng([seed, fold])
    rows: NDArray[np.int64] = prepared.split.train_rows(fold)
    if fidelity < 1.0:
        n_rows = max(2, round(fidelity * len(rows)))
        rows = np.sort(rng.choice(rows, size=n_rows, replace=False))
    data = TrainingData(
        X=take(prepared.X, rows),
        y=prepared.y[rows],
        n_classes=prepared.n_classes,
        names=tuple(prepared.classes),
    )
    return data, rng


def _score_fault(metrics: list[Metric], scores: list[float]) -> str:
    for metric, value in zip(metrics, scores, strict=True):
        if not math.isfinite(value):
            return f"metric {metric.name} is {value} on these rows"
    return ""


def _reading_fault(
    kind: type[Model], folder: Path, sample: pd.DataFrame, predictions: NDArray[Any]
) -> str:
    """Says in what a saved model differs once it is loaded: it could not be delivered."""
    # A load that raises ends the trial with what it says.
    loaded = kind.load(folder).predict(sample)
    if np.allclose(loaded, predictions[: len(sample)], rtol=1e-3, atol=1e-5):
        return ""
    return "a saved model must predict the same once it is loaded"


def _write(model: Model, folder: Path, factory: str) -> str:
    """Saves a model and gives the string by which its class is found again."""
    shutil.rmtree(folder, ignore_errors=True)
    with writing(folder):
        folder.mkdir(parents=True)
        model.save(folder)
    return class_reference(model, factory)


LATENCY_CALLS = 30
LATENCY_WARMUP = 5


def measure_folder(payload: Mapping[str, Any], deadline: float) -> dict[str, Any]:
    """Measures a model folder as its user will meet it; runs in a worker.

    Args:
        payload: ``folder``, ``prepared`` (its rows are predicted one by one), ``packages``.
        deadline: Moment of `time.monotonic`; fewer calls are made when it nears.

    Returns:
        ``latency_ms`` (median of single rows, after warm-up), ``calls``, ``n_threads``.
    """
    predictor = load_model(payload["folder"], packages=frozenset(payload["packages"]))
    prepared = open_prepared(Path(payload["prepared"]))
    rows = prepared.split.valid_rows(0)
    seconds: list[float] = []
    for call in range(LATENCY_WARMUP + LATENCY_CALLS):
        frame = take(prepared.X, rows[[call % len(rows)]])
        started = time.perf_counter()
        predictor.predict(frame)
        seconds.append(time.perf_counter() - started)
        if time.monotonic() > deadline - 1.0:
            break
    kept = seconds[LATENCY_WARMUP:] or seconds
    return {"latency_ms": 1000 * statistics.median(kept), "calls": len(kept), "n_threads": 1}


def score_folder(payload: Mapping[str, Any], deadline: float) -> dict[str, Any]:
    """Scores a model folder on the untouched test part; runs in a worker.

    Args:
        payload: ``folder``, ``prepared``, ``metrics``, ``packages``, ``example`` (a CSV file that
            takes a few rows, for whoever wants to see what goes in; not written of images),
            ``predictions`` (an npy file that takes those of the test part, for the report).
        deadline: Not used: the last step of a search is worth finishing.

    Returns:
        ``scores`` by metric name; {} when there is no test part. NaN where a metric is undefined
        on these rows.
    """
    prepared = open_prepared(Path(payload["prepared"]))
    example = take(prepared.X, prepared.split.development_rows()[:EXAMPLE_ROWS])
    if isinstance(example, pd.DataFrame):
        example.to_csv(payload["example"], index=False)
    rows = prepared.split.test_rows()
    if not len(rows):
        return {"scores": {}}
    predictions = _deliverable(payload).average(take(prepared.X, rows))
    _keep_for_the_report(Path(payload["predictions"]), predictions)
    metrics = [Metric.from_json(metric) for metric in payload["metrics"]]
    return {
        "scores": {metric.name: score(metric, prepared.y[rows], predictions) for metric in metrics}
    }


def _keep_for_the_report(file: Path, predictions: NDArray[Any]) -> None:
    """Saves the report a second prediction; a full disk costs that, not the score."""
    try:
        np.save(file, predictions.astype(np.float32))
    except OSError:
        file.unlink(missing_ok=True)


def _deliverable(payload: Mapping[str, Any]) -> Any:
    """Gives what was delivered: the file of a target, or the model folder."""
    file = Path(payload["folder"]) / "model.onnx"
    if not file.is_file():
        return load_model(payload["folder"], packages=frozenset(payload["packages"]))
    from autometa.onnxgraph.feeds import OnnxFile

    return OnnxFile(file)
