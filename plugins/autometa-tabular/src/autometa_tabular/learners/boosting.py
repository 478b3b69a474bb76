"""What the two boosting learners share: the inner split and how many rounds there may be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autometa import EncodingPlan, FitContext
from autometa_tabular.classes import Array, hard_rows
from autometa_tabular.learners.base import Rows, inner_split

MIN_ROWS_TO_STOP_EARLY = 500
"""Below this an inner split is too small to say when to stop."""


@dataclass(frozen=True, slots=True)
class BoostingRows:
    """Rows to fit, rows to stop on, and the bounds of the rounds.

    Args:
        train: Z (n, p), y (n,), weight (n,).
        valid: The same of the held-out rows, or None.
        n_rounds: At most so many rounds.
        patience: Rounds without a better score after which to stop.
    """

    train: tuple[Array, Array, Array]
    valid: tuple[Array, Array, Array] | None
    n_rounds: int
    patience: int


def boosting_rows(rows: Rows, learning_rate: float, context: FitContext) -> BoostingRows:
    """Splits the rows; small tables are fitted whole, with a number of rounds fixed by the rate."""
    patience = int(np.clip(round(3.0 / learning_rate), 20, 200))
    n = len(rows.y)
    if n >= MIN_ROWS_TO_STOP_EARLY:
        # Of large tables no more is held out than is needed to see a difference.
        share = min(0.1, 10_000 / n) if n > 2000 else 0.15
        train, valid = (
            _part(rows, index)
            for index in inner_split(rows.y, rows.classes is not None, share, context.rng)
        )
        # Soft labels may leave a class without a row to fit.
        if rows.classes is None or len(np.unique(train[1])) == rows.n_present:
            n_rounds = int(np.clip(round(100.0 / learning_rate), 1000, 5000))
            return BoostingRows(train, valid, n_rounds, patience)
    n_rounds = int(np.clip(round(8.0 / learning_rate), 20, 1000))
    return BoostingRows(_part(rows, np.arange(n)), None, n_rounds, patience)


def _part(rows: Rows, index: Array) -> tuple[Array, Array, Array]:
    if rows.classes is None:
        return rows.Z[index], rows.y[index], rows.weight[index]
    repeated, labels, weight = hard_rows(rows.y[index], rows.weight[index])
    return rows.Z[index][repeated], labels, weight


def category_columns(plan: EncodingPlan) -> Array:
    """Gives (width,) bool: which encoded columns are ordinal codes of categories."""
    return np.array([step.kind == "ordinal" for step in plan.steps for _ in step.names], dtype=bool)
