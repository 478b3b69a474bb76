"""What a model knows, as rows to learn from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from autometa import CompressContext, Model, TrainingData

Array = np.ndarray[Any, Any]

_FLOOR = 1e-4  # of a probability: its logit stays within 9.3
_SWAPPED = 0.25  # share of the values of an invented row that come from other rows


def taught(
    model: Model, context: CompressContext, *, temperature: float, extra: float, hard: float = 0.0
) -> TrainingData:
    """Gives rows with the model's own answers.

    Besides the rows the model was fitted on there are invented ones, in which a quarter of the
    values come from other rows: there the model has not seen the answers, and a student learns
    what it does between the rows.

    Source: Bucila, Caruana & Niculescu-Mizil 2006, "Model compression" (invented rows; there the
    values come from near rows); Hinton, Vinyals & Dean 2015 (temperature).

    Args:
        model: The teacher.
        context: Its rows and the generator.
        temperature: By which logits are divided, > 0; 1 = as the model says.
        extra: Invented rows per row, >= 0.
        hard: Share of the true label in the answer for a fitted row, in [0, 1].
    """
    data, rng = context.data, context.fit.rng
    X: Any = data.X
    y = softened(np.asarray(model.predict(X)), data.n_classes, temperature)
    if hard > 0.0:
        y = (1.0 - hard) * y + hard * _targets(data)
    n_extra = round(extra * len(data))
    if n_extra:
        invented = invented_rows(X, n_extra, rng)
        answers = softened(np.asarray(model.predict(invented)), data.n_classes, temperature)
        y = np.concatenate([y, answers])
        joined = (
            pd.concat([X, invented], ignore_index=True)
            if isinstance(X, pd.DataFrame)
            else np.concatenate([X, invented])
        )
        return TrainingData(X=joined, y=y, n_classes=data.n_classes, names=data.names)
    return TrainingData(
        X=X, y=y, n_classes=data.n_classes, sample_weight=data.sample_weight, names=data.names
    )


def softened(answers: Array, n_classes: int | None, temperature: float) -> Array:
    """Gives probabilities of a temperature; values stay."""
    if n_classes is None:
        return answers.astype(np.float64)
    logits = np.log(np.clip(answers.astype(np.float64), _FLOOR, 1.0)) / temperature
    shares: Array = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def _targets(data: TrainingData) -> Array:
    if data.n_classes is None or data.y.ndim == 2:
        return data.y
    hot: Array = np.eye(data.n_classes)[data.y]
    return hot


def invented_rows(X: Any, n: int, rng: np.random.Generator) -> Any:
    """Gives n rows of which a part of the values come from other rows.

    Args:
        X: (m, d) DataFrame, whose columns are mixed; or (m, h, w, c) images, each of which is moved
            by up to a fourteenth of its side, its edge repeated.
        n: How many.
        rng: Draws.
    """
    rows = rng.integers(len(X), size=n)
    if not isinstance(X, pd.DataFrame):
        return _moved(X[rows], rng)
    columns = {}
    for position, name in enumerate(X.columns):
        is_swapped = rng.random(n) < _SWAPPED
        source = np.where(is_swapped, rng.integers(len(X), size=n), rows)
        columns[name] = X.iloc[:, position].take(source).reset_index(drop=True)
    return pd.DataFrame(columns)


def _moved(images: Array, rng: np.random.Generator) -> Array:
    """Moves each image a little; (n, h, w, c) in and out."""
    n, height, width = images.shape[:3]
    most = max(1, min(height, width) // 14)
    wide = np.pad(images, [(0, 0), (most, most), (most, most), (0, 0)], mode="edge")
    down, right = rng.integers(0, 2 * most + 1, size=(2, n))
    moved = np.empty_like(images)
    for y, x in np.unique(np.column_stack([down, right]), axis=0):
        own = (down == y) & (right == x)
        moved[own] = wide[own, y : y + height, x : x + width]
    return moved
