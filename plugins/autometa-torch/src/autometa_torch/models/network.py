"""A network, what comes in, and what its outputs mean."""

from __future__ import annotations

import json
from abc import abstractmethod
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from autometa import Model, OnnxOutput, OnnxScores, TrainingData
from autometa_torch.networks import Network, build
from autometa_torch.training.samples import Samples
from autometa_torch.training.threads import threads

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]

_META, _WEIGHTS = "network.json", "weights.safetensors"


@dataclass(frozen=True, slots=True)
class Outputs:
    """What the numbers mean that a network gives.

    Args:
        n_classes: Of logits; None = one standardised value.
        center: What is added to a value that was multiplied with `spread`.
        spread: See `center`.
        lowest: No value is below.
        highest: No value is above.
    """

    n_classes: int | None
    center: float = 0.0
    spread: float = 1.0
    lowest: float = 0.0
    highest: float = 0.0

    @classmethod
    def of(cls, y: Array, n_classes: int | None, weight: Array | None = None) -> Outputs:
        """Reads the training targets."""
        if n_classes is not None:
            return cls(n_classes)
        center = float(np.average(y, weights=weight))
        spread = float(np.sqrt(np.average((y - center) ** 2, weights=weight)))
        margin = 0.5 * float(np.ptp(y))
        return cls(None, center, spread or 1.0, float(y.min()) - margin, float(y.max()) + margin)

    def standardised(self, y: Array) -> Array:
        """Gives what the network is to give; class indices and soft labels stay."""
        scaled: Array = y if self.n_classes is not None else (y - self.center) / self.spread
        return scaled

    def onnx(self, scores: OnnxScores) -> OnnxOutput:
        """Gives what `read` does as the end of an ONNX graph."""
        if self.n_classes is not None:
            return OnnxOutput.probabilities(scores, n_classes=self.n_classes)
        ends = (self.lowest, self.highest)
        low, high = ((end - self.center) / self.spread for end in ends)
        return OnnxOutput.values(scores, scale=self.spread, shift=self.center, bounds=(low, high))

    def read(self, raw: Array) -> Array:
        """Gives (n,) values or (n, k) probabilities, of (n, 1) or (n, k) outputs."""
        wide = raw.astype(np.float64)
        if self.n_classes is None:
            values = self.center + self.spread * wide[:, 0]
            clipped: Array = np.clip(values, self.lowest, self.highest)
            return clipped
        exponentials = np.exp(wide - wide.max(axis=1, keepdims=True))
        shares: Array = exponentials / exponentials.sum(axis=1, keepdims=True)
        return shares


class NetworkModel(Model):
    """What compressors of networks work on.

    They read `module`, prune, distil or quantise a copy, and give `with_module(changed)`.

    Attributes:
        module: On the CPU, in evaluation mode; ``module(encode(X))`` gives (n, n_classes) logits,
            or (n, 1) standardised values.
        outputs: What these mean; ``outputs.read(raw)`` gives predictions.
    """

    format: ClassVar[str] = "torch"
    batch_size: ClassVar[int] = 4096

    def __init__(self, module: Network, outputs: Outputs) -> None:
        self.module = module.eval()
        self.outputs = outputs

    @property
    def n_classes(self) -> int | None:
        """Number of classes; None for regression."""
        return self.outputs.n_classes

    @abstractmethod
    def encode(self, X: pd.DataFrame | Array) -> Tensor:
        """Gives what `module` takes, float32, of rows as `predict` takes them."""

    @abstractmethod
    def with_module(self, module: Network) -> Self:
        """Gives this model with another network; itself it stays as it was.

        Args:
            module: Takes and gives the same shapes. Its layers may be narrower.
        """

    @torch.inference_mode()
    def features(self, X: pd.DataFrame | Array) -> Array:
        """Gives the (n, d) float32 features before the last layer."""
        starts = self._starts(len(X))
        with threads(1):
            parts = [
                self.module.features(self.encode(X[start : start + self.batch_size])).numpy()
                for start in starts
            ]
        found: Array = np.concatenate(parts)
        return found

    def slopes(self, X: pd.DataFrame | Array, directions: Array) -> Array:
        """Gives by what each input moves the outputs along a direction.

        Args:
            X: n rows.
            directions: (n, n_outputs) float32.

        Returns:
            (n, ...) float32, of the shape of ``encode(X)``.
        """
        parts = []
        with threads(1):
            for start in self._starts(len(X)):
                end = start + self.batch_size
                x = self.encode(X[start:end]).requires_grad_()
                along = self.module(x) * torch.from_numpy(directions[start:end])
                parts.append(torch.autograd.grad(along.sum(), x)[0].numpy())
        found: Array = np.concatenate(parts)
        return found

    @abstractmethod
    def samples(self, data: TrainingData) -> Samples:
        """Gives rows as `autometa_torch.train` takes them, so that `module` can go on learning.

        Args:
            data: Rows as `predict` takes them; targets in the user's units, or soft labels.
        """

    @abstractmethod
    def save_inputs(self, folder: Path) -> None:
        """Writes what `encode` needs."""

    @classmethod
    @abstractmethod
    def load_with(cls, folder: Path, module: Network, outputs: Outputs) -> Self:
        """Reads what `save_inputs` wrote."""

    def predict(self, X: pd.DataFrame | Array) -> Array:
        """Predicts rows in batches, see `Model.predict`."""
        return self.outputs.read(self.raw(X))

    def _starts(self, n: int) -> range:
        return range(0, max(n, 1), self.batch_size)

    def raw(self, X: pd.DataFrame | Array) -> Array:
        """Gives the (n, n_classes) logits, or (n, 1) standardised values."""
        parts = [self._raw(X[start : start + self.batch_size]) for start in self._starts(len(X))]
        return np.concatenate(parts)

    @torch.inference_mode()
    def _raw(self, X: pd.DataFrame | Array) -> Array:
        # One thread: more give other bits, and are slower for few rows.
        with threads(1):
            raw: Array = self.module(self.encode(X)).numpy()
        return raw

    def save(self, folder: Path) -> None:
        """Writes ``network.json``, ``weights.safetensors`` and what the encoding needs."""
        meta = {"architecture": self.module.architecture(), "outputs": asdict(self.outputs)}
        (folder / _META).write_text(json.dumps(meta), encoding="utf-8")
        weights = {name: t.contiguous() for name, t in self.module.state_dict().items()}
        save_file(weights, folder / _WEIGHTS)
        self.save_inputs(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote."""
        try:
            meta = json.loads((folder / _META).read_text(encoding="utf-8"))
            outputs = Outputs(**meta["outputs"])
            module = build(meta["architecture"])
            module.load_state_dict(load_file(folder / _WEIGHTS))
        except (OSError, KeyError, TypeError, RuntimeError, SafetensorError) as exc:
            raise ValueError(f"cannot read a network from {folder.name}: {exc}") from exc
        return cls.load_with(folder, module, outputs)
