"""Extremely randomised trees."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import numpy as np

from autometa import FitContext, Model, Space, TabularEncoder
from autometa_tabular.classes import Array, one_hot
from autometa_tabular.clock import Clock
from autometa_tabular.learners.base import Rows, TabularLearner
from autometa_tabular.models.trees import Tree, Trees, TreesModel, join

_DOUBT = 0.01  # share of the class frequencies in every prediction


def space() -> Space:
    """Gives the space.

    Ranges follow Geurts, Ernst & Wehenkel 2006 (section 3: `max_features` and leaf size are what
    matters) and Probst, Boulesteix & Bischl 2019.
    """
    return Space(forest_params(), {}, ExtraTrees.DEFAULTS)


def forest_params() -> dict[str, Any]:
    """Gives the parameters of a forest."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    return {
        "n_trees": IntDistribution(50, 500, log=True),
        "max_features": FloatDistribution(0.05, 1.0),
        "min_samples_leaf": IntDistribution(1, 32, log=True),
        "categorical": CategoricalDistribution(("onehot", "target", "ordinal")),
        "class_weight": CategoricalDistribution(("none", "balanced")),
    }


class ExtraTrees(TabularLearner):
    """Averages trees with random cuts. Stops adding trees when the deadline nears.

    Classes are fitted as their indicators: the squared error of those is the Gini impurity, so
    the trees are those of a classifier, and soft labels need nothing else. Every prediction
    is mixed with one per cent of the class frequencies: no class is impossible.
    `class_weight` has no effect in regression.
    """

    DEFAULTS: ClassVar[dict[str, Any]] = {
        "n_trees": 200,
        "max_features": 0.5,
        "min_samples_leaf": 2,
        "categorical": "target",
        "class_weight": "none",
    }

    def encoder(self) -> TabularEncoder:
        """Gives the encoding."""
        return TabularEncoder(scale="none", categorical=self.config["categorical"])

    def fit_rows(self, rows: Rows, context: FitContext) -> Model:
        """Fits, see `TabularLearner.fit_rows`."""
        outputs = one_hot(rows.y, rows.n_present) if rows.classes else rows.y[:, None]
        center = np.average(outputs, axis=0, weights=rows.weight)
        spread = 1.0 if rows.classes else float(np.std(outputs))
        trees = self._grow(
            rows, (outputs - center) / spread if not rows.classes else outputs, context
        )
        n_trees = len(trees.roots)
        if rows.classes:
            np.multiply(trees.values, (1.0 - _DOUBT) / n_trees, out=trees.values)
            return TreesModel(rows.plan, rows.classes, trees, base=_DOUBT * center, link="shares")
        np.multiply(trees.values, spread / n_trees, out=trees.values)
        return TreesModel(rows.plan, None, trees, base=center, link="value")

    def forest(self, n_rows: int, **options: Any) -> Any:
        """Gives the estimator for so many rows; its `n_estimators` grows."""
        from sklearn.ensemble import ExtraTreesRegressor

        return ExtraTreesRegressor(**options)

    def _grow(self, rows: Rows, outputs: Array, context: FitContext) -> Trees:
        clock = Clock(context)
        forest = self.forest(
            len(rows.Z),
            n_estimators=0,
            max_features=self.config["max_features"],
            min_samples_leaf=self.config["min_samples_leaf"],
            n_jobs=context.n_threads,
            random_state=context.seed,
            warm_start=True,
        )
        y = outputs[:, 0] if outputs.shape[1] == 1 else outputs
        step, n_wanted = 1, self.config["n_trees"]
        while forest.n_estimators < n_wanted:
            forest.set_params(n_estimators=min(forest.n_estimators + step, n_wanted))
            started = time.monotonic()
            forest.fit(rows.Z, y, rows.weight)
            if clock.expired():
                break
            step = clock.steps((time.monotonic() - started) / step, n_wanted)
        return join([flatten(tree.tree_) for tree in forest.estimators_])


def flatten(tree: Any) -> Tree:
    """Reads a fitted tree of scikit-learn; `values` are (nodes, outputs)."""
    return Tree(
        feature=np.where(tree.children_left < 0, -1, tree.feature),
        threshold=tree.threshold,
        left=tree.children_left,
        right=tree.children_right,
        missing_left=tree.missing_go_to_left,
        values=tree.value[:, :, 0],
    )
