"""The residual network for tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from autometa_torch.networks.base import Network, Rate, draw, linear
from autometa_torch.onnx import write_activation, write_linear, write_norm
from autometa_torch.onnx_images import Graph


class ResidualBlock(nn.Module):
    """``x + linear(relu(linear(norm(x))))``.

    Args:
        width: Of what comes in and goes out.
        hidden: Of what is between.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)
        self.widen = linear(width, hidden)
        self.activation = nn.ReLU()
        self.narrow = linear(hidden, width)

    def forward(self, x: Tensor, noise: nn.Module) -> Tensor:
        """Gives (n, width) of (n, width)."""
        out: Tensor = x + self.narrow(noise(self.activation(self.widen(self.norm(x)))))
        return out


class ResNetNetwork(Network):
    """A linear layer, residual blocks, and a head.

    Source: Gorishniy et al. 2021, "Revisiting deep learning models for tabular data", section 3.2.

    Args:
        width: Columns that come in.
        main: Width between the blocks.
        hidden: Inner width of each block.
        n_outputs: Logits, or 1.
    """

    kind: ClassVar[str] = "resnet"

    def __init__(self, width: int, main: int, hidden: Sequence[int], n_outputs: int) -> None:
        super().__init__()
        self.first = linear(width, main)
        self.blocks = nn.ModuleList(ResidualBlock(main, inner) for inner in hidden)
        self.norm = nn.BatchNorm1d(main)
        self.activation = nn.ReLU()
        self.head = linear(main, n_outputs)

    def architecture(self) -> dict[str, Any]:
        """Gives the shape, see `Network.architecture`."""
        return {
            "kind": self.kind,
            "width": self.first.in_features,
            "main": self.first.out_features,
            "hidden": [block.widen.out_features for block in self._blocks()],
            "n_outputs": self.head.out_features,
        }

    def initialise(self, generator: torch.Generator) -> None:
        """Draws the weights; the norms start as the identity."""
        for layer in self._linears():
            draw(layer.weight, 1.0 / math.sqrt(layer.in_features), generator)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.head.weight.mul_(0.1)

    def rates(self) -> dict[Tensor, Rate]:
        """Gives plain rates; biases and norms do not decay."""
        decaying = {layer.weight for layer in self._linears()}
        return {p: Rate(1.0, float(p in decaying)) for p in self.parameters()}

    def features(self, x: Tensor) -> Tensor:
        """Gives what the head takes, see `Network.features`."""
        x = self.first(x)
        for block in self.blocks:
            x = block(x, self.noise)
        out: Tensor = self.activation(self.norm(x))
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Gives (n, n_outputs) of (n, width)."""
        out: Tensor = self.head(self.features(x))
        return out

    def to_onnx(self, graph: Graph, x: str) -> str:
        """Writes itself, see `Network.to_onnx`."""
        x = write_linear(graph, x, self.first)
        for block in self._blocks():
            inner = write_linear(graph, write_norm(graph, x, block.norm), block.widen)
            inner = write_activation(graph, inner, block.activation)
            x = graph.node("Add", x, write_linear(graph, inner, block.narrow))
        x = write_activation(graph, write_norm(graph, x, self.norm), self.activation)
        return write_linear(graph, x, self.head)

    def _blocks(self) -> list[ResidualBlock]:
        return [block for block in self.blocks if isinstance(block, ResidualBlock)]

    def _linears(self) -> list[nn.Linear]:
        inner = [layer for block in self._blocks() for layer in (block.widen, block.narrow)]
        return [self.first, *inner, self.head]
