"""The multilayer perceptron."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from autometa_torch.networks.base import Network, Rate, draw, linear
from autometa_torch.networks.layers import ACTIVATIONS, NumberEmbedding, Scale
from autometa_torch.onnx import write_activation, write_embedding, write_linear, write_scale
from autometa_torch.onnx_images import Graph


class MLPNetwork(Network):
    """Linear layers over embedded numbers.

    Source: Holzmüller et al. 2024, "Better by default: strong pre-tuned MLPs and boosted trees on
    tabular data" (RealMLP). The neural-tangent parametrisation is expressed by learning rates
    (see `rates`), so that layers are plain linear ones. The learnt scale of the columns is folded
    into the first layer when the training ends.

    Args:
        width: Columns that come in.
        embedded: Indices of the columns that are embedded; () for none.
        n_frequencies: See `NumberEmbedding`.
        n_features: See `NumberEmbedding`.
        hidden: Width of each hidden layer.
        n_outputs: Logits, or 1.
        activation: Of `ACTIVATIONS`.
        frequency_scale: Standard deviation of the frequencies at the start.
    """

    kind: ClassVar[str] = "mlp"

    def __init__(
        self,
        width: int,
        hidden: Sequence[int],
        n_outputs: int,
        *,
        embedded: Sequence[int] = (),
        n_frequencies: int = 16,
        n_features: int = 4,
        activation: str = "selu",
        frequency_scale: float = 0.1,
    ) -> None:
        super().__init__()
        self.width = width
        self.frequency_scale = frequency_scale
        self.activation_name = activation
        self.embedding: nn.Module = nn.Identity()
        if embedded:
            self.embedding = NumberEmbedding(width, embedded, n_frequencies, n_features)
            width = self.embedding.n_outputs
        self.scale: nn.Module = nn.Identity()
        widths = [width, *hidden]
        pairs = pairwise(widths)
        self.layers = nn.ModuleList(linear(n_in, n_out) for n_in, n_out in pairs)
        self.activation = ACTIVATIONS[activation]()
        self.head = linear(widths[-1], n_outputs)

    def architecture(self) -> dict[str, Any]:
        """Gives the shape, see `Network.architecture`."""
        shape = {
            "kind": self.kind,
            "width": self.width,
            "hidden": [layer.out_features for layer in self._linears()],
            "n_outputs": self.head.out_features,
            "activation": self.activation_name,
            "frequency_scale": self.frequency_scale,
        }
        if isinstance(self.embedding, NumberEmbedding):
            shape["embedded"] = self.embedding.embedded.tolist()
            shape["n_frequencies"] = self.embedding.weight.shape[1]
            shape["n_features"] = self.embedding.weight.shape[2] + 1
        return shape

    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights, and adds the scale that only the training needs."""
        if isinstance(self.embedding, NumberEmbedding):
            self.embedding.initialise(self.frequency_scale, generator)
        for layer in self._linears():
            draw(layer.weight, 1.0 / math.sqrt(layer.in_features), generator)
            draw(layer.bias, 1.0, generator)
        draw(self.head.weight, 0.1 / math.sqrt(self.head.in_features), generator)
        nn.init.zeros_(self.head.bias)
        first = self.layers[0] if len(self.layers) else self.head
        self.scale = Scale(first.in_features)  # type: ignore[arg-type]

    def rates(self) -> dict[Tensor, Rate]:
        """Gives the rates of the neural-tangent parametrisation.

        Adam's steps do not depend on the scale of a gradient: a weight W / √d with rate r moves
        as a weight W' = W / √d with rate r / √d does. The decay of W' is W's.
        """
        rates: dict[Tensor, Rate] = {}
        for layer in [*self._linears(), self.head]:
            root = math.sqrt(layer.in_features)
            rates[layer.weight] = Rate(1.0 / root, root)
            rates[layer.bias] = Rate(0.1, 0.0)
        if isinstance(self.scale, Scale):
            rates[self.scale.factor] = Rate(6.0, 0.0)
        if isinstance(self.embedding, NumberEmbedding):
            for parameter in self.embedding.parameters():
                rates[parameter] = Rate(0.1, 0.0)
        return rates

    def finish(self) -> None:
        """Folds the scale into the first layer."""
        if not isinstance(self.scale, Scale):
            return
        first: nn.Linear = self._linears()[0] if len(self.layers) else self.head
        with torch.no_grad():
            first.weight.mul_(self.scale.factor)
        self.scale = nn.Identity()

    def features(self, x: Tensor) -> Tensor:
        """Gives what the head takes, see `Network.features`."""
        x = self.scale(self.embedding(x))
        for layer in self.layers:
            x = self.noise(self.activation(layer(x)))
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Gives (n, n_outputs) of (n, width)."""
        out: Tensor = self.head(self.features(x))
        return out

    def to_onnx(self, graph: Graph, x: str) -> str:
        """Writes itself, see `Network.to_onnx`."""
        x = write_scale(graph, write_embedding(graph, x, self.embedding), self.scale)
        for layer in self._linears():
            x = write_activation(graph, write_linear(graph, x, layer), self.activation)
        return write_linear(graph, x, self.head)

    def _linears(self) -> list[nn.Linear]:
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]
