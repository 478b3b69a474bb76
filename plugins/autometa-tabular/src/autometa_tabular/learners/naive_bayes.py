"""Naive Bayes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from autometa import FitContext, Model, Space, TabularEncoder
from autometa_tabular.classes import Array, one_hot
from autometa_tabular.learners.base import Rows, TabularLearner
from autometa_tabular.models.quadratic import QuadraticModel


def space() -> Space:
    """Gives the space."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    params = {
        "smoothing": FloatDistribution(1e-3, 1.0, log=True),
        "trust": FloatDistribution(0.05, 1.0, log=True),
        "scale": CategoricalDistribution(("standard", "squash")),
        "class_weight": CategoricalDistribution(("none", "balanced")),
    }
    return Space(params, {}, NaiveBayes.DEFAULTS)


class NaiveBayes(TabularLearner):
    """Columns independent within a class: normal numbers, levels with their frequencies.

    `smoothing` is added to each variance, as a share of the overall one, and to each frequency, in
    hundred rows. `trust` is the exponent of the likelihood: columns that say the same are counted
    once each, so the product is too sure (Frank et al. 2003, section 2, weigh columns so).
    """

    PROBLEM = "classification"
    DEFAULTS: ClassVar[dict[str, Any]] = {
        "smoothing": 0.03,
        "trust": 0.5,
        "scale": "squash",
        "class_weight": "none",
    }

    def encoder(self) -> TabularEncoder:
        """Gives the encoding."""
        return TabularEncoder(scale=self.config["scale"], categorical="onehot")

    def fit_rows(self, rows: Rows, context: FitContext) -> Model:
        """Fits, see `TabularLearner.fit_rows`."""
        assert rows.classes is not None
        shares = one_hot(rows.y, rows.n_present) * rows.weight[:, None]  # (n, k)
        totals = shares.sum(axis=0)  # (k,)
        Z = rows.Z.astype(np.float64)
        sums, squares = Z.T @ shares, (Z**2).T @ shares  # (width, k)
        is_level = np.array(
            [step.kind == "onehot" for step in rows.plan.steps for _ in step.names], dtype=bool
        )
        square, linear, shift = self._normal(sums, squares, totals)
        square[is_level] = 0.0
        linear[is_level], shift[is_level] = self._levels(sums[is_level], totals)
        trust = self.config["trust"]
        intercept = np.log(totals / totals.sum()) + trust * shift.sum(axis=0)
        return QuadraticModel(rows.plan, rows.classes, trust * square, trust * linear, intercept)

    def _normal(self, sums: Array, squares: Array, totals: Array) -> tuple[Array, Array, Array]:
        """Gives the coefficients of a normal density: of z², of z, and the rest."""
        mean = sums / totals
        overall = squares.sum(axis=1) / totals.sum() - (sums.sum(axis=1) / totals.sum()) ** 2
        floor = (self.config["smoothing"] * overall + 1e-9)[:, None]
        variance = np.maximum(squares / totals - mean**2, 0.0) + floor
        return (
            -0.5 / variance,
            mean / variance,
            -0.5 * mean**2 / variance - 0.5 * np.log(variance),
        )

    def _levels(self, sums: Array, totals: Array) -> tuple[Array, Array]:
        """Gives the coefficients of a level's indicator, shrunk to its overall frequency."""
        weight = 100.0 * self.config["smoothing"]
        overall = (sums.sum(axis=1, keepdims=True) + 0.5) / (totals.sum() + 1.0)
        p = (sums + weight * overall) / (totals + weight)
        return np.log(p / (1.0 - p)), np.log(1.0 - p)
