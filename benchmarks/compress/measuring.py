"""What is measured of trials: hypervolume, files, latency, losses on the test part."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

CALLS, WARMUP = 300, 30
MOST_KIB, LEAST_MS, MOST_MS = 1e5, 0.1, 1e3
"""Corners of the hypervolume; that of the loss is a constant prediction's. Fixed beforehand."""


class Measured:
    """A complete trial and its files.

    Args:
        trial: JSON of its result.
        study: Folder of its study.
    """

    def __init__(self, trial: Mapping[str, Any], study: Path) -> None:
        self.params: Mapping[str, Any] = trial["params"]
        self.values: tuple[float, ...] = tuple(trial["values"])
        self.study = study
        self.folder = study / "trials" / str(trial["number"])

    @property
    def chain(self) -> list[str]:
        """The compressors."""
        from autometa.chains import chain

        return chain(self.params)

    @property
    def title(self) -> str:
        """Learner and compressors."""
        return " > ".join([str(self.params["learner"]), *self.chain])

    @property
    def has_files(self) -> bool:
        """Whether its model is still there."""
        return (self.folder / "models.json").is_file()

    @cached_property
    def prepared(self) -> Any:
        """The data of its study."""
        from autometa.prepared import open_prepared

        return open_prepared(self.study / "data")

    def model(self) -> Any:
        """Loads its first model."""
        from autometa.resolve import resolve

        kind = json.loads((self.folder / "models.json").read_text(encoding="utf-8"))[0]
        return resolve(kind).load(self.folder / "model-0")


def constant_loss(prepared: Any) -> float:
    """Gives the error of the commonest class, or the RMSE of the mean, on development rows."""
    y = prepared.y[prepared.split.development_rows()]
    if prepared.n_classes is None:
        return float(np.std(y))
    return float(1.0 - np.bincount(y).max() / len(y))


def hypervolume(found: Sequence[Measured]) -> float:
    """Gives the share of the box that trials dominate: loss, log size, log latency."""
    from optuna._hypervolume import compute_hypervolume

    reference = constant_loss(found[0].prepared)
    points = [
        [
            m.values[0] / reference,
            np.log10(max(m.values[1], 1.0)) / np.log10(MOST_KIB),
            np.log10(max(m.values[2], LEAST_MS) / LEAST_MS) / np.log10(MOST_MS / LEAST_MS),
        ]
        for m in found
    ]
    kept = [point for point in points if max(point) < 1.0]
    return float(compute_hypervolume(np.array(kept), np.ones(3))) if kept else 0.0


def measure(trial: Measured) -> dict[str, Any]:
    """Gives ``losses`` per test row, ``kib`` and ``us`` of its ONNX file; {} if it has none."""
    from autometa import NotApplicable

    prepared, model = trial.prepared, trial.model()
    rows = prepared.split.test_rows()
    X, y = prepared.X.iloc[rows], prepared.y[rows]
    answers = model.predict(X)
    losses = np.square(answers - y) if prepared.n_classes is None else (answers.argmax(axis=1) != y)
    with tempfile.TemporaryDirectory() as name:
        try:
            model.export("onnx", Path(name))
        except NotApplicable as declined:
            print(f"{trial.title}: {declined}")
            return {}
        return {"losses": losses.astype(float), **timed_file(Path(name) / "model.onnx", X)}


def timed_file(file: Path, X: Any) -> dict[str, float]:
    """Gives ``kib`` and the median ``us`` of single rows of an ONNX file, on one thread."""
    from autometa.onnxgraph.feeds import columns_of, feeds_of, open_session

    session = open_session(str(file))
    feeds = feeds_of(columns_of(session), X.iloc[:1])
    seconds = []
    for _ in range(WARMUP + CALLS):
        started = time.perf_counter()
        session.run(None, feeds)
        seconds.append(time.perf_counter() - started)
    us = 1e6 * statistics.median(seconds[WARMUP:])
    return {"kib": round(file.stat().st_size / 1024, 2), "us": round(us, 2)}


def upper_difference(before: Any, after: Any, *, n: int = 1000) -> float:
    """Gives the upper end of the 90 % paired bootstrap of the difference of mean losses.

    Args:
        before: (n_rows,) losses of the plain model.
        after: (n_rows,) losses of the chosen one.
        n: Resamples.
    """
    rng = np.random.default_rng(0)
    difference = after - before
    means = [float(rng.choice(difference, len(difference)).mean()) for _ in range(n)]
    return float(np.quantile(means, 0.95))
