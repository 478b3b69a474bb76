"""A nearest-centroid classifier.

Source: Tibshirani et al. (2002), "Diagnosis of multiple cancer types by shrunken centroids of
gene expression". Deviation: means are shrunk by one factor instead of a threshold per feature.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from optuna.distributions import FloatDistribution

from autometa import (
    EncodingPlan,
    FitContext,
    Learner,
    Model,
    NotApplicable,
    Space,
    TabularEncoder,
    TrainingData,
)

Array = np.ndarray[Any, Any]


def space() -> Space:
    """Gives the hyperparameters of `NearestCentroid`."""
    return Space(
        params={
            "shrinkage": FloatDistribution(0.0, 0.9),
            "temperature": FloatDistribution(0.01, 10.0, log=True),
        },
        defaults={"shrinkage": 0.1, "temperature": 0.3},
    )


class CentroidModel(Model):
    """Class means in the encoded space.

    Args:
        plan: How typed columns become numbers.
        centroids: (k, d) float32 or float16, one mean per class.
        log_prior: (k,) logarithm of the class shares.
        temperature: Positive; the larger, the closer the probabilities to each other.
    """

    format: ClassVar[str] = "centroid"

    def __init__(
        self, plan: EncodingPlan, centroids: Array, log_prior: Array, temperature: float
    ) -> None:
        self.plan = plan
        self.centroids = centroids
        self.log_prior = log_prior
        self.temperature = temperature

    def predict(self, X: pd.DataFrame | Array) -> Array:
        """Gives (n, k) probabilities that fall with the squared distance per column."""
        assert isinstance(X, pd.DataFrame)
        Z = self.plan.transform(X).astype(np.float64)  # (n, d)
        C = self.centroids.astype(np.float64)  # (k, d)
        squares = (Z**2).sum(1)[:, None] - 2 * Z @ C.T + (C**2).sum(1)  # (n, k)
        logits = self.log_prior - squares / (max(C.shape[1], 1) * self.temperature)
        odds = np.exp(logits - logits.max(1, keepdims=True))
        return np.asarray(odds / odds.sum(1, keepdims=True))

    def save(self, folder: Path) -> None:
        """Writes two JSON files and one array."""
        (folder / "plan.json").write_text(self.plan.to_json(), encoding="utf-8")
        rest = {"log_prior": self.log_prior.tolist(), "temperature": self.temperature}
        (folder / "centroid.json").write_text(json.dumps(rest), encoding="utf-8")
        np.save(folder / "centroids.npy", self.centroids, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote."""
        try:
            plan = EncodingPlan.from_json((folder / "plan.json").read_text(encoding="utf-8"))
            rest = json.loads((folder / "centroid.json").read_text(encoding="utf-8"))
            centroids = np.load(folder / "centroids.npy", allow_pickle=False)
            return cls(plan, centroids, np.array(rest["log_prior"]), rest["temperature"])
        except (OSError, EOFError, KeyError, TypeError) as exc:
            raise ValueError(f"{folder} holds no centroid model: {exc}") from exc


class NearestCentroid(Learner):
    """Fits one mean row per class, shrunk towards the mean of all rows."""

    def fit(self, data: TrainingData, context: FitContext) -> CentroidModel:
        """Gives the class means; a class without rows gets the mean of all and a small share."""
        if data.n_classes is None or data.y.ndim != 1:
            raise NotApplicable("needs one class per row")
        assert isinstance(data.X, pd.DataFrame)
        config: dict[str, Any] = {**space().defaults, **self.config}
        plan = TabularEncoder().fit(data.X, rng=context.rng)
        Z = plan.transform(data.X).astype(np.float64)  # (n, d)
        weights = np.ones(len(data)) if data.sample_weight is None else data.sample_weight
        members = np.eye(data.n_classes)[data.y] * weights[:, None]  # (n, k)
        totals = members.sum(0)  # (k,)
        overall = weights @ Z / weights.sum()  # (d,)
        means = np.where(
            totals[:, None] > 0, members.T @ Z / np.maximum(totals, 1e-12)[:, None], overall
        )
        shrinkage = float(config["shrinkage"])
        centroids = (1 - shrinkage) * means + shrinkage * overall  # (k, d)
        # Half a row per class keeps the share of an absent class positive.
        shares = (totals + 0.5) / (totals + 0.5).sum()
        temperature = float(config["temperature"])
        return CentroidModel(plan, centroids.astype(np.float32), np.log(shares), temperature)
