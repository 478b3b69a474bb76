"""Kernel ridge and kernel logistic regression by an approximation of the Gaussian kernel."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from autometa import FitContext, Model, Space, TabularEncoder
from autometa_tabular.classes import Array, one_hot
from autometa_tabular.clock import Clock
from autometa_tabular.learners.base import Rows, TabularLearner
from autometa_tabular.learners.linear import ENCODING_DEFAULTS, encoding_params
from autometa_tabular.models.kernel import GAUSSIAN, WAVES, KernelModel, features
from autometa_tabular.solvers.penalised import Problem, lbfgs, ridge

_CELLS = 3e7  # features of all rows that are held at once: 240 MB
_PRODUCTS_PER_SECOND = 2e8  # of all pairs of features over all rows, on a slow core
_MARGIN = 0.25  # of the target's range that predictions may lie outside it


def space() -> Space:
    """Gives the space. `width` is in units of the median distance, `C` as in `logistic`."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    params = {
        "kind": CategoricalDistribution(("nystroem", "fourier")),
        "n_features": IntDistribution(50, 800, log=True),
        "width": FloatDistribution(0.2, 5.0, log=True),
        "C": FloatDistribution(1e-3, 1e3, log=True),
        **encoding_params(),
        "class_weight": CategoricalDistribution(("none", "balanced")),
    }
    return Space(params, {}, Kernel.DEFAULTS)


class Kernel(TabularLearner):
    """A linear model on features whose products approximate the Gaussian kernel.

    ``nystroem`` takes rows as landmarks (Williams & Seeger, NIPS 2000), ``fourier`` draws waves
    (Rahimi & Recht, NIPS 2007). `class_weight` has no effect in regression.
    """

    DEFAULTS: ClassVar[dict[str, Any]] = {
        "kind": "nystroem",
        "n_features": 200,
        "width": 1.0,
        "C": 1.0,
        **ENCODING_DEFAULTS,
        "class_weight": "none",
    }

    def encoder(self) -> TabularEncoder:
        """Gives the encoding."""
        return TabularEncoder(scale=self.config["scale"], categorical=self.config["categorical"])

    def fit_rows(self, rows: Rows, context: FitContext) -> Model:
        """Fits, see `TabularLearner.fit_rows`."""
        n_features = self._n_features(len(rows.Z), context)
        spread = self.config["width"] * median_distance(rows.Z, context.rng)
        gamma = 0.5 / spread**2
        phases = np.zeros(0)
        if self.config["kind"] == "nystroem":
            kind = GAUSSIAN
            taken = context.rng.permutation(len(rows.Z))[:n_features]
            centers = rows.Z[taken].astype(np.float64)
            turn = _whitening(features(kind, centers, centers, gamma, phases))
        else:
            kind = WAVES
            centers = context.rng.normal(0.0, 1.0 / spread, (n_features, rows.Z.shape[1]))
            phases = context.rng.uniform(0.0, 2.0 * np.pi, n_features)
            turn = np.eye(n_features)
        mapped = features(kind, rows.Z, centers, gamma, phases) @ turn
        coef, intercept = self._solve(mapped, rows, context)
        return KernelModel(
            rows.plan,
            rows.classes,
            kind,
            centers=centers,
            gamma=gamma,
            phases=phases,
            coef=turn @ coef,
            intercept=intercept,
            bounds=None if rows.classes else value_bounds(rows.y),
        )

    def _n_features(self, n: int, context: FitContext) -> int:
        """Gives how many features fit memory, and the time that is left."""
        in_time = np.sqrt(_PRODUCTS_PER_SECOND * min(Clock(context).left(), 1e4) / n)
        return int(min(self.config["n_features"], max(10, min(_CELLS / n, in_time))))

    def _solve(self, mapped: Array, rows: Rows, context: FitContext) -> tuple[Array, Array]:
        expired, is_classification = Clock(context).expired, rows.classes is not None
        penalty = 1.0 / self.config["C"]
        if is_classification:
            Y = one_hot(rows.y, rows.n_present)
            problem = Problem.of(mapped, Y, rows.weight, is_classification=True, expired=expired)
            return lbfgs(problem, penalty)
        center, spread = float(np.mean(rows.y)), float(np.std(rows.y))
        Y = ((rows.y - center) / spread)[:, None]
        problem = Problem.of(mapped, Y, rows.weight, is_classification=False, expired=expired)
        coef, intercept = ridge(problem, 0.1 * penalty)
        return coef * spread, intercept * spread + center


def median_distance(Z: Array, rng: np.random.Generator) -> float:
    """Gives the median distance between encoded rows, of 500 pairs; above 0."""
    pairs = rng.integers(0, len(Z), (2, 500))
    gaps = Z[pairs[0]].astype(np.float64) - Z[pairs[1]]
    distances = np.sqrt((gaps**2).sum(axis=1))
    return float(np.median(distances[distances > 0])) if (distances > 0).any() else 1.0


def value_bounds(y: Array) -> tuple[float, float]:
    """Gives the range of a target, widened a little."""
    margin = _MARGIN * float(np.ptp(y))
    return float(y.min()) - margin, float(y.max()) + margin


def _whitening(kernel: Array) -> Array:
    """Gives the inverse root of the landmarks' kernel matrix (m, m), without its null space."""
    values, vectors = np.linalg.eigh(kernel)
    scale = np.where(values > 1e-6 * values[-1], 1.0 / np.sqrt(np.maximum(values, 1e-12)), 0.0)
    root: Array = (vectors * scale) @ vectors.T
    return root
