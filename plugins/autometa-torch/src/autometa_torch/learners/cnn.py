"""The plain convolutional network."""

from __future__ import annotations

from typing import Any, ClassVar

from autometa import Space
from autometa_torch.learners.image import ImageNetworkLearner, stages
from autometa_torch.networks import CNNNetwork, Network


def space() -> Space:
    """Gives the space: the usual ranges of Adam, and widths for a CPU."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    params = {
        "learning_rate": FloatDistribution(3e-4, 3e-2, log=True),
        "weight_decay": FloatDistribution(1e-4, 0.5, log=True),
        "dropout": FloatDistribution(0.0, 0.5),
        "label_smoothing": FloatDistribution(0.0, 0.2),
        "width": IntDistribution(8, 64, log=True),
        "depth": IntDistribution(2, 4),
        "shift": IntDistribution(0, 4),
        "flips": CategoricalDistribution(("no", "yes")),
    }
    return Space(params, {}, CNN.DEFAULTS)


class CNN(ImageNetworkLearner):
    """Trains convolutions that double their channels where the image is halved."""

    DEFAULTS: ClassVar[dict[str, Any]] = {
        "learning_rate": 3e-3,
        "weight_decay": 0.02,
        "dropout": 0.1,
        "label_smoothing": 0.0,
        "width": 16,
        "depth": 3,
        "shift": 2,
        "flips": "no",
    }

    def network(self, channels: int, side: int, n_outputs: int, *, reduce: int) -> Network:
        """Gives the network, see `ImageNetworkLearner.network`."""
        depth, width = self.config["depth"], self.config["width"]
        n_pools = stages(side, depth + 1)
        widths = [width * 2**i for i in range(depth)]
        pools = [i < n_pools for i in range(depth)]
        return CNNNetwork(channels, widths, pools, n_outputs, reduce=reduce)
