"""Models that are linear in features of a kernel: support vectors, landmarks, random waves."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from autometa import EncodingPlan, OnnxGraph, OnnxOutput
from autometa_tabular.classes import Array, Classes
from autometa_tabular.models.tabular import TabularModel, load_plan, onnx_affine, softmax
from autometa_tabular.storage import read_arrays, read_json, write_arrays, write_json

_META, _ARRAYS = "kernel.json", "kernel.npz"
_CELLS = 1 << 22  # features that are held at once
_LIMIT = 30.0  # encoded values that waves see: beyond, a wave is noise of the last bits
GAUSSIAN, WAVES = "gaussian", "waves"


def features(kind: str, Z: Array, centers: Array, gamma: float, phases: Array) -> Array:
    """Gives (n, m) float64 features of encoded rows (n, p).

    Args:
        kind: ``gaussian``: ``exp(-gamma |z - c|²)``; ``waves``: ``sqrt(2 / m) cos(z @ c + phase)``.
        Z: (n, p) encoded rows.
        centers: (m, p).
        gamma: Above 0.
        phases: (m,) of waves; () otherwise.
    """
    wide = Z.astype(np.float64)
    if kind == WAVES:
        angles = wide.clip(-_LIMIT, _LIMIT) @ centers.T + phases
        waves: Array = np.sqrt(2.0 / len(centers)) * np.cos(angles)
        return waves
    products = wide @ centers.T
    squares = (wide**2).sum(axis=1)[:, None] + (centers**2).sum(axis=1) - 2.0 * products
    gaussian: Array = np.exp(-gamma * np.maximum(squares, 0.0))
    return gaussian


def onnx_squares(graph: OnnxGraph, Z: str, centers: Array) -> str:
    """Gives the name of the squared distances (n, m) of rows Z to centers (m, p)."""
    own = graph.node(
        "ReduceSum", graph.node("Mul", Z, Z), graph.constant([1], np.int64), keepdims=1
    )
    others = onnx_affine(graph, Z, -2.0 * centers.T, (centers**2).sum(axis=1))
    return graph.node("Add", own, others)


class KernelModel(TabularModel):
    """``features(Z) @ coef + intercept``, as a value or as logits.

    Args:
        plan: How rows are encoded.
        classes: None for regression.
        kind: See `features`.
        centers: (m, width) float64.
        gamma: See `features`.
        phases: (m,) float64, or (0,).
        coef: (m, k) float64; k is 1 for regression and for two classes.
        intercept: (k,) float64.
        bounds: (lowest, highest) that a value is held within; None for classification.
    """

    format: ClassVar[str] = "kernel"

    def __init__(
        self,
        plan: EncodingPlan,
        classes: Classes | None,
        kind: str,
        *,
        centers: Array,
        gamma: float,
        phases: Array,
        coef: Array,
        intercept: Array,
        bounds: tuple[float, float] | None = None,
    ) -> None:
        super().__init__(plan, classes)
        self.kind = kind
        self.centers = centers
        self.gamma = gamma
        self.phases = phases
        self.coef = coef
        self.intercept = intercept
        self.bounds = bounds

    def predict_encoded(self, Z: Array) -> Array:
        """Predicts encoded rows, see `TabularModel.predict_encoded`."""
        outputs = np.empty((len(Z), self.coef.shape[1]))
        step = max(1, _CELLS // max(len(self.centers), 1))
        for start in range(0, len(Z), step):
            rows = slice(start, start + step)
            own = features(self.kind, Z[rows], self.centers, self.gamma, self.phases)
            outputs[rows] = own @ self.coef + self.intercept
        if self.classes is not None:
            return softmax(outputs)
        values: Array = outputs[:, 0] if self.bounds is None else outputs[:, 0].clip(*self.bounds)
        return values

    def to_onnx(self, graph: OnnxGraph) -> OnnxOutput:
        """Writes itself into a graph, see `Model.to_onnx`."""
        tensor = onnx_affine(graph, self._onnx_features(graph), self.coef, self.intercept)
        scores = graph.scores(tensor, len(self.intercept))
        if self.classes is not None:
            return self.onnx_probabilities(scores, "softmax")
        return OnnxOutput.values(scores, bounds=self.bounds)

    def _onnx_features(self, graph: OnnxGraph) -> str:
        Z = self.onnx_wide(graph, _LIMIT if self.kind == WAVES else None)
        if self.kind == WAVES:
            # A cosine of float64 is not everywhere; the sine a quarter of a turn later is.
            turned = onnx_affine(graph, Z, self.centers.T, self.phases + 0.5 * np.pi)
            scale = graph.constant(np.sqrt(2.0 / len(self.centers)), np.float64)
            return graph.node("Mul", graph.node("Sin", turned), scale)
        squares = onnx_squares(graph, Z, self.centers)
        positive = graph.node("Max", squares, graph.constant(0.0, np.float64))
        factor = graph.constant(-self.gamma, np.float64)
        return graph.node("Exp", graph.node("Mul", positive, factor))

    def save(self, folder: Path) -> None:
        """Writes ``plan.json``, ``kernel.json`` and ``kernel.npz``."""
        self.save_plan(folder)
        meta = {
            "classes": self.classes.to_json() if self.classes else None,
            "kind": self.kind,
            "gamma": self.gamma,
            "bounds": self.bounds,
        }
        write_json(folder / _META, meta)
        names = ("centers", "phases", "coef", "intercept")
        write_arrays(folder / _ARRAYS, {name: getattr(self, name) for name in names})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote."""
        meta = read_json(folder / _META, "classes", "kind", "gamma", "bounds")
        if meta["kind"] not in (GAUSSIAN, WAVES):
            raise ValueError(f"kind of a kernel model must be {GAUSSIAN} or {WAVES}")
        return cls(
            load_plan(folder),
            Classes.from_json(meta["classes"]),
            meta["kind"],
            gamma=float(meta["gamma"]),
            bounds=tuple(meta["bounds"]) if meta["bounds"] else None,
            **read_arrays(folder / _ARRAYS, "centers", "phases", "coef", "intercept"),
        )
