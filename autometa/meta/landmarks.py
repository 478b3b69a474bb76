"""How well very simple models do on a small sample.

Source: Pfahringer, Bensusan, Giraud-Carrier, Meta-learning by landmarking, ICML 2000. Instead of
ten folds of all data, three folds of a few hundred rows; instead of an accuracy, the share of the
constant predictor's error that is gone, so that easy and hard tasks can be compared.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np

from autometa.meta.columns import AnyArray, FloatArray

N_FOLDS = 3
RIDGE_PENALTY = 1.0

Predictor: TypeAlias = Callable[[FloatArray, AnyArray, FloatArray], AnyArray]
"""Takes (n, d) and (n,) of training, (m, d) of testing, gives (m,) predictions."""


def landmarks(X: FloatArray, y: AnyArray, n_classes: int | None, seed: int) -> dict[str, float]:
    """Gives the score of each landmark.

    Args:
        X: (n, d) standardised, without NaN.
        y: (n,) class indices from 0, or standardised values.
        n_classes: None for regression.
        seed: For the folds and the trees.

    Returns:
        Scores in [-1, 1] by name; 0 where there is nothing to learn from: fewer than two rows
        per fold, no column, or a constant target.
    """
    is_regression = n_classes is None
    binary = (y > np.median(y)).astype(np.int64) if is_regression and len(y) else y
    tasks: dict[str, tuple[Predictor, AnyArray, bool]] = {
        "nearest_neighbour": (_nearest, y, is_regression),
        "decision_stump": (_tree(1, is_regression, seed), y, is_regression),
        "shallow_tree": (_tree(4, is_regression, seed), y, is_regression),
        "deep_tree": (_tree(10, is_regression, seed), y, is_regression),
        "naive_bayes": (_naive_bayes, binary, False),
        "linear": (_ridge if is_regression else _ridge_classes, y, is_regression),
    }
    folds = list(_folds(len(y), seed)) if X.shape[1] else []
    return {name: _score(X, *task, folds) for name, task in tasks.items()}


def _folds(n: int, seed: int) -> Iterator[tuple[AnyArray, AnyArray]]:
    if n < 2 * N_FOLDS:
        return
    part = np.random.default_rng(seed).permutation(n) % N_FOLDS
    for fold in range(N_FOLDS):
        yield np.flatnonzero(part != fold), np.flatnonzero(part == fold)


def _score(
    X: FloatArray,
    predict: Predictor,
    y: AnyArray,
    is_regression: bool,
    folds: list[tuple[AnyArray, AnyArray]],
) -> float:
    """Gives 1 - error / error of the constant predictor, over all folds together."""
    error = reference = 0.0
    for train, test in folds:
        if is_regression:
            predicted, constant = predict(X[train], y[train], X[test]), y[train].mean()
            error += float(((predicted - y[test]) ** 2).sum())
            reference += float(((constant - y[test]) ** 2).sum())
        else:
            constant = np.bincount(y[train]).argmax()
            reference += float((y[test] != constant).sum())
            if (y[train] != y[train][0]).any():
                error += float((predict(X[train], y[train], X[test]) != y[test]).sum())
            else:
                error += float((y[test] != constant).sum())
    return float(np.clip(1.0 - error / reference, -1.0, 1.0)) if reference > 0 else 0.0


def _nearest(X: FloatArray, y: AnyArray, new: FloatArray) -> AnyArray:
    squares = (X**2).sum(axis=1) - 2.0 * new @ X.T  # (m, n) up to a constant per row
    found: AnyArray = y[squares.argmin(axis=1)]
    return found


def _ridge(X: FloatArray, y: AnyArray, new: FloatArray) -> AnyArray:
    centre, mean = X.mean(axis=0), y.mean(axis=0)
    gram = (X - centre).T @ (X - centre) + RIDGE_PENALTY * np.eye(X.shape[1])  # (d, d)
    weights = np.linalg.solve(gram, (X - centre).T @ (y - mean))  # (d,) or (d, k)
    predicted: AnyArray = (new - centre) @ weights + mean
    return predicted


def _ridge_classes(X: FloatArray, y: AnyArray, new: FloatArray) -> AnyArray:
    classes, codes = np.unique(y, return_inverse=True)
    found: AnyArray = classes[_ridge(X, np.eye(len(classes))[codes], new).argmax(axis=1)]
    return found


def _naive_bayes(X: FloatArray, y: AnyArray, new: FloatArray) -> AnyArray:
    classes, codes = np.unique(y, return_inverse=True)
    member = np.eye(len(classes))[codes]  # (n, k)
    counts = member.sum(axis=0)[:, None]  # (k, 1)
    mean = member.T @ X / counts  # (k, d)
    # The variance of all rows, 1, at a weight of one row keeps a class of one row finite.
    spread = (member.T @ X**2 - counts * mean**2 + 1.0) / (counts + 1.0)
    spread = np.maximum(spread, 1e-6)
    squares = new**2 @ (1 / spread).T - 2 * new @ (mean / spread).T + (mean**2 / spread).sum(axis=1)
    scores = np.log(counts[:, 0]) - 0.5 * (np.log(spread).sum(axis=1) + squares)  # (m, k)
    found: AnyArray = classes[scores.argmax(axis=1)]
    return found


def _tree(depth: int, is_regression: bool, seed: int) -> Predictor:
    def predict(X: FloatArray, y: AnyArray, new: FloatArray) -> AnyArray:
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        kind = DecisionTreeRegressor if is_regression else DecisionTreeClassifier
        tree = kind(max_depth=depth, min_samples_leaf=2, random_state=seed)
        with warnings.catch_warnings():
            # Many classes in a small sample look like a regression; they are none.
            warnings.simplefilter("ignore", UserWarning)
            predicted: AnyArray = tree.fit(X, y).predict(new)
        return predicted

    return predict
