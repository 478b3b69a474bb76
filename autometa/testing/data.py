"""Small tables that are made, never downloaded: the same ones in every process."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from autometa.images import Images, taken
from autometa.learner import TrainingData

KINDS = ("numeric", "mixed", "gaps", "text")
IMAGES = "images"
"""The kind whose rows are images; no learner takes all kinds."""

_SIDE = 12  # pixels of a made image
PROBLEMS = ("binary", "multiclass", "regression")
_WORDS = ("engine", "river", "window", "garden", "market", "silver", "winter", "letter")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows to fit and rows to predict, of one origin.

    Args:
        train: (n, d) rows.
        X: (m, d) further rows, or (m, h, w, c) images.
        y: (m,) their targets.
    """

    train: TrainingData
    X: Any
    y: np.ndarray[Any, Any]


def make_table(
    kind: str = "mixed", problem: str = "binary", *, n_rows: int = 200, seed: int = 0
) -> Table:
    """Makes a table whose target is easy to learn, with a little noise.

    Args:
        kind: ``numeric``: six float64 columns. ``mixed``: numbers, a boolean, two categories and
            a date. ``gaps``: the same with a quarter of the cells missing. ``text``: two numbers
            and a text column. ``images``: grey squares of 12 pixels, brighter at the top or at the
            bottom.
        problem: ``binary``, ``multiclass`` (four classes) or ``regression``.
        n_rows: Rows to fit, at least 20; half as many more to predict.
        seed: Of all that is random.

    Raises:
        ValueError: If kind or problem is unknown.
    """
    if kind not in (*KINDS, IMAGES) or problem not in PROBLEMS:
        raise ValueError(f"kind is one of {(*KINDS, IMAGES)}, problem one of {PROBLEMS}")
    rng = np.random.default_rng(seed)
    n_all = n_rows + n_rows // 2
    X: Any
    X, signal = _images(n_all, rng) if kind == IMAGES else _columns(kind, n_all, rng)
    y, n_classes = _target(problem, signal + 0.1 * rng.normal(size=n_all))
    if kind == "gaps":
        X = with_gaps(X, rng)
    names = () if n_classes is None else tuple(f"class {index}" for index in range(n_classes))
    first, rest = (taken(X, rows) for rows in np.split(np.arange(n_all), [n_rows]))
    return Table(TrainingData(first, y[:n_rows], n_classes, names=names), rest, y[n_rows:])


def _images(n: int, rng: np.random.Generator) -> tuple[Images, np.ndarray[Any, Any]]:
    signal = rng.normal(size=n)
    slope = np.linspace(-1.0, 1.0, _SIDE)[:, None, None]  # (h, 1, 1)
    noise = rng.normal(scale=10.0, size=(n, _SIDE, _SIDE, 1))
    bright = 128.0 + 40.0 * signal[:, None, None, None] * slope + noise  # (n, h, w, 1)
    return np.clip(bright, 0, 255).astype(np.uint8), signal


def _columns(
    kind: str, n: int, rng: np.random.Generator
) -> tuple[pd.DataFrame, np.ndarray[Any, Any]]:
    numbers = rng.normal(size=(n, 6)) * [1.0, 1.0, 10.0, 0.01, 1.0, 1.0] + [0, 5, 0, 0, 0, -3]
    frame = pd.DataFrame(numbers, columns=[f"number {index}" for index in range(6)])
    signal = numbers[:, 0] + 0.5 * (numbers[:, 1] - 5.0)
    if kind == "numeric":
        return frame, signal
    level = rng.integers(0, 3, n)
    if kind == "text":
        topic = np.array(_WORDS)[level + 3 * rng.integers(0, 2, n)]
        filler = np.array(_WORDS[6:])[rng.integers(0, 2, n)]
        texts = [f"the {a} and a {b}" for a, b in zip(topic, filler, strict=True)]
        text = pd.Series(pd.array(texts, dtype="string"), name="text")
        return pd.concat([frame.iloc[:, :2], text], axis=1), signal + level
    days = rng.integers(0, 2000, n)
    others = {
        "flag": pd.array(rng.random(n) < 0.5, dtype="boolean"),
        "level": pd.Categorical(np.array(["high", "low", "medium"])[level]),
        "many": pd.Categorical(rng.integers(0, 40, n).astype(str)),
        "date": pd.Timestamp("2020-01-01") + pd.to_timedelta(days, unit="D"),
    }
    return pd.concat([frame.iloc[:, :3], pd.DataFrame(others)], axis=1), signal + level


def _target(problem: str, signal: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], int | None]:
    if problem == "regression":
        return 100.0 + 10.0 * signal, None
    shares = (0.6,) if problem == "binary" else (0.4, 0.7, 0.9)
    return np.searchsorted(np.quantile(signal, shares), signal).astype(np.int64), len(shares) + 1


def with_gaps(X: pd.DataFrame, rng: np.random.Generator, *, share: float = 0.25) -> pd.DataFrame:
    """Gives a copy in which about `share` of the cells of every column are missing."""
    gaps = rng.random(X.shape) < share
    return pd.DataFrame({name: X[name].mask(gaps[:, i]) for i, name in enumerate(X.columns)})


def with_unseen(X: pd.DataFrame) -> pd.DataFrame:
    """Gives a copy as a bad day brings it: new levels, huge and missing numbers, empty texts."""
    return pd.DataFrame({name: _unseen(X[name]) for name in X.columns})


def _unseen(column: pd.Series[Any]) -> pd.Series[Any]:
    changed: pd.Series[Any] = column.copy()
    if str(column.dtype) == "category":
        levels = column.astype(object)
        levels.iloc[::2] = "never seen"
        levels.iloc[1] = None
        return levels.astype("category")
    if column.dtype == np.float64:
        changed.iloc[:5] = [np.nan, 1e300, -1e300, np.inf, -np.inf]
    elif str(column.dtype) == "string":
        changed.iloc[:3] = [None, "", "words that were never there"]
    else:
        changed.iloc[0] = None
    return changed


def without_class(data: TrainingData, index: int) -> TrainingData:
    """Gives the rows of all classes but one; `n_classes` stays."""
    rows = np.flatnonzero(data.y != index)
    return replace(data, X=data.X.iloc[rows], y=data.y[rows])  # type: ignore[union-attr]


def without_columns(table: Table, names: Collection[str]) -> Table:
    """Gives a table without these columns; those it has not are ignored."""
    kept = [name for name in table.X.columns if name not in names]
    train = replace(table.train, X=table.train.X[kept])
    return replace(table, train=train, X=table.X[kept])


def contradictory(data: TrainingData) -> tuple[TrainingData, np.ndarray[Any, Any]]:
    """Gives every row twice, with the lowest and with the highest target, and which is which.

    No learner can tell them apart, so that only weights decide between them.
    """
    assert isinstance(data.X, pd.DataFrame)
    is_high = np.arange(2 * len(data)) >= len(data)
    y = np.where(is_high, data.y.max(), data.y.min())
    X = pd.concat([data.X, data.X], ignore_index=True)
    return replace(data, X=X, y=y), is_high


def softened(data: TrainingData, *, sureness: float = 0.9) -> TrainingData:
    """Gives soft labels: `sureness` for the class, the rest spread evenly over the others."""
    if data.n_classes is None:
        raise ValueError("regression has no labels to soften")
    others = (1.0 - sureness) / (data.n_classes - 1)
    hard = np.eye(data.n_classes)[data.y]
    return replace(data, y=hard * (sureness - others) + others)
