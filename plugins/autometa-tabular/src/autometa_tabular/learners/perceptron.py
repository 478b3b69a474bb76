"""The multilayer perceptron of scikit-learn."""

from __future__ import annotations

from math import isfinite
from typing import Any, ClassVar

import numpy as np

from autometa import FitContext, Model, Space, TabularEncoder
from autometa_tabular.classes import Array, hard_rows
from autometa_tabular.clock import Clock
from autometa_tabular.learners.base import Rows, TabularLearner, inner_split
from autometa_tabular.learners.kernel import value_bounds
from autometa_tabular.learners.linear import ENCODING_DEFAULTS, encoding_params
from autometa_tabular.models.layers import LayersModel

_PATIENCE = 12  # epochs without a better held-out loss
_HELD_OUT = 0.15
_TIME = 0.2  # share of the time that is left


def space() -> Space:
    """Gives the space."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    params = {
        "n_layers": IntDistribution(1, 3),
        "n_units": IntDistribution(8, 256, log=True),
        "alpha": FloatDistribution(1e-6, 1.0, log=True),
        "learning_rate": FloatDistribution(3e-4, 3e-2, log=True),
        **encoding_params(),
        "class_weight": CategoricalDistribution(("none", "balanced")),
    }
    return Space(params, {}, Perceptron.DEFAULTS)


class Perceptron(TabularLearner):
    """Trained by Adam; what was best on held-out rows is kept, as arrays.

    `class_weight` has no effect in regression.
    """

    DEFAULTS: ClassVar[dict[str, Any]] = {
        "n_layers": 2,
        "n_units": 64,
        "alpha": 1e-3,
        "learning_rate": 3e-3,
        **ENCODING_DEFAULTS,
        "class_weight": "none",
    }

    def encoder(self) -> TabularEncoder:
        """Gives the encoding."""
        return TabularEncoder(scale=self.config["scale"], categorical=self.config["categorical"])

    def fit_rows(self, rows: Rows, context: FitContext) -> Model:
        """Fits, see `TabularLearner.fit_rows`."""
        scale = (0.0, 1.0)
        y = rows.y
        if rows.classes is None:
            scale = (float(np.mean(y)), float(np.std(y)))
            y = (y - scale[0]) / scale[1]
        train, valid = inner_split(y, rows.classes is not None, _HELD_OUT, context.rng)
        if not len(valid):
            valid = train
        weights, biases = self._train(rows, y, train, valid, context)
        bounds = None if rows.classes else value_bounds(rows.y)
        return LayersModel(rows.plan, rows.classes, weights, biases, scale=scale, bounds=bounds)

    def _train(
        self, rows: Rows, y: Array, train: Array, valid: Array, context: FitContext
    ) -> tuple[list[Array], list[Array]]:
        """Gives the layers with the least held-out loss."""
        clock = Clock(context)
        # A trial has several folds: one that took all the time would leave none to the others.
        least = (1.0 - _TIME) * clock.left() if isfinite(clock.left()) else 0.0
        if rows.classes is None:
            repeated, labels, weight = np.arange(len(train)), y[train], rows.weight[train]
        else:
            repeated, labels, weight = hard_rows(y[train], rows.weight[train])
        Z = rows.Z[train][repeated].clip(-1e6, 1e6)
        network = self._network(rows, len(Z), context)
        best, waited = np.inf, 0
        kept: tuple[list[Array], list[Array]] = ([], [])
        extra = {"classes": np.arange(rows.n_present)} if rows.classes else {}
        for epoch in range(self._epochs(len(Z))):
            network.partial_fit(Z, labels, sample_weight=weight / weight.mean(), **extra)
            loss = _loss(network, rows.Z[valid].clip(-1e6, 1e6), y[valid], rows.weight[valid])
            context.report(epoch, loss)
            waited += 1
            if loss < best or not kept[0]:
                best, waited = loss, 0
                kept = ([w.copy() for w in network.coefs_], [b.copy() for b in network.intercepts_])
            if waited >= _PATIENCE or clock.left() <= least:
                break
        return kept

    @staticmethod
    def _epochs(n: int) -> int:
        """Gives the most epochs: some 30,000 steps of few rows, 40 epochs of many."""
        return int(np.clip(6_000_000 / n, 40, 300))

    def _network(self, rows: Rows, n: int, context: FitContext) -> Any:
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        kind = MLPClassifier if rows.classes else MLPRegressor
        return kind(
            hidden_layer_sizes=(self.config["n_units"],) * self.config["n_layers"],
            alpha=self.config["alpha"],
            learning_rate_init=self.config["learning_rate"],
            batch_size=min(n, int(np.clip(n // 30, 16, 256))),
            random_state=context.seed,
        )


def _loss(network: Any, Z: Array, y: Array, weight: Array) -> float:
    """Gives the weighted cross-entropy, or squared error, of held-out rows."""
    if not hasattr(network, "predict_proba"):
        errors = (network.predict(Z) - y) ** 2
    else:
        logs = np.log(np.clip(network.predict_proba(Z), 1e-7, 1.0))
        errors = -(logs * y).sum(axis=1) if y.ndim == 2 else -logs[np.arange(len(y)), y]
    loss = float(np.average(errors, weights=weight))
    return loss if np.isfinite(loss) else np.inf
