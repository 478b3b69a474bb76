"""The small residual network for images."""

from __future__ import annotations

from typing import Any, ClassVar

from autometa import Space
from autometa_torch.learners.image import ImageNetworkLearner, stages
from autometa_torch.networks import Network, ResidualCNNNetwork


def space() -> Space:
    """Gives the space: the usual ranges of Adam, and widths for a CPU."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    params = {
        "learning_rate": FloatDistribution(3e-4, 3e-2, log=True),
        "weight_decay": FloatDistribution(1e-4, 0.5, log=True),
        "dropout": FloatDistribution(0.0, 0.5),
        "label_smoothing": FloatDistribution(0.0, 0.2),
        "width": IntDistribution(8, 48, log=True),
        "stages": IntDistribution(2, 4),
        "blocks": IntDistribution(1, 2),
        "shift": IntDistribution(0, 4),
        "flips": CategoricalDistribution(("no", "yes")),
    }
    return Space(params, {}, ResidualCNN.DEFAULTS)


class ResidualCNN(ImageNetworkLearner):
    """Trains residual stages that double their channels where the image is halved."""

    DEFAULTS: ClassVar[dict[str, Any]] = {
        "learning_rate": 3e-3,
        "weight_decay": 0.02,
        "dropout": 0.1,
        "label_smoothing": 0.0,
        "width": 16,
        "stages": 3,
        "blocks": 1,
        "shift": 2,
        "flips": "no",
    }

    def network(self, channels: int, side: int, n_outputs: int, *, reduce: int) -> Network:
        """Gives the network, see `ImageNetworkLearner.network`."""
        width, n_stages = self.config["width"], self.config["stages"]
        n_halved = stages(side, n_stages)
        blocks = [
            (width * 2**stage, width * 2**stage, 2 if block == 0 and 0 < stage <= n_halved else 1)
            for stage in range(n_stages)
            for block in range(self.config["blocks"])
        ]
        return ResidualCNNNetwork(channels, width, blocks, n_outputs, reduce=reduce)
