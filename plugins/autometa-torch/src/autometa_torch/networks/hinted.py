"""A network that also learns what another one feels."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor

from autometa_torch.networks.base import Network, Rate, draw, linear


class HintedNetwork(Network):
    """A network with a linear projector from its features to those of a larger one.

    It exists only while it is trained; what is kept is `network`. Dropout is not applied.

    Source: Romero et al. 2015, "FitNets: hints for thin deep nets", equation 3, with a linear
    regressor from the features before the head.

    Args:
        network: What is trained; its weights are set.
        width: Features of the larger network.
        generator: Draws the projector.
    """

    kind: ClassVar[str] = "hinted"

    def __init__(self, network: Network, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.network = network
        self.projector = linear(network.head.in_features, width)
        draw(self.projector.weight, 1.0 / math.sqrt(self.projector.in_features), generator)
        torch.nn.init.zeros_(self.projector.bias)

    def architecture(self) -> dict[str, Any]:
        """Gives that of the network, see `Network.architecture`."""
        return self.network.architecture()

    def initialise(self, generator: torch.Generator) -> None:
        """Draws the weights of the network, see `Network.initialise`."""
        self.network.initialise(generator)

    def rates(self) -> dict[Tensor, Rate]:
        """Gives those of the network; the projector does not decay."""
        scale = 1.0 / math.sqrt(self.projector.in_features)
        rates = self.network.rates()
        rates |= {parameter: Rate(scale, 0.0) for parameter in self.projector.parameters()}
        return rates

    def features(self, x: Tensor) -> Tensor:
        """Gives those of the network, see `Network.features`."""
        return self.network.features(x)

    def forward(self, x: Tensor) -> Tensor:
        """Gives (n, n_outputs + width): the outputs, then the projected features."""
        features = self.network.features(x)
        return torch.cat([self.network.head(features), self.projector(features)], dim=1)

    def finish(self) -> None:
        """See `Network.finish`."""
        self.network.finish()
