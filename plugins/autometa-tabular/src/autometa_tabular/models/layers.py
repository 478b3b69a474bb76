"""A multilayer perceptron as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from autometa import EncodingPlan, OnnxGraph, OnnxOutput
from autometa_tabular.classes import Array, Classes
from autometa_tabular.models.tabular import TabularModel, load_plan, onnx_affine, softmax
from autometa_tabular.storage import read_arrays, read_json, write_arrays, write_json

_META, _ARRAYS = "layers.json", "layers.npz"
_LIMIT = 1e6  # encoded values beyond it are held there


class LayersModel(TabularModel):
    """Affine layers with ``max(0, x)`` between them.

    Args:
        plan: How rows are encoded.
        classes: None for regression.
        weights: (inputs, outputs) float32 of each layer.
        biases: (outputs,) float32 of each layer.
        scale: (center, spread) of the target; what the last layer gives is standardised.
        bounds: (lowest, highest) that a value is held within; None for classification.
    """

    format: ClassVar[str] = "layers"

    def __init__(
        self,
        plan: EncodingPlan,
        classes: Classes | None,
        weights: Sequence[Array],
        biases: Sequence[Array],
        *,
        scale: tuple[float, float] = (0.0, 1.0),
        bounds: tuple[float, float] | None = None,
    ) -> None:
        super().__init__(plan, classes)
        self.weights = list(weights)
        self.biases = list(biases)
        self.scale = scale
        self.bounds = bounds

    def predict_encoded(self, Z: Array) -> Array:
        """Predicts encoded rows, see `TabularModel.predict_encoded`."""
        outputs = Z.clip(-_LIMIT, _LIMIT).astype(np.float64)
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            outputs = (np.maximum(outputs, 0.0) if index else outputs) @ weight + bias
        if self.classes is not None:
            return softmax(outputs)
        values: Array = self.scale[0] + self.scale[1] * outputs[:, 0]
        return values if self.bounds is None else values.clip(*self.bounds)

    def to_onnx(self, graph: OnnxGraph) -> OnnxOutput:
        """Writes itself into a graph, see `Model.to_onnx`."""
        tensor = self.onnx_wide(graph, _LIMIT)
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if index:
                tensor = graph.node("Max", tensor, graph.constant(0.0, np.float64))
            tensor = onnx_affine(graph, tensor, weight, bias)
        scores = graph.scores(tensor, len(self.biases[-1]))
        if self.classes is not None:
            return self.onnx_probabilities(scores, "softmax")
        center, spread = self.scale
        bounds = self.bounds and tuple((bound - center) / spread for bound in self.bounds)
        return OnnxOutput.values(
            scores, scale=spread, shift=center, bounds=(bounds[0], bounds[1]) if bounds else None
        )

    def save(self, folder: Path) -> None:
        """Writes ``plan.json``, ``layers.json`` and ``layers.npz``."""
        self.save_plan(folder)
        meta = {
            "classes": self.classes.to_json() if self.classes else None,
            "n_layers": len(self.weights),
            "scale": self.scale,
            "bounds": self.bounds,
        }
        write_json(folder / _META, meta)
        arrays = {f"weight{i}": weight for i, weight in enumerate(self.weights)}
        arrays |= {f"bias{i}": bias for i, bias in enumerate(self.biases)}
        write_arrays(folder / _ARRAYS, arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote."""
        meta = read_json(folder / _META, "classes", "n_layers", "scale", "bounds")
        n_layers = range(int(meta["n_layers"]))
        names = [f"{part}{i}" for part in ("weight", "bias") for i in n_layers]
        arrays = read_arrays(folder / _ARRAYS, *names)
        return cls(
            load_plan(folder),
            Classes.from_json(meta["classes"]),
            [arrays[f"weight{i}"] for i in n_layers],
            [arrays[f"bias{i}"] for i in n_layers],
            scale=tuple(meta["scale"]),
            bounds=tuple(meta["bounds"]) if meta["bounds"] else None,
        )
