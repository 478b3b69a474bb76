"""What the learners of tables share."""

from __future__ import annotations

from abc import abstractmethod

import pandas as pd

from autometa import (
    EncodingPlan,
    FitContext,
    Learner,
    Model,
    NotApplicable,
    TabularEncoder,
    TrainingData,
)
from autometa_torch.learners.common import hush_absent_classes, require_something_to_learn
from autometa_torch.models import TabularNetwork
from autometa_torch.models.network import Outputs
from autometa_torch.networks import Network
from autometa_torch.training import Recipe, Samples, train
from autometa_torch.training.threads import generator_of

_MOST_LEVELS = 24


class TabularNetworkLearner(Learner):
    """Encodes the rows and trains a network on them."""

    @abstractmethod
    def network(self, plan: EncodingPlan, n_outputs: int) -> Network:
        """Gives the network that this configuration wants, without weights."""

    @abstractmethod
    def recipe(self, n_rows: int) -> Recipe:
        """Gives how it is trained on this many rows."""

    def network_like(self, model: TabularNetwork) -> Network:
        """Gives the network that takes and gives what the model's does, without weights."""
        return self.network(model.plan, model.n_classes or 1)

    def fit(self, data: TrainingData, context: FitContext) -> Model:
        """Fits, see `Learner.fit`."""
        if not isinstance(data.X, pd.DataFrame):
            raise NotApplicable(f"{type(self).__name__} takes tables, not images")
        require_something_to_learn(data)
        plan, Z = self._encoder().fit_transform(
            data.X,
            data.y,
            n_classes=data.n_classes,
            sample_weight=data.sample_weight,
            rng=context.rng,
        )
        if not plan.width:
            raise NotApplicable("no column is left to learn from")
        outputs = Outputs.of(data.y, data.n_classes, data.sample_weight)
        target = outputs.standardised(data.y)
        samples = Samples.of(Z, target, data.n_classes, data.sample_weight)
        network = self.network(plan, data.n_classes or 1)
        network.initialise(generator_of(context.seed))
        hush_absent_classes(network, data)
        trained = train(network, samples, self.recipe(len(data)), context)
        return TabularNetwork(plan, trained, outputs)

    def _encoder(self) -> TabularEncoder:
        return TabularEncoder(scale="squash", max_levels=_MOST_LEVELS)
