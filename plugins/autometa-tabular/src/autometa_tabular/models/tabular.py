"""What all models of this plugin share: an encoding plan and the classes."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autometa import EncodingPlan, Model, NotApplicable, OnnxGraph, OnnxOutput, OnnxScores
from autometa_tabular.classes import Array, Classes

if TYPE_CHECKING:
    import pandas as pd

PLAN = "plan.json"
DOUBLE = 11
"""float64, as ONNX counts types."""


class TabularModel(Model):
    """A model over encoded rows.

    Args:
        plan: How rows are encoded.
        classes: The classes it knows; None for regression.
    """

    def __init__(self, plan: EncodingPlan, classes: Classes | None) -> None:
        self.plan = plan
        self.classes = classes

    @abstractmethod
    def predict_encoded(self, Z: Array) -> Array:
        """Predicts encoded rows.

        Args:
            Z: (n, plan.width) float32.

        Returns:
            (n,) float64 values, or (n, n_present) probabilities.
        """

    def predict(self, X: pd.DataFrame | np.ndarray[Any, Any]) -> Array:
        """Predicts rows, see `Model.predict`."""
        if isinstance(X, np.ndarray):
            raise TypeError("a tabular model predicts a DataFrame of typed columns")
        outputs = self.predict_encoded(self.plan.transform(X))
        return outputs if self.classes is None else self.classes.expand(outputs)

    def to_onnx(self, graph: OnnxGraph) -> OnnxOutput:
        """Writes itself into a graph, see `Model.to_onnx`; by default it declines."""
        raise NotApplicable(f"a {self.format} model has no onnx export")

    def onnx_probabilities(self, scores: OnnxScores, link: str) -> OnnxOutput:
        """Gives the output of scores of the classes that the model knows.

        Args:
            scores: (n, n_present), or (n, 1) of the second of two classes.
            link: See `OnnxOutput.probabilities`.
        """
        if self.classes is None:
            raise TypeError("regression has no probabilities")
        return OnnxOutput.probabilities(
            scores,
            link=link,
            n_classes=self.classes.n_classes,
            present=self.classes.present,
            floor=self.classes.floor,
        )

    def onnx_wide(self, graph: OnnxGraph, limit: float | None = None) -> str:
        """Gives the name of the encoded rows as float64, held within ±limit."""
        wide = graph.node("Cast", graph.encode(self.plan), to=DOUBLE)
        if limit is None:
            return wide
        ends = (graph.constant(end, np.float64) for end in (-limit, limit))
        return graph.node("Clip", wide, *ends)

    def save_plan(self, folder: Path) -> None:
        """Writes the encoding plan."""
        (folder / PLAN).write_text(self.plan.to_json(), encoding="utf-8")


def load_plan(folder: Path) -> EncodingPlan:
    """Reads the encoding plan.

    Raises:
        ValueError: If it is missing or none.
    """
    try:
        return EncodingPlan.from_json((folder / PLAN).read_text(encoding="utf-8"))
    except OSError as exc:
        raise ValueError(f"cannot read {PLAN} of a model: {exc}") from exc


def onnx_affine(graph: OnnxGraph, tensor: str, weight: Array, bias: Array) -> str:
    """Gives the name of ``tensor @ weight + bias`` in float64."""
    product = graph.node("MatMul", tensor, graph.constant(weight, np.float64))
    return graph.node("Add", product, graph.constant(bias, np.float64))


def softmax(logits: Array) -> Array:
    """Gives (n, k) probabilities of (n, k) logits, or (n, 2) of the logit of class 1, (n, 1)."""
    if logits.shape[1] == 1:
        logits = np.hstack([np.zeros_like(logits), logits])
    # Beyond this a probability is 0 or 1 anyway, and the difference of two stays finite.
    bounded = np.clip(logits, -1e300, 1e300)
    exponentials = np.exp(bounded - bounded.max(axis=1, keepdims=True))
    probabilities: Array = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities
