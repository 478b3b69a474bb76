"""The constant prediction: the baseline, and what is left when there is nothing to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from autometa import Model, OnnxGraph, OnnxOutput, TrainingData
from autometa_tabular.classes import Array, Classes, one_hot
from autometa_tabular.storage import read_json, write_json

if TYPE_CHECKING:
    import pandas as pd

_FILE = "constant.json"


class ConstantModel(Model):
    """Predicts the same for every row.

    Args:
        value: The value (float), or the probabilities of all classes.
    """

    format: ClassVar[str] = "constant"

    def __init__(self, value: float | tuple[float, ...]) -> None:
        self.value = value

    @classmethod
    def of(cls, data: TrainingData) -> ConstantModel:
        """Gives the weighted mean of the target, or the class shares (absent ones above 0)."""
        if data.n_classes is None:
            return cls(float(np.average(data.y, weights=data.sample_weight)))
        shares = np.average(one_hot(data.y, data.n_classes), axis=0, weights=data.sample_weight)
        classes = Classes.of(data)
        full = classes.expand(shares[None, list(classes.present)])[0]
        return cls(tuple((full / full.sum()).tolist()))

    def predict(self, X: pd.DataFrame | np.ndarray[Any, Any]) -> Array:
        """Predicts rows, see `Model.predict`."""
        return np.repeat(np.array([self.value], dtype=np.float64), len(X), axis=0)

    def to_onnx(self, graph: OnnxGraph) -> OnnxOutput:
        """Writes itself into a graph, see `Model.to_onnx`."""
        return OnnxOutput.constant(np.atleast_1d(self.value).tolist())

    def save(self, folder: Path) -> None:
        """Writes ``constant.json``."""
        write_json(folder / _FILE, {"value": self.value})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote."""
        value = read_json(folder / _FILE, "value")["value"]
        return cls(tuple(value) if isinstance(value, list) else float(value))
