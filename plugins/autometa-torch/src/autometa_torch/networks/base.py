"""What all networks of this plugin share."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from autometa import NotApplicable
from autometa_torch.onnx_images import Graph


@dataclass(frozen=True, slots=True)
class Rate:
    """How a parameter is trained.

    Args:
        factor: What the learning rate is multiplied with.
        decay: What the weight decay is multiplied with.
    """

    factor: float = 1.0
    decay: float = 1.0


class Network(nn.Module):
    """From encoded rows to logits, or to one standardised value.

    `forward` takes float32 rows (n, width) or images (n, channels, height, width) and gives
    (n, n_outputs). All randomness of the training sits in `noise`, which is the identity unless
    a training sets it.
    """

    kind: ClassVar[str]
    head: nn.Linear

    def __init__(self) -> None:
        super().__init__()
        self.noise: nn.Module = nn.Identity()

    @abstractmethod
    def architecture(self) -> dict[str, Any]:
        """Gives what `build` makes the same shape from, read from the layers as they are now."""

    @abstractmethod
    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights from this generator alone."""

    @abstractmethod
    def rates(self) -> dict[Tensor, Rate]:
        """Gives how each parameter is trained."""

    @abstractmethod
    def features(self, x: Tensor) -> Tensor:
        """Gives the (n, head.in_features) that `head` takes, of what `forward` takes."""

    def to_onnx(self, graph: Graph, x: str) -> str:
        """Writes the network into a graph; gives the name of its (n, n_outputs) outputs.

        Args:
            graph: `autometa.OnnxGraph`, or a `PlainGraph`.
            x: Name of what `forward` takes.

        Raises:
            NotApplicable: If a layer cannot be written.
        """
        raise NotApplicable(f"a {self.kind} network has no onnx export")

    def finish(self) -> None:
        """Folds what only the training needed into other layers; outputs stay the same."""


def linear(n_in: int, n_out: int) -> nn.Linear:
    """Gives a layer whose weights are drawn later, and leaves torch's global generator as it is."""
    with undrawn():
        return nn.Linear(n_in, n_out)


def undrawn() -> AbstractContextManager[None]:
    """Puts torch's global generator back after layers were made, which draw from it.

    Layers on the meta device would draw nothing, but giving them memory imports sympy: 2 s of CPU.
    """
    return torch.random.fork_rng(devices=[])


def draw(tensor: Tensor, spread: float, generator: torch.Generator) -> None:
    """Fills a parameter with normal numbers of this standard deviation."""
    with torch.no_grad():
        tensor.normal_(0.0, spread, generator=generator)
