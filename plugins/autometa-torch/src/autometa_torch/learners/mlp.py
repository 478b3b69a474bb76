"""The multilayer perceptron."""

from __future__ import annotations

from typing import Any, ClassVar

from autometa import EncodingPlan, Space
from autometa_torch.learners.common import held_out
from autometa_torch.learners.tabular import TabularNetworkLearner
from autometa_torch.networks import MLPNetwork, Network
from autometa_torch.training import Recipe

_MOST_EMBEDDED = 128
"""Numbers beyond which none is embedded: the first layer would become the whole network."""


def space() -> Space:
    """Gives the space.

    Ranges follow Holzmüller et al. 2024, "Better by default", table C.4 (RealMLP-HPO).
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    params = {
        "learning_rate": FloatDistribution(0.005, 0.2, log=True),
        "weight_decay": FloatDistribution(1e-4, 0.5, log=True),
        "dropout": FloatDistribution(0.0, 0.4),
        "label_smoothing": FloatDistribution(0.0, 0.2),
        "hidden_width": IntDistribution(32, 512, log=True),
        "hidden_layers": IntDistribution(1, 4),
        "activation": CategoricalDistribution(("selu", "mish", "relu")),
        "embedding": CategoricalDistribution(("periodic", "none")),
        "frequency_scale": FloatDistribution(0.05, 2.0, log=True),
    }
    conditions = {"frequency_scale": ("embedding", ("periodic",))}
    return Space(params, conditions, MLP.DEFAULTS)


class MLP(TabularNetworkLearner):
    """Trains a multilayer perceptron with the defaults of RealMLP, sized for a CPU.

    `label_smoothing` has no effect in regression.
    """

    DEFAULTS: ClassVar[dict[str, Any]] = {
        "learning_rate": 0.04,
        "weight_decay": 0.02,
        "dropout": 0.05,
        "label_smoothing": 0.0,
        "hidden_width": 128,
        "hidden_layers": 3,
        "activation": "selu",
        "embedding": "periodic",
        "frequency_scale": 0.5,
    }

    def network(self, plan: EncodingPlan, n_outputs: int) -> Network:
        """Gives the network, see `TabularNetworkLearner.network`."""
        config = self.config
        return MLPNetwork(
            plan.width,
            [config["hidden_width"]] * config["hidden_layers"],
            n_outputs,
            embedded=_numbers(plan) if config["embedding"] == "periodic" else (),
            activation=config["activation"],
            frequency_scale=config["frequency_scale"],
        )

    def recipe(self, n_rows: int) -> Recipe:
        """Gives how it is trained, see `TabularNetworkLearner.recipe`."""
        names = ("learning_rate", "weight_decay", "dropout", "label_smoothing")
        own = {name: self.config[name] for name in names}
        return Recipe(**own, held_out=held_out(n_rows), max_steps=2000, max_epochs=120)


def _numbers(plan: EncodingPlan) -> tuple[int, ...]:
    """Gives the outputs that are numbers, not their indicators; () when there are too many."""
    found = tuple(
        place.start
        for step, place in zip(plan.steps, plan.slices, strict=True)
        if step.kind == "numeric"
    )
    return found if len(found) <= _MOST_EMBEDDED else ()
