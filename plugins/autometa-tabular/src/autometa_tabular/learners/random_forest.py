"""Random forests."""

from __future__ import annotations

from typing import Any, ClassVar

from autometa import Space
from autometa_tabular.learners.extra_trees import ExtraTrees, forest_params


def space() -> Space:
    """Gives the space, as that of `extra_trees`."""
    from optuna.distributions import FloatDistribution

    params = {**forest_params(), "max_samples": FloatDistribution(0.3, 1.0)}
    return Space(params, {}, RandomForest.DEFAULTS)


class RandomForest(ExtraTrees):
    """Averages trees of resampled rows with the best of some cuts (Breiman 2001).

    Everything else is as in `ExtraTrees`.
    """

    DEFAULTS: ClassVar[dict[str, Any]] = {
        "n_trees": 200,
        "max_features": 0.4,
        "min_samples_leaf": 3,
        "categorical": "target",
        "class_weight": "none",
        "max_samples": 0.8,
    }

    def forest(self, n_rows: int, **options: Any) -> Any:
        """Gives the estimator, see `ExtraTrees.forest`."""
        from sklearn.ensemble import RandomForestRegressor

        n_drawn = max(1, round(self.config["max_samples"] * n_rows))
        return RandomForestRegressor(max_samples=n_drawn, **options)
