"""Histogram gradient boosting of scikit-learn."""

from __future__ import annotations

import time
from math import isfinite
from typing import Any, ClassVar

import numpy as np

from autometa import FitContext, Model, Space, TabularEncoder
from autometa_tabular.classes import Array
from autometa_tabular.clock import Clock
from autometa_tabular.learners.base import Rows, TabularLearner
from autometa_tabular.learners.boosting import BoostingRows, boosting_rows, category_columns
from autometa_tabular.models.trees import Tree, Trees, TreesModel, join

_FIRST_ROUNDS, _MAX_ROUNDS = 10, 200  # between two looks at the clock


def space() -> Space:
    """Gives the space.

    Ranges follow scikit-learn's guide and Gorishniy et al. 2021, "Revisiting deep learning models
    for tabular data", appendix F (boosting).
    """
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    params = {
        "learning_rate": FloatDistribution(0.01, 0.3, log=True),
        "max_leaf_nodes": IntDistribution(4, 128, log=True),
        "min_samples_leaf": IntDistribution(1, 100, log=True),
        "l2_regularization": FloatDistribution(1e-3, 100.0, log=True),
        "max_features": FloatDistribution(0.2, 1.0),
        "categorical": CategoricalDistribution(("native", "target")),
        "class_weight": CategoricalDistribution(("none", "balanced")),
    }
    return Space(params, {}, HistBoosting.DEFAULTS)


class HistBoosting(TabularLearner):
    """Boosts small trees on binned columns, with early stopping and within the deadline.

    Missing values go where the split says. ``categorical="native"`` splits on sets of levels.
    `class_weight` has no effect in regression.
    """

    DEFAULTS: ClassVar[dict[str, Any]] = {
        "learning_rate": 0.1,
        "max_leaf_nodes": 15,
        "min_samples_leaf": 20,
        "l2_regularization": 1.0,
        "max_features": 0.5,
        "categorical": "native",
        "class_weight": "none",
    }

    def encoder(self) -> TabularEncoder:
        """Gives the encoding; 254 levels, since the binned trees know 255 codes."""
        categorical = self.config["categorical"]
        return TabularEncoder(
            missing="keep",
            scale="none",
            categorical="ordinal" if categorical == "native" else categorical,
            max_levels=254,
        )

    def fit_rows(self, rows: Rows, context: FitContext) -> Model:
        """Fits, see `TabularLearner.fit_rows`."""
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        boosting = boosting_rows(rows, self.config["learning_rate"], context)
        is_categorical = category_columns(rows.plan)
        with threadpool_limits(limits=context.n_threads, user_api="openmp"):
            estimator = self._boost(boosting, is_categorical, bool(rows.classes), context)
        scores = estimator.validation_score_
        n_rounds = int(np.argmax(scores)) if len(scores) else estimator.n_iter_
        trees = trees_of(estimator, max(n_rounds, 1), is_categorical)
        base = np.asarray(estimator._baseline_prediction, dtype=np.float64).ravel()
        link = "logits" if rows.classes else "value"
        return TreesModel(rows.plan, rows.classes, trees, base=base, link=link)

    def _boost(
        self,
        rows: BoostingRows,
        is_categorical: Array,
        is_classification: bool,
        context: FitContext,
    ) -> Any:
        estimator = self._estimator(rows, is_categorical, is_classification, context)
        clock = Clock(context)
        _fill_empty(rows.train[0])
        valid = rows.valid
        extra = {} if valid is None else dict(zip(_VALID_NAMES, valid, strict=True))
        # Every call bins the rows anew, so without a deadline there is one call.
        done, chunk = 0, _FIRST_ROUNDS if isfinite(clock.left()) else rows.n_rounds
        while True:
            wanted = min(done + chunk, rows.n_rounds)
            started = time.monotonic()
            estimator.set_params(max_iter=wanted).fit(*rows.train, **extra)
            chunk = clock.steps((time.monotonic() - started) / (wanted - done), _MAX_ROUNDS)
            done = estimator.n_iter_
            if len(estimator.validation_score_):
                context.report(done, -float(estimator.validation_score_.max()))
            if done < wanted or done == rows.n_rounds or clock.expired():
                return estimator

    def _estimator(
        self,
        rows: BoostingRows,
        is_categorical: Array,
        is_classification: bool,
        context: FitContext,
    ) -> Any:
        from sklearn.ensemble import (
            HistGradientBoostingClassifier,
            HistGradientBoostingRegressor,
        )

        plain = (
            HistGradientBoostingClassifier if is_classification else HistGradientBoostingRegressor
        )
        cls = _with_plain_bins(plain)
        names = ("learning_rate", "max_leaf_nodes", "min_samples_leaf", "l2_regularization")
        return cls(
            **{name: self.config[name] for name in names},
            max_features=self.config["max_features"],
            categorical_features=is_categorical if is_categorical.any() else None,
            early_stopping=rows.valid is not None,
            n_iter_no_change=rows.patience,
            tol=0.0,
            random_state=context.seed,
            warm_start=True,
        )


