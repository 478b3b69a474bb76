"""Predictions of rows that the model did not see, and what follows from them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from autometa.images import take
from autometa.measure import Metric, score
from autometa.modelfolder import Predictor, load_model
from autometa.prepared import Prepared, open_prepared
from autometa.report.material import Material

Array = np.ndarray[Any, Any]

MOST_ROWS = 5000
PERMUTED_ROWS = 300
MOST_REPEATS = 5
_BLOCK_CELLS = 400_000


@dataclass(frozen=True, slots=True)
class Evidence:
    """Predictions of unseen rows.

    Args:
        prepared: The data.
        rows: (n,) positions.
        y: (n,) class indices or values.
        predictions: (n, k) probabilities or (n,) values.
        predictor: What gave them, for the test part; None when they are out-of-fold predictions
            of the best trial.
    """

    prepared: Prepared
    rows: Array
    y: Array
    predictions: Array
    predictor: Predictor | None

    @property
    def source(self) -> str:
        """From where the rows are."""
        n = len(self.rows)
        if self.predictor is not None:
            return f"{n:,} rows of the test part, which the search never saw"
        return f"{n:,} validation rows, predicted by the best trial's models that were not fitted"

    @property
    def is_classification(self) -> bool:
        """Whether predictions are probabilities."""
        return self.prepared.n_classes is not None


def gather(material: Material) -> Evidence | None:
    """Gives the predictions that the report is about; None when data or model is not there.

    Raises:
        AutometaError: If data or model cannot be read.
    """
    if material.prepared is None or material.model is None:
        return None
    prepared = open_prepared(material.prepared)
    tested = prepared.split.test_rows()
    kept = _some(len(tested))
    if not len(kept):
        return _out_of_fold(material, prepared)
    rows = tested[kept]
    predictor = load_model(material.model, packages=material.packages)
    if material.predictions is None:
        predictions = predictor.average(take(prepared.X, rows))
    else:
        predictions = np.load(material.predictions)[kept].astype(np.float64)
    return Evidence(prepared, rows, prepared.y[rows], predictions, predictor)


def _some(n_rows: int, most: int = MOST_ROWS) -> Array:
    """Gives at most so many positions, rising, drawn at random when there are more."""
    if n_rows <= most:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(0).choice(n_rows, most, replace=False))


def _out_of_fold(material: Material, prepared: Prepared) -> Evidence | None:
    if material.best is None:
        return None
    folder = material.trials / str(material.best.result.number)
    folds = range(prepared.split.n_folds)
    files = [folder / f"predictions-{fold}.npy" for fold in folds]
    if not all(file.is_file() for file in files):
        return None
    rows = np.concatenate([prepared.split.valid_rows(fold) for fold in folds])
    predictions = np.concatenate([np.load(file) for file in files]).astype(np.float64)
    return Evidence(prepared, rows, prepared.y[rows], predictions, None)


@dataclass(frozen=True, slots=True)
class Permuted:
    """Permutation importances.

    Args:
        names: Of the columns that were permuted, the most important first.
        means: By how much the metric gets worse, its own units, same order.
        spreads: Standard deviations over repeats, same order.
        n_rows: How many rows were predicted.
        n_repeats: How often each column was permuted.
        n_left_out: Columns for which there was no time.
    """

    names: Sequence[str]
    means: Sequence[float]
    spreads: Sequence[float]
    n_rows: int
    n_repeats: int
    n_left_out: int


def permutation(evidence: Evidence, metric: Metric, until: float) -> Permuted | None:
    """Gives by how much a metric gets worse when one column's values are mixed up.

    Source: Breiman, "Random Forests", 2001, section 10; on unseen rows, since training rows
    would reward what a model merely remembers.

    Args:
        evidence: Of the test part.
        metric: Scored on predictions.
        until: Moment of `time.monotonic` up to which it may take, as far as the first column tells
            how long the others will take.

    Returns:
        None without a test part, for images, or when there was no time at all.
    """
    # Not the first ones: a table may be sorted by its target, and they are all of one class then.
    picked = _some(len(evidence.rows), PERMUTED_ROWS)
    n = len(picked)
    X = take(evidence.prepared.X, evidence.rows[picked])
    if evidence.predictor is None or not isinstance(X, pd.DataFrame):
        return None
    y = evidence.y[picked]
    base = metric.loss(score(metric, y, evidence.predictions[picked]))
    most = max(1, _BLOCK_CELLS // max(1, n * X.shape[1]))
    rng = np.random.default_rng(0)
    worse: list[list[float]] = [[] for _ in X.columns]
    for block in _blocks(X.shape[1], most, until):
        for column, p in zip(block, _permuted(evidence.predictor, X, block, rng), strict=True):
            worse[column].append(metric.loss(score(metric, y, p)) - base)
    return _ranked([str(name) for name in X.columns], worse, n)


def _blocks(n_columns: int, most: int, until: float) -> Iterator[range]:
    """Gives runs of columns to permute together, `MOST_REPEATS` times over, as time allows.

    A call for many columns costs less than one for each. The first is of one column; how long the
    last one took tells how many can follow.
    """
    size = 1
    for _ in range(MOST_REPEATS):
        column = 0
        while column < n_columns:
            started = time.monotonic()
            if size < 1 or started > until:
                return
            block = range(column, min(column + size, n_columns))
            yield block
            column = block.stop
            now = time.monotonic()
            size = min(most, int((until - now) * len(block) / max(now - started, 1e-6)))


def _permuted(
    predictor: Predictor, X: pd.DataFrame, block: range, rng: np.random.Generator
) -> Sequence[Array]:
    """Predicts, for each column of a block, all rows with that column permuted: one call."""
    n = len(X)
    same = np.tile(np.arange(n), len(block))
    columns = {}
    for position, name in enumerate(X.columns):
        order = same
        if position in block:
            order = same.copy()
            place = block.index(position) * n
            order[place : place + n] = rng.permutation(n)
        columns[name] = X.iloc[:, position].array.take(order)
    predictions = predictor.average(pd.DataFrame(columns))
    return [predictions[i * n : (i + 1) * n] for i in range(len(block))]


def _ranked(names: Sequence[str], worse: Sequence[Sequence[float]], n: int) -> Permuted | None:
    known = [i for i, values in enumerate(worse) if values]
    if not known:
        return None
    means = {i: float(np.mean(worse[i])) for i in known}
    order = sorted(known, key=lambda i: -means[i])
    return Permuted(
        names=[names[i] for i in order],
        means=[means[i] for i in order],
        spreads=[float(np.std(worse[i])) for i in order],
        n_rows=n,
        n_repeats=min(len(worse[i]) for i in known),
        n_left_out=len(names) - len(known),
    )
