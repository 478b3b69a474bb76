"""Ridge regression."""

from __future__ import annotations

from typing import Any, ClassVar

from autometa import Space
from autometa_tabular.learners.linear import (
    REGRESSION_DEFAULTS,
    LinearRegression,
    regression_params,
)
from autometa_tabular.solvers.penalised import Problem, Solution, ridge


def space() -> Space:
    """Gives the space. `alpha` is scikit-learn's, on standardised columns.

    The range is what tunability studies use (Probst, Boulesteix & Bischl 2019, glmnet), widened
    upwards for tables with more columns than rows.
    """
    from optuna.distributions import FloatDistribution

    params = {"alpha": FloatDistribution(1e-3, 1e4, log=True), **regression_params()}
    return Space(params, {}, Ridge.DEFAULTS)


class Ridge(LinearRegression):
    """Least squares with a squared penalty (Hoerl & Kennard 1970), in closed form."""

    DEFAULTS: ClassVar[dict[str, Any]] = {"alpha": 3.0, **REGRESSION_DEFAULTS}

    def solve(self, problem: Problem) -> Solution:
        """Gives coefficients for the standardised target."""
        return ridge(problem, self.config["alpha"])
