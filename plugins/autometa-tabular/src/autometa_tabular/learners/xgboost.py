"""XGBoost, which is installed with ``pip install autometa-tabular[xgboost]``."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from autometa import FitContext, Model, Space, TabularEncoder
from autometa_tabular.classes import Array
from autometa_tabular.clock import Clock
from autometa_tabular.learners.base import Rows, TabularLearner
from autometa_tabular.learners.boosting import boosting_rows
from autometa_tabular.models.trees import Tree, TreesModel, join


def space() -> Space:
    """Gives the space.

    Ranges follow Shwartz-Ziv & Armon 2022 (appendix, XGBoost), with the leaf weight on a log scale.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    params = {
        "learning_rate": FloatDistribution(0.01, 0.3, log=True),
        "max_depth": IntDistribution(2, 10),
        "min_child_weight": FloatDistribution(0.1, 30.0, log=True),
        "subsample": FloatDistribution(0.4, 1.0),
        "colsample_bytree": FloatDistribution(0.3, 1.0),
        "reg_alpha": FloatDistribution(1e-6, 10.0, log=True),
        "reg_lambda": FloatDistribution(1e-2, 100.0, log=True),
        "categorical": CategoricalDistribution(("target", "onehot")),
        "class_weight": CategoricalDistribution(("none", "balanced")),
    }
    return Space(params, {}, XGBoost.DEFAULTS)


class XGBoost(TabularLearner):
    """Boosts depth-wise grown trees (Chen & Guestrin 2016), with early stopping and a deadline.

    The model holds the trees as arrays and predicts without XGBoost. `class_weight` has no effect
    in regression.
    """

    DEFAULTS: ClassVar[dict[str, Any]] = {
        "learning_rate": 0.05,
        "max_depth": 5,
        "min_child_weight": 3.0,
        "subsample": 0.8,
        "colsample_bytree": 0.8,
        "reg_alpha": 1e-6,
        "reg_lambda": 1.0,
        "categorical": "target",
        "class_weight": "none",
    }

    def encoder(self) -> TabularEncoder:
        """Gives the encoding."""
        return TabularEncoder(missing="keep", scale="none", categorical=self.config["categorical"])

    def fit_rows(self, rows: Rows, context: FitContext) -> Model:
        """Fits, see `TabularLearner.fit_rows`."""
        import xgboost

        center, spread = 0.0, 1.0
        if rows.classes is None:
            center, spread = float(np.mean(rows.y)), float(np.std(rows.y))
            rows = replace(rows, y=(rows.y - center) / spread)
        boosting = boosting_rows(rows, self.config["learning_rate"], context)
        stops = _stops(boosting.patience, Clock(context), context)
        booster = xgboost.train(
            self._parameters(rows, context),
            _matrix(boosting.train),
            num_boost_round=boosting.n_rounds,
            evals=[(_matrix(boosting.valid), "valid")] if boosting.valid else [],
            callbacks=[stops],
            verbose_eval=False,
        )
        k = rows.n_present if rows.n_present > 2 else 1
        dumped = json.loads(bytes(booster.save_raw("json")))["learner"]
        n_trees = stops.n_rounds * k if stops.n_rounds else None
        trees = join(
            [flatten(tree) for tree in dumped["gradient_booster"]["model"]["trees"][:n_trees]]
        )
        link = "value" if rows.classes is None else "logits"
        if rows.classes is None:
            np.multiply(trees.values, spread, out=trees.values)
        return TreesModel(rows.plan, rows.classes, trees, base=np.full(k, center), link=link)

    def _parameters(self, rows: Rows, context: FitContext) -> dict[str, Any]:
        own = {k: v for k, v in self.config.items() if k not in ("categorical", "class_weight")}
        objectives = {0: "reg:squarederror", 2: "binary:logistic"}
        objective = objectives.get(rows.n_present, "multi:softprob")
        return own | {
            "objective": objective,
            "num_class": rows.n_present if rows.n_present > 2 else None,
            # Margin 0: so that the trees alone are the prediction.
            "base_score": 0.0 if rows.classes is None else 0.5,
            "nthread": context.n_threads,
            "seed": context.seed,
            "verbosity": 0,
        }


def _stops(patience: int, clock: Clock, context: FitContext) -> Any:
    """Gives a callback that ends the training; its `n_rounds` is how many are kept, 0 = all."""
    from xgboost.callback import TrainingCallback

    class Stops(TrainingCallback):  # type: ignore[misc]  # imported late
        n_rounds = 0
        best = float("inf")

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            for losses in (evals_log.get("valid") or {}).values():
                loss = float(losses[-1])
                if loss < self.best:
                    self.best, self.n_rounds = loss, epoch + 1
                if epoch % 10 == 0:
                    context.report(epoch, self.best)
                if epoch + 1 - self.n_rounds >= patience:
                    return True
            return clock.expired()

    return Stops()


def _matrix(part: tuple[Array, Array, Array]) -> Any:
    import xgboost

    Z, y, weight = part
    return xgboost.DMatrix(Z, label=y, weight=weight / weight.mean())


def flatten(tree: Any) -> Tree:
    """Reads a tree of XGBoost's JSON: it goes left below the threshold, ours up to it."""
    left = np.array(tree["left_children"], dtype=np.int64)
    is_leaf = left < 0
    conditions = np.array(tree["split_conditions"], dtype=np.float32)
    return Tree(
        feature=np.where(is_leaf, -1, np.array(tree["split_indices"], dtype=np.int64)),
        threshold=np.nextafter(conditions, np.float32(-np.inf)),
        left=left,
        right=np.array(tree["right_children"], dtype=np.int64),
        missing_left=np.array(tree["default_left"], dtype=bool),
        values=np.where(is_leaf, conditions, 0.0)[:, None],
    )
