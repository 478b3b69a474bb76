"""CatBoost, which is installed with ``pip install autometa-tabular[catboost]``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np

from autometa import FitContext, Model, NotApplicable, Space, TabularEncoder
from autometa_tabular.classes import Array
from autometa_tabular.clock import Clock
from autometa_tabular.learners.base import Rows, TabularLearner
from autometa_tabular.learners.boosting import boosting_rows
from autometa_tabular.models.trees import Tree, TreesModel, join


def space() -> Space:
    """Gives the space.

    Ranges follow Shwartz-Ziv & Armon 2022 (appendix, CatBoost); depth stays where a tree of all
    corners is small.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    params = {
        "learning_rate": FloatDistribution(0.02, 0.3, log=True),
        "depth": IntDistribution(2, 8),
        "l2_leaf_reg": FloatDistribution(0.3, 30.0, log=True),
        "random_strength": FloatDistribution(0.1, 10.0, log=True),
        "subsample": FloatDistribution(0.5, 1.0),
        "rsm": FloatDistribution(0.3, 1.0),
        "categorical": CategoricalDistribution(("target", "onehot")),
        "class_weight": CategoricalDistribution(("none", "balanced")),
    }
    return Space(params, {}, CatBoost.DEFAULTS)


class CatBoost(TabularLearner):
    """Boosts oblivious trees (Prokhorenkova et al. 2018), with early stopping and a deadline.

    Categories are encoded as for all other learners, so that the model holds the trees as arrays
    and predicts without CatBoost. `class_weight` has no effect in regression.
    """

    DEFAULTS: ClassVar[dict[str, Any]] = {
        "learning_rate": 0.08,
        "depth": 5,
        "l2_leaf_reg": 3.0,
        "random_strength": 1.0,
        "subsample": 0.8,
        "rsm": 1.0,
        "categorical": "target",
        "class_weight": "none",
    }

    def encoder(self) -> TabularEncoder:
        """Gives the encoding."""
        return TabularEncoder(missing="keep", scale="none", categorical=self.config["categorical"])

    def fit_rows(self, rows: Rows, context: FitContext) -> Model:
        """Fits, see `TabularLearner.fit_rows`."""
        import catboost

        center, spread = 0.0, 1.0
        if rows.classes is None:
            center, spread = float(np.mean(rows.y)), float(np.std(rows.y))
            rows = replace(rows, y=(rows.y - center) / spread)
        boosting = boosting_rows(rows, self.config["learning_rate"], context)
        with TemporaryDirectory(prefix="autometa-catboost-") as place:
            booster = catboost.CatBoost(self._parameters(rows, boosting.n_rounds, context, place))
            try:
                booster.fit(
                    _pool(boosting.train),
                    eval_set=_pool(boosting.valid) if boosting.valid else None,
                    early_stopping_rounds=boosting.patience if boosting.valid else None,
                    callbacks=[_Stops(Clock(context))],
                )
            except catboost.CatBoostError as exc:  # a handful of rows, or constant columns
                reason = str(exc).rpartition(": ")[2]
                raise NotApplicable(f"CatBoost cannot fit these rows: {reason}") from exc
            file = Path(place) / "model.json"
            booster.save_model(str(file), format="json")
            dumped = json.loads(file.read_text(encoding="utf-8"))
        k = rows.n_present if rows.n_present > 2 else 1
        trees = join([flatten(tree, _columns(dumped), k) for tree in dumped["oblivious_trees"]])
        scale, bias = dumped["scale_and_bias"]
        np.multiply(trees.values, scale * spread, out=trees.values)
        base = spread * np.broadcast_to(np.asarray(bias, dtype=np.float64), k) + center
        link = "value" if rows.classes is None else "logits"
        return TreesModel(rows.plan, rows.classes, trees, base=base, link=link)

    def _parameters(
        self, rows: Rows, n_rounds: int, context: FitContext, place: str
    ) -> dict[str, Any]:
        own = {k: v for k, v in self.config.items() if k not in ("categorical", "class_weight")}
        return own | {
            "loss_function": {0: "RMSE", 2: "Logloss"}.get(rows.n_present, "MultiClass"),
            "iterations": n_rounds,
            "bootstrap_type": "Bernoulli",
            "leaf_estimation_iterations": 1,
            "thread_count": context.n_threads,
            "random_seed": context.seed,
            "allow_writing_files": False,
            "train_dir": place,
            "logging_level": "Silent",
        }


class _Stops:
    """Ends the training when the deadline nears; CatBoost calls it after each round."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def after_iteration(self, info: Any) -> bool:
        """Says whether to go on."""
        return not self._clock.expired()


def _pool(part: tuple[Array, Array, Array]) -> Any:
    import catboost

    Z, y, weight = part
    return catboost.Pool(Z, label=y, weight=weight / weight.mean())


def _columns(dumped: Any) -> dict[int, int]:
    """Gives the encoded column of each float feature that CatBoost kept."""
    features = dumped["features_info"]["float_features"]
    return {feature["feature_index"]: feature["flat_feature_index"] for feature in features}


def flatten(tree: Any, columns: dict[int, int], k: int) -> Tree:
    """Writes an oblivious tree as a binary one: bit i of a leaf's number is split i.

    A row goes right above the border; a missing value is below all borders.
    """
    splits = list(reversed(tree["splits"] or []))  # the last split is the highest bit
    depth = len(splits)
    n_inner, n_leaves = 2**depth - 1, 2**depth
    levels = np.repeat(np.arange(depth), 2 ** np.arange(depth))  # (n_inner,)
    feature = np.array([columns[s["float_feature_index"]] for s in splits], dtype=np.int64)
    border = np.array([s["border"] for s in splits], dtype=np.float64)
    node = np.arange(n_inner)
    leaves = np.full(n_leaves, -1)
    values = np.zeros((n_inner + n_leaves, k))
    values[n_inner:] = np.asarray(tree["leaf_values"]).reshape(n_leaves, k)
    return Tree(
        feature=np.concatenate([feature[levels], leaves]),
        threshold=np.concatenate([border[levels], np.zeros(n_leaves)]),
        left=np.concatenate([2 * node + 1, leaves]),
        right=np.concatenate([2 * node + 2, leaves]),
        missing_left=np.ones(n_inner + n_leaves, dtype=bool),
        values=values,
    )
