"""LightGBM."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from autometa import FitContext, Model, Space, TabularEncoder
from autometa_tabular.classes import Array
from autometa_tabular.clock import Clock
from autometa_tabular.learners.base import Rows, TabularLearner
from autometa_tabular.learners.boosting import BoostingRows, boosting_rows, category_columns
from autometa_tabular.models.booster import BoosterModel

_REPORT_EVERY = 10  # rounds
_NOT_LIGHTGBMS = ("categorical", "class_weight", "max_rounds")


def space() -> Space:
    """Gives the space.

    Ranges follow Shwartz-Ziv & Armon 2022 and McElfresh et al. 2023 (appendix, LightGBM), which
    search leaves, leaf size, shares of rows and columns, and the penalties on a log scale.
    """
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    params = {
        "learning_rate": FloatDistribution(0.01, 0.3, log=True),
        "num_leaves": IntDistribution(4, 256, log=True),
        "min_data_in_leaf": IntDistribution(1, 100, log=True),
        "feature_fraction": FloatDistribution(0.3, 1.0),
        "bagging_fraction": FloatDistribution(0.4, 1.0),
        "lambda_l1": FloatDistribution(1e-6, 10.0, log=True),
        "lambda_l2": FloatDistribution(1e-3, 100.0, log=True),
        "categorical": CategoricalDistribution(("native", "target")),
        "class_weight": CategoricalDistribution(("none", "balanced")),
    }
    return Space(params, {}, LightGBM.DEFAULTS)


class LightGBM(TabularLearner):
    """Boosts leaf-wise grown trees (Ke et al. 2017), with early stopping, within the deadline.

    ``categorical="native"`` splits on sets of levels. `class_weight` has no effect in regression.
    A configuration may also hold ``max_rounds``, which is not searched: at most so many rounds.
    """

    DEFAULTS: ClassVar[dict[str, Any]] = {
        "learning_rate": 0.05,
        "num_leaves": 15,
        "min_data_in_leaf": 20,
        "feature_fraction": 0.8,
        "bagging_fraction": 0.8,
        "lambda_l1": 1e-6,
        "lambda_l2": 1.0,
        "categorical": "native",
        "class_weight": "none",
    }

    def encoder(self) -> TabularEncoder:
        """Gives the encoding."""
        categorical = self.config["categorical"]
        return TabularEncoder(
            missing="keep",
            scale="none",
            categorical="ordinal" if categorical == "native" else categorical,
            max_levels=254,
        )

    def fit_rows(self, rows: Rows, context: FitContext) -> Model:
        """Fits, see `TabularLearner.fit_rows`."""
        import lightgbm

        center, spread = 0.0, 1.0
        if rows.classes is None:
            # LightGBM holds targets as float32, and its penalties depend on their scale.
            center, spread = float(np.mean(rows.y)), float(np.std(rows.y))
            rows = replace(rows, y=(rows.y - center) / spread)
        boosting = boosting_rows(rows, self.config["learning_rate"], context)
        stops = _Stops(boosting, Clock(context), context)
        parameters = self._parameters(rows, context)
        train = _dataset(boosting.train, rows, parameters)
        booster = lightgbm.train(
            parameters,
            train,
            num_boost_round=min(boosting.n_rounds, self.config.get("max_rounds", 5000)),
            valid_sets=[_dataset(boosting.valid, rows, parameters)] if boosting.valid else None,
            callbacks=[stops],
        )
        text = booster.model_to_string(num_iteration=stops.n_rounds)
        scale = (center, spread)
        return BoosterModel(rows.plan, rows.classes, text, scale=scale, n_threads=context.n_threads)

    def _parameters(self, rows: Rows, context: FitContext) -> dict[str, Any]:
        own = {k: v for k, v in self.config.items() if k not in _NOT_LIGHTGBMS}
        n_classes = rows.n_present
        objective = {0: "regression", 2: "binary"}.get(n_classes, "multiclass")
        return own | {
            "objective": objective,
            "num_class": n_classes if n_classes > 2 else 1,
            "bagging_freq": 1,
            "num_threads": context.n_threads,
            "seed": context.seed,
            # Without the next two the same data may give another model: it would time both ways.
            "deterministic": True,
            "force_col_wise": True,
            "feature_pre_filter": False,
            "verbosity": -1,
        }


class _Stops:
    """Ends the training when the held-out loss no longer falls, or the deadline nears.

    Called by LightGBM after each round.
    """

    def __init__(self, rows: BoostingRows, clock: Clock, context: FitContext) -> None:
        self.n_rounds = -1  # all of them
        self._patience = rows.patience
        self._clock = clock
        self._report = context.report
        self._best = float("inf")

    def __call__(self, env: Any) -> None:
        from lightgbm import EarlyStopException

        done = env.iteration + 1
        results = env.evaluation_result_list
        if results:
            loss = float(results[0][2])
            if loss < self._best:
                self._best, self.n_rounds = loss, done
            if done % _REPORT_EVERY == 0:
                self._report(done, self._best)
            if done - self.n_rounds >= self._patience:
                raise EarlyStopException(self.n_rounds - 1, results)
        if self._clock.expired():
            raise EarlyStopException(env.iteration, results or [])


def _dataset(part: tuple[Array, Array, Array], rows: Rows, parameters: dict[str, Any]) -> Any:
    import lightgbm

    Z, y, weight = part
    return lightgbm.Dataset(
        Z,
        label=y,
        weight=None if np.ptp(weight) == 0 else weight,
        categorical_feature=np.flatnonzero(category_columns(rows.plan)).tolist(),
        params=parameters,
    )
