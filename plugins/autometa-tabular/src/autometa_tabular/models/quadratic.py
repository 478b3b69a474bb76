"""Models whose logits are a quadratic function of each encoded column, without products."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from autometa import EncodingPlan, OnnxGraph, OnnxOutput
from autometa_tabular.classes import Array, Classes
from autometa_tabular.models.tabular import TabularModel, load_plan, onnx_affine, softmax
from autometa_tabular.storage import read_arrays, read_json, write_arrays, write_json

_META, _ARRAYS = "quadratic.json", "quadratic.npz"
_LIMIT = 1e6  # encoded values beyond it are held there, so that squares stay finite


class QuadraticModel(TabularModel):
    """``softmax(Z² @ square + Z @ linear + intercept)``.

    Args:
        plan: How rows are encoded.
        classes: That occur.
        square: (width, k) float64.
        linear: (width, k) float64.
        intercept: (k,) float64.
    """

    format: ClassVar[str] = "quadratic"

    def __init__(
        self, plan: EncodingPlan, classes: Classes, square: Array, linear: Array, intercept: Array
    ) -> None:
        super().__init__(plan, classes)
        self.square = square
        self.linear = linear
        self.intercept = intercept

    def predict_encoded(self, Z: Array) -> Array:
        """Predicts encoded rows, see `TabularModel.predict_encoded`."""
        bounded = Z.astype(np.float64).clip(-_LIMIT, _LIMIT)
        return softmax(bounded**2 @ self.square + bounded @ self.linear + self.intercept)

    def to_onnx(self, graph: OnnxGraph) -> OnnxOutput:
        """Writes itself into a graph, see `Model.to_onnx`."""
        Z = self.onnx_wide(graph, _LIMIT)
        linear = onnx_affine(graph, Z, self.linear, self.intercept)
        squares = graph.node("MatMul", graph.node("Mul", Z, Z), graph.constant(self.square))
        scores = graph.scores(graph.node("Add", linear, squares), len(self.intercept))
        return self.onnx_probabilities(scores, "softmax")

    def save(self, folder: Path) -> None:
        """Writes ``plan.json``, ``quadratic.json`` and ``quadratic.npz``."""
        self.save_plan(folder)
        write_json(folder / _META, {"classes": self.classes.to_json() if self.classes else None})
        names = ("square", "linear", "intercept")
        write_arrays(folder / _ARRAYS, {name: getattr(self, name) for name in names})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote."""
        classes = Classes.from_json(read_json(folder / _META, "classes")["classes"])
        if classes is None:
            raise ValueError(f"{_META} of a model names no classes")
        arrays = read_arrays(folder / _ARRAYS, "square", "linear", "intercept")
        return cls(load_plan(folder), classes, **arrays)
