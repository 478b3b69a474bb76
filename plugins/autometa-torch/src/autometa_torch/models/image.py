"""Networks for images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor

from autometa import OnnxGraph, OnnxOutput, TrainingData
from autometa_torch.models.network import NetworkModel, Outputs
from autometa_torch.networks import Network
from autometa_torch.onnx_images import write_normalised
from autometa_torch.training import Samples

if TYPE_CHECKING:
    import pandas as pd

_INPUTS = "images.json"


class Normalisation:
    """From bytes to numbers with mean 0 and standard deviation 1 in each channel.

    Args:
        mean: Of each channel, in [0, 255].
        spread: Standard deviation of each channel, > 0.
    """

    def __init__(self, mean: list[float], spread: list[float]) -> None:
        self.mean, self.spread = mean, spread

    @classmethod
    def of(cls, images: np.ndarray[Any, Any]) -> Normalisation:
        """Reads (n, h, w, c) uint8 training images."""
        counts = [
            np.bincount(images[..., c].ravel(), minlength=256) for c in range(images.shape[3])
        ]
        levels = np.arange(256.0)
        means = [float(np.average(levels, weights=count)) for count in counts]
        spreads = [
            float(np.sqrt(np.average((levels - mean) ** 2, weights=count)))
            for count, mean in zip(counts, means, strict=True)
        ]
        return cls(means, [spread or 1.0 for spread in spreads])

    def __call__(self, images: Tensor) -> Tensor:
        """Gives (n, c, h, w) float32 of (n, h, w, c) uint8."""
        x = images.permute(0, 3, 1, 2).to(torch.float32)
        mean, spread = (
            torch.tensor(values, dtype=torch.float32, device=x.device)[:, None, None]
            for values in (self.mean, self.spread)
        )
        return (x - mean) / spread


class ImageNetworkModel(NetworkModel):
    """A network over images.

    Args:
        shape: (h, w, c) of the images.
        normalisation: From bytes to what the network takes.
        module: See `NetworkModel`.
        outputs: See `NetworkModel`.
    """

    batch_size = 256

    def __init__(
        self,
        shape: tuple[int, ...],
        normalisation: Normalisation,
        module: Network,
        outputs: Outputs,
    ) -> None:
        super().__init__(module, outputs)
        self.shape = shape
        self.normalisation = normalisation

    def encode(self, X: pd.DataFrame | np.ndarray[Any, Any]) -> Tensor:
        """Gives (n, c, h, w) float32."""
        if not isinstance(X, np.ndarray) or X.shape[1:] != self.shape:
            raise TypeError(f"this network predicts uint8 images of the shape {self.shape}")
        return self.normalisation(torch.from_numpy(np.array(X)))

    def with_module(self, module: Network) -> Self:
        """Gives this model with another network, see `NetworkModel.with_module`."""
        return type(self)(self.shape, self.normalisation, module, self.outputs)

    def samples(self, data: TrainingData) -> Samples:
        """Gives bytes that are normalised batch by batch, see `NetworkModel.samples`."""
        y = self.outputs.standardised(np.asarray(data.y))
        return Samples.of(
            np.asarray(data.X), y, data.n_classes, data.sample_weight, self.normalisation
        )

    @property
    def image_shape(self) -> tuple[int, ...]:
        """See `Model.image_shape`."""
        return self.shape

    def to_onnx(self, graph: OnnxGraph) -> OnnxOutput:
        """Writes itself into a graph over images, see `Model.to_onnx`."""
        own = self.normalisation
        x = write_normalised(graph, graph.images(), own.mean, own.spread)
        return self.outputs.onnx(graph.scores(self.module.to_onnx(graph, x), self.n_classes or 1))

    def save_inputs(self, folder: Path) -> None:
        """Writes shape and normalisation."""
        own = self.normalisation
        data = {"shape": self.shape, "mean": own.mean, "spread": own.spread}
        (folder / _INPUTS).write_text(json.dumps(data), encoding="utf-8")

    @classmethod
    def load_with(cls, folder: Path, module: Network, outputs: Outputs) -> Self:
        """Reads what `save_inputs` wrote."""
        try:
            data = json.loads((folder / _INPUTS).read_text(encoding="utf-8"))
            own = Normalisation(data["mean"], data["spread"])
            return cls(tuple(data["shape"]), own, module, outputs)
        except (OSError, KeyError, TypeError) as exc:
            raise ValueError(f"cannot read {_INPUTS} of a model: {exc}") from exc
