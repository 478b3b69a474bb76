"""Which learners an ensemble of all defaults takes: what each is worth beside the others.

    python benchmarks/chosen.py --data FOLDER

Three-fold predictions of every learner's default on 600 rows of twelve dev tables, then the greedy
choice of `autometa.select` over them; prints loss, CPU seconds of a fit, and the weights.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from common import DATA, Results

from autometa import FitContext, NotApplicable, TrainingData
from autometa.dataset import Dataset
from autometa.measure import METRICS, score
from autometa.plugins import load_plugins
from autometa.resolve import resolve
from autometa.select.evidence import Evidence
from autometa.select.pools import greedy

TABLES = [
    "haberman",
    "credit_g",
    "heart_cleveland",
    "ionosphere",
    "vehicle_silhouettes",
    "vowel",
    "ecoli",
    "auto_mpg",
    "sk_diabetes",
    "hitters_salary",
    "pima_diabetes",
    "abalone",
]
N_ROWS, N_FOLDS = 600, 3


def read(data: Path, row: dict[str, str]) -> tuple[pd.DataFrame, np.ndarray[Any, Any], int]:
    """Gives typed columns, target and number of classes (0 for values)."""
    frame = pd.read_parquet(data / f"{row['name']}.parquet").sample(frac=1, random_state=0)
    frame = frame.head(N_ROWS)
    target = frame.pop(row["target"])
    X = Dataset.from_frame(frame).frame
    if row["task"] == "regression":
        return X, target.to_numpy(float), 0
    codes = pd.Categorical(target).codes.astype(np.int64)
    return X, codes, int(codes.max()) + 1


def held_out(spec: Any, X: pd.DataFrame, y: Any, k: int, folds: Any) -> tuple[Any, float]:
    """Gives out-of-fold predictions and the CPU seconds of a fit with its predictions."""
    predictions, started = np.zeros((len(y), k) if k else len(y)), time.process_time()
    for fold in range(N_FOLDS):
        train, valid = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        data = TrainingData(X.iloc[train], y[train], k or None)
        model = resolve(spec.factory)({}).fit(data, FitContext(np.random.default_rng(0)))
        predictions[valid] = model.predict(X.iloc[valid])
    return predictions, (time.process_time() - started) / N_FOLDS


def measure(data: Path, row: dict[str, str]) -> str:
    X, y, k = read(data, row)
    folds = np.sort(np.arange(len(y)) % N_FOLDS)
    metric = METRICS["log_loss" if k else "rmse"]
    problem = "classification" if k else "regression"
    registry, found, lines = load_plugins(), {}, []
    for name in registry.default_learners():
        spec = registry.learner(name).spec
        if problem not in spec.problems:
            continue
        try:
            found[name], seconds = held_out(spec, X, y, k, folds)
        except NotApplicable:
            continue
        lines.append(f"{name} {score(metric, y, found[name]):.4g} ({seconds:.2f} s)")
    shares = np.bincount(y, minlength=k) / len(y) if k else y.mean()
    constant = np.broadcast_to(shares, next(iter(found.values())).shape)
    names = [*found, "constant"]
    evidence = Evidence(metric, np.stack([*found.values(), constant]), y, folds)
    taken = zip(names, greedy(evidence).weights, strict=True)
    weights = ", ".join(f"{name} {weight:.2f}" for name, weight in taken if weight)
    return f"{row['name']}: {', '.join(lines)}\n  takes {weights}"


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, default=DATA, help="folder of tables with index.csv")
    folder = options.parse_args().data
    rows = {row["name"]: row for row in Results(folder / "index.csv").rows}
    for table in TABLES:
        print(measure(folder, rows[table]), flush=True)
