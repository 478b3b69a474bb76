"""Linear models as two arrays."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from autometa import EncodingPlan, OnnxGraph, OnnxOutput
from autometa_tabular.classes import Array, Classes
from autometa_tabular.models.tabular import TabularModel, load_plan, softmax
from autometa_tabular.storage import read_arrays, read_json, write_arrays, write_json

_META, _ARRAYS = "linear.json", "linear.npz"
_BLOCK = 8192  # rows that are widened to float64 together


class LinearModel(TabularModel):
    """``Z @ coef + intercept``, as a value, as logits, or as the logarithm of a value.

    Args:
        plan: How rows are encoded.
        classes: None for regression.
        coef: (width, k) float64; k is 1 for regression and for two classes.
        intercept: (k,) float64.
        bounds: (lowest, highest) that a value is held within; None for classification.
        log_factor: For a target fitted as logarithm: the prediction is ``log_factor * exp(value)``,
            after the bounds. Else None.
    """

    format: ClassVar[str] = "linear"

    def __init__(
        self,
        plan: EncodingPlan,
        classes: Classes | None,
        coef: Array,
        intercept: Array,
        *,
        bounds: tuple[float, float] | None = None,
        log_factor: float | None = None,
    ) -> None:
        super().__init__(plan, classes)
        self.coef = coef
        self.intercept = intercept
        self.bounds = bounds
        self.log_factor = log_factor

    def predict_encoded(self, Z: Array) -> Array:
        """Predicts encoded rows, see `TabularModel.predict_encoded`."""
        outputs = np.empty((len(Z), self.coef.shape[1]))
        for start in range(0, len(Z), _BLOCK):
            rows = slice(start, start + _BLOCK)
            outputs[rows] = Z[rows].astype(np.float64) @ self.coef + self.intercept
        if self.classes is not None:
            return softmax(outputs)
        values: Array = outputs[:, 0] if self.bounds is None else outputs[:, 0].clip(*self.bounds)
        return values if self.log_factor is None else self.log_factor * np.exp(values)

    def to_onnx(self, graph: OnnxGraph) -> OnnxOutput:
        """Writes itself into a graph, see `Model.to_onnx`."""
        scores = graph.linear(self.plan, self.coef, self.intercept)
        if self.classes is not None:
            return self.onnx_probabilities(scores, "softmax")
        is_log = self.log_factor is not None
        scale = 1.0 if self.log_factor is None else self.log_factor
        return OnnxOutput.values(scores, scale=scale, bounds=self.bounds, is_log=is_log)

    def save(self, folder: Path) -> None:
        """Writes ``plan.json``, ``linear.json`` and ``linear.npz``."""
        self.save_plan(folder)
        classes = self.classes.to_json() if self.classes else None
        meta = {"classes": classes, "bounds": self.bounds, "log_factor": self.log_factor}
        write_json(folder / _META, meta)
        write_arrays(folder / _ARRAYS, {"coef": self.coef, "intercept": self.intercept})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote."""
        meta = read_json(folder / _META, "classes", "bounds", "log_factor")
        arrays = read_arrays(folder / _ARRAYS, "coef", "intercept")
        return cls(
            load_plan(folder),
            Classes.from_json(meta["classes"]),
            arrays["coef"],
            arrays["intercept"],
            bounds=tuple(meta["bounds"]) if meta["bounds"] else None,
            log_factor=meta["log_factor"],
        )
