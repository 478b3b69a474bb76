"""Networks for tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor

from autometa import EncodingPlan, OnnxGraph, OnnxOutput, TrainingData
from autometa_torch.models.network import NetworkModel, Outputs
from autometa_torch.networks import Network
from autometa_torch.training import Samples

if TYPE_CHECKING:
    import pandas as pd

_PLAN = "plan.json"


class TabularNetwork(NetworkModel):
    """A network over encoded columns.

    Args:
        plan: From typed columns to (n, plan.width) float32.
        module: See `NetworkModel`.
        outputs: See `NetworkModel`.
    """

    def __init__(self, plan: EncodingPlan, module: Network, outputs: Outputs) -> None:
        super().__init__(module, outputs)
        self.plan = plan

    def encode(self, X: pd.DataFrame | np.ndarray[Any, Any]) -> Tensor:
        """Gives (n, plan.width) float32."""
        if isinstance(X, np.ndarray):
            raise TypeError("a network for tables predicts a DataFrame of typed columns")
        return torch.from_numpy(self.plan.transform(X))

    def with_module(self, module: Network) -> Self:
        """Gives this model with another network, see `NetworkModel.with_module`."""
        return type(self)(self.plan, module, self.outputs)

    def samples(self, data: TrainingData) -> Samples:
        """Gives encoded rows, see `NetworkModel.samples`."""
        Z = self.encode(data.X).numpy()
        y = self.outputs.standardised(np.asarray(data.y))
        return Samples.of(Z, y, data.n_classes, data.sample_weight)

    def to_onnx(self, graph: OnnxGraph) -> OnnxOutput:
        """Writes itself into a graph, see `Model.to_onnx`."""
        raw = self.module.to_onnx(graph, graph.encode(self.plan))
        return self.outputs.onnx(graph.scores(raw, self.n_classes or 1))

    def save_inputs(self, folder: Path) -> None:
        """Writes the encoding plan."""
        (folder / _PLAN).write_text(self.plan.to_json(), encoding="utf-8")

    @classmethod
    def load_with(cls, folder: Path, module: Network, outputs: Outputs) -> Self:
        """Reads the encoding plan."""
        try:
            plan = EncodingPlan.from_json((folder / _PLAN).read_text(encoding="utf-8"))
        except OSError as exc:
            raise ValueError(f"cannot read {_PLAN} of a model: {exc}") from exc
        return cls(plan, module, outputs)
