"""Which combination of good trials is delivered, chosen on out-of-fold predictions.

Several ways to combine compete (`POOLS` and their mean); each is fitted without a fold and scored
on it, and so is picking the single best trial. What wins there is fitted on all rows, and loses the
members that it can do without. Choosing on few rows otherwise rewards luck, and so does the best of
a dozen ways to choose, see `proven`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autometa.combination import Combination
from autometa.measure import Metric
from autometa.prepared import Prepared, open_prepared
from autometa.select.calibration import PROPER
from autometa.select.evidence import Evidence, mean_loss
from autometa.select.slimming import slimmed
from autometa.select.smallest import smallest
from autometa.select.strategies import (
    CALIBRATED,
    LEVELS,
    SINGLE,
    fit_all,
    held_out,
    single,
    splits_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

SMALLEST = "smallest"
"""One candidate that is as good as the best, as far as the rows can tell, and smaller."""
FAVOURITES = {
    **dict.fromkeys(PROPER, LEVELS + CALIBRATED),
    **dict.fromkeys(("rmse", "mse", "r2"), "stacked"),
}
"""By metric: what is taken unless something else is better beyond luck.

On tables of part dev with 230 training rows, and 50, 16 or 6 trials to choose from, the loss on
untouched rows is so by .004, .008, .002 (log loss, 24 tables) and .001, .005, .004 (rmse, 9 tables)
of the constant's below that of what was best held out, and by .014, .013, .027 and .017, .024, .012
below the best single trial's; with 1,500 rows it is within .001 of the former
(``benchmarks/combining.py``). Brier score, mse and r2 follow these two; of other metrics nothing is
known, and the least held-out loss decides.
"""
MAX_ROWS = 20_000
"""Rows beyond which a choice is made on a part of them: it takes seconds, and changes nothing."""

_PROOF = 3.0
"""Standard errors; with five folds, chance gives that once in fifty cases (t distribution)."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen.

    Args:
        name: Of the strategy; ``+temperature`` when it is calibrated.
        combination: Fitted on all rows.
        loss: On the rows that it was fitted on, minimised sense.
        honest: Cross-fitted loss of the strategy; NaN if unknown.
        reference: Cross-fitted loss of picking the single best; NaN if unknown.
    """

    name: str
    combination: Combination
    loss: float
    honest: float
    reference: float


def select_ensemble(payload: Mapping[str, Any], deadline: float) -> dict[str, Any]:
    """Chooses a combination; runs in a worker.

    Args:
        payload: ``prepared`` (folder), ``metrics`` (`Metric.to_json`, the first is optimised),
            ``candidates`` (best first: list of ``number``, ``predictions``, one file per fold, and
            ``size_kib`` or null), ``seconds`` (after which the best so far is given),
            ``wants_small`` (whether the smallest candidate goes before what is not better beyond
            a standard error, see `smallest`).
        deadline: Moment of `time.monotonic`.

    Returns:
        ``strategy``; ``weights`` ([number, weight] pairs of those that count, sum 1);
        ``combination`` (of these, `Combination.to_json`; null for their average);
        ``constant_weight``; ``temperature``;
        ``values`` (on the selecting rows, by metric), ``single`` (first metric of the best
        candidate), ``honest`` (cross-fitted, or null when there was no time); ``fallback`` (the
        same of a smaller candidate that is as good as the best one, should the combination not
        fit; or null).
    """
    prepared = open_prepared(Path(payload["prepared"]))
    metrics = [Metric.from_json(metric) for metric in payload["metrics"]]
    numbers = [int(candidate["number"]) for candidate in payload["candidates"]]
    limit = min(deadline, time.monotonic() + float(payload["seconds"]))
    files = [candidate["predictions"] for candidate in payload["candidates"]]
    evidence = gather(prepared, metrics[0], files, limit)
    choice, fallback = choose(evidence), None
    sizes = [candidate.get("size_kib") for candidate in payload["candidates"]]
    if payload.get("wants_small") and None not in sizes:
        mixed = choice.combination.apply(evidence.predictions)
        index = smallest(evidence, mixed, sizes)
        if index is not None and not (index == 0 and choice.name == SINGLE):
            choice = _alone(evidence, index)
        elif choice.name != SINGLE and (
            index := smallest(evidence, evidence.predictions[0], sizes)
        ):
            fallback = _told(_alone(evidence, index), evidence, numbers, metrics)
    return {**_told(choice, evidence, numbers, metrics), "fallback": fallback}


def _told(
    choice: Choice, evidence: Evidence, numbers: Sequence[int], metrics: Sequence[Metric]
) -> dict[str, Any]:
    mixed = choice.combination.apply(evidence.predictions)
    kept, combination = choice.combination.without_idle()
    weights = combination.member_weights
    return {
        "strategy": choice.name,
        "weights": [[numbers[i], w] for i, w in zip(kept, weights, strict=True)],
        "combination": None if combination.is_average else combination.to_json(),
        "constant_weight": combination.constant_weight,
        "temperature": combination.temperature,
        "values": {m.name: m.loss(_mean(m, mixed, evidence)) for m in metrics},
        "single": metrics[0].loss(evidence.loss(evidence.predictions[0])),
        "honest": None if math.isnan(choice.honest) else metrics[0].loss(choice.honest),
    }


def _alone(evidence: Evidence, index: int) -> Choice:
    loss = evidence.loss(evidence.predictions[index])
    return Choice(SMALLEST, single(evidence, index), loss, math.nan, math.nan)


def gather(
    prepared: Prepared, metric: Metric, files: Sequence[Sequence[str]], deadline: float
) -> Evidence:
    """Reads held-out predictions, and puts the constant of each fold behind them.

    Args:
        prepared: The data.
        metric: What is optimised.
        files: One per fold of each candidate, best first.
        deadline: Moment of `time.monotonic`.
    """
    split = prepared.split
    rows = [split.valid_rows(fold) for fold in range(split.n_folds)]
    constants = [
        np.repeat([_constant(prepared, split.train_rows(fold))], len(rows[fold]), axis=0)
        for fold in range(split.n_folds)
    ]
    stacks = [np.concatenate([np.load(file, allow_pickle=False) for file in f]) for f in files]
    predictions = np.stack([*stacks, np.concatenate(constants).astype(np.float32)])
    folds = np.repeat(np.arange(len(rows)), [len(r) for r in rows])
    return Evidence(metric, predictions, prepared.y[np.concatenate(rows)], folds, deadline)


def _constant(prepared: Prepared, rows: Array) -> Array:
    """Gives the mean of the target, or class frequencies with one more row of each (Laplace)."""
    y = prepared.y[rows]
    if prepared.n_classes is None:
        return np.asarray(y.mean())
    counts = np.bincount(y, minlength=prepared.n_classes)
    return np.asarray((counts + 1.0) / (len(y) + prepared.n_classes))


def choose(evidence: Evidence) -> Choice:
    """Chooses the strategy that holds up on rows it was not fitted on, and fits it on all.

    The single best candidate is given when picking it holds up best, when it is as good on the rows
    that chose it, or there is no time.
    """
    evidence = evidence.thinned(MAX_ROWS)
    alone = single(evidence, 0)
    first = evidence.loss(evidence.predictions[0])
    if evidence.is_late:
        return Choice(SINGLE, alone, first, math.nan, math.nan)
    splits = splits_of(evidence)
    parts = [evidence, *(kept for kept, _ in splits)]
    fits = fit_all(parts)
    losses = {name: held_out(combinations[1:], splits) for name, combinations in fits.items()}
    name = proven(losses, FAVOURITES.get(evidence.metric.name))
    reference = float(losses[SINGLE].mean())
    fitted = _slim(fits[name], parts, splits)
    loss = evidence.loss(fitted[0].apply(evidence.predictions))
    if name == SINGLE or not loss < first:
        return Choice(SINGLE, alone, first, reference, reference)
    honest = float(held_out(fitted[1:], splits).mean())
    return Choice(name, fitted[0], loss, honest, reference)


def _slim(
    whole: Sequence[Combination],
    parts: Sequence[Evidence],
    splits: Sequence[tuple[Evidence, Evidence]],
) -> Sequence[Combination]:
    """Leaves members out; not if that is worse beyond luck, or no better than the best alone."""
    slim = [slimmed(*pair) for pair in zip(whole, parts, strict=True)]
    losses = {name: held_out(c[1:], splits) for name, c in (("slim", slim), ("whole", whole))}
    rows = parts[0].predictions
    is_better = parts[0].loss(slim[0].apply(rows)) < parts[0].loss(rows[0])
    return slim if is_better and proven(losses, "slim") == "slim" else whole


def proven(losses: Mapping[str, Array], favourite: str | None = None) -> str:
    """Gives the strategy to take.

    Args:
        losses: By strategy (folds,) losses on rows that it was not fitted on.
        favourite: What was best on other tasks.

    Returns:
        The favourite, if it was fitted, unless another one is better by `_PROOF` standard errors
        of the difference over folds; else the one with the least mean, `SINGLE` if it is as good.
    """
    means = {name: float(own.mean()) for name, own in losses.items()}
    best = min(means, key=lambda name: (means[name], name != SINGLE))
    if favourite is None or not math.isfinite(means.get(favourite, math.inf)):
        return best
    gaps = losses[favourite] - losses[best]
    error = float(gaps.std(ddof=1)) / math.sqrt(len(gaps))
    return best if gaps.mean() > _PROOF * error else favourite


def _mean(metric: Metric, mixed: Array, evidence: Evidence) -> float:
    return mean_loss(metric, mixed, evidence.y, evidence.folds)
