"""Support vector machines with the Gaussian kernel."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import numpy as np

from autometa import FitContext, Model, NotApplicable, Space, TabularEncoder
from autometa_tabular.classes import Array, hard_rows
from autometa_tabular.clock import Clock
from autometa_tabular.learners.base import Rows, TabularLearner, inner_split
from autometa_tabular.learners.kernel import median_distance, value_bounds
from autometa_tabular.learners.linear import ENCODING_DEFAULTS, encoding_params
from autometa_tabular.models.kernel import GAUSSIAN, KernelModel, features
from autometa_tabular.solvers.penalised import Problem, lbfgs

MAX_ROWS = 6000
"""Rows above which the time of the solver, which grows with their square, is not worth it."""
MAX_CLASSES = 12
_TRIED_ROWS = 500
_CALIBRATION = 0.25  # share of the rows that probabilities are fitted on


def space() -> Space:
    """Gives the space. `width` is in units of the median distance."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    params = {
        "C": FloatDistribution(0.03, 300.0, log=True),
        "width": FloatDistribution(0.2, 5.0, log=True),
        "epsilon": FloatDistribution(0.01, 0.5, log=True),
        **encoding_params(),
        "class_weight": CategoricalDistribution(("none", "balanced")),
    }
    return Space(params, {}, SVM.DEFAULTS)


class SVM(TabularLearner):
    """libsvm's machines, one per class against the rest, kept as arrays of support vectors.

    Probabilities are a logistic regression of the decision values of rows that were held out
    (Platt 1999; multinomial for more classes). Up to 6,000 rows, and only where two fits of
    this size end before the deadline. `epsilon` has no effect in classification, `class_weight`
    none in regression.
    """

    DEFAULTS: ClassVar[dict[str, Any]] = {
        "C": 1.0,
        "width": 1.0,
        "epsilon": 0.1,
        **ENCODING_DEFAULTS,
        "class_weight": "none",
    }

    def encoder(self) -> TabularEncoder:
        """Gives the encoding."""
        return TabularEncoder(scale=self.config["scale"], categorical=self.config["categorical"])

    def fit_rows(self, rows: Rows, context: FitContext) -> Model:
        """Fits, see `TabularLearner.fit_rows`."""
        if len(rows.y) > MAX_ROWS:
            raise NotApplicable(f"SVM takes up to {MAX_ROWS} rows, got {len(rows.y)}")
        if rows.n_present > MAX_CLASSES:
            raise NotApplicable(f"SVM takes up to {MAX_CLASSES} classes, got {rows.n_present}")
        spread = self.config["width"] * median_distance(rows.Z, context.rng)
        self._require_time(rows, 0.5 / spread**2, context)
        machines = _Machines(rows.Z, 0.5 / spread**2, self.config)
        if rows.classes is None:
            return self._regression(rows, machines, context)
        return self._classification(rows, machines, context)

    def _regression(self, rows: Rows, machines: _Machines, context: FitContext) -> Model:
        center, scale = float(np.mean(rows.y)), float(np.std(rows.y))
        index = np.arange(len(rows.y))
        coef, intercept = machines.regress(index, (rows.y - center) / scale, rows.weight)
        return machines.model(
            rows, coef * scale, intercept * scale + center, bounds=value_bounds(rows.y)
        )

    def _classification(self, rows: Rows, machines: _Machines, context: FitContext) -> Model:
        k = rows.n_present
        index, held_out = inner_split(rows.y, True, _CALIBRATION, context.rng)
        if not len(held_out):
            index = held_out = np.arange(len(rows.y))
        coef, intercept = machines.separate(index, rows.y[index], rows.weight[index], k)
        scores = machines.scores(held_out, coef, intercept)  # (v, 1 or k)
        Y = np.eye(k)[rows.y[held_out]] if rows.y.ndim == 1 else rows.y[held_out]
        # A class that has no held-out row keeps a probability: as if it had half a row.
        Y = (Y + 0.5 / len(Y)) / (1.0 + 0.5 * k / len(Y))
        problem = Problem.of(
            scores,
            Y,
            rows.weight[held_out],
            is_classification=True,
            expired=Clock(context).expired,
        )
        slope, shift = lbfgs(problem, 0.1)
        coef, intercept = machines.separate(np.arange(len(rows.y)), rows.y, rows.weight, k)
        return machines.model(rows, coef @ slope, intercept @ slope + shift)

    def _require_time(self, rows: Rows, gamma: float, context: FitContext) -> None:
        """Declines when a fit of a few rows shows that one of all would not end in time."""
        n, left = len(rows.y), Clock(context).left()
        if n <= _TRIED_ROWS or not np.isfinite(left):
            return
        from sklearn.svm import SVR

        started = time.monotonic()
        taken = context.rng.permutation(n)[:_TRIED_ROWS]
        y = (rows.y if rows.y.ndim == 1 else rows.y.argmax(axis=1))[taken].astype(np.float64)
        SVR(C=self.config["C"], gamma=gamma).fit(rows.Z[taken], (y - y.mean()) / (y.std() or 1.0))
        n_fits = 1 if rows.classes is None else 2 * (1 if rows.n_present == 2 else rows.n_present)
        wanted = 2.0 * n_fits * (time.monotonic() - started) * (n / _TRIED_ROWS) ** 2
        if wanted > left:
            raise NotApplicable(f"SVM would take {wanted:.0f} s, there are {left:.0f} s")


