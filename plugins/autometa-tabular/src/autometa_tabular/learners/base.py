"""What all learners of this plugin share: classes, encoding, constants, inner splits."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from autometa import (
    EncodingPlan,
    FitContext,
    Learner,
    Model,
    NotApplicable,
    TabularEncoder,
    TrainingData,
)
from autometa_tabular.classes import Array, Classes, balanced
from autometa_tabular.models.constant import ConstantModel


@dataclass(frozen=True, slots=True)
class Rows:
    """Encoded training rows.

    Args:
        plan: How they were encoded.
        Z: (n, plan.width) float32.
        y: (n,) values, (n,) indices of the present classes, or (n, k) soft labels of those.
        weight: (n,) float64, positive.
        classes: None for regression.
    """

    plan: EncodingPlan
    Z: Array
    y: Array
    weight: Array
    classes: Classes | None

    @property
    def n_present(self) -> int:
        """Number of classes that occur; 0 for regression."""
        return len(self.classes.present) if self.classes else 0


class TabularLearner(Learner):
    """Encodes the rows, gives a constant where there is nothing to learn, and fits the rest.

    Class attributes:
        PROBLEM: The only problem it fits, or "" for both.
    """

    PROBLEM: ClassVar[str] = ""

    @abstractmethod
    def encoder(self) -> TabularEncoder:
        """Gives the encoding that this configuration wants."""

    @abstractmethod
    def fit_rows(self, rows: Rows, context: FitContext) -> Model:
        """Fits encoded rows with at least one column, and two classes or two values."""

    def fit(self, data: TrainingData, context: FitContext) -> Model:
        """Fits, see `Learner.fit`."""
        if not isinstance(data.X, pd.DataFrame):
            raise NotApplicable(f"{type(self).__name__} takes tables, not images")
        if self.PROBLEM not in ("", data.problem):
            raise NotApplicable(f"{type(self).__name__} is for {self.PROBLEM}, not {data.problem}")
        classes = None if data.n_classes is None else Classes.of(data)
        y = data.y if classes is None else classes.compress(data.y)
        if np.ptp(y) == 0 if classes is None else len(classes.present) < 2:
            return ConstantModel.of(data)
        weight = np.ones(len(data)) if data.sample_weight is None else data.sample_weight
        if classes is not None and self.config.get("class_weight") == "balanced":
            weight = balanced(weight, y, len(classes.present))
        plan, Z = self.encoder().fit_transform(
            data.X,
            y,
            n_classes=len(classes.present) if classes else None,
            sample_weight=weight,
            rng=context.rng,
        )
        if not plan.width:
            return ConstantModel.of(data)
        return self.fit_rows(Rows(plan, Z, y, weight, classes), context)


def inner_split(
    y: Array, is_classification: bool, share: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Deals rows into those to fit and those to stop early on.

    Every class keeps at least one row to fit; soft labels count as their largest class.

    Returns:
        Indices (n - v,) and (v,), each rising; v is about `share` of n.
    """
    n = len(y)
    order = rng.permutation(n)
    if not is_classification:
        n_held_out = round(share * n)
        return np.sort(order[n_held_out:]), np.sort(order[:n_held_out])
    labels = y.argmax(axis=1) if y.ndim == 2 else y
    held_out = []
    for label in np.unique(labels):
        members = order[labels[order] == label]
        # Rounding by chance, so that small classes are held out at their share too.
        held_out.append(members[: min(int(share * len(members) + rng.random()), len(members) - 1)])
    valid = np.sort(np.concatenate(held_out))
    return np.setdiff1d(np.arange(n), valid), valid
