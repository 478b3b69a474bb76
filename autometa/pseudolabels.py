"""Labels for rows without a target, guessed from the training rows of one fold alone.

Both ways give training rows with more rows behind them; whatever learner is fitted on these gives
an ordinary model.

* Self-training: a model labels the rows of which it is sure enough, and is fitted again with
  them, for some rounds. All rows are judged anew in every round, so that an early mistake can be
  mended (Yarowsky, "Unsupervised Word Sense Disambiguation Rivaling Supervised Methods", 1995,
  step 3d; scikit-learn's `SelfTrainingClassifier` never takes a label back).
* Label spreading (Zhou et al., "Learning with Local and Global Consistency", 2004): labels spread
  over the graph of nearest neighbours. Deviation: the graph is of k nearest neighbours, as
  scikit-learn's `LabelSpreading` has it, not of a Gaussian kernel over all pairs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from autometa.encoding import TabularEncoder
from autometa.errors import NotApplicable
from autometa.images import Rows, stacked
from autometa.labelling import SELF_TRAINING
from autometa.learner import FitContext, TrainingData
from autometa.making import fit
from autometa.model import Model

Fit = Callable[[TrainingData, FitContext], Model]
Labels = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
"""Positions of rows, rising, and their class indices."""

_TOLERANCE = 1e-4
_MOST_STEPS = 2000  # at alpha = 0.99 a change shrinks to 1e-4 in 917 steps


def add_pseudo_labels(
    payload: Mapping[str, Any], data: TrainingData, X: Rows, context: FitContext
) -> TrainingData:
    """Gives the training rows, and behind them those rows of X that got a label.

    Args:
        payload: ``labelling`` (``way`` and ``config``), and what `autometa.making.fit` takes.
        data: (n,) training rows with class indices.
        X: (m, d) rows without a target, in the columns of `data`; m may be 0.
        context: Of the whole trial; self-training leaves the last fit its share of the time.

    Raises:
        NotApplicable: If there are rows, and none of them gets a label.
    """
    if not len(X):
        return data
    labelling = payload["labelling"]
    if labelling["way"] == SELF_TRAINING:
        found = self_training(
            data, X, labelling["config"], fit=lambda d, c: fit(payload, d, c), context=context
        )
    else:
        found = label_spreading(data, X, labelling["config"], context)
    return with_labels(data, X, found)


def with_labels(data: TrainingData, X: Rows, labels: Labels) -> TrainingData:
    """Gives the training rows with labelled rows of X behind them."""
    rows, classes = labels
    chosen = X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]
    return replace(data, X=stacked(data.X, chosen), y=np.concatenate([data.y, classes]))


def self_training(
    data: TrainingData,
    X: Rows,
    config: Mapping[str, Any],
    *,
    fit: Fit,
    context: FitContext,
) -> Labels:
    """Labels the rows of which models are sure.

    Args:
        data: (n,) training rows with class indices.
        X: (m, d) rows without a target, m >= 1.
        config: ``threshold`` (probability in [0.5, 1] that a label needs) and ``rounds`` (>= 1,
            of fitting and labelling; ends earlier when nothing changes).
        fit: Fits a model that gives (n, n_classes) probabilities.
        context: Of the whole trial.

    Raises:
        NotApplicable: If no row is predicted with so high a probability.
    """
    threshold, n_rounds = float(config["threshold"]), int(config["rounds"])
    labels: Labels | None = None
    for done in range(n_rounds):
        known = data if labels is None else with_labels(data, X, labels)
        model = fit(known, _share(context, 1.0 / (n_rounds - done + 1)))
        probabilities = np.asarray(model.predict(X))  # (m, n_classes)
        sure = np.flatnonzero(probabilities.max(axis=1) >= threshold)
        if not len(sure):
            raise NotApplicable(
                f"no row without a target is predicted with a probability of {threshold:.3g}"
            )
        found = sure, probabilities[sure].argmax(axis=1).astype(np.int64)
        if labels is not None and all(map(np.array_equal, found, labels)):
            break
        labels = found
    assert labels is not None
    return labels


def _share(context: FitContext, share: float) -> FitContext:
    """Gives a share of the time that is left."""
    if context.deadline == float("inf"):
        return context
    return replace(context, deadline=time.monotonic() + share * context.remaining())


def label_spreading(
    data: TrainingData, X: Rows, config: Mapping[str, Any], context: FitContext
) -> Labels:
    """Labels the rows that training rows reach over their nearest neighbours.

    Args:
        data: (n,) training rows with class indices.
        X: (m, d) rows without a target, m >= 1.
        config: ``neighbours`` (k >= 1), ``alpha`` (in (0, 1): how much of a row's score comes
            from its neighbours) and ``share`` (in (0, 1]: of the rows that are reached, the
            surest ones get a label).
        context: Its generator and threads are used.

    Raises:
        NotApplicable: If the rows are no table, or none is reached.
    """
    if not (isinstance(X, pd.DataFrame) and isinstance(data.X, pd.DataFrame)):
        raise NotApplicable("labels spread between the rows of a table")
    whole = pd.concat([data.X, X], ignore_index=True)
    points = TabularEncoder(scale="squash").fit_transform(whole, rng=context.rng)[1]  # (n + m, w)
    graph = neighbour_graph(points, int(config["neighbours"]), context.n_threads)
    seeds = np.zeros((len(whole), int(data.n_classes or 0)))  # (n + m, n_classes)
    seeds[np.arange(len(data.y)), data.y] = 1.0
    scores = spread(graph, seeds, float(config["alpha"]))[len(data.y) :]  # (m, n_classes)
    reached = np.flatnonzero(scores.sum(axis=1) > 0)
    if not len(reached):
        raise NotApplicable("no row without a target is near one that has it")
    certainty = scores[reached].max(axis=1) / scores[reached].sum(axis=1)
    n_kept = max(1, round(float(config["share"]) * len(reached)))
    rows = np.sort(reached[np.argsort(-certainty, kind="stable")[:n_kept]])
    return rows, scores[rows].argmax(axis=1).astype(np.int64)


def neighbour_graph(points: np.ndarray[Any, Any], k: int, n_threads: int = 1) -> Any:
    """Gives D^-1/2 W D^-1/2, (n, n) sparse: W is 1 where one row is near the other.

    Args:
        points: (n, w) numbers.
        k: Nearest neighbours of each row, itself not among them; at most n - 1 are there.
        n_threads: That look for them.
    """
    from scipy.sparse import diags
    from sklearn.neighbors import kneighbors_graph

    near = kneighbors_graph(points, min(k, len(points) - 1), n_jobs=n_threads)
    weights = near.maximum(near.T)  # (n, n)
    scale = diags(1.0 / np.sqrt(np.asarray(weights.sum(axis=1)).ravel()))
    return (scale @ weights @ scale).tocsr()


def spread(graph: Any, seeds: np.ndarray[Any, Any], alpha: float) -> np.ndarray[Any, Any]:
    """Gives (n, k) scores F = (1 - alpha) (I - alpha S)^-1 Y, by F <- alpha S F + (1 - alpha) Y.

    Args:
        graph: S, (n, n) sparse and symmetric, with eigenvalues in [-1, 1].
        seeds: Y, (n, k): 1 where the class of a row is known.
        alpha: In (0, 1).

    Source: Zhou et al. 2004, section 2, step 3 and equation 3.
    """
    scores = seeds
    for _ in range(_MOST_STEPS):
        new = alpha * (graph @ scores) + (1.0 - alpha) * seeds
        change = float(np.abs(new - scores).max())
        scores = new
        if change < _TOLERANCE * (1.0 - alpha):
            break
    return scores
