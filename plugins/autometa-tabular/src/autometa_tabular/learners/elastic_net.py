"""Elastic net regression."""

from __future__ import annotations

from typing import Any, ClassVar

from autometa import Space
from autometa_tabular.learners.linear import (
    REGRESSION_DEFAULTS,
    LinearRegression,
    regression_params,
)
from autometa_tabular.solvers.penalised import Problem, Solution, elastic_net


def space() -> Space:
    """Gives the space.

    `strength` is the penalty as a share of the one at which all coefficients vanish, so that it
    means the same on every table; range and parametrisation are glmnet's path (Friedman, Hastie
    & Tibshirani 2010, section 2.5).
    """
    from optuna.distributions import FloatDistribution

    params = {
        "strength": FloatDistribution(1e-4, 1.0, log=True),
        "l1_ratio": FloatDistribution(0.05, 1.0),
        **regression_params(),
    }
    return Space(params, {}, ElasticNet.DEFAULTS)


class ElasticNet(LinearRegression):
    """Least squares with an absolute and a squared penalty (Zou & Hastie 2005)."""

    DEFAULTS: ClassVar[dict[str, Any]] = {"strength": 0.003, "l1_ratio": 0.5, **REGRESSION_DEFAULTS}

    def solve(self, problem: Problem) -> Solution:
        """Gives coefficients for the standardised target."""
        return elastic_net(problem, self.config["strength"], self.config["l1_ratio"])
