"""What the linear learners share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from autometa import FitContext, Model, NotApplicable, TabularEncoder
from autometa_tabular.clock import Clock
from autometa_tabular.learners.base import Rows, TabularLearner
from autometa_tabular.models.linear import LinearModel
from autometa_tabular.solvers.penalised import Problem, Solution

ENCODING_DEFAULTS: dict[str, Any] = {"scale": "squash", "categorical": "onehot"}
REGRESSION_DEFAULTS: dict[str, Any] = {**ENCODING_DEFAULTS, "target_transform": "none"}


def encoding_params() -> dict[str, Any]:
    """Gives the parameters of the encoding."""
    from optuna.distributions import CategoricalDistribution

    return {
        "scale": CategoricalDistribution(("standard", "squash")),
        "categorical": CategoricalDistribution(("onehot", "target")),
    }


def regression_params() -> dict[str, Any]:
    """Gives the parameters of the encoding and of the target."""
    from optuna.distributions import CategoricalDistribution

    return {**encoding_params(), "target_transform": CategoricalDistribution(("none", "log"))}


def linear_encoder(config: Mapping[str, Any]) -> TabularEncoder:
    """Gives the encoding of a configuration; texts stay as wide as they are counted."""
    return TabularEncoder(
        scale=config["scale"], categorical=config["categorical"], text_components=0
    )


class LinearRegression(TabularLearner):
    """A linear model of the standardised target, or of its logarithm.

    Predictions stay within the range seen in training, widened by its own width on both sides:
    one absurd value in a row gives no absurd prediction. The logarithm needs positive targets, is
    corrected for the bias of going back (Duan 1983, smearing), and its range is widened by 1.
    """

    PROBLEM = "regression"

    def encoder(self) -> TabularEncoder:
        """Gives the encoding."""
        return linear_encoder(self.config)

    @abstractmethod
    def solve(self, problem: Problem) -> Solution:
        """Gives coefficients for the standardised target."""

    def fit_rows(self, rows: Rows, context: FitContext) -> Model:
        """Fits, see `TabularLearner.fit_rows`."""
        is_log = self.config["target_transform"] == "log"
        if is_log and rows.y.min() <= 0:
            raise NotApplicable("a log target needs positive values; the least one here is <= 0")
        y = np.log(rows.y) if is_log else rows.y
        center, spread = float(np.average(y, weights=rows.weight)), float(np.std(y)) or 1.0
        problem = Problem.of(
            rows.Z,
            ((y - center) / spread)[:, None],
            rows.weight,
            is_classification=False,
            expired=Clock(context).expired,
        )
        coef, intercept = self.solve(problem)
        coef, intercept = coef * spread, intercept * spread + center
        margin = 1.0 if is_log else float(np.ptp(y))
        bounds = (float(y.min()) - margin, float(y.max()) + margin)
        model = LinearModel(rows.plan, None, coef, intercept, bounds=bounds)
        if is_log:
            residual = y - model.predict_encoded(rows.Z)
            model.log_factor = float(np.average(np.exp(residual), weights=rows.weight))
        return model
