"""Logistic regression, with a squared or a mixed penalty."""

from __future__ import annotations

from typing import Any, ClassVar

from autometa import FitContext, Model, Space, TabularEncoder
from autometa_tabular.classes import one_hot
from autometa_tabular.clock import Clock
from autometa_tabular.learners.base import Rows, TabularLearner
from autometa_tabular.learners.linear import ENCODING_DEFAULTS, encoding_params, linear_encoder
from autometa_tabular.models.linear import LinearModel
from autometa_tabular.solvers.penalised import Problem, elastic_net, lbfgs
from autometa_tabular.solvers.strength import chosen_c


def space() -> Space:
    """Gives the space.

    `C` is scikit-learn's, on standardised columns. With the penalty ``l2_folds`` it is chosen on
    inner folds and multiplied by `C_factor`; `strength` is glmnet's share of the penalty at which
    all coefficients vanish. Ranges as in `ridge` and `elastic_net`.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    params = {
        "penalty": CategoricalDistribution(("l2_folds", "l2", "elastic_net")),
        "C_factor": FloatDistribution(0.03, 30.0, log=True),
        "C": FloatDistribution(1e-4, 1e3, log=True),
        "strength": FloatDistribution(1e-4, 1.0, log=True),
        "l1_ratio": FloatDistribution(0.05, 1.0),
        **encoding_params(),
        "class_weight": CategoricalDistribution(("none", "balanced")),
    }
    conditions: dict[str, Any] = {
        "C_factor": ("penalty", ("l2_folds",)),
        "C": ("penalty", ("l2",)),
        "strength": ("penalty", ("elastic_net",)),
        "l1_ratio": ("penalty", ("elastic_net",)),
    }
    active = {
        name: value
        for name, value in Logistic.DEFAULTS.items()
        if name not in conditions or Logistic.DEFAULTS["penalty"] in conditions[name][1]
    }
    return Space(params, conditions, active)


class Logistic(TabularLearner):
    """Multinomial logistic regression; takes soft labels as they are."""

    PROBLEM = "classification"
    DEFAULTS: ClassVar[dict[str, Any]] = {
        "penalty": "l2_folds",
        "C_factor": 1.0,
        "C": 1.0,
        "strength": 0.01,
        "l1_ratio": 0.5,
        **ENCODING_DEFAULTS,
        "class_weight": "none",
    }

    def encoder(self) -> TabularEncoder:
        """Gives the encoding."""
        return linear_encoder(self.config)

    def fit_rows(self, rows: Rows, context: FitContext) -> Model:
        """Fits, see `TabularLearner.fit_rows`."""
        Y, clock = one_hot(rows.y, rows.n_present), Clock(context)
        c = self.config["C"]
        if self.config["penalty"] == "l2_folds":
            until = clock.left() / 2
            c = chosen_c(rows.Z, Y, rows.weight, context.rng, lambda: clock.left() < until)
            c *= self.config["C_factor"]
        problem = Problem.of(rows.Z, Y, rows.weight, is_classification=True, expired=clock.expired)
        if self.config["penalty"] != "elastic_net":
            coef, intercept = lbfgs(problem, 1.0 / c)
        else:
            coef, intercept = elastic_net(
                problem, self.config["strength"], self.config["l1_ratio"], max_iter=500
            )
        return LinearModel(rows.plan, rows.classes, coef, intercept)