class _Machines:
    """Fits machines on rows of one table: coefficients are given for all its rows."""

    def __init__(self, Z: Array, gamma: float, config: dict[str, Any]) -> None:
        self._Z = Z.astype(np.float64)
        self._gamma = gamma
        self._config = config

    def regress(self, index: Array, y: Array, weight: Array) -> tuple[Array, Array]:
        """Gives (n, 1) coefficients and (1,) intercept of values."""
        from sklearn.svm import SVR

        machine = SVR(
            C=self._config["C"], gamma=self._gamma, epsilon=self._config["epsilon"], tol=1e-2
        )
        machine.fit(self._Z[index], y, weight / weight.mean())
        return self._spread(index, [machine])

    def separate(self, index: Array, y: Array, weight: Array, k: int) -> tuple[Array, Array]:
        """Gives (n, 1 or k) coefficients and intercepts of each class against the rest."""
        from sklearn.svm import SVC

        repeated, labels, weight = hard_rows(y, weight)
        machines = []
        for one in [1] if k == 2 else range(k):
            machine = SVC(C=self._config["C"], gamma=self._gamma, tol=1e-2)
            machine.fit(self._Z[index][repeated], labels == one, weight / weight.mean())
            machines.append(machine)
        return self._spread(index[repeated], machines)

    def _spread(self, index: Array, machines: list[Any]) -> tuple[Array, Array]:
        coef = np.zeros((len(self._Z), len(machines)))
        for column, machine in enumerate(machines):
            np.add.at(coef[:, column], index[machine.support_], machine.dual_coef_[0])
        return coef, np.array([machine.intercept_[0] for machine in machines])

    def scores(self, index: Array, coef: Array, intercept: Array) -> Array:
        """Gives the decision values of rows."""
        used = coef.any(axis=1)
        own = features(GAUSSIAN, self._Z[index], self._Z[used], self._gamma, np.zeros(0))
        decisions: Array = own @ coef[used] + intercept
        return decisions

    def model(
        self,
        rows: Rows,
        coef: Array,
        intercept: Array,
        bounds: tuple[float, float] | None = None,
    ) -> KernelModel:
        """Gives the model of the support vectors alone."""
        used = coef.any(axis=1)
        return KernelModel(
            rows.plan,
            rows.classes,
            GAUSSIAN,
            centers=self._Z[used],
            gamma=self._gamma,
            phases=np.zeros(0),
            coef=coef[used],
            intercept=intercept,
            bounds=bounds,
        )
