"""A weighted average of good trials, chosen greedily on out-of-fold predictions.

Source: Caruana et al., "Ensemble Selection from Libraries of Models", ICML 2004, section 2:
forward selection with replacement. Deviations: it starts from the single best trial; every
candidate ensemble is scored as the trials are (mean over folds); the weights are delivered only
when the same procedure, fitted without a fold and scored on it, beats picking the single best
trial, scored the same way. Greedy selection on few rows otherwise rewards luck.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autometa.measure import Metric, score
from autometa.prepare import open_prepared

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Loss = Callable[[Array, Array], float]

MAX_ROUNDS = 30
PSEUDO_FOLDS = 3


def select_ensemble(payload: Mapping[str, Any], deadline: float) -> dict[str, Any]:
    """Chooses weights; runs in a worker.

    Args:
        payload: ``prepared`` (folder), ``metrics`` (`Metric.to_json`, the first is optimised),
            ``candidates`` (best first: list of ``number`` and ``predictions``, one file per
            fold), ``seconds`` (after which the ensemble found so far is given).
        deadline: Moment of `time.monotonic`.

    Returns:
        ``weights`` ([number, weight] pairs, sum 1), ``values`` (of the ensemble on the selecting
        rows, by metric), ``single`` (first metric of the best candidate), ``honest`` (of the
        cross-fitted ensemble, or null when there was no time).
    """
    prepared = open_prepared(Path(payload["prepared"]))
    metrics = [Metric.from_json(metric) for metric in payload["metrics"]]
    metric = metrics[0]
    numbers = [int(candidate["number"]) for candidate in payload["candidates"]]
    stacked = [_stack(candidate["predictions"]) for candidate in payload["candidates"]]
    predictions = np.stack(stacked)  # (c, n) or (c, n, k)
    rows = [prepared.split.valid_rows(fold) for fold in range(prepared.split.n_folds)]
    y = prepared.y[np.concatenate(rows)]  # (n,)
    folds = _folds([len(r) for r in rows])  # (n,)
    limit = min(deadline, time.monotonic() + float(payload["seconds"]))
    weights, _, honest = choose(metric, predictions, y, folds, deadline=limit)
    mixed = _mix(weights, predictions)
    single = _mean_loss(metric, predictions[0], y, folds)
    return {
        "weights": [
            [number, float(w)] for number, w in zip(numbers, weights, strict=True) if w > 0
        ],
        "values": {m.name: m.loss(_mean_loss(m, mixed, y, folds)) for m in metrics},
        "single": metric.loss(single),
        "honest": None if math.isnan(honest) else metric.loss(honest),
    }


def choose(
    metric: Metric,
    predictions: Array,
    y: Array,
    folds: Array,
    *,
    deadline: float = math.inf,
) -> tuple[Array, float, float]:
    """Chooses weights for candidates.

    Args:
        metric: What is optimised.
        predictions: (c, n) values or (c, n, k) probabilities, best candidate first.
        y: (n,) truth.
        folds: (n,) fold of each row; the score is the mean over folds.
        deadline: Moment of `time.monotonic`.

    Returns:
        (c,) weights that sum to 1; their loss; the loss of the cross-fitted weights (NaN if
        unknown). The first candidate alone when the ensemble does not hold up.
    """
    alone = np.eye(len(predictions))[0]  # (c,)
    single = _mean_loss(metric, predictions[0], y, folds)
    weights = _greedy(metric, predictions, y, folds, deadline)
    value = _mean_loss(metric, _mix(weights, predictions), y, folds)
    if not value < single:
        return alone, single, math.nan
    honest, reference = _cross_fitted(metric, predictions, y, folds, deadline)
    if math.isnan(honest) or honest >= reference:
        return alone, single, honest
    return weights, value, honest


def _greedy(metric: Metric, predictions: Array, y: Array, folds: Array, deadline: float) -> Array:
    """Adds the candidate that helps most, with replacement, as long as something helps."""
    counts = np.zeros(len(predictions))
    counts[0] = 1
    total = predictions[0].astype(np.float64)  # sum of the chosen, (n,) or (n, k)
    best = _mean_loss(metric, total, y, folds)
    for size in range(2, MAX_ROUNDS + 1):
        losses = []
        for candidate in predictions:
            if time.monotonic() > deadline:
                return np.asarray(counts / counts.sum())
            losses.append(_mean_loss(metric, (total + candidate) / size, y, folds))
        chosen = int(np.argmin(losses))
        if not losses[chosen] < best:
            break
        best = losses[chosen]
        counts[chosen] += 1
        total += predictions[chosen]
    return np.asarray(counts / counts.sum())


def _cross_fitted(
    metric: Metric, predictions: Array, y: Array, folds: Array, deadline: float
) -> tuple[float, float]:
    """Scores each fold with weights chosen on the others, and the candidate that was best there.

    Both are chosen without the rows that score them: the best candidate's own score is flattered
    by having been the best of many. A single fold is split into pseudo-folds. NaN when time runs
    out.
    """
    held = folds if folds.max() > 0 else np.arange(len(y)) % PSEUDO_FOLDS
    losses, reference = [], []
    for fold in np.unique(held):
        kept, scored = held != fold, held == fold
        weights = _greedy(metric, predictions[:, kept], y[kept], folds[kept], deadline)
        if time.monotonic() > deadline:
            return math.nan, math.nan
        mixed = _mix(weights, predictions[:, scored])
        losses.append(_mean_loss(metric, mixed, y[scored], folds[scored]))
        leader = _leader(metric, predictions[:, kept], y[kept], folds[kept])
        reference.append(_mean_loss(metric, predictions[leader, scored], y[scored], folds[scored]))
    return float(np.mean(losses)), float(np.mean(reference))


def _leader(metric: Metric, predictions: Array, y: Array, folds: Array) -> int:
    return int(np.argmin([_mean_loss(metric, row, y, folds) for row in predictions]))


def _mix(weights: Array, predictions: Array) -> Array:
    return np.asarray(np.tensordot(weights, predictions, axes=1))


def _mean_loss(metric: Metric, predictions: Array, y: Array, folds: Array) -> float:
    """Mean over folds, in the minimised sense; inf where a fold cannot be scored.

    Rows of a fold stand together: slices cost nothing, masks a copy each.
    """
    starts = [0, *(np.flatnonzero(np.diff(folds)) + 1), len(folds)]
    losses = [
        metric.loss(score(metric, y[start:end], predictions[start:end]))
        for start, end in pairwise(starts)
    ]
    mean = float(np.mean(losses))
    return mean if math.isfinite(mean) else math.inf


def _stack(paths: Sequence[str]) -> Array:
    return np.concatenate([np.load(path, allow_pickle=False) for path in paths])


def _folds(sizes: Sequence[int]) -> Array:
    return np.repeat(np.arange(len(sizes)), sizes)
