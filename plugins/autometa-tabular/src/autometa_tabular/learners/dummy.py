"""The baseline every model has to beat."""

from __future__ import annotations

from autometa import FitContext, Learner, Model, Space, TrainingData
from autometa_tabular.models.constant import ConstantModel


def space() -> Space:
    """Gives an empty space."""
    return Space({}, {}, {})


class Dummy(Learner):
    """Predicts the mean, or how often each class occurs."""

    def fit(self, data: TrainingData, context: FitContext) -> Model:
        """Fits, see `Learner.fit`."""
        return ConstantModel.of(data)
