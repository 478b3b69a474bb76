"""What the learners of images share."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from autometa import FitContext, Learner, Model, NotApplicable, TrainingData
from autometa_torch.learners.common import held_out, hush_absent_classes, require_something_to_learn
from autometa_torch.models.image import ImageNetworkModel, Normalisation
from autometa_torch.models.network import Outputs
from autometa_torch.networks import Network
from autometa_torch.training import Recipe, Samples, train
from autometa_torch.training.threads import generator_of

_LARGEST = 64
"""Pixels per side; larger images are averaged down to at most this before the first layer."""


class ImageNetworkLearner(Learner):
    """Trains a network on images."""

    @abstractmethod
    def network(self, channels: int, side: int, n_outputs: int, *, reduce: int) -> Network:
        """Gives the network that this configuration wants, without weights.

        Args:
            channels: Of the images.
            side: The shorter side in pixels, once they are reduced.
            n_outputs: Logits, or 1.
            reduce: See `autometa_torch.networks.cnn.ImageNetwork`.
        """

    def fit(self, data: TrainingData, context: FitContext) -> Model:
        """Fits, see `Learner.fit`."""
        images = data.X
        if not isinstance(images, np.ndarray):
            raise NotApplicable(f"{type(self).__name__} takes images, not tables")
        require_something_to_learn(data)
        normalisation = Normalisation.of(images)
        outputs = Outputs.of(data.y, data.n_classes, data.sample_weight)
        samples = Samples.of(
            images,
            outputs.standardised(data.y),
            data.n_classes,
            data.sample_weight,
            normalisation,
        )
        network = self._network_of(images.shape[1:], data.n_classes or 1)
        network.initialise(generator_of(context.seed))
        hush_absent_classes(network, data)
        trained = train(network, samples, self.recipe(len(data)), context)
        return ImageNetworkModel(images.shape[1:], normalisation, trained, outputs)

    def network_like(self, model: ImageNetworkModel) -> Network:
        """Gives the network that takes and gives what the model's does, without weights."""
        return self._network_of(model.shape, model.n_classes or 1)

    def _network_of(self, shape: tuple[int, ...], n_outputs: int) -> Network:
        height, width, channels = shape
        reduce = -(-max(height, width) // _LARGEST)
        if min(height, width) < reduce:
            raise NotApplicable(f"images of {height} x {width} pixels are too narrow")
        side = max(1, min(height, width) // reduce)
        return self.network(channels, side, n_outputs, reduce=reduce)

    def recipe(self, n_rows: int) -> Recipe:
        """Gives how the network is trained on this many images."""
        names = ("learning_rate", "weight_decay", "dropout", "label_smoothing", "shift")
        return Recipe(
            **{name: self.config[name] for name in names},
            flips=self.config["flips"] == "yes",
            batch_size=32 if n_rows < 1000 else 64,
            max_steps=600,
            max_epochs=20,
            min_epochs=1,
            held_out=held_out(n_rows),
            schedule="decay",
            beta2=0.99,
        )


def stages(side: int, depth: int) -> int:
    """Gives how often an image is halved: until 4 pixels are left, at most `depth` - 1 times."""
    return max(0, min(depth - 1, int(np.log2(max(side, 1) / 3.5))))
