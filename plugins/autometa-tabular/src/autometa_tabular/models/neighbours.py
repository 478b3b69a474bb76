"""The training rows themselves, and what their neighbours say."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from autometa import EncodingPlan, OnnxGraph, OnnxOutput
from autometa_tabular.classes import Array, Classes
from autometa_tabular.models.tabular import DOUBLE, TabularModel, load_plan
from autometa_tabular.storage import read_arrays, read_json, write_arrays, write_json

_META, _ARRAYS = "neighbours.json", "neighbours.npz"
_CELLS = 1 << 21  # distances that are held at once
_ROUNDING = 1e-12  # relative: below it, squares of distances are rounding
_TIES = 1e-6  # relative: rows as far as the last neighbour count too, whatever is rounded


class NeighboursModel(TabularModel):
    """The weighted mean over the nearest training rows and the overall mean.

    Args:
        plan: How rows are encoded.
        classes: None for regression.
        known: (m, width) float32 encoded training rows.
        outputs: (m, k) float64 values (k = 1) or class shares.
        weight: (m,) float64, positive.
        n_neighbours: How many are asked, 1 to m; all that are as far as the last one are.
        fading: 0 = all neighbours count the same; else the weight of one is
            ``exp(-fading * (distance / distance of the last)²)``.
        prior: Weight of the overall mean, in neighbours, at least 0.
    """

    format: ClassVar[str] = "neighbours"

    def __init__(
        self,
        plan: EncodingPlan,
        classes: Classes | None,
        *,
        known: Array,
        outputs: Array,
        weight: Array,
        n_neighbours: int,
        fading: float,
        prior: float,
    ) -> None:
        super().__init__(plan, classes)
        self.known = known
        self.outputs = outputs
        self.weight = weight
        self.n_neighbours = n_neighbours
        self.fading = fading
        self.prior = prior
        self._wide = known.astype(np.float64)
        self._squares = (self._wide**2).sum(axis=1)
        self._mean = np.average(outputs, axis=0, weights=weight)

    def predict_encoded(self, Z: Array) -> Array:
        """Predicts encoded rows, see `TabularModel.predict_encoded`."""
        outputs = np.empty((len(Z), self.outputs.shape[1]))
        step = max(1, _CELLS // len(self.known))
        for start in range(0, len(Z), step):
            outputs[start : start + step] = self._block(Z[start : start + step].astype(np.float64))
        return outputs[:, 0] if self.classes is None else outputs

    def _block(self, Z: Array) -> Array:
        own = (Z**2).sum(axis=1)[:, None]
        scale = _ROUNDING * (own + self._squares.max() + 1.0)
        squares = np.maximum(own + self._squares - 2.0 * (Z @ self._wide.T), scale)  # (n, m)
        last = np.partition(squares, self.n_neighbours - 1, axis=1)[:, self.n_neighbours - 1]
        relative = squares / last[:, None]
        weight = np.where(relative <= 1.0 + _TIES, self.weight, 0.0)
        if self.fading:
            weight *= np.exp(-self.fading * np.minimum(relative, 1.0))
        total = weight.sum(axis=1, keepdims=True)
        prior = self.prior * total / self.n_neighbours
        mixed: Array = (weight @ self.outputs + prior * self._mean) / (total + prior)
        return mixed

    def to_onnx(self, graph: OnnxGraph) -> OnnxOutput:
        """Writes itself and all its training rows into a graph, see `Model.to_onnx`.

        Squares, ties and weights are computed in float64 in the order of `predict_encoded`, so that
        the same rows are as far as the last neighbour.
        """
        squares = self._onnx_squares(graph)  # (n, m)
        last = self._onnx_last(graph, squares)  # (n, 1)
        relative = graph.node("Div", squares, last)
        far = graph.node("Greater", relative, graph.constant(1.0 + _TIES, np.float64))
        none = graph.constant(0.0, np.float64)
        weight = graph.node("Where", far, none, _onnx_exact(graph, self.weight))
        if self.fading:
            near = graph.node("Min", relative, graph.constant(1.0, np.float64))
            factor = graph.constant(-self.fading, np.float64)
            weight = graph.node("Mul", weight, graph.node("Exp", graph.node("Mul", near, factor)))
        axis = graph.constant([1], np.int64)
        total = graph.node("ReduceSum", weight, axis, keepdims=1)  # (n, 1)
        share = graph.constant(self.prior / self.n_neighbours, np.float64)
        prior = graph.node("Mul", total, share)
        sums = graph.node("MatMul", weight, _onnx_exact(graph, self.outputs))  # (n, k)
        own = graph.node("Mul", prior, graph.constant(self._mean[None, :], np.float64))
        mixed = graph.node("Div", graph.node("Add", sums, own), graph.node("Add", total, prior))
        scores = graph.scores(mixed, self.outputs.shape[1])
        if self.classes is not None:
            return self.onnx_probabilities(scores, "identity")
        return OnnxOutput.values(scores)

    def _onnx_squares(self, graph: OnnxGraph) -> str:
        """Gives the squared distances to all training rows, not below what rounding leaves."""
        Z = self.onnx_wide(graph)
        axis = graph.constant([1], np.int64)
        own = graph.node("ReduceSum", graph.node("Mul", Z, Z), axis, keepdims=1)  # (n, 1)
        most = graph.node("Add", own, graph.constant(self._squares.max(), np.float64))
        most = graph.node("Add", most, graph.constant(1.0, np.float64))
        least = graph.node("Mul", most, graph.constant(_ROUNDING, np.float64))
        products = graph.node("MatMul", Z, _onnx_exact(graph, self.known.T))
        both = graph.node("Add", own, graph.constant(self._squares, np.float64))
        twice = graph.node("Mul", products, graph.constant(2.0, np.float64))
        return graph.node("Max", graph.node("Sub", both, twice), least)

    def _onnx_last(self, graph: OnnxGraph, squares: str) -> str:
        """Gives the square of the distance of the last neighbour, (n, 1)."""
        count = graph.constant([self.n_neighbours], np.int64)
        nearest, _ = graph.nodes("TopK", squares, count, n_outputs=2, axis=1, largest=0)
        return graph.node(
            "Gather", nearest, graph.constant([self.n_neighbours - 1], np.int64), axis=1
        )

    def save(self, folder: Path) -> None:
        """Writes ``plan.json``, ``neighbours.json`` and ``neighbours.npz``."""
        self.save_plan(folder)
        meta = {
            "classes": self.classes.to_json() if self.classes else None,
            "n_neighbours": self.n_neighbours,
            "fading": self.fading,
            "prior": self.prior,
        }
        write_json(folder / _META, meta)
        names = ("known", "outputs", "weight")
        write_arrays(folder / _ARRAYS, {name: getattr(self, name) for name in names})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote."""
        meta = read_json(folder / _META, "classes", "n_neighbours", "fading", "prior")
        return cls(
            load_plan(folder),
            Classes.from_json(meta["classes"]),
            n_neighbours=int(meta["n_neighbours"]),
            fading=float(meta["fading"]),
            prior=float(meta["prior"]),
            **read_arrays(folder / _ARRAYS, "known", "outputs", "weight"),
        )


def _onnx_exact(graph: OnnxGraph, values: Array) -> str:
    """Gives the name of float64 values, kept in half the bytes where float32 holds them exactly."""
    narrow = values.astype(np.float32)
    if (narrow == values).all():
        return graph.node("Cast", graph.constant(np.ascontiguousarray(narrow)), to=DOUBLE)
    return graph.constant(values, np.float64)
