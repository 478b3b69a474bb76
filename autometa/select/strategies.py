"""Strategies: how combinations are fitted, each on parts of the rows and scored on the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autometa.combination import Combination, Pool
from autometa.select.calibration import PROPER, calibrated
from autometa.select.evidence import Evidence
from autometa.select.pools import bagged, greedy, stacked, voting

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

PSEUDO_FOLDS = 3
SINGLE = "single"
POOLS = {"greedy": greedy, "voting": voting, "stacked": stacked, "bagged": bagged}
"""By name, in the order in which they are tried while there is time."""
LEVELS = "levels"
"""Name of the mean of all pools: models, then pools of models, then their mean."""
CALIBRATED = "+temperature"
"""Ends the name of a strategy whose probabilities are calibrated."""


def splits_of(evidence: Evidence) -> list[tuple[Evidence, Evidence]]:
    """Gives for each fold the rows of the others and its own; one fold is cut into pseudo-folds."""
    folds = evidence.folds
    held = folds if folds.max() > 0 else np.arange(len(folds)) % PSEUDO_FOLDS
    return [(evidence.take(held != fold), evidence.take(held == fold)) for fold in np.unique(held)]


def held_out(
    combinations: Sequence[Combination], splits: Sequence[tuple[Evidence, Evidence]]
) -> Array:
    """Gives (splits,) losses on rows that were not fitted on.

    Args:
        combinations: One per split, fitted on its first part.
        splits: What `splits_of` gave.
    """
    pairs = zip(combinations, (scored for _, scored in splits), strict=True)
    return np.array([rows.loss(own.apply(rows.predictions)) for own, rows in pairs])


def fit_all(parts: Sequence[Evidence]) -> dict[str, list[Combination]]:
    """Fits strategies on every part, one after another, until the deadline.

    The single best is chosen on each part too: the score of the one that is best on all rows is
    flattered by having been the best of many.

    Returns:
        By strategy a combination per part; `SINGLE` is always there.
    """
    found = {SINGLE: [single(part, part.leader()) for part in parts]}
    pools: list[list[Pool]] = []
    for name, fit in POOLS.items():
        own = [fit(part) for part in parts]
        if parts[0].is_late:
            break
        pools.append(own)
        found[name] = [_mean_of((pool,), part) for pool, part in zip(own, parts, strict=True)]
    if len(pools) > 1:
        columns = zip(*pools, strict=True)
        found[LEVELS] = [_mean_of(*pair) for pair in zip(columns, parts, strict=True)]
    if parts[0].is_probability and parts[0].metric.name in PROPER:
        for name, combinations in list(found.items()):
            pairs = zip(combinations, parts, strict=True)
            found[name + CALIBRATED] = [calibrated(*pair) for pair in pairs]
    return found


def single(evidence: Evidence, index: int) -> Combination:
    """Gives nothing but the candidate at an index."""
    weights = np.eye(len(evidence.predictions))[index]
    return Combination.average(weights.tolist(), evidence.constant)


def _mean_of(pools: Sequence[Pool], evidence: Evidence) -> Combination:
    shared = tuple(replace(pool, share=1.0 / len(pools)) for pool in pools)
    return Combination(shared, evidence.constant)
