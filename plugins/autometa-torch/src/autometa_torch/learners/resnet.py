"""The residual network for tables."""

from __future__ import annotations

from typing import Any, ClassVar

from autometa import EncodingPlan, Space
from autometa_torch.learners.common import held_out
from autometa_torch.learners.tabular import TabularNetworkLearner
from autometa_torch.networks import Network, ResNetNetwork
from autometa_torch.training import Recipe


def space() -> Space:
    """Gives the space.

    Ranges follow Gorishniy et al. 2021, "Revisiting deep learning models for tabular data", table
    14 (ResNet), with widths for a CPU.
    """
    from optuna.distributions import FloatDistribution, IntDistribution

    params = {
        "learning_rate": FloatDistribution(1e-4, 1e-2, log=True),
        "weight_decay": FloatDistribution(1e-4, 1.0, log=True),
        "dropout": FloatDistribution(0.0, 0.5),
        "label_smoothing": FloatDistribution(0.0, 0.2),
        "width": IntDistribution(32, 384, log=True),
        "blocks": IntDistribution(1, 6),
        "expansion": FloatDistribution(1.0, 3.0),
    }
    return Space(params, {}, ResNet.DEFAULTS)


class ResNet(TabularNetworkLearner):
    """Trains residual blocks. `label_smoothing` has no effect in regression."""

    DEFAULTS: ClassVar[dict[str, Any]] = {
        "learning_rate": 2e-3,
        "weight_decay": 0.05,
        "dropout": 0.2,
        "label_smoothing": 0.0,
        "width": 96,
        "blocks": 2,
        "expansion": 2.0,
    }

    def network(self, plan: EncodingPlan, n_outputs: int) -> Network:
        """Gives the network, see `TabularNetworkLearner.network`."""
        main = self.config["width"]
        inner = max(1, round(self.config["expansion"] * main))
        return ResNetNetwork(plan.width, main, [inner] * self.config["blocks"], n_outputs)

    def recipe(self, n_rows: int) -> Recipe:
        """Gives how it is trained, see `TabularNetworkLearner.recipe`."""
        names = ("learning_rate", "weight_decay", "dropout", "label_smoothing")
        own = {name: self.config[name] for name in names}
        return Recipe(**own, held_out=held_out(n_rows), schedule="decay", beta2=0.99)