def _with_plain_bins(cls: Any) -> Any:
    """Gives a subclass whose bins do not depend on weights.

    scikit-learn 1.9 finds weighted bin edges one percentile at a time, which was measured at
    0.2 s per column of 60,000 rows, ten times the boosting itself.
    """

    class Boosting(cls):  # type: ignore[misc]
        def _bin_data(self, X: Array, *weight: Any, is_training_data: bool) -> Any:
            return super()._bin_data(X, *([None] * len(weight)), is_training_data=is_training_data)

    return Boosting


_VALID_NAMES = ("X_val", "y_val", "sample_weight_val")


def trees_of(estimator: Any, n_rounds: int, is_categorical: Array) -> Trees:
    """Reads the trees out of a fitted estimator.

    Args:
        estimator: A HistGradientBoosting estimator of scikit-learn.
        n_rounds: The first so many rounds, >= 1.
        is_categorical: (p,) bool as it was given to the estimator.
    """
    # Inside, scikit-learn puts the categorical columns first and codes their levels anew.
    columns = np.concatenate([np.flatnonzero(is_categorical), np.flatnonzero(~is_categorical)])
    categories = []
    if is_categorical.any():
        encoder = estimator._preprocessor.named_transformers_["encoder"]
        categories = [_codes(levels) for levels in encoder.categories_]
    rounds = estimator._predictors[:n_rounds]
    return join([_flatten(tree, columns, categories) for trees in rounds for tree in trees])


def _fill_empty(Z: Array) -> None:
    """Writes 0 into columns of NaN only: scikit-learn 1.9 fails to bin them."""
    Z[:, np.isnan(Z).all(axis=0)] = 0.0


def _codes(levels: Array) -> Array:
    """Gives our codes by scikit-learn's, which count only levels of the rows it was fitted on."""
    return levels[~np.isnan(levels)].astype(np.int64)


def _flatten(predictor: Any, columns: Array, categories: list[Array]) -> Tree:
    nodes = predictor.nodes
    is_leaf = nodes["is_leaf"].astype(bool)
    is_categorical = nodes["is_categorical"].astype(bool) & ~is_leaf
    bits = [
        _own_bits(
            predictor.raw_left_cat_bitsets[node["bitset_idx"]],
            categories[node["feature_idx"]],
            unknown_left=bool(node["missing_go_to_left"]),
        )
        for node in nodes[is_categorical]
    ]
    bitset = np.full(len(nodes), -1)
    bitset[is_categorical] = np.arange(len(bits))
    return Tree(
        feature=np.where(is_leaf, -1, columns[nodes["feature_idx"]]),
        threshold=nodes["num_threshold"],
        left=nodes["left"].astype(np.int64),
        right=nodes["right"].astype(np.int64),
        missing_left=nodes["missing_go_to_left"],
        values=nodes["value"][:, None],
        bitset=bitset,
        bits=np.array(bits, dtype=np.uint32).reshape(-1, 8),
    )


def _own_bits(theirs: Array, codes: Array, *, unknown_left: bool) -> Array:
    """Rewrites a set of scikit-learn's codes as one of ours; unknown levels go with missing."""
    goes_left = np.full(256, unknown_left)
    index = np.arange(len(codes))
    goes_left[codes] = (theirs[index >> 5] >> (index & 31).astype(np.uint32)) & 1
    packed: Array = np.packbits(goes_left, bitorder="little").view("<u4")
    return packed
