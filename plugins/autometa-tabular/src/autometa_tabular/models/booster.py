"""LightGBM's own text format with an encoding plan."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from autometa import EncodingPlan, OnnxGraph, OnnxOutput
from autometa_tabular.classes import Array, Classes
from autometa_tabular.models.lightgbm_text import read_trees
from autometa_tabular.models.tabular import TabularModel, load_plan
from autometa_tabular.storage import read_json, write_json

if TYPE_CHECKING:
    import pandas as pd
    from lightgbm import Booster

_META, _TEXT = "booster.json", "booster.txt"


class BoosterModel(TabularModel):
    """A LightGBM booster over encoded rows.

    Args:
        plan: How rows are encoded.
        classes: None for regression.
        text: The booster as LightGBM writes it.
        scale: (center, spread) of the target; what the booster gives is standardised.
        n_threads: Threads to predict with, >= 1.
    """

    format: ClassVar[str] = "lightgbm"

    def __init__(
        self,
        plan: EncodingPlan,
        classes: Classes | None,
        text: str,
        *,
        scale: tuple[float, float] = (0.0, 1.0),
        n_threads: int = 1,
    ) -> None:
        super().__init__(plan, classes)
        self.text = text
        self.scale = scale
        self.n_threads = n_threads
        self._booster: Booster | None = None

    @property
    def booster(self) -> Booster:
        """The booster itself, read from its text when it is first used."""
        if self._booster is None:
            from lightgbm import Booster

            self._booster = Booster(model_str=self.text)
        return self._booster

    def predict_encoded(self, Z: Array) -> Array:
        """Predicts encoded rows, see `TabularModel.predict_encoded`."""
        if not len(Z):
            n_outputs = () if self.classes is None else (len(self.classes.present),)
            return np.empty((0, *n_outputs))
        outputs = np.asarray(self.booster.predict(Z, num_threads=self.n_threads))
        if self.classes is None:
            center, spread = self.scale
            return center + spread * outputs
        if outputs.ndim == 1:
            return np.column_stack([1.0 - outputs, outputs])
        shares: Array = outputs / outputs.sum(axis=1, keepdims=True)
        return shares

    def to_onnx(self, graph: OnnxGraph) -> OnnxOutput:
        """Writes itself into a graph, see `Model.to_onnx`."""
        n_present = 1 if self.classes is None else len(self.classes.present)
        base = np.zeros(1 if n_present == 2 else n_present)
        scores = graph.trees(self.plan, read_trees(self.text), base)
        if self.classes is None:
            center, spread = self.scale
            return OnnxOutput.values(scores, scale=spread, shift=center)
        return self.onnx_probabilities(scores, "softmax")

    @property
    def n_rounds(self) -> int:
        """How many trees add to each output."""
        return int(self.booster.current_iteration())

    def first_rounds(self, n: int) -> Self:
        """Gives the model without the trees after the first n of each output.

        Args:
            n: In [1, n_rounds].
        """
        return self._with(self.booster.model_to_string(num_iteration=n))

    def raw(self, X: pd.DataFrame) -> Array:
        """Gives (n, k) what the trees sum up to."""
        Z = self.plan.transform(X)
        sums = self.booster.predict(Z, raw_score=True, num_threads=self.n_threads)
        return np.asarray(sums).reshape(len(X), -1)

    def leaves(self, X: pd.DataFrame) -> Array:
        """Gives (n, n_trees) the index into `leaf_values` that each row reaches in each tree."""
        Z = self.plan.transform(X)
        found = self.booster.predict(Z, pred_leaf=True, num_threads=self.n_threads)
        own = np.asarray(found, dtype=np.int64).reshape(len(X), -1)
        own += np.concatenate([[0], np.cumsum(self._n_leaves())[:-1]])
        return own

    @property
    def leaf_values(self) -> Array:
        """(m, 1); tree i adds to output i % k."""
        booster, sizes = self.booster, self._n_leaves()
        values = [booster.get_leaf_output(t, i) for t, n in enumerate(sizes) for i in range(n)]
        return np.array(values)[:, None]

    def with_leaf_values(self, values: Array) -> Self:
        """Gives the model with other values, of the shape of `leaf_values`."""
        from lightgbm import Booster

        copy, index = Booster(model_str=self.text), 0
        for tree, n in enumerate(self._n_leaves()):
            for leaf in range(n):
                copy.set_leaf_output(tree, leaf, float(values[index, 0]))
                index += 1
        return self._with(copy.model_to_string())

    def _n_leaves(self) -> list[int]:
        return [int(n) for n in re.findall(r"^num_leaves=(\d+)$", self.text, re.MULTILINE)]

    def _with(self, text: str) -> Self:
        return type(self)(self.plan, self.classes, text, scale=self.scale, n_threads=self.n_threads)

    def save(self, folder: Path) -> None:
        """Writes ``plan.json``, ``booster.json`` and ``booster.txt``."""
        self.save_plan(folder)
        classes = self.classes.to_json() if self.classes else None
        write_json(folder / _META, {"classes": classes, "scale": self.scale})
        (folder / _TEXT).write_text(self.text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote."""
        meta = read_json(folder / _META, "classes", "scale")
        try:
            text = (folder / _TEXT).read_text(encoding="utf-8")
        except OSError as exc:
            raise ValueError(f"cannot read {_TEXT} of a model: {exc}") from exc
        classes = Classes.from_json(meta["classes"])
        return cls(load_plan(folder), classes, text, scale=tuple(meta["scale"]))
