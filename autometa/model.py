"""What a learner gives back: something that predicts, and that survives a save and a load."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from autometa.errors import NotApplicable

if TYPE_CHECKING:
    from typing import Self

    import numpy as np
    import pandas as pd

    from autometa.onnxgraph import OnnxGraph, OnnxOutput


class Model(ABC):
    """A fitted model over raw typed columns.

    ``format`` names what compressors may ask for: ``sklearn``, ``lightgbm``, ``torch``...
    """

    format: ClassVar[str]

    @abstractmethod
    def predict(self, X: pd.DataFrame | np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Predicts rows.

        Args:
            X: (n, d) rows with the columns and types of the training data; n may be 0.

        Returns:
            (n,) finite values, or (n, n_classes) probabilities whose rows sum to 1.
        """

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Writes everything into an existing empty folder: JSON, skops, safetensors, ONNX, text.

        Never a pickle, never a path outside `folder`.
        """

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote; predictions are equal to the saved model's.

        Raises:
            ValueError: If the folder holds anything but what `save` writes.
        """

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        """(h, w, c) of the uint8 images that it predicts; None: it predicts columns."""
        return None

    def to_onnx(self, graph: OnnxGraph) -> OnnxOutput:
        """Writes itself into a graph, beside other models.

        Implement it, and declare the capability ``export:onnx``, and the model can be delivered
        as ONNX, alone and in an ensemble. It is checked against `predict` on every export.

        Args:
            graph: Has what models are made of: `OnnxGraph.linear`, `OnnxGraph.trees`, or
                `OnnxGraph.encode`, of images `OnnxGraph.images`, and any operators.

        Raises:
            NotApplicable: If this model cannot be written; the reason names the part.
        """
        raise NotApplicable(f"{type(self).__name__} has no onnx export")

    def export(self, format: str, folder: Path) -> None:
        """Writes the model for another runtime.

        Args:
            format: ``onnx`` writes ``model.onnx`` by `to_onnx`: inputs are raw columns by name,
                or the bytes of images, see `OnnxGraph`; the output is ``value`` (n, 1), or
                ``probabilities`` (n, n_classes).
            folder: An existing folder.

        Raises:
            NotApplicable: If this model cannot be written in `format`; the reason names the part.
        """
        if format != "onnx":
            raise NotApplicable(f"{type(self).__name__} has no {format} export")
        from autometa.onnxgraph import OnnxGraph
        from autometa.onnxgraph.answer import Answer

        graph = OnnxGraph(image_shape=self.image_shape)
        output = self.to_onnx(graph)
        n_outputs = len(output.shift)
        answer = Answer.of_values() if n_outputs == 1 else Answer.of_probabilities(n_outputs)
        graph.write(folder / "model.onnx", [[output]], answer)
